"""The worker: crashes, lost answers, a provider that is down, a slow pace, and an end in the middle of work."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from dispatch.foundation.errors import Unavailable
from dispatch.messaging import service
from dispatch.messaging.delivery import Delivery
from dispatch.messaging.gateway import Attempt, Outcome
from dispatch.messaging.rules import Channel, Hold, Kind, TextState
from tests.service.test_outbox_kit import (
    MEENA,
    RAVI,
    House,
    accepted,
    another_worker,
    claim,
    house,
    loosen,
    put,
    row,
)

__all__ = ["house"]

LOST = Attempt(outcome=Outcome.UNKNOWN, error="no answer from Twilio in time")
DOWN = Attempt(outcome=Outcome.RETRY, error="no connection to Twilio")


def test_a_text_is_sent_and_told_of(house: House) -> None:
    made = put(house.db, house.now(), useful_until=house.now() + timedelta(minutes=5))
    assert house.run() == 1
    assert house.run() == 0
    assert house.state(made) is TextState.SENT
    assert [(told.outbox_id, told.state) for told in house.told] == [(made, TextState.SENT)]
    assert house.provider.callbacks == [f"https://shop.example/webhooks/twilio/status?o={made}&n=1"]
    assert house.provider.validities == [300]


def test_a_call_is_a_call(house: House) -> None:
    made = put(house.db, house.now(), channel=Channel.CALL)
    house.run()
    assert house.provider.calls == [(RAVI, f"https://shop.example/webhooks/twilio/voice?o={made}")]
    assert house.provider.tries == []
    assert house.state(made) is TextState.SENT


def test_a_crash_after_the_send_does_not_send_again(house: House) -> None:
    made = put(house.db, house.now())
    (text,) = claim(house.db, house.now())
    house.provider.send(to=text.to_phone, body=text.body, status_callback=None, validity_seconds=None)
    # Here the process died. Nobody touches the row before its lease has run out.
    assert house.run(seconds=59) == 0
    assert house.run(seconds=2, times=3) >= 1
    assert house.state(made) is TextState.SENT
    assert len(house.provider.tries) == 1


@pytest.mark.parametrize("kind", sorted(set(Kind) - {Kind.NOTICE}))
def test_a_crash_before_the_send_sends_once(house: House, kind: Kind) -> None:
    made = put(house.db, house.now(), kind=kind)
    claim(house.db, house.now())
    house.run(seconds=61, times=5)
    assert house.state(made) is TextState.SENT
    assert len(house.provider.tries) == 1


def test_a_notice_in_doubt_waits_for_a_person(house: House) -> None:
    made = put(house.db, house.now(), kind=Kind.NOTICE)
    claim(house.db, house.now())
    house.run(seconds=61, times=5)
    kept = row(house.db, made)
    assert (kept.state, kept.hold, kept.error) == (TextState.HELD, Hold.UNSURE, "unknown whether it was sent")
    assert house.provider.tries == []
    with house.db.transaction() as session:
        assert service.release_held(session, house.now()) == 0
        assert service.release_held(session, house.now(), holds=frozenset({Hold.UNSURE})) == 1
    house.run()
    assert house.state(made) is TextState.SENT


def test_a_lost_answer_is_looked_up_soon(house: House) -> None:
    made = put(house.db, house.now())
    house.provider.answers, house.provider.keeps_unknown = [LOST], True
    house.run()
    assert house.state(made) is TextState.SENDING
    assert house.run(seconds=9) == 0
    house.run(seconds=2)
    assert house.state(made) is TextState.SENT
    assert len(house.provider.tries) == 1


def test_a_lost_request_is_sent_again_once(house: House) -> None:
    made = put(house.db, house.now())
    house.provider.answers = [LOST]
    house.run(times=2)
    house.run(seconds=11, times=3)
    assert house.state(made) is TextState.SENT
    assert len(house.provider.tries) == 2


def test_a_withdrawn_text_in_doubt_is_not_sent_again(house: House) -> None:
    made = put(house.db, house.now())
    house.provider.answers = [LOST]
    house.run()
    loosen(house.db)
    with house.db.transaction() as session:
        session.connection().exec_driver_sql("UPDATE outbox SET page_id = 5")
        service.withdraw(session, now=house.now(), page_ids=[5], why="taken by Meena")
    house.run(seconds=11, times=3)
    assert house.state(made) is TextState.EXPIRED
    assert len(house.provider.tries) == 1


def test_a_provider_that_cant_be_asked_is_asked_later(house: House) -> None:
    made = put(house.db, house.now())
    house.provider.answers, house.provider.can_be_asked = [LOST], False
    house.run(seconds=1, times=120)
    assert house.state(made) is TextState.SENDING
    assert row(house.db, made).looks <= 12
    house.provider.can_be_asked = True
    house.run(seconds=31, times=3)
    assert house.state(made) is TextState.SENT
    assert len(house.provider.tries) == 2


def test_two_texts_with_the_same_words(house: House) -> None:
    """Both in doubt, one was sent: the other is sent once more, and each keeps its own name."""
    first = put(house.db, house.now(), body="Still on it?")
    second = put(house.db, house.now(), body="Still on it?")
    house.provider.answers = [LOST, LOST]
    house.provider.keeps_unknown = True
    house.run()
    del house.provider.texts[1:]
    house.run(seconds=11, times=4)
    assert {house.state(first), house.state(second)} == {TextState.SENT}
    assert len(house.provider.tries) == 3
    assert row(house.db, first).provider_sid != row(house.db, second).provider_sid


def test_a_name_given_to_the_wrong_row_comes_home(house: House) -> None:
    """While one send is under way, another row with the same words is reconciled and finds that send's text."""
    doubtful = put(house.db, house.now(), body="Still on it?")
    claim(house.db, house.now())
    house.clock.advance(seconds=61)
    slow = put(house.db, house.now(), body="Still on it?", due_at=house.now() - timedelta(seconds=1))
    (text,) = claim(house.db, house.now())
    house.provider.send(to=RAVI, body=text.body, status_callback=None, validity_seconds=None)
    sid = house.provider.texts[0].sid
    house.run()
    assert row(house.db, doubtful).provider_sid == sid
    with house.db.transaction() as session:
        assert service.settle(session, text, accepted(sid), house.now())
    assert row(house.db, slow).provider_sid == sid
    assert house.state(doubtful) is TextState.SENDING
    house.run(times=3)
    assert house.state(doubtful) is house.state(slow) is TextState.SENT
    assert len(house.provider.tries) == 2


