"""Something else instead, on both databases: what was agreed at intake, the text, the answer, silence, and races."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from dispatch import rounds
from dispatch.escalation.service import tend
from dispatch.foundation.db import once_more
from dispatch.foundation.errors import Conflict, Invalid, MoveNotAllowed
from dispatch.messaging.service import opt_out
from dispatch.orders.rules import Sourcing, Substitution
from dispatch.orders.service import NewLine, ProcurementNews, find_order, timeline
from dispatch.orders.tables import OrderEvent
from dispatch.procurement.offer_answers import Outcome
from dispatch.procurement.offers import asked
from dispatch.procurement.service import get_item
from dispatch.procurement.tables import Offer
from dispatch.promise import service as promise
from dispatch.promise.offers import answer_offer, ask_customer, settle_line
from tests import factories
from tests.world import World, at_once, city, world

__all__ = ["city", "world"]

OLD, PACK, ATLAS = "Physics 2, 2nd ed.", "Physics Exam Pack", "Star Atlas"


@pytest.fixture
def shop(world: World) -> World:
    """Physics 2 can be replaced by an older edition, an exam pack or an atlas; nobody is there to be asked for help."""
    world.shop(name="The Corner Bookshop")
    world.supplier("city-books", travel_minutes=10, procure_minutes=20)
    world.item("old", 1, title=OLD)
    world.item("pack", 1, title=PACK)
    world.item("atlas", title=ATLAS, suppliers=("city-books",))
    world.item("physics-2", title="Physics 2", substitutes=("atlas", "old", "pack"))
    return world


def place(shop: World, wish: str = "ask", *, at: str = "19:00", name: str = "Dev Rao", **more: Any) -> str:
    given = {"sku": "physics-2", "title": "Physics 2", "substitution": wish, "customer_name": name, **more}
    ref = shop.order(at, **given)
    shop.tick()
    shop.phone(name).expects("has your order")
    return ref


def lost(shop: World, ref: str, *, line: int = 0) -> None:
    """The line can't be had."""
    shop.procure(ref, "unavailable", line=line, note="sold out in town")


def line_of(shop: World, ref: str, number: int = 0) -> dict[str, Any]:
    return dict(shop.see(ref)["lines"][number])


def offer_of(shop: World, ref: str) -> Offer:
    """The newest one."""
    rows = shop.look(select(Offer).order_by(Offer.id.desc()).where(Offer.order_id == shop.order_row(ref).id))
    return rows[0]


def shelf(shop: World, sku: str) -> tuple[int, int, int]:
    """On hand, reserved, available."""
    item = shop.do(lambda session: get_item(session, sku))
    return item["on_hand"], item["reserved"], item["available"]


def event(shop: World, ref: str, kind: str) -> OrderEvent:
    order_id = shop.order_row(ref).id
    (row,) = shop.look(select(OrderEvent).where(OrderEvent.order_id == order_id, OrderEvent.kind == kind))
    return row


def history(shop: World, ref: str) -> str:
    with shop.db.snapshot() as session:
        return "\n".join(event["text"] for event in timeline(session, ref))


# --- what was agreed at intake ---------------------------------------------------------------------------------------


def test_never_offers_nothing_and_says_who_must_phone(shop: World) -> None:
    ref = place(shop, "never")
    lost(shop, ref)
    shop.tick()
    shop.phone("Dev Rao").expects_nothing()
    assert line_of(shop, ref)["sourcing"] == "unavailable"
    assert event(shop, ref, "phone_customer").text == (
        "The customer wants nothing else instead of Physics 2. Somebody must phone Dev."
    )
    assert shop.look(select(Offer)) == []


