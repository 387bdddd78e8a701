"""Who may do what, who is here, and who may be asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dispatch.foundation.hours import Span
from dispatch.staff.rules import MAY_DO, Person, Role, Skill

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
TEN_TO_SEVEN = Span(NOON - 2 * HOUR, NOON + 7 * HOUR)

# Who may procure, pack, deliver.
SKILLS = """
rider    -    yes  yes
buyer    yes  yes  -
staff    yes  yes  yes
manager  yes  yes  yes
founder  yes  yes  yes
"""
ROWS = [
    pytest.param(Role(row[0]), skill, said, id=f"{row[0]}-{skill}")
    for row in (line.split() for line in SKILLS.strip().splitlines())
    for skill, said in zip(Skill, row[1:], strict=True)
]


def person(**changes: Any) -> Person:
    given: dict[str, Any] = {"id": 1, "name": "Ravi", "role": Role.RIDER, "phone": "+447700900001", "shifts": ()}
    return Person(**{**given, **changes})


def span(start: float, end: float) -> Span:
    """Hours from noon."""
    return Span(NOON + start * HOUR, NOON + end * HOUR)


@pytest.mark.parametrize(("role", "skill", "said"), ROWS)
def test_who_may_do_what(role: Role, skill: Skill, said: str) -> None:
    assert person(role=role).can(skill) is (said == "yes")


def test_the_table_is_complete() -> None:
    assert len(ROWS) == len(Role) * len(Skill)
    assert set(MAY_DO) == set(Skill)


# on a shift, paused, reachable, on call, role -> available, may be asked
AVAILABILITY = [
    ("on a shift", {"shifts": (TEN_TO_SEVEN,)}, True, True),
    ("at home", {}, False, False),
    ("on call at home", {"on_call": True}, False, True),
    ("founder at home", {"role": Role.FOUNDER}, False, True),
    ("founder on a shift", {"role": Role.FOUNDER, "shifts": (TEN_TO_SEVEN,)}, True, True),
    ("on a shift, paused", {"shifts": (TEN_TO_SEVEN,), "pauses": (span(-1, 1),)}, False, False),
    ("on call, paused", {"on_call": True, "pauses": (span(-1, 1),)}, False, False),
    ("founder, paused", {"role": Role.FOUNDER, "pauses": (span(-1, 1),)}, False, False),
    ("pause to come", {"shifts": (TEN_TO_SEVEN,), "pauses": (span(1, 2),)}, True, True),
    ("pause over this instant", {"shifts": (TEN_TO_SEVEN,), "pauses": (span(-1, 0),)}, True, True),
    ("pause from this instant", {"shifts": (TEN_TO_SEVEN,), "pauses": (span(0, 1),)}, False, False),
    ("shift from this instant", {"shifts": (span(0, 1),)}, True, True),
    ("shift over this instant", {"shifts": (span(-1, 0),)}, False, False),
    ("unreachable on a shift", {"shifts": (TEN_TO_SEVEN,), "reachable": False}, False, False),
    ("unreachable founder", {"role": Role.FOUNDER, "reachable": False}, False, False),
    ("unreachable on call", {"on_call": True, "reachable": False}, False, False),
]


@pytest.mark.parametrize(
    ("changes", "available", "asked"), [row[1:] for row in AVAILABILITY], ids=[row[0] for row in AVAILABILITY]
)
def test_availability(changes: dict[str, Any], available: bool, asked: bool) -> None:
    somebody = person(**changes)
    assert somebody.is_available(NOON) is available
    assert somebody.may_be_asked(NOON) is asked


def test_windows_are_shifts_merged_without_pauses() -> None:
    somebody = person(shifts=(span(0, 3), span(2, 5), span(6, 7)), pauses=(span(1, 2), span(4, 6.5)))
    assert somebody.windows() == (span(0, 1), span(2, 4), span(6.5, 7))
    assert person(shifts=(span(0, 3),), reachable=False).windows() == ()
