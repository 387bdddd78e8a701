"""The heads-up: when it is due, what may be chosen, what an answer says, and what the customer reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dispatch.customers import heads_up_wording as wording
from dispatch.customers.heads_up_rules import Preference, choices, due_at, proposed, read
from dispatch.customers.heads_up_wording import Told
from dispatch.messaging.phrase_rules import Language
from dispatch.messaging.reply_rules import STOP_WORDS
from dispatch.messaging.wording import segments
from dispatch.orders.rules import OPEN, Status
from dispatch.promise.rules import ClockName, Level

NOW = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
LINK = "https://dispatch.some-bookshop.example/t?k=123456-abcdefghijklmnop"
EVERYTHING = tuple(Preference)


@pytest.mark.parametrize(
    ("level", "minutes", "is_last_rung", "after"),
    [
        (Level.AT_RISK, 180, False, 120),
        (Level.AT_RISK, 180, True, 0),
        (Level.AT_RISK, 60, False, 0),
        (Level.AT_RISK, 5, False, 0),
        (Level.WATCH, 5, True, None),
        (Level.ON_TRACK, 5, False, None),
        # Too late for a choice: an apology is owed.
        (Level.LATE, 5, True, None),
    ],
)
def test_when_it_is_due(level: Level, minutes: int, is_last_rung: bool, after: int | None) -> None:
    due = due_at(level, NOW + timedelta(minutes=minutes), is_last_rung=is_last_rung, now=NOW)
    assert due == (None if after is None else NOW + timedelta(minutes=after))


@pytest.mark.parametrize(
    ("projected", "timezone", "time"),
    [
        (10, "UTC", "14:30"),
        (16, "UTC", "14:45"),
        (31, "UTC", "15:00"),
        # A quarter of an hour there is one on their clock.
        (31, "Asia/Kathmandu", "15:00"),
        (31, "Pacific/Chatham", "15:00"),
    ],
)
def test_the_new_time_has_some_air_and_is_a_round_one(projected: int, timezone: str, time: str) -> None:
    at = proposed(NOW, NOW + timedelta(minutes=projected), timezone)
    assert at is not None
    assert f"{at:%H:%M}" == time
    assert at >= NOW + timedelta(minutes=30)


def test_what_nobody_can_tell_is_not_offered() -> None:
    assert proposed(NOW, None, "UTC") is None
    for status in OPEN:
        can = choices(status, None)
        assert Preference.LATER not in can
        assert (Preference.COLLECT in can) is (status is not Status.OUT_FOR_DELIVERY)
        assert Preference.LATER in choices(status, NOW)


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("1", Preference.WAIT),
        (" 2. please", Preference.LATER),
        ("3", Preference.COLLECT),
        ("4", Preference.CANCEL),
        ("5", None),
        ("0", None),
        ("no", None),
        ("yes", None),
        ("1 or 2", None),
        ("at 4 pm I am home", None),
        ("", None),
    ],
)
def test_what_an_answer_says(text: str, wish: Preference | None) -> None:
    assert read(text, EVERYTHING) is wish


def told(**changes: Any) -> Told:
    given: dict[str, Any] = {
        "shop": "Kala Books",
        "name": "Arjun",
        "what": "Physics 2",
        "promised": "19:30",
        "link": LINK,
        "cause": ClockName.SHIFT_END,
        "choices": EVERYTHING,
        "later": "20:15",
    }
    return Told(**{**given, **changes})


def test_facts_what_we_do_and_a_choice() -> None:
    assert wording.heads_up(told()).ours() == (
        "Hello Arjun, Kala Books: Physics 2 may not be with you by 19:30: there may be nobody left to bring it. We are "
        f"asking everybody who can help. Reply 1 to wait, 2 for 20:15, 3 to collect it, 4 if not needed. Or: {LINK}"
    )
    assert "Ravi is on it." in wording.heads_up(told(taker="Ravi")).ours()
    only = wording.heads_up(told(takes_replies=False)).ours()
    assert ("Reply" in only, f"Tell us what you prefer: {LINK}" in only) == (False, True)


def test_what_nobody_has_found_is_not_late_from_another_shop_and_not_to_be_collected() -> None:
    cause = ClockName.PROCUREMENT
    assert "by 19:30: we have not found it yet. We are" in wording.heads_up(told(cause=cause, missing=1)).ours()
    assert "we have not found all of it yet." in wording.heads_up(told(cause=cause, missing=1, count=2)).ours()
    assert "from another shop takes longer" in wording.heads_up(told(cause=cause, count=2)).ours()
    assert "यह अभी नहीं मिला" in wording.heads_up(told(cause=cause, missing=1), Language.HI).ours(Language.HI)
    assert Preference.COLLECT in choices(Status.PROCURING, NOW)
    assert Preference.COLLECT not in choices(Status.PROCURING, NOW, is_missing=True)


@pytest.mark.parametrize("clock", ClockName)
def test_no_apology_and_no_word_that_stops_our_texts(clock: ClockName) -> None:
    text = wording.heads_up(told(cause=clock)).ours()
    assert segments(text).count <= 2
    words = {word.strip(".,:").lower() for word in text.split()}
    assert not words & (STOP_WORDS | {"sorry", "apologise", "apologies"})


MONSTERS = {"huge": "A very long title of a book " * 30, "hindi": "भौतिकी की किताब " * 30, "unbroken": "x" * 900}


@pytest.mark.parametrize("monster", MONSTERS.values(), ids=MONSTERS)
@pytest.mark.parametrize("field", ["what", "name", "shop", "taker"])
def test_it_fits_and_keeps_its_link(monster: str, field: str) -> None:
    text = wording.heads_up(told(**{field: monster})).ours()
    assert segments(text).count <= 2, text
    assert LINK in text


def test_answers_are_true_and_short() -> None:
    assert wording.has_later("20:15") == "Thank you. You will have it by 20:15."
    assert "4 Lake Road" in wording.collects("Kala Books", "4 Lake Road", LINK)
    assert wording.over(delivered="19:02") == "No need to choose any more: it is with you since 19:02."
    assert "cancelled" in wording.over(is_cancelled=True)
    assert wording.over() == "It is on its way to you already."
    assert wording.over(arrives="19:40") == "It is on its way to you already, there at about 19:40."
    for wish in Preference:
        assert wording.already(wish).startswith("You chose ")
