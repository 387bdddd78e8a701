"""Everybody's work counts: orders beside one another, more orders than hands, and room made where there is some."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from dispatch.orders.tables import Order
from dispatch.promise import service as promise
from dispatch.promise.rules import Task
from dispatch.promise.tables import Assignment, Pin
from tests import factories
from tests.world import World, at_once, city, world

__all__ = ["city", "world"]

MINUTE = timedelta(minutes=1)


@pytest.fixture
def shop(world: World) -> World:
    """One rider until 19:00, everything on the shelf; packing 10 minutes, 5 to hand over, 30 there and 30 back."""
    world.shop()
    world.person("Ravi")
    world.item("book", on_hand=100)
    # What is texted is told elsewhere.
    world.ignore_rest()
    return world


def place(world: World, time: str, address: str, **changes: object) -> str:
    return world.order(time, sku="book", address=address, **changes)


def counted(world: World, ref: str) -> list[tuple[str, str, str]]:
    """Who leaves for an order, when at the latest, and when they are free again."""
    rows = world.look(select(Assignment).where(Assignment.order_id == world.order_row(ref).id).order_by(Assignment.id))
    names = {number: name for name, number in world.people.items()}
    return [(names[row.staff_id], local(row.start_by), local(row.ends_at)) for row in rows]


def local(instant: datetime | str) -> str:
    at = datetime.fromisoformat(instant) if isinstance(instant, str) else instant
    return f"{at.astimezone(ZoneInfo(factories.TIMEZONE)):%H:%M}"


def act_by(world: World, ref: str) -> str | None:
    at = world.see(ref)["risk"]["act_by"]
    return local(at) if at else None


def why(world: World, ref: str) -> str:
    return str(world.see(ref)["risk"]["binding"]["message"])


def test_one_rider_leaves_for_the_later_promise_last(shop: World) -> None:
    late = place(shop, "18:30", "1 Park Road")
    early = place(shop, "18:00", "2 Hill Street")
    shop.tick()
    assert counted(shop, late) == [("Ravi", "17:55", "19:00")]
    # Back by 17:55: 30 there and 30 back, 5 to hand over; 10 to pack before.
    assert counted(shop, early) == [("Ravi", "16:50", "17:55")]
    assert act_by(shop, early) == "16:40"
    assert f"Ravi leaves with {late} at 17:55" in why(shop, early)
    assert [shop.level(ref) for ref in (late, early)] == ["on_track", "on_track"]


def test_others_move_for_an_order_that_would_be_watched_without_need(shop: World) -> None:
    """Taken in another order, they leave in the order of their promises all the same."""
    for time in ("18:30", "16:40", "17:00"):
        place(shop, time, f"{time} Park Road")
    shop.tick()
    refs = sorted(shop.look(select(Order.ref)), key=lambda ref: shop.see(ref)["promised_by"])
    leave = [counted(shop, ref)[0][1] for ref in refs]
    assert leave == sorted(leave)
    # Where the one for 16:40 stood, from 16:05, the last one taken would have had to leave at 15:00, before it.
    assert leave[:2] == ["15:20", "16:25"]
    assert [shop.level(ref) for ref in refs] == ["on_track"] * 3


def test_one_rider_cannot_carry_three_orders_across_town_at_once(shop: World) -> None:
    refs = [place(shop, "15:30", f"{n} Park Road") for n in range(3)]
    shop.tick()
    levels = [shop.level(ref) for ref in refs]
    # 15:30 - 35 = 14:55, and 65 before that is 13:50: it is 14:00.
    assert levels == ["on_track", "at_risk", "at_risk"]
    assert "Ravi is needed for" in why(shop, refs[1])
    assert shop.see(refs[1])["risk"]["binding"]["clock"] == "nobody_available"
    assert shop.has_escalation(refs[1])
    shop.person("Sita")
    shop.tick()
    assert sorted(shop.level(ref) for ref in refs) == ["at_risk", "on_track", "on_track"]


def test_one_trip_serves_the_same_door(shop: World) -> None:
    refs = [place(shop, "15:30", address) for address in ("1 Park Road", " 1  park road", "1 Park Road")]
    shop.tick()
    assert [shop.level(ref) for ref in refs] == ["on_track"] * 3
    assert {counted(shop, ref)[0] for ref in refs} == {("Ravi", "14:55", "16:00")}


def test_doors_next_to_each_other_are_one_trip_and_doors_across_town_are_not(shop: World) -> None:
    here, near, far = {"lat": 18.52, "lon": 73.85}, {"lat": 18.525, "lon": 73.852}, {"lat": 18.60, "lon": 73.95}
    refs = [place(shop, "15:30", f"{n} Road", **where) for n, where in enumerate((here, near, far))]
    shop.tick()
    assert [shop.level(ref) for ref in refs] == ["on_track", "on_track", "at_risk"]


def test_an_order_that_ends_makes_room_for_one_that_had_nobody(shop: World) -> None:
    first, second = (place(shop, "15:30", f"{n} Park Road") for n in range(2))
    shop.tick()
    assert shop.level(second) == "at_risk"
    shop.move(first, "cancel", reason="changed their mind")
    shop.tick()
    assert counted(shop, first) == []
    assert shop.level(second) == "on_track"
    assert shop.escalation(second)["state"] == "resolved"


def test_whoever_is_on_the_road_is_not_here(shop: World) -> None:
    first = place(shop, "16:00", "1 Park Road")
    shop.move(first, "pack")
    shop.move(first, "hand_over", staff_id=shop.people["Ravi"])
    second = place(shop, "15:30", "2 Hill Street")
    shop.tick()
    assert counted(shop, first) == [("Ravi", "14:00", "15:00")]
    assert shop.level(second) == "at_risk"
    shop.advance(minutes=20)
    shop.move(first, "deliver")
    shop.tick()
    # Sooner than it was counted on.
    assert shop.level(second) == "watch"


def test_somebody_overdue_from_a_trip_is_not_counted_on(shop: World) -> None:
    first = place(shop, "16:00", "1 Park Road")
    shop.move(first, "pack")
    shop.move(first, "hand_over", staff_id=shop.people["Ravi"])
    second = place(shop, "16:00", "2 Hill Street")
    shop.tick()
    assert shop.level(second) in ("on_track", "watch")
    shop.advance(to="15:16")
    # Due back at 15:00, not back yet: 15:16 + 10 + 35 is after 16:00, once packed.
    assert shop.level(second) == "at_risk"


def test_an_order_whose_rider_takes_another_is_looked_at_at_once(shop: World) -> None:
    first, second = (place(shop, "15:30", "1 Park Road"), place(shop, "15:35", "2 Hill Street"))
    shop.tick()
    assert [shop.level(ref) for ref in (first, second)] == ["on_track", "at_risk"]
    shop.answer(int(shop.pages(second)["Ravi"]["id"]), "accept")
    shop.tick()
    # Not with its own next look, minutes later.
    assert (shop.level(first), counted(shop, first)) == ("at_risk", [])
    assert why(shop, first) == f"Ravi is needed for {second}, and nobody is left for this."
    assert shop.has_escalation(first)


def test_an_order_whose_rider_leaves_with_another_is_looked_at_at_once(shop: World) -> None:
    first, second = (place(shop, "15:30", "1 Park Road"), place(shop, "20:00", "2 Hill Street"))
    shop.move(second, "pack")
    shop.tick()
    assert shop.level(first) == "on_track"
    shop.move(second, "hand_over", staff_id=shop.people["Ravi"])
    shop.tick()
    # Back at 15:00: five minutes too late.
    assert (shop.level(first), counted(shop, first)) == ("at_risk", [])


def test_what_shares_the_trip_may_leave_a_moment_later(shop: World) -> None:
    first, second = (place(shop, "15:30", "1 Park Road") for _ in range(2))
    shop.move(second, "pack")
    shop.tick()
    shop.move(second, "hand_over", staff_id=shop.people["Ravi"])
    shop.tick()
    assert not shop.has_escalation(first)


def test_two_orders_that_one_rider_has_taken_do_not_wake_each_other_for_ever(shop: World) -> None:
    refs = [place(shop, "15:30", f"{n} Park Road") for n in range(3)]
    shop.tick()
    for ref in refs[1:]:
        shop.answer(int(shop.pages(ref)["Ravi"]["id"]), "accept")
    shop.tick()
    for _ in range(4):
        shop.advance(minutes=5)
        due = [at for ref in refs if (at := shop.next_check(ref))]
        assert min(due) > shop.now


def test_room_is_made_where_there_is_some(shop: World) -> None:
    shop.person("Sita")
    first = place(shop, "15:00", "1 Park Road")
    shop.tick()
    [(holder, _, _)] = counted(shop, first)
    second = place(shop, "15:00", "2 Hill Street")

    def pin(session: Session) -> None:
        order = shop.order_row(second)
        session.add(
            Pin(
                order_id=order.id, task=Task.DELIVER, staff_id=shop.people[holder], pinned_at=shop.now, pinned_by="desk"
            )
        )

    shop.do(pin)
    shop.change(second, reason="pinned")
    shop.tick()
    # The other one took over the first order: both are kept.
    assert counted(shop, second)[0][0] == holder
    assert counted(shop, first)[0][0] != holder
    assert [shop.level(ref) for ref in (first, second)] == ["watch", "watch"]


def test_the_plan_does_not_change_without_need(shop: World) -> None:
    refs = [place(shop, "18:30", f"{n} Park Road") for n in range(3)]
    shop.tick()
    before = [counted(shop, ref) for ref in refs]
    shop.person("Sita")
    shop.tick()
    for _ in range(3):
        shop.advance(minutes=10)
    after = [counted(shop, ref) for ref in refs]
    # The one with the least time may gain more than five minutes from a second rider; the others stay put.
    assert before[0] == after[0]
    assert sum(old != new for old, new in zip(before, after, strict=True)) <= 2


def test_a_day_that_is_too_full_asks_for_help_and_whoever_helps_is_counted_on(shop: World) -> None:
    shop.person("Tara", role="founder", shifts=None)
    refs = [place(shop, "15:30", f"{n} Park Road") for n in range(2)]
    shop.tick()
    page = shop.pages(refs[1])["Ravi"]
    assert page["answer"] is None
    shop.advance(minutes=10)
    tara = shop.pages(refs[1])["Tara"]
    shop.answer(int(tara["id"]), "accept")
    shop.tick()
    assert counted(shop, refs[1])[0][0] == "Tara"


def test_orders_placed_at_the_same_moment_never_count_on_one_rider_twice(shop: World) -> None:
    def taking(number: int) -> object:
        with shop.db.transaction() as session:
            new = factories.new_order(shop.at("18:00"), sku="book", address=f"{number} Park Road")
            return promise.place(session, new, shop.now, actor="desk", region=factories.REGION)[0].ref

    at_once([lambda n=n: taking(n) for n in range(4)])
    shop.tick()
    rows = sorted(shop.look(select(Assignment)), key=lambda row: row.start_by)
    assert rows
    for one, next_ in pairwise(rows):
        assert one.ends_at <= next_.start_by
