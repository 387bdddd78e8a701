"""My day: a link by text and nothing learnt without it, a pause that the guard may refuse, and what they carry."""

from __future__ import annotations

import io
import re
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Page as Tab
from playwright.sync_api import Route, expect
from sqlalchemy import select

from dispatch.messaging.service import opt_out
from dispatch.messaging.tables import OutgoingText
from dispatch.orders.proofs import keep_proof, who_took_it
from dispatch.orders.rules import Move, Status
from dispatch.orders.service import find_order
from dispatch.promise import service as promise
from dispatch.staff.tables import Staff
from dispatch.web import staff_sessions
from tests import factories
from tests.web.test_pages_browser import PHONE, check, served
from tests.web.test_pages_kit import Desk, desk, prefilled
from tests.web.test_pages_links import at_risk, pages, say

__all__ = ["desk"]
LINK = re.compile(r"https?://\S+/me/in\?t=\S+")
RAVI = "Ravi Kumar"


def phone_of(desk: Desk, name: str) -> str:
    with desk.db.snapshot() as session:
        return session.scalars(select(Staff.phone).where(Staff.name == name)).one()


def links(desk: Desk) -> list[tuple[str, str]]:
    """To whom which links were texted."""
    with desk.db.snapshot() as session:
        rows = session.execute(select(OutgoingText.to_phone, OutgoingText.body).order_by(OutgoingText.id)).all()
    return [(row.to_phone, found.group()) for row in rows if (found := LINK.search(row.body))]


def ask(desk: Desk, phone: str) -> str:
    client = desk.app.test_client()
    answer = client.post("/me/ask", data=prefilled(client, "/me") | {"phone": phone})
    assert answer.status_code == 200
    return re.sub(r'value="[^"]*"', "", answer.text)


def path_of(link: str) -> str:
    parts = urlsplit(link)
    return f"{parts.path}?{parts.query}"


def let_in(desk: Desk, name: str = RAVI) -> FlaskClient:
    ask(desk, phone_of(desk, name))
    client = desk.app.test_client()
    assert open_link(client, links(desk)[-1][1]) == 303
    return client


def open_link(client: FlaskClient, link: str) -> int:
    path = path_of(link)
    shown = client.get(path)
    token = prefilled(client, path) if shown.status_code == 200 else prefilled(client, "/me")
    return client.post("/me/in", data=token | {"t": path.partition("t=")[2]}).status_code


def do(client: FlaskClient, path: str, **form: str) -> tuple[int, str]:
    answer = client.post(path, data=prefilled(client, "/me") | form, follow_redirects=True)
    return answer.status_code, answer.text


# --- in and out ------------------------------------------------------------------------------------------------------


def test_the_answer_does_not_tell_whose_number_it_is(desk: Desk) -> None:
    known = phone_of(desk, RAVI)
    assert ask(desk, known) == ask(desk, "+447700900999") == ask(desk, "nonsense")
    assert [phone for phone, _ in links(desk)] == [known]


def test_few_links_go_to_one_number_and_none_to_who_said_stop(desk: Desk) -> None:
    for _ in range(5):
        ask(desk, phone_of(desk, RAVI))
    assert len(links(desk)) == staff_sessions.MOST_LINKS_AN_HOUR
    with desk.db.transaction() as session:
        opt_out(session, phone_of(desk, "Meena Iyer"), desk.clock.now(), "sent STOP")
    ask(desk, phone_of(desk, "Meena Iyer"))
    assert len(links(desk)) == staff_sessions.MOST_LINKS_AN_HOUR


def test_a_link_opens_once_and_not_after_half_an_hour(desk: Desk) -> None:
    ask(desk, phone_of(desk, RAVI))
    (_, link), client = links(desk)[0], desk.app.test_client()
    assert open_link(client, link) == 303
    assert "Ravi, your day" in client.get("/me").text
    assert open_link(desk.app.test_client(), link) == 410
    ask(desk, phone_of(desk, RAVI))
    desk.clock.advance(minutes=31)
    assert open_link(desk.app.test_client(), links(desk)[1][1]) == 410
    assert desk.app.test_client().get("/me/in?t=1-AAAAAAAAAAAAAAAA").status_code == 410


