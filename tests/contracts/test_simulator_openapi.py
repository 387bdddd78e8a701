"""Twilio's own OpenAPI document judges what the SDK sends and what the simulator answers."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from openapi_core import OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest, RequestsOpenAPIResponse
from openapi_core.exceptions import OpenAPIError

from dispatch.simulator.faults import Kind
from tests.contracts.test_simulator_kit import ACCOUNT, PUBLIC, RAVI, SERVICE, SHOP, TOKEN, World, world

PROJECT = Path(__file__).parents[2]
DOCUMENT = Path(
    os.environ.get("DISPATCH_TWILIO_OPENAPI") or PROJECT.parent / "shared/twilio/openapi-messages-calls.json"
)

pytestmark = pytest.mark.skipif(
    not DOCUMENT.is_file() and not os.environ.get("CI"),
    reason="Twilio's OpenAPI document is not beside the project: ../shared/twilio/openapi-messages-calls.json",
)


@pytest.fixture
def w() -> Iterator[World]:
    with world(messaging_service_sid=SERVICE) as running:
        yield running


@pytest.fixture
def document(w: World) -> dict[str, Any]:
    text = DOCUMENT.read_text(encoding="utf-8")
    for host in ("api", "lookups"):
        text = text.replace(f"https://{host}.twilio.com", w.sim.url)
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@pytest.fixture
def judge(document: dict[str, Any]) -> OpenAPI:
    return OpenAPI.from_dict(document)


def check(judge: OpenAPI, exchange: requests.Response) -> None:
    asked = RequestsOpenAPIRequest(exchange.request)
    judge.validate_request(asked)
    judge.validate_response(asked, RequestsOpenAPIResponse(exchange))


def check_all(judge: OpenAPI, w: World, at_least: int) -> None:
    assert len(w.http.exchanges) >= at_least
    for exchange in w.http.exchanges:
        check(judge, exchange)


def test_texts(w: World, judge: OpenAPI) -> None:
    w.order(Kind.UNDELIVERED, count=1)
    first = w.send(
        status_callback=f"{PUBLIC}/status?o=17",
        validity_period=300,
        provide_feedback=True,
        attempt=1,
        smart_encoded=True,
        risk_check="disable",
    )
    pooled = w.send(messaging_service_sid=SERVICE, media_url=["https://shop.example/a.png"])
    due = datetime.now(UTC) + timedelta(hours=1)
    scheduled = w.send(messaging_service_sid=SERVICE, schedule_type="fixed", send_at=due)
    w.client.messages(scheduled.sid).update(status="canceled")
    assert w.sim.settle(0.2) is False, "the scheduled text is still planned"
    for sid in (first.sid, pooled.sid):
        w.client.messages(sid).fetch()
    w.client.messages(first.sid).update(body="")
    w.client.messages(first.sid).delete()
    check_all(judge, w, 8)


def test_lists(w: World, judge: OpenAPI) -> None:
    for _ in range(3):
        w.send()
    w.sim.simulator.inbox.receive(RAVI, "17A")
    assert w.sim.settle()
    now = datetime.now(UTC)
    w.client.messages.list(page_size=2)
    w.client.messages.list(to=RAVI, from_=SHOP, date_sent_after=now - timedelta(days=1), date_sent_before=now, limit=3)
    check_all(judge, w, 6)


def test_calls_accounts_and_numbers(w: World, judge: OpenAPI) -> None:
    order: dict[str, Any] = {
        "to": RAVI,
        "from_": SHOP,
        "status_callback": f"{PUBLIC}/events",
        "status_callback_event": ["initiated", "completed"],
        "timeout": 25,
        "machine_detection": "Enable",
    }
    by_words = w.client.calls.create(twiml="<Response><Say>hi</Say></Response>", **order)
    w.client.calls.create(url=f"{PUBLIC}/words", **order)
    assert w.sim.settle()
    w.client.calls(by_words.sid).fetch()
    w.sim.simulator.switchboard.answer(by_words.sid)
    w.client.calls(by_words.sid).fetch()
    w.client.api.accounts(ACCOUNT).fetch()
    w.client.lookups.v2.phone_numbers(RAVI).fetch()
    check_all(judge, w, 6)


@pytest.mark.parametrize(("kind", "schema"), [("messages", "message"), ("calls", "call")])
def test_every_field_is_there_and_none_is_invented(w: World, document: dict[str, Any], kind: str, schema: str) -> None:
    w.send()
    w.client.calls.create(to=RAVI, from_=SHOP, twiml="<Response/>")
    body = w.control("GET", f"/2010-04-01/Accounts/{ACCOUNT}/{kind.capitalize()}.json").json()
    known = document["components"]["schemas"][f"api.v2010.account.{schema}"]["properties"]
    assert set(body[kind][0]) == set(known)


def test_the_judge_sees_what_is_wrong(w: World, judge: OpenAPI) -> None:
    w.send()
    exchange = w.http.exchanges[-1]
    body = exchange.json()
    for wrong in ({"status": "flying"}, {"sid": "XX1"}, {"num_segments": 1}):
        exchange._content = json.dumps(body | wrong).encode()
        with pytest.raises(OpenAPIError):
            check(judge, exchange)
    path = f"{w.sim.url}/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    for form in ({"Body": "no recipient", "From": SHOP}, {"To": RAVI, "ValidityPeriod": "soon", "From": SHOP}):
        bad = requests.Request("POST", path, data=form, auth=(ACCOUNT, TOKEN)).prepare()
        with pytest.raises(OpenAPIError):
            judge.validate_request(RequestsOpenAPIRequest(bad))
