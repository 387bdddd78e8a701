"""Learning at night from what happened: once, from events alone, and without holding anybody up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from sqlalchemy import delete, event, select, update
from sqlalchemy.orm import Session

from dispatch import rounds
from dispatch.foundation.clock import ManualClock
from dispatch.foundation.db import Database
from dispatch.foundation.settings import Settings
from dispatch.orders.branches import get_branch
from dispatch.orders.rules import Move, Sourcing
from dispatch.orders.service import NewLine, ProcurementNews, find_order
from dispatch.orders.tables import Branch, Promise, Timetable
from dispatch.procurement.tables import Supplier
from dispatch.promise import learning
from dispatch.promise import service as promise
from dispatch.promise.calibration import Kept, learned, promises_kept, steps_kept, weeks_kept
from dispatch.promise.estimates import NOTHING_LEARNED, Kind, Spread, by_default
from dispatch.promise.learning import collect, is_due, last_night, load_lengths, recalibrate
from dispatch.promise.tables import Estimate, Learning, Observation, Source
from dispatch.runtime import Runtime
from tests import factories
from tests.conftest import START
from tests.world import at_once

NIGHT = START + timedelta(hours=14)


class Shop:
    """A shop whose orders are all for one book that must be bought."""

    def __init__(self, db: Database) -> None:
        self.db = db
        with db.transaction() as session:
            factories.make_shop(session, START, pack_minutes=10, travel_minutes=40, procure_minutes=60)
            factories.make_supplier(session, START, "city", travel_minutes=15, procure_minutes=30)
            factories.make_item(session, START, "physics", suppliers=("city",))
            self.rider = factories.make_person(session, START, "Ravi")

    def order(self, *, until: Move | None = Move.DELIVER, start: datetime = START, **changes: Any) -> str:
        """Looked for 5 minutes after it was placed, bought 50 later, packed 8 later, 25 on the way."""
        with self.db.transaction() as session:
            lines = (NewLine(title="Physics", sku="physics"),)
            order = factories.make_order(session, start, start + timedelta(hours=5), lines=lines, **changes)
            ref, line = order.ref, order.lines[0].id
        told = ((5, Sourcing.SEARCHING), (55, Sourcing.BOUGHT))
        for minutes, state in told:
            with self.db.transaction() as session:
                news = ProcurementNews(state=state, supplier="city")
                promise.procure(session, ref, line, news, start + timedelta(minutes=minutes), actor="desk")
        for minutes, move in ((63, Move.PACK), (65, Move.HAND_OVER), (90, Move.DELIVER)):
            self.move(ref, move, start + timedelta(minutes=minutes))
            if move is until:
                break
        return ref

    def move(self, ref: str, move: Move, at: datetime, **more: Any) -> None:
        with self.db.transaction() as session:
            promise.move(session, ref, move, at, actor="desk", staff_id=self.rider, **more)

    def learn(self, now: datetime = NIGHT) -> bool:
        with self.db.transaction() as session:
            return recalibrate(session, get_branch(session, "main"), now)

    def seen(self) -> list[tuple[str, float, float]]:
        with self.db.snapshot() as session:
            rows = session.scalars(select(Observation).order_by(Observation.ended_at, Observation.id))
            return [(row.kind.value, row.minutes, row.default_minutes) for row in rows]

    def runtime(self, settings: Settings, now: datetime) -> Runtime:
        return Runtime(settings=settings, db=self.db, clock=ManualClock(now), texts=cast(Any, None))


@pytest.fixture
def shop(db: Database) -> Shop:
    return Shop(db)


@contextmanager
def counted(db: Database) -> Iterator[list[str]]:
    """The statements of a block."""
    said: list[str] = []

    def note(*arguments: Any) -> None:
        said.append(arguments[2])

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


# --- what is learned from --------------------------------------------------------------------------------------------


def test_a_delivered_order_teaches_three_things(shop: Shop) -> None:
    ref = shop.order(travel_minutes=None)
    assert shop.learn()
    assert shop.seen() == [("procure", 50, 60), ("pack", 8, 10), ("travel", 25, 40)]
    with shop.db.snapshot() as session:
        rows = {row.kind: row for row in session.scalars(select(Observation))}
        order = find_order(session, ref)
        city = session.scalars(select(Supplier.id)).one()
        assert {row.order_id for row in rows.values()} == {order.id}
        assert {row.source for row in rows.values()} == {Source.EVENTS}
        assert (rows[Kind.PROCURE].supplier_id, rows[Kind.PROCURE].line_id) == (city, order.lines[0].id)
        assert Spread(rows[Kind.PACK].likely_minutes, rows[Kind.PACK].cautious_minutes) == by_default(10)


def test_a_way_that_somebody_gave_is_measured_by_it(shop: Shop) -> None:
    shop.order(travel_minutes=20)
    shop.learn()
    assert shop.seen()[-1] == ("travel", 25, 20)
    with shop.db.snapshot() as session:
        lengths = load_lengths(session, 1, supplier_ids=[])
        assert lengths.spread(Kind.TRAVEL, 40) == by_default(40)
        assert lengths.spread(Kind.TRAVEL, 40, is_given=True) != by_default(40)


def test_the_distance_is_kept(shop: Shop) -> None:
    with shop.db.transaction() as session:
        branch = get_branch(session, "main")
        branch.lat, branch.lon = 22.57, 88.36
    shop.order(lat=22.60, lon=88.36, travel_minutes=None)
    shop.learn()
    with shop.db.snapshot() as session:
        km = session.scalars(select(Observation.distance_km).where(Observation.kind == Kind.TRAVEL)).one()
        assert km == pytest.approx(3.34, abs=0.01)
        assert "travel/d1" in session.scalars(select(Estimate.key)).all()


@pytest.mark.parametrize("until", [Move.PACK, Move.HAND_OVER])
def test_an_order_that_is_not_delivered_teaches_nothing_yet(shop: Shop, until: Move) -> None:
    ref = shop.order(until=until)
    shop.learn()
    assert shop.seen() == []
    move = Move.HAND_OVER if until is Move.PACK else Move.DELIVER
    shop.move(ref, move, START + timedelta(minutes=65))
    if move is Move.HAND_OVER:
        shop.move(ref, Move.DELIVER, START + timedelta(minutes=95))
    assert shop.learn(NIGHT + timedelta(days=1))
    assert len(shop.seen()) >= 2


def test_a_cancelled_order_teaches_nothing(shop: Shop) -> None:
    ref = shop.order(until=Move.HAND_OVER)
    shop.move(ref, Move.CANCEL, START + timedelta(minutes=90), reason="nobody there")
    shop.learn()
    assert shop.seen() == []


def test_what_was_filled_in_teaches_nothing(shop: Shop) -> None:
    with shop.db.transaction() as session:
        ref = factories.make_order(session, START, START + timedelta(hours=5), sku="physics").ref
    shop.move(ref, Move.DELIVER, START + timedelta(minutes=90))
    assert shop.learn()
    assert shop.seen() == []


def test_packing_counts_while_the_shop_is_open(shop: Shop) -> None:
    """Everything came at 20:55, the shop closes at 21:00, and it was packed at 9:07 the next morning."""
    evening = START + timedelta(hours=6)
    with shop.db.transaction() as session:
        factories.make_item(session, evening, "atlas", on_hand=3)
        ref = factories.make_order(session, evening + timedelta(minutes=55), START + timedelta(days=1), sku="atlas").ref
    shop.move(ref, Move.PACK, START + timedelta(hours=19, minutes=7))
    shop.move(ref, Move.HAND_OVER, START + timedelta(hours=19, minutes=10))
    shop.move(ref, Move.DELIVER, START + timedelta(hours=19, minutes=40))
    shop.learn(START + timedelta(days=1))
    assert shop.seen()[0] == ("pack", 12, 10)


def test_absurd_lengths_are_left_out(shop: Shop) -> None:
    ref = shop.order(until=Move.HAND_OVER)
    shop.move(ref, Move.DELIVER, START + timedelta(minutes=65, seconds=10))
    shop.learn()
    assert [kind for kind, *_ in shop.seen()] == ["procure", "pack"]


# --- once a night ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "night"),
    [
        ("2026-11-24T03:00+05:30", "2026-11-24T03:00+05:30"),
        ("2026-11-24T02:59+05:30", "2026-11-23T03:00+05:30"),
        ("2026-11-24T22:00+00:00", "2026-11-25T03:00+05:30"),
    ],
)
def test_the_last_night(now: str, night: str) -> None:
    branch = Branch(timezone="Asia/Kolkata")
    assert last_night(branch, datetime.fromisoformat(now)) == datetime.fromisoformat(night)


def test_a_night_in_which_the_clocks_change() -> None:
    branch = Branch(timezone="Europe/Berlin")
    for day, offset in (("2026-03-29", "+02:00"), ("2026-10-25", "+01:00")):
        night = datetime.fromisoformat(f"{day}T03:00{offset}")
        assert last_night(branch, night) == night
        assert last_night(branch, night - timedelta(seconds=1)) < night - timedelta(hours=22)


def test_once_a_night_and_nothing_twice(shop: Shop) -> None:
    shop.order()
    assert shop.learn()
    before = shop.seen()
    assert not shop.learn(NIGHT + timedelta(hours=5))
    assert shop.learn(NIGHT + timedelta(days=1))
    assert shop.seen() == before


def test_what_was_committed_late_is_seen_the_next_night(shop: Shop) -> None:
    """As if the order's events had got their numbers before others that were seen, and come in after them."""
    shop.order()
    shop.learn()
    with shop.db.transaction() as session:
        session.execute(delete(Observation))
    shop.learn(NIGHT + timedelta(days=1))
    assert len(shop.seen()) == 3


