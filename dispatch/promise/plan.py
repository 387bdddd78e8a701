"""The plan in the database: whom each order counts on. Written order by order; rearranged only when one does not fit.

Whoever writes the plan of a branch holds the branch's row: two orders that are looked at at the same moment must not
count on the same person for the same hour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import and_, bindparam, delete, insert, or_, select
from sqlalchemy.orm import Session, selectinload

from ..orders.rules import OPEN
from ..orders.tables import IS_OPEN, Branch, Order
from ..orders.timetable import rearm
from .assess import assess, last_start
from .facts import TIMES, TRIP, beside, door_of, gather_by_id, load_counted
from .known import Facts, Slot
from .rules import Assessment, ClockName, Level, Task
from .slots import MOST_MOVED, WORTH_IT, Slots, arrange, slots_of, without
from .tables import Assignment, Pin, Watch

MOST_WOKEN = 20
# An order with less slack than so many times what the policy calls watching may have others moved for it.
SOON = 2
# Built once: every look asks the same.
THE_PLAN = select(Branch.id).where(Branch.id == bindparam("branch")).with_for_update(key_share=True)
SLOTS = (
    select(*TRIP, *TIMES, Assignment.line_id).where(Assignment.order_id == bindparam("order")).order_by(Assignment.id)
)
CROWDED = (
    select(Watch.order_id)
    .join(Order, Order.id == Watch.order_id)
    .where(Order.branch_id == bindparam("branch"), IS_OPEN, Order.id != bindparam("besides"))
    .where(Watch.level == Level.AT_RISK, Watch.clock == ClockName.NOBODY_AVAILABLE)
    .where(Order.promised_by > bindparam("now"))
    .order_by(Order.promised_by)
    .limit(MOST_WOKEN)
)


def follow(session: Session, order: Order, facts: Facts, result: Assessment, now: datetime) -> tuple[Assessment, Facts]:
    """Bring an order's part of the plan up to date; its clock again, where that has changed what the clock says.

    The caller holds the order's lock.
    """
    wanted, had = slots_of(facts, now), load_slots(session, order)
    if wanted == had and not result.is_crowded:
        return result, facts
    lock_plan(session, order.branch_id)
    if not result.is_crowded and set(wanted) <= set(had) and not _is_squeezed(facts, result, now):
        # Time is only given back, which can't be counted on twice: the look before the lock is as good as one after.
        _write(session, order, wanted, had, now)
        return result, facts
    # Somebody may have written between our look and the lock: look at what others count on again.
    facts = _look_again(session, order, facts, now)
    result = assess(facts, now)
    if (result.is_crowded or _is_squeezed(facts, result, now)) and _rearranged(session, order, facts, result, now):
        facts = _look_again(session, order, facts, now)
        return assess(facts, now), facts
    _write(session, order, slots_of(facts, now), had, now)
    return result, facts


def _is_squeezed(facts: Facts, result: Assessment, now: datetime) -> bool:
    """Soon to be watched, and that only because of where the others stand: they may stand elsewhere as well."""
    soon = timedelta(minutes=SOON * facts.policy.watch_minutes)
    if not facts.busy or result.act_by is None or not now <= result.act_by < now + soon:
        return False
    alone = last_start(replace(facts, busy=tuple(busy for busy in facts.busy if busy.is_under_way)))
    return alone is not None and alone >= result.act_by + WORTH_IT


def forget(session: Session, order: Order, now: datetime) -> None:
    """An order is closed: those it counted on are free for others, and its pins end with it."""
    session.execute(delete(Pin).where(Pin.order_id == order.id))
    had = load_slots(session, order)
    if had:
        lock_plan(session, order.branch_id)
        _write(session, order, (), had, now)


def lock_plan(session: Session, branch_id: int) -> None:
    """Nobody else writes this branch's plan until the transaction ends; rows that only name the branch don't mind."""
    session.execute(THE_PLAN, {"branch": branch_id})


def load_slots(session: Session, order: Order) -> Slots:
    """The order's part of the plan as it is written."""
    numbers = {line.id: number for number, line in enumerate(order.lines)}
    rows = session.execute(SLOTS, {"order": order.id})
    return tuple(
        Slot(
            staff_id=row.staff_id,
            task=row.task,
            stop=row.stop,
            start_by=row.start_by,
            ends_at=row.ends_at,
            line=numbers.get(row.line_id) if row.line_id else None,
            supplier=row.supplier or "",
            is_under_way=row.is_under_way,
        )
        for row in rows
    )


def _look_again(session: Session, order: Order, facts: Facts, now: datetime) -> Facts:
    counted = load_counted(session, [person.id for person in facts.people], now, until=facts.horizon.end)
    return beside(facts, counted, order.id, now)


def _write(session: Session, order: Order, slots: Slots, had: Slots, now: datetime) -> None:
    if slots == had:
        return
    session.execute(delete(Assignment).where(Assignment.order_id == order.id))
    if slots:
        line_ids = [line.id for line in order.lines]
        lines = [line_ids[slot.line] if slot.line is not None else None for slot in slots]
        rows = [{"order_id": order.id, "line_id": line_id} for line_id in lines]
        session.execute(insert(Assignment), [row | _row(slot) for row, slot in zip(rows, slots, strict=True)])
        _wake_the_left(session, order, slots, had, now)
    if had:
        wake_the_crowded(session, order.branch_id, now, besides=order.id)


