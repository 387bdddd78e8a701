"""Which event earns which notice, and what a notice says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from dispatch.customers.rules import EARNS, NoticeKind, is_overtaken
from dispatch.customers.wording import Told, notice
from dispatch.messaging.wording import segments

LINK = "https://dispatch.some-bookshop.example/t?k=123456-abcdefghijklmnop"


def told(**changes: Any) -> Told:
    given: dict[str, Any] = {
        "shop": "Kala Books",
        "name": "Arjun",
        "what": "Physics 2",
        "promised": "19:30",
        "link": LINK,
        "carrier": "Ravi",
        "about": "18:50",
        "pin": "",
    }
    return Told(**{**given, **changes})


def test_few_events_earn_a_notice() -> None:
    assert EARNS == {
        "placed": NoticeKind.CONFIRMED,
        "handed_over": NoticeKind.ON_ITS_WAY,
        "delivered": NoticeKind.DELIVERED,
    }


def test_confirmed_says_what_by_when_and_where_to_look() -> None:
    text = notice(NoticeKind.CONFIRMED, told()).ours()
    for word in ("Arjun", "Kala Books", "Physics 2", "by 19:30", LINK):
        assert word in text


def test_a_title_that_ends_with_a_full_stop_needs_no_second_one() -> None:
    text = notice(NoticeKind.CONFIRMED, told(what="Physics 2, 2nd ed.")).ours()
    assert "your order: Physics 2, 2nd ed. You will have it" in text


def test_on_its_way_says_who_when_and_the_digits() -> None:
    text = notice(NoticeKind.ON_ITS_WAY, told(pin="0427")).ours()
    for word in ("Ravi", "18:50", "0427", LINK):
        assert word in text
    assert "digits" not in notice(NoticeKind.ON_ITS_WAY, told()).ours()


def test_delivered_thanks_and_asks_nothing() -> None:
    text = notice(NoticeKind.DELIVERED, told()).ours()
    assert "Thank you" in text
    assert LINK not in text
    assert "?" not in text


MONSTERS = {"huge": "A very long title of a book " * 30, "hindi": "भौतिकी की किताब " * 30, "unbroken": "x" * 900}


@pytest.mark.parametrize("kind", EARNS.values())
@pytest.mark.parametrize("monster", MONSTERS.values(), ids=MONSTERS)
@pytest.mark.parametrize("field", ["what", "name", "shop", "carrier"])
def test_every_notice_fits_and_keeps_its_link(kind: NoticeKind, monster: str, field: str) -> None:
    text = notice(kind, told(**{field: monster, "pin": "0427"})).ours()
    assert segments(text).count <= 2, text
    if kind is not NoticeKind.DELIVERED:
        assert LINK in text
    if kind is NoticeKind.ON_ITS_WAY:
        assert "0427" in text


@pytest.mark.parametrize("kind", EARNS.values())
def test_an_opt_out_word_is_never_asked_for(kind: NoticeKind) -> None:
    assert "STOP" not in notice(kind, told()).ours()


NEWEST = {
    NoticeKind.ON_ITS_WAY: {NoticeKind.CONFIRMED, NoticeKind.ON_ITS_WAY},
    NoticeKind.DELIVERED: {NoticeKind.CONFIRMED, NoticeKind.ON_ITS_WAY},
}


@pytest.mark.parametrize("earlier", NoticeKind)
@pytest.mark.parametrize("later", NoticeKind)
def test_after_an_outage_only_the_newest_is_told(earlier: NoticeKind, later: NoticeKind) -> None:
    long, short = timedelta(minutes=1), timedelta(seconds=59)
    assert is_overtaken(earlier, by=later, waited=long) is (earlier in NEWEST.get(later, set()))
    assert not is_overtaken(earlier, by=later, waited=short)
