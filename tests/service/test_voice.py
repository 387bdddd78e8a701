"""The phone as the next channel: who is rung and when, what a key does, and that nobody is rung for nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from sqlalchemy import select

from dispatch.escalation.on_the_phone import press
from dispatch.escalation.tables import Page
from dispatch.messaging.rules import Channel, TextState
from dispatch.messaging.tables import InboundText, OutgoingText
from dispatch.simulator.records import Call
from dispatch.simulator.switchboard import RINGING
from tests.world import World, at_once, city, world

__all__ = ["city", "world"]

ADDRESS = "12 Lake Road"


@dataclass
class Ring:
    """Calls to one person's phone."""

    world: World
    name: str

    def calls(self) -> list[Call]:
        calls = [call for call in self.world.city.sim.state.calls() if call.to == self.world.numbers[self.name]]
        return calls[::-1]

    @property
    def call(self) -> Call:
        return self.calls()[-1]

    @property
    def rings(self) -> bool:
        return bool(self.calls()) and self.call.status in RINGING

    def waits(self, minutes: int = 40) -> Ring:
        """Until it rings."""
        for _ in range(minutes * 2):
            if self.rings:
                return self
            self.world.advance(minutes=0.5)
        raise AssertionError(f"{self.name}'s phone never rang")

    def picks_up(self, digits: str = "") -> Ring:
        self.world.city.sim.simulator.switchboard.answer(self.call.sid, digits=digits)
        self.world.tick()
        return self

    def presses(self, digits: str) -> Ring:
        self.world.city.sim.simulator.switchboard.press(self.call.sid, digits)
        self.world.tick()
        return self

    def lets_it_ring(self, status: str = "no-answer") -> Ring:
        self.world.city.sim.simulator.switchboard.decline(self.call.sid, status)
        assert self.world.city.sim.settle(20)
        self.world.tick()
        return self

    def hears(self, *words: str) -> Ring:
        said = " ".join(self.call.transcript)
        assert all(word in said for word in words), said
        return self


@pytest.fixture
def shop(world: World) -> World:
    """The founder alone."""
    world.shop(step_min_seconds=120, step_max_seconds=600)
    world.person("Anand", role="founder", shifts=None)
    world.ignore_rest()
    return world


def at_risk(world: World, minutes: float = 33) -> str:
    ref = world.order(minutes=minutes, reason="exam tomorrow", address=ADDRESS)
    world.procure(ref, "bought")
    world.move(ref, "pack")
    world.tick()
    return ref


def with_riders(world: World) -> World:
    world.person("Ravi")
    world.person("Sita")
    return world


def rows(world: World, name: str, channel: Channel = Channel.CALL) -> list[OutgoingText]:
    query = select(OutgoingText).where(OutgoingText.staff_id == world.people[name], OutgoingText.channel == channel)
    return world.look(query.order_by(OutgoingText.id))


def spelled(ref: str) -> str:
    return " ".join(ref)


# --- the founder -----------------------------------------------------------------------------------------------------


def test_the_founder_is_rung_and_presses_1(shop: World) -> None:
    ref = at_risk(shop)
    shop.phone("Anand").expects(ref, "Reply")
    anand = Ring(shop, "Anand").waits()
    page = shop.pages(ref)["Anand"]
    assert (page["channel"], page["code"]) == ("call", shop.phone("Anand").code)
    anand.picks_up().hears("Kala Books", spelled(ref), "exam tomorrow", "Press 1 to take it")
    assert ADDRESS not in " ".join(anand.call.transcript)
    assert shop.escalation(ref)["state"] == "open"
    anand.presses("1").hears(f"order {spelled(ref)} is yours")
    assert shop.escalation(ref)["accepted_by"]["name"] == "Anand"
    shop.phone("Anand").expects(ref, "is yours", ADDRESS)
    assert (anand.call.status, shop.pages(ref)["Anand"]["receipt"]) == ("completed", "completed")


def test_the_founder_presses_2(shop: World) -> None:
    ref = at_risk(shop)
    anand = Ring(shop, "Anand").waits().picks_up("2").hears("goes to somebody else")
    assert shop.pages(ref)["Anand"]["answer"] == "declined"
    shop.advance(minutes=40)
    assert len(anand.calls()) == 1


