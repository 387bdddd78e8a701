"""Levels to the instant, the steps of an order with the clock that binds them, and the words for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dispatch.foundation.hours import Span
from dispatch.orders.policy import Policy
from dispatch.orders.rules import Sourcing, Status
from dispatch.promise.assess import assess
from dispatch.promise.known import Facts, LineFacts, SupplierFacts
from dispatch.promise.rules import ClockName, Level, level_at, next_change
from dispatch.staff.rules import Person, Role

# 14:00 in the shop, which keeps UTC here so that the table reads as it is meant.
NOW = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
DAY = timedelta(days=1)
INSTANT, SECOND, MINUTE = timedelta.resolution, timedelta(seconds=1), timedelta(minutes=1)
PROMISE, ACT_BY, LATE_AT, WATCH = NOW + 120 * MINUTE, NOW + 60 * MINUTE, NOW + 90 * MINUTE, 30 * MINUTE


def at(time: str) -> datetime:
    hour, minute = map(int, time.split(":"))
    return NOW.replace(hour=hour, minute=minute)


@pytest.mark.parametrize(
    ("offset", "level", "next_"),
    [
        # Slack of `watch_minutes` or more is on track; at the last instant to act nothing is lost yet.
        (0 * MINUTE, Level.ON_TRACK, 30 * MINUTE + INSTANT),
        (30 * MINUTE, Level.ON_TRACK, 30 * MINUTE + INSTANT),
        (30 * MINUTE + INSTANT, Level.WATCH, 60 * MINUTE + INSTANT),
        (60 * MINUTE, Level.WATCH, 60 * MINUTE + INSTANT),
        (60 * MINUTE + INSTANT, Level.AT_RISK, 90 * MINUTE + INSTANT),
        (90 * MINUTE, Level.AT_RISK, 90 * MINUTE + INSTANT),
        (90 * MINUTE + INSTANT, Level.LATE, 120 * MINUTE + INSTANT),
        (120 * MINUTE, Level.LATE, 120 * MINUTE + INSTANT),
        (120 * MINUTE + INSTANT, Level.LATE, None),
    ],
)
def test_the_next_look_is_the_instant_of_change(offset: timedelta, level: Level, next_: timedelta | None) -> None:
    instants = {"promise": PROMISE, "act_by": ACT_BY, "late_at": LATE_AT, "watch": WATCH}
    assert level_at(NOW + offset, **instants) is level
    assert next_change(NOW + offset, **instants) == (NOW + next_ if next_ is not None else None)


@pytest.mark.parametrize(
    ("act_by", "late_at", "level"),
    [(None, None, Level.LATE), (None, LATE_AT, Level.AT_RISK), (ACT_BY, LATE_AT, Level.ON_TRACK)],
)
def test_levels_when_no_instant_would_do(act_by: datetime | None, late_at: datetime | None, level: Level) -> None:
    assert level_at(NOW, promise=PROMISE, act_by=act_by, late_at=late_at, watch=WATCH) is level


def somebody(number: int, role: Role, start: str = "10:00", end: str = "19:00", **changes: Any) -> Person:
    shifts = (Span(at(start), at(end)),)
    given = {"name": f"P{number}", "phone": f"+44770090000{number}", "shifts": shifts, **changes}
    return Person(id=number, role=role, **given)


def shop_next_door(start: str = "10:00", end: str = "18:00", **changes: Any) -> SupplierFacts:
    given = {"name": "Academic House", "travel_minutes": 15, "procure_minutes": 60, **changes}
    return SupplierFacts(open=(Span(at(start), at(end)),), **given)


def line(sourcing: Sourcing = Sourcing.TO_PROCURE, **changes: Any) -> LineFacts:
    given: dict[str, Any] = {"title": "Physics 2", "since": NOW, "ready_at": None, "suppliers": (shop_next_door(),)}
    return LineFacts(sourcing=sourcing, **{**given, **changes})


def facts(**changes: Any) -> Facts:
    given: dict[str, Any] = {
        "promised_by": at("19:30"),
        "status": Status.PROCURING,
        "lines": (line(),),
        "branch_open": (Span(at("09:00"), at("21:00")),),
        "timezone": "UTC",
        "policy": Policy(),
        "travel_minutes": 30,
        "people": (somebody(1, Role.RIDER), somebody(2, Role.BUYER)),
        "horizon": Span(NOW - timedelta(days=1), NOW + timedelta(days=1)),
    }
    return Facts(**{**given, **changes})


# Each of the three clocks of the story binds in its turn: facts, the last instant to act, the clock, a word of why.
BINDING = [
    # 19:00 (P1 goes home) - 35 (hand over and way) - 10 (pack) - 90 (buy and come back)
    ("the last shift", {}, "16:45", ClockName.SHIFT_END, "P1's shift ends at 19:00"),
    # 17:00 - 60 (finding and buying) - 15 (way)
    ("the other shop", {"lines": (line(suppliers=(shop_next_door(end="17:00"),)),)}, "15:45",
     ClockName.SUPPLIER_CLOSING, "Academic House closes at 17:00"),
    # 17:00 - 35 - 10 - 90: nothing but the lengths of the steps
    ("buying", {"promised_by": at("17:00")}, "14:45", ClockName.PROCUREMENT, "buying Physics 2 can take 90 min"),
    ("packing", {"status": Status.PACKING, "lines": (line(Sourcing.IN_STOCK),), "promised_by": at("17:00")}, "16:15",
     ClockName.PACKING, "packing takes 10 min"),
    ("our own closing", {"status": Status.PACKING, "lines": (line(Sourcing.IN_STOCK),),
                         "branch_open": (Span(at("09:00"), at("15:00")),)}, "14:50", ClockName.PACKING,
     "shop closes at 15:00"),
    ("the way", {"status": Status.READY, "promised_by": at("17:00")}, "16:25", ClockName.TRAVEL, "35 min"),
    ("no supplier known", {"lines": (line(suppliers=()),), "promised_by": at("17:00")}, "14:45",
     ClockName.PROCUREMENT, "buying Physics 2 can take 90 min"),
    # 18:00 - 5 (collect) - 15 (way)
    ("put aside", {"lines": (line(Sourcing.RESERVED, suppliers=(shop_next_door(end="17:00"),)),)}, "16:40",
     ClockName.SUPPLIER_CLOSING, "Academic House closes at 17:00"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "act_by", "clock", "why"), [row[1:] for row in BINDING], ids=[r[0] for r in BINDING]
)
def test_which_clock_binds(changes: dict[str, Any], act_by: str, clock: ClockName, why: str) -> None:
    result = assess(facts(**changes), NOW)
    assert (result.act_by, result.clock) == (at(act_by), clock)
    assert why.lower() in result.message.lower()
    assert f"start by {act_by}" in result.message
    past = assess(facts(**changes), at(act_by) + SECOND)
    assert past.level in (Level.AT_RISK, Level.LATE)
    assert f"it had to start by {act_by}" in past.message or past.clock is not clock


def test_a_pause_is_not_the_end_of_a_shift() -> None:
    paused = somebody(1, Role.RIDER, pauses=(Span(at("16:00"), at("17:35")),))
    result = assess(facts(status=Status.READY, promised_by=at("18:00"), people=(paused,)), at("16:30"))
    assert result.message == "P1 is paused until 17:35: it had to start by 15:25."
    # Back at 17:35 there is time again for a later promise: the shift binds.
    late = assess(facts(status=Status.READY, promised_by=at("19:30"), people=(paused,)), at("16:30"))
    assert late.message == "P1's shift ends at 19:00: start by 18:25."


@pytest.mark.parametrize(
    ("changes", "clock", "why"),
    [
        ({"people": ()}, ClockName.NOBODY_AVAILABLE, "nobody is here who could buy"),
        ({"people": (somebody(2, Role.BUYER),)}, ClockName.NOBODY_AVAILABLE, "nobody is here who could deliver"),
        ({"people": (somebody(1, Role.RIDER),)}, ClockName.NOBODY_AVAILABLE, "nobody is here who could buy"),
        ({"lines": (line(Sourcing.UNAVAILABLE),)}, ClockName.PROCUREMENT, "can't be had"),
        ({"lines": (line(suppliers=(shop_next_door("10:00", "10:30"),)),)}, ClockName.SUPPLIER_CLOSING, "closed"),
    ],
)
def test_why_it_can_not_be_done_by_those_who_are_here(changes: dict[str, Any], clock: ClockName, why: str) -> None:
    result = assess(facts(**changes), NOW)
    assert result.act_by is None
    assert result.level in (Level.AT_RISK, Level.LATE)
    assert result.clock is clock
    assert why.lower() in result.message.lower()


@pytest.mark.parametrize("people", [(), (somebody(3, Role.MANAGER, shifts=(), on_call=True),)])
def test_nobody_here_is_a_risk_and_late_only_when_the_likely_lengths_miss(people: tuple[Person, ...]) -> None:
    alone = assess(facts(people=people), NOW)
    assert (alone.level, alone.act_by, alone.clock) == (Level.AT_RISK, None, ClockName.NOBODY_AVAILABLE)
    assert alone.late_at is not None
    assert assess(facts(people=people), alone.late_at).level is Level.AT_RISK
    assert assess(facts(people=people), alone.late_at + SECOND).level is Level.LATE


def test_a_shop_that_is_closed_is_a_risk_until_somebody_accepts() -> None:
    ready = facts(lines=(line(Sourcing.IN_STOCK),), status=Status.PACKING, branch_open=())
    assert assess(ready, NOW).level is Level.AT_RISK
    assert assess(replace(ready, taker_id=1, accepted_at=NOW), NOW).level is Level.ON_TRACK


def test_whoever_took_it_does_it_shift_or_no_shift() -> None:
    founder = Person(id=4, name="Anand", role=Role.FOUNDER, phone="+447700900004", shifts=())
    result = assess(facts(people=(founder,), taker_id=4, accepted_at=NOW, branch_open=()), NOW)
    # Neither a shift nor our own opening hours bind any more; the other shop's closing does.
    assert (result.level, result.clock, result.act_by) == (Level.ON_TRACK, ClockName.SUPPLIER_CLOSING, at("16:45"))


def test_the_better_of_two_shops_counts() -> None:
    shops = (shop_next_door(end="15:00"), shop_next_door(name="City Books", end="20:00"))
    result = assess(facts(lines=(line(suppliers=shops),)), NOW)
    assert result.clock is ClockName.SHIFT_END


def test_two_lines_are_bought_side_by_side_by_two_and_one_after_another_by_one() -> None:
    far = shop_next_door(name="Far Books", travel_minutes=45)
    lines = (line(), line(title="Algebra", suppliers=(far,)))
    buyers = (somebody(2, Role.BUYER), somebody(3, Role.BUYER))
    # The slower one binds: 19:00 - 45 (bring it) - 10 (pack) - 90 - 60.
    assert assess(facts(lines=lines, people=(somebody(1, Role.RIDER), *buyers)), NOW).act_by == at("15:45")
    # One buyer has Far Books (150 min) after the shop next door (90 min).
    assert assess(facts(lines=lines), NOW).act_by == at("14:15")
    # Both at the same shop are one trip.
    near = (line(), line(title="Algebra"))
    assert assess(facts(lines=near), NOW).act_by == assess(facts(), NOW).act_by


def test_a_search_that_began_keeps_its_own_time() -> None:
    searching = line(Sourcing.SEARCHING, since=at("13:00"))
    assert assess(facts(lines=(searching,)), NOW).projected_at == at("15:15")
    assert assess(facts(lines=(searching,)), at("14:30")).projected_at == at("15:15")


# There, bought and back in 30 minutes until 15:00, or in 60 until 20:00.
NEAR = shop_next_door(end="15:00", travel_minutes=5, procure_minutes=20)
FAR = shop_next_door(name="City Books", end="20:00", travel_minutes=15, procure_minutes=30, id=2)


def test_whoever_looks_without_saying_where_is_where_the_plan_has_them() -> None:
    # 14:45 - 35 - 10: it must be here by 14:00.
    known = facts(lines=(line(suppliers=(NEAR, FAR), since=at("13:00")),), promised_by=at("14:45"))
    assert assess(known, at("13:30")).act_by == at("13:30")
    looked_for = replace(known, lines=(line(Sourcing.SEARCHING, suppliers=(NEAR, FAR), since=at("13:30")),))
    result = assess(looked_for, at("13:30"))
    assert (result.level, result.act_by) == (Level.ON_TRACK, at("14:00"))
    assert "looked for since 13:30, which can take 30 min" in result.message
    named = replace(known, lines=(line(Sourcing.SEARCHING, suppliers=(NEAR,), since=at("13:30")),))
    assert assess(named, at("13:30")) == result


def test_a_shop_that_closes_on_the_search_leaves_the_other_as_long_as_there_is_time_to_go_there() -> None:
    known = facts(lines=(line(Sourcing.SEARCHING, suppliers=(NEAR, FAR), since=at("14:00")),), promised_by=at("17:45"))
    # 17:00 - 60, and not the instant at which Academic House closes.
    assert assess(known, at("15:01")).act_by == at("16:00")
    assert assess(known, at("15:01")).projected_at == at("16:46")
    assert "Buying Physics 2 can take 60 min: start by 16:00" in assess(known, at("15:01")).message


def test_a_search_does_not_run_on_overnight() -> None:
    tomorrow = Span(at("10:00") + DAY, at("18:00") + DAY)
    shop = replace(NEAR, open=(*NEAR.open, tomorrow))
    known = facts(lines=(line(Sourcing.SEARCHING, suppliers=(shop,)),))
    assert assess(known, at("15:01")).level is Level.AT_RISK
    # Promised for tomorrow, somebody can still go tomorrow, who has to be asked in time for that.
    later = replace(known, promised_by=at("12:45") + DAY, people=(somebody(1, Role.STAFF, shifts=(tomorrow,)),))
    later = replace(later, branch_open=(tomorrow,), horizon=Span(NOW, NOW + 2 * DAY))
    assert assess(later, at("15:01")).act_by == at("11:30") + DAY


def test_the_length_that_is_named_is_that_of_the_way_that_binds() -> None:
    lines = (line(suppliers=(NEAR, FAR)),)
    result = assess(facts(lines=lines, promised_by=at("15:15")), NOW)
    assert result.message == "Buying Physics 2 can take 30 min: start by 14:00."
    far = assess(facts(lines=lines, promised_by=at("17:45")), NOW)
    assert far.message == "Buying Physics 2 can take 60 min: start by 16:00."
    # There and back, and 5 minutes to collect it.
    kept = assess(facts(lines=(line(Sourcing.RESERVED, suppliers=(FAR,)),), promised_by=at("17:45")), NOW)
    assert kept.message == "Buying Physics 2 can take 35 min: start by 16:25."


def test_a_shop_is_called_closed_only_when_it_is() -> None:
    early = somebody(2, Role.BUYER, "19:00", "21:00")
    result = assess(facts(people=(somebody(1, Role.RIDER, end="22:00"), early)), NOW)
    assert result.message == "Nobody is here who could buy Physics 2."
    soon = assess(facts(promised_by=at("14:50")), NOW)
    assert "closed" not in soon.message


def test_on_its_way_only_the_way_counts() -> None:
    left = {"status": Status.OUT_FOR_DELIVERY, "handed_over_at": NOW, "people": (), "travel_minutes": 30}
    in_time = assess(facts(**left, promised_by=at("14:30")), NOW)
    assert in_time.level in (Level.ON_TRACK, Level.WATCH)
    assert in_time.projected_at == at("14:30")
    # 30 minutes are cautious, 21 likely.
    assert assess(facts(**left, promised_by=at("14:25")), NOW).level is Level.AT_RISK
    assert assess(facts(**left, promised_by=at("14:20")), NOW).level is Level.LATE


def test_slack_is_rounded_down() -> None:
    result = assess(facts(), NOW)
    assert result.slack_minutes(NOW) == 165
    assert result.slack_minutes(NOW + SECOND) == 164
    assert result.slack_minutes(at("16:45") + SECOND) == -1
    nobody = assess(facts(people=()), NOW)
    assert nobody.slack_minutes(NOW) is None
