"""What the clock says: times with their day where it could be another, and lists of people that can be read aloud."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from dispatch.promise import wording

TZ = "Europe/Berlin"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(TZ))


@pytest.mark.parametrize(
    ("instant", "promise", "now", "said"),
    [
        ("2026-11-24 18:00", "2026-11-24 20:00", "2026-11-24 09:00", "18:00"),
        ("2026-11-24 18:00", "2026-11-24 20:00", "2026-11-23 23:59", "18:00 on Tue"),
        ("2026-11-23 23:40", "2026-11-24 00:30", "2026-11-23 22:00", "23:40 on Mon"),
        ("2026-11-24 00:10", "2026-11-24 00:30", "2026-11-23 22:00", "00:10 on Tue"),
        ("2026-11-23 17:00", "2026-11-24 20:00", "2026-11-24 09:00", "17:00 on Mon"),
        ("2026-11-30 10:59", "2026-11-30 12:00", "2026-11-24 09:00", "10:59 on Mon"),
        ("2026-12-01 10:59", "2026-12-01 12:00", "2026-11-24 09:00", "10:59 on Tue 1 Dec"),
        ("2026-11-17 10:59", "2026-11-24 12:00", "2026-11-24 09:00", "10:59 on Tue 17 Nov"),
        ("2026-10-25 02:30", "2026-10-25 06:00", "2026-10-25 00:30", "02:30"),
    ],
)
def test_a_time_has_its_day_where_it_could_be_another(instant: str, promise: str, now: str, said: str) -> None:
    assert wording.clock_time(at(instant), TZ, promise=at(promise), now=at(now)) == said


def test_what_was_said_the_evening_before_is_true_in_the_morning() -> None:
    said = wording.clock_time(at("2026-11-24 10:59"), TZ, promise=at("2026-11-24 12:00"), now=at("2026-11-23 14:00"))
    assert said == "10:59 on Tue"


@pytest.mark.parametrize(
    ("names", "refs", "said"),
    [
        (["Ravi"], ["K7Q2"], "Ravi is needed for K7Q2, and nobody is left for this"),
        (["Ravi", "Pia"], ["K7Q2", "M3PA"], "Ravi and Pia are needed for K7Q2 and M3PA, and nobody is left for this"),
        (
            ["Ravi", "Pia", "Max"],
            ["a quoted order", "K7Q2", "M3PA"],
            "Ravi, Pia and Max are needed for a quoted order, K7Q2 and M3PA, and nobody is left for this",
        ),
        (list("abcd"), list("wxyz"), "all 4 people are needed for 4 other orders, and nobody is left for this"),
    ],
)
def test_who_is_needed_elsewhere_is_a_list_to_read_aloud(names: list[str], refs: list[str], said: str) -> None:
    assert wording.all_are_needed(names, refs) == said
