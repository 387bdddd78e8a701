"""`dispatch explain` on real databases: the student's book, from quiet to late."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from sqlalchemy import update

from dispatch.cli.explain import explanation
from dispatch.escalation.answers import answer_page
from dispatch.escalation.rules import Verb
from dispatch.escalation.service import tend
from dispatch.foundation.tokens import Links
from dispatch.orders.rules import Move
from dispatch.orders.service import NewLine, NewOrder
from dispatch.procurement.service import ItemValues, SupplierValues, put_item, put_supplier
from dispatch.promise.service import move, place
from dispatch.staff.rules import Role
from dispatch.staff.service import NewStaff, add_staff
from dispatch.staff.tables import Staff
from tests.service.test_cli_kit import (  # noqa: F401 - two are fixtures
    ASHA,
    MEENA,
    RAVI,
    VIKRAM,
    Console,
    open_console,
    stand_still,
)

LINKS = Links("https://shop.example", "a secret for tests, nothing else")
KOLKATA = ZoneInfo("Asia/Kolkata")


@pytest.fixture
def ref(console: Console, frozen: datetime) -> str:
    """Physics 2 by 20:00, to be bought at City Books, which closes at 19:00; Meena buys, Ravi rides until 21:00."""
    with console.db.transaction() as session:
        for name, phone, role, shifts in (
            ("Meena", MEENA, Role.BUYER, "Mo-Sa 10:00-19:00"),
            ("Ravi", RAVI, Role.RIDER, "Mo-Sa 12:00-21:00"),
            ("Vikram", VIKRAM, Role.FOUNDER, None),
        ):
            new = NewStaff(name=name, phone=phone, role=role, shifts=shifts)
            add_staff(session, new, frozen, region=None)
        city = SupplierValues(
            name="City Books", opening_hours="Mo-Sa 10:00-19:00", travel_minutes=15, procure_minutes=20
        )
        put_supplier(session, "city", city, frozen, region=None)
        put_item(session, "P2", ItemValues(title="Physics 2", on_hand=0, suppliers=("city",)), frozen)
        order = NewOrder(
            customer_name="Asha",
            customer_phone=ASHA,
            address="12 Lake Road",
            promised_by=frozen + timedelta(hours=6),
            lines=(NewLine(title="Physics 2", sku="P2"),),
            reason="exam tomorrow",
            travel_minutes=30,
        )
        return place(session, order, frozen, actor="test", region=None)[0].ref


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, 24, hour, minute, tzinfo=KOLKATA)


def look(console: Console, ref: str, now: datetime) -> None:
    with console.db.transaction() as session:
        tend(session, order_id(console, ref), now, links=LINKS)


def order_id(console: Console, ref: str) -> int:
    from dispatch.orders.service import find_order

    with console.db.snapshot() as session:
        return find_order(session, ref).id


def told(console: Console, ref: str, now: datetime) -> tuple[str, dict[str, Any]]:
    with time_machine.travel(now, tick=False):
        plain, shape = console.run("explain", ref), console.run("explain", ref, "--json")
    assert (plain.exit_code, shape.exit_code) == (0, 0), plain.stderr
    for phone in (ASHA, MEENA, RAVI, VIKRAM):
        assert phone not in plain.stdout + shape.stdout
    assert "https://" not in plain.stdout + shape.stdout
    return plain.stdout, json.loads(shape.stdout)


def test_a_quiet_order(console: Console, ref: str) -> None:
    plain, shape = told(console, ref, at(14))
    assert f"Order {ref} of Bookshop, today 14:00 (Asia/Kolkata)" in plain
    assert "For Asha (+91…003), 12 Lake Road" in plain
    assert "Why it matters: exam tomorrow" in plain
    assert "Promised by today 20:00. It is to be bought." in plain
    assert "1x Physics 2: to be bought" in plain
    assert "On track: 4 h 10 min left." in plain
    assert "What binds: the end of a shift. Meena's shift ends at 19:00" in plain
    assert shape["order"]["risk"]["level"] == "on_track"
    assert [step["step"] for step in shape["steps"]] == ["procurement", "packing", "travel"]
    assert "Meena (buyer, +91…002): here now" in plain
    assert "Vikram (founder, +91…004): may always be asked" in plain
    assert shape["decision"] == "Ask nobody: there is time left."
    assert "buying Physics 2 can take 50 min: last start today 18:10" in plain
    assert "It becomes: watch." in plain
    assert "It becomes: at risk. Call for help and ask" in plain
    assert shape["escalation"] is None
    assert "The worker was to look" not in plain


def test_the_call_for_help(console: Console, ref: str) -> None:
    look(console, ref, at(18, 30))
    plain, shape = told(console, ref, at(18, 30))
    assert shape["escalation"]["state"] == "open"
    assert "Call for help" in plain
    assert "asking: to" in plain
    assert shape["decision"].startswith("Wait for an answer from")
    assert any(person["is_asked"] for person in shape["people"])
    assert shape["texts"]
    assert "(link)" in shape["texts"][0]["body"]
    assert shape["next"]


def test_whose_phone_would_ring_and_when(console: Console, ref: str) -> None:
    now = at(18, 30)
    look(console, ref, now)
    with console.db.snapshot() as session:
        quiet, ringing = (explanation(session, ref, now, LINKS, has_voice=has) for has in (False, True))
    (first, *_) = ringing["next"]
    assert datetime.fromisoformat(first["at"]) == now + timedelta(seconds=90)
    assert first["what"].startswith("Ring ")
    assert first["what"].endswith(": the text has not arrived.")
    assert not [each for each in quiet["next"] if "Ring" in each["what"]]


def test_before_the_worker_has_looked_the_decision_is_shown_all_the_same(console: Console, ref: str) -> None:
    plain, shape = told(console, ref, at(18, 30))
    assert shape["decision"].startswith("Call for help and ask")
    assert shape["next"] == [
        {"at": "2026-11-24T13:00:00+00:00", "what": "The worker does this with its next look, which is due."}
    ]
    assert "The worker was to look at it today 14:00." in plain


def test_somebody_took_it(console: Console, ref: str) -> None:
    look(console, ref, at(18, 11))
    _, shape = told(console, ref, at(18, 11))
    page = shape["escalation"]["pages"][0]
    with console.db.transaction() as session:
        answer_page(session, int(page["id"]), Verb.ACCEPT, at(18, 12))
    plain, shape = told(console, ref, at(18, 13))
    assert f"{page['name']} took it today 18:12" in plain
    assert shape["decision"] == f"Wait: {page['name']} has taken it."
    assert "Physics 2 has been looked for since 18:12, which can take 50 min" in plain
    assert "must be done by today 19:00" in plain
    assert "Remind Meena" in plain


def test_nobody_took_it(console: Console, ref: str) -> None:
    look(console, ref, at(18, 30))
    look(console, ref, at(20, 1))
    plain, shape = told(console, ref, at(20, 2))
    assert shape["escalation"]["state"] == "unanswered"
    assert "Late: late by 2 min." in plain
    assert shape["decision"] == "Nobody took it and the promise has passed: a person must act."


def test_nobody_to_go_is_not_called_a_closed_shop(console: Console, ref: str) -> None:
    with console.db.transaction() as session:
        session.execute(update(Staff).where(Staff.name == "Meena").values(is_active=False))
    _, shape = told(console, ref, at(14))
    assert shape["steps"][0]["why_not"] == "nobody is here who could buy Physics 2"


@pytest.mark.parametrize(("made", "words"), [(Move.DELIVER, "Delivered in time."), (Move.CANCEL, "Cancelled.")])
def test_a_closed_order(console: Console, ref: str, made: Move, words: str) -> None:
    with console.db.transaction() as session:
        move(session, ref, made, at(15), actor="test", reason="test")
    plain, shape = told(console, ref.lower(), at(16))
    assert words in plain
    assert shape["decision"].startswith("Nothing: it is")
    assert (shape["steps"], shape["people"], shape["next"]) == ([], [], [])


def test_no_such_order(console: Console) -> None:
    result = console.run("explain", "ZZZZ")
    assert (result.exit_code, result.stderr.strip()) == (1, "There is no order ZZZZ.")
