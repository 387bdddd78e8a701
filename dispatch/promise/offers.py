"""The doorway to offers of something else: an answer changes an order's goods, so its clock is read at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from ..orders import service as orders
from ..orders.tables import Line, Order
from ..orders.timetable import rearm
from ..procurement import offers
from ..procurement.offer_answers import Answered, Said, answer, settle_by_phone
from ..procurement.substitution_rules import Agreed
from ..staff.service import active_person
from .service import update_sourcing


def answer_offer(
    session: Session, order_id: int, offer_id: int, sku: str | None, now: datetime, *, said_at: datetime | None = None
) -> Answered:
    """The customer answers: `sku` of what they want, None for nothing, said at `said_at` (now when not given).

    Raises NotFound, or Invalid naming `choice`.
    """
    order = orders.lock_order(session, order_id=order_id)
    said = Said(sku=sku, agreed=Agreed.ASKED, at=said_at or now, actor=order.customer_name)
    answered = answer(session, order, offer_id, said, now)
    if answered.is_new:
        update_sourcing(session, order, now)
    rearm(session, [order.id], now)
    return answered


def settle_line(
    session: Session,
    ref: str,
    line_id: int,
    sku: str | None,
    now: datetime,
    *,
    actor: str,
    by: int | None = None,
    note: str | None = None,
    if_version: int | None = None,
) -> Order:
    """Somebody at the desk says for the customer what they want instead, None for nothing. `by`: who phoned them.

    Raises NotFound, StaleVersion, Invalid or Conflict.
    """
    order, line = _locked(session, ref, line_id, if_version)
    said = Said(sku=sku, agreed=Agreed.PHONE, at=now, actor=actor)
    if by is not None:
        said = replace(said, note=f" {active_person(session, by, field='by').name} phoned them.")
    if note and note.strip():
        said = replace(said, note=f"{said.note} “{note.strip()}”")
    if settle_by_phone(session, order, line, said, now):
        update_sourcing(session, order, now)
    return order


def ask_customer(
    session: Session, ref: str, line_id: int, now: datetime, *, actor: str, if_version: int | None = None
) -> Order:
    """Have the customer asked about a line that can't be had, once more. Raises NotFound, StaleVersion or Conflict."""
    order, line = _locked(session, ref, line_id, if_version)
    offers.ask_again(session, order, line, now, actor=actor)
    update_sourcing(session, order, now)
    return order


def _locked(session: Session, ref: str, line_id: int, if_version: int | None) -> tuple[Order, Line]:
    order = orders.lock_order(session, ref)
    orders.check_version(order, if_version)
    return order, orders.get_line(order, line_id)
