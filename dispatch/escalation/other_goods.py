"""Whoever has taken an order hears it when the customer takes something else: nobody buys the wrong book."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..messaging.rules import Kind
from ..messaging.service import Draft, enqueue
from ..orders.rules import CLOSED
from ..orders.tables import Order, OrderEvent
from . import wording
from .rules import Answer, EscalationState
from .tables import Escalation, Page

# What was resolved because nothing is left to buy had somebody on the way to buy it.
HEARS = (EscalationState.ACCEPTED, EscalationState.RESOLVED)


def tell_taker(session: Session, order: Order, escalation: Escalation | None, now: datetime) -> None:
    """Text the taker what has taken another thing's place since they were asked; the order is locked.

    The text's key is the guard: looking again, or from another machine, tells nobody twice.
    """
    if escalation is None or escalation.state not in HEARS or order.status in CLOSED:
        return
    page = next((page for page in escalation.pages if page.answer is Answer.ACCEPTED), None)
    if page is None:
        return
    replaced = select(OrderEvent).where(OrderEvent.order_id == order.id, OrderEvent.kind == "line_substituted")
    meanwhile = replaced.where(OrderEvent.at.between(page.asked_at, escalation.closed_at or now))
    for event in session.scalars(meanwhile.order_by(OrderEvent.id)):
        enqueue(session, _text(order, page, event, is_over=escalation.closed_at is not None), now)


def _text(order: Order, page: Page, event: OrderEvent, *, is_over: bool) -> Draft:
    body = wording.other_goods(
        order.ref,
        new=event.data["to_title"],
        old=event.data["from_title"],
        is_here=event.data["is_here"],
        code=page.code,
        is_over=is_over,
    )
    return Draft(
        key=f"instead:{page.id}:{event.data['offer_id']}",
        kind=Kind.REMINDER,
        to_phone=page.staff.phone,
        body=body,
        order_id=order.id,
        staff_id=page.staff_id,
        page_id=page.id,
    )
