"""The ladder at work on both databases: who is asked and when, receipts, hand-backs, STOP, and two workers at once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from dispatch.escalation.receipts import heard_from_provider
from dispatch.escalation.service import tend
from dispatch.escalation.tables import Page
from dispatch.foundation.clock import monotonic
from dispatch.messaging import service as messaging
from dispatch.messaging.gateway import Attempt, Outcome
from dispatch.messaging.rules import Kind
from dispatch.messaging.tables import OutgoingText
from dispatch.orders.branches import get_branch
from dispatch.orders.service import lock_order
from tests import factories
from tests.world import World, at_once, city, world

__all__ = ["city", "ladder", "world"]


@pytest.fixture
def ladder(world: World) -> World:
    """Two riders here, a manager on call, the founder at home; an order in danger is one promised too early."""
    world.person("Ravi")
    world.person("Sita")
    world.person("Tariq", role="manager", shifts=None, on_call=True)
    world.person("Anand", role="founder", shifts=None)
    return world


def ready(world: World, minutes: float = 40, **changes: object) -> str:
    """An order that is packed, needs 35 minutes to the customer and was promised in `minutes`."""
    world.is_about_staff = True
    ref = world.order(minutes=minutes, **changes)
    world.procure(ref, "bought")
    world.move(ref, "pack")
    world.tick()
    world.phone(str(changes.get("customer_name", "Arjun Mehta"))).expects("has your order")
    return ref


def in_danger(world: World, **changes: object) -> str:
    """An order that became at risk a second ago."""
    ref = ready(world, 40, **changes)
    assert not world.has_escalation(ref)
    world.clock.advance(minutes=5, seconds=1)
    world.tick()
    return ref


def test_help_is_called_for_the_second_the_order_is_at_risk(ladder: World) -> None:
    ref = ready(ladder)
    ladder.advance(minutes=5)
    assert ladder.level(ref) == "watch"
    assert not ladder.has_escalation(ref)
    ladder.advance(minutes=1 / 60)
    assert ladder.level(ref) == "at_risk"
    for name in ("Ravi", "Sita"):
        ladder.phone(name).expects(ref, "take Physics 2 to Arjun", "exam tomorrow", "12 Lake Road")
    assert ladder.asked(ref) == ["Ravi", "Sita"]
    assert ladder.escalation(ref)["need"] == "deliver"


def test_rungs_follow_one_another_and_the_founder_comes_last(ladder: World) -> None:
    ref = in_danger(ladder)
    steps = [ladder.escalation(ref)["next_step_at"]]
    ladder.advance(minutes=6)
    assert ladder.asked(ref) == ["Ravi", "Sita", "Tariq"]
    steps.append(ladder.escalation(ref)["next_step_at"])
    ladder.advance(minutes=6)
    assert ladder.asked(ref) == ["Ravi", "Sita", "Tariq", "Anand"]
    # Then the founder is asked again (test_lease).
    steps.append(ladder.escalation(ref)["next_step_at"])
    assert steps == sorted(steps)
    for name in ("Ravi", "Sita", "Tariq"):
        ladder.phone(name).expects(ref).expects_nothing()
    ladder.phone("Anand").expects(ref)
    ladder.ignore_rest()


def test_running_the_rounds_again_asks_nobody_twice(ladder: World) -> None:
    ref = in_danger(ladder)
    order_id = ladder.order_row(ref).id

    def look() -> None:
        ladder.do(lambda session: tend(session, order_id, ladder.now, links=ladder.runtime.links, has_voice=True))
        ladder.tick()

    # The receipts are in by now: nobody has to look whether they come.
    look()
    before = (ladder.escalation(ref), ladder.events(ref), ladder.next_check(ref))
    for _ in range(5):
        look()
    assert (ladder.escalation(ref), ladder.events(ref), ladder.next_check(ref)) == before
    for name in ("Ravi", "Sita"):
        ladder.phone(name).expects(ref).expects_nothing()


def test_two_workers_ask_everybody_once(ladder: World) -> None:
    refs = [ready(ladder, customer_name=f"Customer {number}") for number in range(6)]
    ladder.clock.advance(minutes=5, seconds=1)
    ladder.tick_with_two_workers()
    ladder.advance(minutes=0.05, workers=2)
    ladder.ignore_rest()
    for ref in refs:
        assert ladder.asked(ref) == ["Ravi", "Sita"]
        assert ladder.events(ref).count("asked") == 1
        for name in ("Ravi", "Sita"):
            told = [text for text in ladder.city.texts() if text.to == ladder.numbers[name] and f"{ref}: " in text.body]
            assert len(told) == 1, told
    codes = ladder.look(select(Page.code).join(OutgoingText, OutgoingText.page_id == Page.id))
    # Each person's codes are different, whoever gave them out.
    assert sorted(codes) == sorted([11, 12, 13, 14, 15, 16] * 2)


def test_when_all_decline_the_next_rung_is_asked_in_the_same_tick(ladder: World) -> None:
    ref = in_danger(ladder)
    ladder.phone("Ravi").expects(ref).replies("#X").expects("somebody else")
    assert ladder.asked(ref) == ["Ravi", "Sita"]
    ladder.phone("Sita").expects(ref).replies("can't #").expects("somebody else")
    assert ladder.asked(ref) == ["Ravi", "Sita", "Tariq"]
    ladder.phone("Tariq").expects(ref).replies("no").expects("somebody else")
    assert ladder.asked(ref)[-1] == "Anand"
    ladder.phone("Anand").expects(ref)


@pytest.mark.parametrize("fault", ["undelivered", "failed", "refused"])
def test_a_text_that_does_not_arrive_moves_the_ladder_on_at_once(ladder: World, fault: str) -> None:
    ref = ready(ladder)
    code = {"refused": 21211}.get(fault, 30003)
    for name in ("Ravi", "Sita"):
        ladder.fault(fault, name=name, code=code)
    ladder.clock.advance(minutes=5, seconds=1)
    ladder.tick()
    pages = ladder.pages(ref)
    assert {pages[name]["answer"] for name in ("Ravi", "Sita")} == {"unreachable"}
    ladder.phone("Tariq").expects(ref)
    assert pages["Tariq"]["asked_at"] == pages["Ravi"]["asked_at"]
    ladder.ignore_rest()


def test_while_the_whole_account_is_broken_nobody_is_given_up(ladder: World) -> None:
    ref = ready(ladder)
    # Both pages, and the heads-up that leaves beside them.
    ladder.fault("refused", code=20003, count=3)
    ladder.clock.advance(minutes=5, seconds=1)
    ladder.tick()
    # Nobody hears of it by text: they are rung, and the founder is asked at once.
    assert ladder.asked(ref) == ["Ravi", "Sita", "Tariq", "Anand"]
    assert {page["answer"] for page in ladder.escalation(ref)["pages"]} == {None}
    called = {call.to for call in ladder.city.sim.state.calls()}
    assert called == {ladder.numbers["Ravi"], ladder.numbers["Sita"]}
    ladder.advance(minutes=2)
    for name in ("Ravi", "Sita", "Tariq", "Anand"):
        ladder.phone(name).expects(ref)


def test_empty_rungs_cost_no_time(world: World) -> None:
    world.person("Anand", role="founder", shifts=None)
    ref = ready(world)
    # Nobody is here: it is at risk at once, and the founder is the only one to ask.
    assert world.asked(ref) == ["Anand"]
    assert world.see(ref)["risk"]["binding"]["clock"] == "nobody_available"
    world.phone("Anand").expects(ref)


def test_no_time_and_everybody_is_asked_at_once(ladder: World) -> None:
    ref = ladder.order(minutes=27)
    ladder.procure(ref, "bought")
    ladder.move(ref, "pack")
    ladder.tick()
    assert ladder.asked(ref) == ["Ravi", "Sita", "Tariq", "Anand"]
    ladder.ignore_rest()


def test_pauses_and_opt_outs_are_respected(ladder: World) -> None:
    ladder.pause("Ravi", minutes=600)
    ladder.do(lambda session: messaging.opt_out(session, ladder.numbers["Anand"], ladder.now, "by phone"))
    ref = in_danger(ladder)
    ladder.advance(minutes=30)
    assert ladder.asked(ref) == ["Sita", "Tariq"]
    for name in ("Sita", "Tariq"):
        ladder.phone(name).expects(ref).expects_nothing()


def test_whoever_comes_back_from_a_pause_is_asked(ladder: World) -> None:
    ladder.pause("Ravi", minutes=8)
    ref = in_danger(ladder)
    assert ladder.asked(ref) == ["Sita"]
    ladder.advance(minutes=3)
    assert ladder.asked(ref) == ["Sita", "Ravi"]
    ladder.ignore_rest()


def test_stop_from_staff_moves_the_ladder_on(ladder: World) -> None:
    ref = in_danger(ladder)
    ladder.phone("Sita").expects(ref).replies("#X").expects("somebody else")
    ladder.phone("Ravi").expects(ref).replies("STOP")
    assert ladder.pages(ref)["Ravi"]["answer"] == "unreachable"
    ladder.phone("Tariq").expects(ref)
    # And no further text to that phone, whatever happens.
    ladder.phone("Tariq").replies("#A").expects("yours")
    ladder.phone("Ravi").expects_nothing()
    assert ladder.look(select(OutgoingText.id).where(OutgoingText.to_phone == ladder.numbers["Ravi"]))


def test_start_makes_somebody_reachable_again(ladder: World) -> None:
    ladder.phone("Ravi").replies("stop")
    ref = in_danger(ladder)
    assert ladder.asked(ref) == ["Sita"]
    ladder.phone("Ravi").replies("START")
    ladder.phone("Ravi").expects(ref)
    ladder.phone("Sita").expects(ref)


def hears(ladder: World, body: str, taken_for: str) -> None:
    """Ravi writes a word that the shop has made a keyword at the provider."""
    given = {"from_phone": ladder.numbers["Ravi"], "to_phone": "", "body": body, "opt_out_type": taken_for}
    ladder.do(lambda session: messaging.record_inbound(session, sid=f"SM{body}", now=ladder.now, **given))
    ladder.tick()


def test_a_keyword_of_the_shop_s_own_is_heeded(ladder: World) -> None:
    hears(ladder, "Basta", "STOP")
    ref = in_danger(ladder)
    assert ladder.asked(ref) == ["Sita"]
    hears(ladder, "Hello again", "START")
    ladder.phone("Ravi").expects(ref, "Reply").expects_nothing()
    hears(ladder, "What is this?", "HELP")
    ladder.phone("Ravi").expects_nothing()
    # Of whom it has not blocked the provider takes a yes for START all the same.
    hears(ladder, "yes", "START")
    ladder.phone("Ravi").expects("is yours")
    ladder.phone("Sita").expects(ref).expects("Ravi has taken")


def test_who_is_blocked_at_the_provider_hands_back_what_they_have(ladder: World) -> None:
    ref = in_danger(ladder)
    ladder.phone("Ravi").expects(ref).replies("#A").expects("yours")
    ladder.phone("Sita").expects(ref).expects("Ravi has taken")
    ladder.fault("refused", name="Ravi", code=21610)
    ladder.advance(minutes=23)
    assert "handed_back" in ladder.events(ref)
    ladder.phone("Sita").expects(ref, "Reply")
    ladder.ignore_rest()


def test_news_that_saves_the_order_stands_everybody_down(ladder: World) -> None:
    ref = in_danger(ladder)
    ladder.phone("Ravi").expects(ref)
    ladder.phone("Sita").expects(ref)
    ladder.change(ref, travel_minutes=10)
    ladder.phone("Ravi").expects("is safe again").expects_nothing()
    ladder.phone("Sita").expects("is safe again").expects_nothing()
    assert ladder.escalation(ref)["state"] == "resolved"
    assert "safe_again" in ladder.events(ref)


@pytest.mark.parametrize(
    ("move", "word", "state"), [("cancel", "cancelled", "cancelled"), ("deliver", "delivered", "resolved")]
)
def test_the_end_of_the_order_stands_everybody_down(ladder: World, move: str, word: str, state: str) -> None:
    ref = in_danger(ladder)
    ladder.move(ref, move, **({"reason": "not needed"} if move == "cancel" else {}))
    for name in ("Ravi", "Sita"):
        ladder.phone(name).expects(ref, "take")
        ladder.phone(name).expects(ref, word, "Nothing more to do").expects_nothing()
    assert ladder.escalation(ref)["state"] == state
    assert ladder.next_check(ref) is None
    ladder.ignore_rest()


def test_handed_over_at_the_board_stands_everybody_down(ladder: World) -> None:
    ref = in_danger(ladder)
    ladder.move(ref, "hand_over", staff_id=ladder.people["Ravi"])
    ladder.tick()
    assert ladder.escalation(ref)["state"] == "resolved"
    ladder.phone("Sita").expects(ref, "take")
    # It is not said to be safe: it is with Ravi, who may be late. His code still says that it is there.
    ladder.phone("Sita").expects("Ravi has taken", ref, "Nothing more to do").expects_nothing()
    ravi = ladder.phone("Ravi").expects(ref, "take").expects(ref, "is with you. 11D when it is delivered")
    ravi.replies("#D").expects("Well done").expects_nothing()
    assert ladder.see(ref)["status"] == "delivered"
    ladder.ignore_rest()


def test_no_page_leaves_after_a_stand_down(ladder: World) -> None:
    """A worker has claimed a page when somebody accepts: the stand-down waits for it, and nothing follows."""
    ref = ready(ladder)
    ladder.clock.advance(minutes=5, seconds=1)
    order_id = ladder.order_row(ref).id
    ladder.do(lambda session: tend(session, order_id, ladder.now, links=ladder.runtime.links))
    with ladder.db.transaction() as session:
        claimed = messaging.claim(session, ladder.now, limit=1)
    (page_id,) = ladder.look(select(OutgoingText.page_id).where(OutgoingText.id == claimed[0].outbox_id))
    (other,) = ladder.look(select(Page.id).where(Page.id != page_id))
    ladder.answer(other, "accept")
    ladder.delivery.run_once()
    assert not [text for text in ladder.city.texts() if text.to == claimed[0].to_phone]
    sent = Attempt(outcome=Outcome.ACCEPTED, sid="SM" + "f" * 32, status="sent")
    with ladder.db.transaction() as session:
        settled = messaging.settle(session, claimed[0], sent, ladder.now)
        assert settled
        heard_from_provider(session, settled, ladder.now)
    ladder.tick()
    told = [text.body for text in ladder.city.texts() if text.to == claimed[0].to_phone]
    assert len(told) == 1
    assert "has taken" in told[0]
    ladder.ignore_rest()


def test_a_page_that_never_left_is_withdrawn_and_nobody_is_told(ladder: World) -> None:
    ref = ready(ladder)
    ladder.clock.advance(minutes=5, seconds=1)
    order_id = ladder.order_row(ref).id
    ladder.do(lambda session: tend(session, order_id, ladder.now, links=ladder.runtime.links))
    first, _ = ladder.look(select(Page.id).order_by(Page.id))
    ladder.answer(first, "accept")
    ladder.tick()
    ladder.phone("Sita").expects_nothing()
    ladder.ignore_rest()


def test_a_page_sent_after_the_claim_was_lost_is_not_sent_again_after_the_stand_down(ladder: World) -> None:
    ref = ready(ladder)
    ladder.clock.advance(minutes=5, seconds=1)
    order_id = ladder.order_row(ref).id
    ladder.do(lambda session: tend(session, order_id, ladder.now, links=ladder.runtime.links))
    # A worker claims both pages and dies before it sends them.
    with ladder.db.transaction() as session:
        assert len(messaging.claim(session, ladder.now, limit=9)) == 2
    first, _ = ladder.look(select(Page.id).order_by(Page.id))
    ladder.answer(first, "accept")
    ladder.advance(minutes=5)
    # Nobody ever saw a page, so nobody is stood down either.
    assert not [text for text in ladder.city.texts() if ref in text.body and "customer" not in text.body]


def test_unanswered_is_red_and_still_takes_a_yes(ladder: World) -> None:
    ref = in_danger(ladder)
    ladder.advance(minutes=40)
    assert ladder.escalation(ref)["state"] == "unanswered"
    assert ladder.level(ref) == "late"
    ladder.phone("Sita").expects(ref).replies("#A").expects("yours")
    assert ladder.escalation(ref)["state"] == "accepted"
    ladder.ignore_rest()


def test_a_new_promise_after_an_unanswered_call_has_a_ladder_of_its_own(ladder: World) -> None:
    ref = in_danger(ladder)
    ladder.advance(minutes=40)
    assert ladder.escalation(ref)["state"] == "unanswered"
    old = ladder.phone("Ravi").expects(ref).code
    ladder.change(ref, promised_by=ladder.now + timedelta(minutes=33), why="the customer can wait")
    ladder.tick()
    assert ladder.escalation(ref)["state"] == "open"
    assert ladder.asked(ref)[:2] == ["Ravi", "Sita"]
    ladder.phone("Sita").expects(ref)
    # The old code still means this order, and takes the call that counts.
    ladder.phone("Ravi").replies(f"{old}A").expects("yours")
    assert ladder.escalation(ref)["accepted_by"]["name"] == "Ravi"
    assert ladder.escalation(ref)["state"] == "accepted"
    ladder.ignore_rest()


def test_handed_back_past_the_promise_others_are_asked_all_the_same(ladder: World) -> None:
    ref = in_danger(ladder)
    ladder.phone("Ravi").expects(ref).replies("#A").expects("yours")
    ladder.advance(minutes=45)
    ladder.phone("Ravi").replies("#R").expects("handed back")
    assert ladder.escalation(ref)["state"] == "unanswered"
    ladder.phone("Sita").expects("as early as you can").replies("#A").expects("yours")
    ladder.ignore_rest()


def test_an_order_whose_look_fails_does_not_keep_others_from_theirs(ladder: World) -> None:
    bad, good = ready(ladder), ready(ladder, customer_name="Zoe")
    # Something no service writes: a zone that does not exist any more.
    ladder.do(lambda session: factories.make_shop(session, ladder.now, code="east"))
    with ladder.db.transaction() as session:
        order = lock_order(session, bad)
        order.branch = get_branch(session, "east")
        order.branch.timezone = "Moon/Sea_of_Tranquility"
    ladder.clock.advance(minutes=5, seconds=1)
    ladder.tick()
    assert ladder.asked(good) == ["Ravi", "Sita"]
    assert ladder.next_check(bad) == ladder.now + timedelta(seconds=30)
    ladder.ignore_rest()


def test_codes_are_never_used_again(ladder: World) -> None:
    first = in_danger(ladder)
    ladder.phone("Ravi").expects(first)
    ladder.move(first, "deliver")
    ladder.tick()
    ladder.clock.advance(minutes=60)
    second = in_danger(ladder)
    old = ladder.phone("Ravi").code
    assert ladder.phone("Ravi").expects(second, "take").code != old
    # The old code is about the old order, whatever has happened since.
    ladder.phone("Ravi").replies(f"{old}A").expects(first, "delivered already")
    assert ladder.escalation(second)["state"] == "open"
    ladder.ignore_rest()


def test_looking_at_an_order_with_twenty_people_writes_each_page_once(ladder: World) -> None:
    for number in range(20):
        ladder.person(f"P{number}")
    ref = ready(ladder)
    ladder.clock.advance(minutes=5, seconds=1)
    order_id, links = ladder.order_row(ref).id, ladder.runtime.links
    begin = monotonic()
    ladder.do(lambda session: tend(session, order_id, ladder.now, links=links))
    asking = monotonic()
    for _ in range(10):
        ladder.do(lambda session: tend(session, order_id, ladder.now, links=links))
    print(f"tend: {(asking - begin) * 1000:.1f} ms to ask 22, {(monotonic() - asking) * 100:.1f} ms to look again")
    assert len(ladder.asked(ref)) == 22
    pages = ladder.look(select(OutgoingText.key).where(OutgoingText.kind == Kind.PAGE))
    assert len(pages) == len(set(pages)) == 22
    ladder.ignore_rest()


def test_ten_workers_look_at_one_order_at_once(ladder: World) -> None:
    ref = ready(ladder)
    ladder.clock.advance(minutes=5, seconds=1)
    order_id, links = ladder.order_row(ref).id, ladder.runtime.links
    at_once([lambda: ladder.do(lambda session: tend(session, order_id, ladder.now, links=links))] * 10)
    assert ladder.asked(ref) == ["Ravi", "Sita"]
    ladder.ignore_rest()


# --- no false alarms -------------------------------------------------------------------------------------------------


def test_an_order_that_hovers_at_its_last_instant_is_asked_for_once(world: World) -> None:
    world.person("Ravi")
    ref = world.order("15:00", sku=None)
    world.ignore_rest()
    world.do(lambda session: factories.make_item(session, world.now, "book", 1))
    world.procure(ref, "bought")
    world.tick()
    # 15:00 - 35 to bring it - 10 to pack: it had to start by 14:15.
    world.advance(to="14:16")
    assert world.asked(ref) == ["Ravi"]
    for minutes in (2, 0, 3, 0):
        # News gives it a minute or two, and takes them again.
        world.change(ref, travel_minutes=30 - minutes)
        world.tick()
    assert world.escalation(ref)["state"] == "open"
    assert len(world.pages(ref)) == 1
    world.change(ref, travel_minutes=10)
    world.tick()
    assert world.escalation(ref)["state"] == "resolved"


def test_another_cause_is_a_fact_on_the_same_call(world: World) -> None:
    world.supplier("academic", hours="Mo-Su 09:00-16:00")
    world.person("Bela", role="buyer")
    world.person("Ravi")
    world.item("book", 0, suppliers=("academic",))
    ref = world.order("18:00", sku="book")
    world.ignore_rest()
    world.tick()
    world.advance(to="14:31")
    assert world.escalation(ref)["why"].startswith("Academic closes at 16:00")
    first = world.escalation(ref)["id"]
    asked = len(world.pages(ref))
    world.pause("Bela", minutes=600)
    for _ in range(3):
        world.advance(minutes=1)
    now = world.escalation(ref)
    assert (now["id"], now["why"]) == (first, "Nobody is here who could buy Physics 2.")
    assert world.events(ref).count("cause_changed") == 1
    assert len(world.pages(ref)) == asked
