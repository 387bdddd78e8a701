"""The board, the people, the texts, and what stands on every page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import select

from dispatch.messaging.rules import Kind, TextState
from dispatch.messaging.service import Draft, enqueue, opt_out
from dispatch.messaging.tables import OutgoingText
from dispatch.orders.rules import Move
from dispatch.orders.tables import Heartbeat, Order
from dispatch.promise import service as promise
from dispatch.staff.rules import Role
from dispatch.staff.tables import Pause, Staff
from dispatch.web import pages
from dispatch.web.tables import Access
from tests import factories
from tests.web.test_pages_kit import Desk, desk, let_in

__all__ = ["desk"]
VERSION = re.compile(r"/board/rows\?v=([0-9a-f]+)")


def person(desk: Desk, name: str) -> Staff:
    with desk.db.snapshot() as session:
        found = session.scalars(select(Staff).where(Staff.name == name)).one()
        session.expunge(found)
        return found


# --- the board -------------------------------------------------------------------------------------------------------


def test_the_board_says_what_for_whom_why_and_by_when(desk: Desk) -> None:
    text = desk.get("/").text
    for word in ("Physics 2", "Arjun Mehta", "exam tomorrow", "today 20:00", "to be bought", "Start looking", desk.ref):
        assert word in text


def test_least_slack_comes_first_in_its_group(desk: Desk) -> None:
    now = desk.clock.now()
    with desk.db.transaction() as session:
        soon = factories.make_order(session, now, factories.when(now, "15:30"), sku="atlas").ref
        calm = factories.make_order(session, now, factories.when(now, "18:30"), sku="atlas").ref
        hopeless = factories.make_order(session, now, factories.when(now, "14:20"), sku="physics-2").ref
    text = desk.get("/").text
    places = [text.index(f'id="row-{ref}"') for ref in (hopeless, soon, calm)]
    assert places == sorted(places)
    assert text.index("At risk") < places[0]
    assert "behind" in text


def test_an_empty_board_says_what_to_do(desk: Desk) -> None:
    with desk.db.transaction() as session:
        promise.move(session, desk.ref, Move.CANCEL, desk.clock.now(), actor="desk", reason="not needed")
    text = desk.get("/").text
    assert "Nothing is promised just now." in text
    assert "Take an order" in text


def poll(desk: Desk, version: str) -> int:
    return desk.get(f"/board/rows?v={version}", HX_Request="true").status_code


def shown(desk: Desk) -> str:
    found = VERSION.search(desk.get("/board/rows").text)
    assert found
    return found.group(1)


def test_a_poll_brings_nothing_until_something_changed(desk: Desk) -> None:
    version = shown(desk)
    assert [poll(desk, version), poll(desk, version)] == [204, 204]
    with desk.db.transaction() as session:
        factories.make_order(session, desk.clock.now(), factories.when(desk.clock.now(), "19:00"))
    assert poll(desk, version) == 200
    version = shown(desk)
    desk.clock.advance(minutes=1)
    assert poll(desk, version) == 200


def test_a_pause_and_a_new_colleague_change_the_board(desk: Desk) -> None:
    version = shown(desk)
    with desk.db.transaction() as session:
        session.add(Pause(staff_id=1, starts_at=desk.clock.now(), until=factories.when(desk.clock.now(), minutes=30)))
    assert poll(desk, version) == 200
    version = shown(desk)
    with desk.db.transaction() as session:
        factories.make_person(session, desk.clock.now(), "Zoya")
    assert poll(desk, version) == 200


def test_the_board_warns_when_nobody_watches(desk: Desk) -> None:
    assert "Nobody is watching" not in desk.get("/").text
    desk.clock.advance(minutes=3)
    assert "Nobody is watching: the worker has been silent for 3 min" in desk.get("/").text
    with desk.db.transaction() as session:
        session.delete(session.get_one(Heartbeat, "watch"))
    assert "the worker has not started" in desk.get("/").text


def test_the_board_says_who_sent_stop(desk: Desk) -> None:
    with desk.db.transaction() as session:
        opt_out(session, person(desk, "Ravi Kumar").phone, desk.clock.now(), "STOP")
    assert "Ravi Kumar has sent STOP" in desk.get("/").text
    # t for texted: the list of people says so too.
    assert "can&#39;t be texted" in desk.get("/people").text


def test_the_board_says_every_day_that_the_founder_can_not_be_reached(desk: Desk) -> None:
    found = "a call for help that nobody else takes reaches nobody"
    with desk.db.transaction() as session:
        for row in session.scalars(select(Staff).where(Staff.role == Role.FOUNDER)):
            row.is_active = False
    assert f"There is no founder: {found}" in desk.get("/").text
    with desk.db.transaction() as session:
        number = factories.make_person(session, desk.clock.now(), "Anand", role="founder", shifts=None)
    assert found not in desk.get("/").text
    with desk.db.transaction() as session:
        opt_out(session, session.get_one(Staff, number).phone, desk.clock.now(), "STOP")
    assert "The founder can&#39;t be texted" in desk.get("/").text


def test_the_board_says_whom_no_text_reached(desk: Desk) -> None:
    ravi = person(desk, "Ravi Kumar")
    now = desk.clock.now()

    def texted(state: TextState, key: str) -> None:
        with desk.db.transaction() as session:
            session.add(OutgoingText(key=key, kind=Kind.PAGE, state=state, to_phone=ravi.phone, body="?",
                                     staff_id=ravi.id, due_at=now, created_at=now, settled_at=now))  # fmt: skip

    texted(TextState.UNDELIVERED, "a")
    assert "No text of the last day reached Ravi Kumar" in desk.get("/").text
    texted(TextState.DELIVERED, "b")
    assert "No text of the last day" not in desk.get("/").text


def test_the_board_says_that_phones_are_simulated(desk: Desk) -> None:
    text = desk.get("/").text
    assert "Nothing is really sent" in text
    assert 'href="/phones"' in text


def pack_from_board(desk: Desk, **headers: str) -> object:
    now = desk.clock.now()
    with desk.db.transaction() as session:
        ref = factories.make_order(session, now, factories.when(now, "19:00"), sku="atlas").ref
    form = {"move": "pack", "version": "1", "from": "board"}
    return desk.post(f"/orders/{ref}/moves", form, page="/", **headers), ref


def test_who_may_only_look_is_shown_no_way_that_is_closed_to_them(desk: Desk) -> None:
    ways = ('href="/orders/new"', 'data-does="new"', 'href="/phones"')
    assert all(way in desk.get("/").text for way in ways)
    assert "/t?k=" in desk.get(f"/orders/{desk.ref}").text
    let_in(desk.db, desk.clock, desk.browser, Access.READER)
    assert not [way for way in ways if way in desk.get("/").text]
    # Whoever holds the customer's link can answer by it.
    assert "/t?k=" not in desk.get(f"/orders/{desk.ref}").text


def test_the_next_move_works_from_the_board_with_and_without_scripts(desk: Desk) -> None:
    answer, ref = pack_from_board(desk)
    assert answer.headers["Location"] == "/"
    assert f"{ref} is packed." in desk.get("/").text
    answer, ref = pack_from_board(desk, HX_Request="true")
    assert answer.status_code == 200
    assert f"{ref} is packed." in answer.text
    assert 'hx-swap-oob="true"' in answer.text
    assert 'id="board"' in answer.text


def test_a_stale_move_from_the_board_leads_to_the_order(desk: Desk) -> None:
    form = {"move": "cancel", "reason": "x", "version": "99", "from": "board"}
    answer = desk.post(f"/orders/{desk.ref}/moves", form, page="/", HX_Request="true")
    assert answer.headers["HX-Redirect"] == f"/orders/{desk.ref}"
    assert "changed since you read it" in desk.get(f"/orders/{desk.ref}").text


def test_whoever_is_here_can_be_chosen_on_the_board(desk: Desk) -> None:
    _, ref = pack_from_board(desk)
    text = desk.get("/").text
    row = text[text.index(f'id="row-{ref}"') :]
    assert ">Ravi</option>" in row
    assert "Meena" not in row.split("</li>")[0]
    ravi = str(person(desk, "Ravi Kumar").id)
    form = {"move": "hand_over", "staff_id": ravi, "version": "2", "from": "board"}
    assert desk.post(f"/orders/{ref}/moves", form, page="/").status_code == 303
    assert "Ravi Kumar has it" in desk.get("/").text


# --- people ----------------------------------------------------------------------------------------------------------


def test_people_say_who_is_here(desk: Desk) -> None:
    text = desk.get("/people").text
    assert text.index("Arjun Das") < text.index("Meena Iyer")
    assert "not here, may always be asked" in text


def test_pause_and_back(desk: Desk) -> None:
    ravi = person(desk, "Ravi Kumar").id
    answer = desk.post(f"/people/{ravi}/pause", {"span": "60", "reason": "dentist"}, page="/people")
    assert answer.status_code == 303
    text = desk.get("/people").text
    assert "paused until 15:00" in text
    assert "dentist" in text
    desk.post(f"/people/{ravi}/back", {}, page="/people")
    assert "paused until" not in desk.get("/people").text


@pytest.mark.parametrize(
    ("form", "complaint"),
    [
        ({"span": "nonsense"}, "Until when?"),
        ({"until": "yesterday"}, "Give a date and a time."),
        ({"until": "2026-11-24T13:00"}, "already past"),
    ],
)
def test_a_bad_pause_is_shown_again(desk: Desk, form: dict[str, str], complaint: str) -> None:
    ravi = person(desk, "Ravi Kumar").id
    answer = desk.post(f"/people/{ravi}/pause", {**form, "reason": "dentist"}, page="/people")
    assert answer.status_code == 422
    assert complaint in answer.text
    assert 'value="dentist"' in answer.text


def test_the_rest_of_today_ends_at_midnight_in_the_shop(desk: Desk) -> None:
    ravi = person(desk, "Ravi Kumar").id
    desk.post(f"/people/{ravi}/pause", {"span": "rest", "force": "1", "reason": "ill"}, page="/people")
    assert "paused until 25 Nov 00:00" in desk.get("/people").text


def test_somebody_new_a_shift_a_change_and_a_goodbye(desk: Desk) -> None:
    new = {"name": "Zoya Ali", "phone": "+44 7700 900990", "role": "rider", "shifts": ""}
    assert desk.post("/people", new, page="/people").status_code == 303
    zoya = person(desk, "Zoya Ali")
    assert zoya.shifts is None
    shift = {"starts_at": "2026-11-24T13:00", "ends_at": "2026-11-24T22:00"}
    assert desk.post(f"/people/{zoya.id}/shifts", shift, page="/people").status_code == 303
    text = desk.get("/people").text
    assert ">here<" in text[text.index("Zoya Ali") :]
    changed = {**new, "name": "Zoya Khan", "on_call": "on"}
    assert desk.post(f"/people/{zoya.id}", changed, page="/people").status_code == 303
    assert person(desk, "Zoya Khan").on_call
    desk.post(f"/people/{zoya.id}", {**changed, "left": "on"}, page="/people")
    # She stands only in what was just said.
    assert desk.get("/people").text.count("Zoya Khan") == 1
    assert "Zoya Khan" not in desk.get("/people").text


def test_a_number_that_is_taken_and_one_that_is_none(desk: Desk) -> None:
    form = {"name": "Zoya", "phone": person(desk, "Ravi Kumar").phone, "role": "rider", "shifts": ""}
    answer = desk.post("/people", form, page="/people")
    assert answer.status_code == 422
    assert "Ravi Kumar&#39;s already" in answer.text
    answer = desk.post("/people", {**form, "phone": "12", "shifts": "sometimes"}, page="/people")
    assert answer.status_code == 422
    assert 'value="Zoya"' in answer.text
    assert 'id="phone-new"' in answer.text
    assert 'aria-invalid="true" autofocus' in answer.text


# --- texts and the frame ---------------------------------------------------------------------------------------------


def test_texts_are_listed_without_the_keys_that_they_carry(desk: Desk) -> None:
    link = f"https://shop.example/a?t=12-{'x' * 16}"
    with desk.db.transaction() as session:
        order_id = session.scalars(select(Order.id)).one()
        draft = Draft(key="k", kind=Kind.PAGE, to_phone="+447700900123", body=f"Take it: {link}", order_id=order_id)
        enqueue(session, draft, desk.clock.now())
    for path in ("/texts", f"/orders/{desk.ref}", "/texts?state=queued"):
        text = desk.get(path).text
        assert "Take it: https://shop.example/a?t=…" in text
    assert "No text like that yet." in desk.get("/texts?state=delivered").text
    assert desk.get("/texts?state=nonsense").status_code == 422


def test_nothing_inline_and_nothing_from_elsewhere(desk: Desk) -> None:
    for path in ("/", "/orders/new", f"/orders/{desk.ref}", "/people", "/texts", "/login"):
        text = desk.get(path).text
        assert not re.search(r"<script(?![^>]* src=\"/static/)", text), path
        assert not re.search(r"\sstyle=|<style|\son[a-z]+=", text), path
        assert not re.search(r"(src|href)=\"(https?:)?//(?!127)", text), path


def test_pages_are_not_kept(desk: Desk) -> None:
    answer = desk.get("/")
    assert answer.headers["Cache-Control"] == "no-store"
    assert "'unsafe" not in answer.headers["Content-Security-Policy"]


def test_the_script_library_comes_from_its_package(desk: Desk) -> None:
    answer = desk.get("/static/vendor/htmx.js")
    assert answer.mimetype == "text/javascript"
    assert "htmx" in answer.text


def test_what_every_page_needs_stays_small(desk: Desk) -> None:
    # As it is served, not packed: proxies make it a quarter of that.
    ours = sum(file.stat().st_size for file in (Path(pages.__file__).parent / "static").iterdir())
    assert ours + len(desk.get("/static/vendor/htmx.js").data) <= 100_000


def test_what_people_typed_can_do_no_harm(desk: Desk) -> None:
    now = desk.clock.now()
    evil = "<script>alert(1)</script>"
    with desk.db.transaction() as session:
        order = factories.make_order(
            session, now, factories.when(now, "19:00"), title=evil, customer_name=evil, reason=evil, address=evil
        )
        ref = order.ref
    for path in ("/", f"/orders/{ref}"):
        assert "<script>alert" not in desk.get(path).text
