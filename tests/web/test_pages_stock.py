"""The stock page: what is on the shelf, what of it is promised, the shops where we buy."""

from __future__ import annotations

from typing import Any

import pytest

from dispatch.foundation.clock import ManualClock
from dispatch.foundation.db import Database
from dispatch.foundation.settings import Settings
from dispatch.orders.service import find_order
from dispatch.orders.tables import Timetable
from dispatch.procurement.service import find_supplier, get_item
from dispatch.web.stock_pages import free_code, hours_now
from dispatch.web.tables import Access
from tests import factories
from tests.web.test_pages_kit import Desk, desk, make_desk

__all__ = ["desk"]


def item(desk: Desk, sku: str) -> dict[str, Any]:
    with desk.db.snapshot() as session:
        return get_item(session, sku)


def looks(desk: Desk) -> int:
    """How often it has been said that the order must be looked at."""
    with desk.db.snapshot() as session:
        return session.get_one(Timetable, find_order(session, desk.ref).id).generation


def test_what_is_free_and_what_is_promised(desk: Desk) -> None:
    with desk.db.transaction() as session:
        factories.make_order(session, desk.clock.now(), factories.when(desk.clock.now(), "19:00"), sku="atlas")
    text = desk.get("/stock").text
    assert "4 free" in text
    assert "1 promised · 5 here" in text
    assert "City-Books" in text


def test_an_item_is_added_with_its_shops(desk: Desk) -> None:
    typed = {"sku": "978 1", "title": "गणित", "on_hand": "3", "suppliers": ["city-books"]}
    assert desk.post("/stock/items", typed, page="/stock").status_code == 303
    assert "गणित is in the list." in desk.get("/stock").text
    found = item(desk, "978 1")
    assert (found["title"], found["on_hand"], found["suppliers"]) == ("गणित", 3, ["city-books"])


def test_a_count_is_changed_and_whoever_waits_is_looked_at(desk: Desk) -> None:
    before = looks(desk)
    typed = {"title": "Physics 2", "on_hand": "1", "was": "0", "suppliers": ["city-books"]}
    assert desk.post("/stock/items/physics-2", typed, page="/stock").status_code == 303
    assert item(desk, "physics-2")["available"] == 1
    assert looks(desk) == before + 1


def test_a_count_from_an_old_page_is_refused(desk: Desk) -> None:
    typed = {"title": "Atlas", "on_hand": "9", "was": "4"}
    answer = desk.post("/stock/items/atlas", typed, page="/stock")
    assert answer.status_code == 409
    assert "there are 5 on the shelf by now" in answer.text
    assert item(desk, "atlas")["on_hand"] == 5


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"sku": ""}, "Give it a number"),
        ({"sku": "a/b"}, "Use no slashes"),
        ({"sku": "atlas"}, "is in the list already"),
        ({"title": " "}, "What is it called?"),
        ({"on_hand": ""}, "How many are on the shelf?"),
        ({"on_hand": "-1"}, "Give a whole number."),
        ({"on_hand": "9999999"}, "Give a whole number from 0 to 1000000."),
        ({"suppliers": ["nobody"]}, "There is no supplier"),
    ],
)
def test_an_item_that_can_t_be_is_said_beside_its_field(desk: Desk, change: dict[str, Any], complaint: str) -> None:
    typed = {"sku": "new-1", "title": "Newton", "on_hand": "2", **change}
    answer = desk.post("/stock/items", typed, page="/stock")
    assert answer.status_code == 422
    assert complaint in answer.text
    assert answer.text.count("aria-invalid") == (0 if "suppliers" in change else 1)


def test_a_shop_is_added_and_changed(desk: Desk) -> None:
    typed = {"name": "Köhler & Söhne", "phone": "+442079460123", "travel_minutes": "12"}
    typed |= {"opening_hours": "Mo-Sa 09:00-18:00"}
    assert desk.post("/stock/suppliers", typed, page="/stock").status_code == 303
    with desk.db.snapshot() as session:
        found = find_supplier(session, "kohler-sohne")
        assert (found.name, found.travel_minutes, found.procure_minutes) == ("Köhler & Söhne", 12, None)
    again = {**typed, "opening_hours": "24/7", "procure_minutes": "30"}
    assert desk.post("/stock/suppliers", again, page="/stock").status_code == 422
    assert desk.post("/stock/suppliers/kohler-sohne", again, page="/stock").status_code == 303
    assert "open all day" in desk.get("/stock").text


def test_everything_wrong_with_a_shop_is_said_at_once(desk: Desk) -> None:
    typed = {"name": "", "phone": "12", "opening_hours": "whenever", "travel_minutes": "far"}
    text = desk.post("/stock/suppliers", typed, page="/stock").text
    assert "What is the shop called?" in text
    assert text.count('class="error"') >= 3
    assert 'value="whenever"' in text
    assert desk.get("/stock").text.count('<summary>Change<span class="unseen"> City') == 1


def test_an_item_or_a_shop_that_is_not_there_is_not_made_by_changing_it(desk: Desk) -> None:
    typed = {"name": "X", "title": "X", "on_hand": "1", "opening_hours": "24/7"}
    assert desk.post("/stock/items/none", typed, page="/stock").status_code == 404
    assert desk.post("/stock/suppliers/none", typed, page="/stock").status_code == 404


def test_items_are_found_by_title_or_number(desk: Desk) -> None:
    text = desk.get("/stock?q=PHYS").text
    assert "Physics 2" in text
    assert "Atlas" not in text
    assert "Nothing here is called “100%”." in desk.get("/stock?q=100%25").text


def test_a_reader_changes_nothing(settings: Settings, sqlite_db: Database, clock: ManualClock) -> None:
    reader = make_desk(settings, sqlite_db, clock, role=Access.READER)
    assert "<summary>" not in reader.get("/stock").text
    answer = reader.post("/stock/items", {"sku": "x", "title": "X", "on_hand": "1"}, page="/people")
    assert answer.status_code in (400, 403)


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        ("Mo-Su 10:00-19:00", "open until 19:00"),
        ("Mo-Su 16:00-19:00", "opens at 16:00"),
        ("Mo-Su 08:00-09:00", "closed for today"),
        ("24/7", "open all day"),
    ],
)
def test_whether_another_shop_is_open(desk: Desk, hours: str, said: str) -> None:
    assert hours_now(hours, "Asia/Kolkata", desk.clock.now()) == said


def test_a_code_is_found_for_every_name(desk: Desk) -> None:
    with desk.db.snapshot() as session:
        assert free_code(session, "City Books") == "city-books-2"
        assert free_code(session, "किताब घर") == "shop"