def test_a_crash_in_the_night_loses_nothing(shop: Shop) -> None:
    for hour in range(3):
        shop.order(start=START + timedelta(hours=hour))
    with shop.db.transaction() as session:
        assert collect(session, get_branch(session, "main"), NIGHT, limit=2) == 2
    with pytest.raises(ZeroDivisionError), shop.db.transaction() as session:
        recalibrate(session, get_branch(session, "main"), NIGHT)
        _ = 1 / 0
    assert len(shop.seen()) == 6
    assert shop.learn()
    assert len(shop.seen()) == 9


def test_several_machines_learn_once(shop: Shop, settings: Settings) -> None:
    for hour in range(3):
        shop.order(start=START + timedelta(hours=hour))
    runtime = shop.runtime(settings, NIGHT)
    assert sum(at_once([lambda: rounds.learn(runtime)] * 4)) == 1
    assert len(shop.seen()) == 9
    assert rounds.learn(runtime) == 0


def test_each_branch_learns_by_itself(shop: Shop, settings: Settings) -> None:
    with shop.db.transaction() as session:
        factories.make_shop(session, START, code="north", timezone="America/New_York")
    shop.order()
    assert rounds.learn(shop.runtime(settings, NIGHT)) == 2
    # Three in the morning in New York is half past one in the afternoon in Kolkata.
    later = NIGHT + timedelta(hours=14)
    with shop.db.snapshot() as session:
        due = [b.code for b in session.scalars(select(Branch)) if is_due(session, b, later)]
        north = get_branch(session, "north")
        assert load_lengths(session, north.id, supplier_ids=[]) == NOTHING_LEARNED
    assert due == ["north"]


