"""Who is away, goes home or changes their shifts, in view of the promises that count on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..foundation.errors import Conflict, NotFound
from ..orders.rules import OPEN
from ..orders.tables import Branch, Order
from ..staff import service as staff
from ..staff import shifts
from ..staff.rules import Role
from ..staff.tables import ExtraShift, Staff
from . import pins, wording
from .guard import Reach, Say, guarded
from .tables import Pin

# What of somebody says when they can be counted on, and for what.
COUNTS = frozenset({"shifts", "role", "branch", "is_active", "on_call", "phone"})
# What may end a pin.
ENDS_PINS = frozenset({"role", "branch", "is_active"})
# Round the clock has no end of the shift: going home is until this time tomorrow, then.
LONGEST_REST = timedelta(hours=24)
T = TypeVar("T")


class _Who(NamedTuple):
    name: str
    role: Role
    branch_id: int


def pause(session: Session, staff_id: int, now: datetime, *, until: datetime, say: Say) -> Staff:
    """Not to be asked until then. Raises Invalid, NotFound, or PromisesAtStake unless forced."""
    who = _who(session, staff_id)
    return guarded(
        session,
        lambda: staff.pause(session, staff_id, now, until=until, reason=say.reason),
        now,
        reach=Reach(branch_ids=_branches(session, who, now)),
        say=say,
        event=wording.paused_although(who.name),
    )


def go_home(session: Session, staff_id: int, now: datetime, *, say: Say) -> Staff:
    """A pause until the end of the shift. Raises NotFound, Conflict without a shift, PromisesAtStake unless forced."""
    person = session.get(Staff, staff_id)
    who = _who(session, staff_id)
    end = _shift_end(session, person, now) if person else None
    if end is None:
        raise Conflict(f"{who.name} has no shift just now: there is nothing to end. A pause needs a time.")
    return pause(session, staff_id, now, until=end, say=say)


def _shift_end(session: Session, person: Staff, now: datetime) -> datetime | None:
    branch = session.get_one(Branch, person.branch_id)
    end = now + LONGEST_REST
    (seen,) = staff.to_people(session, [person], now, branch=branch, start=now - LONGEST_REST, end=end)
    return next((span.end for span in seen.shifts if span.start <= now < span.end), None)


def change(
    session: Session, staff_id: int, changes: Mapping[str, object], now: datetime, *, region: str | None, say: Say
) -> Staff:
    """Change what is named in `changes`, as `staff.change_staff`; pins on somebody who leaves are dropped.

    Raises Invalid, NotFound, or PromisesAtStake unless forced.
    """

    def do() -> Staff:
        return write_change(session, staff_id, changes, now, region=region, actor=say.actor)

    if not COUNTS & changes.keys():
        return do()
    who = _who(session, staff_id)
    pinned = pins.pinned_orders(session, staff_id) if ENDS_PINS & changes.keys() else []
    return guarded(
        session,
        do,
        now,
        reach=Reach(branch_ids=_branches(session, who, now), order_ids=pinned),
        say=say,
        event=wording.changed_although(who.name),
    )


def write_change(
    session: Session, staff_id: int, changes: Mapping[str, object], now: datetime, *, region: str | None, actor: str
) -> Staff:
    """The change itself, within a guard that holds the orders with pins on them. Raises Invalid or NotFound."""
    person = staff.change_staff(session, staff_id, changes, now, region=region)
    if ENDS_PINS & changes.keys():
        pins.drop(session, person, now, actor=actor)
    return person


def guarded_roster(session: Session, do: Callable[[], T], now: datetime, *, say: Say) -> T:
    """Do what changes many people's shifts at once. Raises PromisesAtStake unless forced, and what `do` raises.

    `do` may be called twice, and must start from the beginning each time.
    """
    pinned = select(Pin.order_id).join(Order, Order.id == Pin.order_id).where(Order.status.in_(OPEN)).distinct()
    reach = Reach(branch_ids=_live_branches(session, now), order_ids=list(session.scalars(pinned)))
    return guarded(session, do, now, reach=reach, say=say, event=wording.IMPORTED_ALTHOUGH)


def end_shift(session: Session, shift_id: int, now: datetime, *, say: Say) -> Staff:
    """An extra shift ends now, or does not begin at all. Raises NotFound, Conflict when it is over, PromisesAtStake."""
    staff_id = session.scalar(select(ExtraShift.staff_id).where(ExtraShift.id == shift_id))
    if staff_id is None:
        raise NotFound("That shift has been taken out already.")
    who = _who(session, staff_id)
    return guarded(
        session,
        lambda: shifts.end_shift(session, shift_id, now),
        now,
        reach=Reach(branch_ids=_branches(session, who, now)),
        say=say,
        event=wording.changed_although(who.name),
    )


def _who(session: Session, staff_id: int) -> _Who:
    """Columns, not the row: it is read again under the lock."""
    found = session.execute(select(Staff.name, Staff.role, Staff.branch_id).where(Staff.id == staff_id)).first()
    if found is None:
        raise NotFound(f"There is nobody with staff_id {staff_id}.")
    return _Who(found.name, Role(found.role), found.branch_id)


def _branches(session: Session, who: _Who, now: datetime) -> list[int]:
    """Where open orders may count on somebody: a founder serves every branch."""
    return [who.branch_id] if who.role is not Role.FOUNDER else _live_branches(session, now)


def _live_branches(session: Session, now: datetime) -> list[int]:
    live = select(Order.branch_id).where(Order.status.in_(OPEN), Order.promised_by > now).distinct()
    return sorted(session.scalars(live))
