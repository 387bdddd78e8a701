"""Texts that left are settled together: each comes out as it would by itself, and a lost claim settles nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from dispatch.foundation.clock import ManualClock
from dispatch.foundation.db import Database
from dispatch.foundation.errors import Unavailable
from dispatch.messaging import delivery, service
from dispatch.messaging.gateway import Attempt, Outcome
from dispatch.messaging.rules import Channel, Kind, TextState
from dispatch.messaging.sender import Release, release
from dispatch.messaging.settling import settle_all
from tests.service.test_outbox_kit import (
    RAVI,
    House,
    accepted,
    another_worker,
    at_once,
    claim,
    house,
    put,
    receipt,
    row,
    settle,
)

__all__ = ["house"]

# What two texts differ by, whatever becomes of them.
OWN = {"id", "key", "body", "to_phone", "provider_sid"}


@pytest.fixture
def now(clock: ManualClock) -> datetime:
    return clock.now()


def batch(db: Database, now: datetime, count: int) -> list[service.Claimed]:
    for _ in range(count):
        put(db, now, kind=Kind.NOTICE)
    return sorted(claim(db, now), key=lambda text: text.outbox_id)


def together(db: Database, tries: list[tuple[service.Claimed, Attempt]], now: datetime) -> list[service.Settled]:
    with db.transaction() as session:
        return settle_all(session, tries, now)


def written(db: Database, text: service.Claimed) -> dict[str, object]:
    return {name: value for name, value in row(db, text.outbox_id)._mapping.items() if name not in OWN}


@pytest.mark.parametrize("status", ["queued", "accepted", "sent", "delivered", "never heard of"])
def test_one_of_many_is_as_one_alone(db: Database, now: datetime, status: str) -> None:
    alone, *others = batch(db, now, 4)
    by_itself = settle(db, alone, accepted("SM0", status), now)
    changes = together(db, [(text, accepted(f"SM{text.outbox_id}", status)) for text in others], now)
    assert by_itself is not None
    assert len(changes) == 3
    assert {change.state for change in changes} == {by_itself.state}
    for text in others:
        assert written(db, text) == written(db, alone)
        assert row(db, text.outbox_id).provider_sid == f"SM{text.outbox_id}"


def test_what_is_not_simple_is_settled_by_itself(db: Database, now: datetime) -> None:
    overtaken, refused, unknown, plain = batch(db, now, 4)
    receipt(db, now, "SM1", "sent")
    receipt(db, now, "SM1", "undelivered", 30003)
    tries = [
        (overtaken, accepted("SM1")),
        (refused, Attempt(outcome=Outcome.RECIPIENT, error_code=21614, error="no mobile")),
        (unknown, Attempt(outcome=Outcome.UNKNOWN, error="no answer")),
        (plain, accepted("SM2")),
    ]
    changes = {change.outbox_id: change for change in together(db, tries, now)}
    assert changes[overtaken.outbox_id].is_unreachable
    assert changes[refused.outbox_id].state is TextState.FAILED
    assert changes[unknown.outbox_id].state is TextState.SENDING
    assert changes[plain.outbox_id].state is TextState.SENT


def test_a_claim_that_was_taken_over_settles_nothing(db: Database, now: datetime) -> None:
    lost, held = batch(db, now, 2)
    later = now + timedelta(minutes=2)
    with db.transaction() as session:
        taken = {text.outbox_id: text for text in service.claim_expired(session, later, 10)}
    settle(db, taken[lost.outbox_id], accepted("SM1"), later)
    changes = together(db, [(lost, accepted("SM2")), (taken[held.outbox_id], accepted("SM3"))], later)
    assert [change.outbox_id for change in changes] == [held.outbox_id]
    assert row(db, lost.outbox_id).provider_sid == "SM1"


def test_batches_that_meet_and_receipts_that_come_meanwhile(db: Database, now: datetime) -> None:
    texts = batch(db, now, 12)
    tries = [(text, accepted(f"SM{text.outbox_id}")) for text in texts]

    def hear() -> None:
        for text in reversed(texts):
            receipt(db, now, f"SM{text.outbox_id}", "delivered", o=text.outbox_id)

    answers = at_once(lambda: together(db, tries, now), lambda: together(db, tries[::-1], now), hear)
    sent = [change.outbox_id for answer in answers[:2] for change in answer]
    assert len(sent) == len(set(sent))
    assert {row(db, text.outbox_id).state for text in texts} == {TextState.DELIVERED}


def test_one_that_cannot_be_settled_does_not_hold_the_others(house: House) -> None:
    numbers = [put(house.db, house.clock.now(), kind=Kind.NOTICE, to_phone=f"{RAVI[:-1]}{n}") for n in range(6)]

    def listen(session: Session, settled: service.Settled, at: datetime) -> None:
        if settled.outbox_id == numbers[3]:
            raise RuntimeError("this one can't be settled")

    another_worker(house, on_settled=listen).run_once()
    assert [house.state(number) for number in numbers if number != numbers[3]] == [TextState.SENT] * 5
    assert house.state(numbers[3]) is TextState.SENDING
    assert len(house.provider.tries) == 6


def test_what_is_on_its_way_when_a_claim_fails_is_settled_all_the_same(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left to its lease a text would be looked for, and a call count as lost."""
    numbers = [put(house.db, house.now(), kind=Kind.NOTICE, to_phone=f"+4477009001{n:02}") for n in range(40)]
    call = put(house.db, house.now(), channel=Channel.CALL)
    claims: list[None] = []

    def fail_once(*args: Any, **named: Any) -> Release:
        claims.append(None)
        if len(claims) == 2:
            raise Unavailable("busy")
        return release(*args, **named)

    monkeypatch.setattr(delivery, "release", fail_once)
    with pytest.raises(Unavailable):
        house.run()
    states = [house.state(number) for number in numbers]
    assert house.state(call) is TextState.SENT
    assert 0 < states.count(TextState.SENT) == len(house.provider.tries) < 40
    assert TextState.SENDING not in states
