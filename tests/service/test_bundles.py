"""Several orders at risk at once: one text to each person, a code for each order, and one fate; on both databases."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from dispatch.foundation.clock import ManualClock
from dispatch.foundation.db import Database
from dispatch.messaging import service
from dispatch.messaging.bundle_wording import Part
from dispatch.messaging.gateway import Attempt, Outcome
from dispatch.messaging.queries import list_messages
from dispatch.messaging.rules import Channel, Hold, TextState
from dispatch.messaging.tables import OutgoingText
from dispatch.messaging.wording import segments
from tests.service.test_outbox_kit import (
    MEENA,
    RAVI,
    House,
    accepted,
    another_worker,
    at_once,
    claim,
    house,
    loosen,
    put,
    receipt,
    row,
    settle,
    sweep,
)
from tests.world import World, city, world

__all__ = ["city", "house", "world"]

CODES = re.compile(r"(\d+)A/\1X")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def now(clock: ManualClock) -> datetime:
    return clock.now()


def page(db: Database, now: datetime, number: int, *, minutes: float = 60, **changes: Any) -> int:
    """A page that may leave with others; code 10 + number, promised in so many minutes."""
    part = Part(
        ref=f"K7Q{number}",
        doing="take",
        what=changes.pop("what", "Physics 2"),
        whom="to Arjun",
        reason="exam tomorrow",
        place="12 Park Road",
        by="by 18:40",
        code=10 + number,
        link=f"https://shop.example/a?t={number}",
    )
    given = {"body": f"K7Q{number} alone", "useful_until": now + minutes * MINUTE, "part": part, **changes}
    return put(db, now, **given)


def withdraw(db: Database, now: datetime, *text_ids: int) -> int:
    with db.transaction() as session:
        return service.withdraw(session, now=now, text_ids=text_ids, why="somebody has it")


def leads(db: Database, *text_ids: int) -> list[int | None]:
    return [row(db, number).lead_id for number in text_ids]


# --- put together when they are claimed ------------------------------------------------------------------------------


def test_three_pages_of_one_person_are_one_text_and_the_most_urgent_leads(db: Database, now: datetime) -> None:
    late, soon, later = page(db, now, 1, minutes=90), page(db, now, 2, minutes=30), page(db, now, 3, minutes=120)
    other = page(db, now, 4, to_phone=MEENA)
    texts = {text.to_phone: text for text in claim(db, now)}
    assert len(texts) == 2
    text = texts.pop(MEENA)
    assert (text.outbox_id, text.body) == (other, "K7Q4 alone")
    (text,) = texts.values()
    assert text.outbox_id == soon
    assert text.body.startswith("3 orders need somebody. K7Q2: take Physics 2")
    assert CODES.findall(text.body) == ["12", "11", "13"]
    assert text.body.endswith("https://shop.example/a?t=2")
    # As long as any of them is of use.
    assert text.useful_until == now + 120 * MINUTE
    assert leads(db, late, soon, later) == [soon, None, soon]
    assert {row(db, number).lease_token for number in (late, soon, later)} == {text.token}
    assert settle(db, text, accepted("SM1"), now)
    assert [row(db, number).state for number in (late, soon, later)] == [TextState.SENT] * 3
    assert [row(db, number).provider_sid for number in (late, soon, later)] == [None, "SM1", None]


def test_what_is_due_within_the_breath_goes_along_and_what_is_due_later_stays(db: Database, now: datetime) -> None:
    first = page(db, now, 1)
    near = page(db, now, 2, due_at=now + timedelta(seconds=3))
    later = page(db, now, 3, due_at=now + timedelta(seconds=4))
    call = page(db, now, 4, channel=Channel.CALL, part=None)
    texts = claim(db, now)
    assert {text.outbox_id for text in texts} == {first, call}
    assert leads(db, near) == [first]
    assert row(db, later).state is TextState.QUEUED


def test_one_that_was_stood_down_never_leaves_and_another_leads(db: Database, now: datetime) -> None:
    first, second, third = (page(db, now, number, minutes=30 * number) for number in (1, 2, 3))
    assert withdraw(db, now, first) == 1
    (text,) = claim(db, now)
    assert (text.outbox_id, CODES.findall(text.body)) == (second, ["12", "13"])
    assert "K7Q1" not in text.body
    assert (row(db, first).state, leads(db, third)) == (TextState.EXPIRED, [second])


def test_too_many_for_one_text_make_two_and_nothing_is_cut_that_matters(db: Database, now: datetime) -> None:
    long = "A very long title of a very long book in many words"
    made = [page(db, now, number, minutes=30 + number, what=long) for number in range(1, 8)]
    texts = claim(db, now)
    assert [number for text in texts for number in CODES.findall(text.body)] == [str(10 + n) for n in range(1, 8)]
    assert 2 <= len(texts) <= 3
    assert all(segments(text.body).count <= 2 for text in texts)
    assert all(text.body.count("K7Q") == len(CODES.findall(text.body)) for text in texts)
    assert {row(db, number).state for number in made} == {TextState.SENDING}


def test_a_number_that_opted_out_gets_none_of_it(db: Database, now: datetime) -> None:
    page(db, now, 1)
    page(db, now, 2, due_at=now + timedelta(seconds=2))
    with db.transaction() as session:
        service.opt_out(session, RAVI, now, "sent STOP")
    assert claim(db, now) == []


def test_two_workers_claim_each_page_once(db: Database, now: datetime) -> None:
    for number in range(1, 9):
        page(db, now, number)
    shares = at_once(*[lambda: claim(db, now, limit=2)] * 4)
    rest = claim(db, now)
    codes = [code for share in [*shares, rest] for text in share for code in CODES.findall(text.body) or [text.body]]
    alone = {f"K7Q{number} alone": str(10 + number) for number in range(1, 9)}
    assert sorted(alone.get(code, code) for code in codes) == sorted(alone.values())


# --- one fate --------------------------------------------------------------------------------------------------------


@pytest.fixture
def three(db: Database, now: datetime) -> tuple[int, int, int]:
    loosen(db)
    made = [page(db, now, number, minutes=30 * number, page_id=number, order_id=number) for number in (1, 2, 3)]
    return made[0], made[1], made[2]


def test_an_undelivered_text_is_news_of_every_page_in_it(
    db: Database, now: datetime, three: tuple[int, int, int]
) -> None:
    (text,) = claim(db, now)
    settle(db, text, accepted("SM1"), now)
    told = receipt(db, now, "SM1", "undelivered", 30003)
    assert [told.page_id, *(page.page_id for page in told.with_it)] == [1, 2, 3]
    assert all(each.is_unreachable for each in (told, *told.with_it))
    assert [(row(db, n).state, row(db, n).error_code) for n in three] == [(TextState.UNDELIVERED, 30003)] * 3
    assert receipt(db, now, "SM1", "undelivered", 30003) is None


def test_after_a_failed_try_what_is_left_leaves_together_again(
    db: Database, now: datetime, three: tuple[int, int, int]
) -> None:
    (text,) = claim(db, now)
    # While it was on its way somebody took the first.
    assert withdraw(db, now, three[0]) == 0
    settle(db, text, Attempt(outcome=Outcome.RETRY, error="no connection"), now)
    assert [row(db, n).state for n in three] == [TextState.EXPIRED, TextState.QUEUED, TextState.QUEUED]
    assert leads(db, *three) == [None] * 3
    (again,) = claim(db, now + MINUTE)
    assert (again.outbox_id, CODES.findall(again.body)) == (three[1], ["12", "13"])


def test_a_text_that_the_account_cant_send_is_held_page_by_page(
    db: Database, now: datetime, three: tuple[int, int, int]
) -> None:
    (text,) = claim(db, now)
    told = settle(db, text, Attempt(outcome=Outcome.CONFIGURATION, error_code=20003, error="suspended"), now)
    assert told
    assert len(told.with_it) == 2
    assert [(row(db, n).state, row(db, n).hold, row(db, n).lead_id) for n in three] == [
        (TextState.HELD, Hold.CONFIGURATION, None)
    ] * 3
    sweep(db, now + MINUTE)
    (again,) = claim(db, now + MINUTE)
    assert len(CODES.findall(again.body)) == 3


def test_given_back_it_was_never_tried(db: Database, now: datetime, three: tuple[int, int, int]) -> None:
    (text,) = claim(db, now)
    with db.transaction() as session:
        service.give_back(session, text, now)
    assert [(row(db, n).state, row(db, n).attempts, row(db, n).bundle) for n in three] == [
        (TextState.QUEUED, 0, None)
    ] * 3


@pytest.mark.parametrize("has_left", [True, False])
def test_a_worker_dies_between_claim_and_settle(house: House, three: tuple[int, int, int], *, has_left: bool) -> None:
    db, now = house.db, house.now()
    (text,) = claim(db, now)
    if has_left:
        house.provider.send(to=text.to_phone, body=text.body, status_callback=None, validity_seconds=None)
    house.run(seconds=61, times=3)
    bodies = [sent.body for sent in house.provider.texts]
    assert [CODES.findall(body) for body in bodies] == [["11", "12", "13"]]
    assert [row(db, n).state for n in three] == [TextState.SENT] * 3
    # The dead one wakes up and can settle nothing.
    assert settle(db, text, accepted("SMlate"), house.now()) is None
    assert row(db, three[0]).provider_sid != "SMlate"


def test_an_answer_that_was_lost_is_looked_for_once(house: House, three: tuple[int, int, int]) -> None:
    house.provider.keeps_unknown = True
    house.provider.answers = [Attempt(outcome=Outcome.UNKNOWN, error="no answer")]
    house.run(seconds=15, times=3)
    assert len(house.provider.texts) == 1
    assert [row(house.db, n).state for n in three] == [TextState.SENT] * 3
    assert {told.outbox_id for told in house.told} == {three[0]}


def test_the_receipt_that_is_faster_than_the_answer_settles_all(
    db: Database, now: datetime, three: tuple[int, int, int]
) -> None:
    (text,) = claim(db, now)
    assert receipt(db, now, "SM1", "delivered", o=text.outbox_id)
    assert [row(db, n).state for n in three] == [TextState.DELIVERED] * 3
    assert settle(db, text, accepted("SM1"), now) is None


def sent_again(db: Database, now: datetime, text_id: int) -> datetime:
    """A text whose answer was lost, and which the provider's list did not show: it is queued once more. When."""
    (text,) = claim(db, now)
    settle(db, text, Attempt(outcome=Outcome.UNKNOWN, error="no answer"), now)
    later = now + MINUTE
    with db.transaction() as session:
        (doubt,) = service.claim_expired(session, later, 10)
        service.settle_found(session, doubt, [], later)
    assert row(db, text_id).state is TextState.QUEUED
    return later


