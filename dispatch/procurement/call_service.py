"""What a supplier answers takes effect on its line; what they keep for us is kept no longer than they said.

The caller of everything that writes holds the order's lock: of two who tap at once the second sees what the first did.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from ..foundation.errors import Invalid, MoveNotAllowed
from ..foundation.hours import local_text
from ..orders.rules import IN_HAND, OPEN, PROCUREMENT, Sourcing
from ..orders.service import ProcurementNews, record
from ..orders.tables import Line, Order
from .call_log import Told, write
from .calls import Outcome
from .service import apply_news, find_supplier
from .tables import Supplier
from .wording import answer_event, gone, kept_no_longer

LONGEST_KEPT = timedelta(days=60)
CLOCK = "clock"
EFFECTS = {Outcome.HAS_IT: Sourcing.RESERVED, Outcome.BOUGHT: Sourcing.BOUGHT}


def hear(session: Session, line: Line, told: Told, now: datetime, *, actor: str) -> bool:
    """What a supplier said of a line. The same tap twice is one answer: False when it was that, and nothing is new.

    `has_it` puts the line aside there, `bought` has it in hand; the others leave it where it is, but for a line that
    was counted on there: after `no` it is not. Raises Invalid, or MoveNotAllowed when there is nothing to buy.
    """
    order, supplier = line.order, find_supplier(session, told.supplier)
    _check(told, now)
    state = EFFECTS.get(told.outcome)
    allowed = PROCUREMENT[line.sourcing] if order.status in OPEN else frozenset()
    if not allowed or (line.sourcing in IN_HAND and state not in allowed):
        text = f"{line.title} is {line.sourcing.value.replace('_', ' ')}: there is nothing to ask for."
        raise MoveNotAllowed(text, allowed=sorted(sourcing.value for sourcing in allowed))
    before = _standing(line)
    answer = write(session, line, supplier, told, now, actor=actor)
    if state is not None:
        news = ProcurementNews(
            state=state,
            supplier=told.supplier,
            ready_at=line.ready_at,
            kept_until=told.kept_until,
            by=told.by,
            note=told.note,
        )
        apply_news(session, order, line, news, now, actor=actor)
    elif told.outcome is Outcome.NO and _lose(line, supplier, now):
        _record(session, line, told, gone(line.title, supplier.name), now, actor=actor)
    elif answer is not None:
        text = answer_event(
            told.outcome,
            shop=supplier.name,
            title=line.title,
            is_open_by_hours=answer.is_open_by_hours,
            note=told.note,
        )
        _record(session, line, told, text, now, actor=actor)
    session.flush()
    return answer is not None or _standing(line) != before


def _standing(line: Line) -> tuple[object, ...]:
    return line.sourcing, line.supplier_id, line.kept_until, line.buyer_id, line.note


def _record(session: Session, line: Line, told: Told, text: str, now: datetime, *, actor: str) -> None:
    data = {"line_id": line.id, "supplier": told.supplier, "outcome": told.outcome.value}
    record(session, line.order, f"call_{told.outcome.value}", text, at=now, actor=actor, data=data)


def _check(told: Told, now: datetime) -> None:
    if told.kept_until is None:
        return
    if told.outcome is not Outcome.HAS_IT:
        raise Invalid("kept_until", "goes with has_it: leave it out")
    if told.kept_until <= now:
        raise Invalid("kept_until", "is already past: give a time to come, or leave it out")
    if told.kept_until > now + LONGEST_KEPT:
        raise Invalid("kept_until", f"is more than {LONGEST_KEPT.days} days away: check the date")


def _lose(line: Line, supplier: Supplier, now: datetime) -> bool:
    """The shop we counted on doesn't have it: whether it was put aside there."""
    if line.supplier_id != supplier.id:
        return False
    line.supplier_id = None
    if line.sourcing is not Sourcing.RESERVED:
        return False
    line.sourcing, line.sourcing_at, line.kept_until = Sourcing.TO_PROCURE, now, None
    return True


def drop_expired(session: Session, order: Order, now: datetime) -> bool:
    """Lines that were kept until now and not collected are to be bought again; True when there was one.

    Twice in a row changes nothing. Whoever buys it at that very moment has the lock, or finds it to be bought.
    """
    late = [line for line in order.lines if (until := kept_until(line)) is not None and until <= now]
    for line in late:
        supplier = session.get(Supplier, line.supplier_id) if line.supplier_id else None
        passed = local_text(line.kept_until or now, order.branch.timezone, now=now)
        text = kept_no_longer(line.title, supplier.name if supplier else "The shop", passed)
        data = {"line_id": line.id, "supplier": supplier.code if supplier else None}
        line.sourcing, line.sourcing_at = Sourcing.TO_PROCURE, now
        line.supplier_id, line.kept_until = None, None
        record(session, order, "line_kept_no_longer", text, at=now, actor=CLOCK, data=data)
    session.flush()
    return bool(late)


def next_expiry(order: Order) -> datetime | None:
    """When the next of an order's lines is kept no longer."""
    return min((until for line in order.lines if (until := kept_until(line)) is not None), default=None)


def kept_until(line: Line) -> datetime | None:
    """Until when a line is put aside; None when it is not, or nobody said."""
    return line.kept_until if line.sourcing is Sourcing.RESERVED else None