def test_a_branch_that_cannot_learn_keeps_no_other_from_it(
    shop: Shop, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shop.db.transaction() as session:
        north = factories.make_shop(session, START, code="north")
    usual = learning.relearn

    def broken(session: Session, branch: Branch, now: datetime) -> None:
        if branch.id != north:
            raise ArithmeticError
        usual(session, branch, now)

    monkeypatch.setattr(learning, "relearn", broken)
    assert rounds.learn(shop.runtime(settings, NIGHT)) == 1
    with shop.db.snapshot() as session:
        done = session.scalars(select(Learning.branch_id).where(Learning.learned_at.is_not(None))).all()
    assert done == [north]


def test_open_orders_are_looked_at_again(shop: Shop) -> None:
    shop.order()
    ref = shop.order(until=Move.PACK)
    with shop.db.snapshot() as session:
        before = session.get_one(Timetable, find_order(session, ref).id).generation
    shop.learn()
    with shop.db.snapshot() as session:
        row = session.get_one(Timetable, find_order(session, ref).id)
        assert (row.generation, row.next_check_at) == (before + 1, NIGHT)


# --- what was learned ------------------------------------------------------------------------------------------------


def test_what_was_learned_is_said_the_next_time_and_remembered(shop: Shop) -> None:
    shop.order(travel_minutes=None)
    shop.learn()
    shop.order(start=START + timedelta(days=1), travel_minutes=None)
    with shop.db.snapshot() as session:
        city = session.scalars(select(Supplier.id)).one()
        said = load_lengths(session, 1, supplier_ids=[city]).spread(Kind.PROCURE, 60, supplier_id=city, hour=14)
    assert by_default(60).likely < said.likely < 50
    shop.learn(NIGHT + timedelta(days=1))
    with shop.db.snapshot() as session:
        query = select(Observation).where(Observation.kind == Kind.PROCURE).order_by(Observation.ended_at)
        first, second = session.scalars(query)
        assert (first.likely_minutes, first.cautious_minutes) == (42, 60)
        assert (second.likely_minutes, second.cautious_minutes) == pytest.approx((said.likely, said.cautious))


def test_lengths_are_read_in_one_query(shop: Shop) -> None:
    shop.order()
    shop.learn()
    with shop.db.snapshot() as session:
        city = session.scalars(select(Supplier.id)).one()
        with counted(shop.db) as said:
            every = load_lengths(session, 1, supplier_ids=[city])
        assert len(said) == 1
        other = load_lengths(session, 1, supplier_ids=[city + 1])
    assert {group.supplier_id for group in every.ratios} == {None, city}
    assert {group.supplier_id for group in other.ratios} == {None}


# --- what the page says ----------------------------------------------------------------------------------------------


def call(shop: Shop, ref: str, called: float) -> None:
    with shop.db.transaction() as session:
        order = find_order(session, ref)
        session.execute(update(Promise).where(Promise.order_id == order.id).values(called=called))


def test_promises_by_how_sure_they_were_called(shop: Shop) -> None:
    for called, until in ((0.9, Move.DELIVER), (0.9, Move.PACK), (0.5, Move.DELIVER)):
        call(shop, shop.order(until=until), called)
    cancelled = shop.order(until=Move.PACK)
    call(shop, cancelled, 0.9)
    shop.move(cancelled, Move.CANCEL, START + timedelta(hours=2), reason="changed their mind")
    with shop.db.snapshot() as session:
        assert promises_kept(session, 1, START + timedelta(hours=3)) == {0.9: Kept(1, 1), 0.5: Kept(1, 1)}
        assert promises_kept(session, 1, START + timedelta(hours=6)) == {0.9: Kept(1, 2), 0.5: Kept(1, 1)}
        assert promises_kept(session, 2, START + timedelta(hours=6)) == {}


def test_steps_that_were_kept_and_what_is_reckoned_with(shop: Shop) -> None:
    shop.order(travel_minutes=20)
    shop.learn()
    with shop.db.snapshot() as session:
        branch = get_branch(session, "main")
        kept = steps_kept(session, branch.id)
        assert kept == {Kind.PROCURE: Kept(1, 1), Kind.PACK: Kept(1, 1), Kind.TRAVEL: Kept(0, 1)}
        assert weeks_kept(session, branch, since=START) == {"2026-W48": kept}
        assert weeks_kept(session, branch, since=NIGHT) == {}
        groups = list(learned(session, branch))
    shops = [group for group in groups if group.supplier]
    assert [(group.supplier, group.hour_band, group.n) for group in shops] == [("City", None, 1), ("City", 2, 1)]
    assert all(42 < group.spread.likely < 50 for group in shops)
    given = [group for group in groups if group.is_given]
    assert all(0.7 < group.spread.likely < 1.3 for group in given)
    assert len(given) == 2
