"""Quotes: yes means yes, what it counts on is nobody else's, and is let go in time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from dispatch import rounds
from dispatch.foundation.errors import DispatchError, Invalid
from dispatch.orders.service import NewLine
from dispatch.orders.tables import Order
from dispatch.procurement.service import get_item
from dispatch.procurement.tables import Hold
from dispatch.promise import quotes
from dispatch.promise import service as promise
from dispatch.promise.quotes import Question
from dispatch.promise.tables import Assignment, Quote
from dispatch.promise.verdict import Finding
from tests import factories
from tests.world import World, at_once, city, world

__all__ = ["city", "world"]


@pytest.fixture
def shop(world: World) -> World:
    """One rider until 19:00 and a buyer; packing 10 minutes, 5 to hand over, 30 there and 30 back."""
    world.shop()
    world.person("Ravi")
    world.person("Arjun", role="buyer")
    world.supplier("city-books", "Mo-Su 10:00-18:00", travel_minutes=15, procure_minutes=30)
    world.item("book", on_hand=1, suppliers=("city-books",))
    world.item("atlas", on_hand=100)
    world.ignore_rest()
    return world


def question(world: World, time: str | None, sku: str | None = "atlas", **changes: Any) -> Question:
    promised = world.at(time) if time else None
    line = NewLine(title=(sku or "Rare").title(), sku=sku, quantity=changes.pop("quantity", 1))
    return Question(lines=(line,), promised_by=promised, **{"travel_minutes": 30, **changes})


def ask(world: World, time: str | None, sku: str | None = "atlas", **changes: Any) -> tuple[str, Finding]:
    """The quote's id, and what it says."""
    asked = question(world, time, sku, **changes)
    made, found = world.do(lambda session: quotes.quote(session, asked, world.now, actor="desk"))
    return made.code, found


def take(world: World, quote_id: str, time: str, sku: str = "atlas", **changes: Any) -> str:
    new = factories.new_order(world.at(time), sku=sku, **changes)
    args: dict[str, Any] = {"actor": "desk", "region": factories.REGION, "quote_id": quote_id}
    return world.do(lambda session: promise.place(session, new, world.now, **args)[0].ref)


def said(world: World, found: Finding) -> tuple[str, str | None]:
    there = found.earliest_by
    return found.verdict.value, f"{(there + timedelta(minutes=330)):%H:%M}" if there else None


def held(world: World) -> tuple[int, int]:
    """Copies and people that are held for quotes."""
    holds = world.look(select(Hold).where(Hold.released_at.is_(None)))
    return sum(hold.quantity for hold in holds), len(
        world.look(select(Assignment).where(Assignment.order_id.is_(None)))
    )


@pytest.mark.parametrize(
    ("time", "sku", "verdict", "conditions"),
    [
        ("18:00", "atlas", "yes", ()),
        # 15:15 - 35 - 10: 14:30 leaves half an hour; a minute earlier is tight.
        ("15:15", "atlas", "yes", ()),
        ("15:14", "atlas", "yes_if", ("if it leaves the shop by 14:39",)),
        ("14:46", "atlas", "yes_if", ("if it leaves the shop by 14:11",)),
        ("14:45", "atlas", "no", ()),
        ("14:30", "atlas", "no", ()),
        ("18:00", None, "yes_if", ("if somebody goes to look for Rare by 15:45",)),
    ],
)
def test_the_verdict(shop: World, time: str, sku: str | None, verdict: str, conditions: tuple[str, ...]) -> None:
    _, found = ask(shop, time, sku)
    assert found.verdict == verdict
    assert found.conditions == conditions
    assert said(shop, found)[1] == ("15:15" if sku else "16:45")
    assert bool(found.plan) is (verdict != "no")


def test_what_must_be_bought_is_a_condition_and_says_where(shop: World) -> None:
    _, found = ask(shop, "18:00", "book", quantity=2)
    assert found.verdict == "yes_if"
    # 17:15 packed and gone by 17:25; the errand takes an hour.
    assert found.conditions == ("if somebody leaves for City-Books by 16:15",)
    steps = [(start.part.value, start.by_whom, start.supplier) for start in found.plan]
    assert steps == [("procure", "Arjun", "City-Books"), ("pack", None, None), ("deliver", "Ravi", None)]
    assert held(shop) == (0, 2)


