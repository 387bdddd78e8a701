"""What a page asks somebody to get, where and when, on both databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dispatch.escalation.job import job_of
from dispatch.escalation.rules import Need
from dispatch.escalation.wording import Job
from dispatch.orders.service import NewLine, find_order
from tests.world import World, city, world

__all__ = ["city", "world"]


def line(sku: str, title: str, quantity: int = 1) -> NewLine:
    return NewLine(title=title, sku=sku, quantity=quantity)


@pytest.fixture
def shop(world: World) -> Iterator[World]:
    """Kala Books, on a Tuesday at 14:00; City Books has Physics 2, Crossword the Star Atlas."""
    world.shop(opening_hours="24/7")
    world.supplier("city", name="City Books", travel_minutes=10, procure_minutes=20)
    world.supplier("cross", name="Crossword", travel_minutes=10, procure_minutes=20)
    world.item("physics", title="Physics 2", suppliers=("city",))
    world.item("atlas", title="Star Atlas", suppliers=("cross",))
    world.item("pencil", 10, title="Pencil")
    world.person("Ravi", role="staff", shifts="24/7")
    world.is_about_staff = True
    yield world
    world.ignore_rest()


PHYSICS, ATLAS, PENCILS = line("physics", "Physics 2"), line("atlas", "Star Atlas"), line("pencil", "Pencil", 3)


def asked_for(world: World, ref: str, need: Need = Need.PROCURE_AND_DELIVER) -> Job:
    with world.db.snapshot() as session:
        return job_of(session, find_order(session, ref), need, world.now)


# --- what ------------------------------------------------------------------------------------------------------------


def test_nobody_is_asked_to_buy_what_lies_on_our_shelf(shop: World) -> None:
    ref = shop.order(minutes=60, lines=(PHYSICS, PENCILS))
    shop.tick()
    shop.phone("Ravi").expects(
        f"{ref}: Please buy Physics 2 at City Books, fetch the rest (3x Pencil) at Kala Books and take it to Arjun"
    )


def test_whoever_buys_alone_hears_of_what_is_missing_alone(shop: World) -> None:
    job = asked_for(shop, shop.order(minutes=60, lines=(PHYSICS, PENCILS)), Need.PROCURE)
    assert (job.what, job.rest) == ("Physics 2", "")


def test_what_has_been_bought_since_then_is_not_asked_for_again(shop: World) -> None:
    ref = shop.order(minutes=60, lines=(PHYSICS,))
    shop.procure(ref, "bought")
    job = asked_for(shop, ref)
    assert (job.need, job.what, job.from_where, job.rest) == (Need.DELIVER, "Physics 2", "Kala Books", "")
