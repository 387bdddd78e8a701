"""The page on the clock: what was called sure, what was kept, and what is reckoned with now."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import expect
from sqlalchemy import select, update

from dispatch.foundation.clock import ManualClock
from dispatch.foundation.db import Database
from dispatch.foundation.settings import Settings
from dispatch.orders.branches import get_branch
from dispatch.orders.rules import Move
from dispatch.orders.service import find_order
from dispatch.orders.tables import Promise
from dispatch.procurement.tables import Supplier
from dispatch.promise import service as promise
from dispatch.promise.calibration import Kept
from dispatch.promise.estimates import Kind, by_default
from dispatch.promise.learning import NewObservation, remember_and_learn
from dispatch.promise.lessons import Seen
from dispatch.promise.tables import Source
from dispatch.web.clock_page import percent, promise_words
from dispatch.web.tables import Access
from tests import factories
from tests.web.test_pages_browser import SHAPES, Screen, check, screen
from tests.web.test_pages_kit import Desk, desk, make_desk

__all__ = ["desk", "screen"]
PATH = "/reports/clock"


def teach(desk: Desk, kind: Kind, *, minutes: float, default: float, count: int = 20, **where: object) -> None:
    """Steps that ended on different days, each as long as the other."""
    now = desk.clock.now()
    found = []
    for day in range(1, count + 1):
        ended_at = now - timedelta(days=day)
        seen = Seen(
            kind=kind,
            minutes=minutes,
            default=default,
            started_at=ended_at - timedelta(minutes=minutes),
            ended_at=ended_at,
            hour=12,
            **where,
        )
        key = f"{kind.value}:{where}:{day}"
        found.append(NewObservation(key=key, seen=seen, said=by_default(default), source=Source.IMPORT))
    with desk.db.transaction() as session:
        remember_and_learn(session, get_branch(session, "main"), found, now)


def test_an_empty_page_says_what_will_be_there_and_when(desk: Desk) -> None:
    text = desk.get(PATH).text
    assert "as soon as the first of them has ended" in text
    assert "The night after the first order is delivered" in text
    assert "week by week" not in text


def test_what_was_promised_and_what_was_kept(desk: Desk) -> None:
    now = desk.clock.now()
    with desk.db.transaction() as session:
        other = factories.make_order(session, now, factories.when(now, "19:00"), sku="atlas").ref
        for ref in (other, desk.ref):
            order = find_order(session, ref)
            session.execute(update(Promise).where(Promise.order_id == order.id).values(called=0.9))
    with desk.db.transaction() as session:
        promise.move(session, other, Move.DELIVER, now + timedelta(hours=1), actor="desk")
    assert "Of the promises we called 90 %, we kept 100 % (1 of 1)." in desk.get(PATH).text
    desk.clock.advance(hours=8)
    assert "Of the promises we called 90 %, we kept 50 % (1 of 2)." in desk.get(PATH).text


def test_what_is_reckoned_with_now(desk: Desk) -> None:
    with desk.db.snapshot() as session:
        city = session.scalars(select(Supplier.id)).one()
    teach(desk, Kind.PROCURE, minutes=120, default=90, supplier_id=city)
    teach(desk, Kind.TRAVEL, minutes=80, default=40, distance_km=7.0)
    teach(desk, Kind.TRAVEL, minutes=30, default=20, is_given=True)
    text = desk.get(PATH).text
    assert "Buying elsewhere" in text
    assert "City-Books" in text
    assert "at midday" in text
    assert "0 % (0 of 20) took no longer than the cautious length" in text
    assert "5 to 10 km" in text
    assert "as somebody said" in text
    assert "Packing</h3>" not in text
    assert "2026-W47" in text


def test_a_reader_may_see_it_and_nobody_else(settings: Settings, sqlite_db: Database, clock: ManualClock) -> None:
    desk = make_desk(settings, sqlite_db, clock, role=Access.READER)
    answer = desk.get(PATH)
    assert answer.status_code == 200
    assert '<a href="/reports" aria-current="true">Reports</a>' in answer.text
    assert " style=" not in answer.text
    assert desk.app.test_client().get(PATH).status_code == 303


def test_a_branch_that_does_not_exist(desk: Desk) -> None:
    assert desk.get(f"{PATH}?branch=nowhere").status_code == 404
    with desk.db.transaction() as session:
        factories.make_shop(session, desk.clock.now(), code="north", name="North")
    assert '<option value="north" selected>North</option>' in desk.get(f"{PATH}?branch=north").text


@pytest.mark.parametrize(
    ("share", "said"), [(0, "0 %"), (0.001, "1 %"), (0.5, "50 %"), (0.912, "91 %"), (0.999, "99 %"), (1, "100 %")]
)
def test_percent(share: float, said: str) -> None:
    assert percent(share) == said


def test_each_way_of_calling_a_promise_has_its_words() -> None:
    said = promise_words({0.5: Kept(1, 2), 0.9: Kept(91, 100), 0.0: Kept(0, 3)})
    assert said == [
        "Of the promises we called 90 %, we kept 91 % (91 of 100).",
        "Of the promises that only the likely lengths would have kept, we kept 50 % (1 of 2).",
        "Of the promises that were given although the clock said no, we kept 0 % (0 of 3).",
    ]


@pytest.mark.browser
@pytest.mark.parametrize(("width", "height", "scheme"), SHAPES)
def test_everybody_can_read_what_was_learned(screen: Screen, width: int, height: int, scheme: str) -> None:
    """With its tables full: on a desk and on a phone, by day and in the dark, and each table can be reached by key."""
    teach(screen.desk, Kind.PACK, minutes=8, default=10, count=60)
    teach(screen.desk, Kind.TRAVEL, minutes=30, default=20, is_given=True)
    screen.page.set_viewport_size({"width": width, "height": height})
    screen.page.emulate_media(color_scheme=scheme)
    screen.open(PATH)
    check(screen.page, scheme)
    regions = screen.page.get_by_role("region", name="Packing")
    regions.focus()
    expect(regions).to_be_focused()
