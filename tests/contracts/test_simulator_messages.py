"""The real SDK against the simulator: create, list, fetch, change, errors and injected faults."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from dispatch.foundation.clock import ManualClock
from dispatch.simulator.config import GOOD_SENDER
from dispatch.simulator.faults import Kind
from tests.contracts.test_simulator_kit import (
    ACCOUNT,
    MEENA,
    RAVI,
    SERVICE,
    SHOP,
    TOKEN,
    World,
    world,
)


@pytest.fixture
def w() -> Iterator[World]:
    with world() as running:
        yield running


def refusal(w: World, **more: object) -> tuple[int, int]:
    with pytest.raises(TwilioRestException) as caught:
        w.send(**more)
    return caught.value.status, caught.value.code


def test_a_text_from_a_number_is_queued_then_delivered(w: World) -> None:
    created = w.send(body="your book is on its way")
    assert re.fullmatch(r"SM[0-9a-f]{32}", created.sid)
    assert (created.status, created.from_, created.num_segments) == ("queued", SHOP, "1")
    assert (created.date_sent, created.error_code, created.direction) == (None, None, "outbound-api")
    assert w.sim.settle()
    fetched = w.client.messages(created.sid).fetch()
    assert (fetched.status, fetched.body, fetched.to) == ("delivered", "your book is on its way", RAVI)
    assert fetched.date_sent is not None


def test_a_text_of_a_service_is_accepted_and_gets_its_sender_later() -> None:
    with world(messaging_service_sid=SERVICE, delivery_delay_seconds=0.05) as w:
        created = w.send(messaging_service_sid=SERVICE, body="x" * 161)
        assert (created.status, created.from_, created.num_segments) == ("accepted", None, "0")
        assert w.sim.settle()
        fetched = w.client.messages(created.sid).fetch()
        assert (fetched.status, fetched.from_, fetched.num_segments) == ("delivered", SHOP, "2")
        assert fetched.messaging_service_sid == SERVICE


def test_sids_are_never_repeated(w: World) -> None:
    assert len({w.send().sid for _ in range(40)}) == 40


def test_lists_by_recipient_newest_first_over_pages(w: World) -> None:
    sent = [w.send(body=f"{number}").sid for number in range(7)]
    w.send(to=MEENA)
    assert w.sim.settle()
    listed = w.client.messages.list(to=RAVI, page_size=3)
    assert [message.sid for message in listed] == sent[::-1]
    assert len(w.http.exchanges) >= 3
    assert [m.sid for m in w.client.messages.list(to=RAVI, from_=SHOP, limit=2)] == sent[:-3:-1]
    assert w.client.messages.list(to=RAVI, from_=GOOD_SENDER) == []
    assert len(w.client.messages.list()) == 8


def test_a_page_is_not_shifted_by_texts_that_arrive_meanwhile(w: World) -> None:
    sent = [w.send().sid for _ in range(4)]
    stream = w.client.messages.stream(to=RAVI, page_size=2)
    first = [message.sid for message in itertools.islice(stream, 2)]
    w.send()
    assert first + [message.sid for message in stream] == sent[::-1]


def test_lists_by_date_sent_and_never_finds_what_was_not_sent() -> None:
    clock = ManualClock(datetime(2026, 11, 24, 12, tzinfo=UTC))
    with world(clock=clock.now) as w:
        old = w.send().sid
        assert w.sim.settle()
        clock.advance(hours=24)
        new = w.send().sid
        assert w.sim.settle()
        w.order(Kind.HELD, seconds=60, count=1)
        w.send()

        def found(**more: object) -> list[str]:
            return [message.sid for message in w.client.messages.list(**more)]

        assert found(date_sent_after=datetime(2026, 11, 25, tzinfo=UTC)) == [new]
        assert found(date_sent_before=datetime(2026, 11, 24, 12, tzinfo=UTC)) == [old]
        path = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
        for query, sids in {
            "DateSent=2026-11-24": [old],
            "DateSent>=2026-11-24": [new, old],
            "DateSent<=2026-11-24": [old],
        }.items():
            body = w.control("GET", f"{path}?{query}").json()
            assert [message["sid"] for message in body["messages"]] == sids, query
        assert w.control("GET", f"{path}?DateSent=yesterday").status_code == 400


def test_redacts_deletes_and_takes_feedback(w: World) -> None:
    sid = w.send(body="a secret").sid
    assert w.sim.settle()
    assert w.client.messages(sid).update(body="").body == ""
    assert w.client.messages(sid).feedback.create(outcome="confirmed").message_sid == sid
    assert w.sim.state.counts()["feedback_confirmed"] == 1
    assert w.client.messages(sid).delete()
    with pytest.raises(TwilioRestException) as caught:
        w.client.messages(sid).fetch()
    assert (caught.value.status, caught.value.code) == (404, 20404)


def test_a_text_on_its_way_can_not_be_deleted(w: World) -> None:
    w.order(Kind.HELD, seconds=60)
    with pytest.raises(TwilioRestException) as caught:
        w.client.messages(w.send().sid).delete()
    assert caught.value.code == 20009


def test_scheduled_texts_wait_and_can_be_canceled() -> None:
    with world(messaging_service_sid=SERVICE) as w:
        due = datetime.now(UTC) + timedelta(hours=1)
        later = {"messaging_service_sid": SERVICE, "schedule_type": "fixed"}
        sid = w.send(send_at=due, **later).sid
        assert w.status(sid) == "scheduled"
        assert w.client.messages(sid).update(status="canceled").status == "canceled"
        with pytest.raises(TwilioRestException) as caught:
            w.client.messages(sid).update(status="canceled")
        assert caught.value.code == 30409
        assert refusal(w, send_at=datetime.now(UTC), **later) == (400, 35114)
        assert refusal(w, send_at=due, schedule_type="fixed") == (400, 35118)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"to": "12345"}, 21211),
        ({"to": SHOP}, 21211),
        ({"to": ""}, 21604),
        ({"from_": ""}, 21603),
        ({"body": ""}, 21602),
        ({"body": "x" * 1601}, 21617),
        ({"from_": "+15559998888"}, 21606),
        ({"messaging_service_sid": SERVICE}, 21705),
        ({"status_callback": "https://my_shop.example/s"}, 21609),
        ({"status_callback": "nonsense"}, 21609),
        ({"validity_period": 36001}, 90007),
        ({"validity_period": 0}, 90007),
        ({"to": "+15005550001"}, 21211),
        ({"to": "+15005550002"}, 21612),
        ({"to": "+15005550003"}, 21408),
        ({"to": "+15005550004"}, 21610),
        ({"to": "+15005550009"}, 21614),
        ({"from_": "+15005550001"}, 21212),
        ({"from_": "+15005550007"}, 21606),
        ({"from_": "+15005550008"}, 21611),
    ],
)
def test_refuses_in_twilios_words_and_stores_nothing(w: World, more: dict[str, object], code: int) -> None:
    assert refusal(w, **more) == (400, code)
    assert w.sim.state.messages() == []
    body = w.http.exchanges[-1].json()
    assert set(body) == {"code", "message", "more_info", "status"}


def test_the_good_magic_sender_works(w: World) -> None:
    assert w.send(from_=GOOD_SENDER).status == "queued"


def test_wrong_credentials_and_api_keys() -> None:
    with world(api_keys=(("SK" + "c" * 32, "key secret"),)) as w:
        stranger = Client(ACCOUNT, "wrong", http_client=w.http)
        with pytest.raises(TwilioRestException) as caught:
            stranger.messages.create(to=RAVI, from_=SHOP, body="x")
        assert (caught.value.status, caught.value.code) == (401, 20003)
        keyed = Client("SK" + "c" * 32, "key secret", account_sid=ACCOUNT, http_client=w.http)
        assert keyed.messages.create(to=RAVI, from_=SHOP, body="x").status == "queued"
        with pytest.raises(TwilioRestException) as caught:
            keyed.api.accounts(ACCOUNT).fetch()
        assert caught.value.code == 20003
        assert w.client.api.accounts(ACCOUNT).fetch().status == "active"
        other = Client(ACCOUNT, TOKEN, account_sid="AC" + "f" * 32, http_client=w.http)
        with pytest.raises(TwilioRestException) as caught:
            other.messages.create(to=RAVI, from_=SHOP, body="x")
        assert (caught.value.status, caught.value.code) == (404, 20404)


def test_nothing_is_lost_or_doubled_by_many_threads(w: World) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        sids = list(pool.map(lambda number: w.send(body=str(number)).sid, range(120)))
    assert w.sim.settle(10)
    listed = w.client.messages.list(page_size=50)
    assert sorted(message.sid for message in listed) == sorted(sids)
    assert {message.status for message in listed} == {"delivered"}
