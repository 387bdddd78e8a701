"""Something else instead, on the customer's page, at the desk and through the API."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from dispatch.escalation.service import tend
from dispatch.foundation import tokens
from dispatch.orders.rules import Sourcing
from dispatch.orders.service import NewLine, ProcurementNews, find_order
from dispatch.orders.tables import OrderEvent
from dispatch.procurement.tables import Offer
from dispatch.promise import service as promise
from dispatch.web.auth import create_token
from dispatch.web.tables import Access
from tests import factories
from tests.web.test_pages_kit import Desk, desk, let_in

__all__ = ["desk"]

TILLS = itertools.count()
FORGED = "<script>alert(1)</script> Pack"


@pytest.fixture
def asked(desk: Desk) -> str:
    """An order whose only book can't be had; its customer is being asked. The ref."""
    now = desk.clock.now()
    with desk.db.transaction() as session:
        factories.make_item(session, now, "old", 1, title="Physics 2, 2nd ed.")
        factories.make_item(session, now, "pack", 1, title=FORGED)
        factories.make_item(session, now, "exam", title="Physics 2", substitutes=("old", "pack"))
        order = factories.make_order(session, now, factories.when(now, "19:00"), sku="exam", customer_name="Dev Rao")
        news = ProcurementNews(state=Sourcing.UNAVAILABLE, note="sold out")
        promise.procure(session, order.ref, order.lines[0].id, news, now, actor="desk")
        return order.ref


def key(desk: Desk, ref: str) -> str:
    with desk.db.snapshot() as session:
        number = find_order(session, ref).id
    return tokens.sign(desk.app.extensions["dispatch"].settings.secret_key, "tracking", number)


def offer_id(desk: Desk) -> int:
    with desk.db.snapshot() as session:
        return session.scalars(select(Offer.id).order_by(Offer.id.desc())).first() or 0


def choose(desk: Desk, ref: str, choice: str | None, **changes: str) -> TestResponse:
    """A tap on the customer's phone: no session, no cookie."""
    form = {"k": key(desk, ref), "offer": str(offer_id(desk)), **changes}
    form |= {"choice": choice} if choice is not None else {}
    return desk.app.test_client().post("/t", data=form)


def track(desk: Desk, ref: str) -> TestResponse:
    return desk.app.test_client().get(f"/t?k={key(desk, ref)}")


def line(desk: Desk, ref: str) -> tuple[str, str | None]:
    with desk.db.snapshot() as session:
        row = find_order(session, ref).lines[0]
        return row.sourcing.value, row.sku


def history(desk: Desk, ref: str) -> list[str]:
    with desk.db.snapshot() as session:
        order = find_order(session, ref)
        return list(session.scalars(select(OrderEvent.kind).where(OrderEvent.order_id == order.id)))


def test_the_page_asks_and_looking_changes_nothing(desk: Desk, asked: str) -> None:
    before = history(desk, asked)
    page = track(desk, asked).text
    assert "We have not found everything yet." in page
    assert "We can&#39;t get Physics 2 in time" in page
    assert 'Please choose by <strong class="num">today 15:00</strong>' in page
    assert '<button class="button big main" name="choice" value="old">Physics 2, 2nd ed.</button>' in page
    assert "<script>alert" not in page
    assert (history(desk, asked), line(desk, asked)) == (before, ("unavailable", "exam"))


def test_a_tap_chooses_and_the_same_tap_twice_is_one(desk: Desk, asked: str) -> None:
    first = choose(desk, asked, "old")
    assert (first.status_code, "Thank you! You get Physics 2, 2nd ed. instead." in first.text) == (200, True)
    assert first.headers["Referrer-Policy"] == "no-referrer"
    again = choose(desk, asked, "pack")
    assert (again.status_code, "You get Physics 2, 2nd ed. instead, as you chose." in again.text) == (200, True)
    assert history(desk, asked).count("line_substituted") == 1
    assert line(desk, asked) == ("substituted", "old")
    page = track(desk, asked).text
    assert 'Physics 2, 2nd ed. <span class="small soft">instead of Physics 2</span>' in page
    assert "We can't get" not in page


def test_none_of_these(desk: Desk, asked: str) -> None:
    answer = choose(desk, asked, "")
    assert (answer.status_code, "We will phone you about Physics 2." in answer.text) == (200, True)
    assert "You want nothing else instead." in track(desk, asked).text
    assert line(desk, asked) == ("unavailable", "exam")


def test_too_late_says_so_and_whom_to_call(desk: Desk, asked: str) -> None:
    desk.clock.advance(minutes=61)
    answer = choose(desk, asked, "old")
    assert answer.status_code == 410
    assert "That was until 15:00. We will phone you about Physics 2." in answer.text
    assert "please call Kala Books" in answer.text
    assert line(desk, asked) == ("unavailable", "exam")
    choose(desk, asked, "old")
    assert history(desk, asked).count("substitution_answered_late") == 1


def test_the_last_one_went_meanwhile(desk: Desk, asked: str) -> None:
    with desk.db.transaction() as session:
        factories.make_item(session, desk.clock.now(), "old", 0, title="Physics 2, 2nd ed.")
    answer = choose(desk, asked, "old")
    assert answer.status_code == 409
    assert "has just gone" in answer.text
    assert 'value="pack"' in answer.text
    assert 'value="old"' not in answer.text


