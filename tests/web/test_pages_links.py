"""The pages behind links in texts: for whoever was asked, and for customers."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from dispatch.escalation.rules import Answer
from dispatch.escalation.service import tend
from dispatch.escalation.tables import Escalation, Page
from dispatch.foundation import tokens
from dispatch.orders.rules import Move, Status
from dispatch.orders.tables import Order
from dispatch.promise import service as promise
from tests import factories
from tests.web.test_pages_kit import Desk, desk

__all__ = ["desk"]


def token(desk: Desk, purpose: str, number: int) -> str:
    return tokens.sign(desk.app.extensions["dispatch"].settings.secret_key, purpose, number)


def at_risk(desk: Desk, **changes: str) -> str:
    """A packed order that nobody can bring in time but those who are asked; answers its ref."""
    now = desk.clock.now()
    with desk.db.transaction() as session:
        order = factories.make_order(
            session, now, factories.when(now, "14:30"), sku="atlas", title="Atlas", travel_minutes=40, **changes
        )
        promise.move(session, order.ref, Move.PACK, now, actor="desk")
        number, ref = order.id, order.ref
    with desk.db.transaction() as session:
        tend(session, number, now, links=desk.app.extensions["dispatch"].links)
    return ref


def pages(desk: Desk, ref: str) -> list[int]:
    with desk.db.snapshot() as session:
        query = select(Page.id).join(Escalation).join(Order, Order.id == Escalation.order_id).where(Order.ref == ref)
        return list(session.scalars(query.order_by(Page.id)))


def another_page(desk: Desk, page_id: int, name: str) -> int:
    """The same call, put to somebody else as well."""
    with desk.db.transaction() as session:
        first = session.get_one(Page, page_id)
        staff_id = factories.make_person(session, desk.clock.now(), name)
        page = Page(
            escalation_id=first.escalation_id,
            staff_id=staff_id,
            rung=first.rung,
            round=first.round,
            code=11,
            asked_at=desk.clock.now(),
        )
        session.add(page)
        session.flush()
        return page.id


def look(desk: Desk, page_id: int) -> TestResponse:
    return desk.app.test_client().get(f"/a?t={token(desk, 'page', page_id)}")


def say(desk: Desk, page_id: int, answer: str, note: str = "") -> TestResponse:
    """As a phone does it: no session, no cookie, no CSRF token."""
    form = {"t": token(desk, "page", page_id), "answer": answer, "note": note}
    return desk.app.test_client().post("/a", data=form)


def test_looking_changes_nothing_and_tells_all_in_one_screen(desk: Desk) -> None:
    (page_id, *_) = pages(desk, at_risk(desk))
    answer = look(desk, page_id)
    assert answer.status_code == 200
    for words in ("Atlas", "Arjun", "exam tomorrow", "Kala Books", "12 Lake Road", "14:30", "I take it", "I can&#39;t"):
        assert words in answer.text
    assert answer.headers["X-Robots-Tag"] == "noindex"
    assert 'content="noindex"' in answer.text
    with desk.db.snapshot() as session:
        assert session.get_one(Page, page_id).answer is None


def test_take_it_bring_it_deliver_it_each_tap_once(desk: Desk) -> None:
    ref = at_risk(desk)
    (page_id, *_) = pages(desk, ref)
    assert "It is yours. Thank you." in say(desk, page_id, "accept").text
    assert say(desk, page_id, "accept").status_code == 200
    assert "I can&#39;t any more" in look(desk, page_id).text
    assert say(desk, page_id, "picked_up").status_code == 200
    assert say(desk, page_id, "delivered").status_code == 200
    assert say(desk, page_id, "delivered").status_code == 200
    with desk.db.snapshot() as session:
        order = session.scalars(select(Order).where(Order.ref == ref)).one()
        assert order.status is Status.DELIVERED
    closed = look(desk, page_id)
    assert closed.status_code == 410
    assert "You need not do anything." in closed.text
    assert say(desk, page_id, "hand_back").status_code == 410


def test_the_first_one_wins_and_the_second_hears_who(desk: Desk) -> None:
    (page_id, *_) = pages(desk, at_risk(desk))
    second = another_page(desk, page_id, "Zoya Ali")
    say(desk, second, "accept")
    answer = say(desk, page_id, "accept")
    assert answer.status_code == 410
    assert "Zoya Ali" in answer.text
    answer = look(desk, page_id)
    assert answer.status_code == 410
    assert "Zoya Ali has it" in answer.text


def test_no_and_then_yes_after_all(desk: Desk) -> None:
    (page_id, *_) = pages(desk, at_risk(desk))
    answer = say(desk, page_id, "decline", note="flat tyre")
    assert answer.status_code == 200
    assert "Changed your mind?" in answer.text
    with desk.db.snapshot() as session:
        page = session.get_one(Page, page_id)
        assert (page.answer, page.note) == (Answer.DECLINED, "flat tyre")
    assert say(desk, page_id, "accept").status_code == 200


def test_an_old_link_says_whom_to_call(desk: Desk) -> None:
    (page_id, *_) = pages(desk, at_risk(desk))
    desk.clock.advance(hours=12, minutes=1)
    answer = look(desk, page_id)
    assert answer.status_code == 410
    with desk.db.snapshot() as session:
        name = session.get_one(Page, page_id).staff.name
    if name != "Meena Iyer":
        assert "Meena Iyer" in answer.text


def test_a_link_that_has_expired_takes_nothing_either(desk: Desk) -> None:
    (page_id, *_) = pages(desk, at_risk(desk))
    desk.clock.advance(hours=12, minutes=1)
    assert say(desk, page_id, "accept").status_code == 410
    with desk.db.snapshot() as session:
        assert session.get_one(Page, page_id).answer is not Answer.ACCEPTED


@pytest.mark.parametrize("bad", ["", "1", "1-abcdefghijklmnop", "999-nonsense", "tracking"])
def test_a_tampered_link_is_not_ours(desk: Desk, bad: str) -> None:
    (page_id, *_) = pages(desk, at_risk(desk))
    if bad == "tracking":
        # Good for something else, and therefore not for this.
        bad = token(desk, "tracking", page_id)
    guest = desk.app.test_client()
    assert guest.get("/a", query_string={"t": bad}).status_code == 404
    assert guest.post("/a", data={"t": bad, "answer": "accept"}).status_code == 404
    assert guest.get("/t", query_string={"k": bad + "x"}).status_code == 404


def test_links_to_what_never_was(desk: Desk) -> None:
    assert look(desk, 4711).status_code == 404
    assert desk.app.test_client().get(f"/t?k={token(desk, 'tracking', 4711)}").status_code == 404
    # Nothing leads customers and riders to where others sign in.
    for path in ("/t?k=mistyped", "/a?t=mistyped"):
        shown = desk.app.test_client().get(path)
        assert (shown.status_code, 'href="/"' in shown.text) == (404, False)
    assert 'href="/"' in desk.get("/orders/ZZZZ").text


def test_an_answer_that_is_none(desk: Desk) -> None:
    (page_id, *_) = pages(desk, at_risk(desk))
    assert say(desk, page_id, "maybe").status_code == 422


def test_an_answer_by_phone_is_given_at_the_desk(desk: Desk) -> None:
    ref = at_risk(desk)
    (page_id, *_) = pages(desk, ref)
    page = f"/orders/{ref}"
    assert "By phone:" in desk.get(page).text
    assert desk.post(f"{page}/pages/{page_id}", {"answer": "accept"}, page=page).status_code == 303
    assert "taken by" in desk.get(page).text
    assert desk.post(f"/orders/{desk.ref}/pages/{page_id}", {"answer": "accept"}, page=page).status_code == 404


# --- customers -------------------------------------------------------------------------------------------------------


def track(desk: Desk, ref: str) -> TestResponse:
    with desk.db.snapshot() as session:
        number = session.scalars(select(Order.id).where(Order.ref == ref)).one()
    return desk.app.test_client().get(f"/t?k={token(desk, 'tracking', number)}")


def test_a_customer_sees_where_it_stands_and_nothing_of_others(desk: Desk) -> None:
    answer = track(desk, desk.ref)
    assert answer.status_code == 200
    assert "We are getting it for you from another shop" in answer.text
    assert "today 20:00" in answer.text
    assert answer.headers["X-Robots-Tag"] == "noindex"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    ref = at_risk(desk)
    desk.post(f"/orders/{ref}/moves", {"move": "hand_over", "staff_id": "1"}, page=f"/orders/{ref}")
    text = track(desk, ref).text
    assert "Ravi is on the way to you." in text
    for secret in ("Kumar", "+44", "12 Lake Road", "exam tomorrow", "Mehta", "Physics"):
        assert secret not in text


def test_a_customer_hears_that_it_is_late_or_there_or_off(desk: Desk) -> None:
    ref = at_risk(desk)
    page = f"/orders/{ref}"
    desk.clock.advance(hours=1)
    assert "it is not there yet. We are on it." in track(desk, ref).text
    desk.post(f"{page}/moves", {"move": "deliver"}, page=page)
    text = track(desk, ref).text
    assert "It is with you since today 15:00. We know that it came later than we promised." in text
    assert "Thank you" not in text
    assert "We promised" not in text
    desk.post(f"/orders/{desk.ref}/moves", {"move": "cancel", "reason": "x"}, page=f"/orders/{desk.ref}")
    assert "This order was cancelled." in track(desk, desk.ref).text


def test_tracking_ends_two_weeks_after_the_order(desk: Desk) -> None:
    desk.post(f"/orders/{desk.ref}/moves", {"move": "cancel", "reason": "x"}, page=f"/orders/{desk.ref}")
    desk.clock.advance(hours=14 * 24)
    assert track(desk, desk.ref).status_code == 200
    desk.clock.advance(minutes=1)
    answer = track(desk, desk.ref)
    assert answer.status_code == 410
    assert "Physics" not in answer.text


def test_a_new_promise_shows_the_first_one_too(desk: Desk) -> None:
    with desk.db.transaction() as session:
        changes = {"promised_by": factories.when(desk.clock.now(), "20:45"), "why": "traffic"}
        promise.change(session, desk.ref, changes, desk.clock.now(), actor="desk")
    text = track(desk, desk.ref).text
    assert "today 20:45" in text
    assert "We first said today 20:00." in text
    assert "traffic" not in text
