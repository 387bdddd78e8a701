"""The morning report: figures of a small world made by hand, its file, its switch, and what it costs to make."""

from __future__ import annotations

import csv
import io
import re
from datetime import date, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from playwright.sync_api import expect
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from dispatch.escalation.rules import Answer, EscalationState, Need
from dispatch.escalation.tables import Escalation, Page
from dispatch.foundation.clock import ManualClock
from dispatch.foundation.db import Database
from dispatch.foundation.settings import Settings
from dispatch.messaging.rules import Kind, TextState
from dispatch.messaging.service import Draft, enqueue
from dispatch.messaging.tables import OutgoingText
from dispatch.orders.rules import TAKEN_BACK, Move, Sourcing, Status
from dispatch.orders.service import ProcurementNews, find_order, record
from dispatch.orders.tables import OrderEvent
from dispatch.procurement.calls import Outcome
from dispatch.promise import calls
from dispatch.promise import service as promise
from dispatch.promise.rules import ClockName
from dispatch.recovery.rules import Cause, Fault, Stage, Step
from dispatch.recovery.tables import Recovery, RecoveryStep
from dispatch.reports.queries import promise_rows
from dispatch.reports.rules import Days, Why
from dispatch.staff.tables import Staff
from dispatch.web.report_pages import safe_cell
from dispatch.web.tables import Access
from tests import factories
from tests.web.test_pages_browser import SHAPES, Screen, check, screen
from tests.web.test_pages_kit import Desk, desk, let_in, make_desk, prefilled

__all__ = ["desk", "screen"]
TAG = re.compile(r"<[^>]*>")
MONDAY = date(2026, 11, 23)


class Past:
    """Orders of a day that is over, made as people make them, each deed at its own time."""

    def __init__(self, session: Session, now: datetime, day: date = MONDAY) -> None:
        self.session, self.now, self.day = session, now, day

    def at(self, time: str) -> datetime:
        there = factories.when(self.now, time)
        return there + timedelta(days=(self.day - there.date()).days)

    def order(self, promised: str = "19:00", **changes: Any) -> str:
        return factories.make_order(self.session, self.at("11:00"), self.at(promised), **changes).ref

    def move(self, ref: str, move: Move, time: str, **more: Any) -> None:
        promise.move(self.session, ref, move, self.at(time), actor="desk", **more)

    def news(self, ref: str, state: Sourcing, time: str, **more: Any) -> None:
        line_id = find_order(self.session, ref).lines[0].id
        news = ProcurementNews(state=state, **more)
        promise.procure(self.session, ref, line_id, news, self.at(time), actor="desk")

    def heard(self, ref: str, outcome: Outcome, time: str) -> None:
        line_id = find_order(self.session, ref).lines[0].id
        calls.hear(
            self.session, ref, line_id, calls.Told(supplier="city-books", outcome=outcome), self.at(time), actor="desk"
        )

    def bring(self, ref: str, left: str, arrived: str) -> None:
        """Bought or from the shelf, packed, carried by Ravi, delivered."""
        if find_order(self.session, ref).lines[0].sourcing is not Sourcing.IN_STOCK:
            self.news(ref, Sourcing.BOUGHT, left)
        self.move(ref, Move.PACK, left)
        self.move(ref, Move.HAND_OVER, left, staff_id=self.person("Ravi Kumar"))
        self.move(ref, Move.DELIVER, arrived)

    def person(self, name: str) -> int:
        return self.session.scalars(select(Staff.id).where(Staff.name == name)).one()

    def call(self, ref: str, opened: str, *, clock: ClockName, taker: str | None = None) -> None:
        """A call for help, asked of Ravi a minute after, and taken two minutes after that, or by nobody."""
        order = find_order(self.session, ref)
        at = self.at(opened)
        asked = at + timedelta(minutes=1)
        ravi = self.person("Ravi Kumar")
        row = Escalation(order_id=order.id, need=Need.DELIVER, why="Nobody.", cause=clock.value, opened_at=at, rung=1)
        row.state, row.closed_at = EscalationState.UNANSWERED, order.promised_by
        if taker:
            row.state, row.accepted_by_id = EscalationState.RESOLVED, self.person(taker)
            row.accepted_at = at + timedelta(minutes=3)
        else:
            record(self.session, order, "unanswered", "Nobody.", at=order.promised_by, actor="clock")
        self.session.add(row)
        self.session.flush()
        page = Page(escalation_id=row.id, staff_id=ravi, rung=1, code=100 + row.id, asked_at=asked)
        page.answer = Answer.ACCEPTED if taker else None
        self.session.add(page)
        self.session.flush()
        draft = Draft(key=f"page:{page.id}", kind=Kind.PAGE, to_phone="+447700900999", body="Please.", page_id=page.id)
        text = self.session.get_one(OutgoingText, enqueue(self.session, draft, at))
        text.state, text.sent_at, text.settled_at = TextState.SENT, asked, asked


