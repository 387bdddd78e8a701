"""What staff are told fits two segments whatever the data, and never loses the code or the link."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from dispatch.escalation import page_wording, wording
from dispatch.escalation.rules import Need
from dispatch.escalation.wording import Job
from dispatch.messaging.bundle_wording import bundle
from dispatch.messaging.reply_rules import ReplyKind, parse_reply
from dispatch.messaging.wording import Encoding, segments

LINK = "https://dispatch.some-bookshop.example/a?t=123456-abcdefghijklmnop"
CODE = 123456
HUGE = "Advanced Engineering Mathematics, 10th edition, volume 2 " * 8
HINDI = "भौतिकी की किताब, कल परीक्षा है " * 8
UNBROKEN = "x" * 400
EMOJI = "📚" * 120
TEXTS = {"short": "Physics 2", "huge": HUGE, "hindi": HINDI, "unbroken": UNBROKEN, "emoji": EMOJI, "empty": ""}


def job(**changes: Any) -> Job:
    given: dict[str, Any] = {
        "ref": "K7Q2",
        "what": "Physics 2",
        "for_whom": "Arjun",
        "reason": "exam tomorrow",
        "need": Need.DELIVER,
        "from_where": "Kala Books",
        "to_where": "12 Lake Road",
        "start_by": "18:40",
        "promised": "19:30",
        "is_late": False,
    }
    return Job(**{**given, **changes})


def page(takes_replies: bool = True, **changes: Any) -> str:
    return page_wording.page(job(**changes), code=CODE, link=LINK, takes_replies=takes_replies)


@pytest.mark.parametrize("need", Need)
@pytest.mark.parametrize("is_late", [False, True])
def test_a_page_says_what_for_whom_why_where_by_when_and_how(need: Need, is_late: bool) -> None:
    text = page(need=need, is_late=is_late)
    for word in ("K7Q2", "Physics 2", "Arjun", "exam tomorrow", "Kala Books", "19:30", LINK):
        assert word in text
    assert ("12 Lake Road" in text) is (need is not Need.PROCURE)
    assert (("18:40" in text), ("early as you can" in text)) == (not is_late, is_late)
    assert "Reply 123456A to take it, 123456X if you can't" in text
    assert segments(text).encoding is Encoding.GSM7


def test_where_nobody_can_reply_there_is_the_link_alone() -> None:
    text = page(takes_replies=False)
    assert LINK in text
    assert str(CODE) not in text.replace(LINK, "")


def test_what_must_start_now_says_so() -> None:
    assert "start now" in page(start_by="")


def test_what_lies_in_the_shop_is_fetched_and_not_bought() -> None:
    text = page(need=Need.PROCURE_AND_DELIVER, rest="3x Pencil", from_where="City Books", home="Kala Books")
    assert "buy Physics 2 at City Books, fetch the rest (3x Pencil) at Kala Books and take it to Arjun" in text


def test_what_opens_later_is_not_to_be_started_now() -> None:
    assert ", be there when it opens. Reply" in page(need=Need.PROCURE, start_by="", must_wait=True)
    assert ", start by 18:40. Reply" in page(need=Need.PROCURE, must_wait=True)


BUNDLED = {
    (Need.DELIVER, ""): "K7Q2: take Physics 2 to Arjun (exam tomorrow), 12 Lake Road, by 19:30: 17A/17X.",
    (Need.PROCURE, ""): "K7Q2: buy Physics 2 at City Books for Arjun (exam tomorrow), by 19:30: 17A/17X.",
    (Need.PROCURE_AND_DELIVER, ""): (
        "K7Q2: buy Physics 2 at City Books, take to Arjun (exam tomorrow), 12 Lake Road, by 19:30: 17A/17X."
    ),
    (Need.PROCURE_AND_DELIVER, "2x Pencil"): (
        "K7Q2: buy Physics 2 at City Books, the rest at Kala Books, take to Arjun (exam tomorrow), 12 Lake Road, "
        "by 19:30: 17A/17X."
    ),
}


@pytest.mark.parametrize(("need", "rest"), BUNDLED)
def test_beside_others_a_page_says_what_from_where_to_whom_and_where(need: Need, rest: str) -> None:
    given = job(need=need, from_where="City Books", rest=rest, home="Kala Books")
    other = job(ref="ABCD", what="Pen", reason="", to_where="3 Hill Road")
    made = bundle([page_wording.part(each, code=17, link="x", takes_replies=True) for each in (given, other)])
    assert made is not None
    assert BUNDLED[need, rest] in made.text


def test_beside_others_each_shop_stands_with_its_goods() -> None:
    given = job(need=Need.PROCURE_AND_DELIVER, from_where="City Books", further="Atlas at Crossword")
    part = page_wording.part(given, code=17, link=LINK, takes_replies=True)
    assert (part.what, part.shop) == ("Physics 2 at City Books, Atlas at Crossword", "")


def test_what_is_fetched_goes_before_a_name_does() -> None:
    text = page(need=Need.PROCURE_AND_DELIVER, rest=HINDI, from_where="City Books", home="Kala Books")
    assert "buy Physics 2 at City Books, fetch the rest at Kala Books and take it to Arjun (exam tomorrow)" in text


FIELDS = ("reason", "what", "to_where", "for_whom", "from_where")
ALL_FIELDS = (*FIELDS, "further", "rest", "home")


@pytest.mark.parametrize("need", Need)
@pytest.mark.parametrize(("field", "kind"), list(itertools.product(ALL_FIELDS, TEXTS)))
def test_one_monstrous_value_fits(need: Need, field: str, kind: str) -> None:
    text = page(need=need, **{field: TEXTS[kind]})
    assert segments(text).count <= 2, text
    assert LINK in text
    assert f"{CODE}A" in text
    assert f"{CODE}X" in text
    assert "K7Q2" in text


@pytest.mark.parametrize("need", Need)
@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("takes_replies", [True, False])
def test_monstrous_values_everywhere_fit(need: Need, kind: str, takes_replies: bool) -> None:
    text = page(takes_replies, need=need, **dict.fromkeys(ALL_FIELDS, TEXTS[kind]))
    assert segments(text).count <= 2, text
    assert LINK in text


@pytest.mark.parametrize("field", FIELDS)
def test_one_long_value_costs_the_others_nothing(field: str) -> None:
    text = page(**{field: HUGE})
    kept = {"reason": "exam tomorrow", "what": "Physics 2", "to_where": "12 Lake Road", "for_whom": "Arjun"}
    for name, value in kept.items():
        assert (value in text) is (name != field)
    assert "Advanced" in text


@pytest.mark.parametrize("field", FIELDS)
def test_one_value_in_hindi_costs_the_others_nothing(field: str) -> None:
    text = page(**{field: HINDI})
    kept = {"reason": "exam tomorrow", "what": "Physics 2", "to_where": "12 Lake Road", "for_whom": "Arjun"}
    for name, value in kept.items():
        assert (value in text) is (name != field)


@pytest.mark.parametrize("forged", ["ok\nReply 99A to take it", "http://evil.example/x", "evil.example/x"])
def test_customers_words_forge_nothing(forged: str) -> None:
    text = page(reason=forged)
    assert "\n" not in text
    assert "://evil" not in text
    assert "evil.example" not in text


def test_only_what_no_gsm_text_can_hold_is_cut_with_what_follows_it() -> None:
    given = job(what="Gray’s Anatomy — हिन्दी संस्करण", reason="परीक्षा", to_where="7 Łódź Street, " + "x" * 60)
    text = page_wording.page(given, code=CODE, link=LINK, takes_replies=True)
    assert segments(text).count <= 2
    assert "Gray's Anatomy -..." in text


@pytest.mark.parametrize("who", ["देव", "राम", "王伟", "यू"])
def test_a_short_name_in_another_script_costs_the_others_nothing(who: str) -> None:
    text = page(for_whom=who, what="Physics, volume 2", to_where="12 Park Road, behind the old cinema, second floor")
    assert segments(text).count <= 2
    for kept in ("Physics, volume 2", "exam tomorrow", "12 Park Road"):
        assert kept in text


LOST = {
    Need.DELIVER: "K7Q2: Please take an order to the customer, from the shop. Promised by 19:30",
    Need.PROCURE: "K7Q2: Please buy an order for the customer and bring it to the shop. Promised by 19:30",
    Need.PROCURE_AND_DELIVER: "K7Q2: Please buy an order, fetch the rest at the shop and take it to the customer. ",
}


@pytest.mark.parametrize("need", LOST)
def test_what_no_text_can_hold_is_said_in_plain_words(need: Need) -> None:
    assert page(need=need, **dict.fromkeys((*FIELDS, "rest", "home"), HINDI)).startswith(LOST[need])
    assert " at City Books and more for Arjun" in page(need=Need.PROCURE, from_where="City Books", further=HINDI)


def test_no_sentence_ends_in_four_dots_or_two() -> None:
    huge = page(need=Need.PROCURE_AND_DELIVER, from_where="City Books", to_where=HUGE)
    assert "...." not in huge
    assert "... Promised" in huge
    assert "from Kala Books to 12 Lake Rd. Promised" in page(to_where="12 Lake Rd.")


SAYINGS = {
    "yours": lambda x: wording.yours(job(to_where=x, need=Need.PROCURE_AND_DELIVER), code=CODE),
    "still_yours": lambda x: wording.still_yours("K7Q2", code=CODE, need=Need.DELIVER),
    "stand_down": lambda x: wording.stand_down("K7Q2", x, who=x or "Ravi"),
    "saved": lambda x: wording.saved("K7Q2", x),
    "waits": lambda x: wording.waits("K7Q2", x),
    "with_you": lambda x: wording.with_you("K7Q2", x, code=CODE),
    "changed": lambda x: wording.changed("K7Q2", where=x, by="Tue 24 Nov 18:40"),
    "called_off": lambda x: wording.called_off("K7Q2", x, is_delivered=False),
    "taken_by": lambda x: wording.taken_by("K7Q2", who=x, others=[f"17 ABCD {x[:30]}"] * 30),
    "on_the_way": lambda x: wording.on_the_way("K7Q2", code=CODE, where=x, needs_pin=True),
    "missing": lambda x: wording.missing("K7Q2", [x] * 9),
    "which": lambda x: wording.which([f"17 ABCD {x[:30]}"] * 30),
    "not_understood": lambda x: wording.not_understood([f"17 ABCD {x[:30]}"] * 30, code=17),
    "stranger": wording.stranger,
}


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("name", SAYINGS)
def test_every_answer_fits(name: str, kind: str) -> None:
    text = SAYINGS[name](TEXTS[kind])
    assert segments(text).count <= 2, text


def test_every_code_we_ask_for_is_understood() -> None:
    assert parse_reply("17A").kind is ReplyKind.ACCEPT
    text = wording.yours(job(), code=17)
    for word, kind in (("17P", "picked_up"), ("17D", "delivered"), ("17R", "hand_back")):
        assert word in text
        assert parse_reply(word).kind == kind


def test_whoever_only_buys_is_not_asked_to_say_that_it_is_delivered() -> None:
    texts = [
        wording.yours(job(need=Need.PROCURE), code=17),
        wording.still_yours("K7Q2", code=17, need=Need.PROCURE),
        wording.reminder("K7Q2", code=17, promised="18:40", need=Need.PROCURE),
    ]
    for text in texts:
        assert "17P" in text
        assert "17D" not in text
        assert ", 17R" in text


@pytest.mark.parametrize(
    ("where", "by", "said"),
    [
        ("99 Other Street, Flat 7", "", "it goes to 99 Other Street, Flat 7."),
        ("", "17:00", "it is now promised by 17:00."),
        ("99 Other Street", "17:00", "it goes to 99 Other Street, and is now promised by 17:00."),
        ("Arjun collects it at Kala Books", "", "Arjun collects it at Kala Books."),
    ],
)
def test_what_has_changed_is_said_in_one_sentence(where: str, by: str, said: str) -> None:
    assert wording.changed("K7Q2", where=where, by=by) == f"K7Q2 has changed: {said}"


def test_the_one_who_took_it_hears_where_to() -> None:
    assert "12 Lake Road" in wording.yours(job(), code=17)
    assert "12 Lake Road" not in wording.yours(job(need=Need.PROCURE), code=17)


def test_a_pin_is_asked_for_only_where_there_is_one() -> None:
    assert "4 digits" in wording.on_the_way("K7Q2", code=17, where="there", needs_pin=True)
    assert "4 digits" not in wording.on_the_way("K7Q2", code=17, where="there", needs_pin=False)
