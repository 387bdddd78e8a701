"""The heads-up: when it is due, what the customer may choose, which new time is proposed, what an answer says; pure."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from ..orders.rules import Status
from ..procurement.substitution_rules import read_choice
from ..promise.rules import Level


class Preference(enum.StrEnum):
    """What a customer may want when a promise is in danger."""

    WAIT = "wait"
    LATER = "later"
    COLLECT = "collect"
    CANCEL = "cancel"


class Outcome(enum.StrEnum):
    """What came of an answer."""

    DONE = "done"
    ALREADY = "already"
    OVER = "over"
    LATE = "late"


AT_THE_LATEST = timedelta(minutes=60)
# A new time is one that we can keep with some air, on a round quarter of an hour.
AIR = timedelta(minutes=15)
LEAST_LATER = timedelta(minutes=30)
QUARTER = timedelta(minutes=15)


def due_at(level: Level, promised_by: datetime, *, is_last_rung: bool, now: datetime) -> datetime | None:
    """When the customer must hear that a promise is at risk; None while there is nothing to say.

    Kept and lost promises have no heads-up: the one needs none, the other needs an apology.
    """
    if level is not Level.AT_RISK:
        return None
    return now if is_last_rung else max(now, promised_by - AT_THE_LATEST)


def proposed(promised_by: datetime, projected_at: datetime | None, timezone: str) -> datetime | None:
    """The later time to offer: when it will likely be there, with some air, rounded up to a quarter of an hour.

    Never less than half an hour after the promise; None when nobody can tell.
    """
    if projected_at is None:
        return None
    at = max(projected_at + AIR, promised_by + LEAST_LATER)
    # Rounded as the clock on the customer's wall shows it: some zones are off by less than an hour.
    there = at.astimezone(ZoneInfo(timezone))
    past = timedelta(minutes=there.minute % 15, seconds=there.second, microseconds=there.microsecond)
    return at if not past else at + (QUARTER - past)


def choices(status: Status, new_time: datetime | None, *, is_missing: bool = False) -> tuple[Preference, ...]:
    """What can be chosen: nobody fetches what is on its way already, or what we have not found; and a time is offered
    only when we know one."""
    can = {
        Preference.WAIT: True,
        Preference.LATER: new_time is not None,
        Preference.COLLECT: status is not Status.OUT_FOR_DELIVERY and not is_missing,
        Preference.CANCEL: True,
    }
    return tuple(choice for choice in Preference if can[choice])


def read(text: str, offered: Sequence[Preference]) -> Preference | None:
    """Which of the numbered choices a text means; None when it is none of them. A "no" alone says nothing here."""
    number = read_choice(text, len(offered))
    return offered[number - 1] if number else None
