"""What people see of texts that wait: how many, until when, why not, and what to do."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from dispatch.messaging.gateway import Attempt, Outcome
from dispatch.messaging.rules import Kind
from dispatch.messaging.sender import note_failure, note_success, note_used
from dispatch.messaging.sender_rules import FAILURES
from dispatch.messaging.service import Draft, claim, enqueue, opt_out, queue, settle, sweep
from dispatch.messaging.tables import OutgoingText
from tests.web.test_pages_kit import Desk, desk

__all__ = ["desk"]
RAVI = "+447700900001"
DOWN = Attempt(outcome=Outcome.RETRY, error="no connection to Twilio")


@pytest.fixture
def slow(desk: Desk) -> Desk:
    """A sender that takes one segment each two seconds, and nothing in its queue."""
    runtime = desk.app.extensions["dispatch"]
    desk.app.extensions["dispatch"] = replace(runtime, settings=replace(runtime.settings, texts_per_second=0.5))
    with desk.db.transaction() as session:
        session.execute(update(OutgoingText).values(state="expired"))
    return desk


def put(desk: Desk, count: int, kind: Kind, body: str = "x") -> None:
    now = desk.clock.now()
    with desk.db.transaction() as session:
        for number in range(count):
            enqueue(session, Draft(key=f"{kind}{number}", kind=kind, to_phone=RAVI, body=body), now)


def fail(desk: Desk, times: int) -> None:
    for _ in range(times):
        with desk.db.transaction() as session:
            note_failure(session, DOWN, desk.clock.now(), is_probe=False)


def test_a_queue_is_counted_with_its_segments(slow: Desk) -> None:
    put(slow, 3, Kind.PAGE)
    put(slow, 2, Kind.NOTICE, "x" * 320)
    with slow.db.snapshot() as session:
        found = queue(session, slow.clock.now(), per_second=0.5)
        unpaced = queue(session, slow.clock.now(), per_second=None)
        before = queue(session, slow.clock.now() - timedelta(seconds=1), per_second=0.5)
    assert (found.waiting, found.segments, found.total) == ({Kind.PAGE: 3, Kind.NOTICE: 2}, 9, 5)
    assert found.empty_at == slow.clock.now() + timedelta(seconds=18)
    assert (unpaced.total, unpaced.empty_at) == (5, None)
    assert (before.total, before.empty_at) == (0, None)


def test_the_board_says_when_a_long_queue_will_be_empty(slow: Desk) -> None:
    put(slow, 29, Kind.NOTICE)
    assert "texts wait" not in slow.get("/").text
    put(slow, 3, Kind.PAGE)
    words = "32 texts wait: 29 texts to customers, 3 calls for help. The last leaves in about 1 min."
    assert words in slow.get("/").text
    assert words in slow.get("/texts").text


def test_a_pause_is_said_with_what_to_do_and_ends(slow: Desk) -> None:
    put(slow, 1, Kind.PAGE)
    fail(slow, FAILURES - 1)
    assert "Texts are not going out" not in slow.get("/").text
    fail(slow, 1)
    for path in ("/", "/texts"):
        text = slow.get(path).text
        assert "All wait while one at a time is tried" in text
        assert "Call people yourself." in text
    with slow.db.transaction() as session:
        assert note_success(session, slow.clock.now())
    assert "Texts are not going out" not in slow.get("/").text


def test_an_account_that_cant_send_is_for_somebody_to_mend(slow: Desk) -> None:
    put(slow, 1, Kind.PAGE, "Take Physics 2")
    with slow.db.transaction() as session:
        (text,) = claim(session, slow.clock.now(), limit=5)
        refused = Attempt(outcome=Outcome.CONFIGURATION, error_code=20003, error="Twilio answered 401.")
        settle(session, text, refused, slow.clock.now())
    assert "Mend that" in slow.get("/").text
    held = slow.get("/texts?state=held").text
    assert "Take Physics 2" in held
    assert "Twilio answered 401: phone them meanwhile" in held


def test_a_text_held_for_a_stop_shows_its_words_and_says_to_phone(slow: Desk) -> None:
    put(slow, 1, Kind.NOTICE, "Your book is here")
    with slow.db.transaction() as session:
        opt_out(session, RAVI, slow.clock.now(), "STOP")
        sweep(session, slow.clock.now())
    held = slow.get("/texts?state=held").text
    assert "Your book is here" in held
    assert "opted out: phone them" in held


def test_figures_of_the_queue(slow: Desk) -> None:
    put(slow, 2, Kind.PAGE)
    fail(slow, FAILURES)
    figures = slow.get("/metrics").text
    assert 'dispatch_texts_waiting{kind="page"} 2.0' in figures
    assert 'dispatch_texts_waiting{kind="notice"} 0.0' in figures
    assert "dispatch_sender_paused 1.0" in figures


def test_the_months_budget_is_said_from_four_fifths_on(slow: Desk) -> None:
    runtime = slow.app.extensions["dispatch"]
    slow.app.extensions["dispatch"] = replace(runtime, settings=replace(runtime.settings, texts_per_month=1000))
    for count, is_said in ((799, False), (1, True)):
        with slow.db.transaction() as session:
            note_used(session, count, slow.clock.now())
        assert ("800 of this month&#39;s 1000 texts are used, 80 %." in slow.get("/").text) is is_said
    slow.clock.advance(seconds=timedelta(days=10).total_seconds())
    assert "texts are used" not in slow.get("/").text


def test_a_number_in_another_country_is_for_somebody_to_phone(slow: Desk) -> None:
    put(slow, 1, Kind.NOTICE, "Your book is here")
    with slow.db.transaction() as session:
        (text,) = claim(session, slow.clock.now(), limit=5)
        settle(session, text, Attempt(outcome=Outcome.CONFIGURATION, error_code=21408, error="no"), slow.clock.now())
    board = slow.get("/").text
    assert "1 text is held back, the list says why. Phone them." in board
    assert "Texts are not going out" not in board
