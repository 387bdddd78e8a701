"""The real SDK behind our gateway, against the simulator and against a server that answers what it is told."""

from __future__ import annotations

import dataclasses
import logging
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest

from dispatch.foundation.clock import ManualClock
from dispatch.foundation.db import Database
from dispatch.foundation.settings import TwilioSettings
from dispatch.messaging import twilio_gateway
from dispatch.messaging.gateway import Attempt, Outcome, TextGateway
from dispatch.messaging.rules import Kind as TextKind
from dispatch.messaging.rules import TextState
from dispatch.messaging.twilio_gateway import build_gateway
from dispatch.simulator.config import SimulatorConfig
from dispatch.simulator.faults import Fault, Kind, Target
from dispatch.simulator.server import RunningSimulator, start_simulator
from tests.service.test_outbox_kit import House, Provider, another_worker, put, row

ACCOUNT, TOKEN, SERVICE = "AC" + "a1" * 16, "secret-" + "t" * 25, "MG" + "b2" * 16
KEY = ("SK" + "c3" * 16, "another-secret")
SHOP, RAVI = "+15550001111", "+447700900001"
CALLBACK = "https://shop.example/webhooks/twilio/status?o=1"
SETTINGS = TwilioSettings(account_sid=ACCOUNT, auth_token=TOKEN, from_number=SHOP)


@pytest.fixture
def sim(clock: ManualClock) -> Iterator[RunningSimulator]:
    config = SimulatorConfig(
        account_sid=ACCOUNT,
        auth_token=TOKEN,
        from_number=SHOP,
        messaging_service_sid=SERVICE,
        api_keys=(KEY,),
        delivery_delay_seconds=0,
        post_via="http://127.0.0.1:9",
        clock=clock.now,
    )
    running = start_simulator(config)
    yield running
    running.stop()


def gateway_to(url: str, **changes: Any) -> TextGateway:
    return build_gateway(dataclasses.replace(SETTINGS, api_url=url, **changes), concurrency=4)


@pytest.fixture
def gateway(sim: RunningSimulator) -> TextGateway:
    return gateway_to(sim.url)


def send(gateway: TextGateway, to: str = RAVI, body: str = "Book. Reply 17A", **changes: Any) -> Attempt:
    given = {"status_callback": CALLBACK, "validity_seconds": 60, **changes}
    return gateway.send(to=to, body=body, **given)


def order(sim: RunningSimulator, kind: Kind, **more: Any) -> None:
    sim.state.faults.add(Fault(kind=kind, **more))


def test_a_text_is_accepted_found_and_fetched(gateway: TextGateway, clock: ManualClock) -> None:
    attempt = send(gateway)
    assert (attempt.outcome, attempt.status, attempt.error) == (Outcome.ACCEPTED, "queued", None)
    assert attempt.sid is not None
    found = gateway.find(to=RAVI, since=clock.now())
    assert found is not None
    assert [(text.sid, text.to, text.body) for text in found] == [(attempt.sid, RAVI, "Book. Reply 17A")]
    assert found[0].created_at == clock.now().replace(microsecond=0)
    assert gateway.find(to="+447700900002", since=clock.now()) == []
    fetched = gateway.fetch(attempt.sid)
    assert fetched is not None
    assert fetched.body == "Book. Reply 17A"


def test_the_newest_comes_first_and_old_texts_are_left_out(gateway: TextGateway, clock: ManualClock) -> None:
    send(gateway, body="old")
    clock.advance(minutes=10)
    for body in ("first", "second"):
        send(gateway, body=body)
        clock.advance(seconds=1)
    found = gateway.find(to=RAVI, since=clock.now() - timedelta(minutes=5))
    assert found is not None
    assert [text.body for text in found] == ["second", "first"]


@pytest.mark.parametrize("changes", [{}, {"messaging_service_sid": SERVICE, "from_number": None}])
@pytest.mark.parametrize("key", [{}, {"api_key": KEY[0], "api_secret": KEY[1]}])
def test_either_sender_and_either_credential(sim: RunningSimulator, changes: dict[str, Any], key: Any) -> None:
    attempt = send(gateway_to(sim.url, **changes, **key), status_callback=None, validity_seconds=None)
    assert attempt.outcome is Outcome.ACCEPTED
    assert attempt.status == ("accepted" if changes else "queued")


