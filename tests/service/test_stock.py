"""The shelf on both databases: the last copy, corrections, what comes free and what goes back."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from dispatch.foundation.errors import Invalid
from dispatch.orders.service import NewLine, find_order
from dispatch.procurement.service import get_item
from dispatch.procurement.stock import settle_shelf
from dispatch.procurement.tables import Reservation
from dispatch.promise import service as promise
from tests import factories
from tests.world import World, at_once, city, world

__all__ = ["city", "world"]


@pytest.fixture
def shop(world: World) -> World:
    """One item, a rider on a shift; texts are not the matter."""
    world.person("Ravi")
    world.item("physics-2", 1)
    world.ignore_rest()
    return world


def order(shop: World, promised_by: str = "19:00", quantity: int = 1, sku: str = "physics-2") -> str:
    return shop.order(promised_by, sku=sku, quantity=quantity)


def sourcing(shop: World, ref: str) -> str:
    return ",".join(line["sourcing"] for line in shop.see(ref)["lines"])


def shelf(shop: World, sku: str = "physics-2", branch: str = "main") -> tuple[int, int, int]:
    """On hand, reserved, available."""
    item = shop.do(lambda session: get_item(session, sku, branch=branch))
    return item["on_hand"], item["reserved"], item["available"]


def test_a_copy_on_the_shelf_is_kept(shop: World) -> None:
    ref = order(shop)
    assert sourcing(shop, ref) == "in_stock"
    assert shop.see(ref)["status"] == "packing"
    assert shelf(shop) == (1, 1, 0)
    assert sourcing(shop, order(shop)) == "to_procure"


def test_a_line_is_kept_whole_or_not_at_all(shop: World) -> None:
    assert sourcing(shop, order(shop, quantity=2)) == "to_procure"
    assert shelf(shop) == (1, 0, 1)


def test_twenty_orders_at_once_for_the_last_copy_and_one_gets_it(shop: World) -> None:
    refs = at_once([lambda: order(shop)] * 20)
    assert sorted(sourcing(shop, ref) for ref in refs) == ["in_stock"] + ["to_procure"] * 19
    assert shelf(shop) == (1, 1, 0)


def test_two_orders_for_the_same_two_items_crosswise(shop: World) -> None:
    shop.item("algebra-1", 10)
    shop.item("physics-2", 10)

    def take(skus: tuple[str, str]) -> str:
        new = factories.new_order(shop.at("19:00"), lines=tuple(NewLine(title=sku, sku=sku) for sku in skus))
        return shop.do(lambda s: promise.place(s, new, shop.now, actor="desk", region="GB")[0].ref)

    here, there = ("algebra-1", "physics-2"), ("physics-2", "algebra-1")
    refs = at_once([lambda: take(here), lambda: take(there)] * 5)
    assert {sourcing(shop, ref) for ref in refs} == {"in_stock,in_stock"}
    assert shelf(shop) == shelf(shop, "algebra-1") == (10, 10, 0)


def test_stock_is_per_branch(shop: World) -> None:
    shop.do(lambda session: factories.make_shop(session, shop.now, code="east"))
    assert sourcing(shop, shop.order("19:00", sku="physics-2", branch="east")) == "to_procure"
    shop.item("physics-2", 5, branch="east")
    assert shelf(shop) == (1, 0, 1)
    shop.tick()
    assert shelf(shop, branch="east") == (5, 1, 4)


def test_a_correction_takes_from_the_order_promised_last(shop: World) -> None:
    shop.item("physics-2", 3)
    middle, last, first = order(shop, "19:00"), order(shop, "20:00"), order(shop, "18:00")
    shop.item("physics-2", 2)
    shop.tick()
    assert [sourcing(shop, ref) for ref in (first, middle, last)] == ["in_stock", "in_stock", "to_procure"]
    assert shop.see(last)["status"] == "procuring"
    assert "line_lost" in shop.events(last)
    assert shelf(shop) == (2, 2, 0)


def test_a_correction_leaves_what_is_packed(shop: World) -> None:
    shop.item("physics-2", 2)
    first, last = order(shop, "18:00"), order(shop, "20:00")
    shop.move(last, "pack")
    shop.item("physics-2", 1)
    shop.tick()
    assert sourcing(shop, last) == "in_stock"
    assert sourcing(shop, first) == "to_procure"


def test_what_comes_in_goes_to_the_most_urgent(shop: World) -> None:
    shop.item("physics-2", 0)
    late, soon = order(shop, "20:00"), order(shop, "18:00")
    shop.item("physics-2", 1)
    shop.tick()
    assert (sourcing(shop, soon), sourcing(shop, late)) == ("in_stock", "to_procure")
    assert "line_in_stock" in shop.events(soon)


def test_what_comes_in_goes_to_the_most_urgent_that_it_suffices_for(shop: World) -> None:
    shop.item("physics-2", 0)
    big, small = order(shop, "18:00", quantity=5), order(shop, "20:00")
    shop.item("physics-2", 1)
    shop.tick()
    assert (sourcing(shop, big), sourcing(shop, small)) == ("to_procure", "in_stock")


def test_what_is_given_back_goes_past_one_for_whom_it_does_not_suffice(shop: World) -> None:
    kept, big, small = order(shop, "18:00"), order(shop, "18:30", quantity=5), order(shop, "20:00")
    shop.tick()
    shop.move(kept, "cancel", reason="not needed")
    shop.tick()
    assert (sourcing(shop, big), sourcing(shop, small)) == ("to_procure", "in_stock")


def test_what_is_being_bought_is_left_alone(shop: World) -> None:
    shop.item("physics-2", 0)
    ref = order(shop)
    shop.procure(ref, "searching")
    shop.item("physics-2", 1)
    shop.tick()
    assert sourcing(shop, ref) == "searching"
    assert shelf(shop) == (1, 0, 1)


def test_a_cancelled_order_gives_its_copy_to_whoever_waits(shop: World) -> None:
    ref, waiting = order(shop, "18:00"), order(shop, "19:00")
    shop.move(ref, "cancel", reason="not needed")
    shop.tick()
    assert sourcing(shop, waiting) == "in_stock"
    assert shelf(shop) == (1, 1, 0)


def test_a_line_that_is_taken_off_gives_its_copy_back(shop: World) -> None:
    ref = order(shop)
    shop.change(ref, lines=[(None, NewLine(title="Something else"))])
    assert shelf(shop) == (1, 0, 1)
    assert [line["title"] for line in shop.see(ref)["lines"]] == ["Something else"]


def test_goods_leave_the_shelf_with_the_order_and_come_back_when_it_fails(shop: World) -> None:
    ref = order(shop)
    shop.move(ref, "pack")
    assert shelf(shop) == (1, 1, 0)
    shop.move(ref, "hand_over", staff_id=shop.people["Ravi"])
    assert shelf(shop) == (0, 0, 0)
    shop.move(ref, "fail", reason="nobody home")
    assert shelf(shop) == (1, 1, 0)
    shop.move(ref, "hand_over", staff_id=shop.people["Ravi"])
    shop.move(ref, "deliver")
    assert shelf(shop) == (0, 0, 0)


def test_cancelled_on_the_way_the_goods_come_back_free(shop: World) -> None:
    ref = order(shop)
    shop.move(ref, "pack")
    shop.move(ref, "hand_over", staff_id=shop.people["Ravi"])
    shop.move(ref, "cancel", reason="refused at the door")
    assert shelf(shop) == (1, 0, 1)


@pytest.mark.parametrize("moves", [[], ["pack"]])
def test_delivered_straight_from_the_shelf(shop: World, moves: list[str]) -> None:
    ref = order(shop)
    for move in moves:
        shop.move(ref, move)
    shop.move(ref, "deliver")
    assert shelf(shop) == (0, 0, 0)


def test_settling_the_shelf_twice_changes_nothing(shop: World) -> None:
    shop.item("physics-2", 0)
    ref = order(shop)
    shop.item("physics-2", 1)

    def settle(session: Session) -> bool:
        return settle_shelf(session, find_order(session, ref), shop.now)

    assert shop.do(settle) is True
    assert shop.do(settle) is False
    assert factories.count(shop.db, select(Reservation.id).where(Reservation.released_at.is_(None))) == 1


def test_a_correction_races_with_orders_and_nothing_is_counted_twice(shop: World) -> None:
    shop.item("physics-2", 10)
    refs: list[str] = []
    acts = [lambda: refs.append(order(shop))] * 12
    at_once([*acts, lambda: shop.item("physics-2", 4), lambda: shop.item("physics-2", 6)])
    shop.item("physics-2", 5)
    shop.tick()
    assert sorted(sourcing(shop, ref) for ref in refs) == ["in_stock"] * 5 + ["to_procure"] * 7
    assert shelf(shop) == (5, 5, 0)


@pytest.mark.parametrize("on_hand", [-1, 10**6 + 1])
def test_how_many_there_can_be(shop: World, on_hand: int) -> None:
    with pytest.raises(Invalid, match="on_hand"):
        shop.item("physics-2", on_hand)


def test_an_item_does_not_replace_itself_and_knows_its_suppliers(shop: World) -> None:
    shop.supplier("academic")
    for field in ("suppliers", "substitutes"):
        with pytest.raises(Invalid, match=field):
            shop.item("physics-2", 1, **{field: ("moon",)})
    with pytest.raises(Invalid, match="itself"):
        shop.item("physics-2", 1, substitutes=("physics-2",))
    shop.item("algebra-1", 0)
    shop.item("physics-2", 1, suppliers=("academic", "academic"), substitutes=("algebra-1",))
    item = shop.do(lambda session: get_item(session, "physics-2"))
    assert (item["suppliers"], item["substitutes"]) == (["academic"], ["algebra-1"])
    # Not given again, they stay.
    shop.item("physics-2", 2)
    assert shop.do(lambda session: get_item(session, "physics-2"))["suppliers"] == ["academic"]
