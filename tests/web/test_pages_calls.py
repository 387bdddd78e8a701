"""The call list on the page of an order: what it shows, what one tap does, and why a line is given up."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from dispatch.foundation.clock import ManualClock
from dispatch.foundation.db import Database
from dispatch.foundation.settings import Settings
from dispatch.orders.service import find_order, timeline
from dispatch.orders.tables import Line
from dispatch.procurement.tables import ItemSupplier, Supplier, SupplierAnswer
from dispatch.web.tables import Access
from tests import factories
from tests.web.test_pages_kit import Desk, desk, make_desk

__all__ = ["desk"]


def line_of(desk: Desk, ref: str = "") -> Line:
    with desk.db.snapshot() as session:
        line = find_order(session, ref or desk.ref).lines[0]
        session.expunge_all()
        return line


def tap(desk: Desk, outcome: str, supplier: str = "city-books", *, ref: str = "", **more: object) -> tuple[int, str]:
    """One tap; the status, and the page that is shown then."""
    page = f"/orders/{ref or desk.ref}"
    path = f"{page}/lines/{line_of(desk, ref).id}/calls"
    answer = desk.post(path, {"supplier": supplier, "outcome": outcome, **more}, page=page)
    if answer.status_code == 303:
        assert answer.headers["Location"] == f"{page}#line-{line_of(desk, ref).id}"
        return 303, desk.get(page).text
    return answer.status_code, answer.text


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", text))


def other_shop(desk: Desk, code: str = "corner", **more: object) -> None:
    with desk.db.transaction() as session:
        factories.make_supplier(session, desk.clock.now(), code, **more)


def test_the_list_is_on_the_page(desk: Desk) -> None:
    other_shop(desk, travel_minutes=5, phone="+447700900042")
    text = desk.get(f"/orders/{desk.ref}").text
    assert 'href="tel:+447700900042"' in text
    words = plain(text)
    assert "60 % likely · open until 21:00" in words
    assert "15 % likely · open until 21:00 · 5 min away · leave by" in words
    assert words.index("City-Books 60") < words.index("Corner")
    for label in ("Has it", "No", "Closed", "No answer", "Bought"):
        assert f"{label}: City-Books, Physics 2" in words


def test_it_is_kept_until(desk: Desk) -> None:
    status, text = tap(desk, "has_it", kept_until="18:00", note="at the till")
    assert status == 303
    assert "City-Books keeps Physics 2 for us." in text
    assert "Kept until today 18:00" in text
    assert "Keeps it until 18:00." in text
    line = line_of(desk)
    assert line.kept_until == factories.when(desk.clock.now(), "18:00")
    # An hour that is past already is tomorrow's.
    tap(desk, "has_it", kept_until="09:00")
    assert (line_of(desk).kept_until or desk.clock.now()) > factories.when(desk.clock.now(), "23:00")


def test_the_next_shop_is_named(desk: Desk) -> None:
    other_shop(desk, phone="+447700900042")
    for outcome, said in (
        ("no_answer", "Nobody answers at City-Books. Next: Corner, +447700900042."),
        ("closed", "City-Books is closed. Next: Corner, +447700900042."),
        ("no", "City-Books doesn&#39;t have Physics 2. Next: Corner, +447700900042."),
    ):
        status, text = tap(desk, outcome)
        assert status == 303
        assert said in text
    _, text = tap(desk, "no", "corner")
    assert "Corner doesn&#39;t have Physics 2.</p>" in text
    assert "Said no just now." in text


def test_an_answer_is_not_refused_for_an_old_page(desk: Desk) -> None:
    """Two people ring two shops from two screens: both answers are true."""
    other_shop(desk)
    page = f"/orders/{desk.ref}"
    path = f"{page}/lines/{line_of(desk).id}/calls"
    for supplier in ("city-books", "corner"):
        answer = desk.post(path, {"supplier": supplier, "outcome": "no", "version": "1"}, page=page)
        assert answer.status_code == 303


def test_one_trip(desk: Desk) -> None:
    with desk.db.transaction() as session:
        now = desk.clock.now()
        other = factories.make_order(session, now, factories.when(now, "20:30"), sku="physics-2").ref
    page = desk.get(f"/orders/{desk.ref}").text
    assert "Also there: 1 more." in page
    assert f"Physics 2 for {other}" in page
    status, text = tap(desk, "bought", also=[str(line_of(desk, other).id), "999"])
    assert status == 303
    assert f"Bought at City-Books: Physics 2 ({desk.ref}), Physics 2 ({other})." in text
    assert "One line: There is no such line." in text
    assert {line_of(desk, ref).sourcing.value for ref in (desk.ref, other)} == {"bought"}


def test_ticked_lines_count_only_when_bought(desk: Desk) -> None:
    with desk.db.transaction() as session:
        now = desk.clock.now()
        other = factories.make_order(session, now, factories.when(now, "20:30"), sku="physics-2").ref
    assert tap(desk, "no", also=[str(line_of(desk, other).id)])[0] == 303
    assert line_of(desk, other).sourcing.value == "to_procure"


@pytest.mark.parametrize(
    ("form", "complaint"),
    [
        ({"outcome": "has_it", "kept_until": "soon"}, "Give a time like 18:00."),
        ({"outcome": "has_it", "note": "x" * 501}, "This is too long: at most 500 characters."),
        ({"outcome": "stolen"}, "Outcome is not one of ours: reload the page"),
        ({"outcome": "no", "supplier": "nowhere"}, "There is no supplier"),
        ({"outcome": "bought", "also": "two"}, "Also give a whole number"),
    ],
)
def test_a_bad_answer_is_shown_again(desk: Desk, form: dict[str, str], complaint: str) -> None:
    page = f"/orders/{desk.ref}"
    path = f"{page}/lines/{line_of(desk).id}/calls"
    answer = desk.post(path, {"supplier": "city-books", "note": "with Ravi", **form}, page=page)
    assert answer.status_code == 422
    assert complaint in plain(answer.text)
    assert f'value="{form.get("note", "with Ravi")}"' in answer.text or form.get("supplier")
    with desk.db.snapshot() as session:
        assert session.scalars(select(SupplierAnswer)).all() == []


def test_what_is_in_hand_is_not_asked_for(desk: Desk) -> None:
    tap(desk, "bought")
    status, text = tap(desk, "no")
    assert status == 409
    assert "Physics 2 is bought: there is nothing to ask for." in text


def test_giving_up_needs_a_reason(desk: Desk) -> None:
    page = f"/orders/{desk.ref}"
    path = f"{page}/lines/{line_of(desk).id}/procurement"
    assert "Give up on it" in desk.get(page).text
    for form in ({}, {"note": "  "}, {"why_not": "because"}):
        answer = desk.post(path, {"state": "unavailable", **form}, page=page)
        assert answer.status_code == 422
        assert "reload" in answer.text if "why_not" in form else "Choose a reason, or write your own" in answer.text
    form = {"state": "unavailable", "why_not": "out_of_print", "note": "the publisher says next spring."}
    assert desk.post(path, form, page=page).status_code == 303
    with desk.db.snapshot() as session:
        told = [event["text"] for event in timeline(session, desk.ref)]
    assert "Physics 2 can't be had. Out of print. the publisher says next spring" in told
    assert "Give up on it" not in desk.get(page).text


def test_no_shop_is_known(desk: Desk) -> None:
    with desk.db.transaction() as session:
        for table in (ItemSupplier, Supplier):
            for row in session.scalars(select(table)).all():
                session.delete(row)
    text = desk.get(f"/orders/{desk.ref}").text
    assert '<a href="/stock#shops">Add a shop</a>' in text
    assert "Whom to ring" not in text


def test_a_reader_sees_and_does_not_tap(settings: Settings, sqlite_db: Database, clock: ManualClock) -> None:
    reader = make_desk(settings, sqlite_db, clock, role=Access.READER)
    page = f"/orders/{reader.ref}"
    text = reader.get(page).text
    assert "60 % likely" in text
    assert 'name="outcome"' not in text
    assert reader.post(f"{page}/lines/{line_of(reader).id}/calls", {"outcome": "no"}, page="/").status_code == 403


def test_the_stock_page_tells_what_a_shop_is_good_for(desk: Desk) -> None:
    assert "we asked" not in desk.get("/stock").text
    tap(desk, "closed")
    tap(desk, "no")
    with desk.db.transaction() as session:
        now = desk.clock.now()
        other = factories.make_order(session, now, factories.when(now, "20:30"), sku="physics-2").ref
    tap(desk, "bought", ref=other)
    assert "Had it 1 of 2 times we asked (50 %)." in desk.get("/stock").text