def test_whoever_taps_the_text_again_comes_to_their_day_while_they_are_in(desk: Desk) -> None:
    client, other = let_in(desk), let_in(desk, "Arjun Das")
    used = path_of(links(desk)[0][1])
    assert client.get(used).headers["Location"] == "/me"
    sent = prefilled(client, "/me") | {"t": used.partition("t=")[2]}
    assert client.post("/me/in", data=sent).headers["Location"] == "/me"
    # Somebody else's used link, and the own one after signing out, open nothing.
    assert other.get(used).status_code == 410
    do(client, "/me/out")
    assert client.get(used).status_code == 410


@pytest.mark.parametrize("change", [{"is_active": False}, {"phone": "+447700900998"}])
def test_whoever_left_or_has_another_number_is_out(desk: Desk, change: dict[str, object]) -> None:
    client = let_in(desk)
    with desk.db.transaction() as session:
        person = session.scalars(select(Staff).where(Staff.name == RAVI)).one()
        for name, value in change.items():
            setattr(person, name, value)
    assert "Your mobile number" in client.get("/me").text
    assert client.post("/me/pause", data=prefilled(client, "/me") | {"span": "30"}).headers["Location"] == "/me"


def test_a_session_ends_after_twelve_hours_and_when_they_sign_out(desk: Desk) -> None:
    client, other = let_in(desk), let_in(desk)
    do(client, "/me/out")
    assert "Your mobile number" in client.get("/me").text
    assert "your day" in other.get("/me").text
    desk.clock.advance(minutes=12 * 60 + 1)
    assert "Your mobile number" in other.get("/me").text


def test_it_opens_nothing_of_the_console_and_the_console_nothing_of_theirs(desk: Desk) -> None:
    client = let_in(desk)
    assert client.get("/people").status_code == 303
    assert "Your mobile number" in desk.get("/me").text


def test_an_operator_sends_the_link(desk: Desk) -> None:
    with desk.db.snapshot() as session:
        staff_id = session.scalars(select(Staff.id).where(Staff.name == RAVI)).one()
    assert desk.post(f"/people/{staff_id}/link", {}, page="/people").status_code == 303
    assert [phone for phone, _ in links(desk)] == [phone_of(desk, RAVI)]


def test_whoever_reads_the_texts_does_not_get_the_key(desk: Desk) -> None:
    ask(desk, phone_of(desk, RAVI))
    page = desk.get("/texts").text
    assert ("/me/in?t=…" in page, links(desk)[0][1] in page) == (True, False)


# --- the day ---------------------------------------------------------------------------------------------------------


def test_pause_back_home_and_on_call(desk: Desk) -> None:
    client = let_in(desk, "Arjun Das")
    with desk.db.transaction() as session:
        promise.move(session, desk.ref, Move.CANCEL, desk.clock.now(), actor="desk", reason="x")
    assert "You are not asked until 14:30" in do(client, "/me/pause", span="30")[1]
    assert "I am back" in client.get("/me").text
    assert "Welcome back" in do(client, "/me/back")[1]
    assert "You are on call." in do(client, "/me/call", on_call="yes")[1]
    assert "Have a good rest" in do(client, "/me/home")[1]
    assert do(client, "/me/pause", span="never")[0] == 409


def test_the_last_one_is_told_whom_to_call_and_can_force_nothing(desk: Desk) -> None:
    now = desk.clock.now()
    with desk.db.transaction() as session:
        ref = factories.make_order(session, now, factories.when(now, "17:00"), sku="atlas", travel_minutes=30).ref
    client = let_in(desk)
    status, page = do(client, "/me/pause", span="rest", force="1", reason="tired")
    assert (status, ref in page, f"Call Meena Iyer, {phone_of(desk, 'Meena Iyer')}" in page) == (409, True, True)
    assert "not asked until" not in page


def test_what_they_have_is_there_with_its_own_page(desk: Desk) -> None:
    ref = at_risk(desk)
    (page_id, *_) = pages(desk, ref)
    client = let_in(desk)
    assert "You are asked" in client.get("/me").text
    say(desk, page_id, "accept")
    shown = client.get("/me").text
    link = re.search(r'href="(/a\?t=[^"]+)"', shown)
    assert link
    assert ref in client.get(link.group(1)).text


