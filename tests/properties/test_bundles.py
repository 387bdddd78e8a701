"""What one text asks for several orders can be answered: every code is there, parses back, and the text is short."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from dispatch.messaging.bundle_wording import MOST_PARTS, Part, bundle
from dispatch.messaging.reply_rules import LETTERS, Reply, ReplyKind, parse_replies, parse_reply
from dispatch.messaging.wording import segments

CODES = re.compile(r"(\d+)A/(\d+)X")
LINK = "https://dispatch.example.com/a?t=123456-" + "x" * 22
# No slash: a customer who writes "9A/9X" forges a code that is nobody's, and the regular expression would count it.
SAID = st.text(max_size=60).map(lambda said: said.replace("/", " "))


@st.composite
def parts(draw: st.DrawFn) -> Part:
    return Part(
        ref=draw(st.text(alphabet="ACDEFHJKLMNPQRTUVWXY3479", min_size=4, max_size=6)),
        doing=draw(st.sampled_from(["buy", "take", "buy and take"])),
        shop=draw(SAID),
        then=draw(st.sampled_from(["", "take"])),
        what=draw(SAID),
        whom=draw(SAID),
        reason=draw(SAID),
        place=draw(SAID),
        by=draw(st.sampled_from(["by 18:40", "by tomorrow 10:00", "late, was for 18:40"])),
        code=draw(st.integers(11, 9999)),
        link=LINK,
    )


@given(st.lists(parts(), min_size=2, max_size=MOST_PARTS + 2), st.booleans())
def test_every_code_of_a_bundle_parses_back_and_it_is_two_segments(given: list[Part], takes_replies: bool) -> None:
    asked = given if takes_replies else [replace(part, code=None) for part in given]
    made = bundle(asked)
    # Two always fit, whatever is in them; one alone has its own text.
    assert made is not None
    assert 2 <= made.count <= MOST_PARTS
    assert segments(made.text).count <= 2
    assert made.text.endswith(LINK)
    shown = asked[: made.count]
    assert made.text.startswith(f"{len(shown)} orders need somebody.")
    assert all(f"{part.ref}: {part.doing} " in made.text and f", {part.by}" in made.text for part in shown)
    found = [(int(yes), int(no)) for yes, no in CODES.findall(made.text)]
    if not takes_replies:
        assert found == []
        return
    assert found == [(part.code, part.code) for part in shown]
    for yes, no in found:
        assert parse_reply(f"{yes}A") == Reply(ReplyKind.ACCEPT, yes)
        assert parse_reply(f"{no}X") == Reply(ReplyKind.DECLINE, no)


@given(
    st.lists(st.tuples(st.integers(0, 999_999), st.sampled_from(sorted(LETTERS))), min_size=2, max_size=8),
    st.sampled_from([" ", ", ", "\n", " and ", ". ", "; "]),
    st.booleans(),
    st.sampled_from(["", ".", " please", " thanks!"]),
)
def test_several_answers_in_one_text(
    given: list[tuple[int, ReplyKind]], between: str, is_letter_first: bool, end: str
) -> None:
    one_each = list(dict(given).items())
    written = [f"{LETTERS[kind]}{code}" if is_letter_first else f"{code}{LETTERS[kind]}" for code, kind in one_each]
    if len(one_each) > 1:
        found = parse_replies(between.join(written) + end)
        assert found == tuple(Reply(kind, code) for code, kind in one_each)


@given(st.text(max_size=200) | st.text(alphabet="0123456789axpdr ,and", max_size=40))
def test_no_text_is_too_strange_and_one_answer_is_read_as_before(text: str) -> None:
    found = parse_replies(text)
    assert found
    if len(found) == 1 and found[0].kind is not ReplyKind.UNKNOWN:
        assert found[0] == parse_reply(text) or found[0].note is None