def test_one_that_had_left_before_does_not_share_the_fate_of_the_text_it_was_to_go_in(house: House) -> None:
    """The provider was slow to say so: it is neither sent once more, nor in doubt for ever."""
    loosen(house.db)
    db, first = house.db, page(house.db, house.now(), 1, page_id=1, order_id=1)
    now = sent_again(db, house.now(), first)
    lead = page(db, now, 2, minutes=10, page_id=2, order_id=2)
    (text,) = claim(db, now)
    assert leads(db, first, lead) == [lead, None]
    receipt(db, now, "SMearlier", "delivered", o=first)
    settle(db, text, Attempt(outcome=Outcome.RETRY, error="too many"), now)
    house.run(seconds=60, times=5)
    assert (row(db, first).state, row(db, lead).state) == (TextState.DELIVERED, TextState.SENT)
    assert [sent.body for sent in house.provider.texts] == ["K7Q2 alone"]


def test_news_of_the_leads_earlier_text_is_none_of_those_that_go_with_it_now(house: House) -> None:
    """They were not in that text: whatever becomes of the one that they are in, they leave."""
    loosen(house.db)
    db, lead = house.db, page(house.db, house.now(), 1, minutes=30, page_id=1, order_id=1)
    now = sent_again(db, house.now(), lead)
    new = page(db, now, 2, minutes=50, page_id=2, order_id=2)
    (text,) = claim(db, now)
    assert leads(db, lead, new) == [None, lead]
    with db.transaction() as session:
        said = {"sid": "SMearlier", "status": "delivered", "error_code": None, "outbox_id": lead, "attempt": 1}
        told = service.record_receipt(session, **said, now=now)
    assert told is not None
    assert told.with_it == ()
    assert settle(db, text, Attempt(outcome=Outcome.RETRY, error="too many"), now) is None
    house.run(seconds=61, times=5)
    assert (row(db, lead).state, row(db, new).state) == (TextState.DELIVERED, TextState.SENT)
    assert [sent.body for sent in house.provider.texts] == ["K7Q2 alone"]


