"""Broken promises, on both databases: a case by itself, sorry first, the fix, the customer's word, and how it was."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from dispatch import rounds
from dispatch.foundation.db import once_more
from dispatch.foundation.errors import Conflict, Invalid, MoveNotAllowed, NotFound
from dispatch.messaging.rules import Channel
from dispatch.messaging.service import opt_out
from dispatch.messaging.tables import OutgoingText
from dispatch.orders.rules import Status
from dispatch.orders.service import find_order
from dispatch.orders.timetable import rearm
from dispatch.recovery.answers import answer
from dispatch.recovery.audit import Forgotten, forgotten
from dispatch.recovery.queries import care_of, get_recovery, list_recoveries
from dispatch.recovery.rules import Fault, State, Step
from dispatch.recovery.service import Taken, complain, take_step
from dispatch.recovery.tables import Recovery, RecoveryStep, Survey
from tests.world import World, at_once, city, world

__all__ = ["city", "world"]
ARJUN = "Arjun Mehta"


@pytest.fixture
def shop(world: World) -> World:
    """Ravi may carry, Maya and the founder are there to sign; every text is expected where it matters."""
    world.shop(opening_hours="Mo-Su 09:00-23:00", apology_grace_minutes=10)
    world.person("Ravi", role="staff", shifts="Mo-Su 10:00-23:00")
    world.person("Maya", role="manager", shifts="Mo-Su 10:00-11:00")
    world.person("Anand", role="founder", shifts=None)
    world.ignore_rest()
    return world


def broken(shop: World, **more: Any) -> str:
    """An order on its way whose promise has just passed."""
    ref = shop.order(minutes=60, **more)
    shop.procure(ref, "bought")
    shop.move(ref, "pack")
    shop.move(ref, "hand_over", staff_id=shop.people["Ravi"])
    shop.advance(minutes=61)
    return ref


def case(shop: World, ref: str) -> dict[str, Any]:
    """The newest case of an order as the API shows it."""
    with shop.db.snapshot() as session:
        items, _ = list_recoveries(session, shop.now, order=ref)
        assert items, f"order {ref} has no case"
        return items[0]


def cases(shop: World, state: State | None = None) -> list[dict[str, Any]]:
    with shop.db.snapshot() as session:
        return list_recoveries(session, shop.now, state=state)[0]


def take(shop: World, ref: str, step: str, **more: Any) -> dict[str, Any]:
    number = int(case(shop, ref)["id"])
    taken = Taken(step=Step(step), actor="desk", **more)
    shop.do(lambda session: take_step(session, number, taken, shop.now, links=shop.runtime.links))
    return case(shop, ref)


def ending(shop: World, ref: str) -> str | None:
    with shop.db.snapshot() as session:
        found: str | None = care_of(session, find_order(session, ref), shop.now)["ending"]
        return found


def customer(shop: World, **words: str) -> None:
    shop.tick()
    shop.phone(ARJUN).expects(*words.values())


# --- a case by itself ------------------------------------------------------------------------------------------------


def test_r5_sorry_by_itself_delivered_and_confirmed_by_text(shop: World) -> None:
    ref = broken(shop)
    opened = case(shop, ref)
    assert (opened["state"], opened["stage"], opened["cause"], opened["allowed"]) == (
        "open",
        "opened",
        "broken",
        ["empathise"],
    )
    shop.advance(minutes=9)
    assert shop.phones.find(shop.numbers[ARJUN], ["sorry"]) is None
    shop.advance(minutes=1)
    sorry = shop.phone(ARJUN).expects(
        "we promised you Physics 2 by 15:00", "exam tomorrow", "sorry", "Maya, Kala Books"
    )
    assert case(shop, ref)["allowed"] == ["offer_fix", "fixed"]
    shop.move(ref, "deliver")
    shop.advance(minutes=11)
    customer(shop, what="is with you now: Physics 2. We know that it came later")
    shop.phone(ARJUN).expects("Is everything good now?", "Reply YES")
    assert ending(shop, ref) is None
    sorry.replies("Yes, thanks").expects("We are glad it is good")
    assert (case(shop, ref)["stage"], case(shop, ref)["state"], ending(shop, ref)) == ("confirmed", "closed", "R5")
    # Twice is once, and nobody says sorry a second time for the same promise.
    shop.advance(minutes=60)
    assert len(cases(shop)) == 1
    assert [step["step"] for step in case(shop, ref)["steps"]] == ["empathise", "fixed", "confirm"]
    assert shop.phones.find(shop.numbers[ARJUN], ["sorry"]) is None


def test_people_s_own_apology_comes_first_and_then_the_clock_is_silent(shop: World) -> None:
    ref = broken(shop)
    take(shop, ref, "empathise", text="Arjun, I know what tonight means to you. I am so sorry. Maya")
    shop.advance(minutes=30)
    shop.phone(ARJUN).expects("I know what tonight means to you")
    assert shop.phones.find(shop.numbers[ARJUN], ["sorry"]) is None
    with pytest.raises(MoveNotAllowed) as refused:
        take(shop, ref, "empathise", text="Sorry once more, so sorry")
    assert refused.value.allowed == ("offer_fix", "fixed")


def test_a_fix_before_sorry_is_refused_and_so_is_everything_else(shop: World) -> None:
    ref = broken(shop)
    for step in ("offer_fix", "fixed", "confirm", "reopen"):
        with pytest.raises(MoveNotAllowed, match="nobody has said sorry yet") as refused:
            take(shop, ref, step, text="We bring it now", by_at=shop.now + timedelta(hours=1))
        assert refused.value.allowed == ("empathise",)
    assert case(shop, ref)["steps"] == []


def test_fixed_is_said_of_goods_that_have_come(shop: World) -> None:
    ref = broken(shop)
    take(shop, ref, "empathise", text="Sorry!")
    take(shop, ref, "offer_fix", by_at=shop.now + timedelta(hours=1))
    shop.move(ref, "deliver")
    said = take(shop, ref, "fixed", text="He has it", fault=Fault.OURS, goodwill="a handwritten note with it")
    assert (said["stage"], said["fault"], said["goodwill"]) == ("fixed", "ours", "a handwritten note with it")
    assert [step["step"] for step in said["steps"]] == ["empathise", "offer_fix", "fixed"]
    take(shop, ref, "confirm")
    assert ending(shop, ref) == "R5"


def test_r3_delivered_before_anybody_has_said_sorry_is_a_fact(shop: World) -> None:
    ref = broken(shop)
    shop.move(ref, "deliver")
    shop.tick()
    assert (case(shop, ref)["stage"], ending(shop, ref)) == ("fixed_first", "R3")
    # Nobody is thanked; sorry is owed all the same, and says when it came; then the question.
    told = shop.phone(ARJUN).expects("is with you now", "came later than we promised").last
    assert told is not None
    assert "thank" not in told.body.lower()
    shop.advance(minutes=10)
    shop.phone(ARJUN).expects("it came only at 15:01", "sorry")
    shop.phone(ARJUN).expects("Is everything good now?").replies("yes").expects("glad")
    assert ending(shop, ref) == "R3"
    assert shop.look(select(Survey)) == []


def test_delivered_late_while_nobody_looked_opens_a_case_all_the_same(shop: World) -> None:
    ref = shop.order(minutes=60)
    shop.procure(ref, "bought")
    shop.tick()
    shop.clock.advance(minutes=70)
    shop.move(ref, "deliver")
    assert ending(shop, ref) == "R3"
    shop.tick()
    assert (case(shop, ref)["stage"], case(shop, ref)["cause"]) == ("fixed_first", "broken")


def test_a_delivery_that_is_taken_back_was_no_fix(shop: World) -> None:
    ref = broken(shop)
    shop.advance(minutes=10)
    shop.move(ref, "deliver")
    shop.tick()
    assert case(shop, ref)["stage"] == "fixed"

    def take_back(session: Session) -> None:
        order = find_order(session, ref)
        order.status, order.delivered_at, order.closed_at = Status.OUT_FOR_DELIVERY, None, None
        order.version += 1
        rearm(session, [order.id], shop.now)

    shop.do(take_back)
    shop.advance(minutes=30)
    assert (case(shop, ref)["stage"], case(shop, ref)["fixed_at"]) == ("empathised", None)
    assert shop.phones.find(shop.numbers[ARJUN], ["Is everything good now?"]) is None
    shop.move(ref, "deliver")
    shop.advance(minutes=11)
    shop.phone(ARJUN).expects("Is everything good now?")


def test_r4_a_fix_that_is_late_reopens_the_case_by_itself(shop: World) -> None:
    ref = broken(shop)
    take(shop, ref, "empathise", staff_id=shop.people["Maya"], channel=Channel.CALL)
    by = shop.now + timedelta(minutes=60)
    offered = take(shop, ref, "offer_fix", by_at=by, fault=Fault.OURS, goodwill="no charge for the delivery")
    assert (offered["stage"], offered["fix_by"], offered["fault"]) == ("fix_offered", by.isoformat(), "ours")
    customer(shop, fix="you will have Physics 2 by 16:01", gift="no charge for the delivery")
    # It is a new promise as well: the clock and the ladder work for it, and the first stays.
    seen = shop.see(ref)
    assert (seen["promised_by"], seen["first_promised_by"] < seen["promised_by"]) == (by.isoformat(), True)
    shop.advance(minutes=61)
    assert (case(shop, ref)["stage"], case(shop, ref)["allowed"]) == ("empathised", ["offer_fix", "fixed"])
    assert "recovery_reopened" in shop.events(ref)
    shop.move(ref, "deliver")
    shop.tick()
    assert ending(shop, ref) == "R4"
    # One apology per failure.
    assert [step["step"] for step in case(shop, ref)["steps"]].count("empathise") == 1


def test_r4_no_word_within_two_days(shop: World) -> None:
    ref = broken(shop)
    shop.advance(minutes=10)
    shop.move(ref, "deliver")
    shop.tick()
    shop.advance(minutes=48 * 60)
    assert (case(shop, ref)["stage"], ending(shop, ref)) == ("fixed", None)
    shop.advance(minutes=1)
    assert (case(shop, ref)["stage"], case(shop, ref)["state"], ending(shop, ref)) == ("unconfirmed", "closed", "R4")


def test_no_reopens_and_somebody_phones(shop: World) -> None:
    ref = broken(shop)
    shop.advance(minutes=10)
    shop.move(ref, "deliver")
    shop.advance(minutes=11)
    arjun = shop.phone(ARJUN).expects("Is everything good now?")
    # Other words are for people to read.
    arjun.replies("Well, the cover").expects("We read every word")
    assert (case(shop, ref)["stage"], shop.events(ref).count("customer_wrote")) == ("fixed", 1)
    # What the customer says is not read over as our own words are.
    arjun.replies("No, the cover is torn. Never again!").expects("Somebody of us will phone you")
    assert (case(shop, ref)["stage"], ending(shop, ref)) == ("empathised", "R4")
    assert "phone_customer" in shop.events(ref)
    assert case(shop, ref)["steps"][-1]["text"] == "No, the cover is torn. Never again!"
    # What was fixed by hand is asked at once.
    take(shop, ref, "fixed", text="A new copy is at your door.")
    customer(shop, own="A new copy is at your door. Is everything good now?")


def again_about(shop: World, number: int, step: Step) -> None:
    taken = Taken(step=step, actor="desk", text="here it is")
    shop.do(lambda session: take_step(session, number, taken, shop.now, links=shop.runtime.links))


def test_the_customer_s_word_is_about_the_case_that_is_open(shop: World) -> None:
    ref = broken(shop)
    shop.advance(minutes=10)
    shop.move(ref, "deliver")
    shop.tick()
    first, number = int(case(shop, ref)["id"]), shop.order_row(ref).id

    def say(*, is_good: bool, said: str | None = None) -> bool:
        return shop.do(
            lambda s: answer(s, number, shop.now, is_good=is_good, links=shop.runtime.links, said=said)
        ).is_new

    assert say(is_good=True)
    shop.do(lambda s: complain(s, ref, "the cover is torn", shop.now, actor="desk"))
    take(shop, ref, "empathise", text="I am so sorry, Arjun")
    # While the newer one waits for us, nothing is said about the older one.
    with pytest.raises(NotFound):
        say(is_good=True)
    take(shop, ref, "fixed", text="A new copy is at your door.")
    assert [say(is_good=False, said="torn"), say(is_good=False, said="torn"), say(is_good=False, said="wet, too")] == [
        True,
        False,
        False,
    ]
    assert (shop.events(ref).count("recovery_reopened"), shop.events(ref).count("customer_wrote")) == (1, 1)
    take(shop, ref, "fixed", text="Another one is at your door.")
    assert say(is_good=True)
    # The older one is opened once more: then it is that one.
    for step in (Step.REOPEN, Step.FIXED):
        again_about(shop, first, step)
    assert say(is_good=True)
    assert not cases(shop, State.OPEN)


def test_a_promise_that_is_only_feared_lost_needs_no_apology_once_it_is_safe(shop: World) -> None:
    # Buying it elsewhere takes too long, however lucky we are.
    ref = shop.order(minutes=90)
    shop.tick()
    assert (shop.level(ref), case(shop, ref)["cause"]) == ("late", "late")
    # It was found on a shelf after all.
    shop.procure(ref, "bought")
    shop.advance(minutes=11)
    assert (shop.level(ref), case(shop, ref)["stage"], case(shop, ref)["allowed"]) == ("on_track", "averted", [])
    assert shop.phones.find(shop.numbers[ARJUN], ["sorry"]) is None
    # When it breaks after all, that is a failure of its own.
    shop.advance(minutes=80)
    assert [one["cause"] for one in cases(shop)] == ["broken", "late"]


def texts_to_arjun(shop: World) -> list[str]:
    return [text.body for text in shop.city.texts() if text.to == shop.numbers[ARJUN]]


@pytest.mark.parametrize("has_left", [False, True])
def test_what_came_in_time_needs_no_apology_that_has_not_left(shop: World, has_left: bool) -> None:
    ref = shop.order(minutes=20)
    shop.procure(ref, "bought")
    shop.move(ref, "pack")
    shop.tick()
    assert shop.level(ref) == "late"
    if not has_left:
        shop.fault("rate_limited", count=100_000, name=ARJUN)
    shop.advance(minutes=11)
    assert case(shop, ref)["stage"] == "empathised"
    shop.move(ref, "deliver")
    shop.advance(minutes=2)
    assert case(shop, ref)["stage"] == ("fixed" if has_left else "averted")
    assert ending(shop, ref) == "R1"
    shop.city.sim.state.faults.clear()
    shop.advance(minutes=20)
    assert any("sorry" in text for text in texts_to_arjun(shop)) is has_left


def test_no_fix_is_announced_that_is_there_already_or_was_to_be(shop: World) -> None:
    ref = broken(shop)
    shop.advance(minutes=10)
    shop.fault("rate_limited", count=100_000, name=ARJUN)
    take(shop, ref, "offer_fix", by_at=shop.now + timedelta(minutes=10))
    shop.advance(minutes=1)
    take(shop, ref, "offer_fix", by_at=shop.now + timedelta(minutes=40))
    shop.advance(minutes=5)
    shop.move(ref, "deliver")
    shop.advance(minutes=2)
    shop.city.sim.state.faults.clear()
    shop.advance(minutes=15)
    told = texts_to_arjun(shop)
    assert not any("you will have" in text for text in told)
    assert "Is everything good now" in told[-1]


def test_a_later_time_counts_only_when_the_customer_agreed(shop: World) -> None:
    agreed, unasked = shop.order(minutes=60, customer_name="Asha Rao"), shop.order(minutes=60, customer_name="Uma Das")
    later = shop.now + timedelta(minutes=180)
    shop.change(agreed, promised_by=later, why="the book is rare", agreed=True)
    shop.change(unasked, promised_by=later, why="the book is rare")
    shop.advance(minutes=61)
    assert [one["order"] for one in cases(shop)] == [unasked]
    for ref in (agreed, unasked):
        shop.move(ref, "deliver")
    shop.tick()
    assert (ending(shop, agreed), ending(shop, unasked)) == (None, "R3")
    assert shop.see(agreed)["risk"]["binding"]["message"] == "Delivered by the new promise, after the first."
    shop.phone("Asha Rao").expects("has been delivered", "Thank you")
    shop.phone("Uma Das").expects("came later than we promised")
    with shop.db.snapshot() as session:
        why = care_of(session, find_order(session, agreed), shop.now)["ending_why"]
    assert "agreed to a later time" in why


def on_the_way_with_another_promise(shop: World, name: str, *, minutes: float, agreed: bool = True) -> str:
    """An order that was first promised within 4 hours, and then by another time."""
    ref = shop.order(minutes=240, customer_name=name)
    shop.procure(ref, "bought")
    promised_by = shop.now + timedelta(minutes=minutes)
    shop.change(ref, promised_by=promised_by, why="they asked", agreed=agreed)
    shop.move(ref, "pack")
    shop.move(ref, "hand_over", staff_id=shop.people["Ravi"])
    return ref


@pytest.mark.parametrize(
    ("minutes", "agreed", "promised"), [(120, True, "16:00"), (300, True, "19:00"), (300, False, "18:00")]
)
def test_the_apology_names_the_promise_that_they_counted_on(
    shop: World, minutes: float, agreed: bool, promised: str
) -> None:
    on_the_way_with_another_promise(shop, ARJUN, minutes=minutes, agreed=agreed)
    shop.advance(to=promised)
    shop.phone(ARJUN).expects("is on the way").expects("has your order").expects_nothing()
    shop.advance(minutes=11)
    shop.phone(ARJUN).expects(f"we promised you Physics 2 by {promised}, and it is not with you")


def test_a_time_they_agreed_to_after_it_broke_is_not_the_one_that_broke(shop: World) -> None:
    ref = on_the_way_with_another_promise(shop, ARJUN, minutes=120)
    shop.advance(to="16:05")
    shop.change(ref, promised_by=shop.at("17:00"), why="they will wait", agreed=True)
    shop.advance(to="16:11")
    shop.phone(ARJUN).expects("we promised you Physics 2 by 16:00, and it is not with you")


def test_a_fix_and_a_warning_against_it_never_come_together(shop: World) -> None:
    ref = shop.order(minutes=100)
    shop.procure(ref, "bought")
    shop.change(ref, promised_by=shop.now + timedelta(minutes=300), why="the supplier is late")
    shop.advance(minutes=112)
    shop.phone(ARJUN).expects("has your order").expects("We are sorry")
    shop.pause("Ravi", minutes=100)
    take(shop, ref, "offer_fix", by_at=shop.at("16:40"))
    shop.tick()
    assert shop.level(ref) == "at_risk"
    shop.phone(ARJUN).expects("you will have Physics 2 by 16:40").expects_nothing()
    shop.advance(to="16:41")
    shop.phone(ARJUN).expects_nothing()
    assert case(shop, ref)["stage"] == "empathised"


# --- by hand ---------------------------------------------------------------------------------------------------------


def test_a_complaint_after_a_good_delivery(shop: World) -> None:
    ref = shop.order(minutes=120)
    shop.move(ref, "deliver")
    shop.tick()
    assert ending(shop, ref) == "R1"
    shop.do(lambda s: complain(s, ref, "the cover is torn", shop.now, actor="desk", fault=Fault.SUPPLIER))
    with pytest.raises(Conflict, match="open recovery already"):
        shop.do(lambda s: complain(s, ref, "and it is wet", shop.now, actor="desk"))
    assert ending(shop, ref) is None
    shop.advance(minutes=10)
    shop.phone(ARJUN).expects("the cover is torn", "exam tomorrow", "sorry")
    # Nobody is asked how it was in the middle of that.
    shop.advance(minutes=180)
    (survey,) = shop.look(select(Survey))
    assert (survey.asked_at, survey.withheld) == (None, "the story has not ended well")
    assert case(shop, ref)["suggestions"] == ["no charge for the delivery"]
    second = shop.order(minutes=120, customer_phone=shop.numbers[ARJUN])
    shop.do(lambda s: complain(s, second, "nobody came", shop.now, actor="desk"))
    assert case(shop, second)["earlier"] == [{"id": case(shop, ref)["id"], "order": ref, "what": "the cover is torn"}]


BAD: list[tuple[dict[str, Any], str]] = [
    ({"step": "empathise"}, "text"),
    ({"step": "empathise", "text": "So sorry, it won't happen again"}, "text"),
    ({"step": "empathise", "channel": Channel.CALL}, "by"),
    ({"step": "empathise", "staff_id": 9999, "channel": Channel.CALL}, "by"),
]


@pytest.mark.parametrize(("given", "field"), BAD)
def test_what_is_wrong_with_an_apology(shop: World, given: dict[str, Any], field: str) -> None:
    ref = broken(shop)
    with pytest.raises((Invalid, NotFound)) as refused:
        take(shop, ref, **given)
    assert isinstance(refused.value, Invalid)
    assert [error.field for error in refused.value.errors] == [field]
    assert case(shop, ref)["stage"] == "opened"


def test_a_fix_needs_a_time_to_come(shop: World) -> None:
    ref = broken(shop)
    take(shop, ref, "empathise", staff_id=shop.people["Maya"], channel=Channel.CALL, text="He was kind about it")
    for more in ({}, {"by_at": shop.now}, {"by_at": shop.now + timedelta(days=61)}):
        with pytest.raises(Invalid) as refused:
            take(shop, ref, "offer_fix", **more)
        assert refused.value.errors[0].field == "by"


def test_whom_no_text_reaches_is_for_a_person_to_phone(shop: World) -> None:
    ref = broken(shop)
    shop.do(lambda session: opt_out(session, shop.numbers[ARJUN], shop.now, "STOP"))
    with pytest.raises(Invalid, match="asked not to be texted"):
        take(shop, ref, "empathise", text="I am so sorry, Arjun")
    shop.advance(minutes=30)
    assert shop.events(ref).count("phone_customer") == 1
    assert case(shop, ref)["stage"] == "opened"
    take(shop, ref, "empathise", staff_id=shop.people["Maya"], channel=Channel.CALL)
    assert case(shop, ref)["stage"] == "empathised"


def test_an_apology_that_does_not_arrive_is_none_and_is_said_by_phone(shop: World) -> None:
    ref = broken(shop)
    shop.fault("undelivered", name=ARJUN, code=30003)
    shop.advance(minutes=11)
    shop.tick()
    assert shop.events(ref).count("phone_customer") == 1
    back = case(shop, ref)
    assert back["steps"][0]["is_lost"] is True
    assert (back["stage"], back["allowed"], back["empathised_at"]) == ("opened", ["empathise"], None)
    with pytest.raises(MoveNotAllowed, match="nobody has said sorry yet"):
        take(shop, ref, "fixed")
    with pytest.raises(Invalid, match="did not arrive"):
        take(shop, ref, "empathise", text="I am so sorry, Arjun")
    # It does not try again by itself, and says so once.
    shop.advance(minutes=30)
    assert shop.events(ref).count("phone_customer") == 1
    assert case(shop, ref)["stage"] == "opened"
    take(shop, ref, "empathise", staff_id=shop.people["Maya"], channel=Channel.CALL)
    shop.move(ref, "deliver")
    shop.advance(minutes=11)
    shop.phone(ARJUN).expects("Is everything good now?").replies("yes").expects("glad")
    assert ending(shop, ref) == "R5"


def test_sorry_that_comes_too_late_to_arrive_leaves_the_fix_first(shop: World) -> None:
    """The news that it did not arrive comes after the goods: nothing is asked behind an apology that nobody read."""
    ref = broken(shop)
    shop.fault("undelivered", name=ARJUN, code=30003)
    take(shop, ref, "empathise", text="I am so sorry, Arjun")
    shop.move(ref, "deliver")
    shop.advance(minutes=11)
    assert case(shop, ref)["stage"] == "fixed_first"
    assert shop.phones.find(shop.numbers[ARJUN], ["good now"]) is None
    assert (ending(shop, ref), case(shop, ref)["allowed"]) == ("R3", ["empathise"])
    take(shop, ref, "empathise", staff_id=shop.people["Maya"], channel=Channel.CALL)
    shop.phone(ARJUN).expects("Is everything good now?").replies("yes").expects("glad")
    assert (case(shop, ref)["stage"], ending(shop, ref)) == ("confirmed", "R3")


# --- how was it ------------------------------------------------------------------------------------------------------


def test_how_was_it_once_by_day_and_not_too_often(shop: World) -> None:
    shop.advance(to="20:00")
    first = shop.order(minutes=60)
    shop.move(first, "deliver")
    shop.advance(minutes=180)
    assert shop.phones.find(shop.numbers[ARJUN], ["how was it"]) is None
    shop.advance(minutes=10 * 60)
    shop.phone(ARJUN).expects("how was it with Kala Books?").replies("Lovely, he rang twice").expects("every word")
    assert "customer_said" in shop.events(first)
    second = shop.order(minutes=60, customer_phone=shop.numbers[ARJUN])
    shop.move(second, "deliver")
    shop.advance(minutes=150)
    assert shop.phones.find(shop.numbers[ARJUN], ["how was it"]) is None
    assert {row.withheld for row in shop.look(select(Survey))} == {None, "they were asked lately"}
    # What a provider that is down holds up is not asked at night.
    asked = [row for row in shop.look(select(OutgoingText)) if "how was it" in row.body]
    assert [row.useful_until for row in asked] == [shop.at("21:00")]


# --- races, repeats, and what is forgotten ---------------------------------------------------------------------------


def test_many_at_once_say_sorry_once(shop: World) -> None:
    ref = broken(shop)
    number = int(case(shop, ref)["id"])
    shop.clock.advance(minutes=10)

    def by_hand() -> str:
        try:
            taken = Taken(step=Step.EMPATHISE, actor="desk", text="I am so sorry, Arjun")
            once_more(shop.db, lambda s: take_step(s, number, taken, shop.now, links=shop.runtime.links))
            return "hand"
        except MoveNotAllowed:
            return "late"

    def by_itself() -> str:
        rounds.make_good(shop.runtime)
        return "clock"

    at_once([by_hand, by_itself, by_hand, by_itself])
    rows = shop.look(select(RecoveryStep))
    assert [row.step for row in rows] == [Step.EMPATHISE]
    shop.tick()
    texts = [text for text in shop.city.texts() if text.to == shop.numbers[ARJUN] and "sorry" in text.body]
    assert len(texts) == 1


def test_two_taps_confirm_once_and_a_stranger_asks_in_vain(shop: World) -> None:
    ref = broken(shop)
    shop.advance(minutes=10)
    shop.move(ref, "deliver")
    shop.tick()
    number = shop.order_row(ref).id

    def tap() -> bool:
        return once_more(shop.db, lambda s: answer(s, number, shop.now, is_good=True, links=shop.runtime.links).is_new)

    assert sorted(at_once([tap, tap, tap])) == [False, False, True]
    other = shop.order_row(shop.order(minutes=60)).id
    with pytest.raises(NotFound):
        shop.do(lambda s: answer(s, other, shop.now, is_good=True, links=shop.runtime.links))


def test_the_audit_finds_who_was_forgotten(shop: World) -> None:
    ref = broken(shop)
    number = int(case(shop, ref)["id"])
    shop.clock.advance(minutes=12)

    def found() -> dict[Forgotten, list[int]]:
        with shop.db.snapshot() as session:
            return forgotten(session, shop.now)

    order_id = shop.order_row(ref).id
    assert found() == {Forgotten.UNSORRY: [order_id]}
    shop.do(lambda s: s.delete(s.get_one(Recovery, number)))
    assert found() == {Forgotten.UNOPENED: [order_id]}
    # It is looked at again, by the ordinary path.
    rounds.audit(shop.runtime)
    shop.tick()
    assert found() == {}
    with shop.db.snapshot() as session, pytest.raises(NotFound):
        get_recovery(session, 999, shop.now)
