"""Recoveries, heads-ups and the report on promises through the API, and the customer's answers on their page."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event
from werkzeug.test import TestResponse

from dispatch import care
from dispatch.escalation.figures import quantile
from dispatch.escalation.service import tend
from dispatch.foundation import tokens
from dispatch.foundation.clock import ManualClock
from dispatch.foundation.db import Database
from dispatch.foundation.settings import Settings
from dispatch.orders.service import find_order
from dispatch.recovery.service import tend_case
from dispatch.web.tables import Access
from tests.web.test_api_kit import Api, make_api


@pytest.fixture
def api(sqlite_db: Database, settings: Settings, clock: ManualClock) -> Api:
    made = make_api(sqlite_db, settings, clock)
    made.hire()
    return made


@pytest.fixture
def any_api(db: Database, settings: Settings, clock: ManualClock) -> Api:
    """The same on both databases."""
    return make_api(db, settings, clock, role=Access.OPS)


def look(api: Api, ref: str) -> None:
    """What the watch round does with an order."""
    links = api.app.extensions["dispatch"].links
    with api.db.transaction() as session:
        number = find_order(session, ref).id
        tend(session, number, api.clock.now(), links=links, care=care.at_each_look(links))


def broken(api: Api, **more: Any) -> tuple[str, str]:
    """An order whose promise has passed, and the id of its case."""
    ref = api.order(minutes=30, **more)["ref"]
    api.clock.advance(minutes=31)
    look(api, ref)
    return ref, case(api, ref)["id"]


def case(api: Api, ref: str) -> Any:
    return api.ok(api.get(f"/recoveries?order={ref}"))["items"][0]


def step(api: Api, number: str, name: str, **more: Any) -> TestResponse:
    return api.post(f"/recoveries/{number}/steps", {"step": name, **more})


def deliver(api: Api, ref: str) -> None:
    api.ok(api.post(f"/orders/{ref}/moves", {"move": "deliver"}))


def test_from_sorry_to_confirmed(api: Api) -> None:
    ref, number = broken(api, reason="exam tomorrow")
    assert api.ok(api.get(f"/recoveries/{number}"))["reason"] == "exam tomorrow"
    first = step(api, number, "empathise", text="Asha, I am so sorry about your evening. Ravi")
    assert api.ok(first)["allowed"] == ["offer_fix", "fixed"]
    by = (api.clock.now() + timedelta(minutes=30)).isoformat()
    offered = api.ok(step(api, number, "offer_fix", text="Ravi brings it himself", by=by, fault="ours"))
    assert (datetime.fromisoformat(offered["fix_by"]), offered["fault"]) == (datetime.fromisoformat(by), "ours")
    deliver(api, ref)
    confirmed = api.ok(step(api, number, "confirm", by="1"))
    assert (confirmed["state"], confirmed["ending"], confirmed["steps"][-1]["by"]) == (
        "closed",
        "R5",
        {"id": "1", "name": "Ravi"},
    )
    order = api.ok(api.get(f"/orders/{ref}"))
    assert (order["ending"], order["recovery"]) == ("R5", {"id": number, "state": "closed", "stage": "confirmed"})
    assert api.ok(api.get("/recoveries?state=open"))["items"] == []
    assert len(api.ok(api.get("/recoveries?state=closed"))["items"]) == 1


def test_a_fix_before_sorry_is_a_409_that_says_what_is_allowed(api: Api) -> None:
    _, number = broken(api)
    for name in ("offer_fix", "fixed", "confirm", "reopen"):
        refused = step(api, number, name, text="We bring it")
        assert (refused.status_code, refused.json["allowed"]) == (409, ["empathise"])
    called = api.ok(step(api, number, "empathise", by=1, channel="call"))
    assert called["steps"][0] | {"at": "", "actor": ""} == {
        "at": "",
        "actor": "",
        "step": "empathise",
        "text": None,
        "channel": "call",
        "by": {"id": "1", "name": "Ravi"},
        "fix_by": None,
        "is_lost": False,
    }


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"step": "sorry"}, "step"),
        ({"step": "empathise"}, "text"),
        ({"step": "empathise", "text": "It will never happen again, sorry"}, "text"),
        ({"step": "empathise", "text": "I am so sorry", "by": "tonight"}, "by"),
        ({"step": "empathise", "text": "I am so sorry", "by": "77"}, "by"),
        ({"step": "empathise", "channel": "call"}, "by"),
        ({"step": "empathise", "text": "I am so sorry", "goodwill": "that it won't happen again"}, "goodwill"),
        ({"step": "empathise", "text": "I am so sorry", "mood": "sad"}, "mood"),
    ],
)
def test_what_is_wrong_with_a_step_is_named(api: Api, body: dict[str, Any], field: str) -> None:
    _, number = broken(api)
    refused = api.post(f"/recoveries/{number}/steps", body)
    assert refused.status_code == 422, refused.text
    assert [error["field"] for error in refused.json["errors"]] == [field]


def test_the_same_key_takes_a_step_once_and_readers_none(api: Api) -> None:
    _, number = broken(api)
    body = {"step": "empathise", "text": "I am so sorry about your evening"}
    first = api.post(f"/recoveries/{number}/steps", body, Idempotency_Key="s1")
    again = api.post(f"/recoveries/{number}/steps", body, Idempotency_Key="s1")
    assert (first.status_code, again.json, again.headers["Idempotent-Replay"]) == (200, first.json, "true")
    reader = api.as_(Access.READER)
    assert reader.get(f"/recoveries/{number}").status_code == 200
    assert step(reader, number, "fixed").status_code == 403
    assert step(api, "999", "fixed").status_code == 404


def test_a_complaint_by_hand(api: Api) -> None:
    ref = api.order()["ref"]
    deliver(api, ref)
    opened = api.ok(api.post(f"/orders/{ref}/recoveries", {"what": "the cover is torn", "fault": "supplier"}), 201)
    assert (opened["cause"], opened["what"], opened["fault"], opened["allowed"]) == (
        "complaint",
        "the cover is torn",
        "supplier",
        ["empathise"],
    )
    assert api.post(f"/orders/{ref}/recoveries", {"what": "and wet"}).status_code == 409
    assert api.post(f"/orders/{ref}/recoveries", {}).status_code == 422
    assert api.post("/orders/ZZZZ/recoveries", {"what": "lost"}).status_code == 404


# --- the report ------------------------------------------------------------------------------------------------------


def test_the_report_in_figures(any_api: Api) -> None:
    api = any_api
    day = "2026-11-24"
    empty = api.ok(api.get(f"/reports/promises?from={day}&to={day}"))
    assert empty["promises"] == {"total": 0, "kept": 0, "kept_as_repromised": 0, "broken": 0, "open": 0}
    assert empty["escalations"]["first_page_seconds"] == {"p50": None, "p95": None}
    kept, late, again, waiting = (api.order(minutes=minutes)["ref"] for minutes in (60, 20, 20, 60))
    gone = api.order(minutes=60)["ref"]
    api.ok(api.post(f"/orders/{gone}/moves", {"move": "cancel", "reason": "changed their mind"}))
    # Of tomorrow, there.
    api.order(minutes=24 * 60)
    by = (api.clock.now() + timedelta(minutes=50)).isoformat()
    api.ok(api.patch(f"/orders/{again}", {"promised_by": by, "why": "rare", "agreed": True}))
    api.clock.advance(minutes=30)
    for ref in (kept, late, again):
        deliver(api, ref)
    look(api, late)
    found = api.ok(api.get(f"/reports/promises?from={day}&to={day}"))
    assert set(found) == {"from", "to", "promises", "by_clock", "endings", "escalations"}
    assert found["promises"] == {"total": 4, "kept": 1, "kept_as_repromised": 1, "broken": 2, "open": 1}
    assert sum(found["by_clock"].values()) == 2
    assert found["endings"] == {"R1": 1, "R2": 0, "R3": 1, "R4": 0, "R5": 0}
    assert api.ok(api.get(f"/orders/{late}"))["ending_why"].startswith("The fix came before")
    assert api.ok(api.get("/reports/promises?from=2026-11-25&to=2026-11-25"))["promises"]["open"] == 1
    assert api.ok(api.get(f"/orders/{waiting}"))["ending"] is None


def test_the_report_asks_the_database_as_often_for_many_as_for_few(api: Api) -> None:
    def queries() -> int:
        seen: list[str] = []

        def count(*args: Any) -> None:
            seen.append(str(args[2]))

        event.listen(api.db.engine, "before_cursor_execute", count)
        api.ok(api.get("/reports/promises?from=2026-11-24&to=2026-11-24"))
        api.ok(api.get("/recoveries"))
        event.remove(api.db.engine, "before_cursor_execute", count)
        return len(seen)

    broken(api)
    few = queries()
    for _ in range(4):
        broken(api)
    assert queries() == few


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("from=2026-11-25&to=2026-11-24", 422),
        ("from=2024-01-01&to=2026-11-24", 422),
        ("from=yesterday", 422),
        ("branch=nowhere", 404),
        ("", 200),
        ("from=2026-11-01", 200),
        ("to=2026-11-24&branch=main", 200),
    ],
)
def test_which_days(api: Api, query: str, status: int) -> None:
    assert api.get(f"/reports/promises?{query}").status_code == status


def test_quantiles_are_of_what_was_seen() -> None:
    assert quantile((), 0.5) is None
    assert quantile((3.0,), 0.95) == 3.0
    values = tuple(float(number) for number in range(1, 101))
    assert (quantile(values, 0.5), quantile(values, 0.95)) == (50.0, 95.0)


# --- the customer's page ---------------------------------------------------------------------------------------------


def key(api: Api, ref: str) -> str:
    with api.db.snapshot() as session:
        number = find_order(session, ref).id
    return tokens.sign(api.app.extensions["dispatch"].settings.secret_key, "tracking", number)


def tap(api: Api, ref: str, **form: str) -> TestResponse:
    return api.app.test_client().post("/t", data={"k": key(api, ref), **form})


def page(api: Api, ref: str) -> str:
    return api.app.test_client().get(f"/t?k={key(api, ref)}").text


def told_early(api: Api) -> str:
    """An order of which its customer has just heard that it may be late."""
    until = (api.clock.now() + timedelta(minutes=45)).isoformat()
    ref = api.order(minutes=59, travel_minutes=30)["ref"]
    line = api.ok(api.get(f"/orders/{ref}"))["lines"][0]["id"]
    api.ok(api.post(f"/orders/{ref}/lines/{line}/procurement", {"state": "bought"}))
    api.ok(api.put("/staff/1/pause", {"until": until, "force": True}))
    look(api, ref)
    assert api.ok(api.get(f"/orders/{ref}"))["heads_up"]["answer"] is None
    return str(ref)


def test_the_page_asks_what_they_prefer_and_the_tap_moves_the_order(api: Api) -> None:
    ref = told_early(api)
    assert 'name="heads_up" value="later"' in page(api, ref)
    assert tap(api, ref, heads_up="fly").status_code == 409
    answer = tap(api, ref, heads_up="later")
    assert (answer.status_code, "You will have it by" in answer.text) == (200, True)
    order = api.ok(api.get(f"/orders/{ref}"))
    assert (order["heads_up"]["answer"], order["promises"][-1]["agreed"]) == ("later", True)
    assert 'name="heads_up"' not in page(api, ref)
    again = tap(api, ref, heads_up="cancel")
    assert (again.status_code, "You chose a later time" in again.text) == (200, True)
    assert tap(api, api.order()["ref"], heads_up="wait").status_code == 404


def test_what_they_said_on_the_phone(api: Api) -> None:
    ref = told_early(api)
    order = api.ok(api.post(f"/orders/{ref}/heads-up", {"choice": "cancel"}))
    assert (order["status"], order["heads_up"]["answer"]) == ("cancelled", "cancel")
    assert api.post(f"/orders/{ref}/heads-up", {"choice": "wait"}).status_code == 409


def test_the_page_asks_whether_it_is_good(api: Api) -> None:
    ref, number = broken(api)
    assert "good now" not in page(api, ref)
    api.clock.advance(minutes=10)
    links = api.app.extensions["dispatch"].links
    with api.db.transaction() as session:
        assert tend_case(session, int(number), api.clock.now(), links=links)
    deliver(api, ref)
    look(api, ref)
    assert "Is everything good now?" in page(api, ref)
    assert tap(api, ref, good="perhaps").status_code == 409
    no = tap(api, ref, good="no", note="the cover is torn")
    assert (no.status_code, "will phone you about it" in no.text) == (200, True)
    assert (case(api, ref)["stage"], case(api, ref)["steps"][-1]["text"]) == ("empathised", "the cover is torn")
    api.ok(step(api, number, "fixed", text="A new copy is with you"))
    assert "glad it is good" in tap(api, ref, good="yes").text
    assert "glad it is good" in tap(api, ref, good="yes").text
    assert (case(api, ref)["stage"], case(api, ref)["ending"]) == ("confirmed", "R4")
