"""The heads-up, on both databases: once, in time, and the answer moves the order; by text, with races and repeats."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from dispatch.customers.heads_up_answers import Answered, answer_for_customer, answer_heads_up
from dispatch.customers.heads_up_rules import Outcome, Preference
from dispatch.customers.tables import HeadsUp
from dispatch.escalation.queries import list_orders
from dispatch.foundation.db import once_more
from dispatch.foundation.errors import Conflict, Invalid, NotFound
from dispatch.messaging.service import opt_out
from dispatch.orders.branches import get_branch
from dispatch.orders.rules import Substitution
from dispatch.orders.service import NewLine, find_order
from dispatch.orders.tables import Promise
from dispatch.promise.rules import Level
from dispatch.reports.queries import promise_rows, today
from dispatch.reports.rules import Days
from dispatch.reports.rules import Outcome as Ending
from dispatch.staff import service as staff
from dispatch.web import board_view, customer_view
from tests.world import World, at_once, city, world

__all__ = ["city", "world"]
ARJUN = "Arjun Mehta"


@pytest.fixture
def shop(world: World) -> World:
    """Ravi could carry it; what staff are asked is not what these tests are about."""
    world.shop(opening_hours="Mo-Su 09:00-23:00", address="4 Lake Road")
    world.person("Ravi", role="staff", shifts="Mo-Su 10:00-23:00")
    return world


def at_risk(shop: World, minutes: float = 120, **more: Any) -> str:
    """An order at risk from the start, as buying it takes long; nobody has been texted but the customer and Ravi."""
    ref = shop.order(minutes=minutes, **more)
    shop.tick()
    shop.phone(more.get("customer_name", ARJUN)).expects("has your order", "It is tight to bring it by")
    shop.phones.ignored.add(shop.numbers["Ravi"])
    assert shop.level(ref) == "at_risk"
    return ref


def row(shop: World, ref: str) -> HeadsUp | None:
    order_id = shop.order_row(ref).id
    found = shop.look(select(HeadsUp).where(HeadsUp.order_id == order_id))
    return found[0] if found else None


def choose(shop: World, ref: str, wish: Preference) -> Answered:
    order_id = shop.order_row(ref).id
    return once_more(
        shop.db, lambda session: answer_heads_up(session, order_id, wish, shop.now, links=shop.runtime.links)
    )


# --- when ------------------------------------------------------------------------------------------------------------


def test_an_hour_before_the_promise_to_the_minute_and_once(shop: World) -> None:
    shop.pause("Ravi", minutes=100)
    ref = shop.order(minutes=120)
    shop.procure(ref, "bought")
    shop.advance(minutes=59)
    shop.phone(ARJUN).expects("has your order").expects_nothing()
    assert (shop.level(ref), row(shop, ref)) == ("at_risk", None)
    shop.advance(minutes=1)
    shop.phone(ARJUN).expects("may not be with you by 16:00: there may be nobody left to bring it")
    shop.advance(minutes=10)
    shop.phone(ARJUN).expects_nothing()
    assert shop.events(ref).count("heads_up") == 1
    shop.phones.ignored.add(shop.numbers["Ravi"])


def test_the_founder_is_asked_and_so_the_customer_hears(shop: World) -> None:
    shop.person("Anand", role="founder", shifts=None)
    shop.phones.ignored.add(shop.numbers["Anand"])
    ref = at_risk(shop)
    shop.advance(minutes=25)
    told = row(shop, ref)
    assert told is not None
    assert shop.now < told.promised_by - timedelta(minutes=60)
    arjun = shop.phone(ARJUN).expects("may not be with you by 16:00", "1 to wait", "3 to collect it")
    assert "sorry" not in (arjun.last.body if arjun.last else "")
    shop.advance(minutes=5)
    arjun.expects_nothing()
    assert shop.events(ref).count("heads_up") == 1


def told_early(shop: World, minutes: float = 59, **more: Any) -> str:
    """An order whose goods are here, promised in less than an hour; its customer has just been told."""
    shop.pause("Ravi", minutes=45)
    ref = shop.order(minutes=minutes, **more)
    shop.procure(ref, "bought")
    shop.tick()
    shop.phone(more.get("customer_name", ARJUN)).expects("has your order").expects_nothing()
    # Nobody reads of danger before they read that we have their order.
    shop.advance(minutes=0.05)
    shop.phones.ignored.add(shop.numbers["Ravi"])
    assert shop.level(ref) == "at_risk", shop.see(ref)["risk"]
    shop.phone(more.get("customer_name", ARJUN)).expects("may not be with you by")
    return ref


def test_of_what_can_not_be_had_it_says_so_and_nobody_is_to_collect_it(shop: World) -> None:
    shop.person("Anand", role="founder", shifts=None)
    shop.phones.ignored |= {shop.numbers["Anand"], shop.numbers["Ravi"]}
    ref = shop.order(minutes=180, lines=(NewLine(title="Physics 2", substitution=Substitution.NEVER),))
    shop.tick()
    shop.phone(ARJUN).expects("has your order")
    shop.procure(ref, "unavailable", note="out of print")
    shop.advance(minutes=15)
    arjun = shop.phone(ARJUN).expects("by 17:00: we have not found it yet", "1 to wait, 2 if not needed")
    assert arjun.last is not None
    assert "collect" not in arjun.last.body
    told = row(shop, ref)
    assert told is not None
    assert told.choices == ["wait", "cancel"]


def nobody_there(shop: World, *, provider: bool) -> str:
    """An order that nobody is there to carry, an hour before its promise; then Ravi is back."""
    shop.person("Anand", role="founder", shifts=None)
    shop.pause("Ravi", minutes=600)
    ref = shop.order(minutes=58)
    shop.phones.ignored.add(shop.numbers["Anand"])
    shop.procure(ref, "bought")
    shop.move(ref, "pack")
    shop.tick()
    shop.phone(ARJUN).expects("has your order")
    if not provider:
        shop.fault("rate_limited", count=100_000, name=ARJUN)
    shop.advance(minutes=0.2)
    assert row(shop, ref) is not None
    shop.do(lambda session: staff.end_pause(session, shop.people["Ravi"], shop.now))
    shop.tick()
    assert shop.level(ref) in {"watch", "on_track"}
    shop.phones.ignored.add(shop.numbers["Ravi"])
    return ref


def test_a_danger_that_is_over_before_its_text_has_left_is_not_told(shop: World) -> None:
    ref = nobody_there(shop, provider=False)
    assert row(shop, ref) is None
    assert shop.events(ref).count("heads_up_unsaid") == 1
    shop.city.sim.state.faults.clear()
    shop.advance(minutes=1)
    shop.phone(ARJUN).expects_nothing()
    shop.pause("Ravi", minutes=600)
    shop.tick()
    shop.phone(ARJUN).expects("may not be with you").expects_nothing()


def test_a_danger_that_was_told_stays_told(shop: World) -> None:
    ref = nobody_there(shop, provider=True)
    shop.phone(ARJUN).expects("may not be with you")
    assert row(shop, ref) is not None
    assert "heads_up_unsaid" not in shop.events(ref)


def test_whom_no_text_reaches_is_for_a_person_to_phone(shop: World) -> None:
    shop.numbers[ARJUN] = "+447700900555"
    shop.do(lambda session: opt_out(session, shop.numbers[ARJUN], shop.now, "STOP"))
    shop.pause("Ravi", minutes=45)
    ref = shop.order(minutes=59, customer_phone=shop.numbers[ARJUN])
    shop.procure(ref, "bought")
    shop.tick()
    shop.tick()
    told = row(shop, ref)
    assert told is not None
    assert told.withheld is not None
    assert shop.events(ref).count("phone_customer") == 1


def test_a_heads_up_that_does_not_arrive_is_for_a_person(shop: World) -> None:
    shop.pause("Ravi", minutes=45)
    ref = shop.order(minutes=59)
    shop.tick()
    shop.ignore_rest()
    shop.fault("undelivered", name=ARJUN, code=30003)
    shop.procure(ref, "bought")
    shop.advance(minutes=2)
    assert shop.events(ref).count("phone_customer") == 1


# --- answers ---------------------------------------------------------------------------------------------------------


def test_wait_is_a_note(shop: World) -> None:
    ref = told_early(shop)
    shop.phone(ARJUN).replies("1").expects("We go on doing what we can")
    assert "heads_up_answered" in shop.events(ref)
    shop.phone(ARJUN).replies("2").expects("You chose to wait, and that stands")


def test_the_same_book_twice_is_told_apart_by_its_code(shop: World) -> None:
    shop.numbers[ARJUN] = "+447700900555"
    refs = [told_early(shop, minutes, customer_phone=shop.numbers[ARJUN]) for minutes in (50, 59)]
    first, second = refs
    asked = f"Which one do you mean: {first} (Physics 2, by 14:50) or {second} (Physics 2, by 14:59)?"
    for said in ("2", "Physics 2: 2", "physics 2", "the other one: 2"):
        shop.phone(ARJUN).replies(said).expects(asked, f"like {first} 1").expects_nothing()
    shop.phone(ARJUN).replies(f"{second.lower()}: 1").expects("We go on doing what we can")
    assert [told.answer for told in (row(shop, ref) for ref in refs) if told] == [None, Preference.WAIT]
    # One is left: a number is enough, and the other's stands.
    shop.phone(ARJUN).replies("1").expects("We go on doing what we can")
    shop.phone(ARJUN).replies(f"{second} 2").expects("You chose to wait, and that stands")
    shop.phone(ARJUN).replies("see you later").expects_nothing()


def test_later_is_a_new_promise_that_they_agreed_to(shop: World) -> None:
    ref = told_early(shop)
    told = row(shop, ref)
    assert told is not None
    assert told.proposed_at is not None
    shop.phone(ARJUN).replies("2 please").expects("You will have it by")
    seen = shop.see(ref)
    assert (seen["promised_by"], seen["first_promised_by"]) == (
        told.proposed_at.isoformat(),
        told.promised_by.isoformat(),
    )
    (last,) = shop.look(select(Promise).where(Promise.number == 2))
    assert (last.is_agreed, last.why) == (True, "the customer chose a later time")
    # The same twice is once.
    assert choose(shop, ref, Preference.LATER).outcome is Outcome.ALREADY
    assert shop.events(ref).count("promised_again") == 1


def test_collect_ends_the_way(shop: World) -> None:
    ref = told_early(shop)
    shop.phone(ARJUN).replies("3").expects("We keep it for you at Kala Books, 4 Lake Road")
    seen = shop.see(ref)
    assert (seen["address"]["text"], seen["travel_minutes"]) == ("Arjun collects it at Kala Books", 0)
    # Nobody is on the way to them.
    shop.move(ref, "pack")
    shop.move(ref, "hand_over", staff_id=shop.people["Ravi"])
    shop.tick()
    shop.phone(ARJUN).expects_nothing()


def test_cancel_is_the_ordinary_one(shop: World) -> None:
    ref = told_early(shop)
    shop.phone(ARJUN).replies("4").expects("It is cancelled, as you wish")
    assert shop.see(ref)["status"] == "cancelled"
    assert "cancelled" in shop.events(ref)
    shop.advance(minutes=120)
    shop.phone(ARJUN).expects_nothing()


def test_whoever_comes_late_hears_how_it_stands(shop: World) -> None:
    ref = told_early(shop)
    shop.move(ref, "pack")
    shop.move(ref, "hand_over", staff_id=shop.people["Ravi"])
    assert choose(shop, ref, Preference.COLLECT).text == "It is on its way to you already."
    shop.move(ref, "deliver")
    late = choose(shop, ref, Preference.CANCEL)
    assert (late.outcome, late.text) == (Outcome.OVER, "No need to choose any more: it is with you since 14:00.")
    with pytest.raises(Conflict, match="it is with you"):
        shop.do(
            lambda s: answer_for_customer(s, ref, Preference.WAIT, shop.now, links=shop.runtime.links, actor="desk")
        )
    assert shop.see(ref)["status"] == "delivered"
    shop.ignore_rest()


def test_a_time_that_has_passed_is_for_a_person(shop: World) -> None:
    ref = told_early(shop)
    told = row(shop, ref)
    assert told is not None
    assert told.proposed_at is not None
    shop.clock.advance(seconds=(told.proposed_at - shop.now).total_seconds())
    for _ in range(2):
        answered = choose(shop, ref, Preference.LATER)
        assert (answered.outcome, "We will phone you" in answered.text) == (Outcome.LATE, True)
    assert shop.events(ref).count("heads_up_answered_late") == 1
    shop.ignore_rest()


def test_what_was_not_offered_and_what_was_not_asked(shop: World) -> None:
    ref = told_early(shop)
    shop.do(lambda s: setattr(s.get_one(HeadsUp, shop.order_row(ref).id), "choices", ["wait"]))
    with pytest.raises(Invalid, match="choose one of wait"):
        choose(shop, ref, Preference.CANCEL)
    other = shop.order(minutes=600, customer_name="Uma Das")
    with pytest.raises(NotFound):
        choose(shop, other, Preference.WAIT)
    shop.ignore_rest()


def test_a_tap_and_a_rider_at_the_door_at_the_same_moment(shop: World) -> None:
    ref = told_early(shop)
    shop.ignore_rest()

    def deliver() -> str:
        try:
            shop.move(ref, "deliver")
            return "delivered"
        except Exception as error:
            return type(error).__name__

    def tap() -> str:
        return choose(shop, ref, Preference.CANCEL).outcome.value

    answers = at_once([deliver, tap, tap])
    status = shop.see(ref)["status"]
    done = answers.count("done")
    # One of them was first, and everybody else heard how it stands.
    assert (status, done, answers[0]) in {("delivered", 0, "delivered"), ("cancelled", 1, "MoveNotAllowed")}


# --- who comes for it ------------------------------------------------------------------------------------------------


def who_comes(shop: World) -> str:
    """An order that can be packed and not be brought, whose customer says that they come for it."""
    shop.pause("Ravi", minutes=95)
    shop.person("Tom", role="buyer", shifts="24/7")
    shop.phones.ignored |= {shop.numbers["Ravi"], shop.numbers["Tom"]}
    ref = shop.order(minutes=120, reason="exam tomorrow")
    shop.procure(ref, "bought")
    shop.advance(minutes=61)
    shop.phone(ARJUN).expects("has your order").expects("3 to collect it").replies("3").expects("We keep it for you")
    return ref


def ending(shop: World) -> Ending:
    with shop.db.snapshot() as session:
        branch = get_branch(session, "main")
        days = Days(today(branch, shop.now), today(branch, shop.now))
        (row,) = promise_rows(session, branch, days, shop.now)
    return row.outcome


def test_what_lies_ready_at_the_counter_is_kept_whenever_they_come(shop: World) -> None:
    ref = who_comes(shop)
    shop.move(ref, "pack")
    shop.advance(minutes=180)
    seen = shop.see(ref)
    assert (seen["risk"]["level"], seen["risk"]["slack_minutes"]) == ("on_track", None)
    assert seen["risk"]["binding"]["message"] == "It is packed and waits to be collected."
    assert (seen["escalation"]["state"], shop.asked(ref)) == ("resolved", [])
    assert "recovery_opened" not in shop.events(ref)
    with shop.db.snapshot() as session:
        page = customer_view.shown(session, find_order(session, ref), shop.now)
        ((row,),) = (group.rows for group in board_view.groups(session, shop.now, shop.runtime.links))
    assert (page["said"], page["is_late"]) == ("It is ready for you at Kala Books, 4 Lake Road.", False)
    assert (row.group, row.status, row.slack) == ("calm", "waits to be collected", "ready for them")
    assert [text.body for text in shop.city.texts() if "sorry" in text.body] == []
    with shop.db.snapshot() as session:
        for level, refs in ((Level.ON_TRACK, [ref]), (Level.LATE, [])):
            found, _ = list_orders(session, shop.now, shop.runtime.links, risk=level)
            assert [order["ref"] for order in found] == refs
    assert ending(shop) is Ending.KEPT
    shop.move(ref, "deliver")
    shop.tick()
    shop.phone(ARJUN).expects("has been delivered", "Thank you")
    seen = shop.see(ref)
    assert (seen["delivered_at"], seen["risk"]["level"]) == (seen["packed_at"], "on_track")
    assert ending(shop) is Ending.KEPT


def test_what_is_not_packed_by_the_promise_is_broken_for_who_comes_too(shop: World) -> None:
    ref = who_comes(shop)
    shop.advance(minutes=70)
    shop.phone(ARJUN).expects("we promised you Physics 2 by 16:00", "sorry")
    assert shop.level(ref) == "late"
    # Nobody is asked to carry what they come for, however late it is.
    shop.move(ref, "pack")
    asked = len(shop.asked(ref))
    shop.advance(minutes=30)
    assert (len(shop.asked(ref)), shop.escalation(ref)["state"]) == (asked, "unanswered")
    assert shop.level(ref) == "late"


def test_who_comes_because_it_was_not_brought_was_not_served_in_time(shop: World) -> None:
    shop.pause("Ravi", minutes=95)
    shop.phones.ignored.add(shop.numbers["Ravi"])
    ref = shop.order(minutes=120)
    shop.procure(ref, "bought")
    shop.move(ref, "pack")
    shop.advance(minutes=121)
    choose(shop, ref, Preference.COLLECT)
    shop.advance(minutes=30)
    shop.phone(ARJUN).expects("has your order").expects("3 to collect it").expects("we promised you", "sorry")
    assert shop.level(ref) == "late"


def test_who_packs_it_for_somebody_who_comes_is_not_sent_on_the_way(shop: World) -> None:
    shop.phones.ignored.clear()
    ref = shop.order(minutes=70)
    shop.procure(ref, "bought")
    shop.advance(minutes=40)
    shop.phone(ARJUN).expects("has your order").expects("3 to collect it").replies("3").expects("We keep it for you")
    ravi = shop.phone("Ravi").expects("Please take Physics 2").expects("is safe again")
    shop.advance(minutes=25)
    ravi.expects("Please pack Physics 2 for Arjun (exam tomorrow), who collects it at Kala Books").replies("#A")
    ravi.expects("is yours. 12P when you have packed it, 12R to hand it back")
    ravi.replies("#P").expects("noted as packed, the customer collects it")
    assert (shop.see(ref)["status"], shop.see(ref)["carrier"]) == ("ready", None)
    shop.ignore_rest()