def test_without_a_promise_it_is_about_the_earliest(shop: World) -> None:
    _, found = ask(shop, None)
    assert said(shop, found) == ("yes", "15:15")
    assert found.promised_by == found.earliest_by
    assert found.slack_minutes == 30


def test_nobody_to_carry_it_today_is_no_and_tomorrow(shop: World) -> None:
    _, found = ask(shop, "19:30")
    assert found.verdict == "yes"
    shop.pause("Ravi", minutes=12 * 60)
    _, found = ask(shop, "18:30")
    assert (found.verdict, found.slack_minutes) == ("no", found.slack_minutes)
    # Arjun packs it today, Ravi is back at 10:00 tomorrow.
    assert found.earliest_by == shop.at("10:35") + timedelta(days=1)
    assert held(shop)[1] == 1


def test_over_a_long_weekend_and_never(world: World) -> None:
    world.shop()
    world.item("atlas", on_hand=1)
    _, found = ask(world, None)
    assert (found.verdict, found.earliest_by, found.promised_by, found.slack_minutes) == ("no", None, None, None)
    assert found.message == "Nobody is here who could pack it."
    world.person("Ravi", role="staff", shifts="Su 10:00-19:00")
    _, found = ask(world, None)
    # It is Tuesday.
    assert found.earliest_by == world.at("10:45") + timedelta(days=5)
    assert found.verdict == "yes"


def test_a_quote_holds_the_copy_and_the_rider(shop: World) -> None:
    _, found = ask(shop, "15:30", "book")
    assert found.verdict == "yes"
    assert held(shop) == (1, 1)
    with shop.db.snapshot() as session:
        item = get_item(session, "book")
    assert (item["on_hand"], item["reserved"], item["available"]) == (1, 1, 0)
    # Ravi is counted on until 16:00: nobody else has him, and the copy is gone.
    _, second = ask(shop, "15:30", "book")
    assert second.verdict == "no"
    ref = shop.order("15:30", sku="book")
    assert shop.see(ref)["lines"][0]["sourcing"] == "to_procure"
    assert shop.level(ref) == "at_risk"


@pytest.mark.parametrize("minutes", [0, 9])
@pytest.mark.parametrize(
    ("time", "sku"), [("15:15", "atlas"), ("14:56", "atlas"), ("16:20", "book"), ("19:15", "book")]
)
def test_yes_stays_yes(shop: World, time: str, sku: str, minutes: int) -> None:
    others = [shop.order(at, sku="atlas", address=at) for at in ("17:00", "18:10")]
    shop.tick()
    before = [shop.level(ref) for ref in others]
    code, found = ask(shop, time, sku, quantity=2)
    assert found.verdict in ("yes", "yes_if")
    shop.tick()
    assert [shop.level(ref) for ref in others] == before
    shop.clock.advance(seconds=minutes * 60)
    # Somebody else asks for the same meanwhile.
    ask(shop, time, sku, quantity=2)
    ref = take(shop, code, time, sku, quantity=2)
    assert shop.level(ref) in ("on_track", "watch")
    shop.tick()
    assert shop.level(ref) in ("on_track", "watch")
    assert [shop.level(ref) for ref in others] == before


def test_many_quotes_and_orders_beside_each_other_keep_their_word(shop: World) -> None:
    taken: list[str] = []
    for number in range(12):
        time = f"{15 + number % 4}:{(number * 17) % 60:02d}"
        code, found = ask(shop, time, "atlas" if number % 3 else "book", address=f"{number % 5} Park Road")
        before = {ref: shop.level(ref) for ref in taken}
        if found.verdict != "no":
            ref = take(shop, code, time, "atlas" if number % 3 else "book", address=f"{number % 5} Park Road")
            shop.tick()
            assert shop.level(ref) in ("on_track", "watch"), (number, time)
            assert {ref: shop.level(ref) for ref in taken} == before
            taken.append(ref)
        else:
            _, better = ask(shop, None, "atlas", address=f"{number % 5} Park Road")
            assert better.earliest_by is None or better.verdict == "yes"
    assert len(taken) >= 4


