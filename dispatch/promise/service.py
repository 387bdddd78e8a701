"""The doorway to orders: whatever changes one goes through here, so that its clock is read again at once.

Every function locks the order first, refuses a stale copy, writes its events, reads the clock and re-arms the watch
round, all in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ..foundation.errors import Conflict, Invalid
from ..orders import service as orders
from ..orders.rules import CLOSED, IN_HAND, Move, Status, Substitution, status_of_lines
from ..orders.service import NewOrder, ProcurementNews
from ..orders.tables import Line, Order, Promise
from ..orders.timetable import rearm
from ..procurement import service as procurement
from ..procurement import stock
from ..staff.service import active_person
from . import plan, quotes
from .assess import assess
from .facts import gather
from .known import Facts
from .moves import Request, make_move
from .rules import Assessment, Level
from .tables import Watch

# How the history names what may be changed.
WORDS = {"address": "address", "lat": "latitude", "lon": "longitude", "reason": "reason", "travel_minutes": "way (min)"}
WISHES = {
    Substitution.NEVER: "nothing else",
    Substitution.LISTED: "a usual substitute is fine",
    Substitution.ASK: "ask first",
}


def read_clock(session: Session, order: Order, now: datetime) -> tuple[Assessment, Facts]:
    """Assess an order and write down what the clock says, and from what; the caller holds the order's lock."""
    session.flush()
    facts = gather(session, order, now)
    result, facts = plan.follow(session, order, facts, assess(facts, now), now)
    watch = session.get(Watch, order.id)
    if watch is None:
        watch = Watch(order_id=order.id, level=result.level, level_since=now)
        session.add(watch)
    if watch.level is not result.level:
        watch.level, watch.level_since = result.level, now
    watch.act_by, watch.late_at, watch.projected_at = result.act_by, result.late_at, result.projected_at
    watch.clock, watch.message, watch.assessed_at = result.clock, result.message, now
    session.flush()
    return result, facts


def refresh(session: Session, order: Order, now: datetime) -> None:
    """The order changed: read its clock, and have the watch round look at the ladder."""
    if order.status in CLOSED:
        plan.forget(session, order, now)
    else:
        result, _ = read_clock(session, order, now)
        _note_how_sure(session, order, result)
    rearm(session, [order.id], now)


def _note_how_sure(session: Session, order: Order, result: Assessment) -> None:
    """A promise that has just been given remembers what the clock thought of it: figures compare that with the end."""
    sure = {Level.ON_TRACK: 0.9, Level.WATCH: 0.9, Level.AT_RISK: 0.5, Level.LATE: 0.0}[result.level]
    fresh = update(Promise).where(Promise.order_id == order.id, Promise.called.is_(None))
    session.execute(fresh.values(called=sure))


def place(
    session: Session, new: NewOrder, now: datetime, *, actor: str, region: str | None, quote_id: str | None = None
) -> tuple[Order, bool]:
    """Take an order; False when this `external_id` was here before, with the first order. Raises Invalid, NotFound.

    What a quote holds is let go for it. It is judged by what it says itself, whatever the quote was for.
    """
    # Before anything is checked: a repeat is a repeat, also after its promise has passed.
    first = _with_external_id(session, new.external_id)
    if first is not None:
        return first, False
    phone = orders.check_new_order(new, now, region=region)
    try:
        # The savepoint is for the race of two machines with the same external_id: the unique key stops the second.
        with session.begin_nested():
            order = orders.create(session, new, now, actor=actor, phone=phone)
    except IntegrityError:
        first = _with_external_id(session, new.external_id)
        if first is None:
            raise
        return first, False
    # Not before the order is written: of two with the same external_id and quote_id the second is a repeat.
    _source(session, order, list(order.lines), now, quote_id=quote_id)
    order.status = status_of_lines(line.sourcing for line in order.lines)
    refresh(session, order, now)
    return order, True


def _with_external_id(session: Session, external_id: str | None) -> Order | None:
    if external_id is None:
        return None
    return session.scalars(select(Order).where(Order.external_id == external_id)).first()


def _source(session: Session, order: Order, lines: list[Line], now: datetime, *, quote_id: str | None = None) -> None:
    for line in lines:
        procurement.name_item(session, line, field=f"lines.{order.lines.index(line)}.sku")
    held = quotes.claim(session, quote_id, order, now) if quote_id is not None else None
    # By item, as everywhere: two orders for the same two items lock their shelves in the same order.
    for line in sorted(lines, key=lambda line: line.item_id or 0):
        procurement.source_line(session, order, line, now)
    if held is not None:
        quotes.hand_over(session, *held, now)


