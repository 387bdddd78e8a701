"""Chances and places on the call list, whatever was answered."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from dispatch.foundation.hours import Span
from dispatch.procurement.calls import (
    OTHER_PRIOR,
    TIED_PRIOR,
    Answer,
    Need,
    Outcome,
    Scope,
    Shop,
    Tally,
    Why,
    chance_of,
    kind_of,
    rank,
)

NOW = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
weights = st.floats(min_value=0, max_value=10_000)
tallies = st.dictionaries(st.sampled_from(Scope), st.builds(Tally, yes=weights, no=weights))
instants = st.integers(-600, 600).map(lambda minutes: NOW + timedelta(minutes=minutes))
spans = st.lists(st.tuples(instants, st.integers(1, 600)), max_size=3).map(
    lambda found: tuple(sorted(Span(start, start + timedelta(minutes=length)) for start, length in found))
)
answers = st.lists(
    st.builds(Answer, outcome=st.sampled_from(Outcome), at=instants.filter(lambda at: at <= NOW)), max_size=4
).map(lambda found: tuple(sorted(found, key=lambda answer: answer.at)))
shops = st.builds(
    Shop,
    id=st.integers(1, 99),
    name=st.text(max_size=3),
    open=spans,
    way_minutes=st.none() | st.integers(0, 300),
    stay_minutes=st.integers(0, 200),
    is_tied=st.booleans(),
    tallies=tallies,
    answers=answers,
)
needs = st.builds(
    Need,
    now=st.just(NOW),
    midnight=st.just(NOW - timedelta(hours=14)),
    horizon=st.just(NOW + timedelta(hours=36)),
    home_by=instants,
    act_by=st.none() | instants,
)


@given(tallies, st.booleans())
def test_a_chance_is_never_none_and_never_certain(found: dict[Scope, Tally], is_tied: bool) -> None:
    assert 0 < chance_of(found, is_tied=is_tied) < 1


@given(tallies, st.booleans(), st.sampled_from(Scope), st.floats(min_value=0.01, max_value=1))
def test_a_no_never_raises_it_and_a_yes_never_lowers_it(
    found: dict[Scope, Tally], is_tied: bool, scope: Scope, weight: float
) -> None:
    before, tally = chance_of(found, is_tied=is_tied), found.get(scope, Tally())
    after_no = chance_of({**found, scope: replace(tally, no=tally.no + weight)}, is_tied=is_tied)
    after_yes = chance_of({**found, scope: replace(tally, yes=tally.yes + weight)}, is_tied=is_tied)
    assert after_no <= before + 1e-12
    assert after_yes >= before - 1e-12


@given(st.sampled_from(Scope), st.integers(1, 2000), st.booleans())
def test_little_changes_little_and_much_tells_all(scope: Scope, n: int, is_tied: bool) -> None:
    """The chance lies between where it began and what was seen, and the nearer to that the more was seen."""
    prior = TIED_PRIOR if is_tied else OTHER_PRIOR
    few, many = (chance_of({scope: Tally(yes=count)}, is_tied=is_tied) for count in (n, n + 1))
    assert prior < few <= many < 1
    assert chance_of({scope: Tally(yes=100_000)}, is_tied=is_tied) > 0.999


@given(st.integers(1, 50), st.booleans())
def test_what_was_said_of_the_thing_counts_most(n: int, is_tied: bool) -> None:
    near, kind, shop = (chance_of({scope: Tally(no=n)}, is_tied=is_tied) for scope in reversed(Scope))
    assert near < kind < shop


@given(st.lists(shops, max_size=6), needs)
def test_the_list_holds_everybody_once_and_its_promises_hold(found: list[Shop], need: Need) -> None:
    rows = rank(found, need)
    assert sorted(id(row.shop) for row in rows) == sorted(map(id, found))
    groups = [2 if row.why in (Why.SAID_NO, Why.FOUND_CLOSED) else 1 for row in rows]
    assert groups == sorted(groups)
    for row in rows:
        if not row.is_reachable:
            continue
        way, stay = timedelta(minutes=row.shop.way_minutes or 0), timedelta(minutes=row.shop.stay_minutes)
        assert row.leave_by is not None
        assert row.leave_by >= need.now
        # Whoever sets out at the last instant buys within an opening and is back in time.
        assert row.leave_by + way + stay + way <= need.home_by
        assert any(row.leave_by + way + stay <= span.end for span in row.shop.open)


@given(st.lists(shops, max_size=6), needs)
def test_a_no_today_is_never_rung_before_anybody_else(found: list[Shop], need: Need) -> None:
    refused = [replace(shop, answers=(Answer(outcome=Outcome.NO, at=need.now),)) for shop in found[:1]]
    others = [replace(shop, answers=()) for shop in found[1:]]
    rows = rank([*refused, *others], need)
    assert [row.shop for row in rows[len(others) :]] == refused


@given(st.text(max_size=40))
def test_every_number_has_a_kind_or_none(sku: str) -> None:
    kind = kind_of(sku)
    assert kind is None or (kind == kind.lower() and kind)
