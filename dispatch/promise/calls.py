"""Calls to other shops about an order's missing lines: whom to ring, and what they answered.

Like `service`: every function that writes locks the order first and reads its clock at once, in the caller's
transaction.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..foundation.errors import Conflict, DispatchError, Invalid, MoveNotAllowed, NotFound
from ..orders import service as orders
from ..orders.tables import Line, Order
from ..procurement import call_service
from ..procurement.call_list import Listed, call_lists
from ..procurement.call_log import Told
from ..procurement.calls import Outcome
from ..procurement.service import find_supplier
from ..procurement.tables import Supplier
from ..staff.service import active_person
from .estimates import Kind
from .learning import load_lengths
from .service import update_sourcing
from .tables import Watch

MOST_LINES = 50


@dataclass(frozen=True, kw_only=True)
class Bought:
    """What became of one line of a trip: in hand, or why not. `ref` is empty when there is no such line."""

    line_id: int
    ref: str
    title: str
    refusal: DispatchError | None


def calls_of(session: Session, order: Order, now: datetime) -> dict[int, tuple[Listed, ...]]:
    """The call lists of an order's missing lines, by line id; see `procurement.call_list`."""
    watch, branch = session.get(Watch, order.id), order.branch
    lengths = load_lengths(session, branch.id, supplier_ids=session.scalars(select(Supplier.id)).all())

    def stretch(supplier: Supplier, line: Line) -> float:
        """As the clock counts: the learned errand over the one that the supplier's minutes make."""
        given = branch.policy.errand(supplier.travel_minutes, supplier.procure_minutes)
        hour = line.sourcing_at.astimezone(ZoneInfo(branch.timezone)).hour
        learned = lengths.spread(Kind.PROCURE, given, supplier_id=supplier.id, hour=hour)
        return learned.cautious / given if given else 1.0

    return call_lists(session, order, now, act_by=watch.act_by if watch else None, stretch=stretch)


def hear(
    session: Session,
    ref: str,
    line_id: int,
    told: Told,
    now: datetime,
    *,
    actor: str,
    if_version: int | None = None,
) -> Order:
    """What a supplier answered about one line. Raises NotFound, StaleVersion, Invalid or MoveNotAllowed."""
    order = orders.lock_order(session, ref)
    orders.check_version(order, if_version)
    _hear(session, orders.get_line(order, line_id), told, now, actor=actor)
    return order


def _hear(session: Session, line: Line, told: Told, now: datetime, *, actor: str) -> None:
    if told.by is not None:
        active_person(session, told.by, field="by")
    if call_service.hear(session, line, told, now, actor=actor):
        update_sourcing(session, line.order, now)


def buy_together(session: Session, line_ids: Collection[int], told: Told, now: datetime, *, actor: str) -> list[Bought]:
    """Everything that was bought on one trip, of whatever orders; a result for each line, in the order given.

    Orders are locked by id, so that two trips can't wait for each other, and each line has a savepoint of its own: one
    that is refused doesn't lose the others. Raises Invalid when the supplier, the buyer or the list is at fault.
    """
    wanted = list(dict.fromkeys(line_ids))
    if not 1 <= len(wanted) <= MOST_LINES:
        raise Invalid("lines", f"name 1 to {MOST_LINES} lines that were bought")
    if told.outcome is not Outcome.BOUGHT:
        raise Invalid("outcome", "of several lines at once can only be bought")
    find_supplier(session, told.supplier)
    if told.by is not None:
        active_person(session, told.by, field="by")
    query = select(Line.id, Line.title, Order.id.label("order_id"), Order.ref).join(Order, Order.id == Line.order_id)
    rows = session.execute(query.where(Line.id.in_(wanted)).order_by(Order.id, Line.id)).all()
    results: dict[int, Bought] = {}
    for row in rows:
        refusal = _try(session, row.order_id, row.id, told, now, actor=actor)
        results[row.id] = Bought(line_id=row.id, ref=row.ref, title=row.title, refusal=refusal)
    missing = NotFound("There is no such line.")
    return [results.get(n) or Bought(line_id=n, ref="", title="", refusal=missing) for n in wanted]


def _try(
    session: Session, order_id: int, line_id: int, told: Told, now: datetime, *, actor: str
) -> DispatchError | None:
    try:
        with session.begin_nested():
            order = orders.lock_order(session, order_id=order_id)
            _hear(session, orders.get_line(order, line_id), told, now, actor=actor)
    except (NotFound, Invalid, MoveNotAllowed, Conflict) as error:
        return error
    return None
