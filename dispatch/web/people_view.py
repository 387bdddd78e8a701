"""Who is here, in the words of the people page and of every list to choose from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from ..orders.wording import first_name
from ..staff.rules import MAY_DO, Role, Skill
from ..staff.service import list_staff
from . import words
from .acts import Carrier

# A shop has tens of people, not thousands: one page of them is everybody.
EVERYBODY = 500


def everybody(session: Session, now: datetime) -> list[dict[str, Any]]:
    """All staff who still work here, those who are here first."""
    shapes, _ = list_staff(session, now, limit=EVERYBODY)
    working = [shape for shape in shapes if shape["is_active"]]
    return sorted(working, key=lambda shape: (not shape["is_available"], shape["name"].casefold()))


def state_words(person: Mapping[str, Any], timezone: str, now: datetime) -> str:
    """Whether somebody can be counted on just now."""
    if not person["is_reachable"]:
        return "can't be texted"
    paused_until = words.instant(person["paused_until"])
    if paused_until:
        return f"paused until {words.clock_words(paused_until, timezone, now=now)}"
    if person["is_available"]:
        return "here"
    if Role(person["role"]) is Role.FOUNDER:
        return "not here, may always be asked"
    return "on call" if person["on_call"] else "not here"


def carriers(people: list[dict[str, Any]], timezone: str, now: datetime) -> list[Carrier]:
    """Who may bring an order, those who are here first."""
    able = [person for person in people if Role(person["role"]) in MAY_DO[Skill.DELIVER]]
    called = Counter(first_name(person["name"]) for person in able)
    return [
        Carrier(
            id=person["id"],
            name=person["name"],
            short=person["name"] if called[first_name(person["name"])] > 1 else first_name(person["name"]),
            state=state_words(person, timezone, now),
            is_here=person["is_available"],
        )
        for person in able
    ]
