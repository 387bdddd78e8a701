"""Real threads on real databases: one row, one sender, one effect."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import select

from dispatch.escalation.tables import Page
from dispatch.foundation.clock import ManualClock
from dispatch.foundation.db import Database
from dispatch.messaging import service
from dispatch.messaging.delivery import LEASE_SECONDS
from dispatch.messaging.gateway import Attempt, Outcome
from dispatch.messaging.rules import Kind, TextState
from dispatch.staff.tables import Staff
from tests.service.test_ladder import in_danger, ladder
from tests.service.test_outbox_kit import (
    MEENA,
    RAVI,
    House,
    accepted,
    another_worker,
    at_once,
    claim,
    draft,
    house,
    loosen,
    put,
    receipt,
    row,
    settle,
)
from tests.world import World, city, world

__all__ = ["city", "house", "ladder", "world"]


@pytest.fixture
def now(clock: ManualClock) -> datetime:
    return clock.now()


def test_claimers_never_share_a_row(db: Database, now: datetime) -> None:
    made = {put(db, now) for _ in range(60)}

    def greedy() -> list[int]:
        mine: list[int] = []
        while texts := claim(db, now, limit=7):
            mine += [text.outbox_id for text in texts]
        return mine

    shares = at_once(greedy, greedy, greedy, greedy)
    claimed = Counter(number for share in shares for number in share)
    assert set(claimed.values()) == {1}
    # A claimer passes over rows that another one is about to take: what is left belongs to the next round.
    assert set(claimed) | {text.outbox_id for text in claim(db, now)} == made


def test_two_writers_of_one_purpose(db: Database, now: datetime) -> None:
    def write() -> int | None:
        with db.transaction() as session:
            return service.enqueue(session, draft(key="page:1"), now)

    answers = at_once(write, write, write)
    assert sum(answer is not None for answer in answers) == 1


@pytest.mark.parametrize("turn", range(5))
def test_a_withdrawal_and_a_claim(db: Database, now: datetime, turn: int) -> None:
    loosen(db)
    made = [put(db, now, order_id=7) for _ in range(20)]

    def withdraw() -> int:
        with db.transaction() as session:
            return service.withdraw(session, now=now, order_ids=[7], why="taken")

    stopped, texts = at_once(withdraw, partial(claim, db, now))
    assert stopped + len(texts) == 20
    for text in texts:
        told = settle(db, text, Attempt(outcome=Outcome.RETRY), now)
        # Whatever left before the withdrawal may be tried again; what it marked may not.
        assert told is not None
    states = Counter(row(db, number).state for number in made)
    assert states[TextState.EXPIRED] >= stopped
    assert claim(db, now + timedelta(minutes=1)) == [] or stopped == 0


def test_an_old_token_settles_nothing(db: Database, now: datetime) -> None:
    made = put(db, now)
    (old,) = claim(db, now)
    later = now + timedelta(seconds=61)
    with db.transaction() as session:
        (new,) = service.claim_expired(session, later, 10)
    assert new.outbox_id == made
    assert new.token != old.token
    assert settle(db, old, accepted("SM1"), later) is None
    assert row(db, made).state is TextState.SENDING
    with db.transaction() as session:
        told = service.settle_found(session, new, [], later)
    assert told is not None
    assert told.state is TextState.QUEUED
    assert settle(db, old, accepted("SM1"), later) is None
    assert settle(db, new, accepted("SM1"), later) is None


@pytest.mark.parametrize(
    ("kind", "woken_with", "tries", "state"),
    [
        # It has left: the other one finds it, and its sender has nothing more to say.
        (Kind.PAGE, accepted("SM1"), 1, TextState.SENT),
        (Kind.PAGE, Attempt(outcome=Outcome.UNKNOWN), 1, TextState.SENT),
        (Kind.NOTICE, accepted("SM1"), 1, TextState.SENT),
        # It had not left when the other one asked: a page has been sent again, a notice waits for a person.
        (Kind.PAGE, Attempt(outcome=Outcome.RETRY), 2, TextState.SENT),
        (Kind.PAGE, Attempt(outcome=Outcome.CONTENT), 2, TextState.SENT),
        (Kind.PAGE, Attempt(outcome=Outcome.CONFIGURATION), 2, TextState.SENT),
        (Kind.NOTICE, Attempt(outcome=Outcome.RETRY), 1, TextState.HELD),
        (Kind.NOTICE, Attempt(outcome=Outcome.CONTENT), 1, TextState.HELD),
    ],
)
def test_a_machine_that_wakes_up_late_settles_nothing_that_another_took_over(
    house: House, kind: Kind, woken_with: Attempt, tries: int, state: TextState
) -> None:
    made = put(house.db, house.now(), kind=kind)
    other = another_worker(house)
    seen = []

    def sleep(_: str) -> None:
        house.provider.before_answer = lambda _: None
        house.clock.advance(seconds=LEASE_SECONDS + 1)
        while other.run_once():
            continue
        seen.append(row(house.db, made))

    house.provider.answers, house.provider.keeps_unknown = [woken_with], True
    house.provider.before_answer = sleep
    house.delivery.run_once()
    other.close()
    told = len(house.told)
    house.run(times=2)
    assert seen == [row(house.db, made)]
    assert (house.state(made), len(house.provider.tries)) == (state, tries)
    assert len(house.told) == told


@pytest.mark.parametrize("became", [accepted("SM" + "f" * 32, "sent"), Attempt(outcome=Outcome.RETRY)])
def test_a_stand_down_waits_for_a_repetition_that_is_leaving(ladder: World, became: Attempt) -> None:
    """Somebody accepts while a page is sent again: its stand-down comes after it, and comes also when it never left."""
    ref = in_danger(ladder)
    page, other = ladder.look(select(Page).order_by(Page.id))[:2]
    phone = ladder.look(select(Staff.phone).where(Staff.id == page.staff_id))[0]
    again = draft(to_phone=phone, order_id=ladder.order_row(ref).id, staff_id=page.staff_id, page_id=page.id)
    ladder.do(lambda session: service.enqueue(session, again, ladder.now))
    (text,) = claim(ladder.db, ladder.now)
    before = len([text for text in ladder.city.texts() if text.to == phone])
    ladder.answer(other.id, "accept")
    ladder.delivery.run_once()
    assert len([text for text in ladder.city.texts() if text.to == phone]) == before
    assert settle(ladder.db, text, became, ladder.now)
    ladder.tick()
    told = [text.body for text in ladder.city.texts() if text.to == phone][before:]
    assert len(told) == 1
    assert "has taken" in told[0]
    ladder.ignore_rest()


def test_two_reconcilers(db: Database, now: datetime) -> None:
    for _ in range(20):
        put(db, now)
    claim(db, now)

    def take_over() -> list[int]:
        with db.transaction() as session:
            texts = service.claim_expired(session, now + timedelta(seconds=61), 20)
        return [text.outbox_id for text in texts]

    first, second = at_once(take_over, take_over)
    assert not set(first) & set(second)
    assert len(first) + len(second) == 20


@pytest.mark.parametrize("turn", range(5))
def test_a_receipt_and_the_settling_of_its_send(db: Database, now: datetime, turn: int) -> None:
    made = put(db, now)
    (text,) = claim(db, now)
    told = at_once(
        partial(receipt, db, now, "SM1", "delivered", None, made),
        partial(receipt, db, now, "SM1", "sent", None, made),
        partial(settle, db, text, accepted("SM1"), now),
    )
    assert row(db, made).state is TextState.DELIVERED
    assert row(db, made).provider_sid == "SM1"
    assert sum(change is not None and change.state is TextState.DELIVERED for change in told) == 1


def test_the_same_receipt_many_times_at_once(db: Database, now: datetime) -> None:
    made = put(db, now)
    (text,) = claim(db, now)
    settle(db, text, accepted("SM1"), now)
    told = at_once(*[partial(receipt, db, now, "SM1", "undelivered", 30003, made)] * 4)
    assert sum(change is not None for change in told) == 1


def test_the_same_inbound_text_many_times_at_once(db: Database, now: datetime) -> None:
    def arrive() -> int | None:
        with db.transaction() as session:
            return service.record_inbound(
                session, sid="SM9", from_phone=RAVI, to_phone=MEENA, body="17A", opt_out_type=None, now=now
            )

    stored = [answer for answer in at_once(arrive, arrive, arrive) if answer is not None]
    assert len(stored) == 1

    def handle() -> bool:
        with db.transaction() as session:
            return service.mark_handled(session, stored[0], now=now, understood_as="accept")

    assert sorted(at_once(handle, handle, handle)) == [False, False, True]


def test_two_workers_send_everything_once(house: House) -> None:
    made = [put(house.db, house.now()) for _ in range(80)]
    other = another_worker(house)

    def work(worker: object) -> None:
        for _ in range(20):
            worker.run_once()

    at_once(partial(work, house.delivery), partial(work, other))
    other.close()
    assert Counter(Counter(house.provider.tries).values()) == {1: 80}
    assert {house.state(number) for number in made} == {TextState.SENT}
    assert Counter(told.outbox_id for told in house.told) == dict.fromkeys(made, 1)
