"""When the provider comes back after an hour: what still makes sense leaves, and nobody is flooded."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from dispatch.messaging.rules import Channel, Kind
from dispatch.messaging.tables import OutgoingText
from tests.world import World, city, world

__all__ = ["city", "world"]


@pytest.fixture
def shop(world: World) -> World:
    """A rider and a founder; the provider is away from now on."""
    world.item("novel", 9, title="A Novel")
    world.person("Ravi", role="rider", shifts="Mo-Sa 10:00-19:00")
    world.person("Anand", role="founder", shifts=None)
    world.fault("rate_limited", count=100_000)
    return world


def states(world: World, kind: Kind) -> list[str]:
    mine = (OutgoingText.kind == kind, OutgoingText.channel == Channel.SMS)
    query = select(OutgoingText).where(*mine).order_by(OutgoingText.id)
    return [row.state.value for row in world.look(query)]


def back(world: World) -> None:
    world.city.sim.state.faults.clear()
    world.advance(minutes=2)


def hand_over(world: World, ref: str) -> None:
    world.advance(minutes=20)
    world.move(ref, "pack")
    world.move(ref, "hand_over", staff_id=world.people["Ravi"])


def test_confirmed_on_its_way_and_delivered_become_delivered(shop: World) -> None:
    ref = shop.order("18:00", sku="novel", title="A Novel", travel_minutes=20)
    hand_over(shop, ref)
    shop.advance(minutes=20)
    shop.move(ref, "deliver")
    shop.advance(minutes=20)
    assert states(shop, Kind.NOTICE) == ["expired", "expired", "queued"]
    back(shop)
    shop.phone("Arjun Mehta").expects("has been delivered").expects_nothing()


def test_what_is_on_its_way_is_told_alone(shop: World) -> None:
    ref = shop.order("18:00", sku="novel", title="A Novel", travel_minutes=20)
    hand_over(shop, ref)
    shop.advance(minutes=5)
    back(shop)
    shop.phone("Arjun Mehta").expects("Ravi", "on the way").expects_nothing()


def test_another_orders_news_stays(shop: World) -> None:
    one = shop.order("18:00", sku="novel", title="A Novel", travel_minutes=20, customer_name="Dev Menon")
    shop.order("18:30", sku="novel", title="A Novel", travel_minutes=20, customer_name="Asha Rao")
    hand_over(shop, one)
    shop.advance(minutes=5)
    back(shop)
    shop.phone("Dev Menon").expects("on the way").expects_nothing()
    shop.phone("Asha Rao").expects("has your order").expects_nothing()


def test_a_call_for_help_that_ended_meanwhile_wakes_nobody(shop: World) -> None:
    """The order was at risk and cancelled while the provider was away: nobody is asked, nobody hears old news."""
    ref = shop.order("14:50", sku="novel", title="A Novel", travel_minutes=40)
    shop.tick()
    assert shop.has_escalation(ref)
    assert set(states(shop, Kind.PAGE)) == {"queued"}
    shop.move(ref, "cancel", reason="other")
    shop.advance(minutes=40)
    assert set(states(shop, Kind.PAGE)) == {"expired"}
    # "We have your order", and the heads-up.
    assert states(shop, Kind.NOTICE) == ["expired", "expired"]
    back(shop)
    for name in ("Ravi", "Anand", "Arjun Mehta"):
        shop.phone(name).expects_nothing()


@pytest.fixture
def asked_before(world: World) -> str:
    """Ravi, Sita and Uma have been asked; then the provider goes away."""
    world.is_about_staff = True
    for name in ("Ravi", "Sita", "Uma"):
        world.person(name, role="staff")
    world.person("Anand", role="founder", shifts=None)
    ref = world.order(minutes=33)
    world.procure(ref, "bought")
    world.move(ref, "pack")
    world.tick()
    for name in ("Ravi", "Sita", "Uma"):
        world.phone(name).expects(ref, "Reply")
    world.fault("rate_limited", count=100_000)
    return ref


def take_by_link(world: World, ref: str) -> int:
    page = int(world.pages(ref)["Ravi"]["id"])
    world.answer(page, "accept")
    world.advance(minutes=1)
    return page


def test_an_old_stand_down_does_not_follow_a_new_call_for_help(world: World, asked_before: str) -> None:
    world.answer(take_by_link(world, asked_before), "hand_back")
    world.advance(minutes=1)
    back(world)
    assert world.escalation(asked_before)["state"] == "open"
    world.phone("Sita").expects(asked_before, "Reply").expects_nothing()
    world.ignore_rest()


def test_whoever_read_the_first_call_hears_that_the_second_was_taken(world: World, asked_before: str) -> None:
    world.answer(take_by_link(world, asked_before), "hand_back")
    world.advance(minutes=1)
    world.answer(int(world.pages(asked_before)["Uma"]["id"]), "accept")
    back(world)
    world.phone("Sita").expects("Uma has taken", asked_before).expects_nothing()
    world.ignore_rest()


def test_a_text_that_was_taken_back_does_not_count_for_the_hour(world: World) -> None:
    world.is_about_staff = True
    world.shop(page_cap_per_hour=1)
    world.person("Ravi", role="staff")
    world.fault("rate_limited", count=100_000, name="Ravi")
    first = world.order(minutes=33)
    world.advance(minutes=1)
    world.move(first, "cancel", reason="other")
    world.advance(minutes=1)
    assert states(world, Kind.PAGE) == ["expired"]
    world.city.sim.state.faults.clear()
    second = world.order(minutes=33, customer_name="Zoe")
    world.advance(minutes=1)
    assert "spared" not in world.events(second)
    world.phone("Ravi").expects(second, "Reply").expects_nothing()
    world.ignore_rest()


def test_what_came_back_to_the_shop_is_not_on_its_way(shop: World) -> None:
    ref = shop.order("18:00", sku="novel", title="A Novel", travel_minutes=20)
    hand_over(shop, ref)
    shop.advance(minutes=2)
    shop.move(ref, "fail", reason="flat tyre")
    shop.advance(minutes=2)
    back(shop)
    shop.phone("Arjun Mehta").expects_nothing()
    shop.move(ref, "hand_over", staff_id=shop.people["Ravi"])
    shop.advance(minutes=2)
    shop.phone("Arjun Mehta").expects("Ravi", "on the way").expects_nothing()


@pytest.mark.parametrize("is_relayed", [True, False], ids=["provider away", "we were away"])
def test_nobody_hears_by_when_they_will_have_it_after_that_time(shop: World, is_relayed: bool) -> None:
    shop.is_about_staff = True
    shop.order("17:00", sku="novel", title="A Novel", travel_minutes=20, customer_name="Zoe")
    if is_relayed:
        shop.advance(minutes=1)
    shop.clock.advance(seconds=(shop.at("17:01") - shop.now).total_seconds())
    back(shop)
    assert not [text for text in shop.city.texts() if text.to == shop.numbers["Zoe"] and "has your order" in text.body]
    shop.ignore_rest()