def test_listed_takes_the_first_on_the_shelf_and_tells_once(shop: World) -> None:
    ref = place(shop, "listed")
    lost(shop, ref)
    line = line_of(shop, ref)
    assert (line["sku"], line["title"], line["sourcing"]) == ("old", OLD, "substituted")
    assert (line["instead_of"], line["substitution_offer"]) == ("Physics 2", None)
    assert shop.see(ref)["status"] == "packing"
    assert shelf(shop, "old") == (1, 1, 0)
    shop.tick()
    shop.tick()
    dev = shop.phone("Dev Rao").expects("Hello Dev, The Corner Bookshop", "Physics 2", f"you get {OLD} instead")
    dev.expects_nothing()
    data = event(shop, ref, "line_substituted").data
    assert data | {"line_id": 0, "offer_id": 0} == {
        "line_id": 0,
        "offer_id": 0,
        "from_title": "Physics 2",
        "from_sku": "physics-2",
        "to_title": OLD,
        "to_sku": "old",
        "agreed": "listed",
        "is_here": True,
    }


def test_listed_and_nothing_on_the_shelf_is_what_can_be_bought_in_time(shop: World) -> None:
    ref = place(shop, "listed", quantity=2)
    lost(shop, ref)
    line = line_of(shop, ref)
    assert (line["sku"], line["sourcing"], line["note"]) == ("atlas", "to_procure", None)
    shop.tick()
    shop.phone("Dev Rao").expects(f"you get {ATLAS} instead")
    # What is bought instead can be lost as well: the list is at its end then.
    lost(shop, ref)
    shop.tick()
    shop.phone("Dev Rao").expects_nothing()
    assert "None of the usual substitutes for Star Atlas can be had either" in history(shop, ref)
    assert line_of(shop, ref)["instead_of"] == "Physics 2"


def test_listed_after_the_shops_have_closed_is_for_a_person(shop: World) -> None:
    shop.supplier("city-books", "Mo-Su 10:00-14:15", travel_minutes=10, procure_minutes=20)
    ref = place(shop, "listed", quantity=2)
    lost(shop, ref)
    assert line_of(shop, ref)["sourcing"] == "unavailable"
    assert "Somebody must phone Dev." in event(shop, ref, "phone_customer").text


def test_without_substitutes_nobody_is_asked(shop: World) -> None:
    shop.item("lonely")
    ref = place(shop, sku="lonely")
    lost(shop, ref)
    shop.tick()
    shop.phone("Dev Rao").expects_nothing()
    assert "There is nothing to offer instead of Physics 2. Somebody must phone Dev." in history(shop, ref)


# --- asking ----------------------------------------------------------------------------------------------------------


def test_the_customer_is_asked_once_and_chooses_by_text(shop: World) -> None:
    ref = place(shop)
    lost(shop, ref)
    shop.tick()
    shop.tick()
    dev = shop.phone("Dev Rao").expects(
        "Hello Dev, The Corner Bookshop: we can't get Physics 2 in time.",
        f"1 {OLD} 2 {PACK}. 3 {ATLAS}. Reply 1, 2 or 3, or 0 for none, by 15:00: https://shop.example/t?k=",
    )
    dev.expects_nothing()
    offered = line_of(shop, ref)["substitution_offer"]
    assert [choice["sku"] for choice in offered["choices"]] == ["old", "pack", "atlas"]
    assert (offered["state"], offered["reply_by"][:16]) == ("open", "2026-11-24T09:30")
    dev.replies(" 2. ").expects(f"Thank you! You get {PACK} instead.").expects_nothing()
    line = line_of(shop, ref)
    assert (line["sku"], line["sourcing"], line["substitution_offer"]["state"]) == ("pack", "substituted", "chosen")
    assert event(shop, ref, "line_substituted").data["agreed"] == "asked"
    assert (shelf(shop, "old"), shelf(shop, "pack")) == ((1, 0, 1), (1, 1, 0))
    assert "The customer wrote: “2.”" in history(shop, ref)
    assert shop.level(ref) != "late"
    # The answer stands, whatever is typed after it.
    dev.replies("1").expects(f"You get {PACK} instead, as you chose.")
    assert line_of(shop, ref)["sku"] == "pack"


def test_something_to_be_bought_can_be_chosen(shop: World) -> None:
    ref = place(shop)
    lost(shop, ref)
    shop.tick()
    dev = shop.phone("Dev Rao").expects("can't get Physics 2")
    dev.replies("3").expects(f"We are getting {ATLAS} for you instead.")
    assert (line_of(shop, ref)["sku"], line_of(shop, ref)["sourcing"]) == ("atlas", "to_procure")
    assert shop.see(ref)["status"] == "procuring"