def handed_over(desk: Desk, proof: str) -> str:
    """An order that the desk gave to Ravi; its ref."""
    now = desk.clock.now()
    with desk.db.transaction() as session:
        ref = factories.make_order(session, now, factories.when(now, "18:00"), sku="atlas", proof=proof).ref
        ravi = session.scalars(select(Staff.id).where(Staff.name == RAVI)).one()
        promise.move(session, ref, Move.PACK, now, actor="desk")
        promise.move(session, ref, Move.HAND_OVER, now, actor="desk", staff_id=ravi)
    return ref


def test_what_the_desk_handed_over_is_delivered_here(desk: Desk) -> None:
    ref = handed_over(desk, "pin")
    with desk.db.snapshot() as session:
        order = find_order(session, ref)
        pin, number = order.pin, order.customer_phone
    client = let_in(desk)
    assert f'href="tel:{number}"' in client.get("/me").text
    assert "4 digits" in do(client, f"/me/orders/{ref}", pin="")[1]
    assert do(let_in(desk, "Arjun Das"), f"/me/orders/{ref}", pin=str(pin))[0] == 409
    assert "Well done" in do(client, f"/me/orders/{ref}", pin=str(pin))[1]
    with desk.db.snapshot() as session:
        assert find_order(session, ref).status is Status.DELIVERED


def test_a_photo_from_the_door_is_kept_and_twice_is_once(desk: Desk) -> None:
    ref = handed_over(desk, "photo")
    client = let_in(desk)
    # Larger than any other form may be.
    data = b"\xff\xd8\xff" + b"x" * 1_000_000
    assert "Take a photo of it" in do(client, f"/me/orders/{ref}", note="")[1]
    for _ in range(2):
        assert "Well done" in do(client, f"/me/orders/{ref}", photo=(io.BytesIO(data), "photo.jpg"))[1]
    assert desk.get(f"/orders/{ref}/proof").data == data
    # After 90 days nobody needs it any more: it goes when another comes.
    desk.clock.advance(minutes=91 * 24 * 60)
    with desk.db.transaction() as session:
        keep_proof(session, find_order(session, desk.ref).id, desk.clock.now(), taken_by="A", photo=None, is_first=True)
    with desk.db.snapshot() as session:
        assert who_took_it(session, find_order(session, ref).id) == (None, False)


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_day_is_readable_on_a_phone(desk: Desk, page: Tab, scheme: str) -> None:
    page.set_viewport_size(PHONE)
    page.emulate_media(color_scheme=scheme)
    at_risk(desk)
    ask(desk, phone_of(desk, RAVI))
    with served(desk.app) as base:
        page.goto(base + "/me")
        check(page, "asking")
        page.goto(base + path_of(links(desk)[-1][1]))
        check(page, "the link")
        page.get_by_role("button", name="Open my day").click()
        check(page, "the day")
        page.close()


@pytest.mark.browser
def test_delivered_by_a_tap_over_a_bad_line(desk: Desk, page: Tab) -> None:
    ref = handed_over(desk, "photo")
    page.set_viewport_size(PHONE)
    ask(desk, phone_of(desk, RAVI))
    lost: list[str] = []
    with served(desk.app) as base:
        page.goto(base + path_of(links(desk)[-1][1]))
        page.get_by_role("button", name="Open my day").click()
        picture = {"name": "door.jpg", "mimeType": "image/jpeg", "buffer": b"\xff\xd8\xff the door"}
        page.set_input_files(f"#photo-{ref}", [picture])

        def lose_one(route: Route) -> None:
            lost.append(route.request.method)
            route.abort() if len(lost) == 1 else route.continue_()

        page.route("**/me/orders/*", lose_one)
        page.get_by_role("button", name="Delivered").click()
        expect(page.get_by_text("Your answer is kept and sent")).to_be_visible()
        expect(page.get_by_text(f"{ref} is delivered. Well done!")).to_be_visible()
        page.close()
    assert lost == ["POST", "POST"]
    assert desk.get(f"/orders/{ref}/proof").data.endswith(b"the door")
