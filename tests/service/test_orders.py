"""Orders on both databases: taking, changing, moving, buying; stale copies, the same order twice, and what re-arms."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session, selectinload

from dispatch.foundation.errors import Conflict, Invalid, MoveNotAllowed, NotFound, StaleVersion
from dispatch.messaging.service import opt_out
from dispatch.orders.rules import MOVES, Move, Sourcing, Status
from dispatch.orders.service import NewLine, ProcurementNews, find_order, lock_order
from dispatch.orders.tables import Order, Promise, Timetable
from dispatch.orders.timetable import rearm, set_next_check
from dispatch.promise import service as promise
from dispatch.promise.facts import gather, gather_all
from dispatch.promise.tables import Watch
from dispatch.staff import service as staff
from tests import factories
from tests.world import World, at_once, city, world

__all__ = ["city", "world"]


@pytest.fixture
def shop(world: World) -> World:
    """A shop with a rider and a manager on a shift, whose texts are not the matter."""
    world.person("Ravi")
    world.person("Maya", role="manager")
    world.ignore_rest()
    return world


# --- taking ----------------------------------------------------------------------------------------------------------


def test_an_order_is_taken_with_its_promise_its_clock_and_its_event(shop: World) -> None:
    ref = shop.order("19:00", title="Physics 2")
    seen = shop.see(ref)
    assert (seen["status"], seen["version"]) == ("procuring", 1)
    assert seen["promised_by"] == seen["first_promised_by"] == shop.at("19:00").astimezone(shop.now.tzinfo).isoformat()
    assert [line["sourcing"] for line in seen["lines"]] == ["to_procure"]
    assert shop.events(ref) == ["placed"]
    assert shop.next_check(ref) == shop.now
    assert seen["risk"]["act_by"] is not None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"customer_phone": "12"}, "customer.phone"),
        ({"customer_name": " "}, "customer.name"),
        ({"address": " "}, "address.text"),
        ({"lines": ()}, "lines"),
        ({"title": " "}, "lines.0.title"),
        ({"quantity": 0}, "lines.0.quantity"),
        ({"quantity": 10001}, "lines.0.quantity"),
        ({"sku": "unknown"}, "lines.0.sku"),
    ],
)
def test_what_is_wrong_with_an_order_is_named(shop: World, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as error:
        shop.order("19:00", **changes)
    assert [e.field for e in error.value.errors] == [field]
    assert factories.count(shop.db, select(Order.id)) == 0


@pytest.mark.parametrize("minutes", [0, -1, 61 * 24 * 60])
def test_a_promise_is_to_come_and_near(shop: World, minutes: int) -> None:
    with pytest.raises(Invalid, match="promised_by"):
        shop.order(minutes=minutes)


def test_an_unknown_branch_is_not_found(shop: World) -> None:
    with pytest.raises(NotFound):
        shop.order("19:00", branch="moon")


def test_a_reference_is_never_an_answer(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who types "936A" takes page 936; no order may be called that."""
    letters = iter("936A7R8A2345K7Q2")
    monkeypatch.setattr("dispatch.orders.service.secrets.choice", lambda _: next(letters))
    assert shop.order("19:00") == "K7Q2"


def test_the_same_external_id_gives_the_first_order(shop: World) -> None:
    first = shop.order("19:00", external_id="web-1")
    again = shop.order("20:00", external_id="web-1")
    assert again == first
    assert shop.events(first) == ["placed"]


def test_the_same_external_id_from_ten_threads_is_one_order(shop: World) -> None:
    def take() -> tuple[str, bool]:
        new = factories.new_order(shop.at("19:00"), external_id="web-1", customer_phone="+447700900999")
        with shop.db.transaction() as session:
            order, is_new = promise.place(session, new, shop.now, actor="web", region="GB")
            return order.ref, is_new

    taken = at_once([take] * 10)
    assert len({ref for ref, _ in taken}) == 1
    assert [is_new for _, is_new in taken].count(True) == 1
    assert factories.count(shop.db, select(Order.id)) == 1
    assert factories.count(shop.db, select(Promise.id)) == 1


# --- changing --------------------------------------------------------------------------------------------------------