def test_an_hour_without_the_provider_loses_nothing(house: House) -> None:
    made = [put(house.db, house.now()) for _ in range(3)]
    stale = put(house.db, house.now(), useful_until=house.now() + timedelta(minutes=10))
    house.provider.answers = [DOWN] * 100_000
    house.run(seconds=30, times=120)
    assert {house.state(number) for number in made} == {TextState.QUEUED}
    assert house.state(stale) is TextState.EXPIRED
    with house.db.snapshot() as session:
        outage = service.outage(session, house.now())
        assert service.oldest_unsent_seconds(session, house.now()) > 3500
    assert outage is not None
    assert (outage.waiting, outage.error) == (3, "no connection to Twilio")
    house.provider.answers = []
    # One text finds out that the provider is back, and the others follow at once.
    house.run(seconds=61)
    house.run()
    assert {house.state(number) for number in made} == {TextState.SENT}
    assert len(house.provider.texts) == 3


def test_a_silent_text_is_looked_up(house: House) -> None:
    made = put(house.db, house.now())
    house.run()
    sid = row(house.db, made).provider_sid
    house.provider.statuses[sid] = ("undelivered", 30003)
    house.run(seconds=59)
    assert house.state(made) is TextState.SENT
    house.run(seconds=2)
    assert house.state(made) is TextState.UNDELIVERED
    assert house.told[-1].is_unreachable


def test_the_listener_hears_of_what_is_swept(house: House) -> None:
    with house.db.transaction() as session:
        service.opt_out(session, RAVI, house.now(), "STOP")
    barred = put(house.db, house.now())
    free = put(house.db, house.now(), to_phone=MEENA)
    house.run()
    # What can leave does not wait for what can't.
    assert [(told.outbox_id, told.state) for told in house.told] == [
        (free, TextState.SENT),
        (barred, TextState.HELD),
    ]


