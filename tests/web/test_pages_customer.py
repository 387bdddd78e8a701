"""The customer's page in both languages: an honest span, what we do in danger, and texts that stop when they like."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dispatch.foundation.clock import ManualClock
from dispatch.foundation.tokens import sign
from dispatch.messaging.consent import opted_out
from dispatch.messaging.phrase_rules import Language
from dispatch.orders.rules import Status
from dispatch.orders.service import find_order
from dispatch.promise.rules import Level
from dispatch.promise.tables import Watch
from dispatch.web.customer_words import EN, HI, when
from dispatch.web.words import when_words
from tests.web.test_pages_kit import Desk, desk

__all__ = ["desk"]


def key(desk: Desk) -> str:
    with desk.db.snapshot() as session:
        return sign(desk.app.extensions["dispatch"].settings.secret_key, "tracking", find_order(session, desk.ref).id)


def page(desk: Desk) -> str:
    return desk.app.test_client().get(f"/t?k={key(desk)}").text


def say(desk: Desk, **form: str) -> str:
    return desk.app.test_client().post("/t", data={"k": key(desk), **form}).text


def on_its_way(desk: Desk, *, there: timedelta, language: str = "en") -> None:
    now = desk.clock.now()
    with desk.db.transaction() as session:
        order = find_order(session, desk.ref)
        order.status, order.handed_over_at, order.customer_language = Status.OUT_FOR_DELIVERY, now, language
        watch = session.get(Watch, order.id)
        assert watch is not None
        watch.projected_at, watch.level = now + there, Level.ON_TRACK


def test_on_its_way_it_says_between_when_and_when(desk: Desk) -> None:
    on_its_way(desk, there=timedelta(minutes=40))
    with desk.db.snapshot() as session:
        start = desk.clock.now().astimezone(ZoneInfo(find_order(session, desk.ref).branch.timezone))
    text = page(desk)
    assert "Probably there between" in text
    early, late = (f"{at:%H:%M}" for at in (start + timedelta(minutes=28), start + timedelta(minutes=44)))
    assert early[:4] in text, "seven tenths of the cautious way"
    assert late[:4] in text
    desk.clock.advance(minutes=41)
    assert EN.any_minute in page(desk)


def test_in_hindi_the_whole_page_is_in_hindi(desk: Desk) -> None:
    on_its_way(desk, there=timedelta(minutes=40), language="hi-IN")
    text = page(desk)
    assert '<html lang="hi">' in text
    for words in (HI.promised, HI.order, HI.steps[2], HI.stop):
        assert words in text
    for words in (EN.promised, EN.order, EN.stop):
        assert words not in text


def test_texts_stop_and_start_again_by_a_tap(desk: Desk) -> None:
    assert EN.stopped.replace("'", "&#39;") in say(desk, texts="off")
    assert EN.start in say(desk, texts="off"), "the same tap twice is one"
    with desk.db.snapshot() as session:
        phone = find_order(session, desk.ref).customer_phone
        assert opted_out(session, [phone]) == {phone}
    assert EN.started in say(desk, texts="on")
    with desk.db.snapshot() as session:
        assert opted_out(session, [phone]) == set()


@pytest.mark.parametrize("days", [-3, -1, 0, 1, 3])
def test_a_time_is_said_as_on_our_own_screens_and_in_their_language(days: int) -> None:
    now = ManualClock(datetime.fromisoformat("2026-11-24T09:00:00+00:00")).now()
    at = now + timedelta(days=days)
    assert when(at, "Asia/Kolkata", Language.EN, now=now) == when_words(at, "Asia/Kolkata", now=now)
    assert when(at, "Asia/Kolkata", Language.HI, now=now).endswith("14:30")
    assert when(now, "Asia/Kolkata", Language.HI, now=now).startswith("आज")
