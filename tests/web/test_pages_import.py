"""A roster as a file: what it would change is seen first, and then it comes in whole, or not at all."""

from __future__ import annotations

import html
import io
import re

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from dispatch.foundation.errors import Invalid
from dispatch.staff.calendars import Event, read_calendar
from dispatch.staff.tables import ExtraShift, Staff
from dispatch.web.tables import Access
from tests import factories
from tests.conftest import START
from tests.web.test_pages_kit import Desk, desk, let_in, prefilled

__all__ = ["desk"]
CONTENT = re.compile(r'name="content" value="([^"]*)"')
PATH = "/people/import"


def event(*lines: str, uid: str = "1", start: str = "20261125T100000", end: str = "20261125T180000") -> str:
    return "\r\n".join(["BEGIN:VEVENT", f"UID:{uid}", f"DTSTART:{start}", f"DTEND:{end}", *lines, "END:VEVENT", ""])


def calendar(*events: str) -> bytes:
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{''.join(events)}END:VCALENDAR\r\n".encode()


def read(*events: str) -> list[Event]:
    found, bad = read_calendar(
        calendar(*events), timezone="Asia/Kolkata", start=START, end=factories.when(START, minutes=60 * 24 * 56)
    )
    assert bad == []
    return found


def show(desk: Desk, raw: bytes) -> TestResponse:
    form = prefilled(desk.browser, PATH) | {"file": (io.BytesIO(raw), "roster")}
    return desk.browser.post(PATH, data=form, content_type="multipart/form-data")


def go(desk: Desk, shown: TestResponse, **more: str) -> TestResponse:
    found = CONTENT.search(shown.text)
    assert found, shown.text
    form = prefilled(desk.browser, PATH) | {"content": html.unescape(found.group(1)), "go": "1", **more}
    return desk.browser.post(PATH, data=form, content_type="multipart/form-data")


def shifts(desk: Desk) -> list[tuple[str, str, str]]:
    with desk.db.snapshot() as session:
        query = select(Staff.name, ExtraShift.starts_at, ExtraShift.ends_at).join(
            Staff, Staff.id == ExtraShift.staff_id
        )
        rows = session.execute(query.order_by(ExtraShift.starts_at)).all()
        return [(row[0], f"{row[1]:%d %H:%M}", f"{row[2]:%d %H:%M}") for row in rows]


# --- calendars -------------------------------------------------------------------------------------------------------


def test_a_repeated_event_is_written_out_and_bounded() -> None:
    found = read(event("SUMMARY:Ravi", "RRULE:FREQ=WEEKLY;BYDAY=WE,TH", "EXDATE:20261126T100000"))
    assert len(found) == 15
    assert [f"{each.start:%a %d %b %H:%M}" for each in found[:2]] == ["Wed 25 Nov 04:30", "Wed 02 Dec 04:30"]


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        (("SUMMARY:Ravi  Kumar",), (("Ravi Kumar",),)),
        (("SUMMARY:x", "ATTENDEE;CN=Ravi:mailto:ravi@x.example"), (("Ravi", "ravi@x.example"),)),
        (("SUMMARY:x", "ATTENDEE:tel:+919812300001", "ATTENDEE;CN=Asha:tel:2"), (("+919812300001",), ("Asha", "2"))),
    ],
)
def test_whom_it_may_be_for(lines: tuple[str, ...], names: tuple[tuple[str, ...], ...]) -> None:
    assert [each.names for each in read(event(*lines))] == [names]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (event("SUMMARY:Ravi", "RRULE:FREQ=SECONDLY"), "repeats within a day"),
        (event("SUMMARY:Ravi", "RRULE:FREQ=DAILY;BYSECOND=1,2,3"), "repeats within a day"),
        (event("SUMMARY:Ravi", "RRULE:FREQ=DAILY;INTERVAL=0"), "every 0 days"),
        (event("SUMMARY:Ravi").replace("DTSTART:", "DTSTART;VALUE=DATE:").replace("T100000", ""), "say from when"),
    ],
)
def test_what_is_no_shift_is_named_with_its_line(text: str, words: str) -> None:
    found, bad = read_calendar(calendar(event(uid="0"), text), timezone="UTC", start=START, end=START)
    assert (found, [(each.line, words in each.message) for each in bad]) == ([], [(9, True)])


@pytest.mark.parametrize(
    ("rule", "since", "words"),
    [
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "2026", "never comes true: “Ravi”"),
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=2", "1999", "never comes true"),
        ("FREQ=MONTHLY;BYDAY=6MO;UNTIL=99990101T000000", "2026", "never comes true"),
        ("FREQ=DAILY", "0001", "since too long ago"),
    ],
)
def test_a_file_that_would_be_read_for_hours_is_refused(rule: str, since: str, words: str) -> None:
    bomb = event("SUMMARY:Ravi", f"RRULE:{rule}", start=f"{since}1102T100000", end=f"{since}1102T180000")
    with pytest.raises(Invalid, match=words):
        read(bomb, bomb)