def test_a_wrong_secret_is_a_matter_of_set_up(sim: RunningSimulator) -> None:
    attempt = send(gateway_to(sim.url, auth_token="wrong"))
    assert (attempt.outcome, attempt.error_code) == (Outcome.CONFIGURATION, 20003)


@pytest.mark.parametrize(
    ("last_digit", "code", "outcome"),
    [
        ("1", 21211, Outcome.RECIPIENT),
        ("2", 21612, Outcome.CONFIGURATION),
        ("3", 21408, Outcome.CONFIGURATION),
        ("4", 21610, Outcome.RECIPIENT),
        ("9", 21614, Outcome.RECIPIENT),
    ],
)
def test_magic_numbers(gateway: TextGateway, last_digit: str, code: int, outcome: Outcome) -> None:
    attempt = send(gateway, to=f"+1500555000{last_digit}")
    assert (attempt.outcome, attempt.error_code, attempt.sid) == (outcome, code, None)
    assert attempt.error is not None
    assert "555000" not in attempt.error


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        (Kind.RATE_LIMITED, Outcome.RETRY),
        (Kind.SERVER_ERROR, Outcome.UNKNOWN),
        (Kind.UNAVAILABLE, Outcome.UNKNOWN),
        (Kind.DROPPED, Outcome.UNKNOWN),
        (Kind.ACCEPTED_THEN_DROPPED, Outcome.UNKNOWN),
        (Kind.JUNK, Outcome.UNKNOWN),
    ],
)
def test_faults(sim: RunningSimulator, gateway: TextGateway, kind: Kind, outcome: Outcome) -> None:
    order(sim, kind, count=1)
    assert send(gateway).outcome is outcome
    # Never a second try on its own: it could be a second text.
    assert len(sim.state.messages()) == (1 if kind in {Kind.ACCEPTED_THEN_DROPPED, Kind.JUNK} else 0)
    assert send(gateway).outcome is Outcome.ACCEPTED


def test_too_long_is_the_texts_own_fault(gateway: TextGateway) -> None:
    assert send(gateway, body="a" * 1601).outcome is Outcome.CONTENT


def test_no_answer_in_time_is_unknown(sim: RunningSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twilio_gateway, "TIMEOUT_SECONDS", 0.2)
    order(sim, Kind.SLOW, seconds=1.0, count=1)
    assert send(gateway_to(sim.url)).outcome is Outcome.UNKNOWN


def test_nobody_there_is_certainly_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    gateway = gateway_to(f"http://127.0.0.1:{port}")
    assert send(gateway).outcome is Outcome.RETRY


@pytest.mark.parametrize("kind", [Kind.SERVER_ERROR, Kind.UNAVAILABLE, Kind.DROPPED, Kind.JUNK])
def test_a_provider_that_cant_be_asked(
    sim: RunningSimulator, gateway: TextGateway, clock: ManualClock, kind: Kind
) -> None:
    sid = send(gateway).sid
    assert sid is not None
    order(sim, kind, on=Target.READS)
    assert gateway.find(to=RAVI, since=clock.now()) is None
    assert gateway.fetch(sid) is None


def test_calls(sim: RunningSimulator, gateway: TextGateway) -> None:
    attempt = gateway.call(
        to=RAVI, answer_url="https://shop.example/webhooks/twilio/voice?o=1", status_callback=CALLBACK
    )
    assert attempt.outcome is Outcome.ACCEPTED
    assert attempt.sid is not None
    assert attempt.sid.startswith("CA")
    fetched = gateway.fetch(attempt.sid)
    assert fetched is not None
    assert (fetched.to, fetched.body) == (RAVI, "")
    nobody = gateway_to(sim.url, from_number=None, messaging_service_sid=SERVICE)
    assert nobody.call(to=RAVI, answer_url=CALLBACK, status_callback=None).outcome is Outcome.CONFIGURATION