def change(
    session: Session, ref: str, changes: Mapping[str, Any], now: datetime, *, actor: str, if_version: int | None = None
) -> Order:
    """Change `address`, `lat`, `lon`, `reason`, `travel_minutes`, `lines` (see `_change_lines`) or `promised_by`.

    A new promise needs `why`, may say whether the customer `agreed`, and keeps the first.

    Raises NotFound, StaleVersion, Invalid, Conflict when it is closed.
    """
    order = orders.lock_order(session, ref)
    orders.check_version(order, if_version)
    if order.status in CLOSED:
        raise Conflict(f"Order {order.ref} is {order.status.value}: it can't be changed any more.")
    said, was = [], order.address
    for name in ("address", "lat", "lon", "reason", "travel_minutes"):
        if name in changes and getattr(order, name) != changes[name]:
            before, after = getattr(order, name), changes[name]
            said.append(f"{WORDS[name]} from {_shown(before)} to {_shown(after)}")
            setattr(order, name, changes[name])
    if not order.address.strip():
        raise Invalid("address.text", "is empty: where does it go?")
    if changes.get("lines") is not None:
        said += _change_lines(session, order, changes["lines"], now)
    if said:
        data = {"address": order.address} if order.address != was else None
        orders.record(session, order, "changed", f"Changed: {'; '.join(said)}.", at=now, actor=actor, data=data)
    promised_by = changes.get("promised_by")
    if promised_by is not None and promised_by != order.promised_by:
        why, agreed = changes.get("why"), changes.get("agreed")
        orders.promise_again(session, order, promised_by, now, actor=actor, why=why, agreed=agreed)
    order.version += 1
    refresh(session, order, now)
    return order


def _shown(value: object) -> str:
    return "nothing" if value is None or value == "" else f"“{value}”"


def _change_lines(session: Session, order: Order, wanted: Any, now: datetime) -> list[str]:
    """Lines not yet in hand become those of `wanted`: (line id or None, NewLine or None) pairs.

    A line with its id is kept, goods and all; what comes with it is another wish for the case that it can't be had.
    What was bought must be kept; what stands on the shelf can still go back.
    """
    if order.status not in (Status.PROCURING, Status.PACKING):
        raise Conflict(f"Order {order.ref} is packed: its lines can't be changed any more.")
    by_id = {line.id: line for line in order.lines}
    unknown = [number for number, _ in wanted if number is not None and number not in by_id]
    if unknown:
        raise Invalid("lines", f"order {order.ref} has no line {unknown[0]}")
    said = _change_wishes(by_id, wanted)
    kept = {number for number, _ in wanted}
    for line in [line for line in order.lines if line.id not in kept]:
        if line.sourcing in IN_HAND and line.sourcing not in stock.KEPT_HERE:
            raise Conflict(f"{line.title} is in hand already: keep its line.")
        stock.forget(session, line, now)
        order.lines.remove(line)
        said.append(f"without {line.title}")
    if not order.lines and not any(number is None for number, _ in wanted):
        raise Invalid("lines", "is empty: cancel the order instead")
    for number, new in wanted:
        if number is None:
            line = orders.make_line(new, now)
            order.lines.append(line)
            session.flush()
            _source(session, order, [line], now)
            said.append(f"with {line.title}")
    order.status = status_of_lines(line.sourcing for line in order.lines)
    return said


def _change_wishes(by_id: Mapping[int, Line], wanted: Any) -> list[str]:
    """The goods of these lines stay where they are: only what may take their place is different."""
    said = []
    for number, new in wanted:
        if number is not None and new is not None and by_id[number].substitution is not new.substitution:
            by_id[number].substitution = new.substitution
            said.append(f"instead of {by_id[number].title}: {WISHES[new.substitution]}")
    return said


def procure(
    session: Session,
    ref: str,
    line_id: int,
    news: ProcurementNews,
    now: datetime,
    *,
    actor: str,
    if_version: int | None = None,
) -> Order:
    """What was heard about one line. Raises NotFound, StaleVersion, Invalid or MoveNotAllowed."""
    order = orders.lock_order(session, ref)
    orders.check_version(order, if_version)
    line = orders.get_line(order, line_id)
    if news.by is not None:
        active_person(session, news.by, field="by")
    procurement.apply_news(session, order, line, news, now, actor=actor)
    update_sourcing(session, order, now)
    return order


def update_sourcing(session: Session, order: Order, now: datetime) -> None:
    """A line's goods came or went: follow with the order's status, and read the clock."""
    if order.status in (Status.PROCURING, Status.PACKING):
        orders.set_status(order, status_of_lines(line.sourcing for line in order.lines), now)
    order.version += 1
    refresh(session, order, now)


def move(
    session: Session,
    ref: str,
    move: Move,
    now: datetime,
    *,
    actor: str,
    if_version: int | None = None,
    staff_id: int | None = None,
    reason: str | None = None,
    note: str | None = None,
    pin: str | None = None,
) -> Order:
    """Move an order along. Raises NotFound, StaleVersion, MoveNotAllowed or Invalid."""
    order = orders.lock_order(session, ref)
    orders.check_version(order, if_version)
    make_move(session, order, Request(move, staff_id=staff_id, reason=reason, note=note, pin=pin), now, actor=actor)
    refresh(session, order, now)
    return order