@pytest.mark.parametrize(
    ("choice", "changes", "status"),
    [
        ("old", {"k": "1-AAAAAAAAAAAAAAAA"}, 404),
        ("old", {"k": ""}, 404),
        ("old", {"offer": "999"}, 404),
        ("old", {"offer": "x"}, 404),
        ("exam", {}, 409),
        (None, {}, 409),
    ],
)
def test_what_was_not_asked_changes_nothing(
    desk: Desk, asked: str, choice: str | None, changes: dict[str, str], status: int
) -> None:
    assert choose(desk, asked, choice, **changes).status_code == status
    assert line(desk, asked) == ("unavailable", "exam")


def test_somebody_elses_key_answers_nothing(desk: Desk, asked: str) -> None:
    assert choose(desk, asked, "old", k=key(desk, desk.ref)).status_code == 404
    assert line(desk, asked) == ("unavailable", "exam")


def test_the_desk_answers_for_them(desk: Desk, asked: str) -> None:
    with desk.db.snapshot() as session:
        number = find_order(session, asked).lines[0].id
    page = desk.get(f"/orders/{asked}").text
    assert "The customer is asked until" in page
    assert "<script>alert" not in page
    path = f"/orders/{asked}/lines/{number}/substitution"
    assert desk.post(path, {"choice": "old"}, page=f"/orders/{asked}").status_code == 303
    assert line(desk, asked) == ("substituted", "old")
    after = desk.get(f"/orders/{asked}").text
    assert "Instead of Physics 2" in after
    assert "By phone they want" not in after


def test_the_desk_has_them_asked_again(desk: Desk, asked: str) -> None:
    with desk.db.snapshot() as session:
        number, order_id = find_order(session, asked).lines[0].id, find_order(session, asked).id
    assert "Ask the customer" not in desk.get(f"/orders/{asked}").text
    desk.clock.advance(minutes=61)
    with desk.db.transaction() as session:
        tend(session, order_id, desk.clock.now(), links=desk.app.extensions["dispatch"].links)
    page = desk.get(f"/orders/{asked}").text
    assert "that means no. Phone them." in page
    path = f"/orders/{asked}/lines/{number}/offers"
    assert desk.post(path, {}, page=f"/orders/{asked}").status_code == 303
    assert "The customer is asked until" in desk.get(f"/orders/{asked}").text
    assert desk.post(path, {}, page=f"/orders/{asked}").status_code == 409


def test_a_reader_may_look_and_not_answer(desk: Desk, asked: str) -> None:
    let_in(desk.db, desk.clock, desk.browser, Access.READER)
    page = desk.get(f"/orders/{asked}").text
    assert "The customer is asked until" in page
    assert "By phone they want" not in page


def call(desk: Desk, method: str, path: str, body: object = None) -> TestResponse:
    with desk.db.transaction() as session:
        secret = create_token(session, f"till {next(TILLS)}", Access.OPS, desk.clock.now())
    headers = {"Authorization": f"Bearer {secret}"}
    return desk.app.test_client().open(f"/api/v1{path}", method=method, json=body, headers=headers)


def test_the_api_shows_the_offer_and_takes_what_was_said_on_the_phone(desk: Desk, asked: str) -> None:
    shown = call(desk, "GET", f"/orders/{asked}").json
    assert shown
    found = shown["lines"][0]
    assert found["substitution_offer"]["state"] == "open"
    assert found["substitution_offer"]["choices"][0] == {"sku": "old", "title": "Physics 2, 2nd ed."}
    assert found["substitution_offer"]["reply_by"] == (desk.clock.now() + timedelta(minutes=60)).isoformat()
    path = f"/orders/{asked}/lines/{found['id']}/substitution"
    wrong = call(desk, "POST", path, {"choice": "bible"})
    assert wrong.status_code == 422
    assert wrong.json
    assert wrong.json["errors"][0]["field"] == "choice"
    assert "choose one of old, pack" in wrong.json["errors"][0]["message"]
    assert call(desk, "POST", path, {}).status_code == 422
    assert call(desk, "POST", f"/orders/{asked}/lines/999999/substitution", {"choice": None}).status_code == 404
    assert call(desk, "POST", f"/orders/{asked}/lines/{found['id']}/offers").status_code == 409
    taken = call(desk, "POST", path, {"choice": "old", "note": "rang back"})
    assert taken.status_code == 200
    assert taken.json
    line_ = taken.json["lines"][0]
    assert (line_["sku"], line_["sourcing"], line_["instead_of"]) == ("old", "substituted", "Physics 2")
    assert line_["substitution_offer"]["state"] == "chosen"
    assert call(desk, "POST", path, {"choice": None}).status_code == 409


def test_the_wish_alone_is_patched_without_moving_the_copy(desk: Desk) -> None:
    now = desk.clock.now()
    with desk.db.transaction() as session:
        lines = (NewLine(title="Atlas", sku="atlas"),)
        order = factories.make_order(session, now, factories.when(now, "19:00"), lines=lines)
        ref, number = order.ref, str(order.lines[0].id)
    change = {"lines": [{"id": number, "title": "Atlas", "sku": "atlas", "quantity": 1, "substitution": "never"}]}
    answer = call(desk, "PATCH", f"/orders/{ref}", change)
    assert answer.status_code == 200
    assert answer.json
    (after,) = answer.json["lines"]
    assert (after["id"], after["substitution"], after["sourcing"]) == (number, "never", "in_stock")
