"""The plan in words: who, by when, and why not sooner; the same for programs, at the board and in `explain`."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dispatch.cli.explain import explanation
from dispatch.cli.explain_words import lines
from dispatch.orders.service import find_order
from dispatch.promise import absence, pins
from dispatch.promise.guard import Say
from dispatch.promise.rules import Task
from dispatch.web.board_view import groups
from dispatch.web.plan_view import ledger, plan_shapes
from tests import factories
from tests.world import World, city, world

__all__ = ["city", "world"]

DESK = Say(actor="desk")


@pytest.fixture
def shop(world: World) -> World:
    """Ravi rides, Pia buys, from 10 to 19; packing 10 minutes, 5 to hand over, 30 there and 30 back."""
    world.shop()
    world.person("Ravi")
    world.person("Pia", role="buyer")
    world.item("book", on_hand=100)
    world.ignore_rest()
    return world


def plan(world: World, ref: str) -> list[dict[str, Any]]:
    with world.db.snapshot() as session:
        return plan_shapes(session, find_order(session, ref), world.now)


def texts(world: World, ref: str) -> list[str]:
    return [step["text"] for step in plan(world, ref)]


def local(text: str | None) -> str:
    return f"{datetime.fromisoformat(text or '').astimezone(ZoneInfo(factories.TIMEZONE)):%H:%M}"


def place(world: World, time: str, address: str = "1 Park Road", **changes: Any) -> str:
    ref = world.order(time, sku="book", address=address, **changes)
    world.tick()
    return ref


def test_packing_comes_before_leaving(shop: World) -> None:
    ref = place(shop, "18:00")
    assert texts(shop, ref) == [
        "Packing starts by 17:15; that could be now.",
        "Ravi leaves with it by 17:25; not sooner: it can be packed by 14:10.",
    ]
    pack, leave = plan(shop, ref)
    assert (pack["step"], pack["by_whom"], local(pack["start_by"]), local(pack["not_before"])) == (
        "pack", None, "17:15", "14:00",
    )  # fmt: skip
    assert leave["by_whom"] == {"id": str(shop.people["Ravi"]), "name": "Ravi"}
    assert (local(leave["start_by"]), local(leave["not_before"])) == ("17:25", "14:10")
    shop.move(ref, "pack")
    assert texts(shop, ref) == ["Ravi leaves with it by 17:25; it could leave now."]
    shop.move(ref, "hand_over", staff_id=shop.people["Ravi"])
    assert texts(shop, ref) == ["Ravi left with it at 14:00."]
    shop.move(ref, "deliver")
    assert texts(shop, ref) == []


def test_whoever_is_on_the_road_comes_back_first(shop: World) -> None:
    first = place(shop, "18:00")
    shop.move(first, "pack")
    shop.move(first, "hand_over", staff_id=shop.people["Ravi"])
    second = place(shop, "18:30", "2 Hill Street")
    shop.move(second, "pack")
    assert texts(shop, second) == [f"Ravi leaves with it by 17:55; not sooner: Ravi is back from {first} at 15:00."]


@pytest.mark.parametrize(
    ("people", "expected"),
    [
        ({"shifts": "Mo-Su 15:30-19:00"}, "Ravi's shift begins at 15:30"),
        ({"pause": "15:00"}, "Ravi's pause ends at 15:00"),
    ],
)
def test_whoever_is_not_here_yet(shop: World, people: dict[str, str], expected: str) -> None:
    ravi = shop.people["Ravi"]
    if "shifts" in people:
        shop.do(lambda session: absence.change(session, ravi, people, shop.now, region=None, say=DESK))
    else:
        until = shop.at(people["pause"])
        shop.do(lambda session: absence.pause(session, ravi, shop.now, until=until, say=DESK))
    ref = place(shop, "18:00")
    assert texts(shop, ref)[-1] == f"Ravi leaves with it by 17:25; not sooner: {expected}."


def test_the_shop_opens_tomorrow(shop: World) -> None:
    tomorrow = shop.at("18:00").replace(day=shop.now.day + 1)
    shop.shop(opening_hours="Mo-Su 10:00-13:00")
    ref = place(shop, tomorrow)
    pack, leave = texts(shop, ref)
    assert pack == "Packing starts by 12:50 on Wed; not sooner: the shop opens at 10:00 on Wed."
    assert leave == "Ravi leaves with it by 17:25 on Wed; not sooner: the shop opens at 10:00 on Wed."


def test_what_must_be_bought_first(shop: World) -> None:
    shop.supplier("city", "Mo-Su 15:00-20:00", travel_minutes=10, procure_minutes=20)
    shop.item("atlas", suppliers=("city",))
    ref = shop.order("18:00", sku="atlas", title="Atlas")
    shop.tick()
    buy, pack, leave = plan(shop, ref)
    assert buy["text"] == "Pia goes to City for Atlas by 16:35; not sooner: City opens at 15:00."
    assert (buy["step"], buy["supplier"], buy["line"]) == ("procure", "City", shop.see(ref)["lines"][0]["id"])
    assert pack["text"] == "Packing starts by 17:15; not sooner: Atlas can be here at 15:30."
    assert leave["text"] == "Ravi leaves with it by 17:25; not sooner: Atlas can be here at 15:30."
    shop.procure(ref, "bought", ready_at=shop.at("16:50"))
    assert texts(shop, ref)[-1] == "Ravi leaves with it by 17:25; not sooner: Atlas comes in at 16:50."


def test_somebody_who_is_out_for_it(shop: World) -> None:
    ref = shop.order("18:00", title="Rare book")
    shop.procure(ref, "searching", by=shop.people["Pia"])
    shop.tick()
    assert texts(shop, ref)[0] == "Pia has been getting Rare book since 14:00."


def test_there_is_no_plan_for_what_can_not_be_kept(shop: World) -> None:
    ref = place(shop, "14:44")
    assert texts(shop, ref) == [
        "Nobody can be counted on to pack it in time.",
        "Nobody can be counted on to deliver it in time.",
    ]
    assert [step["start_by"] for step in plan(shop, ref)] == [None, None]


def test_a_pin_shows(shop: World) -> None:
    shop.person("Sita")
    ref = place(shop, "18:00")
    shop.do(lambda session: pins.pin(session, ref, Task.DELIVER, shop.people["Sita"], shop.now, say=DESK))
    leave = plan(shop, ref)[-1]
    assert (leave["by_whom"]["name"], leave["is_pinned"]) == ("Sita", True)


def test_the_same_words_everywhere(shop: World) -> None:
    ref = place(shop, "18:00")
    with shop.db.snapshot() as session:
        told = explanation(session, ref, shop.now, shop.runtime.links)
        rows = [row for group in groups(session, shop.now, shop.runtime.links) for row in group.rows]
    assert [step["text"] for step in told["plan"]] == texts(shop, ref)
    assert "  Ravi leaves with it by 17:25; not sooner: it can be packed by 14:10." in list(lines(told))
    assert [row.who for row in rows] == ["Ravi by 17:25"]


def test_every_promise_is_kept_in_the_ledger(shop: World) -> None:
    ref = place(shop, "17:00")
    for time, agreed in (("18:00", None), ("18:30", True), ("18:45", False)):
        shop.change(ref, promised_by=shop.at(time), why="the road is closed", agreed=agreed)
    with shop.db.snapshot() as session:
        rows = ledger(session, find_order(session, ref))
        told = explanation(session, ref, shop.now, shop.runtime.links)
    assert [(local(row["promised_by"]), row["agreed"]) for row in rows] == [
        ("17:00", None), ("18:00", None), ("18:30", True), ("18:45", False),
    ]  # fmt: skip
    assert told["promises"] == rows
    said = list(lines(told))
    assert "  today 17:00: given today 14:00 by desk" in said
    assert "  today 18:30: given today 14:00 by desk, because the road is closed; the customer agreed" in said
    assert shop.see(ref)["first_promised_by"] == rows[0]["promised_by"]
