"""Broken promises at the desk: sorry first, then the fix; what was told early; whom we still owe, and how it ended."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from dispatch import care
from dispatch.customers.tables import HeadsUp
from dispatch.escalation.service import tend
from dispatch.messaging.phrase_rules import Language
from dispatch.messaging.tables import OutgoingText
from dispatch.orders.rules import Move
from dispatch.orders.service import find_order
from dispatch.promise import service as promise
from dispatch.promise.rules import ClockName
from dispatch.promise.tables import Watch
from dispatch.recovery.queries import list_recoveries
from dispatch.recovery.rules import Cause
from dispatch.recovery.service import tend_case
from dispatch.recovery.watching import open_case
from dispatch.web.customer_words import EN, HI, PageWords, when
from dispatch.web.tables import Access
from tests import factories
from tests.web.test_pages_kit import Desk, desk, let_in

__all__ = ["desk"]
PHONE = "+447700900777"
WAS = re.compile(r'name="was" value="([^"]+)"')
DRAFT = re.compile(r'<textarea id="empathise_text"[^>]*>([^<]*)</textarea>')


def look(desk: Desk, ref: str) -> None:
    """What the watch round does with an order."""
    runtime = desk.app.extensions["dispatch"]
    with desk.db.transaction() as session:
        number = find_order(session, ref).id
        tend(session, number, desk.clock.now(), links=runtime.links, care=care.at_each_look(runtime.links))


def take(desk: Desk, *, minutes: int = 30, **more: Any) -> str:
    now = desk.clock.now()
    with desk.db.transaction() as session:
        details = {"customer_phone": PHONE, "customer_name": "Dev Rao", "sku": "atlas", **more}
        return factories.make_order(session, now, now + timedelta(minutes=minutes), **details).ref


def broken(desk: Desk, **more: Any) -> str:
    """An order whose promise has passed a minute ago."""
    ref = take(desk, **more)
    desk.clock.advance(minutes=31)
    look(desk, ref)
    return ref


@pytest.fixture
def ref(desk: Desk) -> str:
    return broken(desk, reason="exam tomorrow")


def case_id(desk: Desk, ref: str) -> str:
    with desk.db.snapshot() as session:
        return str(list_recoveries(session, desk.clock.now(), order=ref)[0][0]["id"])


def page(desk: Desk, ref: str) -> str:
    return html.unescape(desk.get(f"/orders/{ref}").text)


def step(desk: Desk, ref: str, name: str, **form: str) -> TestResponse:
    """Send one form of the case, as the page stands now."""
    shown = desk.get(f"/orders/{ref}").text
    found = WAS.search(shown)
    given = {"step": name, "was": found.group(1) if found else "", **form}
    return desk.post(f"/orders/{ref}/recoveries/{case_id(desk, ref)}", given, page=f"/orders/{ref}")


def texts(desk: Desk) -> list[str]:
    with desk.db.snapshot() as session:
        query = select(OutgoingText.body).where(OutgoingText.to_phone == PHONE).order_by(OutgoingText.id)
        return [body for body in session.scalars(query) if "Kala Books" in body or "sorry" in body]


def deliver(desk: Desk, ref: str) -> None:
    with desk.db.transaction() as session:
        promise.move(session, ref, Move.DELIVER, desk.clock.now(), actor="desk")
    look(desk, ref)


def test_from_sorry_to_how_it_ended(desk: Desk, ref: str) -> None:
    shown = page(desk, ref)
    assert "The promise is broken" in shown
    assert "They had told us: exam tomorrow." in shown
    assert "Our own words go out by themselves at 14:41, in 10 min" in shown
    draft = html.unescape(DRAFT.findall(desk.get(f"/orders/{ref}").text)[0])
    assert "exam tomorrow" in draft
    assert "We are sorry" in draft
    assert step(desk, ref, "empathise", empathise_text=f"{draft} Really.").status_code == 303
    assert texts(desk)[-1].endswith("Really.")
    shown = page(desk, ref)
    assert "Said sorry by text" in shown
    assert "Offer this fix" in shown
    form = {"offer_fix_by": "2026-11-24T15:30", "fault": "ours", "goodwill_ours": "your money back, and you keep it"}
    answer = step(desk, ref, "offer_fix", **form, goodwill_customer="a kind call")
    assert answer.headers["Location"].endswith("#recovery")
    assert "by 15:30" in texts(desk)[-1]
    assert "And from us: your money back, and you keep it." in texts(desk)[-1]
    assert "To be there by today 15:30" in page(desk, ref)
    deliver(desk, ref)
    assert "How this story ended" not in page(desk, ref)
    assert step(desk, ref, "confirm", confirm_text="lovely").status_code == 303
    shown = page(desk, ref)
    assert 'How this story ended <span class="tag">R5</span>' in shown
    assert "We said sorry first, fixed it, and the customer confirmed it." in shown
    assert "They say it is not good" in shown


@pytest.mark.parametrize(("by", "is_at_risk"), [("2026-11-24T14:35", True), ("2026-11-24T20:30", False)])
def test_whoever_offers_a_fix_reads_that_the_clock_doubts_it(desk: Desk, ref: str, by: str, is_at_risk: bool) -> None:
    step(desk, ref, "empathise", empathise_text="We are sorry.")
    step(desk, ref, "offer_fix", offer_fix_by=by, fault="ours")
    shown = page(desk, ref)
    assert "The fix is offered." in shown
    assert (f"But the clock says that today {by[-5:]} is at risk:" in shown) is is_at_risk


def test_a_fix_before_sorry_is_not_offered_and_a_forged_one_says_what_is_allowed(desk: Desk, ref: str) -> None:
    before = len(texts(desk))
    shown = page(desk, ref)
    assert 'value="offer_fix"' not in shown
    assert 'value="fixed"' not in shown
    for name in ("offer_fix", "fixed", "confirm", "reopen"):
        answer = step(desk, ref, name, offer_fix_text="Ravi brings it himself")
        assert answer.status_code == 409
        assert "You can now say sorry." in answer.text
    assert len(texts(desk)) == before


def test_what_was_typed_is_kept_when_it_is_refused(desk: Desk, ref: str) -> None:
    answer = step(desk, ref, "empathise", empathise_text="Sorry, it will never happen again")
    assert answer.status_code == 422
    assert ">Sorry, it will never happen again</textarea>" in answer.text
    assert 'class="error" id="empathise_text-hint"' in answer.text
    answer = step(desk, ref, "call", call_text="He was &lt;kind&gt;")
    assert (answer.status_code, 'class="error" id="call_by-hint"' in answer.text) == (422, True)
    assert "He was &amp;lt;kind" in answer.text
    assert step(desk, ref, "call", call_by="1", call_text="He understood.").status_code == 303
    assert "Phoned and said sorry" in page(desk, ref)


def test_of_two_who_say_sorry_the_second_sees_the_first(desk: Desk, ref: str) -> None:
    form = {"empathise_text": "I am so sorry about your evening, Dev", "was": "opened.0"}
    assert step(desk, ref, "empathise", **form).status_code == 303
    sent = len(texts(desk))
    answer = step(desk, ref, "empathise", **form, seen="0")
    assert answer.status_code == 412
    assert "somebody was here before you" in answer.text
    assert "You had typed: “I am so sorry about your evening, Dev”" in answer.text
    assert len(texts(desk)) == sent
    offer = {"offer_fix_text": "Ravi brings it himself", "was": "empathised.1"}
    assert [step(desk, ref, "offer_fix", **offer).status_code for _ in range(2)] == [303, 412]


def test_a_complaint_opens_a_case_by_hand_and_earlier_failures_are_shown_first(desk: Desk, ref: str) -> None:
    other = take(desk)
    deliver(desk, other)
    path = f"/orders/{other}/recoveries"
    empty = desk.post(path, {"complaint": " "}, page=f"/orders/{other}")
    assert (empty.status_code, 'id="complaint-hint"' in empty.text) == (422, True)
    assert (
        desk.post(path, {"complaint": "torn <b>cover</b>", "fault": "supplier"}, page=f"/orders/{other}").status_code
        == 303
    )
    shown = desk.get(f"/orders/{other}").text
    assert "“torn &lt;b&gt;cover&lt;/b&gt;”" in shown
    assert shown.index("We let them down before: a broken promise") < shown.index("Send this apology")
    assert "The customer complained</summary>" not in shown
    assert desk.post(path, {"complaint": "and wet"}, page=f"/orders/{other}").status_code == 409


def track(desk: Desk, ref: str) -> str:
    with desk.db.snapshot() as session:
        links = desk.app.extensions["dispatch"].links
        path = links.tracking(find_order(session, ref).id).partition("/t?")[2]
    return html.unescape(desk.app.test_client().get(f"/t?{path}").text)


@pytest.mark.parametrize(("language", "words"), [("en", EN), ("hi", HI)])
def test_the_customer_s_page_says_what_the_apology_said(desk: Desk, language: str, words: PageWords) -> None:
    ref = take(desk, minutes=120, customer_language=language)
    with desk.db.transaction() as session:
        promise.change(session, ref, {"travel_minutes": 110}, desk.clock.now(), actor="desk")
    desk.clock.advance(minutes=60)
    look(desk, ref)
    with desk.db.snapshot() as session:
        assert list_recoveries(session, desk.clock.now(), order=ref)[0][0]["cause"] == "late"
        at = when(find_order(session, ref).promised_by, "Asia/Kolkata", Language(language), now=desk.clock.now())
    said, lost = words.will_be_late.format(promise=at), words.lost.format(promise=at)
    before = track(desk, ref)
    assert (said in before, lost in before, words.tight in before) == (False, False, True)
    step(desk, ref, "empathise", empathise_text="We are sorry.")
    after = track(desk, ref)
    assert (lost in after, words.tight in after, words.may_be_late.format(promise=at) in after) == (True, False, False)
    desk.clock.advance(minutes=90)
    after = track(desk, ref)
    assert (lost in after, words.late.format(promise=at) in after) == (False, True)


def test_a_customer_who_reads_hindi_is_apologised_to_in_hindi(desk: Desk) -> None:
    ref = broken(desk, customer_language="hi")
    shown = desk.get(f"/orders/{ref}").text
    assert '<textarea id="empathise_text" name="empathise_text" rows="4" maxlength="1000" lang="hi"' in shown
    assert "हमें खेद है" in shown


def test_a_customer_who_cannot_be_texted_is_phoned(desk: Desk) -> None:
    ref = broken(desk, customer_phone="+442079460000")
    shown = desk.get(f"/orders/{ref}").text
    assert "Send this apology" not in shown
    assert "Phoned, and said sorry" in shown


def test_readers_look_and_do_nothing(desk: Desk, ref: str) -> None:
    let_in(desk.db, desk.clock, desk.browser, Access.READER)
    shown = page(desk, ref)
    assert "The promise is broken" in shown
    assert "Send this apology" not in shown
    assert "The customer complained</summary>" not in shown
    assert desk.get("/recoveries").status_code == 200
    paths = [f"/orders/{ref}/recoveries", f"/orders/{ref}/recoveries/{case_id(desk, ref)}", f"/orders/{ref}/heads-up"]
    for path in paths:
        assert desk.post(path, {"complaint": "x", "step": "call", "choice": "wait"}, page="/").status_code == 403
        assert desk.browser.post(path, data={"complaint": "x"}).status_code == 400


def test_the_list_has_the_soonest_first_and_the_board_says_who_waits(desk: Desk, ref: str) -> None:
    assert "1 customer waits for a word of sorry; in 10 min our own words go out." in desk.get("/").text
    desk.clock.advance(minutes=4)
    later = broken(desk, customer_phone="+447700900778", minutes=4)
    with desk.db.transaction() as session:
        tend_case(session, int(case_id(desk, ref)), desk.clock.now(), links=desk.app.extensions["dispatch"].links)
    shown = desk.get("/recoveries").text
    assert shown.index(f"/orders/{later}#recovery") < shown.index(f"/orders/{ref}#recovery")
    assert "Nothing has been made good yet" in desk.get("/recoveries?state=closed").text
    step(desk, ref, "fixed")
    step(desk, ref, "confirm")
    assert f"/orders/{ref}#recovery" not in desk.get("/recoveries").text
    assert f"/orders/{ref}#recovery" in desk.get("/recoveries?state=closed").text


def feared(desk: Desk, *, is_late: bool) -> str:
    """An order of which it looked as if its promise could not be kept; and whether it still does."""
    ref, now = take(desk, minutes=120), desk.clock.now()
    look(desk, ref)
    with desk.db.transaction() as session:
        order = find_order(session, ref)
        open_case(session, order, Cause.LATE, now, clock=ClockName.TRAVEL)
        late_at = None if is_late else now + timedelta(minutes=60)
        session.execute(update(Watch).where(Watch.order_id == order.id).values(late_at=late_at))
    return ref


def test_a_promise_that_is_safe_again_waits_for_no_word_of_sorry(desk: Desk) -> None:
    ref = feared(desk, is_late=False)
    assert "for a word of sorry" not in desk.get("/").text
    for shown in (page(desk, ref), desk.get("/recoveries").text):
        assert "It looked as if the promise could not be kept" in shown
        assert "it is safe again" in shown
        assert "Nothing will be sent." in shown
        assert "Our own words go out" not in shown
        assert "Send this apology" not in shown
    # It is what the round does, too.
    desk.clock.advance(minutes=11)
    with desk.db.transaction() as session:
        tend_case(session, int(case_id(desk, ref)), desk.clock.now(), links=desk.app.extensions["dispatch"].links)
        texts = select(OutgoingText.id).where(OutgoingText.body.contains("sorry"))
        assert session.scalars(texts).all() == []


def test_a_promise_that_still_can_t_be_kept_waits(desk: Desk) -> None:
    ref = feared(desk, is_late=True)
    assert "1 customer waits for a word of sorry" in desk.get("/").text
    shown = page(desk, ref)
    assert "The promise can't be kept any more" in shown
    assert "Send this apology" in shown


def test_what_was_feared_and_came_in_time_is_told_in_the_past(desk: Desk) -> None:
    ref = feared(desk, is_late=True)
    form = {"step": "call", "call_by": "1", "call_text": "Sorry."}
    answer = desk.post(
        f"/orders/{ref}/recoveries/{case_id(desk, ref)}", {**form, "was": "opened.0"}, page=f"/orders/{ref}"
    )
    assert answer.status_code == 303
    with desk.db.transaction() as session:
        promise.move(session, ref, Move.DELIVER, desk.clock.now(), actor="desk")
    look(desk, ref)
    shown = page(desk, ref)
    assert "It had looked as if the promise could not be kept" in shown
    assert "be kept any more" not in shown.split('id="history"')[0]


def test_nobody_waits(desk: Desk) -> None:
    assert "We owe nobody a word." in desk.get("/recoveries").text
    assert "word of sorry" not in desk.get("/").text
    assert 'id="recovery"' not in desk.get(f"/orders/{desk.ref}").text


def told_early(desk: Desk) -> str:
    """An order of which its customer has just heard that it may be late."""
    ref, now = take(desk, minutes=59), desk.clock.now()
    with desk.db.transaction() as session:
        order = find_order(session, ref)
        by, later = order.promised_by, order.promised_by + timedelta(minutes=45)
        choices = ["wait", "later", "cancel"]
        session.add(HeadsUp(order_id=order.id, made_at=now, promised_by=by, proposed_at=later, choices=choices))
    return ref


def test_what_was_told_early_and_what_they_said_on_the_phone(desk: Desk) -> None:
    ref = told_early(desk)
    shown = page(desk, ref)
    assert "Told early" in shown
    assert "On offer: wait for it, have it by today 15:44, do without it." in shown
    assert desk.post(f"/orders/{ref}/heads-up", {"choice": "fly"}, page=f"/orders/{ref}").status_code == 422
    assert desk.post(f"/orders/{ref}/heads-up", {"choice": "later"}, page=f"/orders/{ref}").status_code == 303
    assert "They want to <strong>have it by today 15:44</strong>" in page(desk, ref)
    assert desk.post(f"/orders/{ref}/heads-up", {"choice": "cancel"}, page=f"/orders/{ref}").status_code == 409


def test_a_case_of_another_order_is_not_found(desk: Desk, ref: str) -> None:
    path = f"/orders/{desk.ref}/recoveries/{case_id(desk, ref)}"
    form = {"step": "call", "call_by": "1", "was": "opened.0"}
    assert desk.post(path, form, page=f"/orders/{ref}").status_code == 404
    assert desk.post(f"/orders/{ref}/recoveries/{case_id(desk, ref)}", {"step": "fly"}, page="/").status_code == 422
