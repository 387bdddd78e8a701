"""Quotes: "can you?" answered, and what the answer counts on held for ten minutes, or until it becomes an order.

Locks, in the order in which everybody takes them: the quote, the shelves by item, the branch's plan.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..foundation.errors import Invalid
from ..orders.branches import get_branch
from ..orders.rules import Sourcing, status_of_lines
from ..orders.service import NewLine, check_question, make_line
from ..orders.tables import Branch, Line, Order
from ..procurement import holds
from ..procurement.tables import Stock
from . import plan
from .facts import door_of, gather_new
from .known import Door, Slot
from .rules import Task, Verdict
from .tables import Quote
from .verdict import Finding, earliest, judge, never

HOLD_FOR = timedelta(minutes=10)
# How far ahead the earliest time is looked for: first within what is usual, then over any holidays.
NEAR, FAR = timedelta(hours=12), timedelta(days=8)
LONGEST_STOP = 220
AGAIN = "ask for a new quote, or leave it out"


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a customer asks for. `promised_by` None: by when could it be there?"""

    lines: tuple[NewLine, ...]
    promised_by: datetime | None = None
    travel_minutes: int | None = None
    address: str = ""
    lat: float | None = None
    lon: float | None = None
    branch: str = "main"


def look(session: Session, asked: Question, now: datetime) -> Finding:
    """The verdict; nothing is written and nobody is held. Raises Invalid naming the field, or NotFound (branch)."""
    order, branch = _imagine(session, asked, now)
    _shelve(session, order, holds.find_shelves(session, branch.id, order.lines))
    return _find(session, order, asked, now)


def quote(session: Session, asked: Question, now: datetime, *, actor: str) -> tuple[Quote, Finding]:
    """The verdict; unless it is no, goods and people are held until it expires. Raises Invalid or NotFound.

    Two who ask for the last copy or the last rider at the same moment: the second waits for the shelf and the plan.
    """
    order, branch = _imagine(session, asked, now)
    shelves = holds.find_shelves(session, branch.id, order.lines, is_locked=True)
    wanted = _shelve(session, order, shelves)
    plan.lock_plan(session, branch.id)
    finding = _find(session, order, asked, now)
    made = Quote(
        code=secrets.token_urlsafe(12),
        branch_id=branch.id,
        verdict=finding.verdict,
        promised_by=finding.promised_by or now,
        made_at=now,
        made_by=actor[:100],
        # It holds for no longer than it is true.
        expires_at=min(now + HOLD_FOR, finding.act_by) if finding.verdict is not Verdict.NO and finding.act_by
        else now + HOLD_FOR,
    )  # fmt: skip
    session.add(made)
    session.flush()
    if finding.verdict is not Verdict.NO:
        holds.hold(session, made.id, shelves, wanted)
        door = door_of(order.address, order.lat, order.lon)
        plan.hold(session, made.id, [_with_door(slot, door) for slot in finding.slots])
    return made, finding


def _with_door(slot: Slot, door: Door | None) -> Slot:
    """Another order for the same door may still go along."""
    return replace(slot, stop=door.stop) if door and slot.task is Task.DELIVER else slot


def _imagine(session: Session, asked: Question, now: datetime) -> tuple[Order, Branch]:
    """The order as it would be, belonging to no session: nothing of it is ever written."""
    check_question(asked.lines, asked.promised_by, now)
    branch = get_branch(session, asked.branch)
    lines = [make_line(line, now) for line in asked.lines]
    holds.name_items(session, lines)
    door = door_of(asked.address, asked.lat, asked.lon)
    order = Order(
        branch=branch,
        branch_id=branch.id,
        lines=lines,
        promised_by=max(asked.promised_by or now, now + NEAR),
        created_at=now,
        travel_minutes=asked.travel_minutes,
        # One too long to be written into the plan has a trip of its own, and that is never too little.
        address=asked.address if door and len(door.stop) <= LONGEST_STOP else "",
        lat=asked.lat,
        lon=asked.lon,
    )
    return order, branch


