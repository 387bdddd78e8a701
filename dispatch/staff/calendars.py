"""Calendar files (ICS) as shifts: the only file that knows icalendar. Repeated events are written out, and bounded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import recurring_ical_events

from ..foundation.errors import Invalid

MOST_EVENTS, MOST_SHIFTS = 2000, 2000
# Nobody's shifts begin every minute: an event that does would be written out a million times.
TOO_OFTEN = {"SECONDLY", "MINUTELY", "HOURLY"}
TOO_FINE = {"BYSECOND", "BYMINUTE", "BYHOUR"}
BEGIN = "BEGIN:VEVENT"
ADDRESS = re.compile(r"^(mailto|tel|sms):", re.IGNORECASE)


@dataclass(frozen=True, order=True)
class Event:
    """One shift of one event. `names`: whom it may be for, each a name or a phone number, the likeliest first.

    `line`: where its event begins in the file.
    """

    line: int
    start: datetime
    end: datetime
    summary: str
    names: tuple[tuple[str, ...], ...]
    is_cancelled: bool = False


@dataclass(frozen=True, order=True)
class BadEvent:
    """An event that can't be a shift, and what to do about it."""

    line: int
    message: str


def read_calendar(raw: bytes, *, timezone: str, start: datetime, end: datetime) -> tuple[list[Event], list[BadEvent]]:
    """The shifts of a calendar that touch a span, and the events that can't be. Raises Invalid naming `file`.

    Times without a zone are those of `timezone`.
    """
    calendar = _parsed(raw)
    lines = _lines(raw)
    events = calendar.walk("VEVENT")
    if len(events) > MOST_EVENTS:
        raise Invalid("file", f"has more than {MOST_EVENTS} events: export the coming weeks only")
    where = {str(event.get("UID", "")): line for event, line in reversed(list(zip(events, lines, strict=False)))}
    bad = [
        BadEvent(line, message)
        for event, line in zip(events, lines, strict=False)
        if (message := _complaint(event)) is not None
    ]
    if bad:
        return [], bad
    return _written_out(calendar, where, zone=ZoneInfo(timezone), start=start, end=end), []


def _parsed(raw: bytes) -> icalendar.Calendar:
    try:
        found = icalendar.Calendar.from_ical(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Invalid("file", "is not UTF-8: export it again") from error
    except Exception as error:
        # A foreign library on a foreign text: whatever it trips over, the file is at fault.
        raise Invalid("file", "can't be read as a calendar: export it as .ics again") from error
    if not isinstance(found, icalendar.Calendar):
        raise Invalid("file", "is no calendar: it starts with BEGIN:VCALENDAR")
    return found


def _lines(raw: bytes) -> list[int]:
    text = raw.decode("utf-8-sig", errors="replace")
    return [number for number, line in enumerate(text.splitlines(), start=1) if line.strip().upper() == BEGIN]


def _complaint(event: Any) -> str | None:
    summary = _summary(event)
    rules = event.get("RRULE") or []
    for rule in rules if isinstance(rules, list) else [rules]:
        if TOO_OFTEN & {str(each).upper() for each in rule.get("FREQ", [])} or TOO_FINE & set(rule.keys()):
            return f"“{summary}” repeats within a day: give the shifts of each day"
    try:
        has_hours = isinstance(event.start, datetime) and isinstance(event.end, datetime)
    except Exception:
        # As above: whatever makes no time of it.
        return f"“{summary}” has times that can't be read: say from when to when"
    return None if has_hours else f"“{summary}” has a day and no hours: say from when to when"


def _written_out(
    calendar: icalendar.Calendar, where: dict[str, int], *, zone: ZoneInfo, start: datetime, end: datetime
) -> list[Event]:
    try:
        found = recurring_ical_events.of(calendar, components=["VEVENT"]).between(start, end)
        shifts = sorted(_shifts(found, where, zone))
    except Exception as error:
        # As above: a rule that contradicts itself, a zone that nobody knows.
        raise Invalid("file", "has an event whose times can't be read: export it again") from error
    if len(shifts) > MOST_SHIFTS:
        raise Invalid("file", f"has more than {MOST_SHIFTS} shifts in the coming weeks: import it in parts")
    return shifts


def _shifts(found: list[Any], where: dict[str, int], zone: ZoneInfo) -> Iterator[Event]:
    for event in found:
        yield Event(
            line=where.get(str(event.get("UID", "")), 1),
            start=_instant(event.start, zone),
            end=_instant(event.end, zone),
            summary=_summary(event),
            names=_names(event),
            is_cancelled=str(event.get("STATUS", "")).upper() == "CANCELLED",
        )


def _instant(at: Any, zone: ZoneInfo) -> datetime:
    there: datetime = at if at.tzinfo else at.replace(tzinfo=zone)
    return there.astimezone(UTC)


def _summary(event: Any) -> str:
    return " ".join(str(event.get("SUMMARY", "")).split())[:100] or "an event without a name"


def _names(event: Any) -> tuple[tuple[str, ...], ...]:
    """Each attendee as whatever they may be known by; without attendees it is the summary that names somebody."""
    given = event.get("ATTENDEE") or []
    people = []
    for each in given if isinstance(given, list) else [given]:
        known_by = (str(each.params.get("CN", "")), ADDRESS.sub("", str(each)))
        people.append(tuple(name.strip() for name in known_by if name.strip()))
    return tuple(people) or ((_summary(event),),)
