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
from dateutil.rrule import rrulestr

from ..foundation.errors import Invalid

MOST_EVENTS, MOST_SHIFTS = 2000, 2000
# Nobody's shifts begin every minute: an event that does would be written out a million times.
TOO_OFTEN = {"SECONDLY", "MINUTELY", "HOURLY"}
TOO_FINE = {"BYSECOND", "BYMINUTE", "BYHOUR"}
# A rule is followed day by day from its first day on, and one that never comes true till the year 9999, where the
# library stops: a million days take some seconds. The calendar is the same again after 400 years.
MOST_DAYS, CYCLE, LAST_YEAR, LEAST_YEARS = 1_000_000, 400, 9999, 40
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
    for rule in _rules(event):
        if TOO_OFTEN & {str(each).upper() for each in rule.get("FREQ", [])} or TOO_FINE & set(rule.keys()):
            return f"“{summary}” repeats within a day: give the shifts of each day"
        if any(each < 1 for each in rule.get("INTERVAL", [])):
            return f"“{summary}” repeats every 0 days: give 1 or more"
    try:
        has_hours = isinstance(event.start, datetime) and isinstance(event.end, datetime)
    except Exception:
        # As above: whatever makes no time of it.
        return f"“{summary}” has times that can't be read: say from when to when"
    return None if has_hours else f"“{summary}” has a day and no hours: say from when to when"


def _rules(event: Any) -> list[Any]:
    rules = event.get("RRULE") or []
    return rules if isinstance(rules, list) else [rules]


def _check_work(events: list[Any], end: datetime) -> None:
    """Raises Invalid when following all rules would take minutes, as somebody's mistake or on purpose."""
    days = 0
    for event in events:
        for rule in _rules(event):
            days += _days_followed(event, rule, end) + _days_to_first(event, rule)
            if days > MOST_DAYS:
                raise Invalid("file", "repeats events since too long ago: export the coming weeks only")


def _days_followed(event: Any, rule: Any, end: datetime) -> int:
    """From its first day to the end of the span, or of the rule; a weekly one goes in steps of seven."""
    until = [each.date() if isinstance(each, datetime) else each for each in rule.get("UNTIL", [])]
    days: int = max((min([end.date(), *until]) - event.start.date()).days, 0)
    return days // 7 if str(rule.get("FREQ", [""])[0]).upper() == "WEEKLY" else days


def _days_to_first(event: Any, rule: Any) -> int:
    """How long a rule is followed before it comes true; looked for near the last year, so that it soon ends.

    Raises Invalid for one that never does.
    """
    year = event.start.year + (LAST_YEAR - LEAST_YEARS - event.start.year) // CYCLE * CYCLE
    start = event.start.replace(year=year, tzinfo=None)
    plain: Any = icalendar.vRecur({key: value for key, value in rule.items() if key not in {"COUNT", "UNTIL"}})
    first = next(iter(rrulestr(plain.to_ical().decode(), dtstart=start)), None)
    if first is None:
        raise Invalid("file", f"has an event that never comes true: “{_summary(event)}”")
    return int((first - start).days)


def _written_out(
    calendar: icalendar.Calendar, where: dict[str, int], *, zone: ZoneInfo, start: datetime, end: datetime
) -> list[Event]:
    try:
        _check_work(calendar.walk("VEVENT"), end)
        found = recurring_ical_events.of(calendar, components=["VEVENT"]).between(start, end)
        shifts = sorted(_shifts(found, where, zone))
    except Invalid:
        raise
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