def _shelve(session: Session, order: Order, shelves: Sequence[Stock]) -> dict[int, int]:
    """Lines whose copies are free count as in stock; how many of which item that takes."""
    free = holds.count_free(session, shelves)
    taken: Counter[int] = Counter()
    for line in _by_item(order.lines):
        if line.item_id and free.get(line.item_id, 0) - taken[line.item_id] >= line.quantity:
            taken[line.item_id] += line.quantity
            line.sourcing = Sourcing.IN_STOCK
    order.status = status_of_lines(line.sourcing for line in order.lines)
    return dict(taken)


def _by_item(lines: Sequence[Line]) -> list[Line]:
    """As the order will take them: which of two lines gets the last copy is the same then."""
    return sorted(lines, key=lambda line: line.item_id or 0)


def _find(session: Session, order: Order, asked: Question, now: datetime) -> Finding:
    facts_at = gather_new(session, order, now)
    first = earliest(facts_at, now)
    if first is None:
        # Over a weekend, a holiday: seldom, so it is looked for only then.
        order.promised_by = max(order.promised_by, now + FAR)
        facts_at = gather_new(session, order, now)
        first = earliest(facts_at, now)
    promised_by = asked.promised_by or first
    if promised_by is None:
        return never(facts_at(order.promised_by), now)
    return judge(facts_at(promised_by), now, earliest_by=first)


def claim(session: Session, code: str, order: Order, now: datetime) -> tuple[Quote, list[Stock]]:
    """A quote becomes this order, whose lines have their items but no goods yet: its copies are free for them.

    Two orders with one quote at the same moment: the second waits for its row, and then finds it used. Raises Invalid.
    """
    query = select(Quote).where(Quote.code == code).with_for_update().execution_options(populate_existing=True)
    held = session.scalars(query).first()
    complaint = _why_not(session, held, order, now)
    if held is None or complaint:
        raise Invalid("quote_id", complaint)
    held.order_id, held.released_at = order.id, now
    items = {line.item_id for line in order.lines if line.item_id}
    shelves = holds.release_holds(session, held.id, order.branch_id, now, also=items)
    for line in order.lines:
        # Its goods were asked for when the quote was: at another hour buying might take longer than was said.
        line.sourcing_at = held.made_at
    return held, shelves


def _why_not(session: Session, held: Quote | None, order: Order, now: datetime) -> str:
    if held is None:
        return f"there is no such quote: {AGAIN}"
    if held.order_id is not None:
        return f"has become order {session.get_one(Order, held.order_id).ref} already: {AGAIN}"
    if held.released_at is not None or held.expires_at <= now:
        return f"has expired: {AGAIN}"
    if held.branch_id != order.branch_id:
        return f"is for branch {session.get_one(Branch, held.branch_id).code}: {AGAIN}"
    return ""


def hand_over(session: Session, held: Quote, shelves: Sequence[Stock], now: datetime) -> None:
    """The order has its goods: what it did not take is others', and the people it counts on are its own to plan.

    The plan is held from here on, so that nobody is counted on by somebody else between the quote and its order.
    """
    holds.hand_out(session, shelves, now)
    plan.lock_plan(session, held.branch_id)
    plan.let_go(session, held.id, held.branch_id, now)


def due_quotes(session: Session, now: datetime, *, limit: int) -> list[int]:
    """Ids of quotes that have expired and still hold something, the longest expired first."""
    query = select(Quote.id).where(Quote.released_at.is_(None), Quote.expires_at <= now)
    return list(session.scalars(query.order_by(Quote.expires_at).limit(limit)))


def next_expiry(session: Session, now: datetime) -> datetime | None:
    """When the next quote must be let go. One that is overdue could not be: it waits for the next round."""
    query = select(Quote.expires_at).where(Quote.released_at.is_(None), Quote.expires_at > now)
    query = query.order_by(Quote.expires_at)
    return session.scalars(query.limit(1)).first()


def let_expired_go(session: Session, quote_id: int, now: datetime) -> bool:
    """Nobody came back in time: its goods and people go to whoever waits for them. False when it is settled already.

    Against an order that takes the quote at this moment, or another machine's round: whoever has its row does it.
    """
    query = select(Quote).where(Quote.id == quote_id, Quote.released_at.is_(None), Quote.expires_at <= now)
    gone = session.scalars(query.with_for_update(skip_locked=True)).first()
    if gone is None:
        return False
    gone.released_at = now
    shelves = holds.release_holds(session, gone.id, gone.branch_id, now)
    hand_over(session, gone, shelves, now)
    return True