def test_by_phone_and_by_text_in_turns(shop: World) -> None:
    ref = at_risk(shop, minutes=80)
    shop.phone("Anand").expects(ref, "Reply")
    anand = Ring(shop, "Anand").waits()
    shop.phone("Anand").expects_nothing()
    anand.lets_it_ring("busy")
    assert (shop.pages(ref)["Anand"]["answer"], shop.pages(ref)["Anand"]["receipt"]) == (None, "busy")
    while not rows(shop, "Anand", Channel.SMS)[1:]:
        shop.advance(minutes=1)
    shop.phone("Anand").expects("Still nobody for", ref)
    assert (len(anand.calls()), shop.pages(ref)["Anand"]["channel"]) == (1, "sms")
    assert len(anand.waits().calls()) == 2


def test_a_voicemail_is_no_answer(shop: World) -> None:
    ref = at_risk(shop)
    shop.fault("voicemail", on="calls", name="Anand")
    anand = Ring(shop, "Anand")
    while not anand.calls():
        shop.advance(minutes=1)
    # It listened to the question twice.
    said = " ".join(anand.hears("Goodbye").call.transcript)
    assert (anand.call.status, said.count("Press 1")) == ("completed", 2)
    assert (shop.escalation(ref)["state"], shop.pages(ref)["Anand"]["answer"]) == ("open", None)


def test_another_key_is_asked_back_once(shop: World) -> None:
    ref = at_risk(shop)
    anand = Ring(shop, "Anand").waits().picks_up("7").hears("Sorry, only 1 and 2")
    anand.presses("1").hears("is yours")
    assert shop.escalation(ref)["state"] == "accepted"


def test_the_key_of_a_call_counts_once(shop: World) -> None:
    ref = at_risk(shop)
    Ring(shop, "Anand").waits()
    (row,) = rows(shop, "Anand")

    def pressed(key: str = "1") -> str:
        return " ".join(shop.do(lambda s: press(s, row.id, key, shop.now, sid="CA1").sentences))

    assert all(f"{spelled(ref)} is yours" in said for said in at_once([pressed, pressed]))
    shop.tick()
    shop.phone("Anand").expects(ref, "Reply").expects(ref, "is yours").expects_nothing()
    assert len(shop.look(select(InboundText))) == 1
    # Whoever replays it after it was handed back does not take it again.
    shop.phone("Anand").replies("#R").expects("Nobody else is left to ask for", ref)
    assert "somebody else" in pressed()
    assert shop.escalation(ref)["state"] == "open"


def test_a_lost_answer_to_the_making_of_a_call_makes_no_second_call(shop: World) -> None:
    ref = at_risk(shop)
    shop.fault("accepted_then_dropped", on="calls", count=1)
    anand = Ring(shop, "Anand").waits()
    shop.advance(minutes=1)
    (row,) = rows(shop, "Anand")
    assert (len(anand.calls()), row.state, row.provider_sid) == (1, TextState.FAILED, None)
    assert shop.pages(ref)["Anand"]["answer"] is None
    anand.picks_up("1").hears("is yours")
    (row,) = rows(shop, "Anand")
    assert (row.state, row.provider_sid) == (TextState.DELIVERED, anand.call.sid)
    assert shop.escalation(ref)["state"] == "accepted"


def test_a_call_that_can_not_be_placed_is_dropped_when_nobody_is_needed(shop: World) -> None:
    ref = at_risk(shop)
    shop.fault("rate_limited", on="calls")
    while not rows(shop, "Anand"):
        shop.advance(minutes=1)
    assert rows(shop, "Anand")[0].state is TextState.QUEUED
    shop.move(ref, "cancel", reason="the customer came by")
    shop.tick()
    shop.city.sim.state.faults.clear()
    shop.advance(minutes=10)
    assert (rows(shop, "Anand")[0].state, Ring(shop, "Anand").calls()) == (TextState.EXPIRED, [])
    # The text had left, so that he hears that it is over.
    shop.phone("Anand").expects(ref, "Reply").expects(ref, "was cancelled").expects_nothing()


def test_a_text_that_does_not_reach_the_founder_makes_the_phone_ring(shop: World) -> None:
    shop.fault("undelivered", name="Anand", code=30003, count=1)
    ref = at_risk(shop)
    anand = Ring(shop, "Anand")
    assert anand.rings
    assert shop.pages(ref)["Anand"]["answer"] is None
    anand.picks_up("1")
    assert shop.escalation(ref)["accepted_by"]["name"] == "Anand"


# --- everybody -------------------------------------------------------------------------------------------------------


