"""How long things take: what is said of a step, from what; and what a delivered order's history teaches."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest

from dispatch.foundation.hours import Span
from dispatch.promise.estimates import (
    LIKELY,
    NOTHING_LEARNED,
    Group,
    Kind,
    Lengths,
    Ratio,
    Spread,
    by_default,
    chain,
    distance_band,
    distance_km,
    hour_band,
)
from dispatch.promise.happened import Happened, minutes_within, steps_taken
from dispatch.promise.lessons import Seen, is_absurd, learn

START = datetime(2026, 11, 24, 9, tzinfo=UTC)
SHOP = {"kind": Kind.PROCURE, "default": 90.0, "supplier_id": 1}


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def seen(minutes: float, number: int = 0, **changes: Any) -> Seen:
    given: dict[str, Any] = {"kind": Kind.PACK, "default": 10.0, "hour": 12, **changes}
    begun = START + timedelta(hours=number)
    return Seen(minutes=minutes, started_at=begun, ended_at=begun + timedelta(minutes=minutes), **given)


# --- what is said ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("default", [0, 0.3, 10, 90, 1440])
def test_nothing_learned_is_the_default(kind: Kind, default: float) -> None:
    said = NOTHING_LEARNED.spread(kind, default, supplier_id=3, distance_km=4, hour=12)
    assert said == by_default(default) == Spread(default * LIKELY, default)


@pytest.mark.parametrize(
    ("asked", "likely"),
    [
        ({"supplier_id": 1, "hour": 12}, 90 * math.exp(0.3)),
        ({"supplier_id": 1, "hour": 23}, 90 * math.exp(0.2)),
        ({"supplier_id": 1}, 90 * math.exp(0.2)),
        ({"supplier_id": 2, "hour": 12}, 90 * math.exp(0.1)),
        ({}, 90 * math.exp(0.1)),
    ],
    ids=["its own hour", "another hour", "no hour", "another shop", "nothing known"],
)
def test_the_narrowest_group_that_is_known_speaks(asked: dict[str, Any], likely: float) -> None:
    ratios = {
        Group(Kind.PROCURE): Ratio(0.1, 0.5),
        Group(Kind.PROCURE, supplier_id=1): Ratio(0.2, 0.5),
        Group(Kind.PROCURE, supplier_id=1, hour_band=2): Ratio(0.3, 0.5),
    }
    said = Lengths(ratios=MappingProxyType(ratios)).spread(Kind.PROCURE, 90, **asked)
    assert said.likely == pytest.approx(likely)


@pytest.mark.parametrize("ratio", [Ratio(900, 901), Ratio(-900, -900), Ratio(0.5, 0.4), Ratio(0, 0)])
def test_an_absurd_lesson_still_makes_sense(ratio: Ratio) -> None:
    said = Lengths(ratios=MappingProxyType({Group(Kind.PACK): ratio})).spread(Kind.PACK, 10)
    assert 0 < said.likely <= said.cautious < 1440


def test_a_default_of_zero_minutes_is_learned_in_minutes() -> None:
    lengths = learn(seen(20, n, default=0.0) for n in range(40))
    assert lengths.spread(Kind.PACK, 0, hour=12).likely == pytest.approx(20, rel=0.4)


@pytest.mark.parametrize(
    ("asked", "keys"),
    [
        ({"kind": Kind.PACK}, ["pack"]),
        ({"kind": Kind.PACK, "hour": 3, "supplier_id": 4}, ["pack", "pack/h0"]),
        ({"kind": Kind.PROCURE, "supplier_id": 7, "hour": 9}, ["procure", "procure/s7", "procure/s7/h1"]),
        ({"kind": Kind.TRAVEL, "distance_km": 2.0, "hour": 20}, ["travel", "travel/d1", "travel/d1/h4"]),
        ({"kind": Kind.TRAVEL, "distance_km": 2.0, "is_given": True}, ["travel/given"]),
        ({"kind": Kind.TRAVEL, "is_given": True, "hour": 22}, ["travel/given", "travel/given/h0"]),
    ],
)
def test_groups(asked: dict[str, Any], keys: list[str]) -> None:
    assert [group.key for group in chain(**asked)] == keys


@pytest.mark.parametrize(
    ("km", "band"), [(None, None), (0, 0), (1.99, 0), (2, 1), (5, 2), (10, 3), (19.9, 3), (20, 4), (900, 4)]
)
def test_distance_bands(km: float | None, band: int | None) -> None:
    assert distance_band(km) == band


def test_five_hour_bands_go_round_the_clock() -> None:
    assert [hour_band(hour) for hour in range(24)] == [0] * 7 + [1] * 4 + [2] * 4 + [3] * 4 + [4] * 3 + [0] * 2


@pytest.mark.parametrize(
    ("places", "km"),
    [
        ((22.57, 88.36, 22.57, 88.36), 0),
        ((0, 0, 0, 1), 111.2),
        ((51.5074, -0.1278, 48.8566, 2.3522), 343.6),
        ((90, 0, -90, 0), 20015.1),
        ((0, 179.5, 0, -179.5), 111.2),
    ],
    ids=["here", "a degree", "London to Paris", "pole to pole", "over the date line"],
)
def test_distance(places: tuple[float, float, float, float], km: float) -> None:
    assert distance_km(*places) == pytest.approx(km, abs=0.1)


# --- what is learned -------------------------------------------------------------------------------------------------


def test_few_stay_near_the_default_and_more_come_closer() -> None:
    far = [
        abs(math.log(learn(seen(30, n) for n in range(count)).spread(Kind.PACK, 10, hour=12).likely / 30))
        for count in (0, 1, 5, 20, 80)
    ]
    assert far == sorted(far, reverse=True)
    assert far[-1] < 0.05
    one = learn([seen(30)]).spread(Kind.PACK, 10, hour=12)
    assert one.likely < 12
    assert one.cautious < 20


def test_a_lesson_at_one_shop_reaches_another_that_is_new() -> None:
    lengths = learn(seen(180, n, **SHOP) for n in range(40))
    known = lengths.spread(Kind.PROCURE, 90, supplier_id=1, hour=12)
    new = lengths.spread(Kind.PROCURE, 90, supplier_id=2, hour=12)
    assert by_default(90).likely < new.likely < known.likely
    assert known.likely == pytest.approx(180, rel=0.1)


def test_what_a_person_gave_is_learned_for_itself() -> None:
    lengths = learn(seen(60, n, kind=Kind.TRAVEL, default=30.0, is_given=True) for n in range(40))
    assert lengths.spread(Kind.TRAVEL, 40) == by_default(40)
    assert lengths.spread(Kind.TRAVEL, 20, is_given=True, hour=12).likely == pytest.approx(40, rel=0.1)


def test_one_that_takes_a_day_moves_nothing_much() -> None:
    usual = [seen(8 + n % 5, n) for n in range(60)]
    before = learn(usual).spread(Kind.PACK, 10, hour=12)
    after = learn([*usual, seen(1400, 61)]).spread(Kind.PACK, 10, hour=12)
    assert after.likely == pytest.approx(before.likely, rel=0.05)
    assert after.cautious == pytest.approx(before.cautious, rel=0.25)


@pytest.mark.parametrize(
    ("minutes", "absurd"), [(0, True), (0.49, True), (0.5, False), (1440, False), (1441, True), (-3, True)]
)
def test_absurd_lengths(minutes: float, absurd: bool) -> None:
    assert is_absurd(minutes) is absurd
    assert (learn([seen(minutes)]).ratios == {}) is absurd
    assert is_absurd(math.nan)


def test_only_the_last_ones_count() -> None:
    """A shop that became slow is slow, however long it was fast."""
    fast = [seen(5, n) for n in range(500)]
    slow = [seen(20, 500 + n) for n in range(100)]
    assert learn([*fast, *slow]).spread(Kind.PACK, 10, hour=12).likely == pytest.approx(20, rel=0.15)


def test_lengths_that_are_often_broken_are_said_longer() -> None:
    """Guesses of the past that were missed too often raise the level; a default that was missed does not."""
    usual = [seen(8 + n % 9, n) for n in range(100)]
    calm = learn(usual).spread(Kind.PACK, 10, hour=12)
    broken = learn(replace(one, said=Spread(5, 7)) for one in usual).spread(Kind.PACK, 10, hour=12)
    kept = learn(replace(one, said=Spread(5, 99)) for one in usual).spread(Kind.PACK, 10, hour=12)
    default = learn(replace(one, said=by_default(10)) for one in usual).spread(Kind.PACK, 10, hour=12)
    assert kept.cautious < calm.cautious < broken.cautious
    assert default == calm


# --- what happened ---------------------------------------------------------------------------------------------------


def trail(*told: tuple[float, str] | tuple[float, str, dict[str, Any]]) -> list[Happened]:
    """Events as (minutes, kind, data)."""
    return [
        Happened(id=number, at=at(event[0]), kind=event[1], data=event[2] if len(event) > 2 else {})
        for number, event in enumerate(told, start=1)
    ]


def line(state: str, supplier: str | None = "city", number: int = 1) -> dict[str, Any]:
    return {"line_id": number, "supplier": supplier, "state": state}


LOOKS, BUYS = line("searching"), line("bought")
END = ((90, "packed"), (95, "handed_over"), (120, "delivered"))


def taken(*told: Any, ready_at: dict[int, datetime] | None = None) -> list[tuple[str, float, float]]:
    return [
        (step.kind.value, (step.started_at - START).seconds / 60, (step.ended_at - START).seconds / 60)
        for step in steps_taken(trail(*told), ready_at or {})
    ]


def test_the_steps_of_an_order() -> None:
    told = (0, "placed"), (10, "line_searching", LOOKS), (70, "line_bought", BUYS), *END
    assert taken(*told) == [("procure", 10, 70), ("pack", 70, 90), ("travel", 95, 120)]
    assert steps_taken(trail(*told), {})[0].supplier == "city"
    assert taken(*told, ready_at={1: at(80)}) == [("procure", 10, 80), ("pack", 80, 90), ("travel", 95, 120)]


@pytest.mark.parametrize(
    ("told", "errands"),
    [
        ([(10, LOOKS), (20, LOOKS), (70, BUYS)], [("procure", 10, 70)]),
        ([(10, line("searching", None)), (20, LOOKS), (70, line("bought", None))], [("procure", 10, 70)]),
        ([(10, line("searching", "old")), (30, LOOKS), (70, BUYS)], [("procure", 30, 70)]),
        ([(10, LOOKS), (20, line("unavailable")), (70, BUYS)], []),
        ([(10, LOOKS), (20, line("reserved")), (70, BUYS)], []),
        ([(70, BUYS)], []),
        ([(10, LOOKS), (70, BUYS), (80, BUYS)], [("procure", 10, 70)]),
        ([(10, LOOKS), (70, {"line_id": 1})], []),
        ([(10, LOOKS), (11, line("searching", number=2)), (70, BUYS)], [("procure", 10, 70)]),
    ],
    ids=["told twice", "shop told later", "another shop", "not to be had", "put aside", "no start", "bought twice",
         "filled in", "another line"],
)  # fmt: skip
def test_errands(told: list[tuple[float, dict[str, Any]]], errands: list[tuple[str, float, float]]) -> None:
    events = [(minute, f"line_{data.get('state', 'bought')}", data) for minute, data in told]
    assert [step for step in taken((0, "placed"), *events, *END) if step[0] == "procure"] == errands


@pytest.mark.parametrize(
    ("told", "steps"),
    [
        ([(0, "placed"), *END], [("pack", 0, 90), ("travel", 95, 120)]),
        ([(0, "placed"), (40, "line_in_stock"), *END], [("pack", 40, 90), ("travel", 95, 120)]),
        ([(0, "placed"), (50, "changed"), *END], [("travel", 95, 120)]),
        ([(0, "placed"), (120, "packed"), (120, "left_unseen"), (120, "delivered")], []),
        ([(0, "placed"), (90, "packed"), (120, "left_unseen"), (120, "delivered")], [("pack", 0, 90)]),
        (
            [(0, "placed"), (30, "packed"), (40, "handed_over"), (60, "attempt_failed"), *END[1:]],
            [("pack", 0, 30), ("travel", 95, 120)],
        ),
        (
            [(0, "placed"), (30, "packed"), (40, "handed_over"), (60, "attempt_failed"), (70, "left_unseen"), END[2]],
            [("pack", 0, 30)],
        ),
    ],
    ids=["all on the shelf", "came in", "changed", "all filled in", "left unseen", "second attempt", "failed, unseen"],
)
def test_packing_and_the_way(told: list[Any], steps: list[tuple[str, float, float]]) -> None:
    assert taken(*told) == steps


def test_only_opening_hours_count() -> None:
    spans = [Span(at(0), at(60)), Span(at(600), at(700))]
    assert minutes_within(at(50), at(605), spans) == 15
    assert minutes_within(at(100), at(200), spans) == 0