def test_two_workers_send_it_once(house: House, three: tuple[int, int, int]) -> None:
    other = another_worker(house)
    try:
        at_once(house.delivery.run_once, other.run_once)
    finally:
        other.close()
    said = [code for text in house.provider.texts for code in CODES.findall(text.body) or [text.body]]
    assert len(said) == 3
    assert {row(house.db, n).state for n in three} == {TextState.SENT}


def test_it_is_listed_once_and_found_for_each_order(db: Database, now: datetime, three: tuple[int, int, int]) -> None:
    (text,) = claim(db, now)
    settle(db, text, accepted("SM1"), now)
    with db.snapshot() as session:
        (listed,) = list_messages(session).items
        assert listed.order_ids == (1, 2, 3)
        assert listed.body == text.body
        for order_id in (1, 2, 3):
            assert list_messages(session, order_id=order_id).items == [listed]


# --- the ladder ------------------------------------------------------------------------------------------------------


@pytest.fixture
def shop(world: World) -> World:
    """One rider on a shift, a manager on call, and the founder."""
    world.shop(step_min_seconds=120, step_max_seconds=600)
    world.person("Ravi", role="staff")
    world.person("Maya", role="manager", shifts=None, on_call=True)
    world.person("Anand", role="founder", shifts=None)
    world.ignore_rest()
    return world


