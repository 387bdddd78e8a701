"""parse(render(x)) == x for every form of an answer, and no text at all makes the parser fall over."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dispatch.messaging.reply_rules import LETTERS, Reply, ReplyKind, parse_reply

KINDS = st.sampled_from(sorted(LETTERS))
CODES = st.integers(min_value=0, max_value=999_999)
GAPS = st.text(alphabet=" \t\n-.,:;/_*", max_size=3)
EDGES = st.text(alphabet=" \n\"'([!.,", max_size=3)
WORDS = {
    ReplyKind.ACCEPT: ["accept", "take", "ok", "okay", "yes", "i accept", "i'll take", "👍"],
    ReplyKind.DECLINE: ["can't", "can’t", "cant", "cannot", "can not", "busy", "no", "decline"],
    ReplyKind.PICKED_UP: ["picked up", "bought"],
    ReplyKind.DELIVERED: ["delivered"],
    ReplyKind.HAND_BACK: ["hand back", "handback"],
}
DENIALS = (
    "cant",
    "busy",
    "but",
    "min",
    "hr",
    "sec",
    "unable",
    "decline",
    "yet",
    "never",
    "stuck",
    "refused",
    "returned",
)
NOTES = st.from_regex(r"[b-np-z]{3,8}( [e-m0-9]{2,8}){0,4}", fullmatch=True).filter(
    lambda note: not any(word in note for word in DENIALS)
)


@st.composite
def in_mixed_case(draw: st.DrawFn, text: str) -> str:
    flips = draw(st.lists(st.booleans(), min_size=len(text), max_size=len(text)))
    return "".join(char.upper() if flip else char.lower() for char, flip in zip(text, flips, strict=True))


@st.composite
def answers(draw: st.DrawFn) -> tuple[Reply, str]:
    """An answer with its code, and one way to write it."""
    kind, code = draw(KINDS), draw(CODES)
    letter, word = LETTERS[kind], draw(st.sampled_from(WORDS[kind]))
    gap = draw(GAPS)
    # A letter glued to an "s" or the like would be a word: gaps and edges are not letters, so nothing is glued.
    core = draw(
        st.sampled_from([f"{code}{gap}{letter}", f"{letter}{gap}{code}", f"{word}{gap}{code}", f"{code}{gap}{word}"])
    )
    text = f"{draw(EDGES)}{draw(in_mixed_case(core))}{draw(EDGES)}"
    return Reply(kind, code), text


@given(answers())
def test_every_form_with_a_code(answer: tuple[Reply, str]) -> None:
    expected, text = answer
    assert parse_reply(text) == expected


@given(KINDS, CODES, NOTES, st.sampled_from([" ", ", ", ": ", "\n", " - "]))
def test_words_after_the_code_are_the_note(kind: ReplyKind, code: int, note: str, gap: str) -> None:
    assert parse_reply(f"{code}{LETTERS[kind]}{gap}{note}") == Reply(kind, code, note)


@given(KINDS, EDGES, EDGES, st.data())
def test_every_bare_form(kind: ReplyKind, before: str, after: str, data: st.DataObject) -> None:
    core = data.draw(st.sampled_from([LETTERS[kind], *WORDS[kind]]))
    assert parse_reply(f"{before}{data.draw(in_mixed_case(core))}{after}") == Reply(kind)


@given(st.text(max_size=400) | st.text(alphabet="0123456789axpdr '’.:-\n", max_size=30))
def test_no_text_is_too_strange(text: str) -> None:
    reply = parse_reply(text)
    assert reply.note is None or 0 < len(reply.note) <= 500
    assert reply.code is None or 0 <= reply.code <= 999_999


@given(st.from_regex(r"[a-z]{2,9}( [a-z]{2,9}){0,3} [0-9]{1,3} ?[aA]( [a-z]{2,9})*", fullmatch=True))
def test_a_code_inside_a_sentence_accepts_nothing(text: str) -> None:
    first = text.split()[0]
    if first in {"accept", "accepted", "take", "taking", "ok", "okay", "yes", "no", "busy", "cant", "bought"}:
        return
    assert parse_reply(text).kind not in {ReplyKind.ACCEPT, ReplyKind.DELIVERED}