def test_a_new_promise_keeps_the_first(shop: World) -> None:
    ref = shop.order("19:00")
    first = shop.see(ref)["first_promised_by"]
    shop.change(ref, promised_by=shop.at("20:00"), why="the customer has time")
    seen = shop.see(ref)
    assert seen["first_promised_by"] == first
    assert seen["promised_by"] > first
    with shop.db.snapshot() as session:
        numbers = session.scalars(select(Promise.number).order_by(Promise.id)).all()
    assert numbers == [1, 2]
    assert shop.events(ref)[-1] == "promised_again"


def test_a_new_promise_needs_a_reason(shop: World) -> None:
    ref = shop.order("19:00")
    with pytest.raises(Invalid, match="why"):
        shop.change(ref, promised_by=shop.at("20:00"))
    assert shop.see(ref)["promised_by"] == shop.see(ref)["first_promised_by"]


def test_a_stale_copy_is_refused_and_nothing_is_written(shop: World) -> None:
    ref = shop.order("19:00")
    shop.change(ref, reason="exam")
    acts: list[Callable[[Session], object]] = [
        lambda s: promise.change(s, ref, {"reason": "x"}, shop.now, actor="desk", if_version=1),
        lambda s: promise.move(s, ref, Move.CANCEL, shop.now, actor="desk", reason="x", if_version=1),
        lambda s: promise.procure(
            s, ref, find_order(s, ref).lines[0].id, ProcurementNews(state=Sourcing.BOUGHT), shop.now, actor="desk",
            if_version=1,
        ),
    ]  # fmt: skip
    before = shop.see(ref)
    for act in acts:
        with pytest.raises(StaleVersion) as error:
            shop.do(act)
        assert error.value.current == 2
    assert shop.see(ref) == before


def test_ten_threads_save_the_same_copy_and_one_of_them_wins(shop: World) -> None:
    ref = shop.order("19:00")

    def save(number: int) -> bool:
        try:
            shop.do(lambda s: promise.change(s, ref, {"reason": f"{number}"}, shop.now, actor="desk", if_version=1))
        except StaleVersion:
            return False
        return True

    won = at_once([lambda number=number: save(number) for number in range(10)])
    assert won.count(True) == 1
    assert shop.see(ref)["version"] == 2
    assert shop.see(ref)["reason"] == str(won.index(True))


def test_lines_that_are_in_hand_must_be_kept(shop: World) -> None:
    ref = shop.order("19:00", lines=(NewLine(title="A"), NewLine(title="B")))
    first, second = shop.do(lambda s: [line.id for line in find_order(s, ref).lines])
    shop.procure(ref, "bought")
    with pytest.raises(Conflict, match="in hand"):
        shop.change(ref, lines=[(second, None)])
    shop.change(ref, lines=[(first, None)])
    assert [line["title"] for line in shop.see(ref)["lines"]] == ["A"]
    # What was missing is gone, so that the rest can be packed.
    assert shop.see(ref)["status"] == "packing"
    shop.change(ref, lines=[(first, None), (None, NewLine(title="C"))])
    assert shop.see(ref)["status"] == "procuring"
    with pytest.raises(Conflict, match="in hand"):
        shop.change(ref, lines=[])


def test_an_order_keeps_at_least_one_line(shop: World) -> None:
    ref = shop.order("19:00")
    with pytest.raises(Invalid, match="lines"):
        shop.change(ref, lines=[])


def test_a_closed_order_is_not_changed(shop: World) -> None:
    ref = shop.order("19:00")
    shop.move(ref, "cancel", reason="changed their mind")
    with pytest.raises(Conflict):
        shop.change(ref, reason="x")


# --- moving ----------------------------------------------------------------------------------------------------------


def bring_to(shop: World, ref: str, status: Status) -> None:
    if status is Status.PROCURING:
        return
    if status is Status.CANCELLED:
        shop.move(ref, "cancel", reason="changed their mind")
        return
    shop.procure(ref, "bought")
    for move in {
        Status.PACKING: [],
        Status.READY: ["pack"],
        Status.OUT_FOR_DELIVERY: ["pack", "hand_over"],
        Status.DELIVERED: ["pack", "hand_over", "deliver"],
    }[status]:
        more = {"staff_id": shop.people["Ravi"]} if move == "hand_over" else {}
        shop.move(ref, move, **more)


MORE: dict[Move, dict[str, Any]] = {Move.FAIL: {"reason": "nobody home"}, Move.CANCEL: {"reason": "not needed"}}


