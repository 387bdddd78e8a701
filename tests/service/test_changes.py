"""Whoever has an order hears it when it goes somewhere else, or is promised anew; on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dispatch.orders.timetable import rearm
from tests.world import World, city, world

__all__ = ["city", "world"]


@pytest.fixture
def shop(world: World) -> World:
    """Two of all trades on a shift."""
    world.person("Ravi", role="staff")
    world.person("Sita", role="staff")
    world.is_about_staff = True
    return world


def taken(shop: World) -> str:
    """Ravi has said yes, and is still here."""
    ref = shop.order(minutes=33)
    shop.procure(ref, "bought")
    shop.move(ref, "pack")
    shop.tick()
    shop.phone("Ravi").expects(ref, "Please take").replies("#A").expects("is yours, to 12 Lake Road")
    shop.phone("Sita").expects(ref, "Please take").expects("Ravi has taken")
    return ref


def test_the_taker_hears_of_another_door_and_another_time_in_one_text(shop: World) -> None:
    ref = taken(shop)
    later = shop.now + timedelta(minutes=90)
    shop.change(ref, address="99 Other Street, Flat 7", promised_by=later, why="the customer asked", agreed=True)
    shop.phone("Ravi").expects(f"{ref} has changed: it goes to 99 Other Street, Flat 7, and is now promised by 15:30.")
    # Looking again tells nobody again.
    shop.do(lambda session: rearm(session, [shop.order_row(ref).id], shop.now))
    shop.tick()
    shop.phone("Ravi").expects_nothing()
    shop.phone("Sita").expects_nothing()


def test_on_the_road_the_carrier_hears_it_also_when_nobody_was_asked(shop: World) -> None:
    ref = shop.order(minutes=200)
    shop.procure(ref, "bought")
    shop.move(ref, "pack")
    shop.change(ref, address="1 First Street")
    shop.move(ref, "hand_over", staff_id=shop.people["Sita"])
    shop.tick()
    # What was changed before is what they were told at the desk; another reason sends nobody anywhere.
    shop.change(ref, reason="exam today")
    shop.phone("Sita").expects_nothing()
    shop.change(ref, address="99 Other Street")
    shop.phone("Sita").expects(f"{ref} has changed: it goes to 99 Other Street.").expects_nothing()


def test_who_only_buys_hears_the_time_and_not_the_door(world: World) -> None:
    world.person("Bina", role="buyer")
    world.person("Ravi", role="rider")
    world.is_about_staff = True
    ref = world.order(minutes=110)
    world.tick()
    bina = world.phone("Bina").expects(ref, "Please buy").replies("#A").expects("is yours")
    world.change(ref, address="99 Other Street")
    bina.expects_nothing()
    world.change(ref, promised_by=world.now + timedelta(minutes=180), why="the customer asked", agreed=True)
    bina.expects(f"{ref} has changed: it is now promised by 17:00.").expects_nothing()
