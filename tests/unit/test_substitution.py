"""Which substitutes can come in time, by when to answer, what an answer says, and how it is put into words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dispatch.customers import wording as notices
from dispatch.escalation.wording import other_goods
from dispatch.foundation.hours import Span
from dispatch.messaging.wording import Encoding, segments
from dispatch.procurement import substitution_wording as wording
from dispatch.procurement.substitution_rules import (
    Candidate,
    Shop,
    leave_by,
    needed_by,
    numbers_written,
    possible,
    read_choice,
    read_titled_choice,
    reply_by,
    start_by,
    titled_choices,
)

NOW = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)
LINK = "https://books.example/t?k=123456-AbCdEfGhIjKlMnOp"
HINDI = "भौतिकी की पुस्तक, दूसरा भाग, नया संस्करण"
HARD = "Ein “sehr” langer Titel – mit http://böse.example/x\nund Zeilen " * 8


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def shop(opens: float, closes: float, *, way: float = 10, stay: float = 20) -> Shop:
    return Shop(open=(Span(at(opens), at(closes)),), way=timedelta(minutes=way), stay=timedelta(minutes=stay))


def one(sku: str, *shops: Shop, is_on_shelf: bool = False) -> Candidate:
    return Candidate(sku=sku, title=sku, is_on_shelf=is_on_shelf, shops=shops)


@pytest.mark.parametrize(
    ("opens", "closes", "here_by", "expected"),
    [
        (0, 200, 100, 60),  # there, buy, and back by then
        (0, 50, 100, 20),  # it closes first
        (0, 19, 100, None),  # never open long enough
        (80, 200, 100, None),  # opens too late to be back
        (70, 200, 100, 60),  # just not
        (71, 200, 100, None),
        (0, 200, 30, -10),  # one had to leave before now
    ],
)
def test_the_last_instant_to_leave(opens: float, closes: float, here_by: float, expected: float | None) -> None:
    assert leave_by(shop(opens, closes), at(here_by)) == (None if expected is None else at(expected))


def test_the_last_of_several_shops_counts_and_the_shelf_waits_longest() -> None:
    assert start_by(one("a", shop(0, 50), shop(0, 200)), at(100)) == at(60)
    assert start_by(one("a", shop(0, 50), is_on_shelf=True), at(100)) == at(100)
    assert start_by(one("a"), at(100)) is None


def test_the_shelf_comes_first_then_what_can_be_bought_in_time() -> None:
    known = [
        one("nowhere"),
        one("soon", shop(0, 200)),
        one("here", is_on_shelf=True),
        one("closing", shop(0, 31)),
        one("closed", shop(0, 25)),
    ]
    skus = [candidate.sku for candidate in possible(known, at(100), from_=NOW)]
    assert skus == ["here", "soon", "closing"]
    assert [candidate.sku for candidate in possible(known, at(100), from_=at(10))] == ["here", "soon"]


def test_goods_are_needed_before_packing_and_the_way_and_late_is_within_a_day() -> None:
    assert needed_by(at(60), pack_minutes=10, travel_minutes=30, now=NOW) == at(20)
    assert needed_by(at(40), pack_minutes=10, travel_minutes=30, now=NOW) == at(24 * 60)


@pytest.mark.parametrize(("here_by", "minutes"), [(500, 60), (60, 60), (45.5, 45), (11, 11), (10, 10), (3, 10)])
def test_the_time_to_answer(here_by: float, minutes: float) -> None:
    assert reply_by([one("a", is_on_shelf=True)], at(here_by), now=NOW) == at(minutes)


def test_the_time_to_answer_is_a_whole_minute_and_never_below_ten() -> None:
    odd = NOW + timedelta(seconds=20)
    assert reply_by([one("a", is_on_shelf=True)], at(3), now=odd) == at(11)
    assert reply_by([one("a", is_on_shelf=True)], at(500), now=odd) == at(60)


def test_the_choice_that_must_begin_first_sets_the_time() -> None:
    both = [one("a", is_on_shelf=True), one("b", shop(0, 70))]
    assert reply_by(both, at(100), now=NOW) == at(40)


@pytest.mark.parametrize(
    ("text", "count", "expected"),
    [
        ("1", 3, 1),
        (" 2. ", 3, 2),
        ("#3!", 3, 3),
        ("(1)", 1, 1),
        ("1️⃣", 2, 1),
        ("२", 2, 2),
        ("２", 2, 2),
        ("2 please", 2, 2),
        ("0", 3, 0),
        ("No", 3, 0),
        ("NO, thank you!", 3, 0),
        ("neither", 2, 0),
        ("none.", 2, 0),
        ("0 - no", 2, 0),
        ("yes", 1, 1),
        ("Yes please", 1, 1),
        # No choice: not offered, two things at once, or other words.
        ("yes", 2, None),
        ("3", 2, None),
        ("4", 3, None),
        ("11", 1, None),
        ("1 or 2", 3, None),
        ("1.2", 3, None),
        ("No. 2", 3, None),
        ("no problem", 3, None),
        ("2nd", 3, None),
        ("at 1 pm", 3, None),
        ("-", 3, None),
        ("", 3, None),
        ("³", 3, 3),
        ("ok", 1, None),
    ],
)
def test_what_an_answer_says(text: str, count: int, expected: int | None) -> None:
    assert read_choice(text, count) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Physics 2: 1", (0, 1)),
        ("physics 1", (0, 1)),
        ("PHYSICS 2 - 2", (0, 2)),
        ("chemistry no", (1, 0)),
        ("Chemistry 1!", (1, 1)),
        ("physics 2", None),  # the name of the thing, and no choice
        ("physics", None),
        ("chemistry 3", None),
        ("biology 1", None),
        ("1", None),
        ("", None),
    ],
)
def test_which_question_is_answered(text: str, expected: tuple[int, int] | None) -> None:
    assert read_titled_choice(text, [("Physics 2", 2), ("Chemistry", 1)]) == expected


def test_two_titles_that_begin_alike_are_asked_back() -> None:
    alike = [("Physics 2", 2), ("Physics 3", 2)]
    assert read_titled_choice("physics 1", alike) is None
    assert titled_choices("physics 1", alike) == [(0, 1), (1, 1)]
    assert read_titled_choice("physics 3 1", alike) == (1, 1)
    # A whole title goes before a part of one.
    assert read_titled_choice("physics 2: 1", [("Physics 2, Pencil", 2), ("Physics 2", 2)]) == (1, 1)
    assert titled_choices("physics 2: 1", [("Physics 2", 2), ("Physics 2", 2)]) == [(0, 1), (1, 1)]


def test_numbers_in_a_sentence() -> None:
    assert [numbers_written(count) for count in (1, 2, 3)] == ["1", "1 or 2", "1, 2 or 3"]


def told(**changes: object) -> notices.ToldOffer:
    given = {
        "shop": "The Corner Bookshop",
        "name": "Dev",
        "missing": "Physics 2",
        "link": LINK,
        "choices": ("Physics 2, 2nd ed.", "Physics Exam Pack"),
        "until": "17:30",
    }
    return notices.ToldOffer(**{**given, **changes})


def test_the_texts() -> None:
    assert notices.offer(told()).ours() == (
        "Hello Dev, The Corner Bookshop: we can't get Physics 2 in time. Instead we could bring you: "
        f"1 Physics 2, 2nd ed. 2 Physics Exam Pack. Reply 1 or 2, or 0 for neither, by 17:30: {LINK}"
    )
    assert (
        notices.offer(told(choices=("Atlas",), takes_replies=False))
        .ours()
        .endswith(f"Instead we could bring you: 1 Atlas. Please choose by 17:30: {LINK}")
    )
    assert notices.substituted(told(choices=("Atlas",))).ours() == (
        "Hello Dev, The Corner Bookshop: we can't get Physics 2 in time. As agreed, you get Atlas instead. "
        f"See where it is: {LINK}"
    )
    assert "good news, we found Physics 2 after all" in notices.offer_withdrawn(told(why="found")).ours()
    assert "no need to choose instead of Physics 2 any more" in notices.offer_withdrawn(told(why="cancelled")).ours()


def test_whoever_went_to_buy_is_told_what_has_changed() -> None:
    text = other_goods("K7Q2", new="Star Atlas", old="Physics 2", is_here=False, code=17)
    assert text == (
        "K7Q2 has changed: Star Atlas instead of Physics 2, the customer agreed. Please get that one. "
        "17P when you have it, 17R if you can't any more."
    )
    assert "in the shop already" in other_goods("K7Q2", new="Star Atlas", old="Physics 2", is_here=True, code=17)


@pytest.mark.parametrize(
    "text",
    [
        other_goods("K7Q2", new=HARD, old=HARD, is_here=True, code=17),
        notices.offer(told(missing=HARD, choices=(HARD, HARD, HARD), shop=HARD, name=HARD)).ours(),
        notices.substituted(told(missing=HARD, choices=(HARD,), shop=HARD, name=HARD)).ours(),
        notices.offer_withdrawn(told(missing=HARD, shop=HARD, name=HARD, why="found")).ours(),
        wording.taken(HARD, is_here=True),
        wording.taken(HARD, is_here=False),
        wording.declined(HARD),
        wording.already(HARD),
        wording.late(HARD, until="17:30"),
        wording.gone(HARD, [HARD, HARD], until="17:30"),
        wording.gone(HARD, [], until="17:30"),
        wording.over(HARD, reason="found"),
        wording.which([HARD, HARD, HARD]),
        wording.which([HARD, f"1{HARD}", f"2{HARD}"]),
    ],
)
def test_whatever_a_title_holds_the_text_is_ours(text: str) -> None:
    found = segments(text)
    assert (found.encoding, found.count <= 2) == (Encoding.GSM7, True)
    assert "\n" not in text
    assert "://" not in text.replace(LINK, "")
    assert not text.startswith("Hello") or LINK in text


def test_a_costly_name_costs_no_title() -> None:
    text = notices.offer(told(name="अर्जुन", shop="कला पुस्तक भंडार")).ours()
    assert "1 Physics 2, 2nd ed. 2 Physics Exam Pack. Reply 1 or 2" in text
    assert text.startswith("Hello, the shop: we can't get Physics 2 in time.")


def test_titles_in_a_costly_script_are_left_to_the_page() -> None:
    text = notices.offer(told(missing=HINDI, choices=(HINDI, "Atlas", HINDI))).ours()
    assert "we can't get what you ordered in time" in text
    assert "1 (see our page). 2 Atlas. 3 (see our page). Reply 1, 2 or 3" in text
    alone = notices.offer(told(choices=(HINDI, HINDI))).ours()
    assert f"1 (see our page). 2 (see our page). Reply 1 or 2, or 0 for neither, by 17:30: {LINK}" in alone
    assert all(segments(found).count <= 2 for found in (text, alone))
    # A short answer has room for it.
    assert HINDI in wording.taken(HINDI, is_here=True)


def test_titles_are_shortened_and_the_way_to_answer_never() -> None:
    text = notices.offer(told(choices=(HARD, "Atlas"), missing="Physics 2")).ours()
    assert "... 2 Atlas. Reply 1 or 2, or 0 for neither, by 17:30: " + LINK in text
    assert text.startswith("Hello Dev, The Corner Bookshop: we can't get Physics 2 in time.")