def test_no_is_taken_for_no_and_a_second_thought_in_time_undoes_it(shop: World) -> None:
    ref = place(shop)
    lost(shop, ref)
    shop.tick()
    dev = shop.phone("Dev Rao").expects("can't get Physics 2")
    dev.replies("No, thank you!").expects("We will phone you about Physics 2.")
    assert line_of(shop, ref)["sourcing"] == "unavailable"
    assert "wants nothing else instead of Physics 2. Somebody must phone Dev." in history(shop, ref)
    dev.replies("1").expects(f"You get {OLD} instead.")
    assert line_of(shop, ref)["sourcing"] == "substituted"


def test_other_words_are_a_note(shop: World) -> None:
    ref = place(shop)
    lost(shop, ref)
    shop.tick()
    dev = shop.phone("Dev Rao").expects("can't get Physics 2")
    dev.replies("Is the 2nd edition any good?").expects_nothing()
    assert "Is the 2nd edition any good?" in history(shop, ref)
    assert line_of(shop, ref)["substitution_offer"]["state"] == "open"


def test_silence_means_no_within_the_tick_and_nobody_is_texted_again(shop: World) -> None:
    ref = place(shop)
    lost(shop, ref)
    shop.advance(to="15:00")
    assert line_of(shop, ref)["substitution_offer"]["state"] == "open"
    shop.advance(minutes=0.1)
    assert line_of(shop, ref)["substitution_offer"]["state"] == "expired"
    assert event(shop, ref, "substitution_expired").text == (
        "No answer by 15:00 to what was offered instead of Physics 2: that means no. Somebody must phone Dev."
    )
    dev = shop.phone("Dev Rao").expects("can't get Physics 2").expects_nothing()
    # Somebody looks once more, in vain: the customer is not asked a second time.
    shop.procure(ref, "searching")
    lost(shop, ref)
    shop.advance(minutes=90)
    dev.expects_nothing()
    assert "The customer was asked before, and wants only Physics 2." in history(shop, ref)


def test_an_answer_after_its_time_is_told_so_and_noted_once(shop: World) -> None:
    ref = place(shop)
    lost(shop, ref)
    shop.advance(to="15:10")
    dev = shop.phone("Dev Rao").expects("can't get Physics 2")
    dev.replies("1").expects("That was until 15:00. We will phone you about Physics 2.")
    dev.replies("1").expects("That was until 15:00.")
    assert line_of(shop, ref)["sourcing"] == "unavailable"
    text = event(shop, ref, "substitution_answered_late").text
    assert text == f"After 15:00 the customer chose {OLD} instead of Physics 2. Somebody must phone Dev."


def test_an_answer_in_time_that_is_read_late_counts(shop: World) -> None:
    """The worker was down: silence was taken for a no that was none."""
    ref = place(shop)
    lost(shop, ref)
    shop.advance(to="15:01")
    offer = offer_of(shop, ref)
    assert offer.state == "expired"
    done = shop.do(lambda s: answer_offer(s, offer.order_id, offer.id, "old", shop.now, said_at=shop.at("14:59")))
    assert (done.outcome, line_of(shop, ref)["sourcing"]) == (Outcome.TAKEN, "substituted")
    shop.ignore_rest()


@pytest.mark.parametrize(("promised", "until"), [("19:00", "15:00"), ("15:20", "14:40"), ("14:45", "14:10")])
def test_the_time_to_answer_leaves_time_to_act(shop: World, promised: str, until: str) -> None:
    """10 minutes to pack and 30 on the way; never less than 10 minutes, never more than an hour."""
    shop.item("atlas", title=ATLAS, suppliers=())
    ref = place(shop, at=promised)
    lost(shop, ref)
    assert offer_of(shop, ref).reply_by == shop.at(until)
    shop.ignore_rest()


