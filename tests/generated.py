"""Facts of orders as hypothesis makes them: any calendar, any state, any plan of others; small ones in minutes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from dispatch.foundation.hours import Span, open_spans
from dispatch.orders.policy import Policy
from dispatch.orders.rules import CLOSED, Sourcing, Status
from dispatch.promise.estimates import Spread
from dispatch.promise.known import THE_DOOR, Busy, Door, Facts, LineFacts, SupplierFacts
from dispatch.promise.rules import Task
from dispatch.staff.rules import Person, Role

SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
# An ordinary day, the nights in which clocks are put forward and back here and there, and a leap day.
DAYS = [
    ("Asia/Kolkata", date(2026, 11, 24)),
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Pacific/Chatham", date(2026, 4, 5)),
    ("Asia/Kolkata", date(2028, 2, 29)),
]
HOURS_AS_WRITTEN = (
    "24/7",
    "Mo-Su 10:00-19:00",
    "Mo-Su 09:00-13:00,15:00-18:30",
    "Mo-Su 20:00-03:30",
    "Mo-Su 01:00-02:30",
    "Mo-Sa 10:00-19:00; PH off",
    "Mo,We,Fr 08:00-12:00",
    "Su 02:00-03:00",
    "off",
)
ROLES = st.sampled_from(list(Role))
OPEN_STATES = [status for status in Status if status not in CLOSED]
MOSTLY_TO_BUY = [*[Status.PROCURING] * 4, *OPEN_STATES]


@dataclass(frozen=True, kw_only=True)
class Size:
    """How long things are, in minutes, and how many there may be of them."""

    shift: int = 600
    step: int = 180
    trip: int = 150
    people: int = 4
    lines: int = 3
    news: tuple[int, int] = (-300, 900)
    hours: Sequence[str] = HOURS_AS_WRITTEN
    sourcing: Sequence[Sourcing] = tuple(Sourcing)
    fractions: bool = True


LARGE = Size()
# Whole minutes within a few hours, so that somebody can look at each of them; much to be bought, little closed.
SMALL = Size(
    shift=240,
    step=20,
    trip=60,
    people=3,
    lines=2,
    news=(-60, 120),
    hours=(*["24/7"] * 9, *HOURS_AS_WRITTEN),
    sourcing=(*[Sourcing.TO_PROCURE, Sourcing.RESERVED] * 5, *Sourcing),
    fractions=False,
)


@st.composite
def spans(
    draw: st.DrawFn, horizon: Span, *, least: int = 0, most: int = 2, longest: int = LARGE.shift
) -> tuple[Span, ...]:
    length = int((horizon.end - horizon.start) / MINUTE)
    found = []
    for _ in range(draw(st.integers(least, most))):
        start = horizon.start + draw(st.integers(0, length - 1)) * MINUTE
        found.append(Span(start, min(start + draw(st.integers(1, longest)) * MINUTE, horizon.end)))
    return tuple(sorted(found))


@st.composite
def people(draw: st.DrawFn, horizon: Span, zone: str, *, size: Size = LARGE) -> tuple[Person, ...]:
    made = []
    for number in range(1, draw(st.integers(0, size.people)) + 1):
        roster = open_spans(draw(st.sampled_from(size.hours)), timezone=zone, start=horizon.start, end=horizon.end)
        made.append(
            Person(
                id=number,
                name=f"P{number}",
                role=draw(ROLES),
                phone=f"+44770090000{number}",
                shifts=(*roster, *draw(spans(horizon, most=1, longest=size.shift))),
                pauses=draw(spans(horizon, longest=size.trip)),
                on_call=draw(st.booleans()),
                reachable=draw(st.integers(0, 9)) > 0,
            )
        )
    return tuple(made)


@st.composite
def learned(draw: st.DrawFn, *, size: Size = LARGE, least: int = 0) -> Spread | None:
    """What was learned of a length, if anything."""
    if draw(st.booleans()):
        return None
    likely = draw(st.integers(least, size.step))
    cautious = likely + draw(st.integers(0, size.step))
    # The shop's lessons are seldom whole minutes.
    return Spread(likely / 7, cautious / 7) if size.fractions else Spread(likely, cautious)


@st.composite
def shops(draw: st.DrawFn, horizon: Span, zone: str, *, size: Size = LARGE) -> list[SupplierFacts]:
    made = []
    maybe = st.none() | st.integers(0 if size.fractions else 1, size.step)
    for number in range(1, draw(st.integers(0, 2)) + 1):
        way, stay = draw(maybe), draw(maybe)
        hours = open_spans(draw(st.sampled_from(size.hours)), timezone=zone, start=horizon.start, end=horizon.end)
        errand = draw(learned(size=size))
        if errand and not size.fractions:
            # As the shop's own figures have it, or twice that: ways and stays stay whole minutes.
            errand = Spread(2 * (way or 0) + (stay or 20), (2 * (way or 0) + (stay or 20)) * draw(st.integers(1, 2)))
        extra = draw(spans(horizon, most=1, longest=size.shift))
        made.append(
            SupplierFacts(
                id=number,
                name=f"Shop {number}",
                open=extra or tuple(hours),
                travel_minutes=way,
                procure_minutes=stay,
                errand=errand,
            )
        )
    return made


@st.composite
def needed(
    draw: st.DrawFn, people: tuple[Person, ...], stops: list[str], horizon: Span, *, size: Size = LARGE
) -> tuple[Busy, ...]:
    """What others' orders need these people for: planned and under way, some to the same stops."""
    found = []
    for number in range(draw(st.integers(0, 5)) if people else 0):
        stop = draw(st.sampled_from(["", *stops]))
        (span,) = draw(spans(horizon, least=1, most=1, longest=size.trip))
        found.append(
            Busy(
                staff_id=draw(st.sampled_from(people)).id,
                start=span.start,
                end=span.end,
                ref=f"R{number}",
                task=Task.DELIVER if stop in ("", THE_DOOR) else Task.PROCURE,
                stop=stop,
                is_under_way=draw(st.integers(0, 3)) == 0,
                by=draw(st.none() | st.just(number)),
            )
        )
    return tuple(found)


