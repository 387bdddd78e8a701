"""Forty notes of each sort: those that deny the answer they stand beside, and ordinary ones, which must go through."""

from __future__ import annotations

import pytest

from dispatch.messaging.doubt_rules import gives_up
from dispatch.messaging.reply_rules import Reply, ReplyKind, beside_code, parse_reply

NO_YES = (
    "ok 17 not possible today",
    "17A sorry no",
    "17A not me",
    "ok 17 I don't have time",
    "ok 17 give it to Sita",
    "take 17 back please",
    "17A stop",
    "take 17 off me",
    "17A no",
    "ok 17 not free",
    "17A impossible",
    "yes 17 is too far for me",
    "ok 17 nahi",
    "17 ok no",
    "17A is not mine",
    "accept 17? no",
    "17A cancel",
    "17a nope",
    "17A don't",
    "17A - dont have bike",
    "17A never mind",
    "17A sorry, wrong, no",
    "17A sorry",
    "17A sorry, in class",
    "17A I'm not in town",
    "17A no time",
    "17A pls give to Sita",
    "17A someone else please",
    "17A let Sita do it",
    "17A?",
    "17A maybe",
    "17A I cannot",
    "17A won't make it",
    "17A ask Sita",
    "17A please take it back",
    "17A mistake",
    "17A not sure",
    "17A unless it rains",
    "17A my bike is not working",
    "17A No bike today",
    "17A nahin ho payega",
    "17A I'm busy",
    "17A off today",
    "ok 17 decline",
    "yes 17 only if Sita comes too",
    "17A pass",
    "17A can't any more",
    "17A not now",
    "17A isn't possible",
    "17A no sorry",
    "17A oh no",
    "17A sorry I am busy",
    "17A later",
    "ok 17 but not before 6",
    "17A no!!",
    "17A I do not want",
    "17A, not available",
)

YES = (
    "17A on my way",
    "17A no problem",
    "17A coming, not far",
    "17A can take it back with me",
    "17A no worries",
    "17A don't worry",
    "17A no problem at all",
    "17A sorry for the delay, on my way",
    "17A sorry, was driving, coming",
    "17A 10 min",
    "17A in 10 min",
    "17A leaving now",
    "17A back in 5 min",
    "17A not a problem",
    "17A I'll take it back with me",
    "17A give me 5 minutes",
    "17A give him a call please",
    "17A off to the shop now",
    "17A will be late",
    "17A which gate?",
    "17A there by six",
    "17A no need to send Sita",
    "17A not too far from me",
    "17A bus stop near Lake Road",
    "17A one stop away",
    "17A will call you back",
    "17A at the back door",
    "17A send the address again",
    "17A going now, no traffic",
    "17A why not",
    "17A tell him I'm coming",
    "17A ask him to wait at the gate",
    "17A don't send anybody else",
    "17A call customer, not answering me",
    "17A can't find the house, send map",
    "ok 17 on my way",
    "17A no 12 Lake Road?",
    "17A don't have the address",
    "17A just back from lunch",
    "17A on my way, never been there",
    "17A coming, no helmet",
    "17A sure",
    "17A ok",
    "17A yes",
    "17A will not be late",
    "17A I have it in my bag",
    "17A take the lift?",
    "17A will give it to the guard",
    "17A stopping at the bank first",
    "17A koi problem nahi",
    "yes 17, 5 minutes away",
    "17A notebook too?",
    "17A nobody else needed",
    "17A no one else needed",
    "17A don't cancel",
    "17A let me do it",
    "17A let us go",
    "17A on it!",
    "ok 17 thanks",
    "17A won't be long",
)

NOT_HAD = (
    "17P not yet",
    "17P sold out",
    "17P in 10 min",
    "17P?",
    "bought 17? no",
    "picked up 17 not yet",
    "17P not there",
    "17P shop closed",
    "17P nobody at the counter",
    "17P later",
    "17P will pick up at 5",
    "17P can't find it",
    "17P no",
    "17P out of stock",
    "17P wrong edition",
    "17P tomorrow",
    "17P in 10",
    "17P 10 minutes",
    "17P haven't got it",
    "17P not ready yet",
    "17P missing one book",
    "17P going to buy it now",
)

HAD = (
    "17P on my way",
    "17P no problem",
    "17P reaching in 15 min",
    "17P there in 10 min",
    "17P will be there in 10",
    "17P will deliver by 6",
    "17P bill 450",
    "17P leaving the shop",
    "17P both books",
    "17P got it, not delivered yet",
    "17P all good",
    "17P will get there by 6",
    "17P 2 minutes ago",
    "17P done",
    "17P on the way",
    "17P no bill given",
    "17P tell customer 10 min",
    "bought 17 at City Books",
    "picked up 17, leaving",
    "17P not far",
    "17P, 450 rupees",
)

NOT_DELIVERED = (
    "17D nobody home",
    "17D in 10 min",
    "17D not yet",
    "delivered 17? no",
    "delivered 17 not possible, nobody home",
    "17D failed",
    "17D?",
    "17D later",
    "17D nobody opens the door",
    "17D 5 minutes",
    "17D no answer",
    "17D door locked",
    "17D wrong address",
    "17D not at home",
    "17D customer not home",
    "17D no one home",
    "17D customer not answering",
    "17D waiting outside",
    "17D on my way",
    "17D almost there",
    "17D will deliver at 6",
    "17D coming",
    "17D reaching in 5",
    "17D refused",
    "17D no",
    "17D tomorrow",
    "17D can't find the house",
    "17D house closed",
    "17D he didn't open",
    "17D not delivered",
    "17D by 6",
    "17D left at 5, not there yet",
    "17D stuck in traffic",
    "17D not given",
)

