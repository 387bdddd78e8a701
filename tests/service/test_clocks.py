"""Machines whose clocks differ by a minute: they agree on the time of what they share, and do each other no harm."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from dispatch import rounds
from dispatch.foundation import clock as clock_module
from dispatch.foundation.clock import Clock, ManualClock, SharedClock, SystemClock
from dispatch.foundation.db import Database
from dispatch.foundation.errors import Unavailable
from dispatch.foundation.settings import Settings
from dispatch.messaging.delivery import LEASE_SECONDS
from dispatch.messaging.rules import TextState
from dispatch.messaging.sender import read_circuit
from dispatch.messaging.sender_rules import CLOSED
from dispatch.runtime import Runtime, clock_of
from tests import factories
from tests.service.test_outbox_kit import House, Provider, another_worker, claim, house, put

__all__ = ["house"]
MINUTE = timedelta(minutes=1)
A_MOMENT = timedelta(seconds=1)


@dataclass
class Wrong:
    """A clock that is ahead of another one, or behind."""

    right: Clock
    ahead: timedelta

    def now(self) -> datetime:
        return self.right.now() + self.ahead


@pytest.mark.postgresql
@pytest.mark.parametrize("ahead", [MINUTE, -MINUTE])
def test_every_machine_goes_by_the_databases_clock(postgresql_db: Database, ahead: timedelta) -> None:
    wrong = clock_of(postgresql_db, own=Wrong(SystemClock(), ahead))
    right = clock_of(postgresql_db)
    assert abs(wrong.now() - right.now()) < A_MOMENT


@pytest.mark.postgresql
def test_what_is_due_on_one_machine_is_due_on_the_other(postgresql_db: Database, settings: Settings) -> None:
    """A text, and an order's next look, written where the clock is a minute ahead, read where it is a minute behind."""
    fast, slow = (clock_of(postgresql_db, own=Wrong(SystemClock(), ahead)) for ahead in (MINUTE, -MINUTE))
    provider = Provider(ManualClock(fast.now()))
    there = Runtime(settings=settings, db=postgresql_db, clock=slow, texts=provider)
    delivery = rounds.make_delivery(there)
    with postgresql_db.transaction() as session:
        factories.make_shop(session, fast.now())
        factories.make_order(session, fast.now(), fast.now() + timedelta(days=3))
        put(postgresql_db, fast.now())
    assert rounds.watch(there) == 1
    assert delivery.run_once() >= 1
    delivery.close()
    assert provider.tries


def test_on_sqlite_there_is_one_machine(sqlite_db: Database) -> None:
    assert isinstance(clock_of(sqlite_db), SystemClock)


def test_a_clock_that_is_moved_is_set_right_at_once() -> None:
    own = Wrong(SystemClock(), timedelta(0))
    clock = SharedClock(SystemClock().now, own=own)
    assert abs(clock.now() - SystemClock().now()) < A_MOMENT
    own.ahead = MINUTE
    assert abs(clock.now() - SystemClock().now()) < A_MOMENT


def test_while_nobody_can_be_asked_what_was_known_last_counts() -> None:
    truth = SystemClock()
    answers = [truth.now]

    def ask() -> datetime:
        if not answers:
            raise Unavailable("away")
        return answers.pop()()

    own = Wrong(truth, MINUTE)
    clock = SharedClock(ask, own=own)
    assert abs(clock.now() - truth.now()) < A_MOMENT
    own.ahead += MINUTE
    assert abs(clock.now() - truth.now() - MINUTE) < A_MOMENT


def test_a_few_milliseconds_are_not_followed() -> None:
    own = ManualClock(SystemClock().now())
    clock = SharedClock(lambda: own.now() + timedelta(milliseconds=50), own=own)
    assert clock.now() == own.now()


def test_a_clock_that_is_moved_just_while_the_other_is_asked() -> None:
    own = Wrong(SystemClock(), timedelta(0))

    def ask() -> datetime:
        own.ahead += 60 * MINUTE
        return SystemClock().now()

    assert abs(SharedClock(ask, own=own).now() - SystemClock().now()) < A_MOMENT


def test_what_a_slow_answer_may_explain_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four seconds there and back: nobody knows when within them the other clock was read."""
    own, steady = ManualClock(SystemClock().now()), itertools.count(0.0, 4.0)
    monkeypatch.setattr(clock_module, "monotonic", lambda: next(steady))
    clock = SharedClock(lambda: own.now() - timedelta(seconds=3.5), own=own)
    assert clock.now() == own.now()


# --- and where they disagree all the same ----------------------------------------------------------------------------


def test_the_slower_machines_circuit_and_pace_hold_nobody_up_for_long(house: House) -> None:
    """Whatever a machine that is a minute ahead writes down costs the others that minute at the most."""
    ahead = another_worker(house, clock=Wrong(house.clock, MINUTE), texts_per_second=1.0)
    mine = another_worker(house, texts_per_second=1.0)
    made = [put(house.db, house.now()) for _ in range(4)]
    ahead.run_once()
    for _ in range(4):
        mine.run_once()
        house.clock.advance(seconds=1)
    ahead.close()
    mine.close()
    assert {house.state(number) for number in made} == {TextState.SENT}
    with house.db.snapshot() as session:
        assert read_circuit(session) == CLOSED


def test_a_lease_is_not_taken_over_before_it_is_over(house: House) -> None:
    """What is left of a difference (never a second, on PostgreSQL) leaves a send the time that it takes."""
    made = put(house.db, house.now())
    claim(house.db, house.now())
    other = another_worker(house, clock=Wrong(house.clock, A_MOMENT))
    house.clock.advance(seconds=LEASE_SECONDS - 2)
    other.run_once()
    assert house.state(made) is TextState.SENDING
    house.clock.advance(seconds=1)
    other.run_once()
    other.close()
    assert house.state(made) is TextState.QUEUED
