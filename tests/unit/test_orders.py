"""Every pair of status and move, and every pair of a line's state and news about it, as two tables."""

from __future__ import annotations

import pytest

from dispatch.foundation.errors import Invalid
from dispatch.orders.policy import BOUNDS, Policy, read_policy
from dispatch.orders.rules import (
    CLOSED,
    IN_HAND,
    MOVES,
    NEXT_MOVE,
    OPEN,
    PROCUREMENT,
    REF_ALPHABET,
    Move,
    Sourcing,
    Status,
    allowed_moves,
    status_of_lines,
)
from dispatch.orders.wording import first_name

# A row per status: where pack, hand_over, deliver, fail and cancel lead; "-" is refused.
MOVE_TABLE = """
procuring         -      -                 delivered  -      cancelled
packing           ready  -                 delivered  -      cancelled
ready             -      out_for_delivery  delivered  -      cancelled
out_for_delivery  -      -                 delivered  ready  cancelled
delivered         -      -                 -          -      -
cancelled         -      -                 -          -      -
"""
# A row per state: whether searching, reserved, bought and unavailable may follow.
NEWS_TABLE = """
in_stock     -    -    -    -
to_procure   yes  yes  yes  yes
searching    yes  yes  yes  yes
reserved     yes  yes  yes  yes
bought       -    -    yes  -
unavailable  yes  yes  yes  yes
substituted  -    -    -    -
"""
NEWS = (Sourcing.SEARCHING, Sourcing.RESERVED, Sourcing.BOUGHT, Sourcing.UNAVAILABLE)


def _rows(table: str) -> list[list[str]]:
    return [line.split() for line in table.strip().splitlines()]


MOVE_ROWS = [
    pytest.param(Status(row[0]), move, target, id=f"{row[0]}-{move}")
    for row in _rows(MOVE_TABLE)
    for move, target in zip(Move, row[1:], strict=True)
]
NEWS_ROWS = [
    pytest.param(Sourcing(row[0]), news, said, id=f"{row[0]}-{news}")
    for row in _rows(NEWS_TABLE)
    for news, said in zip(NEWS, row[1:], strict=True)
]


def test_the_tables_are_complete() -> None:
    assert len(MOVE_ROWS) == len(Status) * len(Move)
    assert len(NEWS_ROWS) == len(Sourcing) * len(NEWS)


@pytest.mark.parametrize(("status", "move", "target"), MOVE_ROWS)
def test_moves(status: Status, move: Move, target: str) -> None:
    assert MOVES.get((status, move)) == (None if target == "-" else Status(target))
    assert (move in allowed_moves(status)) is (target != "-")


@pytest.mark.parametrize(("state", "news", "said"), NEWS_ROWS)
def test_news_of_a_line(state: Sourcing, news: Sourcing, said: str) -> None:
    assert (news in PROCUREMENT[state]) is (said == "yes")


def test_deliver_is_never_refused_while_the_order_is_open() -> None:
    assert all(Move.DELIVER in allowed_moves(status) for status in OPEN)
    assert set(OPEN) | CLOSED == set(Status)


@pytest.mark.parametrize(("status", "move"), NEXT_MOVE.items())
def test_the_suggested_move_is_allowed(status: Status, move: Move) -> None:
    assert move in allowed_moves(status)


@pytest.mark.parametrize("state", Sourcing)
def test_one_line_not_in_hand_keeps_an_order_procuring(state: Sourcing) -> None:
    expected = Status.PACKING if state in IN_HAND else Status.PROCURING
    assert status_of_lines([Sourcing.IN_STOCK, state]) is expected
    assert status_of_lines([state]) is expected


def test_references_have_no_look_alikes() -> None:
    assert not set(REF_ALPHABET) & set("01OILS")
    assert len(set(REF_ALPHABET)) == len(REF_ALPHABET) == 30


def test_a_policy_that_is_not_given_is_the_contract_s() -> None:
    assert read_policy(None).to_dict() == {
        "watch_minutes": 30,
        "step_min_seconds": 120,
        "step_max_seconds": 600,
        "check_in_grace_seconds": 300,
        "pack_minutes": 10,
        "travel_minutes": 40,
        "procure_minutes": 90,
        "handover_minutes": 5,
        "apology_grace_minutes": 10,
        "page_cap_per_hour": 30,
    }


@pytest.mark.parametrize("name", BOUNDS)
def test_every_setting_of_a_policy_has_bounds(name: str) -> None:
    least, most = BOUNDS[name]
    others = {"step_min_seconds": least} if name == "step_max_seconds" else {}
    others |= {"step_max_seconds": 86400} if name == "step_min_seconds" else {}
    for value in (least, most):
        assert getattr(read_policy({**others, name: value}), name) == value
    for value in (least - 1, most + 1, 1.5, "10", True, None):
        with pytest.raises(Invalid) as error:
            read_policy({**others, name: value})
        assert error.value.errors[0].field == f"policy.{name}"


def test_complaints_about_a_policy_come_all_at_once() -> None:
    with pytest.raises(Invalid) as error:
        read_policy({"watch_minutes": -1, "pack_minutes": "x", "nap_minutes": 3})
    assert {e.field for e in error.value.errors} == {
        "policy.watch_minutes",
        "policy.pack_minutes",
        "policy.nap_minutes",
    }


def test_the_shortest_step_is_not_longer_than_the_longest() -> None:
    with pytest.raises(Invalid, match="step_min_seconds"):
        read_policy({"step_min_seconds": 601})
    assert read_policy({"step_min_seconds": 601, "step_max_seconds": 601}) == Policy(
        step_min_seconds=601, step_max_seconds=601
    )


CALLED = [
    ("Arjun Mehta", "Arjun"),
    ("Dr. Mehta", "Dr. Mehta"),
    ("dr  Meera  Rao", "dr Meera Rao"),
    ("Smt. Sunita Rao", "Smt. Sunita Rao"),
    ("श्री गणेश", "श्री गणेश"),
    ("R. K. Narayan", "R. K. Narayan"),
    ("Drew Barry", "Drew"),
    ("Dr.", "Dr."),
    ("王 伟", "王"),
    ("  ", "  "),
]


@pytest.mark.parametrize(("name", "called"), CALLED)
def test_a_title_is_no_first_name(name: str, called: str) -> None:
    assert first_name(name) == called
