"""Staff, roster, extra shifts and pauses; and everybody as the clock and the ladder see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from ..foundation.errors import Invalid, NotFound
from ..foundation.hours import Span, checked_hours, merged, open_spans
from ..foundation.types import can_be_texted, parse_phone
from ..messaging.rules import Kind
from ..messaging.service import opted_out
from ..messaging.tables import OutgoingText
from ..orders.branches import get_branch
from ..orders.tables import Branch
from ..orders.timetable import rearm_branch
from .rules import MAY_DO, Person, Role, Skill
from .tables import ExtraShift, Pause, Staff

LONGEST_SHIFT = timedelta(hours=36)
# Asked at every look at an order, and built once. `:people`: ids.
MINE = (Staff.branch_id == bindparam("branch")) | (Staff.role == Role.FOUNDER)
SERVING = select(Staff).where(MINE, Staff.is_active).order_by(Staff.id)
EXTRA_SHIFTS = select(ExtraShift.staff_id, ExtraShift.starts_at, ExtraShift.ends_at).where(
    ExtraShift.staff_id.in_(bindparam("people", expanding=True)),
    ExtraShift.ends_at > bindparam("start"),
    ExtraShift.starts_at < bindparam("end"),
)
PAUSES = select(Pause.staff_id, Pause.starts_at, Pause.until, Pause.ended_at).where(
    Pause.staff_id.in_(bindparam("people", expanding=True)), Pause.until > bindparam("start")
)
PAGED = (
    select(OutgoingText.staff_id, func.count())
    .where(
        OutgoingText.staff_id.in_(bindparam("people", expanding=True)),
        OutgoingText.kind == Kind.PAGE,
        OutgoingText.created_at > bindparam("since"),
    )
    .group_by(OutgoingText.staff_id)
)


@dataclass(frozen=True, kw_only=True)
class NewStaff:
    """Somebody new. `shifts`: the weekly roster in opening-hours syntax; None means no regular hours."""

    name: str
    phone: str
    role: Role
    branch: str = "main"
    shifts: str | None = None
    on_call: bool = False


def add_staff(session: Session, new: NewStaff, now: datetime, *, region: str | None) -> Staff:
    """Add a member of staff. Raises Invalid (also for a number that is somebody's already) or NotFound."""
    if not new.name.strip():
        raise Invalid("name", "is empty: who is it?")
    phone = parse_phone(new.phone, region=region)
    _check_free(session, phone, except_id=None)
    staff = Staff(
        branch=get_branch(session, new.branch),
        name=new.name.strip(),
        phone=phone,
        role=new.role,
        shifts=checked_hours(new.shifts, field="shifts") if new.shifts else None,
        on_call=new.on_call,
    )
    session.add(staff)
    session.flush()
    _rearm(session, staff, now)
    return staff


def _check_free(session: Session, phone: str, *, except_id: int | None) -> None:
    taken = session.scalars(select(Staff).where(Staff.phone == phone)).first()
    if taken is not None and taken.id != except_id:
        raise Invalid("phone", f"is {taken.name}'s already: each person needs a number of their own")


def _rearm(session: Session, staff: Staff, now: datetime) -> None:
    # A founder serves every branch, others their own.
    rearm_branch(session, None if staff.role is Role.FOUNDER else staff.branch_id, now)


def lock_staff(session: Session, staff_id: int, *, field: str = "staff_id") -> Staff:
    """Somebody, locked, but not against rows that only name them (a page that is being written). Raises NotFound."""
    staff = session.scalars(select(Staff).where(Staff.id == staff_id).with_for_update(of=Staff, key_share=True)).first()
    if staff is None:
        raise NotFound(f"There is nobody with {field} {staff_id}.")
    return staff


def active_person(session: Session, staff_id: int, *, field: str, skill: Skill | None = None) -> Staff:
    """Somebody who works here, and who may do `skill`. Raises Invalid naming `field`."""
    person = session.get(Staff, staff_id)
    if person is None or not person.is_active:
        raise Invalid(field, f"there is nobody with the id {staff_id}")
    if skill and person.role not in MAY_DO[skill]:
        able = ", ".join(role.value for role in Role if role in MAY_DO[skill])
        raise Invalid(field, f"{person.name} is a {person.role.value}; this is done by: {able}")
    return person


def change_staff(
    session: Session,
    staff_id: int,
    changes: Mapping[str, object],
    now: datetime,
    *,
    region: str | None,
) -> Staff:
    """Change what is named in `changes` (name, phone, role, branch, shifts, on_call, is_active). Raises Invalid."""
    staff = lock_staff(session, staff_id)
    # Orders of the old branch must be looked at as well as those of the new one.
    _rearm(session, staff, now)
    values = dict(changes)
    if "branch" in values:
        staff.branch = get_branch(session, str(values.pop("branch")))
    if "phone" in values:
        staff.phone = parse_phone(str(values["phone"]), region=region)
        values["phone"] = staff.phone
        _check_free(session, staff.phone, except_id=staff.id)
    if values.get("shifts"):
        checked_hours(str(values["shifts"]), field="shifts")
    for name, value in values.items():
        setattr(staff, name, value)
    session.flush()
    _rearm(session, staff, now)
    return staff


def pause(session: Session, staff_id: int, now: datetime, *, until: datetime, reason: str | None = None) -> Staff:
    """Not to be asked until then; replaces a pause that is still open. Raises Invalid or NotFound."""
    staff = lock_staff(session, staff_id)
    if until <= now:
        raise Invalid("until", "is already past: give a time to come")
    _end_open_pause(session, staff, now)
    session.flush()
    session.add(Pause(staff_id=staff.id, starts_at=now, until=until, reason=reason))
    session.flush()
    _rearm(session, staff, now)
    return staff


def end_pause(session: Session, staff_id: int, now: datetime) -> Staff:
    """Back again; nothing happens when there was no pause. Raises NotFound."""
    staff = lock_staff(session, staff_id)
    _end_open_pause(session, staff, now)
    session.flush()
    _rearm(session, staff, now)
    return staff


def _end_open_pause(session: Session, staff: Staff, now: datetime) -> None:
    for row in session.scalars(select(Pause).where(Pause.staff_id == staff.id, Pause.ended_at.is_(None))):
        row.ended_at = now


def add_shift(session: Session, staff_id: int, now: datetime, *, starts_at: datetime, ends_at: datetime) -> ExtraShift:
    """One shift on top of the roster; the same one twice is one. Raises Invalid or NotFound."""
    staff = lock_staff(session, staff_id)
    if not starts_at < ends_at:
        raise Invalid("ends_at", "is not after starts_at: give the shift's end")
    if ends_at - starts_at > LONGEST_SHIFT:
        raise Invalid("ends_at", "makes the shift longer than 36 hours: check the dates")
    same = select(ExtraShift).where(
        ExtraShift.staff_id == staff.id, ExtraShift.starts_at == starts_at, ExtraShift.ends_at == ends_at
    )
    shift = session.scalars(same).first()
    if shift is None:
        shift = ExtraShift(staff_id=staff.id, starts_at=starts_at, ends_at=ends_at)
        session.add(shift)
        session.flush()
        _rearm(session, staff, now)
    return shift


def load_people(session: Session, branch: Branch, now: datetime, *, start: datetime, end: datetime) -> list[Person]:
    """Everybody who serves a branch, with their shifts and pauses between two instants; a fixed number of queries."""
    staff = session.scalars(SERVING, {"branch": branch.id}).all()
    return to_people(session, staff, now, branch=branch, start=start, end=end)


def to_people(
    session: Session, staff: Sequence[Staff], now: datetime, *, branch: Branch, start: datetime, end: datetime
) -> list[Person]:
    """Rows of staff as the clock sees them. Rosters are read in the branch's time zone."""
    ids = [row.id for row in staff]
    extra: dict[int, list[Span]] = {}
    when = {"people": ids, "start": start, "end": end}
    for staff_id, starts_at, ends_at in session.execute(EXTRA_SHIFTS, when):
        extra.setdefault(staff_id, []).append(Span(starts_at, ends_at))
    pauses: dict[int, list[Span]] = {}
    for staff_id, starts_at, until, ended_at in session.execute(PAUSES, when):
        pauses.setdefault(staff_id, []).append(Span(starts_at, min(until, ended_at or until)))
    silent = opted_out(session, [row.phone for row in staff])
    asked = _asked_since(session, ids, now - timedelta(hours=12))
    return [
        Person(
            id=row.id,
            name=row.name,
            role=row.role,
            phone=row.phone,
            shifts=tuple(_shifts(row, branch, start, end, extra.get(row.id, []))),
            pauses=tuple(span for span in pauses.get(row.id, []) if span),
            on_call=row.on_call,
            reachable=can_be_texted(row.phone) and row.phone not in silent,
            asked_today=asked.get(row.id, 0),
        )
        for row in staff
    ]


def _shifts(row: Staff, branch: Branch, start: datetime, end: datetime, extra: list[Span]) -> list[Span]:
    if not row.shifts:
        return merged(extra)
    roster = open_spans(row.shifts, timezone=branch.timezone, start=start, end=end, country=branch.country)
    return merged([*roster, *extra])


def _asked_since(session: Session, ids: Sequence[int], since: datetime) -> dict[int, int]:
    found = session.execute(PAGED, {"people": ids, "since": since})
    return {staff_id: count for staff_id, count in found if staff_id is not None}


def staff_shape(session: Session, staff: Staff, now: datetime) -> dict[str, Any]:
    """One member of staff as the API shows them."""
    return _shapes(session, [staff], now)[0]


def list_staff(
    session: Session, now: datetime, *, limit: int, cursor: int | None = None
) -> tuple[list[dict[str, Any]], int | None]:
    """A page of staff by id, and where the next one starts."""
    query = select(Staff).where(Staff.id > (cursor or 0)).order_by(Staff.id).limit(limit + 1)
    rows = list(session.scalars(query))
    shown = rows[:limit]
    return _shapes(session, shown, now), shown[-1].id if len(rows) > limit else None


def _shapes(session: Session, rows: Sequence[Staff], now: datetime) -> list[dict[str, Any]]:
    people: dict[int, Person] = {}
    for branch in {row.branch.id: row.branch for row in rows}.values():
        mine = [row for row in rows if row.branch_id == branch.id]
        near = (now - timedelta(days=1), now + timedelta(days=1))
        for person in to_people(session, mine, now, branch=branch, start=near[0], end=near[1]):
            people[person.id] = person
    open_pauses = {
        row.staff_id: row for row in session.scalars(select(Pause).where(Pause.ended_at.is_(None), Pause.until > now))
    }
    return [_shape(row, people[row.id], open_pauses.get(row.id), now) for row in rows]


def _shape(row: Staff, person: Person, paused: Pause | None, now: datetime) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "name": row.name,
        "phone": row.phone,
        "role": row.role.value,
        "branch": row.branch.code,
        "shifts": row.shifts,
        "on_call": row.on_call,
        "is_active": row.is_active,
        "is_available": row.is_active and person.is_available(now),
        "is_reachable": person.reachable,
        "paused_until": paused.until.isoformat() if paused else None,
        "pause_reason": paused.reason if paused else None,
        "version": row.version,
    }