def test_the_earliest_can_be_promised_and_five_minutes_less_can_not(shop: World) -> None:
    shop.order("16:00", sku="atlas")
    shop.tick()
    for sku in ("atlas", "book", None):
        with shop.db.snapshot() as session:
            first = quotes.look(session, question(shop, None, sku), shop.now)
            assert first.earliest_by is not None
            asked = question(shop, None, sku)
            sooner = Question(**{**vars(asked), "promised_by": first.earliest_by - timedelta(minutes=5)})
            before = quotes.look(session, sooner, shop.now)
        assert first.level == "on_track"
        assert before.level != "on_track"


def test_looking_holds_nothing(shop: World) -> None:
    with shop.db.snapshot() as session:
        assert quotes.look(session, question(shop, "18:00", "book"), shop.now).verdict == "yes"
    assert held(shop) == (0, 0)
    assert shop.look(select(Quote)) == []


def test_a_trip_to_the_same_door_is_shared(shop: World) -> None:
    ref = shop.order("15:30", sku="atlas", address="1 Park Road")
    shop.tick()
    assert ask(shop, "15:30", address="2 Hill Street")[1].verdict == "no"
    code, found = ask(shop, "15:30", address=" 1  park road")
    assert found.verdict == "yes"
    shop.change(ref, reason="looked at again")
    shop.tick()
    assert shop.level(ref) == "on_track"
    again = take(shop, code, "15:30", address="1 Park Road")
    shop.tick()
    assert [shop.level(ref), shop.level(again)] == ["on_track", "on_track"]


# --- it ends ---------------------------------------------------------------------------------------------------------


def test_an_expired_quote_is_let_go_and_whoever_waits_gets_it(shop: World) -> None:
    _, found = ask(shop, "15:30", "book")
    assert found.verdict == "yes"
    goods, person = shop.order("18:30", sku="book"), shop.order("15:31", sku="atlas", address="9 Road")
    shop.tick()
    assert shop.level(person) == "at_risk"
    shop.advance(minutes=9)
    assert held(shop) == (1, 1)
    shop.advance(to="14:10")
    assert held(shop) == (0, 0)
    assert shop.see(goods)["lines"][0]["sourcing"] == "in_stock"
    assert shop.level(person) in ("on_track", "watch")


def test_an_expired_quote_counts_on_nobody_before_the_round(shop: World) -> None:
    ask(shop, "15:30")
    assert ask(shop, "15:30")[1].verdict == "no"
    shop.clock.advance(seconds=600)
    assert ask(shop, "15:30")[1].verdict == "yes"


def test_the_next_look_is_the_next_expiry(shop: World) -> None:
    ask(shop, "18:00")
    assert rounds.next_look_at(shop.runtime) == shop.at("14:10")
    assert rounds.watch(shop.runtime) == 0
    shop.clock.advance(seconds=600)
    assert rounds.watch(shop.runtime) == 1
    assert rounds.watch(shop.runtime) == 0
    assert rounds.next_look_at(shop.runtime) is None


def test_it_holds_no_longer_than_it_is_true(shop: World) -> None:
    code, found = ask(shop, "14:50")
    assert found.verdict == "yes_if"
    (row,) = shop.look(select(Quote))
    assert row.expires_at == found.act_by == shop.at("14:05")
    shop.clock.advance(seconds=300)
    with pytest.raises(Invalid, match="expired"):
        take(shop, code, "14:50")


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("unknown", "no such quote"),
        ("used", "has become order"),
        ("expired", "has expired"),
        ("branch", "is for branch"),
    ],
)
def test_a_quote_that_is_none_is_refused_by_name(shop: World, case: str, words: str) -> None:
    code, _ = ask(shop, "18:00")
    changes: dict[str, Any] = {}
    if case == "used":
        take(shop, code, "18:00")
    if case == "expired":
        shop.clock.advance(seconds=600)
    if case == "branch":
        shop.do(lambda session: factories.make_shop(session, shop.now, code="north"))
        changes = {"branch": "north", "sku": None}
    before = len(shop.look(select(Order)))
    with pytest.raises(Invalid, match=words) as error:
        take(shop, "nonsense" if case == "unknown" else code, "18:00", **changes)
    assert [each.field for each in error.value.errors] == ["quote_id"]
    assert "leave it out" in str(error.value)
    assert len(shop.look(select(Order))) == before


