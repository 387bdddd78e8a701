"""The API on calls to suppliers: the list, an answer, a trip, and what is refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from dispatch.foundation.clock import ManualClock
from dispatch.foundation.db import Database
from dispatch.foundation.settings import Settings
from dispatch.web.tables import Access
from tests.web.test_api_kit import Api, make_api

NAMES = {
    "supplier", "name", "phone", "is_usual", "chance", "open_until", "opens_at", "travel_minutes", "leave_by",
    "is_reachable", "kept_until", "last_outcome", "rank_reason", "also_there",
}  # fmt: skip


@pytest.fixture
def api(db: Database, settings: Settings, clock: ManualClock) -> Api:
    made = make_api(db, settings, clock)
    made.hire()
    for code, way in (("city", 10), ("corner", 5)):
        body = {"name": f"{code.title()} Books", "opening_hours": "Mo-Su 08:00-21:00", "travel_minutes": way}
        made.ok(made.put(f"/suppliers/{code}", {**body, "phone": "+442079460018"}), 201)
    made.ok(made.put("/items/physics-2", {"title": "Physics 2", "on_hand": 0, "suppliers": ["city"]}), 201)
    return made


def take(api: Api, **more: Any) -> tuple[str, Any]:
    """The path of the calls about an order's first line, and the order."""
    order = api.order(lines=[{"title": "Physics 2", "sku": "physics-2", "substitution": "never"}], **more)
    return f"/orders/{order['ref']}/lines/{order['lines'][0]['id']}/calls", order


def test_whom_to_ring(api: Api) -> None:
    path, _ = take(api)
    other = take(api)[1]
    page = api.ok(api.get(path))
    assert page["next"] is None
    first, second = page["items"]
    assert set(first) == NAMES
    assert (first["supplier"], first["name"], first["phone"]) == ("city", "City Books", "+442079460018")
    assert (first["chance"], first["is_usual"], first["is_reachable"]) == (0.6, True, True)
    assert (first["open_until"], first["opens_at"]) == ("2026-11-24T21:00:00+00:00", None)
    assert first["leave_by"].endswith("+00:00")
    assert (first["last_outcome"], first["rank_reason"]) == (None, "Usually has it.")
    assert [(row["order"], row["line_id"]) for row in first["also_there"]] == [(other["ref"], other["lines"][0]["id"])]
    assert (second["supplier"], second["chance"], second["also_there"]) == ("corner", 0.15, [])
    assert api.as_(Access.READER).get(path).status_code == 200


def test_an_answer(api: Api) -> None:
    path, order = take(api)
    (staff,) = api.ok(api.get("/staff"))["items"]
    until = (api.clock.now() + timedelta(hours=2)).isoformat()
    body = {"supplier": "corner", "outcome": "has_it", "kept_until": until, "note": "ask for Asha", "by": staff["id"]}
    answer = api.post(path, body)
    after = api.ok(answer, 201)
    assert answer.headers["ETag"] == '"2"'
    line = after["lines"][0]
    assert (line["sourcing"], line["supplier"]) == ("reserved", "corner")
    assert line["kept_until"] is not None
    first = api.ok(api.get(path))["items"][0]
    assert (first["supplier"], first["last_outcome"]["outcome"]) == ("corner", "has_it")
    assert first["last_outcome"]["text"] == "had it just now"
    assert first["rank_reason"].startswith("Keeps it until")
    assert api.ok(api.post(path, {"supplier": "corner", "outcome": "bought"}), 201)["status"] == "packing"
    assert api.ok(api.get(path))["items"] == []
    kinds = [event["kind"] for event in api.ok(api.get(f"/orders/{order['ref']}/timeline"))["items"]]
    assert kinds == ["placed", "line_reserved", "line_bought"]