@pytest.mark.parametrize("status", Status)
def test_every_move_from_every_status(shop: World, status: Status) -> None:
    for move in Move:
        ref = shop.order("19:00")
        bring_to(shop, ref, status)
        assert shop.see(ref)["status"] == status
        more = {"staff_id": shop.people["Ravi"]} if move is Move.HAND_OVER else MORE.get(move, {})
        before = shop.see(ref)
        target = MOVES.get((status, move))
        if target is None:
            with pytest.raises(MoveNotAllowed) as error:
                shop.move(ref, move, **more)
            assert error.value.allowed == tuple(before["allowed_moves"])
            assert shop.see(ref) == before
        else:
            shop.move(ref, move, **more)
            after = shop.see(ref)
            assert after["status"] == target
            assert after["version"] > before["version"]
            assert len(shop.events(ref)) > 1


def test_what_must_have_happened_before_a_delivery_is_filled_in(shop: World) -> None:
    ref = shop.order("19:00")
    shop.move(ref, "deliver")
    assert shop.events(ref) == ["placed", "line_bought", "packed", "left_unseen", "delivered"]
    seen = shop.see(ref)
    assert None not in (seen["packed_at"], seen["handed_over_at"], seen["delivered_at"], seen["closed_at"])


@pytest.mark.parametrize(
    ("move", "more", "field"),
    [
        ("hand_over", {}, "staff_id"),
        ("hand_over", {"staff_id": 10**6}, "staff_id"),
    ],
)
def test_what_a_move_lacks_is_named(shop: World, move: str, more: dict[str, Any], field: str) -> None:
    ref = shop.order("19:00")
    bring_to(shop, ref, Status.READY)
    with pytest.raises(Invalid) as error:
        shop.move(ref, move, **more)
    assert error.value.errors[0].field == field
    assert shop.see(ref)["status"] == "ready"


def test_a_buyer_is_not_handed_an_order(shop: World) -> None:
    buyer = shop.person("Bela", role="buyer")
    ref = shop.order("19:00")
    bring_to(shop, ref, Status.READY)
    with pytest.raises(Invalid, match="Bela is a buyer"):
        shop.move(ref, "hand_over", staff_id=buyer)


def test_a_pin_is_asked_for_where_there_is_one(shop: World) -> None:
    ref = shop.order("19:00", proof="pin")
    bring_to(shop, ref, Status.OUT_FOR_DELIVERY)
    pin = shop.order_row(ref).pin
    assert pin
    wrong = f"{(int(pin) + 1) % 10000:04d}"
    for given in (None, "", wrong):
        with pytest.raises(Invalid, match="pin"):
            shop.move(ref, "deliver", pin=given)
    shop.move(ref, "deliver", pin=f" {pin} ")
    assert shop.see(ref)["status"] == "delivered"


# --- buying ----------------------------------------------------------------------------------------------------------


def test_news_of_a_line_moves_the_order(shop: World) -> None:
    shop.supplier("academic")
    ref = shop.order("19:00")
    for state in ("searching", "reserved", "unavailable", "searching"):
        shop.procure(ref, state, supplier="academic", by=shop.people["Maya"])
        assert shop.see(ref)["status"] == "procuring"
    shop.procure(ref, "bought")
    assert shop.see(ref)["status"] == "packing"
    assert shop.see(ref)["lines"][0]["supplier"] == "academic"
    with pytest.raises(MoveNotAllowed):
        shop.procure(ref, "unavailable")


def test_the_same_news_twice_is_one_event(shop: World) -> None:
    shop.supplier("academic")
    ref = shop.order("19:00")
    for _ in range(3):
        shop.procure(ref, "searching", supplier="academic")
    assert shop.events(ref).count("line_searching") == 1


@pytest.mark.parametrize("state", ["in_stock", "to_procure", "substituted"])
def test_some_states_are_no_news(shop: World, state: str) -> None:
    ref = shop.order("19:00")
    with pytest.raises(Invalid, match="state"):
        shop.procure(ref, state)


def test_unknown_lines_suppliers_and_people_are_named(shop: World) -> None:
    ref = shop.order("19:00")
    with pytest.raises(NotFound):
        shop.do(lambda s: promise.procure(s, ref, 10**6, ProcurementNews(state=Sourcing.BOUGHT), shop.now, actor="x"))
    with pytest.raises(Invalid, match="supplier"):
        shop.procure(ref, "searching", supplier="moon")
    with pytest.raises(Invalid, match="by"):
        shop.procure(ref, "searching", by=10**6)