def test_an_order_for_something_else_lets_the_quote_go(shop: World) -> None:
    code, _ = ask(shop, "15:30", "book")
    waiting = shop.order("18:30", sku="book")
    take(shop, code, "18:30", "atlas")
    assert held(shop) == (0, 0)
    shop.tick()
    assert shop.see(waiting)["lines"][0]["sourcing"] == "in_stock"


def test_the_same_external_id_is_a_repeat_whatever_became_of_the_quote(shop: World) -> None:
    code, _ = ask(shop, "18:00")
    first = take(shop, code, "18:00", external_id="web-1")
    assert take(shop, code, "18:00", external_id="web-1") == first
    assert held(shop) == (0, 0)


def test_fewer_on_the_shelf_than_are_held_takes_nothing_from_an_order(shop: World) -> None:
    shop.item("book", on_hand=2)
    ref = shop.order("18:00", sku="book")
    code, _ = ask(shop, "18:30", "book")
    shop.item("book", on_hand=1)
    shop.tick()
    assert shop.see(ref)["lines"][0]["sourcing"] == "in_stock"
    other = take(shop, code, "18:30", "book")
    assert shop.see(other)["lines"][0]["sourcing"] == "to_procure"
    shop.tick()
    assert shop.see(ref)["lines"][0]["sourcing"] == "in_stock"


# --- at the same moment ----------------------------------------------------------------------------------------------


def attempt(act: Any) -> object:
    try:
        return act()
    except DispatchError as error:
        return error


def test_two_quotes_for_the_last_copy(shop: World) -> None:
    shop.person("Sita")
    at_once([lambda: ask(shop, "18:00", "book"), lambda: ask(shop, "18:00", "book")])
    assert held(shop)[0] == 1
    assert sorted(row.verdict.value for row in shop.look(select(Quote))) == ["yes", "yes_if"]


def test_two_quotes_for_the_last_rider(shop: World) -> None:
    found = at_once([lambda n=n: ask(shop, "15:30", address=f"{n} Road")[1].verdict for n in range(4)])
    assert sorted(found) == ["no", "no", "no", "yes"]
    assert held(shop)[1] == 1


def test_a_quote_against_an_order_for_the_last_copy(shop: World) -> None:
    at_once([lambda: ask(shop, "18:00", "book"), lambda: shop.order("18:00", sku="book")])
    with shop.db.snapshot() as session:
        item = get_item(session, "book")
    assert (item["reserved"], item["available"]) == (1, 0)


def test_two_orders_with_one_quote(shop: World) -> None:
    code, _ = ask(shop, "18:00", "book")
    found = at_once([lambda: attempt(lambda: take(shop, code, "18:00", "book")) for _ in range(2)])
    refused = [each for each in found if isinstance(each, Invalid)]
    (ref,) = [each for each in found if isinstance(each, str)]
    assert len(refused) == 1
    assert refused[0].errors[0].field == "quote_id"
    assert shop.see(ref)["lines"][0]["sourcing"] == "in_stock"
    assert held(shop) == (0, 0)


def test_expiry_against_an_order_and_another_machine(shop: World) -> None:
    code, _ = ask(shop, "18:00", "book")
    shop.clock.advance(seconds=599)
    (row,) = shop.look(select(Quote))
    late = shop.now + timedelta(seconds=1)

    def expire() -> object:
        return shop.do(lambda session: quotes.let_expired_go(session, row.id, late))

    found = at_once([expire, lambda: attempt(lambda: take(shop, code, "18:00", "book")), expire])
    gone, order = [found[0], found[2]], found[1]
    # Either the order came first, and nothing was let go, or one round did it.
    assert (gone.count(True), isinstance(order, str)) in {(0, True), (1, False)}
    assert held(shop) == (0, 0)
