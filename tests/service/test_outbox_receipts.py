"""Receipts late, doubled and out of order; texts that come in; what people read of both."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta

import pytest
import structlog

from dispatch.foundation.clock import ManualClock
from dispatch.foundation.db import Database
from dispatch.foundation.errors import Invalid
from dispatch.messaging import service
from dispatch.messaging.queries import list_messages
from dispatch.messaging.rules import Kind, TextState
from tests.service.test_outbox_kit import (
    MEENA,
    RAVI,
    accepted,
    claim,
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


@pytest.mark.parametrize("order", list(itertools.permutations(["sending", "sent", "delivered"])))
def test_in_any_order(db: Database, now: datetime, order: tuple[str, ...]) -> None:
    made = send_one(db, now, "SM1")
    for status in (*order, *order):
        receipt(db, now, "SM1", status, None, made)
    kept = row(db, made)
    assert (kept.state, kept.provider_status, kept.settled_at) == (TextState.DELIVERED, "delivered", now)


def test_nothing_leaves_a_final_state(db: Database, now: datetime) -> None:
    made = send_one(db, now, "SM1")
    told = receipt(db, now, "SM1", "undelivered", 30003)
    assert (told.state, told.error_code, told.is_unreachable) == (TextState.UNDELIVERED, 30003, True)
    for status in ("sent", "queued", "failed", "delivered"):
        assert receipt(db, now, "SM1", status) is None
    assert row(db, made).state is TextState.UNDELIVERED


def test_a_receipt_ahead_of_the_answer(db: Database, now: datetime) -> None:
    made = put(db, now)
    (text,) = claim(db, now)
    assert receipt(db, now, "SM1", "delivered") is None
    told = settle(db, text, accepted("SM1"), now)
    assert told is not None
    assert told.state is TextState.DELIVERED
    with db.snapshot() as session:
        (message,) = list_messages(session).items
    assert [line.status for line in message.receipts] == ["delivered"]
    assert message.id == f"out-{made}"


@pytest.mark.parametrize("state", ["in doubt", "queued again"])
def test_a_receipt_proves_a_send_in_doubt(db: Database, now: datetime, state: str) -> None:
    made = put(db, now)
    (text,) = claim(db, now)
    if state == "queued again":
        with db.transaction() as session:
            (again,) = service.claim_expired(session, now + timedelta(seconds=61), 1)
            service.settle_found(session, again, [], now)
    told = receipt(db, now, "SM1", "sent", None, made)
    assert told.state is TextState.SENT
    assert claim(db, now + timedelta(hours=1)) == []
    assert settle(db, text, accepted("SM1"), now) is None


@pytest.mark.parametrize("asked_since", [False, True])
def test_a_page_that_was_given_up_and_was_read_is_ended(db: Database, now: datetime, asked_since: bool) -> None:
    loosen(db)
    of_page = {"order_id": 7, "staff_id": 3, "page_id": 5}
    page = put(db, now, **of_page)
    (text,) = claim(db, now)
    down = put(db, now, kind=Kind.STAND_DOWN, after_id=page, **of_page)
    with db.transaction() as session:
        service.withdraw(session, now=now, page_ids=[5], kinds=[Kind.PAGE], why="somebody has it")
        lost = service.settle_found(session, text, [], now)
    assert lost.state is TextState.EXPIRED
    assert [told.outbox_id for told in sweep(db, now)] == [down]
    if asked_since:
        send_one(db, now, "SM2", **of_page | {"page_id": 6})
    receipt(db, now, "SM1", "delivered", None, page)
    assert [text.outbox_id for text in claim(db, now)] == ([] if asked_since else [down])


def test_a_number_from_another_database_is_not_believed(db: Database, now: datetime) -> None:
    untried = put(db, now)
    assert receipt(db, now, "SM1", "delivered", None, untried) is None
    assert receipt(db, now, "SM2", "delivered", None, 999_999) is None
    assert row(db, untried).state is TextState.QUEUED


def test_a_second_copy_is_loud_and_changes_nothing(db: Database, now: datetime) -> None:
    made = send_one(db, now, "SM1")
    with structlog.testing.capture_logs() as logs:
        assert receipt(db, now, "SM2", "failed", 30008, made) is None
    assert [entry["log_level"] for entry in logs] == ["warning"]
    assert row(db, made).provider_sid == "SM1"
    assert row(db, made).state is TextState.SENT


def test_an_unknown_status_is_loud_and_changes_nothing(db: Database, now: datetime) -> None:
    made = send_one(db, now, "SM1")
    with structlog.testing.capture_logs() as logs:
        assert receipt(db, now, "SM1", "teleported", None, made) is None
    assert [entry["log_level"] for entry in logs] == ["warning"]
    assert row(db, made).provider_status == "queued"
    assert receipt(db, now, "SM1", "delivered", None, made).state is TextState.DELIVERED


def test_a_receipt_can_say_that_somebody_opted_out(db: Database, now: datetime) -> None:
    send_one(db, now, "SM1")
    receipt(db, now, "SM1", "failed", 21610)
    with db.snapshot() as session:
        assert service.opted_out(session, [RAVI, MEENA]) == {RAVI}


def test_silence_is_asked_about_ever_less_often_and_then_no_more(db: Database, now: datetime) -> None:
    made = send_one(db, now, "SM1")
    asked, at = [], now
    while at < now + timedelta(hours=6):
        with db.transaction() as session:
            looks = service.missing_receipts(session, at, 10)
        asked += [(at - now).total_seconds() / 60 for _ in looks]
        assert all(look == service.Look(made, "SM1") for look in looks)
        at += timedelta(minutes=1)
    assert asked == [1, 3, 7, 15, 31, 63, 123, 183]


def test_a_final_receipt_ends_the_looking(db: Database, now: datetime) -> None:
    send_one(db, now, "SM1")
    receipt(db, now, "SM1", "delivered")
    with db.transaction() as session:
        assert service.missing_receipts(session, now + timedelta(hours=1), 10) == []


def arrive(db: Database, now: datetime, sid: str, body: str = "17A") -> int | None:
    with db.transaction() as session:
        return service.record_inbound(
            session, sid=sid, from_phone=RAVI, to_phone=MEENA, body=body, opt_out_type=None, now=now
        )


def test_inbound_texts_are_kept_once_and_handled_in_turn(db: Database, now: datetime) -> None:
    first, second = arrive(db, now, "SM1", "17A\x00"), arrive(db, now, "SM2", "ok")
    assert first is not None
    assert second is not None
    assert arrive(db, now, "SM1") is None
    with db.transaction() as session:
        assert [(text.id, text.body) for text in service.unhandled(session, 10)] == [(first, "17A"), (second, "ok")]
        service.record_failure(session, first)
        assert [(text.id, text.attempts) for text in service.unhandled(session, 10)] == [(second, 0), (first, 1)]
        assert service.mark_handled(session, first, now=now, understood_as="accept")
        assert not service.mark_handled(session, first, now=now)
        assert [text.id for text in service.unhandled(session, 10)] == [second]


def test_what_people_read(db: Database, now: datetime) -> None:
    loosen(db)
    out = send_one(db, now, "SM1", order_id=7)
    receipt(db, now, "SM1", "delivered", None, out)
    came = arrive(db, now + timedelta(seconds=5), "SM2")
    queued = put(db, now + timedelta(seconds=9), kind=Kind.NOTICE, to_phone=MEENA)
    with db.snapshot() as session:
        assert [message.id for message in list_messages(session).items] == [f"out-{queued}", f"in-{came}", f"out-{out}"]
        assert [message.id for message in list_messages(session, order_id=7).items] == [f"out-{out}"]
        assert [message.id for message in list_messages(session, to=RAVI).items] == [f"out-{out}"]
        assert [message.id for message in list_messages(session, state="received").items] == [f"in-{came}"]
        assert [message.id for message in list_messages(session, state="queued").items] == [f"out-{queued}"]
        delivered = list_messages(session, state="delivered").items[0]
        with pytest.raises(Invalid, match="state"):
            list_messages(session, state="teleported")
        with pytest.raises(Invalid, match="cursor"):
            list_messages(session, cursor="nonsense")
    assert (delivered.direction, delivered.kind, delivered.state, delivered.sent_at) == (
        "out",
        "page",
        "delivered",
        now,
    )
    assert [(line.status, line.error_code, line.at) for line in delivered.receipts] == [("delivered", None, now)]


def test_pages_of_messages_miss_nothing(db: Database, now: datetime) -> None:
    for number in range(12):
        # Several at the same instant, in both directions.
        at = now + timedelta(seconds=number // 4)
        if number % 2:
            put(db, at)
        else:
            arrive(db, at, f"SM{number}")
    seen: list[str] = []
    cursor = None
    with db.snapshot() as session:
        whole = [message.id for message in list_messages(session, limit=100).items]
        while True:
            page = list_messages(session, limit=5, cursor=cursor)
            seen += [message.id for message in page.items]
            cursor = page.next
            if cursor is None:
                break
    assert seen == whole
    assert len(set(seen)) == 12