def monday(desk: Desk) -> dict[str, str]:
    """Seven promises for one Monday, and how each of them went; refs by name."""
    with desk.db.transaction() as session:
        past = Past(session, desk.clock.now())
        refs = {name: past.order(sku="atlas") for name in ("kept", "saved", "nobody", "door")}
        refs |= {name: past.order(title=f"Book {name}") for name in ("again", "gone", "cancelled")}
        past.bring(refs["kept"], "17:00", "18:30")
        past.call(refs["saved"], "17:00", clock=ClockName.SHIFT_END, taker="Arjun Das")
        past.bring(refs["saved"], "18:00", "18:50")
        past.move(refs["nobody"], Move.PACK, "15:00")
        past.call(refs["nobody"], "17:30", clock=ClockName.NOBODY_AVAILABLE)
        past.move(refs["nobody"], Move.HAND_OVER, "19:10", staff_id=past.person("Meena Iyer"))
        past.move(refs["nobody"], Move.DELIVER, "19:40")
        past.move(refs["door"], Move.PACK, "15:00")
        past.move(refs["door"], Move.HAND_OVER, "17:00", staff_id=past.person("Ravi Kumar"))
        past.move(refs["door"], Move.FAIL, "18:00", reason="nobody at home")
        past.heard(refs["again"], Outcome.NO, "12:00")
        later = {"promised_by": past.at("21:00"), "why": "=the queue at City Books", "agreed": True}
        promise.change(session, refs["again"], later, past.at("18:00"), actor="desk")
        past.heard(refs["again"], Outcome.BOUGHT, "20:00")
        past.move(refs["again"], Move.DELIVER, "20:30")
        past.news(refs["gone"], Sourcing.UNAVAILABLE, "13:00", supplier="city-books")
        past.move(refs["gone"], Move.CANCEL, "19:30", reason="not to be had")
        past.move(refs["cancelled"], Move.CANCEL, "12:30", reason="changed his mind")
    return refs


def words_of(html: str) -> str:
    """What stands on a page, without its marks."""
    return unescape(" ".join(TAG.sub(" ", html).split()))


def section(html: str, name: str) -> str:
    """The words of one section."""
    start = html.index(f'aria-labelledby="{name}"')
    return words_of(html[html.index(">", start) + 1 : html.index("</section>", start)])


def test_figures_of_a_day(settings: Settings, db: Database, clock: ManualClock) -> None:
    desk = make_desk(settings, db, clock)
    refs = monday(desk)
    html = desk.get("/reports").text
    assert "Yesterday, Mon 23 Nov" in html
    assert section(html, "kept").startswith("2 of 6 promises kept 2 kept 1 late, but kept as promised again 3 broken")
    # The order of the open shop, and the one that nobody was at home for.
    assert "Open today: 2" in section(html, "kept")
    broken = section(html, "broken")
    assert f"{refs['nobody']} Nobody to carry it Promised by Mon 23 Nov 19:00, came 19:40, 40 min late · R3" in broken
    assert f"{refs['door']} The first try at the door failed : “nobody at home” Promised by" in broken
    assert f"{refs['again']} Buying took too long : “=the queue at City Books”" in broken
    assert "came 20:30, 1 h 30 min late, as promised again for 21:00" in broken
    assert f"{refs['gone']} No shop had it Promised by Mon 23 Nov 19:00, not delivered" in broken
    assert refs["cancelled"] not in html
    assert f"Nobody to carry it {refs['nobody']} 1" in section(html, "causes")
    assert "Nobody available 1" in section(html, "clocks")
    endings = section(html, "endings")
    assert "R1 On time, and nothing failed 2" in endings
    assert "R3 We failed, and nobody said sorry first 1 Delivered late, and nobody had said sorry" in endings
    assert f"{refs['nobody']} R4" in endings
    calls = section(html, "calls")
    assert "Opened 2 Somebody took it 1 Nobody took it 1 First text after 1 min" in calls
    assert "Taken after 3 min" in calls
    assert section(html, "saved") == f"Who saved what Arjun Das {refs['saved']}"
    assert "City-Books 1 of 2" in section(html, "shops")
    assert "More on the clock" in section(html, "clock")
    assert " style=" not in html
    assert "+447700" not in html


