"""A form that is sent after the session has ended is not lost; and what the demo says to try next is true."""

from __future__ import annotations

import re
from html import unescape

import pytest

from dispatch.escalation.rules import EscalationState
from dispatch.orders.rules import Move, Sourcing
from dispatch.orders.service import ProcurementNews, find_order
from dispatch.promise import service as promise
from dispatch.web import board_view, guide, sessions
from dispatch.web.kept import Kept
from tests import factories
from tests.web.test_pages_kit import PASSWORD, Desk, desk, prefilled

__all__ = ["desk"]
ORDER = {
    "phone": "+44 7700 900321",
    "name": "Lena",
    "address": "7 Lake View",
    "item": ["Atlas", "Blue paper"],
    "quantity": ["1", "2"],
    "substitution": ["never", "ask"],
    "when": "2026-11-24T20:30",
    "promise": "other",
    "reason": "birthday tonight",
}


def hidden(text: str) -> list[tuple[str, str]]:
    """The hidden fields of the page's form, in their order."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', text)
    return [(name, unescape(value)) for name, value in found]


def test_an_order_typed_in_a_session_that_has_ended_is_kept_and_sent_after_the_login(desk: Desk) -> None:
    fields = prefilled(desk.browser, "/orders/new")
    desk.browser.delete_cookie(sessions.COOKIE)
    refused = desk.browser.post("/orders/new", data={**fields, **ORDER})
    assert refused.status_code == 401
    assert "nothing was saved" in refused.text
    login = {**dict(hidden(refused.text)), "email": "ops@shop.example", "password": "wrong"}
    again = desk.browser.post("/login", data=login)
    assert again.status_code == 401
    offered = desk.browser.post("/login", data={**dict(hidden(again.text)), **login, "password": PASSWORD})
    assert "not been saved yet" in offered.text
    for typed in ("Lena", "7 Lake View", "Blue paper", "birthday tonight"):
        assert typed in offered.text
    sent: dict[str, list[str]] = {}
    forms = offered.text[offered.text.index('action="/orders/new"') :]
    for name, value in hidden(forms):
        sent.setdefault(name, []).append(value)
    taken = desk.browser.post("/orders/new", data=sent)
    assert taken.status_code == 303
    assert "Blue paper" in desk.get(taken.headers["Location"]).text


def test_what_is_kept_is_shown_as_the_form_showed_it(desk: Desk) -> None:
    sent = [("promise", "2026-11-24T16:00:00+00:00"), ("substitution", "ask"), ("was_address", "1 Old Road"),
            ("promised_by", "2026-11-24T20:30"), ("when", "soon"), ("promise", "other")]  # fmt: skip
    kept = Kept(path="/orders/new", fields=tuple(sent))
    assert kept.shown("Asia/Kolkata", factories.when(desk.clock.now(), "12:00")) == [
        ("Promised by", "today 21:30"),
        ("Another edition", "ask first"),
        ("Promised by", "today 20:30"),
        ("By when", "soon"),
    ]


def test_whoever_is_typing_is_not_taken_to_the_login_page_by_the_script(desk: Desk) -> None:
    fields = prefilled(desk.browser, "/orders/new")
    desk.browser.delete_cookie(sessions.COOKIE)
    script = {"HX-Request": "true"}
    for path in ("/orders/preview", f"/orders/{desk.ref}/moves"):
        answer = desk.browser.post(path, data=fields, headers=script)
        assert answer.status_code == 401
        assert "HX-Redirect" not in answer.headers
    answer = desk.browser.post(f"/orders/{desk.ref}/moves", data={**fields, "from": "board"}, headers=script)
    assert answer.headers["HX-Redirect"] == "/login"


@pytest.mark.parametrize("text", ["", "[", "[1]", '{"a": 1}', "[[1]]", "x" * 70_000, "null"])
def test_what_can_t_be_read_is_not_kept(text: str) -> None:
    kept = Kept.read({"kept_fields": text, "kept_path": "/orders/new"})
    assert kept is None


def test_what_is_kept_goes_to_one_of_our_pages_only() -> None:
    kept = Kept.read({"kept_fields": '[["a", "b"]]', "kept_path": "//elsewhere.example/"})
    assert kept is not None
    assert kept.path == "/"


# --- the demo's next step --------------------------------------------------------------------------------------------


def story(desk: Desk) -> str:
    now = desk.clock.now()
    with desk.db.transaction() as session:
        when = factories.when(now, "20:00")
        return factories.make_order(session, now, when, sku="physics-2", external_id=guide.STORY).ref


def step(desk: Desk) -> str:
    with desk.db.snapshot() as session:
        return guide.next_step(session) or ""


def test_the_next_step_of_the_demo_is_true_at_every_step(desk: Desk) -> None:
    assert step(desk) == ""
    ref = story(desk)
    assert step(desk) == guide.SOON
    for state, said in (
        (Sourcing.SEARCHING, guide.SOUGHT),
        (Sourcing.UNAVAILABLE, guide.GONE),
        (Sourcing.BOUGHT, "Mark packed"),
    ):
        news = ProcurementNews(state=state, supplier=None, ready_at=None, by=None, note="out of print")
        with desk.db.transaction() as session:
            line = find_order(session, ref).lines[0].id
            promise.procure(session, ref, line, news, desk.clock.now(), actor="desk")
        assert said in step(desk)
    with desk.db.transaction() as session:
        promise.move(session, ref, Move.PACK, desk.clock.now(), actor="desk")
    assert "press Hand over" in step(desk)
    desk.get(f"/orders/{ref}")
    with desk.db.transaction() as session:
        promise.move(session, ref, Move.DELIVER, desk.clock.now(), actor="desk")
    assert step(desk) == f"{guide.KEPT} {guide.MORE}"
    assert guide.KEPT in unescape(desk.get("/").text)
    assert guide.KEPT in unescape(desk.get("/hint").text)


def test_the_demo_does_not_praise_what_was_late_or_cancelled(desk: Desk) -> None:
    ref = story(desk)
    desk.clock.advance(hours=9)
    with desk.db.transaction() as session:
        promise.move(session, ref, Move.DELIVER, desk.clock.now(), actor="desk")
    assert step(desk).startswith(guide.LATE)


def test_a_cancelled_order_of_the_demo_is_not_called_kept(desk: Desk) -> None:
    ref = story(desk)
    with desk.db.transaction() as session:
        promise.move(session, ref, Move.CANCEL, desk.clock.now(), actor="desk", reason="x")
    assert step(desk).startswith(guide.CANCELLED)


# --- taken is calmer than untaken ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "carrier", "is_taken"),
    [
        (None, None, False),
        (None, {"id": "1", "name": "Ravi"}, True),
        (EscalationState.ACCEPTED, None, True),
        (EscalationState.OPEN, None, False),
        (EscalationState.OPEN, {"id": "1", "name": "Ravi"}, False),
        (EscalationState.UNANSWERED, {"id": "1", "name": "Ravi"}, False),
        (EscalationState.RESOLVED, {"id": "1", "name": "Ravi"}, True),
        (EscalationState.RESOLVED, None, False),
    ],
)
def test_red_is_for_what_nobody_has(state: EscalationState | None, carrier: object, is_taken: bool) -> None:
    shape = {"escalation": {"id": "1", "state": state.value} if state else None, "carrier": carrier}
    assert board_view.is_taken(shape) is is_taken