def test_two_questions_are_told_apart_by_title(shop: World) -> None:
    shop.item("chem", title="Chemistry", substitutes=("pack",))
    lines = (NewLine(title="Physics 2", sku="physics-2"), NewLine(title="Chemistry", sku="chem"))
    ref = place(shop, sku=None, lines=lines)
    lost(shop, ref)
    lost(shop, ref, line=1)
    shop.tick()
    dev = shop.phone("Dev Rao").expects("can't get Physics 2").expects("can't get Chemistry")
    dev.replies("1").expects("Which one do you mean: Physics 2 or Chemistry?", "like Physics 2: 1")
    dev.replies("chemistry 1").expects(f"You get {PACK} instead.")
    # One is left: a number is enough. The pack has gone to the other line.
    dev.replies("2").expects(f"the last {PACK} has just gone. Still there: 1 {OLD} 2 {ATLAS}.")
    dev.replies("1").expects(f"You get {OLD} instead.")
    assert [line["sku"] for line in shop.see(ref)["lines"]] == ["old", "pack"]


def test_two_questions_about_the_same_thing_are_told_apart_on_their_page(shop: World) -> None:
    ref = place(shop, sku=None, lines=tuple(NewLine(title="Physics 2", sku="physics-2") for _ in range(2)))
    lost(shop, ref)
    lost(shop, ref, line=1)
    shop.tick()
    dev = shop.phone("Dev Rao").expects("can't get Physics 2").expects("can't get Physics 2")
    for said in ("1", "Physics 2: 1", "physics 1"):
        dev.replies(said).expects("Which one do you mean?", "open the link in our text about it").expects_nothing()


# --- better news -----------------------------------------------------------------------------------------------------


def test_found_after_all_is_told_to_whoever_was_asked(shop: World) -> None:
    ref = place(shop)
    lost(shop, ref)
    shop.tick()
    dev = shop.phone("Dev Rao").expects("can't get Physics 2")
    shop.item("physics-2", 1, title="Physics 2")
    shop.tick()
    dev.expects("good news, we found Physics 2 after all. No need to choose.").expects_nothing()
    assert (line_of(shop, ref)["sourcing"], offer_of(shop, ref).state) == ("in_stock", "withdrawn")
    dev.replies("1").expects("No need to choose any more: we have Physics 2 for you after all.")
    assert line_of(shop, ref)["sku"] == "physics-2"


def test_found_before_the_text_left_is_told_to_nobody(shop: World) -> None:
    ref = place(shop)
    lost(shop, ref)
    shop.procure(ref, "bought", supplier="city-books")
    shop.tick()
    shop.phone("Dev Rao").expects_nothing()
    assert offer_of(shop, ref).state == "withdrawn"


def test_a_text_that_waits_is_taken_back(shop: World) -> None:
    ref = place(shop)
    lost(shop, ref)
    rounds.relay(shop.runtime)
    shop.procure(ref, "reserved", supplier="city-books")
    rounds.watch(shop.runtime)
    rounds.relay(shop.runtime)
    shop.tick()
    shop.phone("Dev Rao").expects_nothing()


def test_a_cancelled_order_releases_what_was_taken_instead_and_withdraws_the_question(shop: World) -> None:
    taken, asked_ = place(shop, "listed"), place(shop, name="Asha")
    lost(shop, taken)
    lost(shop, asked_)
    shop.tick()
    shop.phone("Dev Rao").expects(OLD)
    asha = shop.phone("Asha").expects("can't get Physics 2")
    for ref in (taken, asked_):
        shop.move(ref, "cancel", reason="changed their mind")
    shop.tick()
    asha.expects("no need to choose").expects_nothing()
    assert shelf(shop, "old") == (1, 0, 1)
    assert offer_of(shop, asked_).state == "withdrawn"


def test_a_line_that_is_taken_off_takes_its_question_with_it(shop: World) -> None:
    lines = (NewLine(title="Physics 2", sku="physics-2"), NewLine(title=PACK, sku="pack"))
    ref = place(shop, sku=None, lines=lines)
    lost(shop, ref)
    shop.tick()
    dev = shop.phone("Dev Rao").expects("can't get Physics 2")
    kept = int(line_of(shop, ref, 1)["id"])
    shop.change(ref, lines=[(kept, None)])
    shop.tick()
    dev.expects("no need to choose instead of Physics 2 any more").replies("1").expects("No need to choose any more")


