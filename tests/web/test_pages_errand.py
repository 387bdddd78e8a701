"""The staff's phone after taking it: the way, whom to call, proof at the door, and a connection that comes and goes."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page as Tab
from playwright.sync_api import Route, expect
from sqlalchemy import select
from werkzeug.test import TestResponse

from dispatch.orders import proof_rules
from dispatch.orders.rules import Status
from dispatch.orders.service import find_order
from dispatch.orders.tables import OrderEvent
from dispatch.web import proof_form
from dispatch.web.errand_view import directions
from tests.web.test_pages_browser import PHONE, check, served
from tests.web.test_pages_kit import Desk, desk
from tests.web.test_pages_links import another_page, at_risk, look, pages, say, token

__all__ = ["desk"]
JPEG, PNG = b"\xff\xd8\xff\xe0 a photo", b"\x89PNG\r\n\x1a\n a photo"


def send(desk: Desk, page_id: int, answer: str, **fields: object) -> TestResponse:
    form = {"t": token(desk, "page", page_id), "answer": answer, **fields}
    return desk.app.test_client().post("/a", data=form, content_type="multipart/form-data")


def photo(data: bytes = JPEG) -> tuple[io.BytesIO, str]:
    return io.BytesIO(data), "door.jpg"


def taken(desk: Desk, **changes: str) -> tuple[str, int]:
    """An order that somebody has taken; its ref and their page."""
    ref = at_risk(desk, **changes)
    (page_id, *_) = pages(desk, ref)
    say(desk, page_id, "accept")
    return ref, page_id


def status_of(desk: Desk, ref: str) -> Status:
    with desk.db.snapshot() as session:
        return find_order(session, ref).status


# --- the way ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "way"),
    [
        (("12 Lake Road & 3", None, None), "destination=12+Lake+Road+%26+3"),
        (("x", 22.5726459, 88.36), "destination=22.572646%2C88.360000"),
        (("x", 22.5, None), "destination=x"),
    ],
)
def test_directions_lead_to_the_place_where_it_is_known(
    place: tuple[str, float | None, float | None], way: str
) -> None:
    assert directions(*place) == f"https://www.google.com/maps/dir/?api=1&{way}"


def test_the_customers_number_is_the_takers_while_it_is_theirs(desk: Desk) -> None:
    ref = at_risk(desk)
    (page_id, *_) = pages(desk, ref)
    other_id = another_page(desk, page_id, "Anil")
    with desk.db.snapshot() as session:
        number = find_order(session, ref).customer_phone
    asked = look(desk, page_id)
    assert ("about 40 min" in asked.text, number in asked.text) == (True, False)
    mine = say(desk, page_id, "accept").text
    assert (f'href="tel:{number}"' in mine, "maps/dir/" in mine) == (True, True)
    assert number not in look(desk, other_id).text
    say(desk, page_id, "hand_back")
    assert number not in look(desk, page_id).text


# --- at the door -----------------------------------------------------------------------------------------------------


def test_the_name_of_who_took_it_is_asked_for_and_kept(desk: Desk) -> None:
    ref, page_id = taken(desk, proof="name")
    without = send(desk, page_id, "delivered")
    assert (without.status_code, "Who took it?" in without.text) == (422, True)
    assert send(desk, page_id, "delivered", taken_by=" Mrs  Rao ").status_code == 200
    assert send(desk, page_id, "delivered", taken_by="Somebody else").status_code == 200
    with desk.db.snapshot() as session:
        order = find_order(session, ref)
        events = session.scalars(
            select(OrderEvent.text).where(OrderEvent.order_id == order.id, OrderEvent.kind == "delivered")
        )
        assert (order.status, events.all()) == (Status.DELIVERED, ["Delivered. Taken by Mrs Rao."])
    assert "Taken by Mrs Rao<" in desk.get(f"/orders/{ref}").text.split('id="facts"')[1]


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"", "Take a photo"), (b"<svg onload=alert(1)>", "no picture"), (JPEG + b"x" * 1000, "too large")],
)
def test_only_a_photo_is_a_photo(desk: Desk, data: bytes, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (proof_rules, proof_form):
        monkeypatch.setattr(module, "MOST_BYTES", 1000)
    ref, page_id = taken(desk, proof="photo")
    refused = send(desk, page_id, "delivered", photo=photo(data))
    assert (refused.status_code, words in refused.text) == (422, True)
    assert status_of(desk, ref) is Status.READY


@pytest.mark.parametrize(("data", "kind"), [(JPEG, "image/jpeg"), (PNG, "image/png")])
def test_the_photo_is_kept_and_shown_to_the_desk_alone(desk: Desk, data: bytes, kind: str) -> None:
    ref, page_id = taken(desk, proof="photo")
    assert desk.get(f"/orders/{ref}/proof").status_code == 404
    assert f"/orders/{ref}/proof" not in desk.get(f"/orders/{ref}").text
    assert send(desk, page_id, "delivered", photo=photo(data)).status_code == 200
    assert f'href="/orders/{ref}/proof"' in desk.get(f"/orders/{ref}").text
    shown = desk.get(f"/orders/{ref}/proof")
    assert (shown.data, shown.mimetype) == (data, kind)
    assert "sandbox" in shown.headers["Content-Security-Policy"]
    assert desk.app.test_client().get(f"/orders/{ref}/proof").status_code == 303


def test_a_reason_does_where_no_photo_can_be_had(desk: Desk) -> None:
    ref, page_id = taken(desk, proof="photo")
    assert send(desk, page_id, "delivered", note="battery empty").status_code == 200
    assert status_of(desk, ref) is Status.DELIVERED


def test_the_pin_has_a_field_of_its_own(desk: Desk) -> None:
    ref, page_id = taken(desk, proof="pin")
    with desk.db.snapshot() as session:
        pin = find_order(session, ref).pin
    wrong = "0000" if pin != "0000" else "1111"
    assert "4 digits" in send(desk, page_id, "delivered", pin=wrong).text
    assert send(desk, page_id, "delivered", pin=pin).status_code == 200
    assert status_of(desk, ref) is Status.DELIVERED


# --- on a phone ------------------------------------------------------------------------------------------------------


@pytest.fixture
def phone(desk: Desk, page: Tab) -> Iterator[tuple[Tab, str]]:
    page.set_viewport_size(PHONE)
    with served(desk.app) as base:
        yield page, base
        page.close()


@pytest.mark.browser
def test_an_answer_gets_through_when_the_connection_is_back_and_counts_once(desk: Desk, phone: tuple[Tab, str]) -> None:
    tab, base = phone
    ref, page_id = taken(desk, proof="name")
    tab.goto(f"{base}/a?t={token(desk, 'page', page_id)}")
    check(tab, "taken")
    tries: list[str] = []

    def gone(route: Route) -> None:
        tries.append(route.request.method)
        if len(tries) <= 2:
            route.abort()
        else:
            route.continue_()

    tab.route("**/a", gone)
    tab.fill("#taken_by", "Mrs Rao")
    tab.get_by_role("button", name="Delivered").dblclick()
    expect(tab.locator("#trying")).to_contain_text("Your answer is kept")
    check(tab, "trying")
    expect(tab.get_by_text("is delivered. Well done")).to_be_visible(timeout=15_000)
    assert (len(tries), status_of(desk, ref)) == (3, Status.DELIVERED)