def test_what_a_case_says_stands_above_what_is_read_from_events(desk: Desk) -> None:
    refs = monday(desk)
    with desk.db.transaction() as session:
        past = Past(session, desk.clock.now())
        order = find_order(session, refs["nobody"])
        case = Recovery(order_id=order.id, cause=Cause.BROKEN, clock=ClockName.SUPPLIER_CLOSING, stage=Stage.EMPATHISED)
        case.opened_at, case.opened_by, case.fault = past.at("19:00"), "clock", Fault.SUPPLIER
        for step, time in ((Step.EMPATHISE, "19:05"), (Step.FIXED, "19:40"), (Step.REOPEN, "20:00")):
            case.steps.append(RecoveryStep(step=step, at=past.at(time), actor="desk"))
        session.add(case)
    html = desk.get("/reports").text
    assert f"The other shop let us down {refs['nobody']} 1" in section(html, "causes")
    assert "The other shop's closing time 1" in section(html, "clocks")
    assert "R4 Sorry first, but the fix was late or poor 1 We said sorry first, but" in section(html, "endings")
    rows = {row["ref"]: row for row in csv.DictReader(io.StringIO(desk.get("/reports.csv").text))}
    row = rows[refs["nobody"]]
    assert (row["ending"], row["binding_clock"], row["cause"]) == ("R4", "supplier_closing", "shop_failed")


def test_weeks_months_and_days_without_promises(desk: Desk) -> None:
    monday(desk)
    week = desk.get("/reports?span=week&on=2026-11-29").text
    assert "23 to 29 Nov 2026" in week
    assert "2 of 6 promises kept" in week
    assert "1 still open" in words_of(week)
    assert "Mon 23 Nov 6 2 1 3 0" in words_of(week)
    assert "Later" not in words_of(week)
    month = words_of(desk.get("/reports?span=month&on=2026-11-01").text)
    assert "November 2026" in month
    assert "2 of 6 promises kept" in month
    empty = desk.get("/reports?on=2026-10-05").text
    assert "No promises" in empty
    assert "as soon as there are some" in empty
    assert "What was broken" not in empty
    assert "no promise was at risk" in empty
    assert "No story has ended yet" in empty
    assert "/reports?span=day&amp;on=2026-10-06" in empty


def test_days_that_do_not_exist(desk: Desk) -> None:
    for query, says in (
        ("?on=yesterday", "write it like 2026-11-24"),
        ("?on=9999-12-31", "not a day of this century"),
        ("?span=year", "give one of day, week, month"),
        (".csv?from=2026-11-24&to=2026-11-23", "is before from"),
        (".csv?from=2024-11-24&to=2026-11-23", "one year at a time"),
    ):
        answer = desk.get(f"/reports{query}")
        assert answer.status_code == 422, query
        assert says in unescape(answer.text)


def test_the_file(desk: Desk) -> None:
    refs = monday(desk)
    answer = desk.get("/reports.csv?from=2026-11-23&to=2026-11-23")
    assert answer.mimetype == "text/csv"
    assert 'filename="promises-2026-11-23-2026-11-23.csv"' in answer.headers["Content-Disposition"]
    rows = {row["ref"]: row for row in csv.DictReader(io.StringIO(answer.text))}
    assert set(rows) == set(refs.values()) - {refs["cancelled"]}
    again, nobody = rows[refs["again"]], rows[refs["nobody"]]
    assert again == {
        "ref": refs["again"],
        "branch": "main",
        "first_promised_by": "2026-11-23T13:30:00+00:00",
        "promised_by": "2026-11-23T15:30:00+00:00",
        "delivered_at": "2026-11-23T15:00:00+00:00",
        "kept": "no",
        "kept_as_repromised": "yes",
        "ending": "",
        "binding_clock": "",
        "cause": "buying",
        "said": "'=the queue at City Books",
    }
    assert (nobody["ending"], nobody["binding_clock"], nobody["cause"]) == ("R3", "nobody_available", "nobody_to_carry")
    assert rows[refs["kept"]]["kept"] == "yes"


@pytest.mark.parametrize("cell", ["=1+1", "+44", "-1", "@x", "\t=1", "\r=1", "\n=1"])
def test_no_cell_is_a_formula(cell: str) -> None:
    assert safe_cell(cell) == f"'{cell}"
    assert safe_cell(f"x{cell}") == f"x{cell}"


