"""What a page asks somebody to get, where and when, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from dispatch.escalation.job import job_of
from dispatch.escalation.page_wording import page
from dispatch.escalation.rules import Need
from dispatch.escalation.shopping import stops_for
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


# --- where -----------------------------------------------------------------------------------------------------------


def bought(world: World, *lines: NewLine, minutes: float = 100) -> str:
    """What a page about them says is to be bought, and where."""
    text = page(asked_for(world, world.order(minutes=minutes, lines=lines)), code=11, link="x", takes_replies=True)
    return text.partition("Please buy ")[2].partition(" and take it to ")[0]


def test_where_no_shop_has_all_it_says_which_at_which(shop: World) -> None:
    shop.supplier("poems", name="Poem Corner")
    shop.item("poems", title="Poems", suppliers=("poems",))
    assert bought(shop, PHYSICS, ATLAS) == "Physics 2 at City Books, Star Atlas at Crossword"
    three = "Physics 2 at City Books, Star Atlas at Crossword, Poems at Poem Corner"
    assert bought(shop, PHYSICS, ATLAS, line("poems", "Poems")) == three
    assert bought(shop, PHYSICS, NewLine(title="A map")) == "Physics 2 at City Books, A map at any shop in town"


def test_one_shop_or_another_is_said_where_either_has_everything(shop: World) -> None:
    shop.item("physics", title="Physics 2", suppliers=("city", "cross"))
    assert bought(shop, PHYSICS) == "Physics 2 at City Books or Crossword"
    shop.item("atlas", title="Star Atlas", suppliers=("cross", "city"))
    assert bought(shop, PHYSICS, ATLAS) == "Physics 2, Star Atlas at City Books or Crossword"


def test_the_shop_that_has_everything_is_the_only_one(shop: World) -> None:
    shop.item("physics", title="Physics 2", suppliers=("city", "cross"))
    assert bought(shop, PHYSICS, ATLAS) == "Physics 2, Star Atlas at Crossword"


def test_what_is_put_aside_is_collected_where_it_lies(shop: World) -> None:
    shop.item("physics", title="Physics 2", suppliers=("city", "cross"))
    ref = shop.order(minutes=100, lines=(PHYSICS,))
    shop.procure(ref, "reserved", supplier="cross")
    assert asked_for(shop, ref).from_where == "Crossword"


def test_the_stops_are_one_for_each_place(shop: World) -> None:
    ref = shop.order(minutes=100, lines=(PHYSICS, ATLAS))
    with shop.db.snapshot() as session:
        found = stops_for(session, find_order(session, ref), shop.now)
        assert [supplier.name for supplier in found] == ["City Books", "Crossword"]


# --- when ------------------------------------------------------------------------------------------------------------


ALL_CLOSED = "Physics 2 at any shop that has it (City Books and Crossword are closed)"


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        # It is Tuesday, 14:00, and ten minutes' way.
        ("Mo,We-Su 09:00-21:00", "24/7", "Physics 2 at Crossword"),
        ("Mo-Su 09:00-14:10", "24/7", "Physics 2 at Crossword"),
        ("Mo-Su 14:10-21:00", "24/7", "Physics 2 at City Books or Crossword"),
        ("Mo-Su 17:00-21:00", "24/7", "Physics 2 at Crossword or City Books (opens 17:00)"),
        ("Mo-Su 19:00-21:00", "We 09:00-21:00", ALL_CLOSED),
    ],
)
def test_nobody_is_sent_to_a_closed_door(shop: World, first: str, second: str, said: str) -> None:
    for code, name, hours in (("city", "City Books", first), ("cross", "Crossword", second)):
        shop.supplier(code, hours, name=name, travel_minutes=10, procure_minutes=20)
    shop.item("physics", title="Physics 2", suppliers=("city", "cross"))
    assert bought(shop, PHYSICS, minutes=240) == said


def test_a_page_about_a_closed_shop_says_so(shop: World) -> None:
    shop.supplier("city", "Mo,We-Su 09:00-21:00", name="City Books", travel_minutes=10, procure_minutes=20)
    ref = shop.order(minutes=240, lines=(PHYSICS,))
    shop.tick()
    shop.phone("Ravi").expects(ref, "Please buy Physics 2 at any shop that has it (City Books is closed) and take it")


def test_what_opens_in_time_is_not_to_be_started_now(shop: World) -> None:
    shop.supplier("city", "Mo-Su 09:30-13:00", name="City Books", travel_minutes=10, procure_minutes=20)
    ref = shop.order(shop.at("10:00") + timedelta(days=1), lines=(PHYSICS,))
    shop.tick()
    job = asked_for(shop, ref)
    assert (job.from_where, job.start) == ("City Books (opens 09:30 on Wed)", "be there when it opens")
