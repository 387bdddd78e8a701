"""What people at the desk write down of an order: a note, that somebody was phoned, that a customer's text was read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..foundation.errors import Invalid
from .rules import ASKS_TO_PHONE, NOTE, PHONED, READ, TAKEN_BACK, WROTE, ToPhone, still_to_phone
from .service import find_order, lock_order, record
from .tables import Order, OrderEvent

LONGEST_NOTE = 1000


def add_note(session: Session, ref: str, text: str, now: datetime, *, actor: str) -> None:
    """A note in the order's history; it makes nobody's copy stale. Raises NotFound, or Invalid naming `note`."""
    words = " ".join(text.split())
    if not words:
        raise Invalid("note", "is empty: write it down")
    if len(words) > LONGEST_NOTE:
        raise Invalid("note", f"has more than {LONGEST_NOTE} letters: make it shorter")
    record(session, find_order(session, ref), NOTE, words, at=now, actor=actor)


def phoned(session: Session, ref: str, note: str, now: datetime, *, actor: str) -> bool:
    """Somebody has phoned whom the house asked to be phoned; False when that was ticked off already.

    Under the order's lock: of two who tick it off at once the second finds nothing to do. Raises NotFound.
    """
    order = lock_order(session, ref)
    asked = to_phone(session, [order.ref]).get(order.ref, ())
    if not asked:
        return False
    said = " ".join(note.split())[:LONGEST_NOTE]
    text = "Phoned the customer." if any(each.is_customer for each in asked) else "Phoned them."
    record(session, order, PHONED, f"{text} {said}".strip(), at=now, actor=actor)
    return True


def to_phone(session: Session, refs: Sequence[str]) -> dict[str, tuple[ToPhone, ...]]:
    """By ref, whom the house has asked a person to phone, and nobody has yet; one query for any number of orders."""
    columns = (Order.ref, OrderEvent.id, OrderEvent.kind, OrderEvent.text, OrderEvent.data)
    kinds = [*ASKS_TO_PHONE, PHONED, TAKEN_BACK]
    query = select(*columns).join(OrderEvent).where(Order.ref.in_(refs), OrderEvent.kind.in_(kinds))
    events: dict[str, list[tuple[int, str, str, int | None]]] = {}
    for ref, number, kind, text, data in session.execute(query.order_by(OrderEvent.id)):
        events.setdefault(ref, []).append((number, kind, text, data.get("event_id")))
    found = {ref: still_to_phone(mine) for ref, mine in events.items()}
    return {ref: asked for ref, asked in found.items() if asked}


def mark_read(session: Session, ref: str, last: int, note: str, now: datetime, *, actor: str) -> bool:
    """Somebody at the desk has read what the customer wrote up to the event `last`; False when that was known already.

    What came after their page was made is still to be read. Under the order's lock, like `phoned`. Raises NotFound.
    """
    order = lock_order(session, ref)
    if not any(number <= last for number in to_read(session, [order.ref]).get(order.ref, {})):
        return False
    text = f"Read what the customer wrote. {' '.join(note.split())[:LONGEST_NOTE]}".strip()
    record(session, order, READ, text, at=now, actor=actor, data={"last": last})
    return True


def to_read(session: Session, refs: Sequence[str]) -> dict[str, dict[int, str]]:
    """By ref and by event, what a customer wrote that nobody at the desk has read yet; one query for any number."""
    query = select(Order.ref, OrderEvent.id, OrderEvent.data).join(OrderEvent).where(Order.ref.in_(refs))
    found: dict[str, dict[int, str]] = {}
    for ref, number, data in session.execute(query.where(OrderEvent.kind.in_([WROTE, READ])).order_by(OrderEvent.id)):
        if "to_read" in data:
            found.setdefault(ref, {})[number] = data["to_read"]
        elif "last" in data:
            found[ref] = {each: said for each, said in found.get(ref, {}).items() if each > data["last"]}
    return {ref: said for ref, said in found.items() if said}