# --- what re-arms ----------------------------------------------------------------------------------------------------


def _pause(world: World, session: Session) -> object:
    return staff.pause(session, world.people["Ravi"], world.now, until=world.now + timedelta(hours=1))


REARMING: dict[str, Callable[[World, Session], object]] = {
    "pause": _pause,
    "end of a pause": lambda w, s: staff.end_pause(s, w.people["Ravi"], w.now),
    "extra shift": lambda w, s: staff.add_shift(
        s, w.people["Ravi"], w.now, starts_at=w.now, ends_at=w.now + timedelta(hours=9)
    ),
    "roster": lambda w, s: staff.change_staff(s, w.people["Ravi"], {"shifts": None}, w.now, region="GB"),
    "somebody new": lambda w, s: factories.make_person(s, w.now, "New"),
    "branch": lambda w, s: factories.make_shop(s, w.now, travel_minutes=10),
    "supplier's hours": lambda w, s: factories.make_supplier(s, w.now, "academic", "Mo-Su 10:00-15:00"),
    "item": lambda w, s: factories.make_item(s, w.now, "physics-2", 0, suppliers=("academic",)),
    "founder elsewhere": lambda w, s: staff.pause(s, w.people["Anand"], w.now, until=w.now + timedelta(hours=1)),
}


@pytest.mark.parametrize("change", REARMING)
def test_whatever_matters_has_the_order_looked_at_at_once(shop: World, change: str) -> None:
    shop.do(lambda session: factories.make_shop(session, shop.now, code="other"))
    shop.person("Anand", role="founder", shifts=None, branch="other")
    shop.supplier("academic")
    shop.item("physics-2", suppliers=("academic",))
    ref = shop.order("19:00", sku="physics-2")
    shop.tick()
    assert shop.next_check(ref) != shop.now
    shop.do(lambda session: REARMING[change](shop, session))
    assert shop.next_check(ref) == shop.now


def test_what_does_not_matter_wakes_nobody(shop: World) -> None:
    shop.do(lambda session: factories.make_shop(session, shop.now, code="other"))
    shop.supplier("other-shop")
    far = shop.person("Far", branch="other")
    ref = shop.order("19:00")
    shop.tick()
    before = shop.next_check(ref)
    shop.do(lambda session: staff.pause(session, far, shop.now, until=shop.now + timedelta(hours=1)))
    shop.supplier("other-shop", "Mo 10:00-11:00")
    assert shop.next_check(ref) == before


def test_a_change_that_is_rolled_back_wakes_nobody(shop: World) -> None:
    ref = shop.order("19:00")
    shop.tick()
    before = shop.next_check(ref)
    with pytest.raises(RuntimeError), shop.db.transaction() as session:
        _pause(shop, session)
        raise RuntimeError
    assert shop.next_check(ref) == before


def test_news_in_between_is_not_lost_to_an_older_look(shop: World) -> None:
    ref = shop.order("19:00")
    shop.tick()
    order_id = shop.order_row(ref).id

    def seen() -> int:
        with shop.db.snapshot() as session:
            return session.get_one(Timetable, order_id).generation

    before = seen()
    shop.do(lambda session: rearm(session, [order_id], shop.now))
    later = shop.now + timedelta(hours=3)
    shop.do(lambda session: set_next_check(session, order_id, later, seen=before))
    assert shop.next_check(ref) == shop.now
    shop.do(lambda session: set_next_check(session, order_id, later, seen=seen()))
    assert shop.next_check(ref) == later


def test_two_who_wake_each_others_orders_do_not_deadlock(shop: World) -> None:
    first, second = (shop.order_row(shop.order("19:00")).id for _ in range(2))

    def hold(mine: int, theirs: int) -> None:
        with shop.db.transaction() as session:
            lock_order(session, order_id=mine)
            rearm(session, [theirs, mine], shop.now)

    for _ in range(5):
        at_once([lambda: hold(first, second), lambda: hold(second, first)])
    with shop.db.snapshot() as session:
        assert set(session.scalars(select(Timetable.generation))) == {12}


