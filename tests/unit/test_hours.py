"""Opening hours, as tables: what people write, and the instants in UTC that it means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dispatch.foundation.errors import Invalid
from dispatch.foundation.hours import (
    Span,
    checked_hours,
    has_holiday_calendar,
    local_text,
    merged,
    open_spans,
    overlap,
    without,
    zone,
)

BERLIN, KOLKATA = "Europe/Berlin", "Asia/Kolkata"


def at(text: str) -> datetime:
    """ "11-24 10:00" of 2026, in UTC."""
    return datetime.strptime(f"2026-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=UTC)


def spans(*pairs: str) -> list[Span]:
    """ "11-24 10:00/11-24 12:00" each."""
    return [Span(*(at(end) for end in pair.split("/"))) for pair in pairs]


@pytest.mark.parametrize(
    ("text", "timezone", "window", "expected"),
    [
        pytest.param(
            "Mo-Sa 10:00-13:00,15:00-19:00",
            KOLKATA,
            "11-24 00:00/11-25 00:00",
            ["11-24 04:30/11-24 07:30", "11-24 09:30/11-24 13:30"],
            id="split shift",
        ),
        pytest.param("Mo-Sa 10:00-19:00", KOLKATA, "11-22 00:00/11-22 18:00", [], id="Sunday"),
        pytest.param(
            "Mo-Sa 10:00-19:00",
            KOLKATA,
            "11-24 06:00/11-24 07:00",
            ["11-24 06:00/11-24 07:00"],
            id="cut to the window",
        ),
        pytest.param(
            "Fr-Sa 18:00-02:00",
            BERLIN,
            "11-26 00:00/11-29 12:00",
            ["11-27 17:00/11-28 01:00", "11-28 17:00/11-29 01:00"],
            id="past midnight",
        ),
        pytest.param(
            "Fr 18:00-02:00", BERLIN, "11-28 00:30/11-28 12:00", ["11-28 00:30/11-28 01:00"], id="begun the day before"
        ),
        pytest.param(
            "Mo-Su 18:00-24:00; Mo-Su 00:00-02:00",
            BERLIN,
            "11-24 12:00/11-25 12:00",
            ["11-24 23:00/11-25 01:00"],
            id="a later rule replaces, it does not add",
        ),
        pytest.param(
            "Mo-Su 00:00-02:00,18:00-24:00",
            BERLIN,
            "11-24 12:00/11-25 12:00",
            ["11-24 17:00/11-25 01:00"],
            id="merged where they touch",
        ),
        # 29 March 2026: 02:00 becomes 03:00. 25 October 2026: 03:00 becomes 02:00.
        pytest.param(
            "Mo-Su 22:00-06:00", BERLIN, "03-28 12:00/03-29 12:00", ["03-28 21:00/03-29 04:00"], id="spring: 7 hours"
        ),
        pytest.param(
            "Mo-Su 22:00-06:00", BERLIN, "10-24 12:00/10-25 12:00", ["10-24 20:00/10-25 05:00"], id="autumn: 9 hours"
        ),
        pytest.param(
            "Mo-Su 02:30-04:00",
            BERLIN,
            "03-28 12:00/03-29 12:00",
            ["03-29 01:00/03-29 02:00"],
            id="spring: opens in the hour that is not there",
        ),
        pytest.param(
            "Mo-Su 02:30-04:00",
            BERLIN,
            "10-24 12:00/10-25 12:00",
            ["10-25 01:30/10-25 03:00"],
            id="autumn: opens at the second 02:30",
        ),
        pytest.param("24/7", BERLIN, "10-24 12:00/10-25 12:00", ["10-24 12:00/10-25 12:00"], id="always"),
        pytest.param("off", BERLIN, "10-24 12:00/10-25 12:00", [], id="never"),
        pytest.param("Mo-Su 10:00-19:00 unknown", BERLIN, "11-24 00:00/11-25 00:00", [], id="unknown is closed"),
        pytest.param("24/7", BERLIN, "11-24 12:00/11-24 12:00", [], id="empty window"),
        pytest.param("24/7", BERLIN, "11-24 12:00/11-24 11:00", [], id="window turned round"),
    ],
)
def test_open_spans(text: str, timezone: str, window: str, expected: list[str]) -> None:
    [span] = spans(window)
    assert open_spans(text, timezone=timezone, start=span.start, end=span.end) == spans(*expected)


@pytest.mark.parametrize(("country", "is_open"), [("DE", False), ("IN", False), ("XX", True), (None, True)], ids=str)
def test_public_holidays_need_a_country_that_is_known(country: str | None, is_open: bool) -> None:
    # Christmas Day, a Friday. For Germany the library of opening hours knows it, for India the one of holidays.
    found = open_spans(
        "Mo-Su 10:00-19:00; PH off", timezone=BERLIN, start=at("12-25 00:00"), end=at("12-25 22:00"), country=country
    )
    assert found == (spans("12-25 09:00/12-25 18:00") if is_open else [])
    assert has_holiday_calendar(country) is not is_open


@pytest.mark.parametrize(
    ("text", "day", "expected"),
    [
        # Independence Day, a Saturday; and the Sunday after it.
        ("Mo-Sa 10:00-19:00; PH off", 15, None),
        ("Mo-Sa 10:00-19:00; PH 11:00-13:00", 15, (11, 13)),
        ("Mo-Sa 10:00-19:00; Su,PH 12:00-14:00", 15, (12, 14)),
        ("Mo-Sa 10:00-19:00; Su,PH 12:00-14:00", 16, (12, 14)),
        ("PH,Mo-Sa 10:00-19:00", 15, (10, 19)),
        ("24/7; PH off", 15, None),
        ("24/7; PH off", 16, (0, 24)),
        ("PH Sa 10:00-19:00; Mo-Sa 10:00-12:00", 15, (10, 12)),
    ],
)
def test_holidays_are_written_out_where_the_hours_library_has_none(
    text: str, day: int, expected: tuple[int, int] | None
) -> None:
    midnight = datetime(2026, 8, day, tzinfo=ZoneInfo("Asia/Kolkata"))
    found = open_spans(text, timezone="Asia/Kolkata", start=midnight, end=midnight + timedelta(hours=24), country="IN")
    hours = [((span.start - midnight).total_seconds() / 3600, (span.end - midnight).total_seconds() / 3600)
             for span in found]  # fmt: skip
    assert hours == ([expected] if expected else [])


@pytest.mark.parametrize("text", ["Mo-Sa 10:00-19:00; PH off", "24/7", "off", "Mo-Fr 09:00-12:00,14:00-18:00"])
def test_good_hours_are_kept_as_written(text: str) -> None:
    assert checked_hours(text) == text


@pytest.mark.parametrize(
    "text", ["", "  ", "9 to 5", "Mo-Sa 25:00-26:00", "Mo 10:00-", "Mo-Sa 10-19", "Xx 10:00-12:00", "\x00", "Mo-" * 99]
)
def test_bad_hours_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        checked_hours(text, field="shifts")
    [error] = caught.value.errors
    assert error.field == "shifts"
    assert 'write them like "Mo-Sa 10:00-19:00; PH off"' in error.message


def test_hours_that_would_fill_the_memory_are_refused() -> None:
    with pytest.raises(Invalid, match="too long"):
        checked_hours("; ".join(["Mo-Su 10:00-11:00"] * 100))


def test_zone() -> None:
    assert zone(KOLKATA).utcoffset(datetime(2026, 11, 24)) == timedelta(hours=5, minutes=30)  # noqa: DTZ001


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../../etc/passwd", "Europe", "x" * 300, "a\x00b"])
def test_unknown_zones_are_refused(name: str) -> None:
    with pytest.raises(Invalid, match="use a name like Asia/Kolkata") as caught:
        zone(name, field="tz")
    assert caught.value.errors[0].field == "tz"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], []),
        (["11-24 10:00/11-24 10:00"], []),
        (["11-24 12:00/11-24 13:00", "11-24 10:00/11-24 12:00"], ["11-24 10:00/11-24 13:00"]),
        (["11-24 10:00/11-24 14:00", "11-24 11:00/11-24 12:00"], ["11-24 10:00/11-24 14:00"]),
        (
            ["11-24 10:00/11-24 11:00", "11-24 12:00/11-24 13:00"],
            ["11-24 10:00/11-24 11:00", "11-24 12:00/11-24 13:00"],
        ),
    ],
    ids=["nothing", "empty", "touching", "inside", "apart"],
)
def test_merged(given: list[str], expected: list[str]) -> None:
    assert merged(spans(*given)) == spans(*expected)


@pytest.mark.parametrize(
    ("holes", "expected"),
    [
        ([], ["11-24 10:00/11-24 18:00"]),
        (["11-24 12:00/11-24 13:00"], ["11-24 10:00/11-24 12:00", "11-24 13:00/11-24 18:00"]),
        (["11-24 09:00/11-24 11:00", "11-24 17:00/11-24 19:00"], ["11-24 11:00/11-24 17:00"]),
        (["11-24 09:00/11-24 19:00"], []),
        (["11-24 18:00/11-24 19:00", "11-24 09:00/11-24 10:00"], ["11-24 10:00/11-24 18:00"]),
    ],
    ids=["none", "lunch", "both edges", "all of it", "only touching"],
)
def test_without(holes: list[str], expected: list[str]) -> None:
    assert without(spans("11-24 10:00/11-24 18:00"), spans(*holes)) == spans(*expected)


def test_overlap() -> None:
    mornings = spans("11-24 08:00/11-24 12:00", "11-25 08:00/11-25 12:00")
    assert overlap(mornings, spans("11-24 10:00/11-25 09:00")) == spans(
        "11-24 10:00/11-24 12:00", "11-25 08:00/11-25 09:00"
    )
    assert overlap(mornings, spans("11-24 13:00/11-24 14:00")) == []


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (None, "Tue 24 Nov 19:30"),
        ("11-24 08:30", "19:30"),
        # In the shop it is already the day after.
        ("11-24 18:30", "Tue 24 Nov 19:30"),
        # In UTC it is still the day before.
        ("11-23 18:30", "19:30"),
    ],
)
def test_local_text_names_the_day_unless_it_is_today_there(now: str | None, expected: str) -> None:
    assert local_text(at("11-24 14:00"), KOLKATA, now=at(now) if now else None) == expected
