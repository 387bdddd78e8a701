"""The simulator's tables and pure parts: segments, words, magic numbers, TwiML, faults, chips, the timetable."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
import smsutil
from hypothesis import given
from hypothesis import strategies as st

from dispatch.simulator.faults import STAGES, Fault, FaultBox, Kind, Stage, Target
from dispatch.simulator.phones_view import Chip, PhoneOwner, chips_of, views_of
from dispatch.simulator.rules import (
    ERRORS,
    MAGIC_CALL_FROM,
    MAGIC_CALL_TO,
    MAGIC_TEXT_FROM,
    MAGIC_TEXT_TO,
    Keyword,
    TwilioError,
    keyword,
    magic,
    segments,
    smart_encoded,
)
from dispatch.simulator.timetable import Timetable
from dispatch.simulator.twiml import BadTwiml, messages, parse
from dispatch.simulator.webhooks import is_valid_url

RAVI = "+919812345678"


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("a" * 152 + "€" + "a" * 20, 2),
        ("₹" * 70, 1),
        ("₹" * 71, 2),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("“quoted”", 1),
    ],
)
def test_segments(body: str, count: int) -> None:
    assert segments(body) == count


@given(st.text(alphabet=st.sampled_from("aZ1 \n@£Δ^{}€~₹é’न😀"), min_size=1, max_size=400))
def test_segments_agree_with_a_library(body: str) -> None:
    assert segments(body) == len(smsutil.split(body).parts)


def test_smart_encoding_saves_a_text_from_ucs2() -> None:
    body = "It’s here – “now”…" + "x" * 100
    assert segments(body) == 2
    assert segments(smart_encoded(body)) == 1


@pytest.mark.parametrize(
    ("body", "meaning"),
    [
        *(
            (word, Keyword.STOP)
            for word in ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"]
        ),
        *((word, Keyword.START) for word in ["START", "YES", "UNSTOP"]),
        *((word, Keyword.HELP) for word in ["HELP", "INFO"]),
        (" stop\n", Keyword.STOP),
        ("Yes", Keyword.START),
        ("STOP PLEASE", None),
        ("OPT OUT", None),
        ("17A", None),
        ("", None),
    ],
)
def test_keywords(body: str, meaning: Keyword | None) -> None:
    assert keyword(body) == meaning


def test_every_magic_number_has_words() -> None:
    for table in (MAGIC_TEXT_TO, MAGIC_TEXT_FROM, MAGIC_CALL_TO, MAGIC_CALL_FROM):
        assert set(table.values()) <= set(ERRORS)
    assert magic("+15005550009", MAGIC_TEXT_TO) == 21614
    assert magic("+15005550006", MAGIC_TEXT_FROM) is None
    assert magic(RAVI, MAGIC_TEXT_TO) is None


def test_errors_look_like_twilios() -> None:
    body = TwilioError(21610).as_json()
    assert (body["code"], body["status"]) == (21610, 400)
    assert str(body["more_info"]).endswith("/21610")
    assert TwilioError(99999).status == 400


@pytest.mark.parametrize(
    ("url", "is_valid"),
    [
        ("https://shop.example/s?o=1#rc=2", True),
        ("http://127.0.0.1:8000/s", True),
        ("https://my_shop.example/s", False),
        ("ftp://shop.example/s", False),
        ("/status", False),
        ("https://shop.example/" + "x" * 4000, False),
    ],
)
def test_callback_addresses(url: str, is_valid: bool) -> None:
    assert is_valid_url(url) is is_valid


def test_replies_in_twiml() -> None:
    document = (
        "<?xml version='1.0'?><Response><Message>one\ntwo</Message><Message to='+1'><Body>three</Body>"
        "<Media>https://x</Media></Message><Message/><!-- nothing --></Response>"
    )
    assert messages(parse(document)) == [("one\ntwo", None), ("three", "+1")]
    assert parse("  ") == ()


@pytest.mark.parametrize("document", ["hello", "<Answer/>", "<Response>", "<!DOCTYPE a><Response/>"])
def test_what_is_not_twiml(document: str) -> None:
    with pytest.raises(BadTwiml):
        parse(document)


def test_every_fault_has_exactly_one_stage() -> None:
    kinds = [kind for stage in STAGES.values() for kind in stage]
    assert sorted(kinds) == sorted(Kind)
    assert set(STAGES) == set(Stage)


def test_a_fault_fits_by_stage_target_and_phone() -> None:
    box = FaultBox()
    box.add(Fault(kind=Kind.SLOW, to=RAVI, count=1))
    for miss in (
        (Stage.ANSWER, Target.MESSAGES, RAVI),
        (Stage.SLOW, Target.CALLS, RAVI),
        (Stage.SLOW, Target.MESSAGES, None),
    ):
        assert box.take(*miss) is None
    assert box.take(Stage.SLOW, Target.MESSAGES, RAVI) is not None
    assert list(box) == []


def test_a_count_is_never_spent_twice() -> None:
    box, taken = FaultBox(), []
    box.add(Fault(kind=Kind.DROPPED, count=50))

    def grab() -> None:
        for _ in range(30):
            taken.append(box.take(Stage.ANSWER, Target.MESSAGES, RAVI))

    threads = [threading.Thread(target=grab) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(fault is not None for fault in taken) == 50


@pytest.mark.parametrize("bad", [{"count": 0}, {"seconds": -1}, {"kind": "meteor"}, {"on": "faxes"}])
def test_senseless_faults(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"count|seconds|valid"):
        Fault(**({"kind": Kind.SLOW} | bad))


def text(body: str, direction: str = "out", kind: str = "text") -> dict[str, Any]:
    return {
        "kind": kind,
        "direction": direction,
        "body": body,
        "at": "2026-11-24T08:30:00+00:00",
        "status": "delivered",
        "error_code": None,
        "webhook": None,
    }


@pytest.mark.parametrize(
    ("entries", "chips"),
    [
        ([], []),
        ([text("Reply 17A to take it, 17X if you can't, 17A!")], ["17A", "17X"]),
        ([text("Reply 17A"), text("thanks"), text("17X", "in")], ["17A"]),
        ([text("Reply 17A"), text("yours: 17P, 17D, 17R")], ["17P", "17D", "17R"]),
        ([text("see https://shop.example/a?t=x-17A-y")], []),
        ([text("Reply 17A", kind="notice")], []),
        ([text("flat 12B, K7Q2")], []),
    ],
)
def test_chips(entries: list[dict[str, Any]], chips: list[str]) -> None:
    assert [chip.text for chip in chips_of(entries)] == chips


def test_chips_say_what_they_mean() -> None:
    assert chips_of([text("17X")]) == (Chip("17X", "can't"),)


def test_phones_with_texts_come_first_then_the_quiet_by_role_and_name() -> None:
    names = {
        "+1": PhoneOwner("Zoe", "buyer"),
        "+2": PhoneOwner("Ada", "rider"),
        "+3": PhoneOwner("Bob", "buyer"),
    }
    threads = {"phones": [{"phone": "+2", "is_opted_out": False, "entries": [text("hi")]}]}
    views = views_of(threads, names)
    assert [view.name for view in views] == ["Ada", "Bob", "Zoe"]
    opted_out = {"phones": [{"phone": "+2", "is_opted_out": True, "entries": [text("hi")]}]}
    assert views_of(opted_out, names)[0].revision != views[0].revision
    assert views_of(threads, names)[0].revision == views[0].revision


def test_a_timetable_runs_jobs_when_due_and_settles() -> None:
    timetable, done = Timetable(threads=2), []
    try:
        timetable.after(0.1, lambda: done.append("later"))
        timetable.after(0, lambda: done.append("now"))
        timetable.after(60, lambda: done.append("never"), is_patient=True)
        assert timetable.settle(3)
        assert done == ["now", "later"]
        timetable.after(60, lambda: done.append("never"))
        assert timetable.settle(0.05) is False
        timetable.clear()
        assert timetable.settle(1)
    finally:
        timetable.stop()
    timetable.after(0, lambda: done.append("after the end"))
    assert done == ["now", "later"]


def test_a_stop_ends_a_pause_at_once() -> None:
    timetable = Timetable()
    waiter = threading.Thread(target=timetable.pause, args=(30,))
    waiter.start()
    began = time.monotonic()
    timetable.stop()
    waiter.join(timeout=5)
    assert not waiter.is_alive()
    assert time.monotonic() - began < 5


def test_a_job_that_fails_does_not_end_its_thread() -> None:
    timetable, done = Timetable(threads=1), []
    try:
        timetable.after(0, lambda: 1 / 0)
        timetable.after(0, lambda: done.append("next"))
        assert timetable.settle(3)
        assert done == ["next"]
    finally:
        timetable.stop()