def test_what_is_taken_instead_goes_out_and_comes_back_like_any_copy(shop: World) -> None:
    ref = place(shop, "listed")
    lost(shop, ref)
    shop.person("Ravi")
    shop.move(ref, "pack")
    shop.move(ref, "hand_over", staff_id=shop.people["Ravi"])
    assert shelf(shop, "old") == (0, 0, 0)
    shop.move(ref, "fail", reason="nobody at home")
    assert shelf(shop, "old") == (1, 1, 0)
    shop.ignore_rest()


def test_a_copy_taken_instead_that_is_not_there_after_all_is_to_be_bought(shop: World) -> None:
    ref = place(shop, "listed")
    lost(shop, ref)
    shop.item("old", 0, title=OLD)
    shop.tick()
    assert (line_of(shop, ref)["title"], line_of(shop, ref)["sourcing"]) == (OLD, "to_procure")
    shop.item("old", 1, title=OLD)
    shop.tick()
    assert line_of(shop, ref)["sourcing"] == "substituted"
    shop.ignore_rest()


# --- who can't be texted ---------------------------------------------------------------------------------------------


def test_whoever_asked_not_to_be_texted_is_for_somebody_to_phone(shop: World) -> None:
    ref = place(shop)
    shop.do(lambda session: opt_out(session, shop.numbers["Dev Rao"], shop.now, "sent STOP"))
    lost(shop, ref)
    shop.tick()
    shop.phone("Dev Rao").expects_nothing()
    assert "Nobody has told the customer that Physics 2 can't be had" in history(shop, ref)
    assert line_of(shop, ref)["substitution_offer"]["state"] == "open"


def test_a_question_that_did_not_arrive_is_for_somebody_to_phone(shop: World) -> None:
    ref = place(shop)
    shop.fault("undelivered", name="Dev Rao")
    lost(shop, ref)
    shop.tick()
    assert "did not arrive. Somebody must phone Dev." in event(shop, ref, "phone_customer").text
    assert line_of(shop, ref)["substitution_offer"]["state"] == "open"
    shop.ignore_rest()


def test_a_phone_that_cannot_answer_gets_the_link_alone(shop: World) -> None:
    ref = place(shop, customer_phone="+919812345678")
    lost(shop, ref)
    shop.tick()
    dev = shop.phone("Dev Rao").expects("Please choose by 15:00: https://shop.example/t?k=")
    assert dev.last
    assert "Reply" not in dev.last.body


# --- the desk --------------------------------------------------------------------------------------------------------


def by_phone(shop: World, ref: str, sku: str | None, **more: Any) -> None:
    line_id = int(line_of(shop, ref)["id"])
    shop.do(lambda session: settle_line(session, ref, line_id, sku, shop.now, actor="desk", **more))


def test_the_desk_answers_for_the_customer_in_and_after_the_time(shop: World) -> None:
    anita = shop.person("Anita", role="manager", shifts=None)
    for minutes, agreed in ((5, "atlas"), (70, "pack")):
        ref = place(shop)
        lost(shop, ref)
        shop.advance(minutes=minutes)
        by_phone(shop, ref, agreed, by=anita, note="she is happy")
        by_phone(shop, ref, agreed)
        assert line_of(shop, ref)["sku"] == agreed
        assert event(shop, ref, "line_substituted").data["agreed"] == "phone"
        assert "Anita phoned them. “she is happy”" in history(shop, ref)
    shop.ignore_rest()


def test_the_desk_is_told_what_can_not_be(shop: World) -> None:
    ref = place(shop)
    with pytest.raises(Conflict, match="report it as not to be had first"):
        by_phone(shop, ref, "old")
    lost(shop, ref)
    with pytest.raises(Invalid, match="choose one of atlas, old, pack"):
        by_phone(shop, ref, "bible")
    shop.item("old", 0, title=OLD)
    with pytest.raises(Conflict, match="can't be had in time any more"):
        by_phone(shop, ref, "old")
    by_phone(shop, ref, None)
    assert line_of(shop, ref)["substitution_offer"]["state"] == "declined"
    shop.ignore_rest()


