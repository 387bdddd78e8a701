"""Today's people: the strip of a day and its sentence, what they carry, and extra shifts that end early."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import select

from dispatch.foundation.db import Database
from dispatch.orders.rules import Move
from dispatch.orders.tables import OrderEvent
from dispatch.promise import service as promise
from dispatch.staff.service import add_shift, pause
from dispatch.staff.tables import ExtraShift, Staff
from dispatch.web.day_view import Day, days
from tests import factories
from tests.conftest import START
from tests.web.test_pages_kit import Desk, desk

__all__ = ["desk"]


def day_of(db: Database, staff_id: int, now: datetime) -> Day:
    with db.snapshot() as session:
        return days(session, now)[staff_id]


def person(desk: Desk, name: str) -> int:
    with desk.db.snapshot() as session:
        return session.scalars(select(Staff.id).where(Staff.name == name)).one()


def test_the_strip_and_the_sentence_say_the_same(sqlite_db: Database) -> None:
    with sqlite_db.transaction() as session:
        factories.make_shop(session, START)
        ravi = factories.make_person(session, START, "Ravi")
        at = {time: factories.when(START, time) for time in ("15:30", "19:00", "22:00")}
        add_shift(session, ravi, START, starts_at=at["19:00"], ends_at=at["22:00"])
        pause(session, ravi, START, until=at["15:30"])
    day = day_of(sqlite_db, ravi, START)
    assert day.sentence == "On a shift 10:00 to 22:00, extra 19:00 to 22:00, paused 14:00 to 15:30."
    bars = [(bar.kind, bar.x, bar.width) for bar in day.bars]
    assert bars == [("shift", 600, 720), ("extra", 1140, 180), ("pause", 840, 90)]
    assert (day.now_x, [extra.has_begun for extra in day.extras]) == (840, [False])


@pytest.mark.parametrize(("month", "day", "hours"), [(3, 29, 23), (10, 25, 25), (11, 24, 24)])
def test_a_day_ends_at_its_midnight_when_the_clocks_change(
    month: int, day: int, hours: int, sqlite_db: Database
) -> None:
    now = factories.when(START.replace(year=2026, month=month, day=day), "12:00", timezone="Europe/London")
    with sqlite_db.transaction() as session:
        factories.make_shop(session, now, timezone="Europe/London")
        asha = factories.make_person(session, now, "Asha", shifts="24/7")
    shown = day_of(sqlite_db, asha, now)
    assert shown.sentence == "On a shift 00:00 to 24:00."
    assert shown.now_x == round((12 + (hours - 24)) / hours * 1440)


def test_who_has_what_stands_beside_them(desk: Desk) -> None:
    now = desk.clock.now()
    with desk.db.transaction() as session:
        ref = factories.make_order(session, now, factories.when(now, "18:00"), sku="atlas", title="Atlas").ref
        promise.move(session, ref, Move.PACK, now, actor="desk")
        promise.move(session, ref, Move.HAND_OVER, now, actor="desk", staff_id=person(desk, "Ravi Kumar"))
    page = desk.get("/people").text
    assert f'Has <a href="/orders/{ref}">Atlas</a>' in page
    assert "On a shift 10:00 to 19:00, planned to be out" in page


def extra_shift(desk: Desk, name: str, start: str, end: str) -> str:
    now = desk.clock.now()
    with desk.db.transaction() as session:
        staff_id = session.scalars(select(Staff.id).where(Staff.name == name)).one()
        span = {"starts_at": factories.when(now, start), "ends_at": factories.when(now, end)}
        return f"/people/{staff_id}/shifts/{add_shift(session, staff_id, now, **span).id}/end"


def test_an_extra_shift_ends_now_and_one_to_come_is_taken_out(desk: Desk) -> None:
    begun, to_come = extra_shift(desk, "Arjun Das", "09:00", "23:00"), extra_shift(desk, "Arjun Das", "20:00", "22:00")
    assert "End it now" in desk.get("/people").text
    assert desk.post(begun, {}, page="/people").status_code == 303
    assert desk.post(to_come, {}, page="/people").status_code == 303
    with desk.db.snapshot() as session:
        assert [shift.ends_at for shift in session.scalars(select(ExtraShift))] == [desk.clock.now()]
    assert desk.post(to_come, {}, page="/people").status_code == 404
    assert desk.post(begun, {}, page="/people").status_code == 409


def test_the_last_way_to_keep_a_promise_does_not_end_unseen(desk: Desk) -> None:
    now = desk.clock.now()
    path = extra_shift(desk, "Ravi Kumar", "18:30", "22:00")
    with desk.db.transaction() as session:
        factories.make_order(session, now, factories.when(now, "21:00"), sku="atlas", travel_minutes=30)
        session.scalars(select(Staff).where(Staff.name == "Ravi Kumar")).one().shifts = None
    asked = desk.post(path, {}, page="/people")
    assert (asked.status_code, "End the shift of Ravi Kumar?" in asked.text) == (409, True)
    assert desk.post(path, {"force": "1", "reason": "ill"}, page="/people").status_code == 303
    with desk.db.snapshot() as session:
        forced = session.scalars(select(OrderEvent.text).where(OrderEvent.kind == "forced")).all()
        assert set(forced) == {"Ravi Kumar's shifts or tasks were changed although this counted on them: ill."}
        assert session.scalars(select(ExtraShift)).all() == []
