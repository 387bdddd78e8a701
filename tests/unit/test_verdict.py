"""The verdict in words: by when, under which conditions, and what to say on the phone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dispatch.promise import wording
from dispatch.promise.known import Door
from dispatch.promise.rules import Verdict

NOW = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)
HERE = "Asia/Kolkata"


@pytest.mark.parametrize(
    ("hours", "said"),
    [(6, "20:00 today"), (10, "00:00 tomorrow"), (24, "14:00 tomorrow"), (48, "14:00 on Thu 26 Nov")],
)
def test_a_promise_as_it_is_said(hours: int, said: str) -> None:
    assert wording.by_when(NOW + timedelta(hours=hours), HERE, NOW) == said


@pytest.mark.parametrize(
    ("verdict", "earliest", "shops", "said"),
    [
        (Verdict.YES, "18:35 today", (), "You will have it by 20:00 today."),
        (Verdict.YES_IF, "18:35 today", (), "You will have it by 20:00 today."),
        (Verdict.YES_IF, "", ("City Books",), "You will have it by 20:00 today: we get it from City Books."),
        (Verdict.YES_IF, "", ("A", "B"), "You will have it by 20:00 today: we get it from A and B."),
        (Verdict.NO, "18:35 today", (), "I can promise it by 18:35 today."),
        (Verdict.NO, "", (), "I can't promise it: I don't see how we could do it."),
    ],
)
def test_what_to_say_on_the_phone(verdict: Verdict, earliest: str, shops: tuple[str, ...], said: str) -> None:
    assert wording.on_the_phone(verdict, asked="20:00 today", earliest=earliest, shops=shops) == said


def test_conditions() -> None:
    assert wording.leaves_for("City Books", "16:40") == "if somebody leaves for City Books by 16:40"
    assert wording.goes_to_look("Physics 2", "16:40") == "if somebody goes to look for Physics 2 by 16:40"
    assert wording.leaves_the_shop("17:15") == "if it leaves the shop by 17:15"


@pytest.mark.parametrize(
    "door", [Door("12 lake road"), Door("12 lake road", 18.52, 73.85), Door('the door ["x"]', 0.0, -0.5), Door("ß ½")]
)
def test_a_door_in_the_plan_is_the_same_door(door: Door) -> None:
    assert Door.read(door.stop) == door


@pytest.mark.parametrize("stop", ["", "the door", "shop 3", "shop the door []"])
def test_other_stops_are_no_door(stop: str) -> None:
    assert Door.read(stop) is None
