"""An answer means what was meant: what we write we can read, and what we can't read is never guessed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from dispatch.foundation.hours import Span
from dispatch.procurement.substitution_rules import (
    LONGEST_WAIT,
    SHORTEST_WAIT,
    Candidate,
    Shop,
    leave_by,
    possible,
    read_choice,
    read_titled_choice,
    reply_by,
    start_by,
    written,
)

NOW = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)
COUNTS = st.integers(1, 3)
AROUND = st.text(alphabet=" \t\n.,;:!?()-*#\"'…", max_size=6)
MINUTES = st.integers(0, 600).map(lambda minutes: timedelta(minutes=minutes))


@st.composite
def shops(draw: st.DrawFn) -> Shop:
    spans = []
    for _ in range(draw(st.integers(0, 3))):
        start = NOW + draw(MINUTES)
        spans.append(Span(start, start + draw(MINUTES)))
    return Shop(open=tuple(spans), way=draw(MINUTES) / 10, stay=draw(MINUTES) / 10)


@st.composite
def candidates(draw: st.DrawFn) -> Candidate:
    return Candidate(
        sku=draw(st.text(min_size=1, max_size=3)),
        title="",
        is_on_shelf=draw(st.booleans()),
        shops=tuple(draw(st.lists(shops(), max_size=2))),
    )


@given(count=COUNTS, data=st.data(), before=AROUND, after=AROUND)
def test_a_written_choice_is_read(count: int, data: st.DataObject, before: str, after: str) -> None:
    choice = data.draw(st.integers(0, count))
    assert read_choice(f"{before}{written(choice)}{after}", count) == choice


@given(
    word=st.sampled_from(["no", "none", "neither"]), flips=st.lists(st.booleans(), min_size=7, max_size=7), after=AROUND
)
def test_a_no_is_read_in_any_case(word: str, flips: list[bool], after: str) -> None:
    said = "".join(char.upper() if flip else char for char, flip in zip(word, flips, strict=False))
    assert read_choice(said + after, 3) == 0


@given(text=st.text(max_size=40), count=COUNTS)
def test_whatever_is_typed_is_a_choice_that_was_offered_or_none(text: str, count: int) -> None:
    said = read_choice(text, count)
    assert said is None or 0 <= said <= count


@given(count=COUNTS, words=st.lists(st.sampled_from(["the", "book", "maybe", "later", "call", "me"]), min_size=1))
def test_a_number_among_other_words_is_no_choice(count: int, words: list[str]) -> None:
    assert read_choice(f"{' '.join(words)} 1", count) is None


@given(title=st.text(max_size=20), count=COUNTS, data=st.data())
def test_a_titled_choice_is_one_of_those_that_were_offered(title: str, count: int, data: st.DataObject) -> None:
    said = read_titled_choice(data.draw(st.text(max_size=30)), [(title, count), ("Chemistry", 2)])
    assert said is None or said[1] <= (count, 2)[said[0]]
    assert read_titled_choice(f"Chemistry: {written(2)}", [("Physics", 1), ("Chemistry", 2)]) == (1, 2)


@given(shop=shops(), here_by=MINUTES, early=MINUTES)
def test_whoever_leaves_by_then_is_back_in_time_and_a_minute_later_is_not(
    shop: Shop, here_by: timedelta, early: timedelta
) -> None:
    def is_back(leaves: datetime) -> bool:
        there = leaves + shop.way
        ends = [max(there, span.start) + shop.stay for span in shop.open]
        return any(
            end <= span.end and end + shop.way <= NOW + here_by for end, span in zip(ends, shop.open, strict=True)
        )

    last = leave_by(shop, NOW + here_by)
    if last is None:
        assert not is_back(NOW - early)
    else:
        assert is_back(last)
        assert not is_back(last + timedelta(minutes=1))


@given(known=st.lists(candidates(), min_size=1, max_size=4), here_by=MINUTES, seconds=st.integers(0, 59))
def test_the_time_to_answer_is_within_its_bounds_and_leaves_time_to_act(
    known: list[Candidate], here_by: timedelta, seconds: int
) -> None:
    now, by = NOW + timedelta(seconds=seconds), NOW + here_by
    choices = possible(known, by, from_=now + SHORTEST_WAIT)
    until = reply_by(choices, by, now=now)
    assert now + SHORTEST_WAIT <= until <= now + LONGEST_WAIT
    assert (until.second, until.microsecond) == (0, 0)
    for choice in choices:
        start = start_by(choice, by)
        if not choice.is_on_shelf and start:
            # What would be too late at the earliest answer is not offered; rounding costs a minute at most.
            assert start > now + SHORTEST_WAIT
            assert until < start + timedelta(minutes=1)