def test_the_desk_may_have_them_asked_again(shop: World) -> None:
    ref = place(shop)
    lost(shop, ref)
    line_id = int(line_of(shop, ref)["id"])

    def again() -> None:
        shop.do(lambda session: ask_customer(session, ref, line_id, shop.now, actor="desk"))

    with pytest.raises(Conflict, match="is being asked"):
        again()
    shop.advance(minutes=61)
    dev = shop.phone("Dev Rao").expects("can't get Physics 2")
    again()
    shop.tick()
    dev.expects("can't get Physics 2", "by 16:01").replies("1").expects(OLD)
    with pytest.raises(Conflict, match="not given up"):
        again()


def test_what_was_taken_instead_is_in_hand(shop: World) -> None:
    ref = place(shop, "listed")
    lost(shop, ref)
    with pytest.raises(MoveNotAllowed, match="nothing to buy"):
        lost(shop, ref)
    shop.ignore_rest()


def test_another_wish_leaves_the_copy_where_it_is(shop: World) -> None:
    ref = shop.order("19:00", sku="old", title=OLD)
    line = shop.do(lambda session: find_order(session, ref).lines[0])
    new = NewLine(title=OLD, sku="old", substitution=Substitution.NEVER)
    shop.change(ref, lines=[(line.id, new)])
    after = line_of(shop, ref)
    assert (after["id"], after["substitution"], after["sourcing"]) == (str(line.id), "never", "in_stock")
    assert f"instead of {OLD}: nothing else" in history(shop, ref)
    shop.ignore_rest()


# --- whoever has taken it ---------------------------------------------------------------------------------------------


def test_whoever_went_to_buy_hears_once_what_to_buy_instead(shop: World) -> None:
    shop.person("Meena", role="buyer", shifts=None, on_call=True)
    ref = place(shop)
    lost(shop, ref)
    shop.tick()
    dev = shop.phone("Dev Rao").expects("can't get Physics 2")
    meena = shop.phone("Meena").expects(ref, "Physics 2").replies("#A").expects(ref, "yours")
    dev.replies("3").expects(ATLAS)
    meena.expects(f"{ref} has changed: {ATLAS} instead of Physics 2", "Please get that one", f"{meena.code}P")
    shop.tick()
    meena.expects_nothing()
    meena.replies("#P").expects(ref)
    assert line_of(shop, ref)["sourcing"] == "bought"
    shop.ignore_rest()


def test_nothing_left_to_buy_stands_the_buyer_down(shop: World) -> None:
    shop.person("Meena", role="buyer", shifts=None, on_call=True)
    shop.person("Ravi")
    ref = place(shop)
    lost(shop, ref)
    shop.tick()
    dev = shop.phone("Dev Rao").expects("can't get Physics 2")
    meena = shop.phone("Meena").expects(ref, "Physics 2").replies("#A").expects(ref, "yours")
    dev.replies("1").expects(OLD)
    meena.expects(f"{ref} has changed: {OLD} instead of Physics 2", "in the shop already. Nothing more to buy")
    shop.advance(minutes=5)
    meena.expects_nothing()
    shop.ignore_rest()


# --- races and crashes -----------------------------------------------------------------------------------------------


def answering(shop: World, ref: str, sku: str | None) -> Outcome:
    offer = offer_of(shop, ref)
    return once_more(shop.db, lambda s: answer_offer(s, offer.order_id, offer.id, sku, shop.now)).outcome


def test_the_same_answer_from_two_places_at_once_is_one(shop: World) -> None:
    ref = place(shop)
    lost(shop, ref)
    outcomes = at_once([lambda: answering(shop, ref, "old")] * 4)
    assert sorted(outcomes) == sorted([Outcome.TAKEN] + [Outcome.ALREADY] * 3)
    assert shop.events(ref).count("line_substituted") == 1
    assert shelf(shop, "old") == (1, 1, 0)
    shop.ignore_rest()


