"""The API on who is away and who is pinned: refused with the promises at stake, or forced."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from dispatch.foundation.clock import ManualClock
from dispatch.foundation.db import Database
from dispatch.foundation.settings import Settings
from tests.web.test_api_kit import MEENA, Api, make_api


@pytest.fixture
def api(db: Database, settings: Settings, clock: ManualClock) -> Api:
    return make_api(db, settings, clock)


def at(api: Api, **more: float) -> str:
    return (api.clock.now() + timedelta(**more)).isoformat()


def ready(api: Api) -> tuple[str, Any]:
    """Ravi, who is alone, and an order that he can bring."""
    ravi = api.hire(role="rider")
    api.ok(api.put("/items/physics", {"title": "Physics", "on_hand": 5}), 201)
    return ravi, api.order(lines=[{"sku": "physics", "title": "Physics"}], travel_minutes=30)


def test_a_pause_that_takes_the_last_way_is_refused_and_can_be_forced(api: Api) -> None:
    ravi, order = ready(api)
    body = {"until": at(api, hours=10), "reason": "fever"}
    answer = api.put(f"/staff/{ravi}/pause", body)
    assert answer.status_code == 409
    (promise,) = answer.json["promises_at_stake"]
    assert (promise["ref"], promise["promised_by"]) == (order["ref"], order["promised_by"])
    assert promise["binding"]["clock"] == "nobody_available"
    assert api.ok(api.get(f"/staff/{ravi}"))["paused_until"] is None
    assert api.ok(api.get(f"/orders/{order['ref']}"))["risk"]["level"] == "on_track"
    assert api.ok(api.put(f"/staff/{ravi}/pause", body | {"force": True}))["pause_reason"] == "fever"
    events = api.ok(api.get(f"/orders/{order['ref']}/timeline"))["items"]
    assert "Ravi paused although this counted on them: fever." in [event["text"] for event in events]


def test_shorter_shifts_need_force(api: Api) -> None:
    ravi, _ = ready(api)
    assert api.patch(f"/staff/{ravi}", {"shifts": None}).status_code == 409
    assert api.patch(f"/staff/{ravi}", {"shifts": None, "reason": "gone"}).status_code == 409
    assert api.ok(api.patch(f"/staff/{ravi}", {"shifts": None, "force": True, "reason": "gone"}))["shifts"] is None


def test_pins(api: Api) -> None:
    ravi, order = ready(api)
    sita = api.hire("Sita", MEENA, "staff")
    path = f"/orders/{order['ref']}/pins/deliver"
    assert api.put(path, {"staff_id": sita}, If_Match='"99"').status_code == 412
    answer = api.put(path, {"staff_id": sita}, If_Match=f'"{order["version"]}"')
    pinned = api.ok(answer)
    assert pinned["version"] == order["version"] + 1
    assert answer.headers["ETag"] == f'"{pinned["version"]}"'
    leave = pinned["plan"][-1]
    assert (leave["step"], leave["by_whom"], leave["is_pinned"]) == ("deliver", {"id": sita, "name": "Sita"}, True)
    # Again changes nothing; nobody else is counted on.
    assert api.ok(api.put(path, {"staff_id": sita}))["version"] == pinned["version"]
    assert api.ok(api.put(f"/staff/{ravi}/pause", {"until": at(api, hours=10)}))
    assert api.put(f"/staff/{sita}/pause", {"until": at(api, hours=10)}).status_code == 409
    unpinned = api.ok(api.delete(path))
    assert not unpinned["plan"][-1]["is_pinned"]
    assert api.ok(api.delete(path))["version"] == unpinned["version"]


@pytest.mark.parametrize(
    ("task", "body", "status"),
    [
        ("deliver", {"staff_id": "BUYER"}, 422),
        ("deliver", {"staff_id": "999999999"}, 422),
        ("deliver", {}, 422),
        ("deliver", {"staff_id": "FOUNDER"}, 409),
        ("procure", {"staff_id": "BUYER"}, 409),
        ("pack", {"staff_id": "BUYER"}, 404),
    ],
)
def test_pins_that_are_refused(api: Api, task: str, body: dict[str, str], status: int) -> None:
    _, order = ready(api)
    ids = {
        "BUYER": api.hire("Bina", MEENA, "buyer"),
        "FOUNDER": api.hire("Tara", "+919812345677", "founder", shifts=None),
    }
    body = {name: ids.get(value, value) for name, value in body.items()}
    answer = api.put(f"/orders/{order['ref']}/pins/{task}", body)
    assert answer.status_code == status
    if status == 422:
        assert answer.json["errors"][0]["field"] == "staff_id"
    # The founder may, but is not here: that is a promise at stake, this very one.
    stake = [promise["ref"] for promise in answer.json.get("promises_at_stake", [])]
    assert stake == ([order["ref"]] if "FOUNDER" in ids and body.get("staff_id") == ids["FOUNDER"] else [])


def test_an_order_carries_its_plan_and_every_promise(api: Api) -> None:
    _, order = ready(api)
    ref = order["ref"]
    assert [step["step"] for step in order["plan"]] == ["pack", "deliver"]
    assert [promise["number"] for promise in order["promises"]] == [1]
    assert api.patch(f"/orders/{ref}", {"agreed": True}).status_code == 422
    body = {"promised_by": at(api, hours=7), "why": "the road is closed", "agreed": True}
    moved = api.ok(api.patch(f"/orders/{ref}", body))
    assert [(promise["why"], promise["agreed"]) for promise in moved["promises"]] == [
        (None, None),
        ("the road is closed", True),
    ]
    assert moved["promises"][0]["promised_by"] == moved["first_promised_by"]
    events = api.ok(api.get(f"/orders/{ref}/timeline"))["items"]
    assert any(event["text"].endswith("Why: the road is closed. The customer agreed.") for event in events)
    (listed,) = api.ok(api.get("/orders"))["items"]
    assert "plan" not in listed