def test_whoever_has_no_receipt_in_time_is_rung_once(shop: World) -> None:
    with_riders(shop)
    shop.fault("no_receipt", name="Ravi")
    ref = at_risk(shop)
    ravi = Ring(shop, "Ravi")
    shop.advance(minutes=1.4)
    assert not ravi.calls()
    shop.advance(minutes=0.1)
    assert ravi.rings
    assert "rang" in shop.events(ref)
    shop.advance(minutes=8)
    assert (len(ravi.calls()), Ring(shop, "Sita").calls()) == (1, [])
    ravi.picks_up("1").hears("is yours")
    assert shop.escalation(ref)["accepted_by"]["name"] == "Ravi"


@pytest.mark.parametrize("status", ["busy", "no-answer", "refused"])
def test_whoever_can_not_be_reached_in_either_way_is_not_waited_for(shop: World, status: str) -> None:
    shop.person("Ravi")
    shop.fault("no_receipt", name="Ravi")
    if status == "refused":
        shop.fault("refused", on="calls", name="Ravi", code=21215)
    ref = at_risk(shop)
    shop.advance(minutes=1.5)
    if status != "refused":
        Ring(shop, "Ravi").lets_it_ring(status)
    assert shop.pages(ref)["Ravi"]["answer"] == "unreachable"
    assert shop.asked(ref) == ["Ravi", "Anand"]
    # What keeps one call from being placed is no trouble with texts.
    assert [row.state for row in shop.look(select(OutgoingText)) if row.state is TextState.HELD] == []


def test_a_press_after_the_stand_down_hears_who_has_it(shop: World) -> None:
    with_riders(shop)
    shop.fault("no_receipt", name="Ravi")
    ref = at_risk(shop)
    shop.advance(minutes=1.5)
    ravi = Ring(shop, "Ravi").picks_up().hears("Press 1")
    shop.phone("Sita").expects(ref, "Reply").replies("#A").expects("is yours")
    ravi.presses("1").hears(f"Sita has order {spelled(ref)} already")
    assert shop.escalation(ref)["accepted_by"]["name"] == "Sita"
    shop.phone("Ravi").expects(ref, "Reply").expects("Sita has taken", ref).expects_nothing()


def test_whoever_picks_up_too_late_hears_who_has_it(shop: World) -> None:
    with_riders(shop)
    shop.fault("no_receipt", name="Ravi")
    ref = at_risk(shop)
    shop.advance(minutes=1.5)
    shop.phone("Sita").expects(ref, "Reply").replies("#A").expects("is yours")
    ravi = Ring(shop, "Ravi").picks_up().hears("Sita has order")
    assert ravi.call.status == "completed"


def test_calls_count_among_the_texts_of_the_hour(shop: World) -> None:
    shop.shop(step_min_seconds=120, step_max_seconds=600, page_cap_per_hour=1)
    shop.person("Ravi")
    shop.fault("no_receipt", name="Ravi")
    ref = at_risk(shop)
    shop.advance(minutes=20)
    assert (shop.pages(ref)["Ravi"]["answer"], Ring(shop, "Ravi").calls()) == (None, [])


def test_when_texts_can_not_leave_everybody_up_to_the_founder_is_rung(shop: World) -> None:
    with_riders(shop)
    shop.fault("refused", code=21705)
    ref = at_risk(shop)
    assert {name: page["channel"] for name, page in shop.pages(ref).items()} == dict.fromkeys(
        ("Ravi", "Sita", "Anand"), "call"
    )
    Ring(shop, "Anand").picks_up("1").hears("is yours")
    assert shop.escalation(ref)["accepted_by"]["name"] == "Anand"
    # The words are the same whenever the account is mended; nobody is rung twice.
    shop.city.sim.state.faults.clear()
    shop.advance(minutes=5)
    assert [len(Ring(shop, name).calls()) for name in ("Ravi", "Sita", "Anand")] == [1, 1, 1]


@pytest.mark.parametrize("sender", [{"from_number": "56767"}, {"from_number": None, "messaging_service_sid": "MG1"}])
def test_without_a_number_of_ours_nobody_is_rung(shop: World, sender: dict[str, str | None]) -> None:
    given = shop.runtime.settings
    assert given.twilio is not None
    twilio = replace(given.twilio, **sender)
    shop.runtime = replace(shop.runtime, settings=replace(given, twilio=twilio))
    ref = at_risk(shop, minutes=80)
    while not rows(shop, "Anand", Channel.SMS)[1:]:
        shop.advance(minutes=1)
    shop.phone("Anand").expects(ref, "Reply").expects("Still nobody for", ref)
    assert rows(shop, "Anand") == []
    assert [page.repeats for page in shop.look(select(Page))] == [1]