def _wake_the_left(session: Session, order: Order, slots: Slots, had: Slots, now: datetime) -> None:
    """Somebody is away for this order who was counted on for others: these are looked at, and fitted in beside it.

    What is only planned was fitted in beside the others, and wakes nobody; nor do two that are away for each other.
    """
    gone = [slot for slot in slots if slot.is_under_way and not any(_lies_within(slot, before) for before in had)]
    if not gone:
        return
    clashes = [
        and_(
            Assignment.staff_id == slot.staff_id,
            Assignment.start_by < slot.ends_at,
            Assignment.ends_at > slot.start_by,
        )
        for slot in gone
    ]
    left = (
        select(Order.id, Assignment.task, Assignment.stop, Order.address, Order.lat, Order.lon)
        .join(Order, Order.id == Assignment.order_id)
        .where(Assignment.order_id != order.id, Assignment.is_under_way.is_(False), or_(*clashes))
    )
    shops = {slot.stop for slot in gone if slot.task is Task.PROCURE and slot.stop}
    here = door_of(order.address, order.lat, order.lon) if any(slot.task is Task.DELIVER for slot in gone) else None
    woken = set()
    for number, task, stop, address, lat, lon in session.execute(left):
        door = door_of(address, lat, lon)
        # What shares the trip is told to have left in a moment: nobody is called for it meanwhile.
        is_along = door is not None and door.is_near(here) if task is Task.DELIVER else stop in shops
        if not is_along:
            woken.add(number)
    rearm(session, woken, now)


def _lies_within(slot: Slot, other: Slot) -> bool:
    is_as_long = other.start_by <= slot.start_by and slot.ends_at <= other.ends_at
    return other.is_under_way and other.staff_id == slot.staff_id and is_as_long


def hold(session: Session, quote_id: int, slots: Sequence[Slot]) -> None:
    """Count on people for a quote; the caller holds the branch's plan."""
    if slots:
        session.execute(insert(Assignment), [{"quote_id": quote_id} | _row(slot) for slot in slots])


def let_go(session: Session, quote_id: int, branch_id: int, now: datetime) -> None:
    """A quote needs nobody any more: whoever waits for somebody is looked at. The caller holds the branch's plan."""
    session.execute(delete(Assignment).where(Assignment.quote_id == quote_id))
    wake_the_crowded(session, branch_id, now)


def _row(slot: Slot) -> dict[str, object]:
    return {
        "staff_id": slot.staff_id,
        "task": slot.task,
        "stop": slot.stop,
        "supplier": slot.supplier or None,
        "start_by": slot.start_by,
        "ends_at": slot.ends_at,
        "is_under_way": slot.is_under_way,
    }


def wake_the_crowded(session: Session, branch_id: int, now: datetime, *, besides: int | None = None) -> None:
    """Somebody's time has come free: orders that have nobody are looked at, the most urgent first."""
    asked = {"branch": branch_id, "besides": besides or 0, "now": now}
    rearm(session, session.scalars(CROWDED, asked).all(), now)


def _rearranged(session: Session, order: Order, facts: Facts, result: Assessment, now: datetime) -> bool:
    """Look for a plan that keeps this promise and those of the orders in its way, or leaves all of them more time.

    True when one was found and written.
    """
    rivals = _rivals(session, order, facts, now)
    orders = [order, *rivals]
    found = gather_by_id(session, orders, now)
    # What they hold is in play; what others hold is not.
    best = arrange(without(found, found.keys()), now)
    if best is None:
        return False
    had = {each.id: load_slots(session, each) for each in rivals} | {order.id: slots_of(facts, now)}
    gain = _first_start(best, order.promised_by) - _first_start(had, order.promised_by)
    if not result.is_crowded and gain < WORTH_IT:
        return False
    for each in orders:
        if best[each.id] != (before := load_slots(session, each)):
            _write(session, each, best[each.id], before, now)
    rearm(session, [each.id for each in rivals], now)
    return True


def _first_start(plan: Mapping[int, Slots], else_: datetime) -> datetime:
    """When the first of them must leave."""
    return min((slot.start_by for slots in plan.values() for slot in slots if not slot.is_under_way), default=else_)


def _rivals(session: Session, order: Order, facts: Facts, now: datetime) -> Sequence[Order]:
    """Orders that hold, and have not yet begun to use, time of those whom this one needs."""
    people = {busy.staff_id for busy in facts.busy if not busy.is_under_way}
    query = (
        select(Order)
        .where(Order.branch_id == order.branch_id, Order.id != order.id, Order.status.in_(OPEN))
        .where(Order.promised_by > now, Order.promised_by < order.promised_by + timedelta(hours=24))
        .where(
            Order.id.in_(
                select(Assignment.order_id).where(
                    Assignment.staff_id.in_(people), Assignment.is_under_way.is_(False), Assignment.start_by >= now
                )
            )
        )
        .options(selectinload(Order.lines))
        .order_by(Order.promised_by)
    )
    return session.scalars(query.limit(MOST_MOVED)).all()
