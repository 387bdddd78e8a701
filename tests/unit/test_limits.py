"""What is held back by us, as a table of cases."""

from __future__ import annotations

import pytest

from dispatch.messaging.limit_rules import MOST_A_DAY, Limits, Refusal, prefixes_of, refusal
from dispatch.messaging.rules import OTHER_COUNTRY_CODE, TOO_MANY_CODE, Hold, Kind, TextState, is_unreachable

BUDGET = Limits(per_month=100)


def refused(kind: Kind, *, limits: Limits, prefix: str = "+44", sent_today: int = 0, used: int = 0) -> Refusal | None:
    return refusal(kind, prefix, limits=limits, sent_today=sent_today, used=used)


@pytest.mark.parametrize("kind", Kind)
def test_nothing_is_held_without_limits(kind: Kind) -> None:
    assert refused(kind, limits=Limits(), sent_today=MOST_A_DAY - 1, used=10**6) is None


@pytest.mark.parametrize("kind", Kind)
def test_no_kind_goes_to_another_country(kind: Kind) -> None:
    limits = Limits(prefixes=frozenset({"+44", "+91"}))
    assert refused(kind, limits=limits, prefix="+91") is None
    said = refused(kind, limits=limits, prefix="+33")
    assert said is not None
    assert (said.code, "+33" in said.error, "DISPATCH_COUNTRIES" in said.error) == (OTHER_COUNTRY_CODE, True, True)


def test_where_texts_may_go() -> None:
    assert prefixes_of(("FR", "US")) == {"+33", "+1"}
    # Nobody has named a country: everywhere.
    assert refused(Kind.PAGE, limits=Limits(prefixes=prefixes_of(())), prefix="+33") is None


@pytest.mark.parametrize("kind", Kind)
def test_a_number_has_had_enough_but_is_still_stood_down_and_answered(kind: Kind) -> None:
    said = refused(kind, limits=Limits(), sent_today=MOST_A_DAY)
    assert (said is None) is (kind in {Kind.STAND_DOWN, Kind.REPLY})
    assert said is None or said.code == TOO_MANY_CODE


@pytest.mark.parametrize(
    ("used", "held"),
    [
        (0, set()),
        (89, set()),
        (90, {Kind.NOTICE, Kind.TEST}),
        (99, {Kind.NOTICE, Kind.TEST}),
        (100, set(Kind) - {Kind.STAND_DOWN}),
        (10_000, set(Kind) - {Kind.STAND_DOWN}),
    ],
)
def test_at_the_end_of_the_budget_notices_are_held_first_and_stand_downs_never(used: int, held: set[Kind]) -> None:
    assert {kind for kind in Kind if refused(kind, limits=BUDGET, used=used)} == held


@pytest.mark.parametrize(("code", "is_theirs"), [(OTHER_COUNTRY_CODE, True), (TOO_MANY_CODE, True), (None, False)])
def test_the_ladder_moves_on_for_a_number_and_not_for_the_budget(code: int | None, *, is_theirs: bool) -> None:
    assert is_unreachable(TextState.HELD, code, hold=Hold.CONFIGURATION) is is_theirs