@pytest.mark.parametrize(
    ("kind", "outcome", "rings"),
    [
        (Kind.RATE_LIMITED, Outcome.RETRY, 0),
        (Kind.DROPPED, Outcome.UNKNOWN, 0),
        (Kind.ACCEPTED_THEN_DROPPED, Outcome.UNKNOWN, 1),
        (Kind.SERVER_ERROR, Outcome.UNKNOWN, 0),
    ],
)
def test_a_call_whose_answer_is_lost_is_not_made_twice(
    sim: RunningSimulator, gateway: TextGateway, kind: Kind, outcome: Outcome, rings: int
) -> None:
    order(sim, kind, on=Target.CALLS)
    attempt = gateway.call(to=RAVI, answer_url=CALLBACK, status_callback=None)
    assert (attempt.outcome, attempt.sid) == (outcome, None)
    assert len(sim.state.calls()) == rings


def test_a_proxy_is_not_asked_for_loopback(sim: RunningSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert send(gateway_to(sim.url)).outcome is Outcome.ACCEPTED


def test_plain_http_beyond_this_machine_is_refused() -> None:
    with pytest.raises(ValueError, match="only to this machine"):
        gateway_to("http://twilio.example")


def test_nothing_private_is_logged(gateway: TextGateway, clock: ManualClock, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        send(gateway)
        gateway.find(to=RAVI, since=clock.now())
    assert RAVI.strip("+") not in caplog.text
    assert TOKEN not in caplog.text + repr(SETTINGS)


# --- what a server can say that the simulator does not ---------------------------------------------------------------


@pytest.fixture
def told() -> Iterator[tuple[str, list[tuple[int, dict[str, str], str]], list[dict[str, list[str]]]]]:
    """A server that gives the answers it finds in a list, and keeps the forms it was sent."""
    answers: list[tuple[int, dict[str, str], str]] = []
    forms: list[dict[str, list[str]]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            forms.append(parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            status, headers, body = answers.pop(0)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/twilio", answers, forms
    server.shutdown()
    server.server_close()
    thread.join()


PROBLEM = '{"type": "t", "title": "Too many", "status": %d, "code": %d}'


@pytest.mark.parametrize(
    ("status", "headers", "body", "outcome"),
    [
        (429, {"Retry-After": "7"}, '{"code": 20429, "message": "slow down"}', Outcome.RETRY),
        (429, {}, "", Outcome.RETRY),
        (429, {}, PROBLEM % (429, 20429), Outcome.RETRY),
        (400, {}, PROBLEM % (400, 21614), Outcome.RECIPIENT),
        (400, {}, '{"code": 21999, "message": "new"}', Outcome.CONTENT),
        (400, {}, '{"code": "21610", "message": "a code in words"}', Outcome.CONTENT),
        (403, {}, "<html>", Outcome.CONFIGURATION),
        (404, {}, '{"code": 20404, "message": "no such account"}', Outcome.CONFIGURATION),
        (302, {"Location": "/elsewhere"}, "", Outcome.CONFIGURATION),
        (502, {}, "<html>", Outcome.UNKNOWN),
        (201, {}, "{}", Outcome.UNKNOWN),
        (201, {}, "", Outcome.UNKNOWN),
        (201, {}, "[]", Outcome.UNKNOWN),
        (201, {}, '{"sid": null}', Outcome.UNKNOWN),
        (400, {}, '{"type": 1, "title": 2, "status": "x", "code": []}', Outcome.UNKNOWN),
    ],
)
def test_strange_answers(told: Any, status: int, headers: dict[str, str], body: str, outcome: Outcome) -> None:
    url, answers, forms = told
    answers.append((status, headers, body))
    attempt = send(gateway_to(url))
    assert attempt.outcome is outcome
    assert attempt.retry_after_seconds == (7 if headers.get("Retry-After") else None)
    assert len(forms) == 1


def test_retry_after_belongs_to_its_own_answer(told: Any) -> None:
    url, answers, _ = told
    gateway = gateway_to(url)
    answers += [(429, {"Retry-After": "7"}, ""), (429, {"Retry-After": "soon"}, ""), (429, {}, "")]
    assert [send(gateway).retry_after_seconds for _ in range(3)] == [7, None, None]


def test_what_is_sent(told: Any) -> None:
    url, answers, forms = told
    answers += [(201, {}, '{"sid": "SM1", "status": "accepted"}')] * 2
    send(gateway_to(url, messaging_service_sid=SERVICE), body="₹ & ü")
    send(gateway_to(url), status_callback=None, validity_seconds=None)
    assert forms[0] == {
        "To": [RAVI],
        "Body": ["₹ & ü"],
        "From": [SHOP],
        "MessagingServiceSid": [SERVICE],
        "StatusCallback": [CALLBACK],
        "ValidityPeriod": ["60"],
    }
    assert set(forms[1]) == {"To", "Body", "From"}


# --- signatures ------------------------------------------------------------------------------------------------------

VECTOR_URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
VECTOR = [
    ("CallSid", "CA1234567890ABCDE"),
    ("Caller", "+14158675309"),
    ("Digits", "1234"),
    ("From", "+14158675309"),
    ("To", "+18005551212"),
]
SIGNATURE = "RSOYDt4T1cUTdK1PDd93/VVr8B8="


@pytest.mark.parametrize(
    ("url", "form", "signature", "is_good"),
    [
        (VECTOR_URL, VECTOR, SIGNATURE, True),
        (VECTOR_URL, VECTOR[::-1], SIGNATURE, True),
        (VECTOR_URL.replace(".com", ".com:443"), VECTOR, SIGNATURE, True),
        (VECTOR_URL, VECTOR, "", False),
        (VECTOR_URL, VECTOR, SIGNATURE[:-2] + "9=", False),
        (VECTOR_URL, VECTOR, "ü", False),
        (VECTOR_URL, VECTOR[1:], SIGNATURE, False),
        (VECTOR_URL, [*VECTOR, ("Body", "x")], SIGNATURE, False),
        (VECTOR_URL, [*VECTOR, ("To", "+18005551213")], SIGNATURE, False),
        (VECTOR_URL.replace("https", "http"), VECTOR, SIGNATURE, False),
        (VECTOR_URL + "&o=1", VECTOR, SIGNATURE, False),
        (VECTOR_URL, [], SIGNATURE, False),
    ],
)
def test_signatures(url: str, form: list[tuple[str, str]], signature: str, is_good: bool) -> None:
    gateway = build_gateway(dataclasses.replace(SETTINGS, auth_token="12345", api_key=KEY[0]), concurrency=1)
    assert gateway.is_signed(url=url, form=form, signature=signature) == is_good


# --- the whole way ---------------------------------------------------------------------------------------------------


@pytest.fixture
def house(sim: RunningSimulator, db: Database, clock: ManualClock) -> Iterator[House]:
    """The real worker with the real SDK and the simulator behind it."""
    made = House(db, clock, Provider(clock), [], None)
    made.provider = gateway_to(sim.url)
    made.delivery = another_worker(made)
    yield made
    made.delivery.close()


@pytest.mark.parametrize(
    "kind", [Kind.ACCEPTED_THEN_DROPPED, Kind.JUNK, Kind.DROPPED, Kind.UNAVAILABLE, Kind.RATE_LIMITED]
)
def test_no_text_is_lost_and_none_sent_twice(house: House, sim: RunningSimulator, kind: Kind) -> None:
    made = [put(house.db, house.now()) for _ in range(8)]
    order(sim, kind, count=5)
    house.run(seconds=11, times=8)
    assert sim.settle()
    bodies = [message.body for message in sim.state.messages()]
    assert sorted(bodies) == sorted(row(house.db, number).body for number in made)
    assert {house.state(number) for number in made} <= {TextState.SENT, TextState.DELIVERED}


def test_lost_receipts_are_fetched(house: House, sim: RunningSimulator) -> None:
    made = put(house.db, house.now(), kind=TextKind.NOTICE)
    order(sim, Kind.LOST_RECEIPTS)
    order(sim, Kind.UNDELIVERED, code=30003)
    house.run()
    assert sim.settle()
    house.run(seconds=61)
    assert house.state(made) is TextState.UNDELIVERED
    assert (house.told[-1].error_code, house.told[-1].is_unreachable) == (30003, True)
