"""Who is calling: a number that we know fills in the rest, and says when we have let them down before."""

from __future__ import annotations

from datetime import timedelta

from dispatch.foundation.clock import ManualClock
from dispatch.foundation.db import Database
from dispatch.orders.branches import get_branch
from dispatch.orders.callers import Caller, known_caller
from dispatch.orders.rules import Move
from dispatch.orders.service import find_order
from dispatch.promise import service as promise
from tests import factories
from tests.web.test_pages_kit import Desk, desk

__all__ = ["desk"]
PHONE = "+447700900777"


def test_late_lost_and_given_up_orders_are_failures_and_a_change_of_mind_is_none(
    db: Database, clock: ManualClock
) -> None:
    now = clock.now()
    at = factories.when(now, "15:00")
    with db.transaction() as session:
        factories.make_shop(session, now)
        factories.make_shop(session, now, code="north")
        branch = get_branch(session, "main").id
        assert known_caller(session, PHONE, branch, now) is None

        def order(minutes: int, **more: object) -> str:
            at_ = at + timedelta(minutes=minutes)
            return factories.make_order(session, now, at_, customer_phone=PHONE, customer_name="Dev", **more).ref

        kept, mind, late, given_up, lost = (order(number) for number in range(5))
        order(9, branch="north")
        promise.move(session, kept, Move.DELIVER, now, actor="desk")
        promise.move(session, mind, Move.CANCEL, now, actor="desk", reason="x")
        after = at + timedelta(minutes=30)
        promise.move(session, late, Move.DELIVER, after, actor="desk")
        promise.move(session, given_up, Move.CANCEL, after, actor="desk", reason="x")
        assert known_caller(session, PHONE, branch, after) == Caller(
            name="Dev",
            address="12 Lake Road",
            language="en",
            orders=5,
            failed=3,
            failed_last=at + timedelta(minutes=4),
        ), lost


def test_a_known_number_fills_in_name_and_address_without_a_script(desk: Desk) -> None:
    now = desk.clock.now()
    with desk.db.transaction() as session:
        factories.make_order(session, now, factories.when(now, "14:10"), customer_phone=PHONE, customer_name="Dev Rao")
    form = {"phone": "07700 900777", "name": "", "address": "", "item": "Atlas", "check": "1"}
    text = desk.post("/orders/new", {**form, "branch": "main"}, page="/orders/new").text
    # A number of ours is read in the shop's own country only.
    assert "Dev Rao" not in text
    text = desk.post("/orders/new", {**form, "phone": PHONE, "address": "Hostel 4"}, page="/orders/new").text
    assert 'value="Dev Rao"' in text
    assert 'value="Hostel 4"' in text
    assert "Dev Rao has ordered once." in text
    assert "Tell them:" in text
    desk.clock.advance(minutes=30)
    text = desk.post("/orders/caller", {"phone": PHONE}, page="/orders/new").text
    assert "ordered once; that was late, the last promised for today 14:10." in text
    assert 'data-address="12 Lake Road"' in text
    assert "data-name" not in desk.post("/orders/caller", {"phone": "+447700900778"}, page="/orders/new").text


def test_a_customer_is_written_to_as_chosen_and_the_next_time_as_before(desk: Desk) -> None:
    form = {"phone": PHONE, "name": "Dev Rao", "address": "Hostel 4", "item": "Atlas", "when": "2026-11-24T19:00"}

    def take(**more: str) -> str:
        answer = desk.post("/orders/new", {**form, **more, "save": "1"}, page="/orders/new")
        assert answer.status_code == 303, answer.text
        with desk.db.snapshot() as session:
            return find_order(session, answer.headers["Location"].rsplit("/", 1)[1]).customer_language

    assert take(item="Physics 2") == "en"
    assert take(language="hi") == "hi"
    assert take(language="") == "hi"
    assert take(language="xx", reason="a gift") == "hi"
    known = desk.post("/orders/caller", {"phone": PHONE}, page="/orders/new").text
    assert "Our texts to them are in हिन्दी." in known
