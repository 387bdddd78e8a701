"""Twilio's webhooks: signed or nothing, stored before the answer, one effect however often they come."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select
from twilio.request_validator import RequestValidator
from werkzeug.test import TestResponse

from dispatch import rounds
from dispatch.escalation.rules import Answer
from dispatch.escalation.tables import Page
from dispatch.foundation.clock import ManualClock
from dispatch.foundation.db import Database
from dispatch.foundation.errors import Unavailable
from dispatch.foundation.settings import Settings
from dispatch.messaging.rules import Channel, Kind, TextState
from dispatch.messaging.tables import Consent, InboundText, OutgoingText, Receipt
from dispatch.orders.tables import Order
from dispatch.web import auth, twilio_hooks
from tests.web.test_api_kit import RAVI, Api, make_api
from tests.web.test_api_orders import escalate

PUBLIC = "https://shop.example/dispatch"
TOKEN = "1" * 32


@pytest.fixture
def api(db: Database, settings: Settings, clock: ManualClock) -> Api:
    return make_api(db, replace(settings, public_url=PUBLIC), clock)


def post(
    api: Api, path: str, form: dict[str, str], *, signature: str | None = None, url: str | None = None
) -> TestResponse:
    """The way Twilio posts: signed for the public address; what reaches us is http on another host."""
    if signature is None:
        signature = RequestValidator(TOKEN).compute_signature(url or f"{PUBLIC}/webhooks/twilio/{path}", form)
    headers = {"X-Twilio-Signature": signature} if signature else {}
    return api.app.test_client().post(f"/webhooks/twilio/{path}", data=form, headers=headers)


def text(body: str, sid: str = "SM1", phone: str = RAVI, **more: str) -> dict[str, str]:
    return {"MessageSid": sid, "From": phone, "To": "+15005550006", "Body": body, "NumMedia": "0", **more}


def count(api: Api, table: Any) -> int:
    with api.db.snapshot() as session:
        return session.scalars(select(func.count()).select_from(table)).one()


def asked(api: Api) -> tuple[str, int]:
    """An order that Ravi was asked about: the escalation's id, and the number of his page's row in the outbox."""
    ravi, order = api.hire(), api.order()
    number = escalate(api, order["ref"], ravi)
    with api.db.transaction() as session:
        row = session.scalars(select(OutgoingText).where(OutgoingText.kind == Kind.PAGE)).one()

        row.state, row.attempts, row.provider_sid, row.provider_status = TextState.SENT, 1, "SMout", "sent"
        return number, row.id


# --- signatures ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["message", "status", "voice"])
@pytest.mark.parametrize("signature", ["", "nonsense", "RSOYDt4T1cUTdK1PDd93/VVr8B8=", "\xfc"])
def test_what_twilio_did_not_sign_leaves_no_trace(api: Api, path: str, signature: str) -> None:
    answer = post(api, path, text("17A", MessageStatus="delivered"), signature=signature)
    assert (answer.status_code, answer.mimetype) == (403, "application/problem+json")
    assert count(api, InboundText) == count(api, Receipt) == 0


def test_what_was_changed_on_the_way_is_refused(api: Api) -> None:
    good = text("17A")
    signature = RequestValidator(TOKEN).compute_signature(f"{PUBLIC}/webhooks/twilio/message", good)
    assert post(api, "message", text("17X"), signature=signature).status_code == 403
    assert post(api, "status", good, signature=signature).status_code == 403
    assert post(api, "message?o=1", good, signature=signature).status_code == 403
    assert post(api, "message", good, url="http://localhost/webhooks/twilio/message").status_code == 403
    assert post(api, "message", good, signature=signature).status_code == 200


@pytest.mark.parametrize("query", ["o=1", "o=%2F%7E%3C%27", "o=caf%C3%A9&x=%20+%2B%3D", "o=%E0", "x"])
def test_the_query_is_signed_as_it_was_sent(api: Api, query: str) -> None:
    """Flask decodes it and Twilio signed it encoded."""
    assert post(api, f"status?{query}", {"MessageSid": "SM1", "MessageStatus": "sent"}).status_code == 204


def test_twilios_own_example_is_understood() -> None:
    form = {"CallSid": "CA1234567890ABCDE", "Caller": "+14158675309", "Digits": "1234", "From": "+14158675309",
            "To": "+18005551212"}  # fmt: skip
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert RequestValidator("12345").compute_signature(url, form) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


def test_only_posts_are_taken(api: Api) -> None:
    assert api.app.test_client().get("/webhooks/twilio/message").status_code == 405


def test_forgers_are_slowed_down(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twilio_hooks, "BAD_SIGNATURES", "2/minute")
    api.app.config["RATELIMIT_ENABLED"] = True
    auth.limiter.reset()
    codes = [post(api, "voice", {}, signature="no").status_code for _ in range(3)]
    assert codes == [403, 403, 429]
    assert post(api, "voice", {}).status_code == 200


# --- texts -----------------------------------------------------------------------------------------------------------


def test_an_answer_takes_effect_once(api: Api) -> None:
    number, _ = asked(api)
    answers = [post(api, "message", text("17a on my way", FromCity="", SomethingNew="x")) for _ in range(3)]
    for answer in answers:
        assert (answer.status_code, answer.mimetype) == (200, "text/xml")
        assert answer.text == '<?xml version="1.0" encoding="UTF-8"?><Response/>'
    found = api.ok(api.get(f"/escalations/{number}"))
    assert (found["state"], found["accepted_by"]["name"]) == ("accepted", "Ravi")
    assert count(api, InboundText) == 1
    replies = api.ok(api.get(f"/messages?to={RAVI.replace('+', '%2B')}"))["items"]
    assert [message["kind"] for message in replies].count("reply") == 1


def test_stop_is_recorded(api: Api) -> None:
    asked(api)
    assert post(api, "message", text("STOP", OptOutType="STOP")).status_code == 200
    with api.db.snapshot() as session:
        consent = session.get_one(Consent, RAVI)
        assert consent.opted_out_at == api.clock.now()


@pytest.mark.parametrize("phone", ["whatsapp:+919812345678", "TWILIO", "+", "+0", "7726", "", "+" + "9" * 60, "+abc"])
@pytest.mark.parametrize("body", ["17A", "", "\x00", "रवि 👍", "x" * 20_000])
def test_whoever_writes_whatever_it_is_kept(api: Api, phone: str, body: str) -> None:
    assert post(api, "message", text(body, phone=phone)).status_code == 200
    with api.db.snapshot() as session:
        kept = session.scalars(select(InboundText)).one()
        assert (kept.from_phone, kept.body) == (phone[:40], body.replace("\x00", "")[:10_000])


def test_what_can_not_be_handled_is_kept_for_the_relay(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(twilio_hooks, "handle_inbound", broken)
        assert post(api, "message", text("17A")).status_code == 200
    with api.db.snapshot() as session:
        assert session.scalars(select(InboundText.handled_at)).one() is None
    # The provider's repeat does not handle it a second time: that is the relay's.
    assert post(api, "message", text("17A")).status_code == 200
    assert count(api, InboundText) == 1


def test_an_answer_behind_another_is_kept_and_answered_at_once(api: Api) -> None:
    """Twenty at once must not wait for one order's lock in the provider's own time: the worker does the rest."""
    number, _ = asked(api)
    with twilio_hooks._hands:
        assert post(api, "message", text("17A")).status_code == 200
    assert api.ok(api.get(f"/escalations/{number}"))["state"] == "open"
    rounds.relay(api.app.extensions["dispatch"])
    assert api.ok(api.get(f"/escalations/{number}"))["state"] == "accepted"


def test_a_busy_database_is_said_so(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object, **__: object) -> None:
        raise Unavailable("Not now.")

    monkeypatch.setattr(twilio_hooks, "record_inbound", busy)
    monkeypatch.setattr(twilio_hooks, "record_receipt", busy)
    assert post(api, "message", text("17A")).status_code == 503
    assert post(api, "status", {"MessageSid": "SM1", "MessageStatus": "sent"}).status_code == 503


def test_a_text_without_a_name_is_invalid(api: Api) -> None:
    assert post(api, "message", {"From": RAVI, "Body": "17A"}).status_code == 422
    assert post(api, "status", {"MessageSid": "SM1"}).status_code == 422
    assert post(api, "status", {"MessageStatus": "sent"}).status_code == 422


# --- receipts --------------------------------------------------------------------------------------------------------


def test_an_undelivered_page_moves_the_ladder_on(api: Api) -> None:
    number, outbox_id = asked(api)
    form = {"MessageSid": "SMout", "MessageStatus": "undelivered", "ErrorCode": "30003", "To": RAVI}
    for _ in range(2):
        assert post(api, f"status?o={outbox_id}", form).status_code == 204
    page = api.ok(api.get(f"/escalations/{number}"))["pages"][0]
    assert (page["answer"], page["receipt"]) == ("unreachable", "undelivered")
    assert count(api, Receipt) == 1
    # Later than the end: one more receipt that changes nothing.
    assert post(api, f"status?o={outbox_id}", {"MessageSid": "SMout", "MessageStatus": "sent"}).status_code == 204
    assert api.ok(api.get(f"/escalations/{number}"))["pages"][0]["receipt"] == "undelivered"
    with api.db.snapshot() as session:
        assert session.scalars(select(Page.answer)).one() is Answer.UNREACHABLE


def test_a_receipt_says_which_of_a_texts_sends_it_is_about(api: Api) -> None:
    _, outbox_id = asked(api)
    with api.db.transaction() as session:
        row = session.get_one(OutgoingText, outbox_id)
        row.attempts, row.provider_sid, row.bundle = 2, None, "2 orders need somebody."
    form = {"MessageSid": "SMearlier", "MessageStatus": "delivered"}
    assert post(api, f"status?o={outbox_id}&n=1", form).status_code == 204
    with api.db.snapshot() as session:
        row = session.get_one(OutgoingText, outbox_id)
        assert (row.state, row.bundle) == (TextState.DELIVERED, None)


@pytest.mark.parametrize("code", ["", "x", "99999999999999999999", "-1", "٣"])
@pytest.mark.parametrize("number", ["", "x", "99999999999999999999", "-1", "77"])
def test_odd_receipts_are_kept_and_harm_nobody(api: Api, code: str, number: str) -> None:
    form = {"SmsSid": "SM" + "x" * 60, "SmsStatus": "what\x00ever this is" * 3, "ErrorCode": code}
    assert post(api, f"status?o={number}", form).status_code == 204
    assert count(api, Receipt) == 1
    assert count(api, Order) == 0


# --- calls -----------------------------------------------------------------------------------------------------------


def rung(api: Api) -> int:
    """Ravi's phone rings about an order; the number of the call's row."""
    _, number = asked(api)
    with api.db.transaction() as session:
        session.get_one(OutgoingText, number).channel = Channel.CALL
    return number


def pressed(api: Api, path: str, digits: str, sid: str = "CA1") -> str:
    answer = post(api, f"voice?{path}", {"CallSid": sid, "CallStatus": "in-progress", "Digits": digits})
    assert (answer.status_code, answer.mimetype) == (200, "text/xml")
    return answer.text


@pytest.mark.parametrize("query", ["", "?o=1", "?o=x", "?o=99999999999999999999", "?o=77&again=1"])
@pytest.mark.parametrize("form", [{}, {"Digits": "1"}, {"CallStatus": "in-progress", "From": "\x00"}])
@pytest.mark.parametrize("sid", [{}, {"CallSid": "CA1"}])
def test_a_call_about_nothing_ends_politely(api: Api, query: str, form: dict[str, str], sid: dict[str, str]) -> None:
    answer = post(api, f"voice{query}", form | sid)
    assert (answer.status_code, answer.mimetype) == (200, "text/xml")
    assert "Please phone the shop" in answer.text
    assert "Gather" not in answer.text
    assert count(api, InboundText) == 0


def test_a_call_asks_and_takes_one_key_once(api: Api) -> None:
    number = rung(api)
    answer = post(api, f"voice?o={number}", {"CallSid": "CA1", "CallStatus": "in-progress"})
    assert answer.text.count(f'action="{PUBLIC}/webhooks/twilio/voice?o={number}"') == 2
    assert answer.text.count("Press 1 to take it") == 2
    again = pressed(api, f"o={number}", "9")
    assert f"o={number}&amp;again=1" in again
    assert "Sorry, only 1 and 2" in again
    assert "has the link" in pressed(api, f"o={number}&again=1", "")
    assert "comes now" in pressed(api, f"o={number}", "1")
    assert "yours already" in pressed(api, f"o={number}", "1")
    # A captured post of the other key does not undo it.
    assert "yours already" in pressed(api, f"o={number}", "2")
    with api.db.snapshot() as session:
        assert session.scalars(select(Page.answer)).one() is Answer.ACCEPTED
        assert len(session.scalars(select(OutgoingText).where(OutgoingText.kind == Kind.REPLY)).all()) == 1
    assert count(api, InboundText) == 1


def test_a_key_that_was_changed_on_the_way_is_refused(api: Api) -> None:
    number = rung(api)
    form = {"CallSid": "CA1", "CallStatus": "in-progress", "Digits": "2"}
    signature = RequestValidator(TOKEN).compute_signature(f"{PUBLIC}/webhooks/twilio/voice?o={number}", form)
    assert post(api, f"voice?o={number}", form | {"Digits": "1"}, signature=signature).status_code == 403
    assert post(api, f"voice?o={number + 1}", form, signature=signature).status_code == 403
    assert count(api, InboundText) == 0


def test_a_call_names_itself_when_its_making_was_never_answered(api: Api) -> None:
    number = rung(api)
    with api.db.transaction() as session:
        row = session.get_one(OutgoingText, number)
        row.state, row.provider_sid, row.provider_status = TextState.FAILED, None, None
    post(api, f"voice?o={number}", {"CallSid": "CA1", "CallStatus": "in-progress"})
    with api.db.snapshot() as session:
        row = session.get_one(OutgoingText, number)
        assert (row.provider_sid, row.state) == ("CA1", TextState.SENT)
    assert post(api, f"status?o={number}", {"CallSid": "CA1", "CallStatus": "completed"}).status_code == 204
    with api.db.snapshot() as session:
        assert session.scalars(select(Page.answer)).one() is None


def test_a_call_that_can_not_be_answered_points_to_the_link(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise Unavailable("the database is away")

    number = rung(api)
    monkeypatch.setattr(twilio_hooks, "press", broken)
    assert "answer by the link" in pressed(api, f"o={number}", "1")