def test_a_listener_that_fails_is_asked_again(house: House) -> None:
    made = put(house.db, house.now())
    failures = [Unavailable("busy"), Unavailable("busy")]

    def listen(*_: object) -> None:
        if failures:
            raise failures.pop()

    worker = another_worker(house, on_settled=listen)
    assert worker.run_once() == 1
    worker.close()
    assert house.state(made) is TextState.SENT
    assert len(house.provider.tries) == 1


def test_a_listener_that_always_fails_costs_no_second_text(house: House) -> None:
    made = put(house.db, house.now())

    def listen(*_: object) -> None:
        raise RuntimeError("broken")

    worker = another_worker(house, on_settled=listen)
    for _ in range(5):
        worker.run_once()
        house.clock.advance(seconds=61)
    worker.close()
    assert house.state(made) is TextState.SENDING
    house.run(times=2)
    assert house.state(made) is TextState.SENT
    assert len(house.provider.tries) == 1


def test_a_database_that_is_away_is_no_failure_of_every_part(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be four tracebacks a second for as long as it lasts."""

    def away(_: object) -> int:
        raise Unavailable("away")

    for part in ("_sweep", "_send_due", "_reconcile", "_look"):
        monkeypatch.setattr(Delivery, part, away)
    with capture_logs() as said, pytest.raises(Unavailable):
        house.run()
    assert said == []


def test_a_failing_sweep_keeps_no_page_back(house: House) -> None:
    with house.db.transaction() as session:
        service.opt_out(session, RAVI, house.now(), "STOP")
    put(house.db, house.now())
    page = put(house.db, house.now(), to_phone=MEENA)

    def listen(session: object, told: service.Settled, now: object) -> None:
        if told.state is TextState.HELD:
            raise RuntimeError("broken")

    worker = another_worker(house, on_settled=listen)
    with pytest.raises(RuntimeError, match="broken"):
        worker.run_once()
    worker.close()
    assert house.state(page) is TextState.SENT


def test_the_pace_is_kept_and_pages_go_first(house: House) -> None:
    worker = another_worker(house, texts_per_second=2)
    for _ in range(4):
        put(house.db, house.now(), kind=Kind.NOTICE)
    pages = [put(house.db, house.now()) for _ in range(3)]
    sent = []
    for _ in range(5):
        sent.append(worker.run_once())
        house.clock.advance(seconds=1)
    assert sent == [2, 2, 2, 1, 0]
    worker.close()
    assert set(pages) <= {told.outbox_id for told in house.told[:4]}


def test_a_long_text_takes_its_time(house: House) -> None:
    worker = another_worker(house, texts_per_second=1)
    put(house.db, house.now(), body="a" * 320)
    put(house.db, house.now(), body="b")
    sent = []
    for _ in range(5):
        sent.append(worker.run_once())
        due = worker.next_due_at()
        if sum(sent) == 1:
            assert due is not None
            assert due >= house.now()
        house.clock.advance(seconds=1)
    worker.close()
    assert sent == [1, 0, 0, 1, 0]


def test_closing_finishes_what_is_in_hand_and_gives_back_the_rest(house: House) -> None:
    made = [put(house.db, house.now()) for _ in range(6)]
    worker = another_worker(house, concurrency=2)
    begun, go = threading.Event(), threading.Event()

    def hold(body: str) -> None:
        begun.set()
        go.wait(5)

    house.provider.before_answer = hold
    rounds = threading.Thread(target=worker.run_once)
    rounds.start()
    assert begun.wait(5)
    closing = threading.Thread(target=worker.close)
    closing.start()
    while not worker._is_closing.is_set():
        pass
    go.set()
    closing.join(10)
    rounds.join(10)
    assert not closing.is_alive()
    states = [house.state(number) for number in made]
    assert sorted(set(states)) == [TextState.QUEUED, TextState.SENT]
    assert states.count(TextState.SENT) == len(house.provider.tries) <= 2
    assert worker.run_once() == 0
    house.run()
    assert len(house.provider.tries) == 6


def test_a_lease_that_is_nearly_over_begins_nothing(house: House) -> None:
    made = [put(house.db, house.now()) for _ in range(3)]
    worker = another_worker(house, concurrency=1)
    house.provider.before_answer = lambda body: house.clock.advance(seconds=40) and None
    worker.run_once()
    worker.close()
    assert [house.state(number) for number in made] == [TextState.SENT, TextState.QUEUED, TextState.QUEUED]
    assert row(house.db, made[1]).attempts == 0
