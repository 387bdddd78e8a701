"""Taking back what was just done: for ten seconds, by whoever did it, and while nobody outside has heard of it.

Nothing is deleted: taking back is an event of its own, and the order goes on from where it stood before.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, or_, select
from sqlalchemy.orm import Session

from ..foundation.errors import Busy, Conflict, NotFound
from ..messaging.rules import Kind, TextState
from ..messaging.service import withdraw
from ..messaging.tables import OutgoingText
from .rules import GOES_WITH_IT, SAID_BY_CLOCK, TAKEN_BACK, Status, may_be_taken_back
from .tables import Order, OrderEvent

INSTANTS = ("packed_at", "handed_over_at")
NOT_LEFT = (TextState.QUEUED, TextState.HELD)
WITHDRAWN = "it was taken back"


def order_before(order: Order) -> dict[str, Any]:
    """Where an order stands, for an event to remember; `restore_order` reads it."""
    instants = {name: at.isoformat() if (at := getattr(order, name)) else None for name in INSTANTS}
    return {"status": order.status.value, "carrier_id": order.carrier_id, **instants}


def restore_order(order: Order, before: dict[str, Any]) -> None:
    """Put an order back to where it stood; the caller sees to its goods."""
    order.status = Status(before["status"])
    order.carrier_id = before["carrier_id"]
    for name in INSTANTS:
        setattr(order, name, datetime.fromisoformat(before[name]) if before[name] else None)
    order.delivered_at = order.closed_at = None


def last_event(session: Session, order: Order) -> OrderEvent | None:
    """What happened last, but for what the house added by itself."""
    added = OrderEvent.kind.in_(GOES_WITH_IT | SAID_BY_CLOCK)
    query = select(OrderEvent).where(OrderEvent.order_id == order.id, ~added)
    return session.scalars(query.order_by(OrderEvent.id.desc()).limit(1)).first()


def just_done(session: Session, order: Order, now: datetime, *, actor: str) -> OrderEvent | None:
    """What this person can still take back of an order; None when there is nothing, or somebody has been told."""
    session.flush()
    event = last_event(session, order)
    if event is None or event.actor != actor[:100] or not _is_in_time(event, now):
        return None
    texts = _told_since(session, order, event.at)
    return event if all(row.kind is Kind.NOTICE and row.state in NOT_LEFT for row in texts) else None


def _is_in_time(event: OrderEvent, now: datetime) -> bool:
    return may_be_taken_back(event.kind, is_from="before" in event.data, age=now - event.at)


def is_taken_back(session: Session, order: Order, event_id: int) -> bool:
    """Whether it was taken back already, and nothing has happened since: an impatient second tap."""
    last = last_event(session, order)
    return last is not None and last.kind == TAKEN_BACK and last.data.get("event_id") == event_id


def claim(session: Session, order: Order, event_id: int, now: datetime, *, actor: str) -> OrderEvent:
    """The event that is to be taken back, held so that nobody is told of it. The caller holds the order's lock.

    Texts that have not left are withdrawn. Raises NotFound, Busy while the relay holds it, and Conflict with why not.
    """
    # Passed over where the relay has it: it writes rows that name our order, and we would wait for each other.
    query = select(OrderEvent).where(OrderEvent.id == event_id, OrderEvent.order_id == order.id)
    event = session.scalars(query.with_for_update(skip_locked=True).execution_options(populate_existing=True)).first()
    if event is None:
        raise _missing(session, order, event_id)
    if event.actor != actor[:100]:
        raise Conflict(f"Only {event.actor}, who did it, can take it back.")
    last = last_event(session, order)
    if last is None or last.id != event.id:
        raise Conflict(f"It can't be taken back: something has happened since ({last.text if last else 'unknown'}).")
    if not _is_in_time(event, now):
        raise Conflict("It can't be taken back any more: that goes for 10 seconds. Make the next move, or a note.")
    _withdraw_texts(session, order, event, now)
    # Whoever has not been told of it by now is not told at all.
    event.relayed_at = event.relayed_at or now
    return event


def _missing(session: Session, order: Order, event_id: int) -> NotFound | Busy:
    known = select(OrderEvent.id).where(OrderEvent.id == event_id, OrderEvent.order_id == order.id)
    if session.scalars(known).first() is None:
        return NotFound(f"Order {order.ref} has no such event.")
    return Busy("It is being read just now: press Undo once more.", retry_after=1)


def _told_since(session: Session, order: Order, at: datetime) -> list[Row[Any]]:
    """Texts about the order that were written, or taken back, since then."""
    columns = (OutgoingText.id, OutgoingText.kind, OutgoingText.state, OutgoingText.created_at)
    is_unsaid = and_(OutgoingText.state == TextState.EXPIRED, OutgoingText.settled_at >= at)
    query = select(*columns).where(OutgoingText.order_id == order.id, or_(OutgoingText.created_at >= at, is_unsaid))
    return list(session.execute(query))


def _withdraw_texts(session: Session, order: Order, event: OrderEvent, now: datetime) -> None:
    rows = _told_since(session, order, event.at)
    if any(row.kind is not Kind.NOTICE for row in rows):
        raise Conflict("It can't be taken back: somebody who helps has been told already. Phone them.")
    if any(row.state not in NOT_LEFT for row in rows):
        raise Conflict("It can't be taken back: the customer has been told already.")
    # The sender may claim one between the look and this: then fewer are stopped than were there.
    if withdraw(session, now=now, text_ids=[row.id for row in rows], why=WITHDRAWN) < len(rows):
        raise Conflict("It can't be taken back: the customer is being told just now.")
