"""What people really write, and what must never be taken for an answer."""

from __future__ import annotations

import pytest

from dispatch.messaging.reply_rules import LETTERS, Reply, ReplyKind, is_no_answer, parse_reply, written

A, X, P, D, R = (
    ReplyKind.ACCEPT,
    ReplyKind.DECLINE,
    ReplyKind.PICKED_UP,
    ReplyKind.DELIVERED,
    ReplyKind.HAND_BACK,
)
UNKNOWN = ReplyKind.UNKNOWN


@pytest.mark.parametrize(
    ("text", "kind", "note"),
    [
        *((text, A, None) for text in ("17A", "17 a", "A17", "a 17", "17-a", "#17A", "(17A)", "017A", "17A!", "१७A")),
        *(
            (text, A, None)
            for text in ("accept 17", "take 17", "ok 17", "OK, 17.", "okay 17", "yes 17", "👍 17", "17 👍")
        ),
        *((text, A, None) for text in ("ok 17A", "I'll take 17", "I accept 17", "17 ok", "17ok", "yes17")),
        *(
            (text, X, None)
            for text in ("17X", "x17", "17 x", "can't 17", "can’t 17", "can´t 17", "cant 17", "cannot 17")
        ),
        *(
            (text, X, None)
            for text in ("can not 17", "I can't 17", "busy 17", "no 17", "NO  17!", "no 17A", "17 no", "17 👎")
        ),
        *((text, P, None) for text in ("17P", "p17", "17 p.", "picked up 17", "bought 17", "ok 17P")),
        *((text, D, None) for text in ("17D", "d 17", "17 d", "delivered 17")),
        *((text, R, None) for text in ("17R", "r-17", "17 r", "hand back 17", "handback 17")),
        ("17D 4821 left with the guard", D, "4821 left with the guard"),
        ("17D: 4821, left with the guard.", D, "4821, left with the guard."),
        ("17 d 4821", D, "4821"),
        ("17A\nOn my way", A, "On my way"),
        ("17 A, on my way", A, "on my way"),
        ("17 a - on my way", A, "on my way"),
        ("17 a on my way", A, "on my way"),
        ("17 A there by six", A, "there by six"),
        ("A17 on my way", A, "on my way"),
        ("x17: flat tyre", X, "flat tyre"),
        ("ok 17 on my way", A, "on my way"),
        ("can't 17 bike broke", X, "bike broke"),
        ("17X sorry, at the dentist", X, "sorry, at the dentist"),
        ("hand back 17 flat tyre", R, "flat tyre"),
    ],
)
def test_with_a_code(text: str, kind: ReplyKind, note: str | None) -> None:
    assert parse_reply(text) == Reply(kind, 17, note)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        *(
            (text, A)
            for text in ("A", "a.", "ok", "OK!", "Okay", "yes", "Yes please", "ok sir", "accept", "👍", "I'll take")
        ),
        *((text, X) for text in ("X", "no", "No.", "busy", "can't", "I can't", "cannot", "no thanks", "👎")),
        *((text, P) for text in ("P", "picked up", "p")),
        *((text, D) for text in ("D", "delivered", "Delivered!")),
        *((text, R) for text in ("R", "hand back")),
    ],
)
def test_bare(text: str, kind: ReplyKind) -> None:
    assert parse_reply(text) == Reply(kind)


@pytest.mark.parametrize("word", ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"])
def test_stop_words_are_the_whole_message(word: str) -> None:
    for text in (word, word.lower(), f"  {word.title()}\n", f"{word}."):
        assert parse_reply(text) == Reply(ReplyKind.STOP)
    assert parse_reply(f"{word} please").kind is UNKNOWN
    assert parse_reply(f"17 {word}").kind is UNKNOWN


@pytest.mark.parametrize(
    ("word", "kind"),
    [("START", ReplyKind.START), ("unstop", ReplyKind.START), ("Help", ReplyKind.HELP), ("info", ReplyKind.HELP)],
)
def test_other_words_of_the_provider(word: str, kind: ReplyKind) -> None:
    assert parse_reply(word) == Reply(kind)
    assert parse_reply(f"{word} me").kind is UNKNOWN


@pytest.mark.parametrize(
    "text",
    [
        "I am at 17 A Park Street",
        "A-17 Green Park",
        "D 17 Defence Colony",
        "ok 10 min",
        "ok 10 minutes",
        "ok 5 pm",
        "17 pm",
        "5 p.m.",
        "2 a.m.",
        "17:30 A",
        "17.30",
        "ok 17%",
        "no problem",
        "ok but I can't",
        "17A but I'm busy",
        "17A, can't today",
        "17A 👎",
        "ok 17 won't manage before six",
        "What is the address?",
        "Which one, 17 or 18?",
        "Liked “Book for K7Q2. Reply 17A to take it, 17X if you can't”",
        "> Reply 17A to take it",
        "At the door, nobody opens",
        "Delivered to the guard",
        "+447700900123 a",
        "1234567A",
        "A great day",
        "Papa is ill",
        "",
        "   ",
        "\x00",
        "…",
    ],
)
def test_sentences_are_no_answers(text: str) -> None:
    assert parse_reply(text) == Reply(UNKNOWN)


@pytest.mark.parametrize("text", ["17", " 17. ", "#17", "17?"])
def test_a_number_alone_is_asked_about(text: str) -> None:
    assert parse_reply(text) == Reply(UNKNOWN, 17)


def test_a_note_fits_its_column() -> None:
    note = parse_reply("17D " + "left with the guard " * 100).note
    assert note is not None
    assert len(note) <= 500


def test_what_we_ask_for_is_what_we_understand() -> None:
    for kind in LETTERS:
        assert parse_reply(written(kind, 17)) == Reply(kind, 17)
    with pytest.raises(KeyError):
        written(ReplyKind.STOP, 17)


@pytest.mark.parametrize("text", ["936A", "A936", "2345", "7R8A", "cant", "stop", "yes"])
def test_what_would_be_an_answer_is_no_name_for_an_order(text: str) -> None:
    assert not is_no_answer(text)


@pytest.mark.parametrize("text", ["K7Q2", "93AB", "AB93", "XQ7A"])
def test_what_answers_nothing_may_name_an_order(text: str) -> None:
    assert is_no_answer(text)