# --- the cost of a look ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["gather", "read_clock"])
def test_a_look_takes_the_same_number_of_queries_whatever_the_order_holds(shop: World, kind: str) -> None:
    def cost(lines: int) -> int:
        made = tuple(NewLine(title=f"Book {n}", sku=f"sku-{n}") for n in range(lines))
        for n in range(lines):
            shop.supplier(f"shop-{n}")
            shop.item(f"sku-{n}", suppliers=(f"shop-{n}",))
        ref = shop.order("19:00", lines=made)
        with shop.db.transaction() as session:
            order = lock_order(session, ref)
            assert len(order.lines) == lines
            assert order.branch.code == "main"
            asked: list[str] = []
            connection = session.connection()

            def note(*arguments: Any) -> None:
                asked.append(arguments[2])

            event.listen(connection, "before_cursor_execute", note)
            if kind == "gather":
                gather(session, order, shop.now)
            else:
                promise.read_clock(session, order, shop.now)
            event.remove(connection, "before_cursor_execute", note)
        return len(asked)

    few = cost(1)
    for n in range(15):
        shop.person(f"P{n}")
    assert cost(30) == few
    assert few <= 13


def test_the_facts_of_fifty_orders_take_as_many_queries_as_those_of_one(shop: World) -> None:
    for number in range(3):
        shop.supplier(f"shop-{number}")
        shop.item(f"sku-{number}", suppliers=(f"shop-{number}",))
    for number in range(50):
        shop.order("19:00", sku=f"sku-{number % 3}", address=f"{number} Park Road")

    def cost(orders: int) -> int:
        with shop.db.transaction() as session:
            query = select(Order).options(selectinload(Order.lines), selectinload(Order.branch)).limit(orders)
            rows = session.scalars(query).all()
            assert len(rows) == orders
            asked: list[str] = []
            connection = session.connection()

            def note(*arguments: Any) -> None:
                asked.append(arguments[2])

            event.listen(connection, "before_cursor_execute", note)
            assert len(gather_all(session, rows, shop.now)) == orders
            event.remove(connection, "before_cursor_execute", note)
        return len(asked)

    assert cost(50) == cost(1) <= 12


# --- what customers hear ---------------------------------------------------------------------------------------------


def test_each_notice_comes_once(world: World) -> None:
    world.person("Ravi")
    ref = world.order("19:00")
    customer = world.phone("Arjun Mehta")
    world.tick()
    world.tick()
    customer.expects("has your order", "/t?k=").expects_nothing()
    bring_to(world, ref, Status.OUT_FOR_DELIVERY)
    customer.expects("Ravi from Kala Books is on the way").expects_nothing()
    world.move(ref, "fail", reason="nobody home")
    world.move(ref, "hand_over", staff_id=world.people["Ravi"])
    # Each attempt has its own news.
    customer.expects("on the way").expects_nothing()
    world.move(ref, "deliver")
    customer.expects("has been delivered", "Thank you").expects_nothing()


def test_whoever_opted_out_is_never_texted(world: World) -> None:
    world.person("Ravi")
    ref = world.order("19:00", customer_phone="+447700900998")
    world.do(lambda session: opt_out(session, "+447700900998", world.now, "asked by phone"))
    bring_to(world, ref, Status.OUT_FOR_DELIVERY)
    world.move(ref, "deliver")
    world.tick()
    assert world.city.texts() == []


def test_a_landline_is_not_texted(world: World) -> None:
    world.order("19:00", customer_phone="+442083661177")
    world.tick()
    assert world.city.texts() == []


def test_the_digits_come_with_on_its_way(world: World) -> None:
    world.person("Ravi")
    ref = world.order("19:00", proof="pin")
    pin = world.order_row(ref).pin
    assert pin
    world.phone("Arjun Mehta").expects("has your order")
    bring_to(world, ref, Status.OUT_FOR_DELIVERY)
    world.phone("Arjun Mehta").expects(pin, "digits")


def test_a_delivery_out_of_the_blue_says_nothing_of_the_way(world: World) -> None:
    ref = world.order("19:00")
    world.move(ref, "deliver")
    world.phone("Arjun Mehta").expects("has your order")
    world.phone("Arjun Mehta").expects("has been delivered").expects_nothing()


def test_a_watch_is_written_once_per_order(shop: World) -> None:
    ref = shop.order("19:00")
    shop.change(ref, reason="x")
    shop.tick()
    assert factories.count(shop.db, select(Watch.order_id)) == 1
