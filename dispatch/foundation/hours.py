"""Opening hours and time zones: from the shop's way of writing them to spans of instants in UTC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

# Its stubs leave out the exceptions it raises.
from opening_hours import OpeningHours, ParserError, State, UnknownCountryError  # type: ignore[attr-defined]

from . import holidays
from .errors import Invalid

LONGEST_HOURS = 500


@dataclass(frozen=True, order=True, slots=True)
class Span:
    """From `start` up to `end`, aware UTC."""

    start: datetime
    end: datetime

    def __bool__(self) -> bool:
        return self.start < self.end


def zone(name: str, *, field: str = "timezone") -> ZoneInfo:
    """The time zone of that IANA name. Raises Invalid naming `field`."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Invalid(field, f"unknown time zone {name[:40]!r}: use a name like Asia/Kolkata") from error


@lru_cache(maxsize=2048)
def _parsed(text: str, timezone: str, country: str | None) -> OpeningHours:
    try:
        return OpeningHours(text, timezone=ZoneInfo(timezone), country=country)
    except UnknownCountryError:
        # It knows no holidays there: `open_spans` has written them out as dates, where anybody does.
        return OpeningHours(text, timezone=ZoneInfo(timezone))


def checked_hours(text: str, *, field: str = "opening_hours") -> str:
    """The same text when it can be read as OpenStreetMap opening hours. Raises Invalid naming `field`."""
    hint = 'write them like "Mo-Sa 10:00-19:00; PH off" or "24/7"'
    if not text.strip():
        raise Invalid(field, f"no hours given: {hint}")
    if len(text) > LONGEST_HOURS:
        # What was parsed is remembered: the memory would be the asker's to fill.
        raise Invalid(field, f"is too long: at most {LONGEST_HOURS} characters")
    try:
        _parsed(text, "UTC", None)
    except (ParserError, ValueError) as error:
        raise Invalid(field, f"can't be read as opening hours: {hint}") from error
    return text


@lru_cache(maxsize=256)
def has_holiday_calendar(country: str | None) -> bool:
    """Whether public holidays are known there; where they are not, "PH" in hours simply never matches."""
    return country is not None and (_has_own_calendar(country) or holidays.is_known(country))


@lru_cache(maxsize=256)
def _has_own_calendar(country: str) -> bool:
    try:
        OpeningHours("PH off", country=country)
    except UnknownCountryError:
        return False
    return True


def open_spans(text: str, *, timezone: str, start: datetime, end: datetime, country: str | None = None) -> list[Span]:
    """When it is open between two instants: spans in UTC, in order, merged where they touch.

    `text` is checked opening-hours syntax. Hours marked "unknown" count as closed.
    """
    if end <= start:
        return []
    tz = ZoneInfo(timezone)
    if country and "PH" in text and not _has_own_calendar(country):
        # The year before and after as well: it may be another year there, and hours may run over midnight.
        text = holidays.written_out(text, country, tuple(range(start.year - 1, end.year + 2)))
    spans = [
        Span(max(begin.astimezone(UTC), start), min(finish.astimezone(UTC) if finish else end, end))
        for begin, finish, state, _ in _parsed(text, timezone, country).intervals(
            start.astimezone(tz), end.astimezone(tz)
        )
        if state == State.OPEN
    ]
    return merged(spans)


def merged(spans: Sequence[Span]) -> list[Span]:
    """The same time as few spans, in order; empty ones vanish."""
    result: list[Span] = []
    for span in sorted(s for s in spans if s):
        if result and span.start <= result[-1].end:
            result[-1] = Span(result[-1].start, max(result[-1].end, span.end))
        else:
            result.append(span)
    return result


def without(spans: Sequence[Span], holes: Sequence[Span]) -> list[Span]:
    """What is left of `spans` when the holes are cut out."""
    left = list(spans)
    for hole in holes:
        cut: list[Span] = []
        for span in left:
            if hole.end <= span.start or span.end <= hole.start:
                cut.append(span)
                continue
            cut += [Span(span.start, hole.start), Span(hole.end, span.end)]
        left = [span for span in cut if span]
    return left


def overlap(left: Sequence[Span], right: Sequence[Span]) -> list[Span]:
    """The time that is in both, pair by pair; the pairs are not merged."""
    both = (Span(max(a.start, b.start), min(a.end, b.end)) for a in left for b in right)
    return sorted(span for span in both if span.start <= span.end)


def midnight(now: datetime, timezone: str) -> datetime:
    """When the day began there, in UTC."""
    there = now.astimezone(ZoneInfo(timezone))
    return there.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).astimezone(UTC)


def local_text(instant: datetime, timezone: str, *, now: datetime | None = None) -> str:
    """A time as people of that place say it: "19:30", or "Tue 24 Nov 19:30" when it is not today."""
    there = instant.astimezone(ZoneInfo(timezone))
    if now is not None and now.astimezone(ZoneInfo(timezone)).date() == there.date():
        return f"{there:%H:%M}"
    return f"{there:%a} {there.day} {there:%b %H:%M}"
