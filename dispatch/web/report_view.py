"""The morning report as a page shows it: periods, bars and stacks in numbers a template can draw, sentences; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from ..promise.rules import ClockName
from ..recovery.endings import Ending
from ..reports.queries import Row, ShopAnswers
from ..reports.rules import A_DAY, Days, Outcome, Span, Why
from ..reports.wording import WHY
from . import words

# How each outcome is named, and the class that colours it.
OUTCOMES = {
    Outcome.KEPT: ("kept", "kept"),
    Outcome.REPROMISED: ("late, but kept as promised again", "again"),
    Outcome.BROKEN: ("broken", "broken"),
    Outcome.OPEN: ("still open", "open"),
}
CLOCKS = {
    ClockName.SUPPLIER_CLOSING: "The other shop's closing time",
    ClockName.PROCUREMENT: "How long buying takes",
    ClockName.PACKING: "Packing",
    ClockName.TRAVEL: "The way to the customer",
    ClockName.SHIFT_END: "The end of a shift",
    ClockName.NOBODY_AVAILABLE: "Nobody available",
    ClockName.DEADLINE: "None of these, or not recorded",
}
ENDINGS = {
    Ending.R1: "On time, and nothing failed",
    Ending.R2: "On time, with something else that they agreed to",
    Ending.R3: "We failed, and nobody said sorry first",
    Ending.R4: "Sorry first, but the fix was late or poor",
    Ending.R5: "Sorry first, then fixed, and they said it is good",
}
# Those to learn from: which orders, and why.
SAD = (Ending.R3, Ending.R4)
SPANS = {Span.DAY: "Day", Span.WEEK: "Week", Span.MONTH: "Month"}
WEEKDAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
# A day is shown with the days before it: one alone says little.
TREND = 6 * A_DAY
HIGH = 100


# --- periods ---------------------------------------------------------------------------------------------------------


def day_words(day: date) -> str:
    """ "Mon 23 Nov"."""
    return f"{day:%a} {day.day} {day:%b}"


def period_words(span: Span, days: Days, *, today: date) -> str:
    """ "Yesterday, Mon 23 Nov", "16 to 22 Nov 2026", "November 2026"."""
    if span is Span.MONTH:
        return f"{days.first:%B %Y}"
    if span is Span.WEEK:
        month = "" if days.first.month == days.last.month else f" {days.first:%b}"
        return f"{days.first.day}{month} to {days.last.day} {days.last:%b %Y}"
    name = {today: "Today, ", today - A_DAY: "Yesterday, "}.get(days.first, "")
    return f"{name}{day_words(days.first)}{'' if days.first.year == today.year else f' {days.first.year}'}"


def period_view(span: Span, days: Days, *, today: date) -> dict[str, Any]:
    """What the switch needs: where the neighbours are (`later` is None when they are yet to come), and the other spans
    around the same days."""
    # From a week or a month of today one comes to the newest day that is over, not to its first.
    on = min(days.last, today - A_DAY) if days.first < today else days.first
    later = days.last + A_DAY
    return {
        "words": period_words(span, days, today=today),
        "span": span.value,
        "earlier": (days.first - A_DAY).isoformat(),
        "later": later.isoformat() if later <= today else None,
        "spans": [(one.value, name, on.isoformat(), one is span) for one, name in SPANS.items()],
        "from": days.first.isoformat(),
        "to": days.last.isoformat(),
    }


def charted(span: Span, days: Days) -> Days:
    """The days of the chart: those of the report, and for a single day the six before it."""
    return Days(days.first - TREND, days.last) if span is Span.DAY else days


# --- kept and broken -------------------------------------------------------------------------------------------------


def tally(rows: Iterable[Row]) -> Counter[Outcome]:
    """How many of each outcome."""
    return Counter(row.outcome for row in rows)


def stack(counts: Mapping[Outcome, int], most: int) -> list[dict[str, Any]]:
    """The parts of one bar that is `HIGH` long for `most`: where each starts, how long it is, its colour and words."""
    parts, at = [], 0.0
    for outcome, (name, css) in OUTCOMES.items():
        count = counts.get(outcome, 0)
        size = HIGH * count / max(most, 1)
        if count:
            parts.append({"css": css, "at": round(at, 2), "size": round(size, 2), "count": count, "name": name})
        at += size
    return parts


def day_views(rows: Sequence[Row], days: Days, *, about: Days) -> list[dict[str, Any]]:
    """A bar for each day, all to the same scale. `is_now`: of the days that the report is about."""
    by_day: dict[date, Counter[Outcome]] = {day: Counter() for day in days.each()}
    for row in rows:
        by_day[row.day][row.outcome] += 1
    most = max((count.total() for count in by_day.values()), default=0)
    is_long = len(by_day) > 7
    return [
        {
            "words": day_words(day),
            "label": (str(day.day) if day.day % 7 == 1 else "") if is_long else f"{WEEKDAYS[day.weekday()]} {day.day}",
            "parts": stack(counts, most),
            "counts": [counts[outcome] for outcome in OUTCOMES],
            "total": counts.total(),
            "is_now": about.first <= day <= about.last,
        }
        for day, counts in by_day.items()
    ]


def headline(promises: Mapping[str, int]) -> str:
    """ "11 of 12 promises kept"; those that are still open are not judged yet."""
    ended = promises["total"] - promises["open"]
    if not promises["total"]:
        return "No promises"
    if not ended:
        return f"{_promises(promises['total'])}, all still open"
    if promises["kept"] == ended:
        return f"{'All ' if ended > 1 else ''}{_promises(ended)} kept"
    return f"{promises['kept']} of {_promises(ended)} kept"


def _promises(count: int) -> str:
    return f"{count} promise{'' if count == 1 else 's'}"


# --- the broken ones -------------------------------------------------------------------------------------------------


def broken_view(row: Row, timezone: str) -> dict[str, Any]:
    """One broken promise: what became of it, and why, each a phrase."""
    zone = ZoneInfo(timezone)

    def there(at: datetime) -> str:
        return f"{at.astimezone(zone):%H:%M}"

    def then(at: datetime) -> str:
        same = at.astimezone(zone).date() == row.day
        return there(at) if same else f"{day_words(at.astimezone(zone).date())} {there(at)}"

    if row.delivered_at is None:
        became = "not delivered"
    else:
        minutes = max((row.delivered_at - row.first_promised_by) / words.MINUTE, 1)
        became = f"came {then(row.delivered_at)}, {words.span_words(minutes)} late"
    if row.outcome is Outcome.REPROMISED:
        became += f", as promised again for {then(row.promised_by)}"
    return {
        "ref": row.ref,
        "promised": f"{day_words(row.day)} {there(row.first_promised_by)}",
        "became": became,
        "why": sentence_case(WHY[row.why or Why.NOT_KNOWN]),
        "said": row.said,
        "clock": CLOCKS[row.clock] if row.clock else "",
        "ending": row.told.ending.value if row.told.ending else "",
        "css": OUTCOMES[row.outcome][1],
    }


def sentence_case(text: str) -> str:
    """With a capital at its start."""
    return f"{text[:1].upper()}{text[1:]}"


def bars(counts: Mapping[str, int], refs: Mapping[str, Sequence[str]] | None = None) -> list[dict[str, Any]]:
    """Named counts as bars, the longest first and `HIGH` long; `refs`: the orders behind each."""
    most = max(counts.values(), default=0)
    ordered = sorted(((name, count) for name, count in counts.items() if count), key=lambda one: (-one[1], one[0]))
    return [
        {"name": name, "count": count, "width": round(HIGH * count / most), "refs": (refs or {}).get(name, ())}
        for name, count in ordered
    ]


def cause_bars(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Broken promises by cause."""
    refs: dict[str, list[str]] = {}
    for row in rows:
        if row.is_broken:
            refs.setdefault(sentence_case(WHY[row.why or Why.NOT_KNOWN]), []).append(row.ref)
    return bars({name: len(found) for name, found in refs.items()}, refs)


