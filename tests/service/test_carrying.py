"""Somebody buys it, and meanwhile nobody is left to carry it: that is asked for now; and who takes too much is told."""

from __future__ import annotations

from typing import Any

import pytest

from dispatch.escalation.queries import list_escalations
from dispatch.orders.timetable import rearm
from tests.world import World, city, world

__all__ = ["city", "world"]


@pytest.fixture
def shop(world: World) -> World:
    """A buyer and a rider on a shift, another rider and the manager on call; the other shop closes at 18:00."""
    world.shop(step_min_seconds=120, step_max_seconds=600)
    world.supplier("academic", hours="Mo-Su 09:00-18:00")
    world.item("book", 0, suppliers=("academic",))
    world.person("Bela", role="buyer")
    world.person("Ravi")
    world.person("Tara", shifts=None, on_call=True)
    world.person("Anand", role="founder", shifts=None)
    world.ignore_rest()
    return world


def being_bought(world: World) -> str:
    """Bela has taken the buying; Ravi is there to carry it. Then Ravi is gone."""
    ref = world.order("18:30", sku="book")
    world.tick()
    while not world.has_escalation(ref):
        world.advance(minutes=5)
    assert world.escalation(ref)["need"] == "procure"
    world.phone("Bela").expects(ref).replies("#A").expects("is yours")
    world.phone("Ravi").expects_nothing()
    return ref


def calls(world: World, ref: str) -> dict[str, str]:
    """What is asked for, and how it stands."""
    return {call["need"]: call["state"] for call in all_calls(world, ref)}


def all_calls(world: World, ref: str) -> list[dict[str, Any]]:
    with world.db.snapshot() as session:
        return list_escalations(session, order=ref)[0]


def test_a_carrier_is_asked_for_while_it_is_being_bought(shop: World) -> None:
    ref = being_bought(shop)
    shop.pause("Ravi", minutes=600)
    shop.advance(minutes=1)
    assert calls(shop, ref) == {"procure": "accepted", "deliver": "open"}
    shop.phone("Tara").expects(ref, "Please take").replies("#A").expects("is yours")
    assert calls(shop, ref) == {"procure": "accepted", "deliver": "accepted"}
    assert shop.order_row(ref).taker_id == shop.people["Tara"]
    # Bela is not stood down, and her word ends her part alone.
    shop.phone("Bela").replies("#P").expects("noted as bought")
    assert calls(shop, ref) == {"procure": "resolved", "deliver": "accepted"}
    assert shop.order_row(ref).taker_id == shop.people["Tara"]
    shop.phone("Tara").replies("#P").expects("on the way").replies("#D").expects("Well done")
    assert shop.see(ref)["status"] == "delivered"
    assert calls(shop, ref) == {"procure": "resolved", "deliver": "resolved"}


def test_looking_again_asks_nobody_again(shop: World) -> None:
    ref = being_bought(shop)
    shop.pause("Ravi", minutes=600)
    shop.advance(minutes=1)
    before = all_calls(shop, ref)
    for _ in range(3):
        shop.do(lambda session: rearm(session, [shop.order_row(ref).id], shop.now))
        shop.tick()
    assert [call["id"] for call in all_calls(shop, ref)] == [call["id"] for call in before]
    assert shop.events(ref).count("asked") == 2


def test_whoever_buys_hands_back_and_both_parts_are_asked_for(shop: World) -> None:
    shop.person("Bruno", role="buyer", shifts=None, on_call=True)
    ref = being_bought(shop)
    shop.pause("Ravi", minutes=600)
    shop.advance(minutes=1)
    shop.phone("Tara").expects(ref).replies("#A").expects("is yours")
    shop.phone("Bela").replies("#R").expects("handed back")
    assert calls(shop, ref) == {"procure": "open", "deliver": "accepted"}
    assert shop.order_row(ref).taker_id == shop.people["Tara"]
    shop.phone("Bruno").expects(ref, "Please buy").replies("#A").expects("is yours")
    assert calls(shop, ref) == {"procure": "accepted", "deliver": "accepted"}
    assert shop.order_row(ref).taker_id == shop.people["Tara"]


def test_a_cancelled_order_ends_both(shop: World) -> None:
    ref = being_bought(shop)
    shop.pause("Ravi", minutes=600)
    shop.advance(minutes=1)
    shop.move(ref, "cancel", reason="not needed")
    shop.tick()
    assert calls(shop, ref) == {"procure": "cancelled", "deliver": "cancelled"}
    shop.phone("Bela").expects(ref, "cancelled")
    shop.phone("Tara").expects(ref, "Please take").expects(ref, "cancelled")


# --- more than one can do --------------------------------------------------------------------------------------------


@pytest.fixture
def alone(world: World) -> World:
    """One rider, and the founder."""
    world.shop(step_min_seconds=120, step_max_seconds=600)
    world.person("Ravi")
    world.person("Anand", role="founder", shifts=None)
    world.ignore_rest()
    return world


def ready(world: World, **changes: Any) -> str:
    ref = world.order(minutes=33, **changes)
    world.procure(ref, "bought")
    world.move(ref, "pack")
    world.tick()
    return ref


def test_whoever_takes_what_they_cant_keep_hears_it_at_once(alone: World) -> None:
    first = ready(alone)
    alone.phone("Ravi").expects(first, "Reply").replies("#A").expects(first, "is yours")
    assert "too_much" not in alone.events(first)
    alone.advance(minutes=0.1)
    second = ready(alone, customer_name="Zoe", address="9 Hill Road, at the far end of town")
    alone.phone("Ravi").expects(second, "Reply").replies("#A").expects(second, "is yours", f"You have {first} as well")
    assert "too_much" in alone.events(second)


def test_the_same_way_is_no_clash(alone: World) -> None:
    first = ready(alone)
    alone.phone("Ravi").expects(first, "Reply").replies("#A").expects(first, "is yours")
    alone.advance(minutes=0.1)
    second = ready(alone, customer_name="Zoe")
    alone.phone("Ravi").expects(second, "Reply").replies("#A")
    said = alone.phone("Ravi").expects(second, "is yours").last
    assert said
    assert "as well" not in said.body


def test_one_after_the_other_is_no_clash(alone: World) -> None:
    first = ready(alone)
    alone.phone("Ravi").expects(first, "Reply").replies("#A").expects(first, "is yours")
    later = alone.order(minutes=300, customer_name="Zoe", address="9 Hill Road")
    alone.procure(later, "bought")
    alone.move(later, "pack")
    alone.pause("Anand", minutes=600)
    alone.tick()
    assert "too_much" not in [*alone.events(first), *alone.events(later)]
