"""Quotes over the API: the shape of the contract, what is refused by name, and an order made of one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from dispatch.foundation.clock import ManualClock
from dispatch.foundation.db import Database
from dispatch.foundation.settings import Settings
from dispatch.web.tables import Access
from tests.web.test_api_kit import Api, make_api, new_order

QUOTE_KEYS = {"id", "verdict", "earliest_by", "slack_minutes", "binding", "conditions", "plan", "expires_at"}


@pytest.fixture
def api(db: Database, settings: Settings, clock: ManualClock) -> Api:
    made = make_api(db, settings, clock)
    made.hire()
    made.ok(made.put("/branches/main", {"name": "Kala", "timezone": "Asia/Kolkata", "opening_hours": "24/7"}))
    made.ok(made.put("/suppliers/city", {"name": "City Books", "opening_hours": "24/7", "travel_minutes": 10}), 201)
    made.ok(made.put("/items/PHY", {"title": "Physics", "on_hand": 1, "suppliers": ["city"]}), 201)
    return made


def question(api: Api, *, minutes: float | None = 300, **more: Any) -> dict[str, Any]:
    body = {"lines": [{"title": "Physics", "sku": "PHY"}], **more}
    return body | ({"promised_by": (api.clock.now() + timedelta(minutes=minutes)).isoformat()} if minutes else {})


def minutes_from_now(api: Api, instant: str) -> float:
    return (datetime.fromisoformat(instant) - api.clock.now()).total_seconds() / 60


def test_a_quote_has_the_shape_of_the_contract(api: Api) -> None:
    quote = api.ok(api.post("/quotes", question(api)), 201)
    assert quote.keys() >= QUOTE_KEYS
    assert (quote["verdict"], quote["conditions"]) == ("yes", [])
    assert quote["binding"].keys() == {"clock", "message"}
    # Packing 10, handing over 5, the way 40, and half an hour to spare.
    assert minutes_from_now(api, quote["earliest_by"]) == 85
    assert quote["slack_minutes"] == 245
    assert minutes_from_now(api, quote["expires_at"]) == 10
    assert [(step["step"], step["by_whom"], step["supplier"]) for step in quote["plan"]] == [
        ("pack", None, None),
        ("deliver", "Ravi", None),
    ]
    assert minutes_from_now(api, quote["plan"][1]["start_by"]) == 255
    item = api.ok(api.get("/items/PHY"))
    assert (item["reserved"], item["available"]) == (1, 0)


def test_what_is_to_be_bought_is_a_condition(api: Api) -> None:
    api.ok(api.post("/quotes", question(api)), 201)
    quote = api.ok(api.post("/quotes", question(api, minutes=600)), 201)
    assert quote["verdict"] == "yes_if"
    assert quote["conditions"] == ["if somebody leaves for City Books by 21:15 on Tue"]
    assert quote["plan"][0]["supplier"] == "City Books"


def test_no_says_what_can_be_promised(api: Api) -> None:
    quote = api.ok(api.post("/quotes", question(api, minutes=30)), 201)
    assert (quote["verdict"], quote["plan"], quote["conditions"]) == ("no", [], [])
    assert minutes_from_now(api, quote["earliest_by"]) == 85
    assert quote["slack_minutes"] < 0
    assert api.ok(api.get("/items/PHY"))["available"] == 1
    again = api.ok(api.post("/quotes", question(api, minutes=None)), 201)
    assert (again["verdict"], again["promised_by"]) == ("yes", quote["earliest_by"])


def test_an_order_takes_what_its_quote_holds(api: Api) -> None:
    quote = api.ok(api.post("/quotes", question(api)), 201)
    lines = [{"title": "Physics", "sku": "PHY"}]
    body = new_order(api.clock.now(), lines=lines, quote_id=quote["id"], external_id="web-1")
    order = api.ok(api.post("/orders", body, Idempotency_Key="k1"), 201)
    assert (order["lines"][0]["sourcing"], order["risk"]["level"]) == ("in_stock", "on_track")
    assert api.ok(api.post("/orders", body, Idempotency_Key="k1"), 201) == order
    assert api.ok(api.post("/orders", body))["ref"] == order["ref"]
    answer = api.post("/orders", {**body, "external_id": "web-2"})
    assert answer.status_code == 422
    (error,) = answer.json["errors"] if answer.json else ()
    assert error["field"] == "quote_id"
    assert order["ref"] in error["message"]


def test_the_same_key_is_the_same_quote(api: Api) -> None:
    body = question(api)
    first = api.ok(api.post("/quotes", body, Idempotency_Key="q1"), 201)
    again = api.post("/quotes", body, Idempotency_Key="q1")
    assert again.json == first
    assert again.headers["Idempotent-Replay"] == "true"
    assert api.ok(api.get("/items/PHY"))["reserved"] == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"lines": []}, "lines"),
        ({"lines": [{"title": "X", "sku": "XXX"}]}, "lines.0.sku"),
        ({"lines": [{"title": "X", "quantity": 0}]}, "lines.0.quantity"),
        ({"promised_by": "2026-11-24T13:00:00+05:30"}, "promised_by"),
        ({"promised_by": "2027-11-24T13:00:00+05:30"}, "promised_by"),
        ({"promised_by": "2026-11-24T20:00:00"}, "promised_by"),
        ({"travel_minutes": -1}, "travel_minutes"),
        ({"branch": "nowhere"}, "branch"),
        ({"address": {"lat": 1.0}}, "address.text"),
        ({"customer": {}}, "customer"),
    ],
)
def test_what_is_wrong_is_named(api: Api, change: dict[str, Any], field: str) -> None:
    answer = api.post("/quotes", {**question(api), **change})
    assert answer.status_code == 422
    assert answer.json
    assert field in [error["field"] for error in answer.json["errors"]]


@pytest.mark.parametrize("quote_id", ["nonsense", "x" * 40])
def test_an_unknown_quote_is_refused(api: Api, quote_id: str) -> None:
    answer = api.post("/orders", new_order(api.clock.now(), quote_id=quote_id))
    assert answer.status_code == 422
    assert answer.json
    assert [error["field"] for error in answer.json["errors"]] == ["quote_id"]


def test_a_reader_can_not_hold_things(api: Api) -> None:
    assert api.as_(Access.READER).post("/quotes", question(api)).status_code == 403
    assert api.as_(Access.OPS).post("/quotes", question(api)).status_code == 201