def clock_bars(by_clock: Mapping[str, int]) -> list[dict[str, Any]]:
    """Broken promises by the clock that bound, as the contract counts them; those that no clock bound come last."""
    named = bars({CLOCKS[ClockName(name)]: count for name, count in by_clock.items()})
    return sorted(named, key=lambda bar: bar["name"] == CLOCKS[ClockName.DEADLINE])


# --- endings, rescues, shops -----------------------------------------------------------------------------------------


def ending_views(endings: Mapping[str, int], rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The five endings with their counts; of those to learn from also which orders, and why."""
    most = max((*endings.values(), 1))
    return [
        {
            "code": ending.value,
            "words": said,
            "count": endings.get(ending.value, 0),
            "width": round(HIGH * endings.get(ending.value, 0) / most),
            "is_sad": ending in SAD,
            "orders": _by_sentence(row for row in rows if ending in SAD and row.told.ending is ending),
        }
        for ending, said in ENDINGS.items()
    ]


def _by_sentence(rows: Iterable[Row]) -> list[tuple[str, list[str]]]:
    """Why it ended so, a sentence, with all orders of which that is true."""
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.told.why, []).append(row.ref)
    return list(found.items())


def saved(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Who said yes to a call for help, and which of those promises were then kept; most of them first."""
    found: dict[str, list[str]] = {}
    for row in rows:
        for name in row.savers if row.outcome is Outcome.KEPT else ():
            found.setdefault(name, []).append(row.ref)
    ordered = sorted(found.items(), key=lambda one: (-len(one[1]), one[0]))
    return [{"name": name, "refs": refs} for name, refs in ordered]


def seconds_words(seconds: float | None) -> str:
    """ "40 s", "3 min 20 s", "1 h 05 min"; a dash for none."""
    if seconds is None:
        return "–"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")
    return words.span_words(whole / 60)


def call_words(calls: Mapping[str, Any]) -> dict[str, Any]:
    """Calls for help: how many, and how fast they went."""
    first, taken = calls["first_page_seconds"], calls["acceptance_seconds"]
    return {
        **{name: calls[name] for name in ("opened", "accepted", "unanswered")},
        "first": _times(first),
        "taken": _times(taken),
    }


def _times(times: Mapping[str, float | None]) -> str:
    half, most = seconds_words(times["p50"]), seconds_words(times["p95"])
    return half if half == most else f"half within {half}, 19 in 20 within {most}"


def shop_view(shop: ShopAnswers) -> dict[str, Any]:
    """ "had it 3 of 4 times", and the bar of it."""
    return {
        "name": shop.name,
        "asked": shop.asked,
        "had": shop.had,
        "closed": shop.closed,
        "width": round(HIGH * shop.had / shop.asked) if shop.asked else 0,
    }