DELIVERED = (
    "17D left with the neighbour",
    "17D no problem at all",
    "17D 4821",
    "17D 4821 left with the guard",
    "17D nobody home, left with guard",
    "17D left it at the door",
    "17D gave to his mother",
    "17D not home, gave to wife",
    "17D to the guard",
    "17D on my way back",
    "17D coming back now",
    "17D going home",
    "17D 5 min ago",
    "17D he was happy",
    "17D happy customer, thank you",
    "17D at 6:10",
    "17D in 3rd floor office",
    "17D with his sister",
    "17D no problem",
    "17D done",
    "17D handed to customer",
    "17D signed by Arjun",
    "17D back in 10 min",
    "17D 10 min late, sorry",
    "17D, see you",
    "17D no issues",
    "17D he says thanks",
    "17D paid 200 cash",
    "17D sorry for the delay",
    "17D but late",
    "17D was busy, gave to brother",
)

NO_REFUSAL = (
    "No. 17 Lake Road?",
    "no 17 lake road right?",
    "No 17 is with me",
    "no, 17 is delivered",
    "no 17 has it already",
    "17 no problem",
    "no problem 17",
    "17 no worries",
    "busy 17 but will do",
    "17X not needed, I can",
    "17 no need",
    "no 17 Lake View Road",
    "17X delivered",
    "17X?",
    "no 17 block B",
)

REFUSAL = (
    "17X sorry, in class",
    "17X no bike",
    "no 17 bike broke",
    "can't 17 bike broke",
    "17X flat tyre",
    "17X not possible",
    "17X I can't",
    "no 17, at the dentist",
    "17 no, sorry",
    "no 17 sorry",
    "busy 17 till six",
    "17X free after 6",
    "no 17 at the market now",
    "17X on the road",
    "17X but Sita can",
    "no 17 not today",
    "17X I can't, in class",
    "17X on leave today",
    "17X too far",
    "can't 17, will be free at 6",
    "no 17 please",
    "no 17 thanks",
)


@pytest.mark.parametrize("text", [*NO_YES, *NOT_HAD, *NOT_DELIVERED, *NO_REFUSAL])
def test_an_answer_that_its_note_denies_is_asked_back(text: str) -> None:
    assert parse_reply(text).kind is ReplyKind.UNKNOWN


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        *((text, ReplyKind.ACCEPT) for text in YES),
        *((text, ReplyKind.PICKED_UP) for text in HAD),
        *((text, ReplyKind.DELIVERED) for text in DELIVERED),
        *((text, ReplyKind.DECLINE) for text in REFUSAL),
    ],
)
def test_an_ordinary_note_goes_through(text: str, kind: ReplyKind) -> None:
    reply = parse_reply(text)
    assert (reply.kind, reply.code) == (kind, 17)


@pytest.mark.parametrize(
    ("text", "kind", "note"),
    [
        *((text, ReplyKind.DELIVERED, None) for text in ("ok 17 delivered", "17 ok delivered", "yes 17 is delivered")),
        *((text, ReplyKind.DELIVERED, None) for text in ("17A delivered", "17P delivered", "ok 17 d")),
        ("yes 17 delivered to the guard", ReplyKind.DELIVERED, "to the guard"),
        *((text, ReplyKind.PICKED_UP, None) for text in ("yes 17 bought", "ok 17 picked up", "ok 17 already bought")),
        ("17A picked up and on my way", ReplyKind.PICKED_UP, "and on my way"),
        ("ok 17 hand back", ReplyKind.HAND_BACK, None),
    ],
)
def test_news_says_more_than_the_yes_before_it(text: str, kind: ReplyKind, note: str | None) -> None:
    assert parse_reply(text) == Reply(kind, 17, note)


@pytest.mark.parametrize("text", ["ok 17 delivered by 6", "17A delivered?", "ok 17 not delivered", "17A bought?"])
def test_news_that_is_none_is_asked_back(text: str) -> None:
    assert parse_reply(text).kind is ReplyKind.UNKNOWN


@pytest.mark.parametrize(("text", "is_loose"), [("ok", True), ("Yes please", True), ("👍", True), ("A", False)])
def test_a_loose_yes_may_be_thanks_and_the_letter_is_none(text: str, is_loose: bool) -> None:
    assert parse_reply(text).is_loose is is_loose
    assert not parse_reply(f"ok 17 {text}").is_loose


@pytest.mark.parametrize(
    "text",
    [
        "Sorry can't make it, bike broke down",
        "sorry i can’t come",
        "not possible to reach before 7",
        "I am not able to go",
        "no bike",
        "Please give it to Sita",
        "I don't have time",
        "somebody else please",
        "too far for me",
        "nahi ho payega",
    ],
)
def test_words_that_give_up_an_order(text: str) -> None:
    assert gives_up(text)


@pytest.mark.parametrize(
    "text",
    [
        "puncture, five minutes",
        "At the door, nobody opens",
        "No one opens the door",
        "stuck in traffic but coming",
        "sorry, traffic",
        "can't find the house",
        "not there yet",
        "Not yet",
        "no problem, on my way",
        "5 more minutes, don't worry",
        "back in the shop at six",
        "where is the key?",
    ],
)
def test_words_that_only_say_how_it_goes(text: str) -> None:
    assert not gives_up(text)


def test_what_is_said_beside_a_code() -> None:
    assert (beside_code("17D not yet"), beside_code("not yet"), beside_code("17D")) == (" not yet", None, "")
