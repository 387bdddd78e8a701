"""What should have happened and has not is found, said, and set right; on both databases."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from sqlalchemy import delete, update

from dispatch import rounds
from dispatch.escalation.audit import Neglect, neglected
from dispatch.escalation.tables import Escalation, Page
from dispatch.messaging.tables import OutgoingText
from dispatch.orders.tables import Timetable
from tests.world import World, city, world

__all__ = ["city", "world"]

MINUTE = timedelta(minutes=1)


@pytest.fixture
def shop(world: World) -> World:
    """One rider, and an order that was at risk from the first."""
    world.person("Ravi")
    world.person("Anand", role="founder", shifts=None)
    world.ignore_rest()
    return world


def at_risk(shop: World) -> str:
    ref = shop.order(minutes=33)
    shop.procure(ref, "bought")
    shop.move(ref, "pack")
    shop.tick()
    # The customer's heads-up leaves a moment after the confirmation.
    shop.advance(minutes=0.05)
    return ref


def found(shop: World) -> dict[Neglect, list[int]]:
    with shop.db.snapshot() as session:
        return neglected(session, shop.now)


def test_a_shop_in_order_has_nothing_neglected(shop: World) -> None:
    at_risk(shop)
    shop.order("19:00")
    shop.tick()
    for _ in range(40):
        shop.advance(minutes=1)
        assert found(shop) == {}


def test_an_order_without_a_next_look_is_looked_at_again(shop: World) -> None:
    ref = shop.order("19:00")
    shop.tick()
    shop.do(lambda session: session.execute(update(Timetable).values(next_check_at=None)))
    assert found(shop) == {Neglect.UNWATCHED: [shop.order_row(ref).id]}
    assert rounds.audit(shop.runtime) == 1
    shop.tick()
    assert shop.next_check(ref) is not None
    assert found(shop) == {}


def test_an_order_at_risk_that_nobody_was_called_for(shop: World) -> None:
    ref = at_risk(shop)

    def lose(session: Any) -> None:
        session.execute(update(OutgoingText).values(page_id=None))
        session.execute(delete(Page))
        session.execute(delete(Escalation))
        session.execute(update(Timetable).values(next_check_at=shop.now + timedelta(hours=9)))

    shop.do(lose)
    shop.clock.advance(minutes=2)
    assert found(shop) == {Neglect.UNCALLED: [shop.order_row(ref).id]}
    assert rounds.audit(shop.runtime) == 1
    shop.tick()
    assert shop.escalation(ref)["state"] == "open"
    assert found(shop) == {}


def test_a_call_for_help_that_stands_still_and_a_taker_nobody_reminds(shop: World) -> None:
    first, second = at_risk(shop), at_risk(shop)
    shop.answer(int(shop.pages(second)["Ravi"]["id"]), "accept")
    shop.tick()
    shop.do(lambda session: session.execute(update(Timetable).values(next_check_at=shop.now + timedelta(hours=9))))
    shop.clock.advance(minutes=28)
    ids = {name: shop.order_row(ref).id for name, ref in (("first", first), ("second", second))}
    assert found(shop) == {Neglect.STALLED: [ids["first"]], Neglect.UNHEARD: [ids["second"]]}
    rounds.audit(shop.runtime)
    shop.tick()
    assert found(shop) == {}
    assert "reminded" in shop.events(second)


def test_texts_that_wait_are_found(shop: World) -> None:
    shop.order("19:00")
    rounds.relay(shop.runtime)
    shop.clock.advance(minutes=2)
    assert Neglect.WAITING in found(shop)
    shop.tick()
    assert Neglect.WAITING not in found(shop)


@contextmanager
def somebody_outside(status: int) -> Iterator[tuple[str, list[str]]]:
    """Whoever keeps the outside heartbeat: the address, and what was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/beat/abc", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_outside_is_told_only_while_all_is_well(shop: World) -> None:
    with somebody_outside(200) as (url, asked):
        runtime = replace(shop.runtime, settings=replace(shop.runtime.settings, heartbeat_url=url))
        assert rounds.report_outside(shop.runtime) is False
        # No round has run yet.
        assert rounds.report_outside(runtime) is False
        rounds.beat(runtime, "watch")
        assert rounds.report_outside(runtime) is True
        assert asked == ["/beat/abc"]
        shop.clock.advance(minutes=2)
        assert rounds.report_outside(runtime) is False
        rounds.beat(runtime, "watch")
        shop.order("19:00")
        shop.tick()
        shop.do(lambda session: session.execute(update(Timetable).values(next_check_at=None)))
        assert rounds.report_outside(runtime) is False
        assert len(asked) == 1


@pytest.mark.parametrize("status", [404, 503])
def test_an_outside_that_refuses_harms_nothing(shop: World, status: int) -> None:
    with somebody_outside(status) as (url, asked):
        runtime = replace(shop.runtime, settings=replace(shop.runtime.settings, heartbeat_url=url))
        rounds.beat(runtime, "watch")
        assert rounds.report_outside(runtime) is False
        assert asked
    assert rounds.report_outside(runtime) is False
