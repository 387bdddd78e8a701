"""The founder's text of the morning: at opening, once a day, by whichever worker; nothing when nothing was promised."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from dispatch import rounds
from dispatch.foundation.clock import ManualClock
from dispatch.messaging.service import opt_in, opt_out
from dispatch.messaging.tables import OutgoingText
from dispatch.orders.branches import get_branch
from dispatch.orders.tables import Branch
from dispatch.reports.rules import Days
from dispatch.reports.service import Due, due_on, want_text
from tests import factories
from tests.world import World, at_once, city, world

__all__ = ["city", "world"]


@pytest.fixture
def told(world: World) -> World:
    """A shop whose founder is texted each morning; yesterday one promise was kept and one broken."""
    world.person("Ravi", role="staff")
    world.person("Anand", role="founder", shifts=None)
    world.do(lambda session: want_text(session, get_branch(session, "main"), world.now, is_wanted=True, actor="meena"))
    kept, _ = (world.order("19:00", customer_name=name) for name in ("Ada", "Bo"))
    world.move(kept, "deliver", staff_id=world.people["Ravi"])
    world.clock.advance(hours=18)
    world.ignore_rest()
    return world


def tomorrow(world: World, time: str) -> None:
    """Later this day, without the rounds."""
    world.clock.advance(seconds=(world.at(time) - world.now).total_seconds())


def texts(world: World) -> list[str]:
    return [row.body for row in world.look(select(OutgoingText).where(OutgoingText.key.startswith("morning:")))]


def test_it_comes_at_opening_once_and_only_to_founders(told: World) -> None:
    assert rounds.tell_founders(told.runtime) == 0
    tomorrow(told, "09:00")
    assert rounds.tell_founders(told.runtime) == 1
    assert rounds.tell_founders(told.runtime) == 0
    (body,) = texts(told)
    assert body.startswith("Kala Books. Yesterday: 2 promises, 1 kept. Broken: ")
    assert "(nobody to buy it)" in body or "(buying took too long)" in body
    assert body.endswith(" https://shop.example/reports")
    told.delivery.run_once()
    assert body in [text.body for text in told.phones.unread(told.numbers["Anand"])]
    # The next day there was nothing: no text, as nobody reads that nothing happened.
    told.clock.advance(hours=24)
    assert rounds.tell_founders(told.runtime) == 0
    assert len(texts(told)) == 1


def test_two_workers_write_one_text(told: World) -> None:
    tomorrow(told, "09:30")
    written = at_once([lambda: rounds.tell_founders(told.runtime)] * 2)
    assert sum(written) == 1
    assert len(texts(told)) == 1


@pytest.mark.parametrize(("time", "written"), [("12:59", 1), ("13:00", 0)])
def test_a_worker_that_comes_back_late_tells_only_what_is_still_news(told: World, time: str, written: int) -> None:
    tomorrow(told, time)
    assert rounds.tell_founders(told.runtime) == written


def test_nobody_is_texted_who_does_not_want_it(told: World) -> None:
    tomorrow(told, "09:00")
    told.do(lambda session: opt_out(session, told.numbers["Anand"], told.now, "STOP"))
    assert rounds.tell_founders(told.runtime) == 0
    told.do(lambda session: opt_in(session, told.numbers["Anand"], told.now, "START"))
    off = {"is_wanted": False, "actor": "meena"}
    told.do(lambda session: want_text(session, get_branch(session, "main"), told.now, **off))
    assert rounds.tell_founders(told.runtime) == 0
    assert texts(told) == []


@pytest.mark.parametrize(
    ("hours", "at", "first"),
    [
        ("Mo-Su 09:00-21:00", "09:00", 1),
        # Closed yesterday: since the day it was last open.
        ("Tu,Su 10:30-19:00", "10:30", 2),
        ("Tu 10:00-19:00", "10:00", 7),
        ("24/7", "08:00", 1),
        ("Mo-Su 22:00-04:00", "08:00", 1),
        ("Mo-Su 05:00-09:00", "08:00", 1),
        ("Tu 23:00-23:30", "20:00", 7),
        ("Mo,We-Su 09:00-21:00", None, 0),
    ],
)
def test_when_it_is_due_and_since_when(clock: ManualClock, hours: str, at: str | None, first: int) -> None:
    branch, now = Branch(timezone=factories.TIMEZONE, opening_hours=hours, country=None), clock.now()
    due = due_on(branch, now)
    days = Days(now.date() - timedelta(days=first), now.date() - timedelta(days=1))
    assert due == (at and Due(factories.when(now, at), days))
