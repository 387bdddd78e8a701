"""Taking an order, its page, its moves; forms with complaints, stale saves."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import func, select

from dispatch.orders.rules import Move, Sourcing
from dispatch.orders.service import timeline
from dispatch.orders.tables import Order, OrderEvent
from dispatch.promise import service as promise
from dispatch.promise.tables import Quote
from tests import factories
from tests.web.test_pages_kit import Desk, desk, prefilled

__all__ = ["desk"]
TAKEN = {
    "phone": "+44 7700 900321",
    "name": "Lena",
    "address": "7 Lake View",
    "item": "Atlas",
    "quantity": "1",
    "substitution": "never",
    "when": "2026-11-24T20:30",
    "promise": "other",
    "reason": "birthday tonight",
    "proof": "pin",
    "travel": "25",
}


def orders(desk: Desk) -> int:
    with desk.db.snapshot() as session:
        return session.scalars(select(func.count()).select_from(Order)).one()


def newest(desk: Desk) -> Order:
    with desk.db.snapshot() as session:
        order = session.scalars(select(Order).order_by(Order.id.desc())).first()
        assert order is not None
        assert len(order.lines) > 0
        session.expunge_all()
        return order


# --- taking an order -------------------------------------------------------------------------------------------------


def test_an_order_is_taken(desk: Desk) -> None:
    answer = desk.post("/orders/new", TAKEN, page="/orders/new")
    order = newest(desk)
    assert answer.headers["Location"] == f"/orders/{order.ref}"
    assert f"{order.ref} is taken." in desk.get(f"/orders/{order.ref}").text
    assert order.customer_phone == "+447700900321"
    assert order.travel_minutes == 25
    assert order.reason == "birthday tonight"
    assert order.promised_by == factories.when(desk.clock.now(), "20:30")
    (line,) = order.lines
    assert (line.sku, line.title, line.sourcing) == ("atlas", "Atlas", Sourcing.IN_STOCK)


def test_the_same_form_sent_twice_is_one_order_and_other_words_are_another(desk: Desk) -> None:
    once = re.search(r'name="once" value="([^"]+)"', desk.get("/orders/new").text)
    assert once
    form = {**TAKEN, "once": once.group(1)}
    first = desk.post("/orders/new", form, page="/orders/new")
    before = orders(desk)
    again = desk.post("/orders/new", form, page="/orders/new")
    assert again.headers["Location"] == first.headers["Location"]
    assert orders(desk) == before
    text = desk.get(first.headers["Location"]).text
    assert "it is not taken twice" in text
    assert "Their number" not in text
    # Back in the browser's memory, then the next customer: the same form, another order.
    desk.post("/orders/new", {**form, "name": "Ivo"}, page="/orders/new")
    assert orders(desk) == before + 1


def test_several_lines_known_by_number_or_not_at_all(desk: Desk) -> None:
    form = {**TAKEN, "item": ["physics-2", "", "Blue paper"], "quantity": ["2", "1", "3"], "substitution": ["ask"] * 3}
    desk.post("/orders/new", form, page="/orders/new")
    assert [(line.sku, line.title, line.quantity) for line in newest(desk).lines] == [
        ("physics-2", "Physics 2", 2),
        (None, "Blue paper", 3),
    ]


def test_a_preset_is_a_promise(desk: Desk) -> None:
    values = re.findall(r'name="promise" value="([^"]+)"', desk.get("/orders/new").text)
    assert values[-1] == "other"
    answer = desk.post("/orders/new", {**TAKEN, "when": "", "promise": values[0]}, page="/orders/new")
    assert answer.status_code == 303
    assert newest(desk).promised_by.isoformat() == values[0]


def test_presets_are_in_the_shops_time(desk: Desk) -> None:
    text = desk.get("/orders/new").text
    for words in ("in 2 hours (16:00)", "today 18:00", "today 20:00", "closing time (21:00)"):
        assert words in text
    assert "tomorrow 1" not in text
    desk.clock.advance(hours=7)
    text = desk.get("/orders/new").text
    assert "today 1" not in text
    assert "tomorrow 12:00" in text


@pytest.mark.parametrize(
    ("change", "field", "complaint"),
    [
        ({"phone": "12"}, "phone", "No such phone number exists"),
        ({"phone": ""}, "phone", "Not a phone number"),
        ({"name": " "}, "name", "This is empty"),
        ({"address": ""}, "address", "This is empty"),
        ({"item": ""}, "item-0", "what does the customer want?"),
        ({"quantity": "two"}, "quantity-0", "Give a whole number."),
        ({"quantity": "0"}, "quantity-0", "Give a whole number from 1 to 10000."),
        ({"when": "2026-11-24T13:00"}, "promise", "already past"),
        ({"when": "soon"}, "promise", "Give a date and a time."),
        ({"when": ""}, "promise", "By when?"),
        ({"promise": "soonish"}, "promise", "Choose a time."),
        ({"promise": "2026-11-24T18:00"}, "promise", "Choose a time."),
        ({"promise": "2026-11-24T18:00:00+05:30"}, "promise", "Two different times"),
        ({"travel": "-5"}, "travel", "Give a whole number."),
    ],
)
def test_a_complaint_stands_beside_its_field_and_nothing_typed_is_lost(
    desk: Desk, change: dict[str, str], field: str, complaint: str
) -> None:
    before = orders(desk)
    answer = desk.post("/orders/new", {**TAKEN, **change}, page="/orders/new")
    assert answer.status_code == 422
    assert orders(desk) == before
    beside = re.search(rf'<p class="error" id="{field}-hint">([^<]*)', answer.text)
    assert beside, answer.text
    assert complaint in beside.group(1)
    assert answer.text.count("autofocus") == 1
    for name in {"name", "address", "reason", "item"} - change.keys():
        assert f'value="{TAKEN[name]}"' in answer.text


def test_all_complaints_come_at_once_and_the_first_has_the_focus(desk: Desk) -> None:
    form = {**TAKEN, "phone": "12", "name": "", "quantity": "x", "when": "", "travel": "far"}
    text = desk.post("/orders/new", form, page="/orders/new").text
    assert re.findall(r'class="error" id="([a-z0-9-]+)-hint"', text) == [
        "phone",
        "name",
        "quantity-0",
        "promise",
        "travel",
    ]
    assert re.search(r'id="phone"[^>]*autofocus', text)


def test_the_verdict_is_shown_before_saving_and_holds_nothing(desk: Desk) -> None:
    before = orders(desk)
    ask = {"item": "Physics 2", "when": "2026-11-24T15:00", "promise": "other"}
    text = desk.post("/orders/preview", ask, page="/orders/new").text
    assert 'class="card verdict late' in text or 'class="card verdict at_risk' in text
    assert "No, not by then" in text
    assert "Buying Physics 2" in text
    assert "“I can promise it by 16:55 today.”" in text
    assert "Promise 16:55 today instead" in text
    text = desk.post("/orders/preview", {**ask, "when": "2026-11-24T20:00"}, page="/orders/new").text
    assert "Yes, if …" in text
    assert "If somebody leaves for City-Books by 15:20" in text
    assert "“You will have it by 20:00 today: we get it from City-Books.”" in text
    assert "instead" not in text
    text = desk.post("/orders/preview", {**ask, "item": "Atlas", "when": "2026-11-24T20:00"}, page="/orders/new").text
    assert "Yes, this can be promised" in text
    assert "act by" in text
    assert orders(desk) == before
    with desk.db.snapshot() as session:
        assert session.scalars(select(Quote)).all() == []


def test_the_verdict_needs_to_know_what_and_says_by_when_itself(desk: Desk) -> None:
    assert "Still to say: what." in desk.post("/orders/preview", {}, page="/orders/new").text
    text = desk.post("/orders/preview", {"item": "Atlas"}, page="/orders/new").text
    assert "“You will have it by 15:25 today.”" in text
    assert "Promise 15:25 today<" in text
    bad = {"item": "Atlas", "when": "2026-11-24T13:00"}
    assert "already past" in desk.post("/orders/preview", bad, page="/orders/new").text


def test_the_earliest_time_is_one_tap_away(desk: Desk) -> None:
    before = orders(desk)
    text = desk.post("/orders/new", {**TAKEN, "when": "2026-11-24T14:20", "check": "1"}, page="/orders/new").text
    offer = re.search(r'name="instead" value="([^"]+)"', text)
    assert offer
    form = {**TAKEN, "when": "2026-11-24T14:20", "instead": offer.group(1)}
    text = desk.post("/orders/new", form, page="/orders/new").text
    assert re.search(rf'value="{re.escape(offer.group(1))}" checked', text)
    assert "Yes, this can be promised" in text
    assert 'value="Lena"' in text
    assert orders(desk) == before
    assert "Choose a time." in desk.post("/orders/new", {**form, "instead": "soon"}, page="/orders/new").text


def test_it_warns_and_lets_save(desk: Desk) -> None:
    form = {**TAKEN, "item": "Physics 2", "when": "2026-11-24T14:30"}
    assert desk.post("/orders/new", form, page="/orders/new").status_code == 303


def test_without_scripts_a_button_shows_the_risk_and_another_adds_a_line(desk: Desk) -> None:
    before = orders(desk)
    text = desk.post("/orders/new", {**TAKEN, "check": "1"}, page="/orders/new").text
    assert "Yes, this can be promised" in text
    text = desk.post("/orders/new", {**TAKEN, "more": "1"}, page="/orders/new").text
    assert 'id="item-1"' in text
    assert 'value="Lena"' in text
    assert orders(desk) == before


def test_an_hour_that_does_not_exist(desk: Desk) -> None:
    with desk.db.transaction() as session:
        factories.make_shop(session, desk.clock.now(), timezone="Europe/Berlin")
    answer = desk.post("/orders/new", {**TAKEN, "when": "2027-03-28T02:30"}, page="/orders/new")
    assert "That hour does not exist" in answer.text


# --- the page of an order --------------------------------------------------------------------------------------------


def test_there_is_no_such_order(desk: Desk) -> None:
    answer = desk.get("/orders/ZZZZ")
    assert answer.status_code == 404
    assert "There is no order ZZZZ." in answer.text
    assert desk.get(f"/orders/{desk.ref.lower()}").status_code == 200


def line_id(desk: Desk, ref: str) -> int:
    with desk.db.snapshot() as session:
        return session.scalars(select(Order).where(Order.ref == ref)).one().lines[0].id


def test_news_about_a_line(desk: Desk) -> None:
    page = f"/orders/{desk.ref}"
    path = f"{page}/lines/{line_id(desk, desk.ref)}/procurement"
    news = {
        "state": "reserved",
        "supplier": "city-books",
        "ready_at": "2026-11-24T16:00",
        "note": "at the till",
        "by": "",
    }
    assert desk.post(path, news, page=page).status_code == 303
    text = desk.get(page).text
    for words in ("kept for us", "City-Books", "today 16:00", "at the till"):
        assert words in text
    assert desk.post(path, {"state": "bought"}, page=page).headers["Location"] == page
    assert "Mark packed" in desk.get(page).text


@pytest.mark.parametrize(
    ("news", "complaint"),
    [
        ({"state": "reserved", "supplier": "nowhere"}, "There is no supplier"),
        ({"state": "reserved", "ready_at": "later"}, "Give a date and a time."),
        ({"state": "stolen"}, "State is not one of ours"),
        ({"state": "bought", "by": "Ravi"}, "Give a whole number."),
    ],
)
def test_bad_news_is_shown_again(desk: Desk, news: dict[str, str], complaint: str) -> None:
    page = f"/orders/{desk.ref}"
    path = f"{page}/lines/{line_id(desk, desk.ref)}/procurement"
    answer = desk.post(path, {**news, "note": "with Ravi"}, page=page)
    assert answer.status_code == 422
    assert complaint in answer.text
    assert 'value="with Ravi"' in answer.text


def packed(desk: Desk, **changes: str) -> str:
    now = desk.clock.now()
    with desk.db.transaction() as session:
        ref = factories.make_order(session, now, factories.when(now, "19:00"), sku="atlas", **changes).ref
        promise.move(session, ref, Move.PACK, now, actor="desk")
        return ref


def test_an_order_from_the_shelf_to_the_door(desk: Desk) -> None:
    ref = packed(desk)
    page = f"/orders/{ref}"
    assert "Who brings" in desk.get(page).text
    answer = desk.post(f"{page}/moves", {"move": "hand_over", "staff_id": "1"}, page=page)
    assert answer.headers["Location"] == page
    assert "Ravi Kumar has it." in desk.get(page).text
    desk.post(f"{page}/moves", {"move": "deliver"}, page=page)
    text = desk.get(page).text
    assert "Delivered in time." in text
    assert "Mark delivered" not in text


def test_the_pin_is_asked_for(desk: Desk) -> None:
    ref = packed(desk, proof="pin")
    page = f"/orders/{ref}"
    desk.post(f"{page}/moves", {"move": "hand_over", "staff_id": "1"}, page=page)
    answer = desk.post(f"{page}/moves", {"move": "deliver", "pin": "no"}, page=page)
    assert answer.status_code == 422
    assert "the 4 digits" in answer.text


@pytest.mark.parametrize("move", ["cancel", "fail"])
def test_some_moves_need_a_reason(desk: Desk, move: str) -> None:
    ref = packed(desk)
    page = f"/orders/{ref}"
    desk.post(f"{page}/moves", {"move": "hand_over", "staff_id": "1"}, page=page)
    answer = desk.post(f"{page}/moves", {"move": move, "reason": " "}, page=page)
    assert answer.status_code == 422
    assert f'id="reason-{move}-error"' in answer.text
    assert desk.post(f"{page}/moves", {"move": move, "reason": "nobody there"}, page=page).status_code == 303


def test_a_move_that_is_not_allowed_is_explained(desk: Desk) -> None:
    page = f"/orders/{desk.ref}"
    answer = desk.post(f"{page}/moves", {"move": "pack"}, page=page)
    assert answer.status_code == 409
    assert "can&#39;t pack" in answer.text
    assert desk.post(f"{page}/moves", {"move": "fly"}, page=page).status_code == 422


def edit(desk: Desk, **changes: str) -> dict[str, str]:
    base = {"address": "12 Lake Road", "reason": "exam tomorrow", "travel": "30", "promised_by": "2026-11-24T20:00"}
    return {**base, "why": "", **changes}


def test_an_address_is_changed_and_a_promise_only_with_why(desk: Desk) -> None:
    page = f"/orders/{desk.ref}"
    assert desk.post(page, edit(desk, address="9 New Street"), page=page).status_code == 303
    assert "9 New Street" in desk.get(page).text
    answer = desk.post(page, edit(desk, promised_by="2026-11-24T20:45"), page=page)
    assert answer.status_code == 422
    assert "a new promise needs a reason" in answer.text.lower()
    new = edit(desk, promised_by="2026-11-24T20:45", why="he is out until then")
    assert desk.post(page, new, page=page).status_code == 303
    text = desk.get(page).text
    assert "today 20:45" in text
    assert "(first: today 20:00)" in text


def test_saving_what_was_not_changed_makes_no_new_promise(desk: Desk) -> None:
    with desk.db.transaction() as session:
        order = session.scalars(select(Order)).one()
        order.promised_by = factories.when(desk.clock.now(), "20:00").replace(second=30)
        order.version += 1
    page = f"/orders/{desk.ref}"
    assert desk.post(page, edit(desk), page=page).status_code == 303
    with desk.db.snapshot() as session:
        kinds = session.scalars(select(OrderEvent.kind)).all()
    assert "promised_again" not in kinds


def test_a_stale_save_is_refused_with_what_changed_by_whom_and_both_values(desk: Desk) -> None:
    page = f"/orders/{desk.ref}"
    mine = {**prefilled(desk.browser, page), **edit(desk, address="5 Hill Road", reason="a present")}
    with desk.db.transaction() as session:
        promise.change(session, desk.ref, {"address": "3 Hill Road"}, desk.clock.now(), actor="priya")
    answer = desk.browser.post(page, data=mine)
    assert answer.status_code == 412
    assert "Not saved: somebody was here before you" in answer.text
    notice = answer.text.split("</section>")[0]
    assert "priya: Changed: address" in notice
    assert "Order taken" not in notice
    assert "now “3 Hill Road”, you typed “5 Hill Road”" in notice
    assert "now “exam tomorrow”, you typed “a present”" in notice
    assert 'value="5 Hill Road"' in answer.text
    # The form that is shown again carries the fresh version: saving once more is a decision.
    again = re.search(r'name="version" value="(\d+)"', answer.text)
    assert again
    assert desk.browser.post(page, data={**mine, "version": again.group(1)}).status_code == 303
    assert "5 Hill Road" in desk.get(page).text


def test_a_stale_save_keeps_what_the_other_changed_and_nobody_here_touched(desk: Desk) -> None:
    page = f"/orders/{desk.ref}"
    opened = dict(re.findall(r'<input type="hidden" name="(was_\w+)" value="([^"]*)">', desk.get(page).text))
    mine = {**prefilled(desk.browser, page), **opened, **edit(desk, address=opened["was_address"], reason="a present")}
    with desk.db.transaction() as session:
        promise.change(session, desk.ref, {"address": "99 New Street"}, desk.clock.now(), actor="priya")
    # Another complaint comes after this one: shown again, the page would not say any more that it was stale.
    answer = desk.browser.post(page, data={**mine, "travel": "soon"})
    assert answer.status_code == 412
    assert "you typed “" not in answer.text
    again = dict(
        re.findall(
            r'<input[^>]* name="(\w+)"[^>]* value="([^"]*)"', answer.text.split('id="change"')[1].split("</form>")[0]
        )
    )
    assert [again[name] for name in ("address", "reason", "was_address")] == [
        "99 New Street",
        "a present",
        "99 New Street",
    ]
    assert desk.browser.post(page, data={**mine, **again, "travel": ""}).status_code == 303
    with desk.db.snapshot() as session:
        order = session.scalars(select(Order).where(Order.ref == desk.ref)).one()
        assert (order.address, order.reason) == ("99 New Street", "a present")


def test_a_stale_save_shows_what_both_have_changed(desk: Desk) -> None:
    page = f"/orders/{desk.ref}"
    opened = dict(re.findall(r'<input type="hidden" name="(was_\w+)" value="([^"]*)">', desk.get(page).text))
    mine = {**prefilled(desk.browser, page), **opened, **edit(desk, address="5 Hill Road", reason="a present")}
    with desk.db.transaction() as session:
        promise.change(session, desk.ref, {"address": "3 Hill Road"}, desk.clock.now(), actor="priya")
    notice = desk.browser.post(page, data=mine).text.split("</section>")[0]
    assert "now “3 Hill Road”, you typed “5 Hill Road”" in notice
    assert "a present" not in notice


def test_a_stale_move_changes_nothing(desk: Desk) -> None:
    ref = packed(desk)
    page = f"/orders/{ref}"
    mine = prefilled(desk.browser, page)
    with desk.db.transaction() as session:
        promise.change(session, ref, {"reason": "wedding"}, desk.clock.now(), actor="priya")
    answer = desk.browser.post(f"{page}/moves", data={**mine, "move": "cancel", "reason": "no"})
    assert answer.status_code == 412
    assert "wedding" in answer.text
    with desk.db.snapshot() as session:
        assert session.scalars(select(Order.status).where(Order.ref == ref)).one() == "ready"


def test_a_save_without_a_version_is_refused(desk: Desk) -> None:
    page = f"/orders/{desk.ref}"
    answer = desk.browser.post(page, data={"csrf_token": prefilled(desk.browser, page)["csrf_token"], **edit(desk)})
    assert answer.status_code == 422
    assert "reload the page" in answer.text


def test_an_open_page_hears_of_news(desk: Desk) -> None:
    with desk.db.snapshot() as session:
        seen = len(timeline(session, desk.ref))
    path = f"/orders/{desk.ref}/news?seen={seen}"
    assert desk.get(path).status_code == 204
    with desk.db.transaction() as session:
        promise.change(session, desk.ref, {"address": "3 Hill Road"}, desk.clock.now(), actor="priya")
    assert "3 Hill Road" in desk.get(path).text