def test_two_orders_want_the_last_one_at_once(shop: World) -> None:
    shop.item("physics-2", title="Physics 2", substitutes=("old",))
    refs = [place(shop, name=name) for name in ("Dev Rao", "Asha")]
    for ref in refs:
        lost(shop, ref)
    outcomes = at_once([lambda ref=ref: answering(shop, ref, "old") for ref in refs])
    assert sorted(outcomes) == [Outcome.GONE, Outcome.TAKEN]
    assert shelf(shop, "old") == (1, 1, 0)
    loser = refs[outcomes.index(Outcome.GONE)]
    assert "has gone meanwhile. Somebody must phone" in history(shop, loser)
    shop.ignore_rest()


def test_two_listed_wishes_share_the_shelf(shop: World) -> None:
    refs = [place(shop, "listed", name=name) for name in ("Dev Rao", "Asha", "Mina")]
    at_once([lambda ref=ref: once_more(shop.db, lambda s: report(shop, s, ref)) for ref in refs])
    taken = sorted(line_of(shop, ref)["sku"] for ref in refs)
    assert taken == ["atlas", "old", "pack"]
    shop.ignore_rest()


def report(shop: World, session: Session, ref: str) -> None:
    news = ProcurementNews(state=Sourcing.UNAVAILABLE, note="sold out")
    promise.procure(session, ref, find_order(session, ref).lines[0].id, news, shop.now, actor="desk")


def test_the_shelf_is_emptied_while_the_answer_comes(shop: World) -> None:
    ref = place(shop)
    lost(shop, ref)

    def empty_the_shelf(session: Session) -> object:
        return factories.make_item(session, shop.now, "old", title=OLD)

    outcomes: list[Any] = at_once([lambda: answering(shop, ref, "old"), lambda: once_more(shop.db, empty_the_shelf)])
    shop.tick()
    line = line_of(shop, ref)
    if outcomes[0] is Outcome.TAKEN:
        # Kept a moment before somebody saw that it is not there: it is to be bought like anything that is lost.
        assert (line["title"], line["sourcing"]) == (OLD, "to_procure")
    else:
        assert (outcomes[0], line["substitution_offer"]["state"]) == (Outcome.GONE, "open")
        assert [choice["sku"] for choice in line["substitution_offer"]["choices"]] == ["pack", "atlas"]
    shop.ignore_rest()


def test_expiry_and_answer_at_the_same_instant(shop: World) -> None:
    """Whoever comes first: an answer in time is taken."""
    ref = place(shop)
    lost(shop, ref)
    offer = offer_of(shop, ref)
    shop.clock.advance(seconds=(offer.reply_by - shop.now).total_seconds())
    said_at = shop.now
    shop.clock.advance(seconds=1)
    order_id, links = offer.order_id, shop.runtime.links
    at_once(
        [
            lambda: once_more(shop.db, lambda s: tend(s, order_id, shop.now, links=links)),
            lambda: once_more(shop.db, lambda s: answer_offer(s, order_id, offer.id, "old", shop.now, said_at=said_at)),
        ]
    )
    assert (line_of(shop, ref)["sku"], offer_of(shop, ref).state) == ("old", "chosen")
    shop.ignore_rest()


def test_two_workers_ask_once(shop: World) -> None:
    ref = place(shop)
    lost(shop, ref)
    shop.tick_with_two_workers()
    shop.phone("Dev Rao").expects("can't get Physics 2").expects_nothing()


def test_a_crash_leaves_nothing_behind(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """News, the copy and the event are one transaction."""
    ref = place(shop, "listed")
    with pytest.raises(RuntimeError, match="the plug"):
        shop.do(lambda session: (report(shop, session, ref), pull_the_plug()))
    assert line_of(shop, ref)["sourcing"] == "to_procure"
    assert shelf(shop, "old") == (1, 0, 1)
    assert shop.look(select(Offer)) == []
    with shop.db.snapshot() as session:
        assert asked(session, [shop.order_row(ref).id]) == []


def pull_the_plug() -> None:
    raise RuntimeError("the plug")
