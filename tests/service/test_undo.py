"""A slip of the hand is taken back: for ten seconds, by whoever did it, while nobody outside has heard of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from dispatch import rounds
from dispatch.foundation.errors import Conflict, NotFound, StaleVersion
from dispatch.messaging.service import opt_out
from dispatch.orders.rules import UNDO_FOR
from dispatch.orders.service import find_order, record
from dispatch.orders.tables import OrderEvent
from dispatch.orders.undo import just_done
from dispatch.procurement.service import get_item
from dispatch.procurement.tables import SupplierAnswer
from dispatch.promise.estimates import Kind
from dispatch.promise.happened import Happened, steps_taken, that_held
from dispatch.promise.undo import take_back
from tests.world import World, at_once, city, world

__all__ = ["city", "world"]


@pytest.fixture
def shop(world: World) -> World:
    """A rider, and two copies of an atlas; whatever must be bought is at City Books or at Old Books."""
    world.person("Ravi")
    world.person("Maya", role="manager")
    for code in ("city-books", "old-books"):
        world.supplier(code, travel_minutes=5, procure_minutes=5)
    world.item("atlas", 1)
    world.item("physics-2", suppliers=("city-books", "old-books"))
    world.ignore_rest()
    return world


def last(shop: World, ref: str) -> Any:
    query = select(OrderEvent).where(OrderEvent.order_id == shop.order_row(ref).id).order_by(OrderEvent.id.desc())
    return next(event for event in shop.look(query) if event.kind != "phone_customer")


def undo(shop: World, ref: str, event_id: int | None = None, **more: Any) -> None:
    given = {"actor": "desk", **more}
    number = event_id or last(shop, ref).id
    shop.do(lambda session: take_back(session, ref, number, shop.now, **given))


def carrier(shop: World, move: str) -> dict[str, int]:
    return {"staff_id": shop.people["Ravi"]} if move == "hand_over" else {}


def without_what_moves(seen: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in seen.items() if name != "version"}


@pytest.mark.parametrize(
    ("before", "move", "more"),
    [
        ([], "pack", {}),
        ([], "cancel", {"reason": "wrong order"}),
        (["pack"], "cancel", {"reason": "wrong order"}),
        (["pack", "hand_over"], "cancel", {"reason": "wrong order"}),
        (["pack"], "hand_over", {}),
        (["pack", "hand_over"], "deliver", {}),
    ],
)
def test_a_move_is_taken_back_goods_clock_and_all(
    shop: World, before: list[str], move: str, more: dict[str, Any]
) -> None:
    ref = shop.order("19:00", sku="atlas")
    shop.do(lambda session: opt_out(session, shop.order_row(ref).customer_phone, shop.now, "STOP"))
    for each in before:
        shop.move(ref, each, **carrier(shop, each))
    shop.tick()
    was, shelf = shop.see(ref), shop.do(lambda session: get_item(session, "atlas"))
    shop.move(ref, move, **more, **carrier(shop, move))
    event_id = last(shop, ref).id
    # Whether or not the rounds have been at it meanwhile: nobody was told.
    shop.tick()
    shop.clock.advance(seconds=9)
    undo(shop, ref)
    seen = shop.see(ref)
    assert {**without_what_moves(seen), "risk": None} == {**without_what_moves(was), "risk": None}
    assert seen["risk"]["level"] == was["risk"]["level"]
    assert seen["version"] == was["version"] + 2
    assert shop.do(lambda session: get_item(session, "atlas")) == shelf
    # Nothing is deleted, the clock is read again, and an impatient second tap is nothing new.
    events = shop.events(ref)
    assert events[-1] == "taken_back"
    assert shop.next_check(ref) == shop.now
    undo(shop, ref, event_id)
    assert shop.events(ref) == events


def test_only_at_once_only_by_whoever_did_it_and_only_while_nothing_else_happened(shop: World) -> None:
    ref = shop.order("19:00", sku="atlas")
    shop.move(ref, "pack")
    event = last(shop, ref)
    with pytest.raises(Conflict, match="Only desk"):
        undo(shop, ref, actor="somebody else")
    with pytest.raises(StaleVersion):
        undo(shop, ref, if_version=1)
    with pytest.raises(NotFound):
        undo(shop, shop.order("19:30", sku="atlas"), event.id)
    assert shop.do(lambda s: just_done(s, find_order(s, ref), shop.now, actor="desk")) is not None
    shop.do(lambda s: record(s, find_order(s, ref), "note", "Wrapped.", at=shop.now, actor="desk"))
    with pytest.raises(Conflict, match="something has happened since"):
        undo(shop, ref, event.id)
    shop.move(ref, "cancel", reason="wrong order")
    shop.clock.advance(seconds=UNDO_FOR.total_seconds() + 0.001)
    assert shop.do(lambda s: just_done(s, find_order(s, ref), shop.now, actor="desk")) is None
    with pytest.raises(Conflict, match="10 seconds"):
        undo(shop, ref)
    assert shop.see(ref)["status"] == "cancelled"


@pytest.mark.parametrize("kind", ["at_risk", "cause_changed", "safe_again"])
def test_what_the_clock_alone_says_after_a_move_is_no_reason_against_taking_it_back(shop: World, kind: str) -> None:
    ref = shop.order("19:00", sku="atlas")
    shop.tick()
    shop.clock.advance(seconds=1)
    shop.move(ref, "pack")
    number = last(shop, ref).id
    shop.do(lambda session: record(session, find_order(session, ref), kind, "So it is.", at=shop.now, actor="clock"))
    undo(shop, ref, number)
    assert shop.see(ref)["status"] == "packing"
    # And once more is once, whatever the clock says in between.
    shop.do(lambda session: record(session, find_order(session, ref), kind, "So it is.", at=shop.now, actor="clock"))
    undo(shop, ref, number)
    assert shop.events(ref).count("taken_back") == 1


def test_a_copy_that_somebody_else_has_got_meanwhile_is_not_taken_from_them(shop: World) -> None:
    ref = shop.order("19:00", sku="atlas")
    other = shop.order("19:30", sku="atlas")
    shop.move(ref, "cancel", reason="wrong order")
    shop.tick()
    assert shop.see(other)["lines"][0]["sourcing"] == "in_stock"
    with pytest.raises(Conflict, match="another order has got"):
        undo(shop, ref)
    assert shop.see(ref)["status"] == "cancelled"


def test_a_text_that_has_not_left_is_withdrawn_one_that_has_stays_true(shop: World) -> None:
    ref = shop.order("19:00", sku="atlas", customer_name="Dev")
    shop.move(ref, "pack")
    shop.tick()
    shop.phone("Dev").expects("has your order")
    shop.clock.advance(seconds=1)
    shop.move(ref, "hand_over", **carrier(shop, "hand_over"))
    rounds.relay(shop.runtime)
    undo(shop, ref)
    shop.tick()
    shop.phone("Dev").expects_nothing()
    # The next attempt is told of, and then there is nothing to take back.
    shop.move(ref, "hand_over", **carrier(shop, "hand_over"))
    shop.tick()
    shop.phone("Dev").expects("on the way")
    assert shop.do(lambda s: just_done(s, find_order(s, ref), shop.now, actor="desk")) is None
    with pytest.raises(Conflict, match="the customer has been told"):
        undo(shop, ref)
    shop.clock.advance(seconds=1)
    shop.move(ref, "deliver")
    rounds.relay(shop.runtime)
    undo(shop, ref)
    shop.move(ref, "deliver")
    shop.tick()
    shop.phone("Dev").expects("delivered")
    assert shop.see(ref)["status"] == "delivered"


def test_whoever_was_stood_down_is_not_called_back(shop: World) -> None:
    ref = shop.order(minutes=30, sku="physics-2")
    shop.tick()
    assert shop.asked(ref)
    shop.move(ref, "cancel", reason="wrong order")
    shop.tick()
    with pytest.raises(Conflict, match="told already"):
        undo(shop, ref)


def answers(shop: World) -> list[tuple[str, bool]]:
    rows = shop.look(select(SupplierAnswer).order_by(SupplierAnswer.id))
    return [(row.outcome.value, row.superseded_at is None) for row in rows]


def test_news_of_a_line_is_taken_back_and_teaches_nothing(shop: World) -> None:
    ref = shop.order("19:00", sku="physics-2")
    shop.procure(ref, "reserved", supplier="city-books", ready_at=shop.at("15:00"))
    was = shop.see(ref)
    shop.clock.advance(seconds=70)
    shop.procure(ref, "unavailable", supplier="city-books", note="sold")
    assert answers(shop) == [("has_it", False), ("no", True)]
    # What is told to the desk in the same breath goes with it.
    assert shop.events(ref)[-1] == "phone_customer"
    undo(shop, ref)
    assert answers(shop) == [("has_it", True), ("no", False)]
    assert shop.see(ref)["lines"] == was["lines"]
    shop.procure(ref, "bought", supplier="old-books")
    assert shop.see(ref)["status"] == "packing"
    undo(shop, ref)
    assert (shop.see(ref)["status"], shop.see(ref)["lines"]) == ("procuring", was["lines"])


def test_two_taps_at_once_are_one(shop: World) -> None:
    ref = shop.order("19:00", sku="atlas")
    shop.move(ref, "pack")
    event_id = last(shop, ref).id
    at_once([lambda: undo(shop, ref, event_id), lambda: undo(shop, ref, event_id)])
    assert shop.events(ref)[-2:] == ["packed", "taken_back"]
    assert shop.see(ref)["status"] == "packing"


def test_the_clock_learns_nothing_from_what_was_taken_back(shop: World) -> None:
    def happened(number: int, kind: str, **data: int) -> Happened:
        return Happened(id=number, at=shop.now + timedelta(minutes=number), kind=kind, data=data)

    slip = [happened(1, "handed_over"), happened(2, "delivered"), happened(3, "taken_back", event_id=2)]
    told = that_held([*slip, happened(9, "delivered")])
    assert [(took.kind, took.ended_at - took.started_at) for took in steps_taken(told, {})] == [
        (Kind.TRAVEL, timedelta(minutes=8))
    ]