@st.composite
def line(
    draw: st.DrawFn, number: int, shops: list[SupplierFacts], now: datetime, *, staff: list[int], size: Size = LARGE
) -> LineFacts:
    sourcing = draw(st.sampled_from(size.sourcing))
    first = draw(st.integers(0, len(shops)))
    instant = st.none() | st.integers(*size.news).map(lambda m: now + m * MINUTE)
    return LineFacts(
        id=number + 1,
        title=f"Book {number}",
        sourcing=sourcing,
        since=now - draw(st.integers(0, -size.news[0])) * MINUTE,
        ready_at=draw(instant),
        suppliers=tuple(shops[first : draw(st.integers(first, len(shops)))]),
        buyer_id=draw(st.sampled_from([None, *staff])) if sourcing is Sourcing.SEARCHING else None,
        kept_until=draw(instant) if sourcing is Sourcing.RESERVED else None,
    )


def facts(size: Size = LARGE, *, states: Sequence[Status] = OPEN_STATES) -> st.SearchStrategy[tuple[Facts, datetime]]:
    """An order in any of these states, at an instant somewhere before, around or after its promise."""
    return _facts(size=size, states=states)


@st.composite
def _facts(draw: st.DrawFn, *, size: Size, states: Sequence[Status]) -> tuple[Facts, datetime]:
    zone, day = draw(st.sampled_from(DAYS))
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    if size.fractions:
        now = noon + draw(st.integers(-14 * 3600, 14 * 3600)) * SECOND
        promised = now + draw(st.integers(-60, 30 * 60)) * MINUTE
        horizon = Span(now - DAY, max(now, promised) + 36 * HOUR)
    else:
        now = noon + draw(st.integers(-14 * 60, 14 * 60)) * MINUTE
        promised = now + draw(st.integers(-20, 280)) * MINUTE
        horizon = Span(now - HOUR, max(now, promised) + 2 * HOUR)
    least = 0 if size.fractions else 1
    minutes = st.integers(least, size.step)
    made = draw(people(horizon, zone, size=size))
    staff = [person.id for person in made]
    known = draw(shops(horizon, zone, size=size))
    status = draw(st.sampled_from(states))
    taker = draw(st.sampled_from([None, None, *staff]))
    tasks = st.sampled_from(list(Task))
    who = st.tuples(tasks, st.sampled_from(staff)) if staff else st.nothing()
    pins = dict(draw(st.lists(who, max_size=2))) if staff and draw(st.integers(0, 3)) == 0 else {}
    is_out = status is Status.OUT_FOR_DELIVERY
    hours = open_spans(draw(st.sampled_from(size.hours)), timezone=zone, start=horizon.start, end=horizon.end)
    return Facts(
        promised_by=promised,
        status=status,
        lines=tuple(draw(line(n, known, now, staff=staff, size=size)) for n in range(draw(st.integers(1, size.lines)))),
        branch_open=(*hours, *draw(spans(horizon, most=1, longest=size.shift))) if not hours else tuple(hours),
        timezone=zone,
        policy=Policy(
            watch_minutes=draw(st.integers(0, 90)),
            pack_minutes=draw(st.integers(least, size.step // 3)),
            # An even number: what is put aside takes half of it.
            procure_minutes=2 * draw(st.integers(least, size.step // 2)),
            handover_minutes=draw(st.integers(least, size.step // 6)),
        ),
        travel_minutes=draw(minutes),
        people=made,
        horizon=horizon,
        handed_over_at=now - draw(st.integers(0, 120)) * MINUTE if is_out else None,
        carrier_id=draw(st.sampled_from([None, *staff])) if is_out else None,
        taker_id=taker,
        accepted_at=now - MINUTE if taker else None,
        pack=draw(learned(size=size, least=least)),
        handover=draw(learned(size=size, least=least)),
        way=draw(learned(size=size, least=least)),
        search=draw(learned(size=size, least=least)) if size.fractions else None,
        busy=draw(needed(made, [THE_DOOR, *(shop.stop for shop in known)], horizon, size=size)),
        pins=tuple(pins.items()),
        before=frozenset(draw(st.lists(who, max_size=2))) if staff else frozenset(),
        door=draw(st.none() | st.just(Door("12 park road"))),
        ref="K7Q2",
    ), now
