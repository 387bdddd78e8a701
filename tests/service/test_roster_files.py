"""Files of shifts and links to one's own day on both databases: forced, repeated, and at the same moment."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from dispatch.foundation.db import Database
from dispatch.foundation.errors import PromisesAtStake
from dispatch.orders.tables import OrderEvent
from dispatch.promise.guard import Say
from dispatch.staff.service import add_shift
from dispatch.staff.tables import ExtraShift, Staff
from dispatch.web.import_calendar import load_calendar
from dispatch.web.import_files import Terms
from dispatch.web.import_run import Effect
from dispatch.web.staff_sessions import open_link
from dispatch.web.tables import StaffSession
from tests import factories
from tests.conftest import START
from tests.world import at_once

CALENDAR = (
    b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Ravi\r\n"
    b"DTSTART:20261124T110000Z\r\nDTEND:20261124T120000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


def terms(*, force: bool = False) -> Terms:
    say = Say(actor="desk", force=force, reason="ill" if force else None)
    return Terms(now=START, region="GB", say=say, dry_run=False)


def test_a_shift_that_is_cut_short_is_guarded_forced_and_the_same_again(db: Database) -> None:
    with db.transaction() as session:
        factories.make_shop(session, START)
        ravi = factories.make_person(session, START, "Ravi", shifts=None)
        start = START + timedelta(hours=2, minutes=30)
        add_shift(session, ravi, START, starts_at=start, ends_at=start + timedelta(hours=4))
        factories.make_item(session, START, "atlas", on_hand=5)
        factories.make_order(session, START, factories.when(START, "20:00"), sku="atlas", travel_minutes=60)
    with pytest.raises(PromisesAtStake):
        load_calendar(db, CALENDAR, terms())
    assert load_calendar(db, CALENDAR, terms(force=True)).counts == {Effect.UPDATED: 1}
    assert load_calendar(db, CALENDAR, terms()).counts == {Effect.ALREADY: 1}
    with db.snapshot() as session:
        (shift,) = session.scalars(select(ExtraShift)).all()
        assert (shift.starts_at, shift.ends_at) == (start, start + timedelta(hours=1))
        assert len(session.scalars(select(OrderEvent).where(OrderEvent.kind == "forced")).all()) == 1


def test_of_two_taps_at_the_same_moment_one_opens_the_day(db: Database) -> None:
    with db.transaction() as session:
        factories.make_shop(session, START)
        person = session.get_one(Staff, factories.make_person(session, START, "Ravi"))
        until = START + timedelta(minutes=30)
        row = StaffSession(staff_id=person.id, phone=person.phone, created_at=START, link_until=until)
        session.add(row)
        session.flush()
        number = row.id

    def tap() -> str | None:
        with db.transaction() as session:
            return open_link(session, number, START)

    assert sorted(secret is None for secret in at_once([tap, tap])) == [False, True]
