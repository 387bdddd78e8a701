"""Extra shifts on top of the roster: ended, moved, and listed."""

from __future__ import annotations

import enum
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..foundation.errors import Conflict, NotFound
from ..orders.timetable import rearm_branch
from .rules import Role
from .service import add_shift, lock_staff
from .tables import ExtraShift, Staff


class Put(enum.StrEnum):
    """What putting a shift in its place did."""

    ADDED = "added"
    CHANGED = "changed"
    TAKEN_OUT = "taken out"
    SAME = "same"


def put_shift(session: Session, staff_id: int, now: datetime, *, starts_at: datetime, ends_at: datetime | None) -> Put:
    """One shift per person and start: a known one gets another end, or, for None, is taken out. As `add_shift` raises.

    The same again changes nothing.
    """
    staff = lock_staff(session, staff_id)
    known = select(ExtraShift).where(ExtraShift.staff_id == staff.id, ExtraShift.starts_at == starts_at)
    there = session.scalars(known.order_by(ExtraShift.id)).all()
    if [shift.ends_at for shift in there] == ([] if ends_at is None else [ends_at]):
        return Put.SAME
    for shift in there:
        session.delete(shift)
    session.flush()
    if ends_at is None:
        wake_orders(session, staff, now)
        return Put.TAKEN_OUT
    add_shift(session, staff.id, now, starts_at=starts_at, ends_at=ends_at)
    return Put.CHANGED if there else Put.ADDED


def end_shift(session: Session, shift_id: int, now: datetime) -> Staff:
    """An extra shift ends now; one that has not begun is taken out. Raises NotFound, or Conflict when it is over."""
    # Looked up first, locked then: whoever is ended twice at the same moment is ended once.
    staff_id = session.scalar(select(ExtraShift.staff_id).where(ExtraShift.id == shift_id))
    staff = lock_staff(session, staff_id) if staff_id is not None else None
    shift = session.get(ExtraShift, shift_id, populate_existing=True) if staff else None
    if staff is None or shift is None:
        raise NotFound("That shift has been taken out already.")
    if shift.ends_at <= now:
        raise Conflict("That shift is over already.")
    if shift.starts_at >= now or _has_same(session, shift, ends_at=now):
        session.delete(shift)
    else:
        shift.ends_at = now
    session.flush()
    wake_orders(session, staff, now)
    return staff


def _has_same(session: Session, shift: ExtraShift, *, ends_at: datetime) -> bool:
    same = (ExtraShift.staff_id == shift.staff_id, ExtraShift.starts_at == shift.starts_at)
    return session.scalar(select(ExtraShift.id).where(*same, ExtraShift.ends_at == ends_at)) is not None


def shifts_between(session: Session, start: datetime, end: datetime) -> list[ExtraShift]:
    """Everybody's extra shifts that touch a span, the earliest first."""
    query = select(ExtraShift).where(ExtraShift.ends_at > start, ExtraShift.starts_at < end)
    return list(session.scalars(query.order_by(ExtraShift.starts_at, ExtraShift.id)))


def wake_orders(session: Session, staff: Staff, now: datetime) -> None:
    """Whoever counts on them looks again: a founder serves every branch, others their own."""
    rearm_branch(session, None if staff.role is Role.FOUNDER else staff.branch_id, now)
