"""Whom to ring first: kinds, chances, ways, closing times and what was said today."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dispatch.foundation.hours import Span
from dispatch.procurement import wording
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
    weight_steps,
)

MIDNIGHT = datetime(2026, 11, 24, tzinfo=UTC)


def at(time: str, *, day: int = 0) -> datetime:
    hour, minute = map(int, time.split(":"))
    return MIDNIGHT + timedelta(days=day, hours=hour, minutes=minute)


NOW = at("14:00")


def need(**changes: Any) -> Need:
    values = {"now": NOW, "midnight": MIDNIGHT, "horizon": NOW + timedelta(hours=36), "home_by": at("18:00"), **changes}
    return Need(**values)


def hours(*spans: tuple[str, str], day: int = 0) -> tuple[Span, ...]:
    return tuple(Span(at(start, day=day), at(end, day=day)) for start, end in spans)


def shop(name: str, **changes: Any) -> Shop:
    given = {"open": hours(("10:00", "20:00")), "way_minutes": 10, "stay_minutes": 30, "is_tied": True, **changes}
    return Shop(id=sum(map(ord, name)), name=name, **given)


def said(outcome: str, time: str = "13:40", *, day: int = 0, **more: Any) -> tuple[Answer, ...]:
    return (Answer(outcome=Outcome(outcome), at=at(time, day=day), **more),)


@pytest.mark.parametrize(
    ("sku", "kind"),
    [
        ("physics-2", "physics"),
        ("PHY-2-b", "phy"),
        ("PHYS102", "phys"),
        ("9780140449136", None),
        ("978-0-14-044913-6", None),
        ("978-x", None),
        ("b12-7", "b12"),
        ("", None),
        (None, None),
        ("Ü-1", "ü"),
    ],
)
def test_the_kind_of_a_thing(sku: str | None, kind: str | None) -> None:
    assert kind_of(sku) == kind


def tally(yes: int, no: int) -> Tally:
    return Tally(yes=yes, no=no, n_yes=yes, n=yes + no)


@pytest.mark.parametrize(
    ("tallies", "is_tied", "chance"),
    [
        ({}, True, TIED_PRIOR),
        ({}, False, OTHER_PRIOR),
        # Two pseudo-answers at 0.6 and one more yes, or no.
        ({Scope.ITEM: tally(1, 0)}, True, 0.7333),
        ({Scope.ITEM: tally(0, 1)}, True, 0.4),
        # The kind counts less than the thing: (4 * .6) / 5
        ({Scope.KIND: tally(0, 1)}, True, 0.48),
        ({Scope.SHOP: tally(0, 1)}, True, 0.5333),
        # A shop that never has anything of ours, but had this one: (8 * .15) / 28, then (2 * that + 1) / 3
        ({Scope.SHOP: tally(0, 20), Scope.ITEM: tally(1, 0)}, False, 0.3619),
    ],
)
def test_chances(tallies: dict[Scope, Tally], is_tied: bool, chance: float) -> None:
    assert chance_of(tallies, is_tied=is_tied) == pytest.approx(chance, abs=1e-4)


def test_an_answer_counts_half_after_sixty_days_and_not_after_a_year() -> None:
    steps = weight_steps()
    assert steps[0] == (timedelta(days=30), 1.0)
    assert dict(steps)[timedelta(days=90)] == pytest.approx(0.5)
    assert steps[-1][0] == timedelta(days=360)
    assert [weight for _, weight in steps] == sorted((weight for _, weight in steps), reverse=True)


# Who comes first, who second, and why the second stands where it stands.
ORDER = [
    ("the likelier", shop("A"), shop("B", is_tied=False), Why.UNTRIED),
    ("of two as likely the nearer", shop("B", way_minutes=5), shop("A", way_minutes=25), Why.TIED),
    ("of two as near the name", shop("A"), shop("b"), Why.TIED),
    ("a known way before an unknown", shop("B"), shop("A", way_minutes=None), Why.TIED),
    ("reachable before likelier", shop("B", is_tied=False), shop("A", way_minutes=120), Why.TOO_FAR),
    ("open long enough", shop("B", is_tied=False), shop("A", open=hours(("10:00", "14:30"))), Why.CLOSES_FIRST),
    ("open at all", shop("B", is_tied=False), shop("A", open=hours(("10:00", "20:00"), day=1)), Why.SHUT),
    ("today, though too far, before tomorrow", shop("B", way_minutes=120, is_tied=False), shop("A", open=()), Why.SHUT),
    ("whoever keeps it", shop("B", is_keeping=True, is_tied=False), shop("A"), Why.TIED),
    ("no today goes to the end", shop("B", way_minutes=120, is_tied=False), shop("A", answers=said("no")), Why.SAID_NO),
    ("closed today goes to the end", shop("B", is_tied=False), shop("A", answers=said("closed")), Why.FOUND_CLOSED),
    ("a telephone that rang in vain", shop("B"), shop("A", answers=said("no_answer")), Why.NO_ANSWER),
    ("hours that are often wrong", shop("B"), shop("A", door=tally(0, 9)), Why.TIED),
    ("what they had of it", shop("B", tallies={Scope.ITEM: tally(2, 0)}), shop("A"), Why.TIED),
]


@pytest.mark.parametrize(("first", "second", "why"), [row[1:] for row in ORDER], ids=[row[0] for row in ORDER])
def test_who_is_rung_first(first: Shop, second: Shop, why: Why) -> None:
    for shops in ([first, second], [second, first]):
        rows = rank(shops, need())
        assert [row.shop.name for row in rows] == [first.name, second.name]
        assert rows[1].why is why


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        (said("no", "23:00", day=-1), Why.TIED),
        (said("no") + said("has_it", "13:50"), Why.HAD_IT),
        (said("has_it") + said("no", "13:50"), Why.SAID_NO),
        (said("no", "12:00") + said("no_answer", "13:50"), Why.SAID_NO),
        # Closed at half past nine, and open since ten.
        (said("closed", "09:30"), Why.TIED),
        (said("no", "09:10") + said("closed", "09:30"), Why.SAID_NO),
        (said("no_answer", "13:00"), Why.TIED),
        (said("bought", is_mine=False), Why.HAD_IT),
    ],
)
def test_what_counts_of_what_was_said(answers: tuple[Answer, ...], why: Why) -> None:
    (row,) = rank([shop("A", answers=answers)], need())
    assert row.why is why
    assert row.last == answers[-1]


@pytest.mark.parametrize(
    ("changes", "asked", "leave_by", "is_reachable"),
    [
        # 18:00 less 10 there, 30 to buy, 10 back.
        ({}, {}, "17:10", True),
        # Before they close: 15:00 less 30 and 10.
        ({"open": hours(("10:00", "15:00"))}, {}, "14:20", True),
        ({"open": hours(("10:00", "14:40"))}, {}, "14:00", True),
        ({"open": hours(("10:00", "14:39"), ("16:00", "20:00"))}, {}, "17:10", True),
        ({"open": hours(("10:00", "14:39"), ("17:30", "20:00"))}, {}, "19:20", False),
        # What the clock says binds a shop that it counts on, and no other.
        ({}, {"act_by": at("16:00")}, "16:00", True),
        ({"is_tied": False}, {"act_by": at("16:00")}, "17:10", True),
        ({"is_keeping": True, "kept_until": at("16:30")}, {}, "15:50", True),
        ({"open": (Span(at("00:00"), NOW + timedelta(hours=36)),)}, {}, "17:10", True),
        ({"open": (Span(at("00:00"), NOW + timedelta(hours=36)),), "way_minutes": 200}, {}, None, False),
        ({}, {"home_by": at("14:50")}, "14:00", True),
        ({}, {"home_by": at("14:49")}, "19:20", False),
        ({"open": ()}, {}, None, False),
        # Errands there take half as long again: 18:00 less 15 there, 45 to buy, 15 back.
        ({"stretch": 1.5}, {}, "16:45", True),
        # What is put aside is only collected, however long it takes to find things there: 16:30 less 30 and 15.
        ({"stretch": 1.5, "is_keeping": True, "kept_until": at("16:30")}, {}, "15:45", True),
    ],
)
def test_when_to_leave(
    changes: dict[str, Any], asked: dict[str, Any], leave_by: str | None, is_reachable: bool
) -> None:
    (row,) = rank([shop("A", **changes)], need(**asked))
    assert (row.leave_by, row.is_reachable) == (at(leave_by) if leave_by else None, is_reachable)


def test_hours_are_told() -> None:
    (row,) = rank([shop("A", open=hours(("10:00", "13:00"), ("15:00", "20:00")))], need())
    assert (row.is_open, row.open_until, row.opens_at) == (False, None, at("15:00"))
    (row,) = rank([shop("A", open=(Span(at("00:00"), NOW + timedelta(hours=36)),))], need())
    assert (row.is_open, row.open_until, row.opens_at) == (True, None, None)


REASONS = [
    (shop("A", is_keeping=True, kept_until=at("18:00")), "Keeps it until 18:00."),
    (shop("A", is_keeping=True), "Keeps it for us."),
    (shop("A", answers=said("no")), "Said no 20 min ago."),
    (shop("A", answers=said("no", is_mine=False)), "Said no 20 min ago, asked for another order."),
    (shop("A", answers=said("closed")), "Was closed 20 min ago, though their hours say open."),
    (shop("A", answers=said("closed", is_open_by_hours=False)), "Was closed 20 min ago."),
    (shop("A", answers=said("no_answer")), "Didn't answer 20 min ago: try again."),
    (shop("A", answers=said("has_it", "11:00")), "Had it 3 h ago."),
    (shop("A", open=hours(("10:00", "20:00"), day=1)), "Opens Wed 25 Nov 10:00."),
    (shop("A", open=()), "Doesn't open in time."),
    (shop("A", way_minutes=300), "Nobody could be back in time."),
    (shop("A", tallies={Scope.ITEM: tally(3, 1), Scope.SHOP: tally(9, 9)}), "Had it 3 of 4 times."),
    (shop("A", tallies={Scope.KIND: tally(1, 1)}), "Had 1 of 2 things of this kind."),
    (shop("A", tallies={Scope.SHOP: tally(0, 2)}), "Had 0 of 2 things we asked for."),
    (shop("A"), "Usually has it."),
    (shop("A", is_tied=False), "Not asked for anything like it yet."),
]


@pytest.mark.parametrize(("one", "reason"), REASONS, ids=[reason for _, reason in REASONS])
def test_the_reason_is_one_line(one: Shop, reason: str) -> None:
    (row,) = rank([one], need())
    assert wording.rank_reason(row, NOW, "UTC") == reason


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(0, "just now"), (1, "1 min ago"), (59, "59 min ago"), (60, "1 h ago"), (1439, "23 h ago"), (1440, "a day ago"),
     (4000, "2 days ago")],
)  # fmt: skip
def test_ages(minutes: int, words: str) -> None:
    assert wording.ago(NOW - timedelta(minutes=minutes), NOW) == words


def test_who_was_asked_in_vain() -> None:
    told = [("A", Outcome.NO), ("B", Outcome.HAS_IT), ("C", Outcome.NO_ANSWER)]
    assert wording.asked_in_vain(told) == " Asked: A (no), C (no answer)."
    assert wording.asked_in_vain([("B", Outcome.HAS_IT)]) == ""


@pytest.mark.parametrize("outcome", Outcome)
def test_every_answer_has_words(outcome: Outcome) -> None:
    text = wording.answer_event(outcome, shop="City Books", title="Physics 2", is_open_by_hours=True, note="rang twice")
    assert "City Books" in text
    assert text.endswith(" rang twice")
    assert wording.heard(Answer(outcome=outcome, at=NOW), NOW).endswith("just now")
