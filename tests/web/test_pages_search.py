"""Finding an order again."""

from __future__ import annotations

import pytest

from dispatch.foundation.clock import ManualClock
from dispatch.foundation.db import Database
from dispatch.orders.rules import Move
from dispatch.orders.search import search
from dispatch.promise import service as promise
from tests import factories
from tests.web.test_pages_kit import Desk, desk

__all__ = ["desk"]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("priya", ["Priya Nair"]),
        ("NAIR physics", ["Priya Nair"]),
        ("physics", ["Priya Nair", "Arjun Mehta"]),
        ("0123", ["Arjun Mehta"]),
        ("07700 900-123", ["Arjun Mehta"]),
        ("23", []),
        ("50%", ["Dev_Menon"]),
        ("dev_", ["Dev_Menon"]),
        ("_", ["Dev_Menon"]),
        ("priya atlas", []),
        ("  ", []),
    ],
)
def test_what_somebody_remembers_finds_the_order(
    db: Database, clock: ManualClock, asked: str, found: list[str]
) -> None:
    now = clock.now()
    with db.transaction() as session:
        factories.make_shop(session, now)
        at = factories.when(now, "20:00")
        phone = "+447700900123"
        closed = factories.make_order(session, now, at, customer_phone=phone)
        factories.make_order(
            session, now, at, customer_name="Dev_Menon", title="Atlas, 50% off", customer_phone="+447700900456"
        )
        factories.make_order(
            session, now, at, customer_name="Priya Nair", title="Physics 3", customer_phone="+447700900457"
        )
        # Those that are open come first, however old.
        promise.move(session, closed.ref, Move.CANCEL, now, actor="desk", reason="x")
        assert [order.customer_name for order in search(session, asked, limit=9)] == found
        assert search(session, closed.ref.lower(), limit=9)[0] is closed


def test_the_page_says_what_was_found_and_what_to_try(desk: Desk) -> None:
    text = desk.get("/orders?q=arjun").text
    assert "1 found" in text
    assert f'href="/orders/{desk.ref}" autofocus' in text
    assert "Nothing is found" in desk.get("/orders?q=nobody").text
    assert "last digits" in desk.get("/orders").text
    assert "&lt;script" in desk.get("/orders?q=<script>").text
