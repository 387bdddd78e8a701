"""What answers do, by text, by link and by phone, on both databases: races, every letter in every state, riddles."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from dispatch.escalation.case import Outcome
from dispatch.escalation.rules import Answer, Verb
from dispatch.escalation.spoken import answer_for_staff
from dispatch.escalation.tables import Page
from dispatch.foundation.errors import Conflict, Invalid, NotFound
from dispatch.messaging.tables import InboundText, OutgoingText
from dispatch.orders.service import NewLine
from dispatch.orders.tables import Order
from tests import factories
from tests.world import World, at_once, city, world

__all__ = ["city", "world"]


@pytest.fixture
def shop(world: World) -> World:
    """Two of all trades on a shift, and the founder."""
    world.person("Ravi", role="staff")
    world.person("Sita", role="staff")
    world.person("Anand", role="founder", shifts=None)
    world.is_about_staff = True
    return world


def at_risk(world: World, need: str = "deliver", **changes: object) -> str:
    """An order that was at risk from the first, everybody on a shift asked."""
    world.is_about_staff = True
    if need == "deliver":
        ref = world.order(minutes=33, **changes)
        world.procure(ref, "bought")
        world.move(ref, "pack")
    else:
        # Two lines are missing. There is time for buying, or there is none for two people one after the other.
        ref = world.order(minutes=110, lines=(NewLine(title="Physics 2"), NewLine(title="Algebra")), **changes)
    world.tick()
    world.phone(str(changes.get("customer_name", "Arjun Mehta"))).expects("has your order")
    return ref


def asked(world: World, ref: str) -> None:
    """Both have read their page."""
    for name in ("Ravi", "Sita"):
        world.phone(name).expects(ref, "Reply")


def page_id(world: World, ref: str, name: str) -> int:
    return int(world.pages(ref)[name]["id"])


# --- the first acceptance wins ---------------------------------------------------------------------------------------


def test_the_first_yes_wins_and_the_other_hears_by_name(shop: World) -> None:
    ref = at_risk(shop)
    asked(shop, ref)
    shop.phone("Ravi").replies("#A").expects(ref, "is yours", "12 Lake Road")
    shop.phone("Sita").expects("Ravi has taken", ref).replies("#A").expects("Ravi has", ref, "Nothing else is open")
    seen = shop.escalation(ref)
    assert (seen["state"], seen["accepted_by"]["name"]) == ("accepted", "Ravi")
    assert shop.pages(ref)["Sita"]["answer"] == "lost"


def test_twenty_say_yes_at_once_and_one_has_it(world: World) -> None:
    names = [f"Rider {number}" for number in range(20)]
    for name in names:
        world.person(name)
    ref = at_risk(world)
    pages = {name: page_id(world, ref, name) for name in names}
    results = at_once([lambda name=name: world.answer(pages[name], "accept") for name in names])
    winners = [name for name, result in zip(names, results, strict=True) if result.outcome is Outcome.DONE]
    assert len(winners) == 1
    assert [result.outcome for result in results].count(Outcome.TAKEN) == 19
    assert all(winners[0] in r.text for r in results if r.outcome is Outcome.TAKEN)
    world.tick()
    for name in names:
        world.phone(name).expects(ref, "Reply")
        if name != winners[0]:
            world.phone(name).expects(f"{winners[0]} has taken", ref)
        world.phone(name).expects_nothing()
    assert world.events(ref).count("accepted") == 1


def test_yes_and_the_rounds_at_once(shop: World) -> None:
    refs = [at_risk(shop, customer_name=f"Customer {number}") for number in range(4)]
    pages = {ref: page_id(shop, ref, "Ravi") for ref in refs}
    shop.advance(minutes=3)
    acts = [lambda ref=ref: shop.answer(pages[ref], "accept") for ref in refs]
    at_once([*acts, shop.tick_with_two_workers])
    shop.tick()
    assert {shop.escalation(ref)["state"] for ref in refs} == {"accepted"}
    # Whatever came first, Sita's last word about each order is that it is taken.
    for ref in refs:
        about = [text.body for text in shop.city.texts() if text.to == shop.numbers["Sita"] and ref in text.body]
        assert "has taken" in about[-1]
    shop.ignore_rest()


def test_the_same_webhook_twice_is_one_answer(shop: World) -> None:
    ref = at_risk(shop)
    asked(shop, ref)
    shop.phone("Ravi").replies("#A", copies=3).expects("yours").expects_nothing()
    assert factories.count(shop.db, select(InboundText.id)) == 1
    shop.phone("Sita").expects("Ravi has taken").expects_nothing()


def test_saying_yes_again_gets_a_kind_word(shop: World) -> None:
    ref = at_risk(shop)
    asked(shop, ref)
    shop.phone("Ravi").replies("#A").expects("yours").replies("#A").expects("yours already")
    assert shop.events(ref).count("accepted") == 1
    shop.phone("Sita").expects("Ravi has taken").expects_nothing()


# --- no, and back again ----------------------------------------------------------------------------------------------


def test_a_no_is_kept_with_its_words_and_twice_is_once(shop: World) -> None:
    ref = at_risk(shop)
    asked(shop, ref)
    shop.phone("Ravi").replies("#X bike is broken").expects("somebody else").replies("#X").expects("somebody else")
    page = shop.pages(ref)["Ravi"]
    assert (page["answer"], page["note"]) == ("declined", "bike is broken")
    assert shop.events(ref).count("declined") == 1


def test_a_change_of_mind_counts_while_it_is_open(shop: World) -> None:
    ref = at_risk(shop)
    asked(shop, ref)
    shop.phone("Ravi").replies("#X").expects("somebody else").replies("#A").expects("is yours")
    shop.phone("Sita").expects("Ravi has taken")


def test_handed_back_others_are_asked_again_and_not_the_one_who_gave_it_back(shop: World) -> None:
    ref = at_risk(shop)
    asked(shop, ref)
    shop.phone("Ravi").replies("#A").expects("yours")
    shop.phone("Sita").expects("Ravi has taken")
    shop.phone("Ravi").replies("#R flat tyre").expects("handed back", "others are being asked")
    assert shop.escalation(ref)["state"] == "open"
    assert shop.escalation(ref)["accepted_by"] is None
    shop.phone("Sita").expects(ref, "Reply 12A").replies("#A").expects("yours")
    shop.phone("Ravi").expects_nothing()
    assert shop.see(ref)["escalation"]["state"] == "accepted"


def test_an_old_code_of_the_same_call_still_takes_it_and_nobody_is_told_about_themselves(shop: World) -> None:
    ref = at_risk(shop)
    asked(shop, ref)
    shop.phone("Ravi").replies("#A").expects("yours")
    shop.phone("Sita").expects("Ravi has taken")
    shop.phone("Ravi").replies("#R").expects("handed back")
    shop.phone("Sita").expects("Reply 12A").replies("11A").expects("yours").expects_nothing()
    assert shop.escalation(ref)["accepted_by"]["name"] == "Sita"
    shop.phone("Anand").expects_nothing()


def test_no_after_yes_hands_it_back(shop: World) -> None:
    ref = at_risk(shop)
    asked(shop, ref)
    shop.phone("Ravi").replies("#A").expects("yours").replies("#X").expects("handed back")
    shop.phone("Sita").expects("Ravi has taken")
    shop.phone("Sita").expects(ref, "Reply")


def test_handed_back_on_the_way_the_goods_are_back_in_the_shop(shop: World) -> None:
    ref = at_risk(shop)
    asked(shop, ref)
    shop.phone("Ravi").replies("#P").expects("on the way to 12 Lake Road")
    shop.phone("Arjun Mehta").expects("Ravi", "on the way")
    shop.phone("Ravi").replies("#R").expects("handed back")
    assert shop.see(ref)["status"] == "ready"
    assert shop.see(ref)["carrier"] is None
    assert "attempt_failed" in shop.events(ref)
    shop.ignore_rest()


# --- I have it, it is delivered --------------------------------------------------------------------------------------


def test_picked_up_says_yes_packs_and_hands_over_in_one_go(shop: World) -> None:
    ref = shop.order(minutes=44)
    shop.procure(ref, "bought")
    shop.tick()
    shop.phone("Arjun Mehta").expects("has your order")
    asked(shop, ref)
    shop.phone("Ravi").replies("#P").expects("on the way to 12 Lake Road", "11D").replies("#P").expects("on the way")
    # The danger is over before its text, which waits for the confirmation to be read, has left.
    assert shop.events(ref)[-5:] == ["accepted", "stood_down", "packed", "handed_over", "heads_up_unsaid"]
    assert shop.see(ref)["carrier"]["name"] == "Ravi"
    shop.phone("Arjun Mehta").expects("Ravi", "on the way")
    shop.phone("Ravi").replies("#D").expects("Well done").replies("#D").expects("Well done")
    assert shop.events(ref).count("delivered") == 1
    shop.phone("Arjun Mehta").expects("has been delivered")
    shop.phone("Sita").expects("Ravi has taken")
    assert shop.escalation(ref)["state"] == "resolved"


def test_picked_up_with_goods_missing_says_what_is_missing(shop: World) -> None:
    ref = at_risk(shop)
    asked(shop, ref)
    # The need was to deliver; then it turns out that a line is not there after all.
    shop.phone("Ravi").replies("#A").expects("yours")
    with shop.db.transaction() as session:
        session.connection().exec_driver_sql("UPDATE lines SET sourcing = 'to_procure'")
        session.connection().exec_driver_sql("UPDATE orders SET status = 'procuring'")
    shop.phone("Ravi").replies("#P").expects("can't leave yet", "Physics 2")
    assert shop.see(ref)["status"] == "procuring"
    shop.phone("Sita").expects("Ravi has taken")


def test_bought_when_the_need_is_to_buy(shop: World) -> None:
    ref = at_risk(shop, "procure")
    assert shop.escalation(ref)["need"] == "procure"
    for name in ("Ravi", "Sita"):
        shop.phone(name).expects(ref, "Please buy Physics 2, Algebra", "bring it to the shop")
    shop.phone("Ravi").replies("#P").expects("noted as bought", "bring it to the shop")
    assert shop.see(ref)["status"] == "packing"
    assert shop.escalation(ref)["state"] == "resolved"
    assert shop.events(ref).count("line_bought") == 2
    shop.phone("Sita").expects("Ravi has taken")
    shop.ignore_rest()


def test_bought_said_twice_is_bought_once_and_goes_nowhere(shop: World) -> None:
    ref = at_risk(shop, "procure")
    ravi = shop.phone("Ravi").expects(ref, "Please buy")
    ravi.replies("#P").expects("noted as bought").replies("#P").expects("noted as bought", "bring it to the shop")
    assert (shop.see(ref)["status"], shop.see(ref)["carrier"]) == ("packing", None)
    shop.phone("Arjun Mehta").expects_nothing()
    # Nor when somebody else is on the way with it.
    shop.move(ref, "pack")
    shop.move(ref, "hand_over", staff_id=shop.people["Sita"])
    ravi.replies("11P").expects("noted as bought")
    assert shop.see(ref)["carrier"]["name"] == "Sita"
    shop.ignore_rest()


def test_buy_and_deliver_goes_on_after_buying(world: World) -> None:
    # Whoever is here can't be at the customer's before going home, and nobody can buy: only the founder could do both.
    world.person("Ravi", shifts="Mo-Su 10:00-14:30")
    world.person("Anand", role="founder", shifts=None)
    world.is_about_staff = True
    ref = world.order(minutes=140, lines=(NewLine(title="Physics 2"),))
    world.tick()
    world.phone("Arjun Mehta").expects("has your order")
    assert world.escalation(ref)["need"] == "procure_and_deliver"
    assert world.asked(ref) == ["Anand"]
    anand = world.phone("Anand").expects(ref, "Please buy Physics 2", "take it to Arjun", "12 Lake Road")
    anand.replies("#A").expects("yours", "12 Lake Road", "bought it")
    anand.replies("#P").expects("noted as bought", "11P when you leave")
    assert world.see(ref)["status"] == "packing"
    assert world.escalation(ref)["state"] == "accepted"
    anand.replies("#P").expects("on the way to 12 Lake Road")
    world.phone("Arjun Mehta").expects("Anand", "on the way")
    anand.replies("#D").expects("Well done")
    world.phone("Arjun Mehta").expects("has been delivered")


@pytest.mark.parametrize("need", ["deliver", "procure"])
def test_delivered_is_a_fact_whatever_is_missing(shop: World, need: str) -> None:
    ref = at_risk(shop, need)
    for name in ("Ravi", "Sita"):
        shop.phone(name).expects(ref)
    shop.phone("Ravi").replies("#D").expects("is delivered")
    assert shop.see(ref)["status"] == "delivered"
    assert shop.see(ref)["carrier"]["name"] == "Ravi"
    assert shop.escalation(ref)["state"] == "resolved"
    shop.phone("Sita").expects("Ravi has taken").expects_nothing()
    shop.phone("Arjun Mehta").expects("has been delivered")


@pytest.mark.parametrize("letters", ["D", "PD", "DD"])
def test_what_a_buyer_brought_to_the_shop_is_not_with_the_customer(world: World, letters: str) -> None:
    world.person("Bina", role="buyer")
    world.person("Ravi", role="rider")
    ref = at_risk(world, "procure")
    bina = world.phone("Bina").expects(ref, "bring it to the shop").replies("#A").expects("yours")
    for letter in letters:
        bina.replies(f"#{letter}")
        bina.expects("noted as bought" if letter == "P" else "it is in the shop")
    seen = world.see(ref)
    assert (seen["status"], {line["sourcing"] for line in seen["lines"]}) == ("packing", {"bought"})
    assert world.escalation(ref)["state"] == "resolved"
    assert world.events(ref).count("line_bought") == 2
    world.ignore_rest()
    world.tick()
    assert not [text for text in world.city.texts() if "delivered" in text.body]


@pytest.mark.parametrize("letter", "PDRAX")
def test_after_the_end_every_answer_gets_a_kind_word_and_changes_nothing(shop: World, letter: str) -> None:
    ref = at_risk(shop)
    asked(shop, ref)
    shop.move(ref, "cancel", reason="not needed")
    shop.phone("Ravi").expects("cancelled")
    before = (shop.see(ref), shop.events(ref))
    shop.phone("Ravi").replies(f"#{letter}").expects(ref, "cancelled", "Nothing more to do")
    assert (shop.see(ref), shop.events(ref)) == before
    shop.phone("Sita").expects("cancelled")


@pytest.mark.parametrize("letter", "PDR")
def test_news_from_one_who_lost_names_who_has_it(shop: World, letter: str) -> None:
    ref = at_risk(shop)
    asked(shop, ref)
    shop.phone("Ravi").replies("#A").expects("yours")
    shop.phone("Sita").expects("Ravi has taken").replies(f"#{letter}").expects("Ravi has", ref)
    assert shop.see(ref)["status"] == "ready"


def test_hand_back_of_what_was_never_taken(shop: World) -> None:
    ref = at_risk(shop)
    asked(shop, ref)
    shop.phone("Ravi").replies("#R").expects("You have not taken", "11A")
    assert shop.escalation(ref)["state"] == "open"


def test_the_four_digits(shop: World) -> None:
    ref = at_risk(shop, proof="pin")
    pin = shop.order_row(ref).pin
    assert pin
    asked(shop, ref)
    shop.phone("Ravi").replies("#P").expects("11D and the customer's 4 digits")
    shop.phone("Arjun Mehta").expects(pin)
    wrong = f"{(int(pin) + 1) % 10000:04d}"
    shop.phone("Ravi").replies("#D").expects("4 digits").replies(f"#D {wrong}").expects("4 digits")
    assert shop.see(ref)["status"] == "out_for_delivery"
    shop.phone("Ravi").replies(f"#D {pin}").expects("is delivered")
    shop.phone("Sita").expects("Ravi has taken")
    shop.phone("Arjun Mehta").expects("has been delivered")


# --- which one is meant ----------------------------------------------------------------------------------------------


def test_a_bare_ok_counts_when_only_one_can_be_meant(shop: World) -> None:
    ref = at_risk(shop)
    asked(shop, ref)
    shop.phone("Ravi").replies("ok").expects(ref, "yours")
    shop.phone("Sita").expects("Ravi has taken")


def test_a_bare_ok_is_asked_back_when_two_could_be_meant(shop: World) -> None:
    first = at_risk(shop)
    asked(shop, first)
    shop.advance(minutes=0.1)
    second = at_risk(shop, customer_name="Zoe")
    asked(shop, second)
    shop.phone("Ravi").replies("ok").expects("Which one?", "11", first, "12", second)
    assert {shop.escalation(ref)["state"] for ref in (first, second)} == {"open"}
    shop.phone("Ravi").replies("12 a").expects(second, "yours")
    shop.phone("Sita").expects("Ravi has taken", second)
    # With one left, the letter is clear again, and so is "P": only one was taken.
    shop.phone("Ravi").replies("P").expects(second, "on the way")
    shop.phone("Sita").replies("A").expects(first, "yours")
    shop.ignore_rest()


def two_apart(shop: World) -> tuple[str, str]:
    """Two orders in danger, and both have read of each by itself."""
    first = at_risk(shop)
    asked(shop, first)
    shop.advance(minutes=0.1)
    second = at_risk(shop, customer_name="Zoe")
    shop.advance(minutes=0.1)
    asked(shop, second)
    shop.ignore_rest()
    return first, second


@pytest.mark.parametrize("thanks", ["ok", "Yes", "👍", "okay thanks"])
def test_an_ok_to_a_stand_down_takes_no_other_order(shop: World, thanks: str) -> None:
    first, second = two_apart(shop)
    shop.phone("Sita").replies("11A").expects("yours")
    ravi = shop.phone("Ravi").expects("Sita has taken", first).replies(thanks).expects("Which one?", "12", second)
    assert shop.escalation(second)["state"] == "open"
    # The letter that the page asks for is no thanks.
    ravi.replies("A").expects(second, "is yours")


def test_an_ok_to_a_thank_you_takes_no_other_order(shop: World) -> None:
    first, second = two_apart(shop)
    shop.phone("Ravi").replies("11A").expects(first, "is yours").replies("ok").expects("Which one?", "12", second)
    assert shop.escalation(second)["state"] == "open"


def test_an_ok_counts_again_when_the_page_has_come_once_more(shop: World) -> None:
    shop.pause("Sita", minutes=600)
    shop.pause("Ravi", minutes=600)
    ref = at_risk(shop)
    anand = shop.phone("Anand").expects(ref, "Reply").replies("where is the key?").expects("did not understand")
    anand.replies("ok").expects("Which one?", "11")
    shop.advance(minutes=15)
    anand.expects("Still nobody", ref).replies("ok").expects(ref, "is yours")
    shop.ignore_rest()


def test_an_ok_to_several_in_one_text_counts_for_the_one_that_is_left(shop: World) -> None:
    shop.pause("Sita", minutes=600)
    at_risk(shop)
    refs = [at_risk(shop, customer_name=name) for name in ("Zoe", "Yash")]
    shop.advance(minutes=0.1)
    ravi = shop.phone("Ravi").expects(*refs)
    # By link, so that no text of ours comes in between.
    for ref in (refs[0], shop.look(select(Order.ref).order_by(Order.id))[0]):
        shop.answer(page_id(shop, ref, "Ravi"), "decline")
    ravi.replies("ok").expects(refs[1], "is yours")
    shop.ignore_rest()


@pytest.mark.parametrize("said", ["A", "X", "P", "D", "R"])
def test_an_answer_to_nothing(shop: World, said: str) -> None:
    shop.phone("Ravi").replies(said).expects("nothing open")


def test_a_code_that_was_never_sent(shop: World) -> None:
    shop.phone("Ravi").replies("99A").expects("no 99")


def test_somebody_else_s_code_takes_nothing(world: World) -> None:
    world.person("Ravi")
    world.person("Bela", role="buyer")
    ref = at_risk(world)
    world.phone("Ravi").expects(ref)
    world.phone("Bela").replies("11A").expects("no 11")
    assert world.escalation(ref)["state"] == "open"


def test_what_is_not_understood_says_what_is_open(shop: World) -> None:
    ref = at_risk(shop)
    asked(shop, ref)
    shop.phone("Ravi").replies("where is the key?").expects(
        "did not understand", f"11 {ref}", "Reply 11A to take it, 11X if you can't."
    )


# --- others ----------------------------------------------------------------------------------------------------------


def test_a_customer_s_text_stands_on_the_order(world: World) -> None:
    ref = world.order("20:00")
    world.phone("Arjun Mehta").expects("has your order").replies("please ring twice").expects_nothing()
    assert "customer_wrote" in world.events(ref)


def test_a_stranger_gets_one_polite_line_a_day(world: World) -> None:
    world.numbers["Stranger"] = "+447700900997"
    stranger = world.phone("Stranger")
    stranger.replies("hello?").expects("service line", "phone the shop")
    stranger.replies("anybody?").expects_nothing()
    world.clock.advance(hours=24, minutes=1)
    stranger.replies("still here").expects("service line")


def test_answers_by_phone_are_written_down_for_them(shop: World) -> None:
    ref = at_risk(shop)
    asked(shop, ref)
    escalation_id = int(shop.escalation(ref)["id"])

    def say(name: str, verb: str) -> Outcome:
        return shop.do(
            lambda s: answer_for_staff(s, escalation_id, shop.people[name], verb, shop.now, actor="desk").outcome
        )

    assert say("Ravi", "accept") is Outcome.DONE
    assert say("Ravi", "accept") is Outcome.ALREADY
    with pytest.raises(Conflict, match="Ravi has"):
        say("Sita", "accept")
    with pytest.raises(Invalid, match="not been asked"):
        say("Anand", "decline")
    with pytest.raises(Invalid, match="answer"):
        say("Ravi", "dance")
    with pytest.raises(NotFound):
        shop.do(lambda s: answer_for_staff(s, 10**6, 1, "accept", shop.now, actor="desk"))
    shop.phone("Sita").expects("Ravi has taken")
    assert shop.pages(ref)["Ravi"]["answer"] == "accepted"


def test_no_such_page(shop: World) -> None:
    with pytest.raises(NotFound):
        shop.answer(10**6, Verb.ACCEPT)


def test_a_taker_who_goes_quiet_is_reminded_once(shop: World) -> None:
    ref = at_risk(shop)
    asked(shop, ref)
    shop.phone("Ravi").replies("#A").expects("yours")
    check_in = shop.escalation(ref)["check_in_at"]
    shop.phone("Sita").expects("Ravi has taken")
    # Promised in 33 minutes: half of that, and 5 minutes of grace. What follows on silence is in test_lease.
    shop.advance(minutes=26)
    shop.phone("Ravi").expects("How is", ref).expects_nothing()
    (at,) = shop.look(select(OutgoingText.created_at).where(OutgoingText.key.like("reminder:%")))
    assert at.isoformat() == check_in


def test_cancelled_under_the_taker_s_feet_they_hear_it(shop: World) -> None:
    ref = at_risk(shop)
    asked(shop, ref)
    shop.phone("Ravi").replies("#A").expects("yours")
    shop.phone("Sita").expects("Ravi has taken")
    shop.move(ref, "cancel", reason="not needed")
    shop.phone("Ravi").expects("was cancelled").expects_nothing()


def test_answers_are_texts_that_expire(shop: World) -> None:
    """An answer that could not leave for an hour would be about a world that has moved on."""
    ref = at_risk(shop)
    asked(shop, ref)
    shop.fault("unavailable", name="Ravi")
    shop.phone("Ravi").replies("#A")
    shop.clock.advance(hours=2)
    shop.city.sim.state.faults.clear()
    shop.tick()
    assert not [t for t in shop.city.texts() if t.to == shop.numbers["Ravi"] and "is yours" in t.body]
    assert shop.look(select(Page.answer).where(Page.answer == Answer.ACCEPTED))
    assert shop.now > shop.at("15:00") + timedelta(minutes=59)
    shop.ignore_rest()