def in_danger(world: World, count: int) -> list[str]:
    refs = [world.order(minutes=33, customer_name=f"Customer {number}") for number in range(count)]
    for ref in refs:
        world.procure(ref, "bought")
        world.move(ref, "pack")
    return refs


def bodies(world: World, name: str) -> list[str]:
    return [text.body for text in world.city.texts() if text.to == world.numbers[name]]


def test_ok_means_what_has_been_read_not_what_is_still_to_leave(shop: World) -> None:
    (first,) = in_danger(shop, 1)
    shop.tick()
    # The other's page waits for what else comes in the same breath.
    (second,) = in_danger(shop, 1)
    shop.tick()
    assert shop.pages(second)["Ravi"]["sent_at"] is None
    shop.phone("Ravi").replies("ok").expects(first, "is yours")


def test_the_first_leaves_at_once_and_what_follows_in_the_same_breath_as_one(shop: World) -> None:
    refs = in_danger(shop, 1)
    shop.tick()
    (first,) = bodies(shop, "Ravi")
    assert f"{refs[0]}: Please take" in first
    refs += in_danger(shop, 3)
    shop.tick()
    assert bodies(shop, "Ravi") == [first]
    shop.advance(minutes=0.05)
    _, rest = bodies(shop, "Ravi")
    assert rest.startswith("3 orders need somebody.")
    assert [ref for ref in refs if f"{ref}: " in first + rest] == refs
    assert {page["Ravi"]["receipt"] for page in map(shop.pages, refs)} == {"delivered"}
    # Which of them is meant must be said; several may be.
    shop.phone("Ravi").replies("ok").expects("Which one?")
    codes = CODES.findall(rest)
    shop.phone("Ravi").replies(f"{codes[0]}A {codes[1]}a, {codes[2]}x")
    assert sorted(shop.escalation(ref)["state"] for ref in refs) == ["accepted", "accepted", "open", "open"]
    assert "is yours" in bodies(shop, "Ravi")[-1] + bodies(shop, "Ravi")[-2]


