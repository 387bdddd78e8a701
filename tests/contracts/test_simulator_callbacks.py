"""Signed callbacks and inbound texts: order on order, disorder on order, opt-outs, replies."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
from flask import Response
from twilio.base.exceptions import TwilioRestException

from dispatch.simulator.config import GOOD_SENDER, SimulatorConfig
from dispatch.simulator.faults import Kind
from dispatch.simulator.rules import NOTICES, Keyword
from dispatch.simulator.webhooks import Webhooks, sign
from tests.contracts.test_simulator_kit import (
    ACCOUNT,
    MEENA,
    PUBLIC,
    RAVI,
    SERVICE,
    SHOP,
    TOKEN,
    World,
    world,
)

CALLBACK = f"{PUBLIC}/status"


@pytest.fixture
def w() -> Iterator[World]:
    with world() as running:
        yield running
        assert running.shop.bad_signatures == []


def twiml(body: str) -> Response:
    return Response(body, mimetype="text/xml")


def test_twilios_own_signature_example() -> None:
    params = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675309",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
    }
    assert sign("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", params) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


def test_receipts_come_in_order_but_not_for_the_first_status(w: World) -> None:
    sid = w.send(status_callback=f"{CALLBACK}?o=17&t=a%2Fb%7E#rc=3").sid
    assert w.sim.settle()
    assert w.shop.statuses(sid) == ["sending", "sent", "delivered"]
    form = w.shop.forms("/status")[-1]
    assert form | {"From": SHOP, "To": RAVI, "AccountSid": ACCOUNT, "SmsStatus": "delivered"} == form
    assert "ErrorCode" not in form
    assert len({headers["I-Twilio-Idempotency-Token"] for headers in w.shop.headers}) == 3


def test_a_service_reports_queued_too() -> None:
    with world(messaging_service_sid=SERVICE) as w:
        sid = w.send(messaging_service_sid=SERVICE, status_callback=CALLBACK).sid
        assert w.sim.settle()
        assert w.shop.statuses(sid) == ["queued", "sending", "sent", "delivered"]
        assert w.shop.forms("/status")[0]["MessagingServiceSid"] == SERVICE


def test_failures_carry_their_code(w: World) -> None:
    w.order(Kind.UNDELIVERED, code=30005, count=1)
    w.send(status_callback=CALLBACK)
    assert w.sim.settle()
    form = w.shop.forms("/status")[-1]
    assert (form["MessageStatus"], form["ErrorCode"]) == ("undelivered", "30005")
    assert form["ErrorMessage"] == "Unknown destination handset"


@pytest.mark.parametrize(
    ("kind", "statuses"),
    [
        (Kind.DOUBLED_RECEIPTS, ["sending", "sending", "sent", "sent", "delivered", "delivered"]),
        (Kind.REORDERED_RECEIPTS, ["delivered", "sent", "sending"]),
        (Kind.LOST_RECEIPTS, []),
    ],
)
def test_disorder_on_order(w: World, kind: Kind, statuses: list[str]) -> None:
    w.order(kind, count=1)
    sid = w.send(status_callback=CALLBACK).sid
    assert w.sim.settle()
    assert w.shop.statuses(sid) == statuses
    assert w.status(sid) == "delivered"


def test_late_receipts_come_after_the_fact(w: World) -> None:
    w.order(Kind.LATE_RECEIPTS, seconds=0.4, count=1)
    sid = w.send(status_callback=CALLBACK).sid
    deadline = time.monotonic() + 3
    while w.status(sid) != "delivered" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert w.shop.statuses(sid) == []
    assert w.sim.settle()
    assert sorted(w.shop.statuses(sid)) == ["delivered", "sending", "sent"]


def test_a_refused_connection_is_tried_once_more_and_an_error_is_not(w: World) -> None:
    w.shop.answer = lambda _: Response("no", status=500)
    sid = w.send(status_callback=CALLBACK).sid
    assert w.sim.settle()
    assert w.shop.statuses(sid) == ["sending", "sent", "delivered"]
    callbacks = w.sim.state.message(sid).callbacks
    assert [(note["status"], note["error_code"], note["attempts"]) for note in callbacks] == [(500, 11200, 1)] * 3
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = Webhooks(SimulatorConfig(account_sid=ACCOUNT, auth_token=TOKEN))
        result = nobody.post(f"http://127.0.0.1:{free.getsockname()[1]}/x", {})
        nobody.close()
    assert (result.status, result.error_code, result.attempts) == (None, 11205, 2)


def test_nothing_leaves_this_machine() -> None:
    webhooks = Webhooks(SimulatorConfig(account_sid=ACCOUNT, auth_token=TOKEN))
    assert webhooks.post("https://shop.example/status", {}).error_code == 11205
    with pytest.raises(ValueError, match="this machine"):
        SimulatorConfig(account_sid=ACCOUNT, auth_token=TOKEN, post_via="http://10.0.0.1")


def test_a_silent_webhook_is_given_up(w: World) -> None:
    def answer(_: dict[str, str]) -> Response:
        time.sleep(1.3)
        return twiml("<Response/>")

    w.shop.answer = answer
    received = w.sim.simulator.inbox.receive(RAVI, "17A")
    assert received.webhooks == ({"status": None, "error_code": 11200, "attempts": 1},)


# Texts from people


def test_an_inbound_text_has_every_field_and_its_reply_is_sent(w: World) -> None:
    w.shop.answer = lambda form: twiml(f"<Response><Message>Yours, {form['From'][-3:]}</Message></Response>")
    answer = w.control("POST", "/sim/inbound", json={"from": RAVI, "body": "17A & <ok> ₹5"}).json()
    assert answer["webhook"] == {"status": 200, "error_code": None, "attempts": 1}
    assert answer["replies"] == ["Yours, 678"]
    (form,) = w.shop.forms("/inbound")
    fields = "AccountSid ApiVersion Body From To MessageSid SmsSid SmsMessageSid SmsStatus NumMedia NumSegments"
    places = {side + place for side in ("From", "To") for place in ("City", "State", "Zip", "Country")}
    assert set(form) == set(fields.split()) | places
    assert (form["Body"], form["From"], form["To"]) == ("17A & <ok> ₹5", RAVI, SHOP)
    assert w.sim.settle()
    reply, inbound = w.client.messages.list()
    assert (reply.direction, reply.to, reply.status) == ("outbound-reply", RAVI, "delivered")
    assert (inbound.direction, inbound.sid, inbound.status) == ("inbound", form["MessageSid"], "received")


def test_a_repeated_delivery_has_the_same_sid(w: World) -> None:
    w.sim.simulator.inbox.receive(RAVI, "17A", deliveries=2)
    assert len({form["MessageSid"] for form in w.shop.forms("/inbound")}) == 1
    assert len(w.shop.forms("/inbound")) == 2


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Response("oops", status=403), 11200),
        (Response("{}", mimetype="application/json"), 12300),
        (Response("hello", mimetype="text/html"), 12100),
        (Response("<!DOCTYPE x [<!ENTITY a 'b'>]><Response/>", mimetype="text/xml"), 12100),
        (Response("", mimetype="text/xml"), None),
        (Response(status=204), None),
    ],
)
def test_what_twilio_makes_of_our_answer(w: World, answer: Response, code: int | None) -> None:
    w.shop.answer = lambda _: answer
    received = w.sim.simulator.inbox.receive(RAVI, "hi")
    assert received.webhooks[0]["error_code"] == code
    assert received.replies == ()


def test_the_fallback_url_hears_of_the_failure() -> None:
    with world(inbound_fallback_url=f"{PUBLIC}/fallback") as w:
        w.shop.answer = lambda form: Response(status=200 if "ErrorCode" in form else 500)
        received = w.sim.simulator.inbox.receive(RAVI, "hi")
        assert received.webhooks[0]["status"] == 200
        assert w.shop.forms("/fallback")[0]["ErrorCode"] == "11200"


def test_stop_blocks_confirms_and_is_still_passed_on(w: World) -> None:
    w.shop.answer = lambda _: twiml("<Response><Message>sorry to see you go</Message></Response>")
    received = w.sim.simulator.inbox.receive(RAVI, " stop ")
    assert w.shop.forms("/inbound")[0]["Body"] == " stop "
    assert received.replies == (), "a reply to somebody who opted out is refused"
    with pytest.raises(TwilioRestException) as caught:
        w.send()
    assert (caught.value.status, caught.value.code) == (400, 21610)
    assert w.send(to=MEENA).status == "queued"
    (phone,) = [p for p in w.control("GET", "/sim/threads").json()["phones"] if p["phone"] == RAVI]
    assert phone["is_opted_out"] is True
    assert [entry["body"] for entry in phone["entries"]] == [" stop ", NOTICES[Keyword.STOP]]
    assert [message.body for message in w.client.messages.list(to=RAVI)] == []
    w.sim.simulator.inbox.receive(RAVI, "Start")
    assert w.send().status == "queued"


def test_stop_please_is_no_opt_out_and_yes_alone_is_not_confirmed(w: World) -> None:
    w.sim.simulator.inbox.receive(RAVI, "STOP PLEASE")
    w.sim.simulator.inbox.receive(RAVI, "YES")
    assert w.send().status == "queued"
    assert "outbound-reply_notice" not in w.sim.state.counts()


def test_stop_blocks_the_whole_service_and_says_so_when_asked() -> None:
    with world(messaging_service_sid=SERVICE, advanced_opt_out=True) as w:
        w.sim.simulator.inbox.receive(RAVI, "OPTOUT")
        assert w.shop.forms("/inbound")[0]["OptOutType"] == "STOP"
        for more in ({"messaging_service_sid": SERVICE}, {"from_": SHOP}, {"from_": GOOD_SENDER}):
            with pytest.raises(TwilioRestException) as caught:
                w.send(**more)
            assert caught.value.code == 21610
