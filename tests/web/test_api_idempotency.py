"""The same POST twice has one effect and one answer, through races, crashes and refusals."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from dispatch.foundation.clock import ManualClock
from dispatch.foundation.db import Database
from dispatch.foundation.errors import Unavailable
from dispatch.foundation.settings import Settings
from dispatch.orders.tables import Order
from dispatch.web import api as serving
from dispatch.web import api_orders, idempotency
from dispatch.web.idempotency import Claim, purge_idempotency_keys
from dispatch.web.tables import Access, IdempotencyKey
from tests.web.test_api_kit import Api, make_api, new_order


@pytest.fixture
def api(db: Database, settings: Settings, clock: ManualClock) -> Api:
    return make_api(db, settings, clock)


def orders(api: Api) -> int:
    with api.db.snapshot() as session:
        return session.scalars(select(func.count()).select_from(Order)).one()


def keys(api: Api) -> int:
    with api.db.snapshot() as session:
        return session.scalars(select(func.count()).select_from(IdempotencyKey)).one()


def place(api: Api, key: str, **more: Any) -> TestResponse:
    return api.post("/orders", new_order(api.clock.now(), **more), Idempotency_Key=key)


def test_a_repeat_gives_the_first_answer(api: Api) -> None:
    body = new_order(api.clock.now())
    first = api.post("/orders", body, Idempotency_Key="a")
    api.clock.advance(minutes=30)
    api.ok(api.patch(f"/orders/{(first.json or {})['ref']}", {"reason": "changed meanwhile"}))
    again = api.post("/orders", dict(reversed(body.items())), Idempotency_Key="a")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.data == first.data
    assert "Idempotent-Replay" not in first.headers
    assert again.headers["Idempotent-Replay"] == "true"
    for name in ("Location", "ETag", "Content-Type"):
        assert again.headers[name] == first.headers[name]
    assert orders(api) == 1


def test_the_same_key_for_something_else_is_refused(api: Api) -> None:
    assert place(api, "a").status_code == 201
    for answer in (
        place(api, "a", reason="another"),
        api.post("/staff", new_order(api.clock.now()), Idempotency_Key="a"),
    ):
        assert answer.status_code == 422
        assert (answer.json or {})["errors"][0]["field"] == "Idempotency-Key"
    assert place(api, "b").status_code == 201
    assert orders(api) == 2


def test_keys_belong_to_a_token(api: Api) -> None:
    assert place(api, "a").status_code == 201
    other = place(api.as_(Access.OPS), "a")
    assert (other.status_code, "Idempotent-Replay" in other.headers) == (201, False)
    assert orders(api) == 2


@pytest.mark.parametrize("key", ["", "x" * 256, "schlüssel", "a\tb"])
def test_keys_that_can_not_be_kept(api: Api, key: str) -> None:
    assert place(api, key).status_code == 422


def test_refusals_are_repeated_too(api: Api) -> None:
    """The world has changed, the answer has not: that is what the key is for."""
    order = api.order()
    path = f"/orders/{order['ref']}"
    first = api.post(f"{path}/moves", {"move": "pack"}, Idempotency_Key="m")
    assert first.status_code == 409
    api.ok(api.post(f"{path}/lines/{order['lines'][0]['id']}/procurement", {"state": "bought"}))
    again = api.post(f"{path}/moves", {"move": "pack"}, Idempotency_Key="m")
    assert (again.status_code, again.data, again.mimetype) == (409, first.data, "application/problem+json")
    assert again.headers["Idempotent-Replay"] == "true"
    assert api.ok(api.get(path))["status"] == "packing"
    invalid = [api.post("/orders", {"lines": []}, Idempotency_Key="v") for _ in range(2)]
    assert [answer.status_code for answer in invalid] == [422, 422]
    assert [answer.headers.get("Idempotent-Replay") for answer in invalid] == [None, "true"]


def test_what_was_not_read_is_not_kept(api: Api) -> None:
    assert api.call("POST", "/orders", raw=b"{", Idempotency_Key="a").status_code == 400
    assert api.call("POST", "/orders", raw=b"{}", Content_Type="text/plain", Idempotency_Key="a").status_code == 415
    assert keys(api) == 0
    assert place(api, "a").status_code == 201


def test_a_failure_of_ours_may_be_tried_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object, **__: object) -> None:
        raise Unavailable("Not now.")

    with monkeypatch.context() as patch:
        patch.setattr(api_orders.service, "place", busy)
        assert place(api, "a").status_code == 503
    assert keys(api) == 0
    answer = place(api, "a")
    assert (answer.status_code, "Idempotent-Replay" in answer.headers) == (201, False)


def test_at_once_one_effect(api: Api) -> None:
    """Ten at the same time: one does it, the others hear "under way" or the same answer."""
    body = new_order(api.clock.now())
    start, answers = threading.Barrier(10), list[TestResponse]()

    def send() -> None:
        start.wait()
        answers.append(api.post("/orders", body, Idempotency_Key="a"))

    threads = [threading.Thread(target=send) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    made = [answer for answer in answers if answer.status_code == 201]
    waiting = [answer for answer in answers if answer.status_code == 409]
    assert len(made) + len(waiting) == 10
    assert len({answer.data for answer in made}) == 1
    assert sum("Idempotent-Replay" not in answer.headers for answer in made) == 1
    assert [answer.text for answer in waiting if answer.headers.get("Retry-After") != "1"] == []
    assert orders(api) == 1
    assert api.post("/orders", body, Idempotency_Key="a").headers["Idempotent-Replay"] == "true"


class Crash(BaseException):
    """The process dies: nothing after this line runs."""


def crash(*_: object, **__: object) -> None:
    raise Crash


@pytest.mark.parametrize("where", ["before the effect", "after the effect, before the commit"])
def test_a_crash_leaves_a_lease_that_runs_out(api: Api, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    body = new_order(api.clock.now())
    with monkeypatch.context() as patch:
        if where == "before the effect":
            patch.setattr(api_orders.service, "place", crash)
        else:
            patch.setattr(idempotency, "keep", crash)
        with pytest.raises(Crash):
            api.post("/orders", body, Idempotency_Key="a")
    assert orders(api) == 0
    waiting = api.post("/orders", body, Idempotency_Key="a")
    assert (waiting.status_code, waiting.headers["Retry-After"]) == (409, "1")
    api.clock.advance(seconds=60)
    answer = api.post("/orders", body, Idempotency_Key="a")
    assert (answer.status_code, "Idempotent-Replay" in answer.headers) == (201, False)
    assert orders(api) == 1


def test_a_crash_after_the_commit_has_the_answer_kept(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    body = new_order(api.clock.now())
    once_more = serving.once_more

    def then_crash(db: Database, work: Callable[[Session], object]) -> None:
        once_more(db, work)
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(serving, "once_more", then_crash)
        with pytest.raises(Crash):
            api.post("/orders", body, Idempotency_Key="a")
    assert orders(api) == 1
    answer = api.post("/orders", body, Idempotency_Key="a")
    assert (answer.status_code, answer.headers["Idempotent-Replay"]) == (201, "true")
    assert orders(api) == 1


def test_who_was_overtaken_has_no_effect(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first is slower than its lease, a repeat takes over and is done before it: the first must undo itself."""
    body = new_order(api.clock.now())
    keep, slow = idempotency.keep, [True]

    def overtaken(session: Session, claim: Claim, reply: Any) -> None:
        if not slow or api.db.is_sqlite:
            keep(session, claim, reply)
            return
        slow.clear()
        api.clock.advance(seconds=61)
        assert api.post("/orders", body, Idempotency_Key="a").status_code == 201
        keep(session, claim, reply)

    monkeypatch.setattr(idempotency, "keep", overtaken)
    if api.db.is_sqlite:
        # One writer at a time: nobody can overtake in the middle of a transaction, only between two.
        stale = Claim(id=1, lease_until=api.clock.now())
        assert api.post("/orders", body, Idempotency_Key="a").status_code == 201
        with pytest.raises(idempotency.UnderWay), api.db.transaction() as session:
            keep(session, stale, idempotency.Reply(status=200, body=b""))
    else:
        assert api.post("/orders", body, Idempotency_Key="a").status_code == 409
        again = api.post("/orders", body, Idempotency_Key="a")
        assert (again.status_code, again.headers["Idempotent-Replay"]) == (201, "true")
    assert orders(api) == 1


def test_keys_are_forgotten_after_a_day(api: Api) -> None:
    place(api, "a")
    with api.db.transaction() as session:
        assert purge_idempotency_keys(session, api.clock.now() + timedelta(hours=24)) == 0
    with api.db.transaction() as session:
        assert purge_idempotency_keys(session, api.clock.now() + timedelta(hours=24, seconds=1)) == 1
    assert keys(api) == 0
