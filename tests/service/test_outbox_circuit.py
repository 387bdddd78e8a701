"""A provider that fails again and again: everybody pauses, one text tries, and then all go."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from dispatch.messaging import service
from dispatch.messaging.gateway import Attempt, Outcome
from dispatch.messaging.limit_rules import Limits
from dispatch.messaging.rows import sender
from dispatch.messaging.rules import Kind, TextState
from dispatch.messaging.sender import read_circuit
from dispatch.messaging.sender_rules import CLOSED, FAILURES, Circuit
from tests.service.test_outbox_kit import House, accepted, another_worker, at_once, house, put

__all__ = ["house"]

DOWN = Attempt(outcome=Outcome.RETRY, error="no connection to Twilio")
BUSY = Attempt(outcome=Outcome.RETRY, error_code=20429, retry_after_seconds=40)
SOON = timedelta(minutes=5)
LOST = Attempt(outcome=Outcome.UNKNOWN, error="no answer from Twilio in time")


def circuit(house: House) -> Circuit:
    with house.db.snapshot() as session:
        return read_circuit(session)


def open_it(house: House, texts: int = 8, **changes: object) -> list[int]:
    """A provider that is down, and texts that have found it so."""
    made = [put(house.db, house.now(), **changes) for _ in range(texts)]
    house.provider.answers = [DOWN] * 100_000
    house.run(times=2)
    assert circuit(house).is_open
    return made


@pytest.mark.parametrize("answer", [DOWN, BUSY, LOST])
def test_it_opens_and_the_rest_of_the_batch_is_given_back(house: House, answer: Attempt) -> None:
    worker = another_worker(house, concurrency=1)
    made = [put(house.db, house.now()) for _ in range(20)]
    house.provider.answers = [answer] * 100
    for _ in range(10):
        worker.run_once()
    assert circuit(house).is_open
    assert len(house.provider.tries) == FAILURES
    worker.close()
    assert sum(house.state(number) is TextState.QUEUED for number in made) >= len(made) - FAILURES


def test_a_refusal_of_one_text_is_no_failure_of_the_provider(house: House) -> None:
    for _ in range(20):
        put(house.db, house.now())
    house.provider.answers = [Attempt(outcome=Outcome.CONTENT, error_code=21617)] * 20
    house.run(times=3)
    assert circuit(house) == CLOSED


def test_a_success_ends_the_row_of_failures(house: House) -> None:
    worker = another_worker(house, concurrency=1)
    for _ in range(3 * FAILURES):
        put(house.db, house.now())
    house.provider.answers = [*[DOWN] * (FAILURES - 1), accepted("SM1"), *[DOWN] * (FAILURES - 1), accepted("SM2")]
    while house.provider.answers:
        assert worker.run_once()
    worker.close()
    assert not circuit(house).is_open


def test_while_it_is_open_one_text_tries_the_most_urgent(house: House) -> None:
    open_it(house, kind=Kind.NOTICE)
    page = put(house.db, house.now(), body="the page")
    tries = len(house.provider.tries)
    house.run(seconds=1, times=120)
    tried = house.provider.tries[tries:]
    # 2, 4, 8 … 60 s apart, by chance half of it.
    assert 5 <= len(tried) <= 12
    assert "the page" in tried
    assert house.state(page) is TextState.QUEUED
    probe_at = circuit(house).probe_at
    assert probe_at is not None
    assert probe_at - house.now() <= timedelta(seconds=60)


def test_nobody_is_woken_before_the_next_try(house: House) -> None:
    open_it(house)
    put(house.db, house.now())
    assert house.delivery.next_due_at() == circuit(house).probe_at


def test_a_page_that_ends_soon_is_tried_before_its_end(house: House) -> None:
    open_it(house, kind=Kind.NOTICE)
    house.run(seconds=1, times=200)
    put(house.db, house.now(), useful_until=house.now() + timedelta(seconds=90), body="soon over")
    house.run(seconds=1, times=88)
    assert house.provider.tries.count("soon over") >= 3


def test_the_first_success_closes_it_and_everything_leaves(house: House) -> None:
    made = open_it(house)
    house.run(seconds=30, times=120)
    house.provider.answers = []
    house.run(seconds=61)
    assert circuit(house) == CLOSED
    house.run()
    assert {house.state(number) for number in made} == {TextState.SENT}
    assert len(house.provider.texts) == len(made)


def test_all_workers_pause_and_one_of_them_tries(house: House) -> None:
    open_it(house)
    workers = [another_worker(house) for _ in range(3)]
    tries = len(house.provider.tries)
    for worker in workers:
        worker.run_once()
    assert len(house.provider.tries) == tries
    house.clock.advance(seconds=3)
    at_once(*[worker.run_once for worker in workers])
    assert len(house.provider.tries) == tries + 1
    for worker in workers:
        worker.close()


def test_whoever_tries_may_die_of_it(house: House) -> None:
    open_it(house)
    house.clock.advance(seconds=3)
    with house.db.transaction() as session:
        # Claimed as a probe, and never heard of again.
        session.execute(update(sender).values(probe_at=house.now() + timedelta(seconds=60)))
    tries = len(house.provider.tries)
    house.run(seconds=1, times=58)
    assert len(house.provider.tries) == tries
    house.run(seconds=1, times=5)
    assert len(house.provider.tries) > tries


def test_workers_share_the_pace(house: House) -> None:
    workers = [another_worker(house, texts_per_second=2) for _ in range(3)]
    for _ in range(12):
        put(house.db, house.now(), kind=Kind.NOTICE)
    sent = []
    for _ in range(7):
        before = len(house.provider.texts)
        at_once(*[worker.run_once for worker in workers])
        sent.append(len(house.provider.texts) - before)
        house.clock.advance(seconds=1)
    for worker in workers:
        worker.close()
    assert sent == [2, 2, 2, 2, 2, 2, 0]


def test_the_page_with_the_least_time_left_leaves_first(house: House) -> None:
    worker = another_worker(house, texts_per_second=1)
    later = put(house.db, house.now(), body="later", useful_until=house.now() + timedelta(hours=2))
    sooner = put(house.db, house.now(), body="sooner", useful_until=house.now() + timedelta(hours=1))
    notice = put(house.db, house.now(), body="notice", kind=Kind.NOTICE, useful_until=house.now() + SOON)
    down = put(house.db, house.now(), body="down", kind=Kind.STAND_DOWN)
    for _ in range(5):
        worker.run_once()
        house.clock.advance(seconds=1)
    worker.close()
    assert house.provider.tries == ["sooner", "later", "down", "notice"]
    assert {house.state(number) for number in (later, sooner, notice, down)} == {TextState.SENT}
    with house.db.snapshot() as session:
        assert service.next_due_at(session) is None


def test_texts_that_we_refuse_ourselves_keep_nobody_from_trying(house: House) -> None:
    worker = another_worker(house, limits=lambda session: Limits(prefixes=frozenset({"+44"})))
    made = open_it(house, kind=Kind.STAND_DOWN)
    abroad = [put(house.db, house.now(), to_phone=phone) for phone in ("+33612345678", "+33612345679")]
    for _ in range(120):
        house.clock.advance(seconds=1)
        worker.run_once()
    house.provider.answers = []
    for _ in range(62):
        house.clock.advance(seconds=1)
        worker.run_once()
    worker.close()
    assert circuit(house) == CLOSED
    assert {house.state(number) for number in made} == {TextState.SENT}
    assert {house.state(number) for number in abroad} == {TextState.HELD}
