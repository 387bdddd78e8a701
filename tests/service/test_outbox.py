"""Asking for a text, taking it back, and what becomes of each attempt."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from dispatch.foundation.clock import ManualClock
from dispatch.foundation.db import Database
from dispatch.messaging import service
from dispatch.messaging.gateway import Attempt, Outcome
from dispatch.messaging.rules import PRIORITY, Channel, Hold, Kind, TextState
from tests.service.test_outbox_kit import (
    MEENA,
    RAVI,
    accepted,
    claim,
    draft,
    loosen,
    put,
    receipt,
    row,
    send_one,
    settle,
    sweep,
)


@pytest.fixture
def now(clock: ManualClock) -> datetime:
    return clock.now()


def test_the_same_purpose_makes_one_row(db: Database, now: datetime) -> None:
    with db.transaction() as session:
        first = service.enqueue(session, draft(key="page:1"), now)
        again = service.enqueue(session, draft(key="page:1", body="other words"), now)
    assert first is not None
    assert again is None
    assert row(db, first).body.startswith("Book.")


@pytest.mark.parametrize("kind", Kind)
def test_a_row_carries_its_priority(db: Database, now: datetime, kind: Kind) -> None:
    made = row(db, put(db, now, kind=kind))
    assert (made.priority, made.state, made.due_at) == (PRIORITY[kind], TextState.QUEUED, now)


def test_urgent_texts_leave_first_and_early_ones_wait(db: Database, now: datetime) -> None:
    notice = put(db, now - timedelta(minutes=5), kind=Kind.NOTICE)
    second = put(db, now, kind=Kind.PAGE)
    first = put(db, now - timedelta(seconds=1), kind=Kind.PAGE)
    put(db, now, kind=Kind.PAGE, due_at=now + timedelta(seconds=1))
    assert [text.outbox_id for text in claim(db, now)] == [first, second, notice]
    assert claim(db, now) == []
    assert len(claim(db, now + timedelta(seconds=1))) == 1


def test_a_claim_is_limited_and_leased(db: Database, now: datetime) -> None:
    for _ in range(3):
        put(db, now)
    texts = claim(db, now, limit=2)
    assert len(texts) == 2
    held = row(db, texts[0].outbox_id)
    assert (held.state, held.attempts, held.lease_until) == (TextState.SENDING, 1, now + timedelta(seconds=60))
    assert held.lease_token == texts[0].token


def test_too_late_to_be_of_use(db: Database, now: datetime) -> None:
    late = put(db, now, useful_until=now + timedelta(minutes=5))
    after = now + timedelta(minutes=5)
    assert claim(db, after) == []
    (told,) = sweep(db, after)
    assert (told.outbox_id, told.state, told.is_unreachable) == (late, TextState.EXPIRED, False)
    assert sweep(db, after) == []


def test_a_text_that_follows_waits_for_the_first(db: Database, now: datetime) -> None:
    page = put(db, now)
    down = put(db, now, kind=Kind.STAND_DOWN, after_id=page)
    (first,) = claim(db, now)
    assert first.outbox_id == page
    assert claim(db, now) == []
    settle(db, first, accepted("SM1"), now)
    assert [text.outbox_id for text in claim(db, now)] == [down]


@pytest.mark.parametrize("outcome", [Outcome.RECIPIENT, Outcome.CONTENT])
def test_nothing_follows_a_text_that_was_never_sent(db: Database, now: datetime, outcome: Outcome) -> None:
    page = put(db, now)
    down = put(db, now, kind=Kind.STAND_DOWN, after_id=page)
    (first,) = claim(db, now)
    settle(db, first, Attempt(outcome=outcome), now)
    assert claim(db, now) == []
    assert [told.outbox_id for told in sweep(db, now)] == [down]
    assert row(db, down).state is TextState.EXPIRED


def test_what_follows_an_undelivered_text_still_goes(db: Database, now: datetime) -> None:
    page = send_one(db, now, "SM1")
    down = put(db, now, kind=Kind.STAND_DOWN, after_id=page)
    receipt(db, now, "SM1", "undelivered", 30003)
    assert [text.outbox_id for text in claim(db, now)] == [down]


def test_withdrawn_texts_never_leave(db: Database, now: datetime) -> None:
    loosen(db)
    queued, held, leaving = (put(db, now, order_id=7) for _ in range(3))
    other = put(db, now, order_id=8)
    kept = put(db, now, order_id=7, kind=Kind.NOTICE)
    texts = {text.outbox_id: text for text in claim(db, now)}
    settle(db, texts[held], Attempt(outcome=Outcome.CONFIGURATION, error_code=20003), now)
    settle(db, texts[queued], Attempt(outcome=Outcome.RETRY), now)
    with db.transaction() as session:
        assert service.withdraw(session, now=now, order_ids=[7], kinds=[Kind.PAGE], why="taken by Meena") == 2
        assert service.withdraw(session, now=now, why="nobody's") == 0
    assert row(db, queued).state is row(db, held).state is TextState.EXPIRED
    assert row(db, queued).error == "taken by Meena"
    assert [row(db, number).state for number in (leaving, other, kept)] == [TextState.SENDING] * 3
    assert row(db, other).useful_until is row(db, kept).useful_until is None
    # It was not sent after all: then it must not be tried again.
    told = settle(db, texts[leaving], Attempt(outcome=Outcome.RETRY, error="busy"), now)
    assert told is not None
    assert told.state is TextState.EXPIRED


@pytest.mark.parametrize(
    ("attempt", "state", "hold", "is_unreachable"),
    [
        (accepted("SM1"), TextState.SENT, None, False),
        (accepted("SM1", "failed"), TextState.FAILED, None, True),
        (Attempt(outcome=Outcome.RETRY), TextState.QUEUED, None, False),
        (Attempt(outcome=Outcome.UNKNOWN), TextState.SENDING, None, False),
        (Attempt(outcome=Outcome.ACCEPTED, sid=None), TextState.SENDING, None, False),
        (Attempt(outcome=Outcome.RECIPIENT, error_code=21614), TextState.FAILED, None, True),
        (Attempt(outcome=Outcome.CONTENT, error_code=21617), TextState.FAILED, None, True),
        (Attempt(outcome=Outcome.CONFIGURATION, error_code=20003), TextState.HELD, Hold.CONFIGURATION, False),
        (Attempt(outcome=Outcome.CONFIGURATION, error_code=21408), TextState.HELD, Hold.CONFIGURATION, True),
    ],
)
def test_every_outcome(
    db: Database, now: datetime, *, attempt: Attempt, state: TextState, hold: Hold | None, is_unreachable: bool
) -> None:
    made = put(db, now)
    (text,) = claim(db, now)
    told = settle(db, text, attempt, now)
    assert told is not None
    kept = row(db, made)
    assert (told.state, told.is_unreachable, told.error_code) == (state, is_unreachable, attempt.error_code)
    assert (kept.state, kept.hold, kept.error_code) == (state, hold, attempt.error_code)
    assert (kept.lease_until is None) == (state is not TextState.SENDING)


def test_retries_come_later_and_end_with_their_use(db: Database, now: datetime) -> None:
    made = put(db, now, useful_until=now + timedelta(seconds=20))
    due, waits = now, []
    while row(db, made).state is not TextState.EXPIRED:
        (text,) = claim(db, due)
        settle(db, text, Attempt(outcome=Outcome.RETRY, error="no connection"), due)
        waits.append((row(db, made).due_at - due).total_seconds())
        due = max(due, row(db, made).due_at)
    assert 3 <= len(waits) <= 7
    assert all(2 ** (number - 1) <= wait <= 2**number for number, wait in enumerate(waits[:-1]))
    assert row(db, made).error == "no connection"


def test_retry_after_is_honoured(db: Database, now: datetime) -> None:
    made = put(db, now)
    (text,) = claim(db, now)
    settle(db, text, Attempt(outcome=Outcome.RETRY, retry_after_seconds=17), now)
    assert row(db, made).due_at == now + timedelta(seconds=17)


def test_held_pages_try_again_by_themselves_and_notices_wait_for_somebody(db: Database, now: datetime) -> None:
    page, notice = put(db, now), put(db, now, kind=Kind.NOTICE)
    for text in claim(db, now):
        settle(db, text, Attempt(outcome=Outcome.CONFIGURATION, error_code=20003, error="no such account"), now)
    assert sweep(db, now + timedelta(seconds=59)) == []
    assert claim(db, now + timedelta(seconds=59)) == []
    after = now + timedelta(seconds=60)
    sweep(db, after)
    assert [text.outbox_id for text in claim(db, after)] == [page]
    with db.transaction() as session:
        assert service.release_held(session, after) == 1
    assert [text.outbox_id for text in claim(db, after)] == [notice]


def test_a_held_text_that_is_too_late_expires(db: Database, now: datetime) -> None:
    page = put(db, now, useful_until=now + timedelta(seconds=30), kind=Kind.NOTICE)
    (text,) = claim(db, now)
    settle(db, text, Attempt(outcome=Outcome.CONFIGURATION, error_code=20003), now)
    after = now + timedelta(minutes=2)
    with db.transaction() as session:
        assert service.release_held(session, after) == 0
    assert [told.outbox_id for told in sweep(db, after)] == [page]
    assert row(db, page).state is TextState.EXPIRED


def test_an_opted_out_number_is_never_texted(db: Database, now: datetime) -> None:
    with db.transaction() as session:
        service.opt_out(session, RAVI, now, "STOP")
        assert service.opted_out(session, [RAVI, MEENA]) == {RAVI}
        assert service.opted_out(session, []) == set()
    barred, free, call = put(db, now), put(db, now, to_phone=MEENA), put(db, now, channel=Channel.CALL)
    assert {text.outbox_id for text in claim(db, now)} == {free, call}
    (told,) = sweep(db, now)
    assert (told.outbox_id, told.state, told.is_unreachable) == (barred, TextState.HELD, True)
    assert row(db, barred).error == "opted out"
    with db.transaction() as session:
        service.opt_in(session, RAVI, now, "START")
        assert service.opted_out(session, [RAVI]) == set()
    again = put(db, now)
    assert [text.outbox_id for text in claim(db, now)] == [again]


def test_a_refusal_for_opting_out_is_remembered(db: Database, now: datetime) -> None:
    put(db, now)
    (text,) = claim(db, now)
    told = settle(db, text, Attempt(outcome=Outcome.RECIPIENT, error_code=21610), now)
    assert told is not None
    assert told.is_unreachable
    with db.snapshot() as session:
        assert service.opted_out(session, [RAVI]) == {RAVI}


def test_given_back_is_as_if_never_claimed(db: Database, now: datetime) -> None:
    made = put(db, now)
    (text,) = claim(db, now)
    with db.transaction() as session:
        service.give_back(session, text, now)
    assert (row(db, made).attempts, row(db, made).state) == (0, TextState.QUEUED)
    assert settle(db, text, accepted("SM1"), now) is None


def test_what_is_due_next(db: Database, now: datetime) -> None:
    def due() -> datetime | None:
        with db.snapshot() as session:
            return service.next_due_at(session)

    assert due() is None
    page = put(db, now, due_at=now + timedelta(minutes=3))
    put(db, now, kind=Kind.STAND_DOWN, after_id=page)
    assert due() == now + timedelta(minutes=3)
    claim(db, now + timedelta(minutes=3))
    assert due() == now + timedelta(minutes=4)


def test_waiting_and_outage(db: Database, now: datetime) -> None:
    def health(at: datetime) -> tuple[float, service.Outage | None]:
        with db.snapshot() as session:
            return service.oldest_unsent_seconds(session, at), service.outage(session, at)

    assert health(now) == (0, None)
    put(db, now, due_at=now + timedelta(hours=1))
    put(db, now)
    assert health(now + timedelta(seconds=5)) == (5, None)
    later = now + timedelta(seconds=10)
    (text,) = claim(db, later)
    settle(db, text, Attempt(outcome=Outcome.RETRY, error="no connection to Twilio"), later)
    # Its next try is always ahead, but it has been waiting all the time.
    assert health(later + timedelta(seconds=30)) == (30, None)
    waited, outage = health(later + timedelta(seconds=90))
    assert waited == 90
    assert outage == service.Outage(later, 1, "no connection to Twilio")
    (text,) = claim(db, later + timedelta(seconds=90))
    settle(db, text, accepted("SM1"), later + timedelta(seconds=90))
    assert health(later + timedelta(seconds=91)) == (0, None)


def test_an_account_that_cant_send_is_an_outage_at_once(db: Database, now: datetime) -> None:
    put(db, now)
    (text,) = claim(db, now)
    settle(db, text, Attempt(outcome=Outcome.CONFIGURATION, error_code=20003, error="no such account"), now)
    with db.snapshot() as session:
        assert service.outage(session, now) == service.Outage(now, 1, "no such account", is_account=True)
        assert service.oldest_unsent_seconds(session, now + timedelta(seconds=61)) == 61
