"""Tables of statuses, codes, waiting times and countries, row by row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dispatch.messaging import rules
from dispatch.messaging.rules import Hold, Kind, Outcome, SentText, TextState

NOW = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)
SENT, DELIVERED, UNDELIVERED, FAILED = TextState.SENT, TextState.DELIVERED, TextState.UNDELIVERED, TextState.FAILED

# What every pair means: for each status, the statuses that may still follow it.
FOLLOWERS = {
    "accepted": "queued sending sent partially_delivered delivered undelivered failed canceled read",
    "scheduled": "queued sending sent partially_delivered delivered undelivered failed canceled read",
    "queued": "sending sent partially_delivered delivered undelivered failed canceled read",
    "sending": "sent partially_delivered delivered undelivered failed canceled read",
    "sent": "partially_delivered delivered undelivered failed canceled read",
    "partially_delivered": "delivered undelivered failed canceled read",
    "delivered": "read",
    "undelivered": "read",
    "failed": "read",
    "canceled": "read",
    "read": "",
}
CALLS = ["queued", "initiated", "ringing", "in-progress", "completed", "busy", "no-answer", "failed", "canceled"]


@pytest.mark.parametrize("last", FOLLOWERS)
@pytest.mark.parametrize("status", FOLLOWERS)
def test_every_pair_of_statuses(last: str, status: str) -> None:
    assert rules.is_news(status, after=last) == (status in FOLLOWERS[last].split())


@pytest.mark.parametrize("status", [*FOLLOWERS, *CALLS])
def test_the_first_status_is_always_news_and_in_any_case(status: str) -> None:
    assert rules.is_news(status, after=None)
    assert rules.standing(status.upper()) == rules.standing(status)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        *((status, SENT) for status in ("accepted", "scheduled", "queued", "sending", "sent", "partially_delivered")),
        *((status, SENT) for status in ("initiated", "ringing", "in-progress")),
        *((status, DELIVERED) for status in ("delivered", "read", "completed")),
        *((status, UNDELIVERED) for status in ("undelivered", "busy", "no-answer")),
        *((status, FAILED) for status in ("failed", "canceled")),
    ],
)
def test_every_status_has_a_state(status: str, state: TextState) -> None:
    known = rules.standing(status)
    assert known is not None
    assert known.state is state
    assert known.is_final == (state is not SENT)


def test_every_status_of_the_table_is_tested() -> None:
    assert set(rules.STANDINGS) == {*FOLLOWERS, *CALLS}


@pytest.mark.parametrize("status", ["", "received", "receiving", "teleported", None])
def test_an_unknown_status_is_marked_and_never_news(status: str | None) -> None:
    assert rules.standing(status) is None
    assert not rules.is_news(status or "", after=None)


def test_of_several_the_highest_counts() -> None:
    assert rules.latest([("sent", None), ("undelivered", 30003), ("queued", None)]) == ("undelivered", 30003)
    assert rules.latest([("teleported", None), ("queued", None)]) == ("queued", None)


CODES = {
    Outcome.RETRY: "20429 21611 30001 30022 30023 30027 63018 14107",
    Outcome.UNKNOWN: "20500 20503 30410 30500",
    Outcome.RECIPIENT: "21211 21610 21614 21635 30004 30005 30006 63003 63024 30003 30008 30036 30450 21214 21216 "
    "21217",
    Outcome.CONFIGURATION: "20003 20005 20404 21210 21212 21215 21408 21606 21607 21608 21612 21609 21703 21704 21705 "
    "21708 21709 13227 90007 30002 30018 30024 30032 30033 30034 30035 63007",
    Outcome.CONTENT: "21602 21603 21604 21617 21618 30007 63016",
}
ROWS = [(int(code), outcome) for outcome, codes in CODES.items() for code in codes.split()]


@pytest.mark.parametrize(("code", "outcome"), ROWS)
def test_every_code(code: int, outcome: Outcome) -> None:
    assert rules.outcome_of(code, http_status=400) is outcome


def test_every_code_of_the_table_is_tested() -> None:
    assert {code for code, _ in ROWS} == set(rules.CODES)


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        (429, None, Outcome.RETRY),
        (429, 21610, Outcome.RETRY),
        (500, 20500, Outcome.UNKNOWN),
        (503, 21211, Outcome.UNKNOWN),
        (504, None, Outcome.UNKNOWN),
        (408, None, Outcome.UNKNOWN),
        *((status, None, Outcome.CONFIGURATION) for status in (301, 307, 401, 403, 404, 405, 407)),
        (401, 99999, Outcome.CONFIGURATION),
        (400, None, Outcome.CONTENT),
        (400, 99999, Outcome.CONTENT),
        (422, 422, Outcome.CONTENT),
    ],
)
def test_what_the_http_status_says(status: int, code: int | None, outcome: Outcome) -> None:
    assert rules.outcome_of(code, http_status=status) is outcome


@pytest.mark.parametrize("state", [UNDELIVERED, FAILED])
@pytest.mark.parametrize("code", [None, 99999, 30003, 30004, 30005, 30006, 30007, 30008, 30036, 21610, 21408, 30034])
def test_a_text_that_will_not_arrive_moves_the_ladder_on(state: TextState, code: int | None) -> None:
    assert rules.is_unreachable(state, code)


@pytest.mark.parametrize("code", sorted(rules.WHOLE_ACCOUNT))
@pytest.mark.parametrize("state", [UNDELIVERED, FAILED, TextState.HELD])
def test_an_account_that_cant_send_is_nobodys_fault(state: TextState, code: int) -> None:
    assert rules.CODES[code] is Outcome.CONFIGURATION
    assert not rules.is_unreachable(state, code, hold=Hold.CONFIGURATION)


@pytest.mark.parametrize("state", [SENT, DELIVERED, TextState.QUEUED, TextState.SENDING, TextState.EXPIRED])
def test_a_text_under_way_is_no_reason_to_ask_the_next(state: TextState) -> None:
    assert not rules.is_unreachable(state, 30003)


def test_held_texts() -> None:
    assert rules.is_unreachable(TextState.HELD, None, hold=Hold.OPTED_OUT)
    # Only this number's country is closed to us.
    assert rules.is_unreachable(TextState.HELD, 21408, hold=Hold.CONFIGURATION)
    assert not rules.is_unreachable(TextState.HELD, None, hold=Hold.UNSURE)
    assert not rules.is_unreachable(TextState.HELD, None, hold=Hold.CONFIGURATION)


@pytest.mark.parametrize(
    ("attempts", "random", "seconds"),
    [
        (1, 0, 0.5),
        (1, 1, 1),
        (2, 1, 2),
        (3, 1, 4),
        (4, 1, 8),
        (5, 1, 16),
        (6, 1, 30),
        (7, 0, 15),
        (10_000, 1, 30),
        (0, 1, 1),
    ],
)
def test_backoff(attempts: int, random: float, seconds: float) -> None:
    assert rules.backoff_seconds(attempts, random=random) == seconds


def test_retry_after_is_honoured_within_reason() -> None:
    assert rules.backoff_seconds(1, random=1, retry_after_seconds=7) == 7
    assert rules.backoff_seconds(6, random=1, retry_after_seconds=7) == 30
    assert rules.backoff_seconds(1, random=1, retry_after_seconds=86_400) == 120


def test_looks_come_further_apart_and_end() -> None:
    waits = [rules.look_after(looks, now=NOW) for looks in range(9)]
    assert waits[8] is None
    minutes = [(at - NOW).total_seconds() / 60 for at in waits if at]
    assert minutes == [1, 2, 4, 8, 16, 32, 60, 60]


@pytest.mark.parametrize(
    ("left", "seconds"),
    [(timedelta(seconds=90), 90), (timedelta(seconds=-5), 1), (timedelta(days=2), 36_000), (timedelta(seconds=0.2), 1)],
)
def test_validity(left: timedelta, seconds: int) -> None:
    assert rules.validity_seconds(NOW + left, now=NOW) == seconds
    assert rules.validity_seconds(None, now=NOW) is None


def sent(sid: str, body: str) -> SentText:
    return SentText(sid=sid, to="+447700900001", body=body, status="sent", error_code=None, created_at=NOW)


@pytest.mark.parametrize(
    ("theirs", "is_ours"),
    [
        ("Book for K7Q2. Reply 17A", True),
        ("Sent from your Twilio trial account - Book for K7Q2. Reply 17A", True),
        ("Book for K7Q2.\nReply 17A ", True),
        ("Book for K7Q2. Reply 18A", False),
        ("FWD: Book for K7Q2. Reply 17A", False),
        ("", False),
    ],
)
def test_a_text_is_known_by_its_words(theirs: str, is_ours: bool) -> None:
    found = rules.our_text("Book for K7Q2. Reply 17A", among=[sent("SM1", theirs)], not_sids=frozenset())
    assert (found is not None) == is_ours


def test_somebody_elses_text_is_left_alone_and_the_earliest_is_ours() -> None:
    three = [sent("SM3", "x"), sent("SM2", "x"), sent("SM1", "x")]
    found = rules.our_text("x", among=three, not_sids=frozenset({"SM1"}))
    assert found is not None
    assert found.sid == "SM2"


def test_the_policy_for_texts_in_doubt_names_every_kind() -> None:
    again = {Kind.PAGE, Kind.REPLY, Kind.STAND_DOWN, Kind.REMINDER, Kind.ALARM, Kind.TEST}
    assert again == rules.RESENT_WHEN_ABSENT
    assert set(Kind) - again == {Kind.NOTICE}
    assert set(Kind) == set(rules.PRIORITY)


@pytest.mark.parametrize(("prefix", "can"), [("+91", False), ("+1", True), ("+44", True), ("+9", True), ("+919", True)])
def test_countries_that_can_answer(prefix: str, can: bool) -> None:
    assert rules.takes_replies(prefix) == can