def test_the_same_key_is_the_same_answer(api: Api) -> None:
    path, order = take(api)
    answers = [api.post(path, {"supplier": "city", "outcome": "no"}, Idempotency_Key="tap-1") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[1].headers["Idempotent-Replay"] == "true"
    api.clock.advance(minutes=5)
    assert api.post(path, {"supplier": "city", "outcome": "no"}, Idempotency_Key="tap-1").status_code == 201
    kinds = [event["kind"] for event in api.ok(api.get(f"/orders/{order['ref']}/timeline"))["items"]]
    assert kinds.count("call_no") == 1


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"supplier": "nowhere", "outcome": "no"}, 422, "supplier"),
        ({"supplier": "city", "outcome": "maybe"}, 422, "outcome"),
        ({"outcome": "no"}, 422, "supplier"),
        ({"supplier": "city", "outcome": "has_it", "kept_until": "2020-01-01T10:00:00Z"}, 422, "kept_until"),
        ({"supplier": "city", "outcome": "has_it", "kept_until": "18:00"}, 422, "kept_until"),
        ({"supplier": "city", "outcome": "no", "kept_until": "2027-01-01T10:00:00Z"}, 422, "kept_until"),
        ({"supplier": "city", "outcome": "no", "by": "77"}, 422, "by"),
        ({"supplier": "city", "outcome": "no", "mood": "bad"}, 422, "mood"),
    ],
)
def test_what_is_wrong_with_an_answer(api: Api, body: dict[str, Any], status: int, field: str) -> None:
    path, _ = take(api)
    answer = api.post(path, body)
    assert answer.status_code == status
    assert [error["field"] for error in (answer.json or {})["errors"]] == [field]


def test_what_can_not_be_answered(api: Api) -> None:
    path, order = take(api)
    answer = {"supplier": "city", "outcome": "bought"}
    assert api.as_(Access.READER).post(path, answer).status_code == 403
    assert api.post(f"/orders/{order['ref']}/lines/999/calls", answer).status_code == 404
    assert api.get(f"/orders/{order['ref']}/lines/999/calls").status_code == 404
    assert api.get("/orders/ZZZZ/lines/1/calls").status_code == 404
    assert api.post(path, answer, If_Match='"9"').status_code == 412
    api.ok(api.post(path, answer, If_Match='"1"'), 201)
    refused = api.post(path, {"supplier": "corner", "outcome": "no"})
    assert refused.status_code == 409
    assert (refused.json or {})["allowed"] == ["bought"]


def test_a_trip_for_several_orders(api: Api) -> None:
    orders = [take(api)[1] for _ in range(3)]
    lines = [order["lines"][0]["id"] for order in orders]
    api.ok(api.post(f"/orders/{orders[1]['ref']}/moves", {"move": "cancel", "reason": "no exam"}))
    body = {"supplier": "city", "lines": [*lines, "999"], "note": "one bag"}
    items = api.ok(api.post("/purchases", body))["items"]
    assert [item["is_bought"] for item in items] == [True, False, True, False]
    assert [item["order"] for item in items] == [*(order["ref"] for order in orders), None]
    assert "there is nothing to ask for" in items[1]["message"]
    assert [item["message"] is None for item in items] == [True, False, True, False]
    assert api.ok(api.get(f"/orders/{orders[2]['ref']}"))["status"] == "packing"
    for wrong, field in (({"lines": []}, "lines"), ({"supplier": "nowhere"}, "supplier"), ({"by": "99"}, "by")):
        answer = api.post("/purchases", {**body, **wrong})
        assert (answer.status_code, (answer.json or {})["errors"][0]["field"]) == (422, field)


def test_giving_up_needs_a_reason(api: Api) -> None:
    path, _ = take(api)
    refused = api.post(path.replace("/calls", "/procurement"), {"state": "unavailable"})
    assert refused.status_code == 422
    assert (refused.json or {})["errors"] == [
        {"field": "note", "message": "is missing: say why it can't be had, or name the supplier that doesn't have it"}
    ]
    for number, body in enumerate(({"note": "out of print"}, {"supplier": "city"}, {})):
        path, _ = take(api)
        if number == 2:
            api.ok(api.post(path, {"supplier": "city", "outcome": "no_answer"}), 201)
        answer = api.ok(api.post(path.replace("/calls", "/procurement"), {"state": "unavailable", **body}))
        assert answer["lines"][0]["sourcing"] == "unavailable"
