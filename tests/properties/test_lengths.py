"""What holds of lessons whatever was seen."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.promise.estimates import NOTHING_LEARNED, Kind, Spread
from dispatch.promise.lessons import Seen, learn

START = datetime(2026, 11, 2, tzinfo=UTC)
MINUTES = st.floats(0.01, 3000)


@st.composite
def steps(draw: st.DrawFn) -> Seen:
    minutes = draw(MINUTES)
    started_at = START + timedelta(minutes=draw(st.integers(0, 20_000)))
    said = draw(st.none() | st.builds(lambda a, b: Spread(min(a, b), max(a, b)), MINUTES, MINUTES))
    return Seen(
        kind=draw(st.sampled_from(Kind)),
        minutes=minutes,
        default=draw(st.sampled_from([0.0, 5.0, 40.0, 90.0])),
        started_at=started_at,
        ended_at=started_at + timedelta(minutes=minutes),
        hour=draw(st.integers(0, 23)),
        supplier_id=draw(st.none() | st.integers(1, 3)),
        distance_km=draw(st.none() | st.floats(0, 40)),
        is_given=draw(st.booleans()),
        said=said,
    )


PASTS = st.lists(steps(), max_size=60)


@given(PASTS, steps(), st.floats(0.1, 1440))
def test_what_is_said_makes_sense(past: list[Seen], asked: Seen, default: float) -> None:
    said = replace(asked, default=default).spread_of(learn(past))
    assert 0 < said.likely <= said.cautious
    assert math.isfinite(said.cautious)


@given(PASTS, st.randoms(use_true_random=False))
def test_the_order_of_reading_means_nothing(past: list[Seen], rng: random.Random) -> None:
    other = past[:]
    rng.shuffle(other)
    assert learn(other).ratios == learn(past).ratios


@given(PASTS, steps(), st.sampled_from([0.5, 2.0, 3.0]))
def test_twice_the_defaults_and_twice_the_minutes_are_twice_as_long(
    past: list[Seen], asked: Seen, factor: float
) -> None:
    """Nothing depends on the size of things, as long as no length becomes absurd by it."""
    usual = [replace(seen, minutes=min(max(seen.minutes, 1), 400), default=max(seen.default, 5)) for seen in past]
    usual = [replace(seen, said=None) for seen in usual]
    larger = [replace(seen, minutes=seen.minutes * factor, default=seen.default * factor) for seen in usual]
    asked = replace(asked, default=40)
    before, after = asked.spread_of(learn(usual)), replace(asked, default=40 * factor).spread_of(learn(larger))
    assert after.likely == pytest.approx(before.likely * factor)
    assert after.cautious == pytest.approx(before.cautious * factor)


@given(PASTS, steps())
def test_other_kinds_teach_nothing(past: list[Seen], asked: Seen) -> None:
    others = [seen for seen in past if seen.kind is not asked.kind]
    assert asked.spread_of(learn(others)) == asked.spread_of(NOTHING_LEARNED)


@given(st.lists(st.floats(5, 20), min_size=30, max_size=80), st.floats(0.5, 1440))
def test_one_more_of_any_length_moves_the_likely_one_little(past: list[float], more: float) -> None:
    def said(lengths: list[float]) -> Spread:
        seen = [
            Seen(kind=Kind.PACK, minutes=m, default=10, started_at=START, ended_at=START + timedelta(hours=n), hour=9)
            for n, m in enumerate(lengths)
        ]
        return seen[0].spread_of(learn(seen))

    ranked = sorted(past)
    middle = len(ranked) // 2
    most = math.log(ranked[min(middle + 1, len(ranked) - 1)] / ranked[middle - 2])
    before, after = said(past), said([*past, more])
    assert abs(math.log(after.likely / before.likely)) <= most + 0.1
