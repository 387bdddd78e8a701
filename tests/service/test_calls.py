"""Calls to other shops: what an answer does to a line, what it teaches, until when a line is kept, who was first."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, select, update

from dispatch.foundation.errors import Conflict, DispatchError, Invalid, MoveNotAllowed, NotFound
from dispatch.orders.service import NewLine, find_order, timeline
from dispatch.orders.tables import Line, Order
from dispatch.procurement import wording
from dispatch.procurement.call_list import Listed
from dispatch.procurement.call_log import HitRate, Told, hit_rates
from dispatch.procurement.calls import Outcome, Why
from dispatch.procurement.tables import Supplier, SupplierAnswer
from dispatch.promise import calls
from dispatch.promise.estimates import Group, Kind
from dispatch.promise.facts import gather
from dispatch.promise.quotes import Question, look
from dispatch.promise.tables import Estimate
from dispatch.promise.verdict import Part
from dispatch.web.plan_view import shapes_of
from tests.world import World, at_once, city, world

__all__ = ["city", "world"]
BOTH_BOOKS = (NewLine(title="Physics 2", sku="physics-2"), NewLine(title="Algebra 2", sku="algebra-2"))


@dataclass
class Town:
    """The shop, and two others in town that usually have the book; a third that nobody has asked before."""

    world: World

    def __post_init__(self) -> None:
        self.world.person("Ravi", role="staff")
        self.world.supplier("city", name="City Books", travel_minutes=10, procure_minutes=20)
        self.world.supplier("cross", name="Crossword", travel_minutes=15, procure_minutes=20)
        self.world.supplier("corner", name="Corner", travel_minutes=5, procure_minutes=20)
        for sku in ("physics-2", "algebra-2"):
            self.world.item(sku, suppliers=("city", "cross"))

    def line(self, ref: str, index: int = 0) -> Line:
        query = select(Line).join(Order, Order.id == Line.order_id).where(Order.ref == ref).order_by(Line.id)
        found: Line = self.world.look(query)[index]
        return found

    def hear(self, ref: str, outcome: str, *, at: str = "city", line: int = 0, **more: Any) -> None:
        line_id = self.line(ref, line).id
        told = Told(supplier=at, outcome=Outcome(outcome), **more)
        self.world.do(lambda session: calls.hear(session, ref, line_id, told, self.world.now, actor="desk"))

    def bought(self, *line_ids: int, at: str = "city") -> list[calls.Bought]:
        told = Told(supplier=at, outcome=Outcome.BOUGHT)
        return self.world.do(lambda session: calls.buy_together(session, line_ids, told, self.world.now, actor="desk"))

    def list(self, ref: str, line: int = 0) -> list[Listed]:
        line_id = self.line(ref, line).id
        with self.world.db.snapshot() as session:
            found = calls.calls_of(session, find_order(session, ref), self.world.now).get(line_id, ())
            session.expunge_all()
            return list(found)

    def names(self, ref: str) -> list[str]:
        return [listed.supplier.code for listed in self.list(ref)]

    def at(self, ref: str, code: str) -> Listed:
        return next(listed for listed in self.list(ref) if listed.supplier.code == code)

    def standing(self, ref: str, line: int = 0) -> tuple[str, str | None, datetime | None]:
        row = self.line(ref, line)
        shops = {shop.id: shop.code for shop in self.world.look(select(Supplier))}
        return row.sourcing.value, shops.get(row.supplier_id or 0), row.kept_until

    def answers(self) -> list[str]:
        """What stands, oldest first; what was taken back in brackets."""
        rows = self.world.look(select(SupplierAnswer).order_by(SupplierAnswer.id))
        return [f"({row.outcome})" if row.superseded_at else str(row.outcome) for row in rows]

    def last_event(self, ref: str) -> str:
        with self.world.db.snapshot() as session:
            return str(timeline(session, ref)[-1]["text"])

    def rate(self, code: str) -> HitRate:
        shop = next(shop for shop in self.world.look(select(Supplier)) if shop.code == code)
        with self.world.db.snapshot() as session:
            return hit_rates(session, [shop.id], self.world.now).get(shop.id, HitRate())


@pytest.fixture
def town(world: World) -> Town:
    world.ignore_rest()
    return Town(world)


# --- one answer ------------------------------------------------------------------------------------------------------


def test_the_list_of_a_line(town: Town) -> None:
    ref = town.world.order("20:00", sku="physics-2")
    assert town.names(ref) == ["city", "cross", "corner"]
    first, *_, last = town.list(ref)
    assert (first.row.chance, last.row.chance) == (0.6, 0.15)
    assert (first.row.is_reachable, first.row.open_until) == (True, town.world.at("21:00"))
    town.world.procure(ref, "bought")
    assert town.list(ref) == []


def test_a_shop_keeps_it(town: Town) -> None:
    ref = town.world.order("20:00", sku="physics-2")
    before = town.world.see(ref)["version"]
    town.hear(ref, "has_it", at="cross", kept_until=town.world.at("18:00"), note="at the till")
    assert town.standing(ref) == ("reserved", "cross", town.world.at("18:00"))
    assert town.last_event(ref) == "Physics 2 is put aside at Crossword until 18:00. At the till"
    assert town.names(ref)[0] == "cross"
    assert town.list(ref)[0].row.why is Why.KEEPS
    assert town.world.see(ref)["version"] == before + 1
    assert datetime.fromisoformat(town.world.see(ref)["lines"][0]["kept_until"]) == town.world.at("18:00")
    town.hear(ref, "bought", at="cross")
    assert town.standing(ref) == ("bought", "cross", None)
    assert town.world.see(ref)["status"] == "packing"
    # Found and bought is one success, not two.
    assert town.answers() == ["(has_it)", "bought"]
    assert town.rate("cross") == HitRate(n=1, n_had=1)


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        ("no", "City Books doesn't have Physics 2."),
        ("closed", "City Books is closed, though their hours say open."),
        ("no_answer", "Nobody answers at City Books."),
    ],
)
def test_in_vain(town: Town, outcome: str, text: str) -> None:
    ref = town.world.order("20:00", sku="physics-2")
    town.world.procure(ref, "searching")
    town.hear(ref, outcome)
    assert town.standing(ref) == ("searching", None, None)
    assert town.last_event(ref) == text
    assert town.names(ref)[0] == "cross"
    assert town.at(ref, "city").row.last is not None


def test_closed_as_their_hours_say_is_no_doubt(town: Town) -> None:
    town.world.supplier("city", "Mo-Su 09:00-13:00", name="City Books")
    ref = town.world.order("20:00", sku="physics-2")
    town.hear(ref, "closed")
    assert town.last_event(ref) == "City Books is closed."
    assert town.rate("city").n_closed == 0
    town.hear(ref, "closed", at="cross")
    assert town.rate("cross") == HitRate(n=0, n_had=0, n_closed=1)


def test_a_finger_that_taps_twice(town: Town) -> None:
    ref = town.world.order("20:00", sku="physics-2")
    for _ in range(2):
        town.hear(ref, "no")
    version, events = town.world.see(ref)["version"], town.world.events(ref)
    town.world.clock.advance(seconds=59)
    town.hear(ref, "no")
    assert town.answers() == ["no"]
    assert (town.world.see(ref)["version"], town.world.events(ref)) == (version, events)
    town.world.clock.advance(seconds=1)
    town.hear(ref, "no")
    assert town.answers() == ["(no)", "no"]
    assert town.rate("city").n == 1


def test_a_mistaken_no_is_taken_back(town: Town) -> None:
    ref = town.world.order("20:00", sku="physics-2")
    town.hear(ref, "no")
    assert town.names(ref)[-1] == "city"
    town.hear(ref, "has_it")
    assert town.names(ref)[0] == "city"
    assert town.answers() == ["(no)", "has_it"]
    assert town.rate("city") == HitRate(n=1, n_had=1)


def test_a_shop_that_kept_it_has_it_no_more(town: Town) -> None:
    ref = town.world.order("20:00", sku="physics-2")
    town.hear(ref, "has_it", kept_until=town.world.at("18:00"))
    town.hear(ref, "no_answer")
    assert town.standing(ref)[0] == "reserved"
    town.hear(ref, "no")
    assert town.standing(ref) == ("to_procure", None, None)
    assert town.last_event(ref) == "City Books doesn't have Physics 2 any more: it is to be bought again."


def test_silence_says_nothing_about_the_goods(town: Town) -> None:
    ref = town.world.order("20:00", sku="physics-2")
    town.hear(ref, "no")
    for outcome in ("no_answer", "closed"):
        town.hear(ref, outcome)
    assert town.answers() == ["no", "(no_answer)", "closed"]
    assert town.rate("city") == HitRate(n=1, n_had=0, n_closed=1)
    assert town.at(ref, "city").row.chance == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("outcome", "more", "field"),
    [
        ("has_it", {"at": "nowhere"}, "supplier"),
        ("has_it", {"by": 999}, "by"),
        ("has_it", {"kept_until": "13:59"}, "kept_until"),
        ("no", {"kept_until": "18:00"}, "kept_until"),
    ],
)
def test_what_is_wrong_is_named(town: Town, outcome: str, more: dict[str, Any], field: str) -> None:
    ref = town.world.order("20:00", sku="physics-2")
    if "kept_until" in more:
        more = {"kept_until": town.world.at(more["kept_until"])}
    with pytest.raises(Invalid) as refused:
        town.hear(ref, outcome, **more)
    assert [error.field for error in refused.value.errors] == [field]
    assert town.answers() == []


def test_what_is_in_hand_is_not_asked_for(town: Town) -> None:
    ref = town.world.order("20:00", sku="physics-2")
    town.hear(ref, "bought")
    for outcome in ("no", "has_it", "closed"):
        with pytest.raises(MoveNotAllowed):
            town.hear(ref, outcome, at="cross")
    town.hear(ref, "bought", at="cross")
    assert town.standing(ref)[:2] == ("bought", "cross")
    town.world.move(ref, "cancel", reason="no exam")
    with pytest.raises(MoveNotAllowed):
        town.hear(ref, "bought", at="cross")
    with pytest.raises(NotFound):
        town.world.do(
            lambda session: calls.hear(
                session, ref, 999, Told(supplier="city", outcome=Outcome.NO), town.world.now, actor="desk"
            )
        )


# --- kept until ------------------------------------------------------------------------------------------------------


def test_a_line_is_kept_no_longer_than_they_said(town: Town) -> None:
    ref = town.world.order("20:00", sku="physics-2")
    town.hear(ref, "has_it", kept_until=town.world.at("15:30"))
    town.world.advance(to="15:29")
    assert town.standing(ref)[0] == "reserved"
    assert town.world.next_check(ref) == town.world.at("15:30")
    town.world.advance(to="15:30")
    assert town.standing(ref) == ("to_procure", None, None)
    text = "City Books kept Physics 2 until 15:30, and nobody bought it: it is to be bought again."
    assert text in [e["text"] for e in _timeline(town, ref)]
    town.world.tick()
    assert town.world.events(ref).count("line_kept_no_longer") == 1


def test_it_expires_while_the_worker_was_down(town: Town) -> None:
    ref = town.world.order("20:00", sku="physics-2")
    town.hear(ref, "has_it", kept_until=town.world.at("15:30"))
    town.world.clock.advance(minutes=180)
    town.world.tick_with_two_workers()
    assert town.standing(ref)[0] == "to_procure"
    assert town.world.events(ref).count("line_kept_no_longer") == 1


def test_what_was_bought_in_time_stays_bought(town: Town) -> None:
    ref = town.world.order("20:00", sku="physics-2")
    town.hear(ref, "has_it", kept_until=town.world.at("15:30"))
    town.hear(ref, "bought")
    town.world.advance(to="16:00")
    assert town.standing(ref)[0] == "bought"


def test_a_copy_on_the_shelf_takes_the_place_of_what_was_kept(town: Town) -> None:
    ref = town.world.order("20:00", sku="physics-2")
    town.hear(ref, "has_it", kept_until=town.world.at("15:30"))
    town.world.item("physics-2", 1, suppliers=("city",))
    town.world.advance(to="15:31")
    assert town.standing(ref)[0] == "in_stock"


def test_hearing_it_again_leaves_the_time_that_was_said(town: Town) -> None:
    ref = town.world.order("20:00", sku="physics-2")
    town.hear(ref, "has_it", kept_until=town.world.at("18:00"))
    town.world.procure(ref, "reserved", supplier="city", note="Asha is there")
    assert town.standing(ref) == ("reserved", "city", town.world.at("18:00"))
    town.world.procure(ref, "reserved", supplier="cross")
    assert town.standing(ref) == ("reserved", "cross", None)


def _timeline(town: Town, ref: str) -> list[dict[str, Any]]:
    with town.world.db.snapshot() as session:
        return timeline(session, ref)


# --- what it teaches -------------------------------------------------------------------------------------------------


def test_a_no_for_one_order_is_heard_for_the_next(town: Town) -> None:
    first, second = (town.world.order("20:00", sku="physics-2") for _ in range(2))
    town.hear(first, "no")
    assert town.names(second) == ["cross", "corner", "city"]
    listed = town.at(second, "city")
    assert wording.rank_reason(listed.row, town.world.now, "Asia/Kolkata") == (
        "Said no just now, asked for another order."
    )
    other = town.world.order("20:00", sku="algebra-2")
    assert town.names(other)[-1] == "corner"


def test_tomorrow_they_may_be_asked_again(town: Town) -> None:
    ref = town.world.order(town.world.now + timedelta(hours=30), sku="physics-2")
    town.hear(ref, "no")
    town.world.clock.advance(minutes=60 * 20)
    listed = town.at(ref, "city")
    assert listed.row.why is Why.LEARNED
    assert listed.row.chance == pytest.approx(0.4)


def test_what_has_no_number_is_known_by_its_title(town: Town) -> None:
    first, second, other = (town.world.order("20:00", title=title) for title in ("Blue paper", "Blue paper", "Glue"))
    town.hear(first, "bought", at="corner")
    assert town.names(second)[0] == "corner"
    assert town.at(second, "corner").row.why is Why.HAD_IT
    assert town.at(other, "corner").row.why is Why.LEARNED
    assert town.at(second, "corner").row.chance > town.at(other, "corner").row.chance > 0.15


def test_kinds_are_told_apart(town: Town) -> None:
    town.world.item("physics-3", suppliers=("city",))
    town.world.item("novel-9", suppliers=("city",))
    for _ in range(3):
        town.hear(town.world.order("20:00", sku="physics-2"), "no")
    near, far = (town.world.order("20:00", sku=sku) for sku in ("physics-3", "novel-9"))
    assert town.at(near, "city").row.chance < town.at(far, "city").row.chance < 0.6


def test_old_answers_fade(town: Town) -> None:
    ref = town.world.order("20:00", sku="physics-2")
    town.hear(ref, "no")
    chances = []
    for days in (0, 61, 200, 361):
        at = town.world.now - timedelta(days=days)
        town.world.do(lambda session, at=at: session.execute(update(SupplierAnswer).values(at=at)))
        later = town.world.order("20:00", sku="physics-2")
        chances.append(town.at(later, "city").row.chance)
    assert chances[0] == pytest.approx(0.4)
    assert chances == sorted(chances)
    assert chances[-1] == pytest.approx(0.6)
    assert len(set(chances)) == 4


def test_a_line_that_is_taken_out_leaves_what_it_taught(town: Town) -> None:
    ref = town.world.order("20:00", lines=BOTH_BOOKS)
    town.hear(ref, "no")
    town.world.change(ref, lines=[(town.line(ref, 1).id, None)])
    assert town.answers() == ["no"]
    assert [row.line_id for row in town.world.look(select(SupplierAnswer))] == [None]
    assert town.rate("city").n == 1


def test_news_that_names_a_shop_teaches_too(town: Town) -> None:
    for state, outcome in (("reserved", "has_it"), ("bought", "bought"), ("unavailable", "no")):
        ref = town.world.order("20:00", sku="algebra-2")
        town.world.procure(ref, state, supplier="corner")
        assert town.answers()[-1] == outcome
    town.world.procure(ref, "searching", supplier="city")
    assert len(town.answers()) == 3


def test_the_list_takes_as_many_queries_for_many_lines_as_for_one(town: Town) -> None:
    one = town.world.order("20:00", sku="physics-2")
    many = town.world.order("20:00", lines=BOTH_BOOKS * 3)
    for ref in (one, many):
        town.hear(ref, "no")
        town.hear(ref, "no_answer", at="cross")
    assert _queries(town, one) == _queries(town, many)


def _queries(town: Town, ref: str) -> int:
    asked = []

    def note(*given: Any) -> None:
        asked.append(given[2])

    with town.world.db.snapshot() as session:
        order = find_order(session, ref)
        assert order.lines
        assert order.branch
        event.listen(town.world.db.engine, "before_cursor_execute", note)
        try:
            assert calls.calls_of(session, order, town.world.now)
        finally:
            event.remove(town.world.db.engine, "before_cursor_execute", note)
    return len(asked)


# --- giving up -------------------------------------------------------------------------------------------------------


def test_giving_up_needs_a_reason(town: Town) -> None:
    ref = town.world.order("20:00", sku="physics-2", substitution="never")
    with pytest.raises(Invalid) as refused:
        town.world.procure(ref, "unavailable")
    assert [error.field for error in refused.value.errors] == ["note"]
    town.world.procure(ref, "unavailable", note="out of print")
    # What is known to be unobtainable needs no second reason.
    town.world.procure(ref, "unavailable")
    assert town.standing(ref)[0] == "unavailable"


def test_who_was_asked_in_vain_is_a_reason(town: Town) -> None:
    ref = town.world.order("20:00", sku="physics-2", substitution="never")
    town.hear(ref, "no")
    town.hear(ref, "closed", at="cross")
    town.world.procure(ref, "unavailable")
    told = [event["text"] for event in _timeline(town, ref) if event["kind"] == "line_unavailable"]
    assert told == ["Physics 2 can't be had. Asked: City Books (no), Crossword (closed)."]


# --- one trip --------------------------------------------------------------------------------------------------------


def test_one_trip_serves_several_lines_and_orders(town: Town) -> None:
    first = town.world.order("20:00", lines=BOTH_BOOKS)
    second = town.world.order("20:30", sku="algebra-2", title="Algebra 2")
    listed = town.at(first, "city")
    assert [(other.ref, other.title) for other in listed.also_there] == [(first, "Algebra 2"), (second, "Algebra 2")]
    ids = [town.line(first).id, town.line(first, 1).id, town.line(second).id]
    assert [result.refusal for result in town.bought(*ids)] == [None, None, None]
    assert [town.world.see(ref)["status"] for ref in (first, second)] == ["packing", "packing"]


def test_who_is_there_too(town: Town) -> None:
    ref = town.world.order("20:00", sku="physics-2")
    kept, refused, elsewhere = (town.world.order("20:00", sku="algebra-2") for _ in range(3))
    town.hear(refused, "no", at="cross")
    town.hear(kept, "has_it", at="city")
    town.world.procure(elsewhere, "bought")
    assert {(other.ref, other.is_kept) for other in town.at(ref, "city").also_there} == {(kept, True), (refused, False)}
    assert [other.ref for other in town.at(ref, "cross").also_there] == []
    assert town.at(ref, "corner").also_there == ()


def test_one_that_is_refused_does_not_lose_the_others(town: Town) -> None:
    gone, here = (town.world.order("20:00", sku="physics-2") for _ in range(2))
    ids = town.line(gone).id, town.line(here).id
    town.world.move(gone, "cancel", reason="no exam")
    events = town.world.events(gone)
    results = town.bought(ids[0], 999, ids[1], ids[1])
    assert [type(result.refusal) for result in results] == [MoveNotAllowed, NotFound, type(None)]
    assert [result.ref for result in results] == [gone, "", here]
    assert town.standing(here)[0] == "bought"
    assert town.world.events(gone) == events
    with pytest.raises(Invalid):
        town.bought()
    with pytest.raises(Invalid):
        town.bought(ids[1], at="nowhere")


# --- at the same moment ----------------------------------------------------------------------------------------------


def outcome_of(act: Callable[[], Any]) -> str:
    try:
        act()
    except (Conflict, MoveNotAllowed) as error:
        return type(error).__name__
    except DispatchError as error:
        raise AssertionError(f"a race must not look like {error!r}") from error
    return "done"


def test_two_people_tap_bought_and_no_at_once(town: Town) -> None:
    for _ in range(5):
        ref = town.world.order("20:00", sku="physics-2")
        taps = [lambda r=ref, what=what: outcome_of(lambda: town.hear(r, what)) for what in ("bought", "no")]
        bought, no = at_once(taps)
        # Whoever was first, it is in hand: a "no" that comes after is refused, one that came before is taken back.
        assert bought == "done"
        assert no in ("done", "MoveNotAllowed")
        assert town.standing(ref) == ("bought", "city", None)
        assert town.rate("city").n == town.rate("city").n_had


def test_two_who_tap_the_same_at_once_are_one(town: Town) -> None:
    ref = town.world.order("20:00", sku="physics-2")
    at_once([lambda: town.hear(ref, "no")] * 4)
    assert town.answers() == ["no"]
    assert town.world.events(ref).count("call_no") == 1


def test_two_trips_that_cross_each_other(town: Town) -> None:
    refs = [town.world.order("20:00", lines=BOTH_BOOKS) for _ in range(3)]
    ids = [town.line(ref, n).id for ref in refs for n in (0, 1)]
    first, second = at_once([lambda: town.bought(*ids), lambda: town.bought(*reversed(ids), at="cross")])
    assert [result.refusal for result in (*first, *second)] == [None] * 12
    assert {town.world.see(ref)["status"] for ref in refs} == {"packing"}
    assert {town.standing(ref, n)[0] for ref in refs for n in (0, 1)} == {"bought"}


def test_it_is_bought_while_its_time_runs_out(town: Town) -> None:
    ref = town.world.order("20:00", sku="physics-2")
    town.hear(ref, "has_it", kept_until=town.world.at("15:30"))
    town.world.clock.advance(minutes=90)
    at_once([lambda: town.hear(ref, "bought"), town.world.tick])
    town.world.tick()
    assert town.standing(ref)[:2] == ("bought", "city")


def test_the_call_list_and_the_clock_count_with_the_same_learned_length(world: World) -> None:
    """Errands to City Books take longer than its minutes say: both know."""
    world.shop()
    world.person("Ravi", role="staff")
    world.supplier("city", hours="Mo-Su 09:00-17:00", travel_minutes=10, procure_minutes=20)
    world.item("physics-2", suppliers=("city",))
    ref = world.order("20:00", sku="physics-2")
    world.ignore_rest()

    def leave_by() -> datetime | None:
        with world.db.snapshot() as session:
            (listed, *_) = next(iter(calls.calls_of(session, find_order(session, ref), world.now).values()))
            return listed.row.leave_by

    assert leave_by() == world.at("16:30")
    assert world.see(ref)["risk"]["act_by"] == world.at("16:30").astimezone(UTC).isoformat()

    def learn(session: Any) -> None:
        shop = session.scalars(select(Supplier)).one()
        branch = find_order(session, ref).branch
        session.add(
            Estimate(branch_id=branch.id, kind=Kind.PROCURE, supplier_id=shop.id, is_given=False, n=50,
                     likely_log=math.log(1.2), cautious_log=math.log(1.5), computed_at=world.now,
                     key=Group(Kind.PROCURE, supplier_id=shop.id).key)
        )  # fmt: skip

    world.do(learn)
    world.change(ref, reason="look again")
    # 17:00 less 30 to find and buy, and 15 there.
    assert leave_by() == world.at("16:15")
    assert world.see(ref)["risk"]["act_by"] == world.at("16:15").astimezone(UTC).isoformat()


# --- what the clock makes of it --------------------------------------------------------------------------------------


def counted_on(world: World, ref: str) -> list[str | None]:
    return [step["supplier"] for step in see_plan(world, ref) if step["step"] == "procure"]


def see_plan(world: World, ref: str) -> list[dict[str, Any]]:
    with world.db.snapshot() as session:
        return shapes_of(gather(session, find_order(session, ref), world.now), world.now)


def test_the_clock_counts_on_nobody_who_said_no(town: Town) -> None:
    ref = town.world.order("18:30", sku="physics-2")
    town.world.tick()
    assert counted_on(town.world, ref) == ["City Books"]
    town.hear(ref, "no")
    town.world.tick()
    assert counted_on(town.world, ref) == ["Crossword"]
    town.hear(ref, "no", at="cross")
    town.world.tick()
    # Somebody goes and looks elsewhere, which takes as long as buying takes where no shop is known.
    assert counted_on(town.world, ref) == [None]
    assert town.world.see(ref)["risk"]["binding"]["message"] == "Buying Physics 2 can take 90 min: start by 16:15."
    town.hear(ref, "has_it")
    town.world.tick()
    assert counted_on(town.world, ref) == ["City Books"]


def test_to_start_looking_at_the_last_minute_calls_nobody(town: Town) -> None:
    """It is usually had at two shops, and the farther one would be too late."""
    # 40 minutes to City Books and back, 50 to Crossword; 45 from here to the customer.
    ref = town.world.order("15:40", sku="physics-2")
    town.world.advance(to="14:14")
    assert town.world.see(ref)["risk"]["binding"]["message"] == "Buying Physics 2 can take 40 min: start by 14:15."
    town.world.procure(ref, "searching")
    town.world.advance(minutes=20)
    assert town.world.see(ref)["risk"]["act_by"] == town.world.at("14:55").astimezone(UTC).isoformat()
    assert not town.world.has_escalation(ref)


def test_whoever_looks_is_not_where_they_have_said_no(town: Town) -> None:
    ref = town.world.order("18:30", sku="physics-2")
    town.hear(ref, "no")
    town.world.procure(ref, "searching")
    assert "which can take 50 min" in town.world.see(ref)["risk"]["binding"]["message"]
    # Who says that they go there has a reason.
    town.world.procure(ref, "searching", supplier="city")
    assert "which can take 40 min" in town.world.see(ref)["risk"]["binding"]["message"]


def test_a_shop_that_was_found_closed_counts_from_its_next_opening(town: Town) -> None:
    town.world.supplier(
        "city", "Mo-Su 09:00-15:00,16:00-21:00", name="City Books", travel_minutes=10, procure_minutes=20
    )
    town.world.item("atlas", suppliers=("city",))
    soon, later = town.world.order("16:45", sku="atlas"), town.world.order("20:30", sku="atlas")
    town.hear(soon, "closed")
    town.world.tick()
    assert town.world.see(soon)["risk"]["binding"]["message"] == "City Books is closed until after the promise."
    assert town.world.see(soon)["risk"]["level"] in {"at_risk", "late"}
    assert counted_on(town.world, later) == ["City Books"]
    town.world.ignore_rest()


def test_a_no_is_heard_by_the_clock_of_every_order_that_waits_for_it(town: Town) -> None:
    first, second = (town.world.order("18:30", sku="physics-2") for _ in range(2))
    town.world.tick()
    for code in ("city", "cross"):
        town.hear(first, "no", at=code)
    assert town.world.next_check(second) == town.world.now
    town.world.tick()
    assert counted_on(town.world, second) == [None]
    town.world.ignore_rest()


def test_a_no_of_today_says_nothing_of_tomorrow(town: Town) -> None:
    ref = town.world.order(town.world.at("18:30") + timedelta(days=1), sku="physics-2")
    town.hear(ref, "no")
    town.hear(ref, "no", at="cross")
    town.world.tick()
    assert counted_on(town.world, ref) == ["City Books"]


def test_a_quote_counts_on_nobody_who_said_no(town: Town) -> None:
    ref = town.world.order("20:30", sku="physics-2")
    for code in ("city", "cross"):
        town.hear(ref, "no", at=code)
    asked = Question(lines=(NewLine(title="Physics 2", sku="physics-2"),), promised_by=town.world.at("20:00"))
    with town.world.db.snapshot() as session:
        found = look(session, asked, town.world.now)
    assert [start.supplier for start in found.plan if start.part is Part.PROCURE] in ([], [None])


def test_a_page_sends_nobody_to_a_shop_that_said_no(town: Town) -> None:
    ref = town.world.order("15:30", sku="physics-2")
    town.hear(ref, "no")
    town.world.tick()
    town.world.phone("Ravi").expects(ref, "at Crossword for Arjun")
    town.world.ignore_rest()


def test_a_sunday_is_no_fault_of_saturdays_closing(town: Town) -> None:
    town.world.supplier("city", "Mo,We-Su 09:00-21:00", name="City Books", travel_minutes=10, procure_minutes=20)
    town.world.item("atlas", suppliers=("city",))
    ref = town.world.order("18:30", sku="atlas")
    town.world.tick()
    risk = town.world.see(ref)["risk"]
    assert (risk["level"], risk["binding"]["clock"]) == ("late", "supplier_closing")
    assert risk["binding"]["message"] == "City Books is closed until after the promise."
    town.world.ignore_rest()


def test_a_page_about_what_is_given_up_names_no_shop(town: Town) -> None:
    ref = town.world.order("15:30", sku="physics-2")
    town.world.procure(ref, "unavailable", note="out of print")
    town.world.tick()
    town.world.phone("Ravi").expects(ref, "at any shop in town")
    town.world.ignore_rest()
