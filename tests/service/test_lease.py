"""An acceptance is a lease, and the last rung does not end in silence; on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from dispatch.escalation.case import Outcome
from dispatch.escalation.spoken import answer_for_staff
from dispatch.foundation.errors import Invalid
from dispatch.messaging.tables import OutgoingText
from dispatch.orders.service import NewLine
from dispatch.staff.service import change_staff
from tests.world import World, at_once, city, world

__all__ = ["city", "world"]


@pytest.fixture
def shop(world: World) -> World:
    """Two riders on a shift, a manager on call and the founder; an order that was at risk from the first."""
    world.shop(step_min_seconds=120, step_max_seconds=600, check_in_grace_seconds=300)
    world.person("Ravi", role="staff")
    world.person("Sita", role="staff")
    world.person("Maya", role="manager", shifts=None, on_call=True)
    world.person("Anand", role="founder", shifts=None)
    world.ignore_rest()
    return world


def at_risk(world: World, minutes: float = 33) -> str:
    ref = world.order(minutes=minutes)
    world.procure(ref, "bought")
    world.move(ref, "pack")
    world.tick()
    return ref


def taken_by_ravi(world: World) -> str:
    """Promised at 14:33, taken at 14:00, expected again at 14:21:30, reminded then, and quiet until 14:26:30."""
    ref = at_risk(world)
    world.phone("Ravi").expects(ref, "Reply").replies("#A").expects("is yours")
    world.phone("Sita").expects(ref, "Reply").expects("Ravi has taken")
    return ref


def to(shop: World, name: str) -> list[str]:
    """Every text that somebody has got."""
    return [text.body for text in shop.city.texts() if text.to == shop.numbers[name]]


# --- the lease -------------------------------------------------------------------------------------------------------


def test_others_are_asked_beside_a_taker_who_goes_quiet(shop: World) -> None:
    ref = taken_by_ravi(shop)
    shop.advance(to="14:21")
    shop.phone("Ravi").expects_nothing()
    shop.advance(minutes=1)
    shop.phone("Ravi").expects("How is", ref)
    shop.phone("Sita").expects_nothing()
    shop.advance(minutes=5)
    shop.phone("Ravi").expects_nothing()
    shop.phone("Sita").expects(ref, "Reply")
    assert shop.escalation(ref)["state"] == "accepted"
    assert "taker_quiet" in shop.events(ref)


def test_whoever_takes_over_has_it_and_the_first_keeps_the_right_to_finish(shop: World) -> None:
    ref = taken_by_ravi(shop)
    shop.advance(to="14:28")
    shop.phone("Sita").expects(ref, "Reply").replies("#A").expects("is yours")
    shop.phone("Ravi").expects("How is").expects("Sita has taken over", ref)
    assert shop.escalation(ref)["accepted_by"]["name"] == "Sita"
    assert {name: page["answer"] for name, page in shop.pages(ref).items() if name in ("Ravi", "Sita")} == {
        "Ravi": "accepted",
        "Sita": "accepted",
    }
    # He had it all along.
    shop.phone("Ravi").replies("#P").expects("on the way")
    assert shop.see(ref)["carrier"]["name"] == "Ravi"
    shop.phone("Sita").expects("Ravi has taken", ref, "Nothing more to do")
    shop.phone("Ravi").replies("#D").expects("delivered")
    assert shop.see(ref)["status"] == "delivered"
    shop.phone("Sita").expects_nothing()


def test_a_sign_of_life_stands_the_others_down(shop: World) -> None:
    ref = taken_by_ravi(shop)
    shop.advance(to="14:28")
    shop.phone("Sita").expects(ref, "Reply")
    shop.phone("Ravi").expects("How is").replies("puncture, five minutes").expects(f"Noted for {ref}")
    shop.phone("Sita").expects("Ravi has taken", ref)
    found = shop.escalation(ref)
    assert (found["accepted_by"]["name"], found["next_step_at"]) == ("Ravi", None)
    assert found["check_in_at"] > shop.now.isoformat()
    assert "staff_wrote" in shop.events(ref)
    # And the reminder comes again in its time.
    shop.advance(minutes=11)
    shop.phone("Ravi").expects_nothing()


def test_a_taker_who_writes_that_they_can_t_keeps_nobody_from_helping(shop: World) -> None:
    ref = taken_by_ravi(shop)
    shop.advance(to="14:28")
    shop.phone("Sita").expects(ref, "Reply")
    before = shop.escalation(ref)
    ravi = shop.phone("Ravi").expects("How is").replies("Sorry can't make it, bike broke down")
    ravi.expects(f"Noted for {ref}", "To hand it back: 11R")
    assert "staff_wrote" in shop.events(ref)
    assert "taker_heard" not in shop.events(ref)
    assert shop.escalation(ref)["check_in_at"] == before["check_in_at"]
    shop.phone("Sita").expects_nothing().replies("#A").expects("is yours")


def test_an_answer_that_its_words_take_back_is_heard_and_changes_nothing(shop: World) -> None:
    ref = taken_by_ravi(shop)
    ravi = shop.phone("Ravi").replies("11P").expects("on the way")
    ravi.replies("11D nobody home").expects(f"Noted for {ref}, and nothing else", "11D delivered")
    assert shop.see(ref)["status"] == "out_for_delivery"
    ravi.replies("11D nobody home, left with the guard").expects("is delivered")


def test_a_relieved_taker_who_says_yes_again_hears_who_has_it(shop: World) -> None:
    ref = taken_by_ravi(shop)
    shop.advance(to="14:28")
    shop.phone("Sita").expects(ref, "Reply").replies("#A").expects("is yours")
    shop.phone("Ravi").expects("How is").expects("Sita has taken over").replies("ok 11").expects("Sita has", ref)
    assert shop.escalation(ref)["accepted_by"]["name"] == "Sita"
    # Sita can't after all: then it is a yes like any other.
    shop.phone("Sita").replies("#R").expects("handed back")
    shop.phone("Ravi").replies("11A").expects("Thank you", ref, "is yours")
    assert shop.escalation(ref)["accepted_by"]["name"] == "Ravi"


def test_whoever_was_relieved_can_hand_back_without_a_new_alarm(shop: World) -> None:
    ref = taken_by_ravi(shop)
    shop.advance(to="14:28")
    shop.phone("Sita").expects(ref, "Reply").replies("#A").expects("is yours")
    shop.phone("Ravi").expects("How is").expects("taken over").replies("#R").expects("All right")
    assert shop.escalation(ref)["state"] == "accepted"
    assert shop.escalation(ref)["accepted_by"]["name"] == "Sita"


def test_handing_back_late_goes_on_with_whoever_was_asked_beside(shop: World) -> None:
    ref = taken_by_ravi(shop)
    shop.advance(to="14:28")
    shop.phone("Sita").expects(ref, "Reply")
    shop.phone("Ravi").expects("How is").replies("#R").expects("handed back")
    assert shop.escalation(ref)["state"] == "open"
    # Sita has her page already: not another one.
    shop.phone("Sita").expects_nothing()
    shop.phone("Sita").replies("#A").expects("is yours")


def test_a_quiet_buyer_is_asked_once_they_should_be_back(shop: World) -> None:
    shop.supplier("city", hours="Mo-Su 09:00-16:00", travel_minutes=10, procure_minutes=20)
    shop.item("physics-2", 0, suppliers=("city",))
    ref = shop.order("22:00", sku="physics-2")
    shop.advance(to="15:31")
    shop.phone("Ravi").expects(ref).replies("#A").expects("yours")
    # Ten minutes of way, twenty of buying, ten back, the grace: half of the time to the promise is long after.
    shop.advance(to="16:21")
    assert "reminded" in shop.events(ref)


def test_whoever_leaves_the_shop_has_it_no_longer_alone(shop: World) -> None:
    ref = taken_by_ravi(shop)
    shop.do(lambda session: change_staff(session, shop.people["Ravi"], {"is_active": False}, shop.now, region="IN"))
    shop.tick()
    shop.phone("Sita").expects(ref, "Reply").replies("#A").expects("is yours")
    assert shop.see(ref)["status"] == "ready"


def test_a_founder_who_is_paused_is_left_in_peace(shop: World) -> None:
    ref = at_risk(shop)
    shop.advance(minutes=10)
    shop.phone("Anand").expects(ref)
    shop.pause("Anand", minutes=10)
    heard = to(shop, "Anand")
    shop.advance(minutes=9)
    assert to(shop, "Anand") == heard
    shop.advance(minutes=2)
    assert "Still nobody" in to(shop, "Anand")[-1]


def test_what_nobody_answered_is_no_question_any_more_once_it_is_over(shop: World) -> None:
    old = at_risk(shop)
    shop.advance(minutes=36)
    assert shop.escalation(old)["state"] == "unanswered"
    shop.move(old, "deliver")
    new = at_risk(shop)
    shop.phone("Ravi").expects(new, "Reply").replies("ok")
    assert shop.escalation(new)["state"] == "accepted"


def test_whoever_was_relieved_hears_of_the_end_as_well(shop: World) -> None:
    ref = taken_by_ravi(shop)
    shop.advance(to="14:27")
    shop.phone("Sita").expects(ref, "Reply").replies("#A").expects("is yours")
    shop.phone("Ravi").expects("How is").expects("Sita has taken over", ref)
    shop.move(ref, "cancel", reason="not needed")
    shop.tick()
    for name in ("Ravi", "Sita"):
        shop.phone(name).expects(ref, "was cancelled")


@pytest.mark.parametrize("by", ["Sita", "Ravi"])
def test_a_buyer_hears_when_somebody_else_has_bought_it(shop: World, by: str) -> None:
    ref = shop.order(minutes=110, lines=(NewLine(title="Physics 2"), NewLine(title="Algebra")))
    shop.tick()
    shop.phone("Ravi").expects(ref).replies("#A").expects("yours")
    for line in (0, 1):
        shop.procure(ref, "bought", line=line, by=shop.people[by])
    shop.tick()
    heard = [body for body in to(shop, "Ravi") if "nothing left to buy" in body]
    assert len(heard) == (by == "Sita")


def test_two_take_over_at_once_and_one_has_it(shop: World) -> None:
    ref = taken_by_ravi(shop)
    shop.person("Tara")
    shop.advance(to="14:28")
    pages = shop.pages(ref)
    names = [name for name in ("Sita", "Tara") if name in pages and pages[name]["answer"] is None]
    assert names == ["Sita", "Tara"]
    results = at_once([lambda n=n: shop.answer(int(pages[n]["id"]), "accept").outcome for n in names])
    assert sorted(results) == [Outcome.DONE, Outcome.TAKEN]


def test_stop_from_whoever_has_it_gives_it_to_others(shop: World) -> None:
    ref = taken_by_ravi(shop)
    shop.phone("Ravi").replies("STOP")
    found = shop.escalation(ref)
    assert (found["state"], found["accepted_by"]) == ("open", None)
    shop.phone("Sita").expects(ref, "Reply")


# --- the last rung ---------------------------------------------------------------------------------------------------


def test_the_founder_is_asked_again_ever_more_slowly_until_the_promise_passes(shop: World) -> None:
    ref = at_risk(shop, minutes=44)
    for _ in range(44 * 2):
        shop.advance(minutes=0.5)
    pages = shop.pages(ref)
    assert [pages[name]["rung"] for name in ("Ravi", "Maya", "Anand")] == [1, 3, 4]
    to_anand = select(OutgoingText.created_at).where(OutgoingText.staff_id == shop.people["Anand"])
    sent = shop.look(to_anand.order_by(OutgoingText.id))
    assert len(sent) >= 3
    assert (sent[1] - sent[0]).total_seconds() >= 120
    assert sent[-1] <= shop.at("14:44")
    # The others were asked once.
    assert len(shop.look(select(OutgoingText).where(OutgoingText.staff_id == shop.people["Sita"]))) == 1
    shop.advance(minutes=1)
    assert shop.escalation(ref)["state"] == "unanswered"
    before = len(shop.city.texts())
    shop.advance(minutes=60)
    assert len(shop.city.texts()) == before
    assert "asked_again" in shop.events(ref)
    assert any("Still nobody for" in text.body for text in shop.city.texts())


def test_nobody_gets_more_than_the_cap_and_the_ladder_goes_on(shop: World) -> None:
    shop.shop(step_min_seconds=120, step_max_seconds=600, check_in_grace_seconds=300, page_cap_per_hour=2)
    refs = [at_risk(shop) for _ in range(3)]
    shop.tick()
    for name in ("Ravi", "Sita"):
        assert len(shop.look(select(OutgoingText).where(OutgoingText.staff_id == shop.people[name]))) == 2
    spared = shop.pages(refs[2])
    assert {spared[name]["answer"] for name in ("Ravi", "Sita")} == {"unreachable"}
    # Nobody of the first rung can be asked: the next one is, in the same tick.
    assert spared["Maya"]["answer"] is None
    assert "spared" in shop.events(refs[2])


def test_a_founder_who_has_had_enough_is_asked_when_the_hour_allows(shop: World) -> None:
    """Nobody comes after the founder: the cap puts a page off, it does not end in silence."""
    shop.pause("Ravi", minutes=600)
    shop.pause("Sita", minutes=600)
    shop.pause("Maya", minutes=600)
    shop.shop(step_min_seconds=600, step_max_seconds=600, check_in_grace_seconds=300, page_cap_per_hour=1)
    first = shop.order(minutes=80)
    shop.tick()
    shop.phone("Anand").expects(first, "Reply").replies("#A").expects("is yours")
    second = shop.order(minutes=170)
    shop.tick()
    page = shop.pages(second)["Anand"]
    assert (page["answer"], page["sent_at"]) == (None, None)
    assert shop.escalation(second)["next_step_at"] is not None
    assert "spared" in shop.events(second)
    assert shop.phones.find(shop.numbers["Anand"], [second]) is None
    shop.advance(minutes=125)
    shop.phone("Anand").expects(f"Still nobody for {second}", "Reply").replies("#A").expects("is yours")


def test_the_last_one_who_can_t_hears_that_nobody_is_left(shop: World) -> None:
    for name in ("Ravi", "Sita", "Maya"):
        shop.pause(name, minutes=600)
    ref = shop.order(minutes=80)
    shop.tick()
    shop.phone("Anand").expects(ref, "Reply").replies("#X").expects("Nobody else is left to ask for", ref)


def test_the_last_one_who_hands_it_back_hears_that_nobody_is_left(shop: World) -> None:
    for name in ("Ravi", "Sita", "Maya"):
        shop.pause(name, minutes=600)
    ref = at_risk(shop)
    anand = shop.phone("Anand").expects(ref, "Reply").replies("#A").expects("is yours")
    anand.replies("#R").expects("Nobody else is left to ask for", ref)
    # Whoever comes back before the promise is asked then: somebody is left.
    shop.pause("Ravi", minutes=10)
    anand.replies("#A").expects("is yours").replies("#R").expects("others are being asked")


@pytest.mark.parametrize("letters", ["X", "AR"])
def test_where_there_is_no_founder_the_last_no_is_the_last_too(world: World, letters: str) -> None:
    world.person("Ravi", role="staff")
    ref = at_risk(world)
    ravi = world.phone("Ravi").expects(ref, "Reply")
    for letter in letters:
        ravi.replies(f"#{letter}").expects("is yours" if letter == "A" else "Nobody else is left to ask for")
    world.ignore_rest()


# --- yes by phone ----------------------------------------------------------------------------------------------------


def test_somebody_who_was_never_asked_says_yes_by_phone(shop: World) -> None:
    ref = at_risk(shop)
    number = int(shop.escalation(ref)["id"])
    cook = shop.person("Bela", role="buyer")

    def say(staff_id: int, verb: str) -> Outcome:
        return shop.do(lambda s: answer_for_staff(s, number, staff_id, verb, shop.now, actor="desk").outcome)

    with pytest.raises(Invalid, match="rider"):
        say(cook, "accept")
    with pytest.raises(Invalid, match="not been asked"):
        say(shop.people["Anand"], "decline")
    assert say(shop.people["Anand"], "accept") is Outcome.DONE
    assert shop.escalation(ref)["accepted_by"]["name"] == "Anand"
    assert shop.pages(ref)["Anand"]["channel"] == "call"
    # Nothing was texted to him, but he can answer by text from now on.
    shop.phone("Anand").replies("P").expects("on the way")