def queries(desk: Desk, path: str) -> int:
    """How many statements a page costs."""
    seen: list[str] = []

    def count(_: object, __: object, statement: str, *___: object) -> None:
        seen.append(statement)

    event.listen(desk.db.engine, "before_cursor_execute", count)
    try:
        assert desk.get(path).status_code == 200
    finally:
        event.remove(desk.db.engine, "before_cursor_execute", count)
    return len(seen)


def test_it_costs_the_same_for_six_and_for_fifty(desk: Desk) -> None:
    monday(desk)
    paths = ("/reports?span=week", "/reports.csv?from=2026-11-23&to=2026-11-29")
    few = [queries(desk, path) for path in paths]
    with desk.db.transaction() as session:
        past = Past(session, desk.clock.now())
        for number in range(45):
            ref = past.order(title=f"Book {number}")
            if number % 3 == 0:
                past.call(ref, "17:00", clock=ClockName.TRAVEL)
    assert "of 51 promises kept" in desk.get("/reports").text
    assert [queries(desk, path) for path in paths] == few


def test_an_admin_switches_the_text_and_a_reader_reads(
    settings: Settings, sqlite_db: Database, clock: ManualClock
) -> None:
    desk = make_desk(settings, sqlite_db, clock)
    assert "Nobody is texted" in desk.get("/reports").text
    answer = desk.post("/reports/text", {"branch": "main", "wanted": "yes"}, page="/reports")
    assert answer.status_code == 303
    page = words_of(desk.get("/reports").text)
    assert "The founder is texted each morning" in page
    assert "At opening Meena Iyer gets this report" in page
    let_in(sqlite_db, clock, desk.browser, Access.READER)
    html = desk.get("/reports").text
    assert "At opening Meena Iyer" in html
    assert 'action="/reports/text"' not in html
    form = {**prefilled(desk.browser, "/people"), "branch": "main", "wanted": "no"}
    assert desk.browser.post("/reports/text", data=form).status_code == 403
    let_in(sqlite_db, clock, desk.browser, Access.ADMIN)
    desk.post("/reports/text", {"branch": "main", "wanted": "no"}, page="/reports")
    assert "Nobody is texted" in desk.get("/reports").text


def test_a_second_branch_is_chosen(desk: Desk) -> None:
    monday(desk)
    with desk.db.transaction() as session:
        factories.make_shop(session, desk.clock.now(), code="north", name="North")
    html = desk.get("/reports?branch=north").text
    assert '<option value="north" selected>North</option>' in html
    assert "No promises" in html
    assert "branch=north" in html.split("Download")[0].rsplit("href=", 1)[1]
    assert desk.get("/reports?branch=nowhere").status_code == 404


@pytest.mark.browser
@pytest.mark.parametrize(("width", "height", "scheme"), SHAPES)
def test_everybody_can_read_the_morning_report(screen: Screen, width: int, height: int, scheme: str) -> None:
    monday(screen.desk)
    page = screen.page
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=scheme)
    screen.open("/reports?span=week")
    page.get_by_text("Day by day, as a table").click()
    check(page, scheme)
    page.get_by_role("link", name="Day", exact=True).click()
    expect(page.get_by_role("heading", name="Yesterday, Mon 23 Nov")).to_be_visible()


def test_a_slip_that_was_taken_back_explains_nothing(desk: Desk) -> None:
    """Handed over by mistake, taken back, and never carried: it was packed and waited, it was not on the road."""
    with desk.db.transaction() as session:
        past = Past(session, desk.clock.now())
        ref = past.order(sku="atlas")
        past.move(ref, Move.PACK, "15:00")
        past.move(ref, Move.HAND_OVER, "16:00", staff_id=past.person("Ravi Kumar"))
        order = find_order(session, ref)
        left = session.scalars(
            select(OrderEvent).where(OrderEvent.order_id == order.id, OrderEvent.kind == "handed_over")
        ).one()
        rows = promise_rows(session, order.branch, Days(MONDAY, MONDAY), past.at("23:00"))
        assert [row.why for row in rows] == [Why.WAY]
        order.status, order.handed_over_at, order.carrier_id = Status.READY, None, None
        record(session, order, TAKEN_BACK, "Slip.", at=past.at("16:00"), actor="desk", data={"event_id": left.id})
        rows = promise_rows(session, order.branch, Days(MONDAY, MONDAY), past.at("23:00"))
        assert [row.why for row in rows] == [Why.LEFT_LATE]