@pytest.mark.parametrize("raw", [b"BEGIN:VCALENDAR\nBEGIN:VEVENT", b"\xff\xfe", b"x", b""])
def test_what_can_t_be_read_says_so(raw: bytes) -> None:
    with pytest.raises(Invalid, match="file"):
        read_calendar(raw, timezone="UTC", start=START, end=START)


def test_a_time_that_is_none_is_a_complaint() -> None:
    _, bad = read_calendar(calendar(event(start="never")), timezone="UTC", start=START, end=START)
    assert [each.line for each in bad] == [4]


# --- pages -----------------------------------------------------------------------------------------------------------


def test_a_calendar_is_shown_then_imported_and_again_changes_nothing(desk: Desk) -> None:
    raw = calendar(event("SUMMARY:Ravi Kumar"), event("SUMMARY:late", "ATTENDEE;CN=meena:mailto:m@x.example", uid="2"))
    shown = show(desk, raw)
    assert (shown.status_code, "What it would do: 2 added" in shown.text) == (200, True)
    assert "added: 25 Nov 10:00 to 25 Nov 18:00" in shown.text
    assert shifts(desk) == []
    assert go(desk, shown).status_code == 303
    assert shifts(desk) == [("Ravi Kumar", "25 04:30", "25 12:30"), ("Meena Iyer", "25 04:30", "25 12:30")]
    assert "2 already there" in show(desk, raw).text
    longer = calendar(
        event("SUMMARY:Ravi Kumar", end="20261125T190000"), event("SUMMARY:Meena", "STATUS:CANCELLED", uid="2")
    )
    assert go(desk, show(desk, longer)).status_code == 303
    assert shifts(desk) == [("Ravi Kumar", "25 04:30", "25 13:30")]


def test_nobody_knows_them_and_nothing_is_imported(desk: Desk) -> None:
    shown = show(desk, calendar(event("SUMMARY:Ravi Kumar"), event("SUMMARY:Zoe", uid="2")))
    assert shown.status_code == 422
    assert "Line 10</span>, event: “Zoe”: nobody here is called Zoe" in shown.text
    assert CONTENT.search(shown.text) is None


def test_two_shifts_that_begin_at_once_contradict_each_other(desk: Desk) -> None:
    clash = calendar(event("SUMMARY:Ravi"), event("SUMMARY:Ravi", uid="2", end="20261125T200000"))
    text = show(desk, clash).text
    assert "has another shift that begins then, in line 4" in text, text[text.index("<h2") :][:600]


def test_a_table_shows_what_it_changes_and_every_bad_row(desk: Desk) -> None:
    with desk.db.snapshot() as session:
        phone = session.scalars(select(Staff.phone).where(Staff.name == "Ravi Kumar")).one()
    table = f"name,phone,role,shifts\nRavi Kumar,{phone},rider,Mo-Su 08:00-20:00\nZoe,+919812300077,buyer,\n"
    shown = show(desk, table.encode())
    assert "updated: works Mo-Su 08:00-20:00, until now works Mo-Su 10:00-19:00" in shown.text
    assert go(desk, shown).status_code == 303
    with desk.db.snapshot() as session:
        assert session.scalars(select(Staff.shifts).where(Staff.name == "Ravi Kumar")).one() == "Mo-Su 08:00-20:00"
    bad = show(desk, b"name,phone,role\nZoe,12,king\n")
    assert (bad.status_code, "Line 2" in bad.text) == (422, True)
    assert show(desk, b"").status_code == 422


def test_the_guard_is_seen_first_and_asked_for_a_reason(desk: Desk) -> None:
    now = desk.clock.now()
    with desk.db.transaction() as session:
        factories.make_order(session, now, factories.when(now, "18:00"), sku="atlas", travel_minutes=30)
        phone = session.scalars(select(Staff.phone).where(Staff.name == "Ravi Kumar")).one()
    shown = show(desk, f"name,phone,role,shifts\nRavi Kumar,{phone},rider,We 10:00-19:00\n".encode())
    assert "takes the last way to keep" in shown.text
    asked = go(desk, shown)
    assert (asked.status_code, "Import this roster?" in asked.text) == (409, True)
    assert go(desk, shown, force="1", reason="holiday").status_code == 303


def test_only_admins_import(desk: Desk) -> None:
    let_in(desk.db, desk.clock, desk.browser, Access.OPS)
    assert desk.get(PATH).status_code == 403
    assert "Import a roster" not in desk.get("/people").text
