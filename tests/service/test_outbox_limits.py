"""Texts that we hold back ourselves: other countries, too many for one number, the month's budget."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from dispatch.messaging import service
from dispatch.messaging.delivery import Delivery
from dispatch.messaging.limit_rules import Limits
from dispatch.messaging.rules import Hold, Kind, TextState
from dispatch.messaging.sender import used_this_month
from tests.service.test_outbox_kit import MEENA, House, another_worker, house, put, row

__all__ = ["house"]
PARIS = "+33612345678"


@pytest.fixture
def limits() -> list[Limits]:
    """What holds just now: the last of them."""
    return [Limits()]


@pytest.fixture
def limited(house: House, limits: list[Limits]) -> Iterator[Delivery]:
    made = another_worker(house, limits=lambda session: limits[-1])
    yield made
    made.close()


def used(house: House) -> int:
    with house.db.snapshot() as session:
        return used_this_month(session, house.now())


def run_on(delivery: Delivery) -> None:
    """What is held is queued again by one round, and leaves with the next, which comes at once."""
    delivery.run_once()
    delivery.run_once()


def test_a_number_in_another_country_is_held_with_its_words_and_the_next_is_asked(
    house: House, limited: Delivery, limits: list[Limits]
) -> None:
    limits.append(Limits(prefixes=frozenset({"+44"})))
    abroad, here = put(house.db, house.now(), to_phone=PARIS), put(house.db, house.now())
    limited.run_once()
    held = row(house.db, abroad)
    assert (held.state, held.hold, held.provider_sid) == (TextState.HELD, Hold.CONFIGURATION, None)
    assert "+33" in held.error
    assert [told.is_unreachable for told in house.told if told.outbox_id == abroad] == [True]
    assert house.state(here) is TextState.SENT
    assert len(house.provider.tries) == 1
    with house.db.snapshot() as session:
        assert service.outage(session, house.now()) is None
    limits.append(Limits(prefixes=frozenset({"+44", "+33"})))
    house.clock.advance(seconds=60)
    run_on(limited)
    assert house.state(abroad) is TextState.SENT


def test_nobody_gets_more_than_so_many_in_a_day_but_everybody_is_stood_down(
    house: House, limited: Delivery, limits: list[Limits]
) -> None:
    limits.append(Limits(per_day=3))
    pages = [put(house.db, house.now()) for _ in range(5)]
    down = put(house.db, house.now(), kind=Kind.STAND_DOWN)
    other = put(house.db, house.now(), to_phone=MEENA)
    limited.run_once()
    states = [house.state(number) for number in pages]
    assert (states.count(TextState.SENT), states.count(TextState.HELD)) == (3, 2)
    assert house.state(down) is house.state(other) is TextState.SENT
    assert sum(told.is_unreachable for told in house.told) == 2
    later = put(house.db, house.now())
    limited.run_once()
    assert house.state(later) is TextState.HELD
    house.clock.advance(seconds=timedelta(days=1).total_seconds())
    run_on(limited)
    assert house.state(later) is TextState.SENT


def test_a_months_budget_counts_segments_and_starts_anew(house: House, limited: Delivery, limits: list[Limits]) -> None:
    limits.append(Limits(per_month=10))
    for _ in range(4):
        put(house.db, house.now(), body="a" * 200)
    limited.run_once()
    assert used(house) == 8
    fits = put(house.db, house.now(), kind=Kind.NOTICE, body="b")
    limited.run_once()
    too_much = put(house.db, house.now(), kind=Kind.NOTICE, body="c")
    page = put(house.db, house.now(), to_phone=MEENA)
    limited.run_once()
    last, down = put(house.db, house.now()), put(house.db, house.now(), kind=Kind.STAND_DOWN)
    limited.run_once()
    assert house.state(fits) is house.state(page) is house.state(down) is TextState.SENT
    assert house.state(too_much) is house.state(last) is TextState.HELD
    assert not any(told.is_unreachable for told in house.told)
    with house.db.snapshot() as session:
        outage = service.outage(session, house.now())
    assert outage is not None
    assert "DISPATCH_TEXTS_PER_MONTH" in outage.error
    house.clock.advance(seconds=timedelta(days=8).total_seconds())
    assert used(house) == 0
    run_on(limited)
    assert house.state(last) is TextState.SENT


def test_without_a_budget_nothing_is_counted(house: House) -> None:
    put(house.db, house.now())
    house.run()
    assert used(house) == 0
