"""Today's people as strips of a day: shifts, pauses and errands, and the same as a sentence for everybody."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from ..foundation.hours import Span, merged, midnight, overlap
from ..orders.rules import OPEN, Status
from ..orders.tables import Branch, Order
from ..orders.wording import things
from ..promise.tables import Assignment
from ..staff.rules import Person
from ..staff.service import to_people
from ..staff.shifts import shifts_between
from ..staff.tables import ExtraShift, Staff
from . import words

# The strip is as wide as a day has minutes, however many the change of clocks makes it.
WIDTH = 1440
NARROW = 4


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A piece of the strip; `kind`: shift, extra, pause or job. `x` and `width` of 1440."""

    kind: str
    x: int
    width: int


@dataclass(frozen=True, kw_only=True)
class Extra:
    """An extra shift that is not over: one that has begun is ended, another is taken out."""

    id: int
    text: str
    has_begun: bool


@dataclass(frozen=True, kw_only=True)
class Carried:
    """An order that somebody has, or has taken."""

    ref: str
    what: str
    is_on_the_way: bool


@dataclass(frozen=True, kw_only=True)
class Day:
    """One person's day. `now_x`: where the line of now stands."""

    bars: tuple[Bar, ...]
    now_x: int
    sentence: str
    extras: tuple[Extra, ...]
    carried: tuple[Carried, ...]


@dataclass(frozen=True)
class _Frame:
    """The branch's day that is shown."""

    start: datetime
    end: datetime
    timezone: str
    now: datetime

    def x(self, at: datetime) -> int:
        inside = min(max(at, self.start), self.end)
        return round((inside - self.start) / (self.end - self.start) * WIDTH)

    def bars(self, kind: str, spans: Iterable[Span]) -> list[Bar]:
        inside = overlap([Span(self.start, self.end)], list(spans))
        return [
            Bar(kind=kind, x=self.x(span.start), width=max(self.x(span.end) - self.x(span.start), NARROW))
            for span in inside
            if span
        ]

    def said(self, span: Span) -> str:
        """ "10:00 to 19:00", with the day's own ends as 00:00 and 24:00."""
        zone = ZoneInfo(self.timezone)
        start = "00:00" if span.start <= self.start else f"{span.start.astimezone(zone):%H:%M}"
        end = "24:00" if span.end >= self.end else f"{span.end.astimezone(zone):%H:%M}"
        return f"{start} to {end}"

    def inside(self, spans: Iterable[Span]) -> list[Span]:
        return [span for span in overlap([Span(self.start, self.end)], merged(list(spans))) if span]


def days(session: Session, now: datetime) -> dict[int, Day]:
    """Everybody's day by their id, each in their own branch's time; a fixed number of queries per branch."""
    found: dict[int, Day] = {}
    carried = _carried(session)
    for branch in session.scalars(select(Branch).order_by(Branch.id)):
        frame = _frame(branch, now)
        staff = session.scalars(select(Staff).where(Staff.branch_id == branch.id, Staff.is_active)).all()
        people = to_people(session, staff, now, branch=branch, start=frame.start, end=frame.end)
        extras = _by_person(shifts_between(session, now, now + timedelta(days=14)))
        todays = _by_person(shifts_between(session, frame.start, frame.end))
        jobs = _jobs(session, [person.id for person in people], frame)
        for person in people:
            found[person.id] = _day(
                person,
                frame,
                extras=extras.get(person.id, []),
                todays=todays.get(person.id, []),
                jobs=jobs.get(person.id, []),
                carried=carried.get(person.id, ()),
            )
    return found


def _frame(branch: Branch, now: datetime) -> _Frame:
    start = midnight(now, branch.timezone)
    # Noon of the next day and back to its midnight: a day of 23 or 25 hours ends where it ends.
    return _Frame(start, midnight(start + timedelta(hours=36), branch.timezone), branch.timezone, now)


def _by_person(shifts: Sequence[ExtraShift]) -> dict[int, list[ExtraShift]]:
    found: dict[int, list[ExtraShift]] = {}
    for shift in shifts:
        found.setdefault(shift.staff_id, []).append(shift)
    return found


def _jobs(session: Session, ids: Sequence[int], frame: _Frame) -> dict[int, list[Span]]:
    """When the plan has them out of the shop for an order."""
    query = select(Assignment.staff_id, Assignment.start_by, Assignment.ends_at).where(
        Assignment.staff_id.in_(ids),
        Assignment.order_id.is_not(None),
        Assignment.ends_at > frame.start,
        Assignment.start_by < frame.end,
    )
    found: dict[int, list[Span]] = {}
    for staff_id, start, end in session.execute(query):
        found.setdefault(staff_id, []).append(Span(start, end))
    return found


def _carried(session: Session) -> dict[int, tuple[Carried, ...]]:
    """Open orders by whoever brings them or has taken them, the most urgent first."""
    held = or_(Order.carrier_id.is_not(None), Order.taker_id.is_not(None))
    found: dict[int, tuple[Carried, ...]] = {}
    for order in session.scalars(select(Order).where(Order.status.in_(OPEN), held).order_by(Order.promised_by)):
        on_the_way = order.status is Status.OUT_FOR_DELIVERY
        who = order.carrier_id if on_the_way else order.taker_id
        if who is not None:
            mine = Carried(ref=order.ref, what=things(order.lines), is_on_the_way=on_the_way)
            found[who] = (*found.get(who, ()), mine)
    return found


def _day(
    person: Person,
    frame: _Frame,
    *,
    extras: Sequence[ExtraShift],
    todays: Sequence[ExtraShift],
    jobs: Sequence[Span],
    carried: tuple[Carried, ...],
) -> Day:
    extra = [Span(shift.starts_at, shift.ends_at) for shift in todays]
    bars = [
        *frame.bars("shift", person.shifts),
        *frame.bars("extra", extra),
        *frame.bars("pause", person.pauses),
        *frame.bars("job", jobs),
    ]
    return Day(
        bars=tuple(bars),
        now_x=frame.x(frame.now),
        sentence=_sentence(person, frame, extra=extra, jobs=jobs),
        extras=tuple(_extra(shift, frame) for shift in extras),
        carried=carried,
    )


def _sentence(person: Person, frame: _Frame, *, extra: Sequence[Span], jobs: Sequence[Span]) -> str:
    """What the strip shows, for those who do not see it."""
    shifts, pauses = frame.inside(person.shifts), frame.inside(person.pauses)
    parts = [f"On a shift {_joined(frame, shifts)}" if shifts else "No shift today"]
    if extra:
        parts.append(f"extra {_joined(frame, frame.inside(extra))}")
    if pauses:
        parts.append(f"paused {_joined(frame, pauses)}")
    if jobs:
        parts.append(f"planned to be out {_joined(frame, frame.inside(jobs))}")
    return ", ".join(parts) + "."


def _joined(frame: _Frame, spans: Sequence[Span]) -> str:
    return " and ".join(frame.said(span) for span in spans)


def _extra(shift: ExtraShift, frame: _Frame) -> Extra:
    start = words.clock_words(shift.starts_at, frame.timezone, now=frame.now)
    end = words.clock_words(shift.ends_at, frame.timezone, now=frame.now)
    return Extra(id=shift.id, text=f"{start} to {end}", has_begun=shift.starts_at < frame.now)