def test_an_undelivered_text_moves_every_ladder_in_it(shop: World) -> None:
    refs = in_danger(shop, 1)
    shop.tick()
    refs += in_danger(shop, 3)
    shop.fault("undelivered", name="Ravi", count=1)
    shop.advance(minutes=0.1)
    lost = [ref for ref in refs if shop.pages(ref)["Ravi"]["answer"] == "unreachable"]
    assert lost == refs[1:]
    assert all("Maya" in shop.asked(ref) for ref in lost)


def test_a_stand_down_in_the_breath_keeps_the_part_from_leaving(shop: World) -> None:
    in_danger(shop, 1)
    shop.tick()
    waiting = in_danger(shop, 3)
    shop.tick()
    shop.move(waiting[0], "cancel", reason="not needed any more")
    shop.advance(minutes=0.05)
    rest = bodies(shop, "Ravi")[1]
    assert waiting[0] not in rest
    assert len(CODES.findall(rest)) == 2
    # Nobody is stood down from what they never heard of.
    assert not [body for body in bodies(shop, "Ravi") if waiting[0] in body]


def test_where_phones_cant_answer_there_is_the_link_alone(shop: World) -> None:
    shop.person("Asha", role="staff", phone="+919810012345")
    in_danger(shop, 2)
    shop.tick()
    (rest,) = bodies(shop, "Asha")
    assert rest.startswith("2 orders need somebody.")
    assert "Reply" not in rest
    assert not CODES.search(rest)
    assert "/a?t=" in rest


def test_the_cap_counts_one_text(shop: World) -> None:
    shop.shop(page_cap_per_hour=3)
    in_danger(shop, 3)
    shop.tick()
    assert len(bodies(shop, "Ravi")) == 1
    (one,) = in_danger(shop, 1)
    shop.advance(minutes=0.1)
    assert shop.pages(one)["Ravi"]["answer"] is None
    assert len(bodies(shop, "Ravi")) == 2


# --- copies ----------------------------------------------------------------------------------------------------------


def test_after_an_outage_the_founder_gets_one_copy(shop: World) -> None:
    """Asked again and again while nothing left: the newest words leave, once."""
    shop.pause("Ravi", minutes=120)
    shop.pause("Maya", minutes=120)
    shop.fault("rate_limited", count=100_000)
    (ref,) = in_danger(shop, 1)
    shop.advance(minutes=15)
    copies = shop.look(select(OutgoingText).where(OutgoingText.staff_id == shop.people["Anand"]))
    texts = [copy for copy in copies if copy.channel is Channel.SMS]
    assert len(texts) >= 2
    assert [copy.state for copy in texts[:-1]] == [TextState.EXPIRED] * (len(texts) - 1)
    # The outage is as old as it is.
    assert texts[-1].failing_since == min(copy.created_at for copy in texts)
    shop.city.sim.state.faults.clear()
    shop.advance(minutes=2)
    about = [body for body in bodies(shop, "Anand") if ref in body]
    assert len(about) == 1
    assert about[0].startswith("Still nobody")
