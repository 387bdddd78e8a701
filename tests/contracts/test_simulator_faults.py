"""Faults on order, met through the real SDK: refusals, silence, cut connections, bad outcomes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import requests
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.rest import Client

from dispatch.foundation.clock import ManualClock
from dispatch.simulator.faults import Kind, Target
from tests.contracts.test_simulator_kit import ACCOUNT, MEENA, RAVI, SHOP, TOKEN, Rewriting, World, world


@pytest.fixture
def w() -> Iterator[World]:
    with world() as running:
        yield running


def refusal(w: World, **more: object) -> tuple[int, int]:
    with pytest.raises(TwilioRestException) as caught:
        w.send(**more)
    return caught.value.status, caught.value.code


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        (Kind.RATE_LIMITED, (429, 20429)),
        (Kind.SERVER_ERROR, (500, 20500)),
        (Kind.UNAVAILABLE, (503, 503)),
        (Kind.REFUSED, (400, 21614)),
    ],
)
def test_faults_that_refuse_are_spent_and_store_nothing(w: World, kind: Kind, answer: tuple[int, int]) -> None:
    w.order(kind, count=2, to=RAVI)
    assert w.send(to=MEENA).status == "queued"
    assert [refusal(w), refusal(w)] == [answer, answer]
    assert w.send().status == "queued"
    assert len(w.sim.state.messages()) == 2


def test_slow_then_answers(w: World) -> None:
    w.order(Kind.SLOW, seconds=0.6, count=1)
    impatient = Rewriting(w.sim.url, timeout=0.2)
    with pytest.raises(requests.exceptions.ReadTimeout):
        Client(ACCOUNT, TOKEN, http_client=impatient).messages.create(to=RAVI, from_=SHOP, body="x")
    impatient.close()
    began = time.monotonic()
    w.order(Kind.SLOW, seconds=0.2, count=1)
    w.send()
    assert time.monotonic() - began >= 0.2
    deadline = time.monotonic() + 3
    while len(w.sim.state.messages(to=RAVI)) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(w.client.messages.list(to=RAVI)) == 2, "the one that nobody waited for was stored all the same"


def test_dropped_is_not_stored_and_accepted_then_dropped_is(w: World) -> None:
    w.order(Kind.DROPPED, count=1)
    with pytest.raises(requests.exceptions.ConnectionError):
        w.send(body="lost")
    assert w.client.messages.list(to=RAVI) == []
    w.order(Kind.ACCEPTED_THEN_DROPPED, count=1)
    with pytest.raises(requests.exceptions.ConnectionError):
        w.send(body="#K7Q4 kept")
    assert [message.body for message in w.client.messages.list(to=RAVI)] == ["#K7Q4 kept"]
    assert w.sim.settle()
    assert w.client.messages.list(to=RAVI)[0].status == "delivered"


def test_junk_answers_201_but_is_stored(w: World) -> None:
    w.order(Kind.JUNK, count=1)
    with pytest.raises(ValueError, match="Expecting value"):
        w.send()
    assert len(w.client.messages.list(to=RAVI)) == 1


def test_reads_can_fail_too(w: World) -> None:
    w.send()
    w.order(Kind.SERVER_ERROR, on=Target.READS, count=1)
    with pytest.raises(TwilioException, match="Unable to fetch page"):
        w.client.messages.list(to=RAVI)
    assert len(w.client.messages.list(to=RAVI)) == 1


@pytest.mark.parametrize(
    ("kind", "code", "end"),
    [
        (Kind.UNDELIVERED, None, ("undelivered", 30003)),
        (Kind.UNDELIVERED, 30005, ("undelivered", 30005)),
        (Kind.FAILED, None, ("failed", 30001)),
        (Kind.NO_RECEIPT, None, ("sent", None)),
    ],
)
def test_outcomes_on_order(w: World, kind: Kind, code: int | None, end: tuple[str, int | None]) -> None:
    w.order(kind, code=code, count=1)
    first, second = w.send().sid, w.send().sid
    assert w.sim.settle()
    fetched = w.client.messages(first).fetch()
    assert (fetched.status, fetched.error_code) == end
    assert (fetched.error_message is None) == (end[1] is None)
    assert w.status(second) == "delivered"


def test_a_held_text_expires_after_its_validity(w: World) -> None:
    w.order(Kind.HELD, seconds=30)
    expired = w.send(validity_period=1).sid
    patient = w.send(validity_period=60).sid
    deadline = time.monotonic() + 4
    while w.status(expired) == "queued" and time.monotonic() < deadline:
        time.sleep(0.05)
    fetched = w.client.messages(expired).fetch()
    assert (fetched.status, fetched.error_code) == ("failed", 30036)
    assert w.status(patient) == "queued"


def test_validity_runs_on_the_accounts_clock() -> None:
    clock = ManualClock(datetime(2026, 11, 24, 12, tzinfo=UTC))
    with world(clock=clock.now, delivery_delay_seconds=0.3) as w:
        expired = w.send(validity_period=60).sid
        clock.advance(minutes=2)
        fresh = w.send(validity_period=60).sid
        assert w.sim.settle()
        assert (w.status(expired), w.status(fresh)) == ("failed", "delivered")
