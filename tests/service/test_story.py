"""The story it must never fail again: from the first call to the book in the customer's hands."""

from __future__ import annotations

import pytest

from tests.world import World, city, world

__all__ = ["city", "world"]


@pytest.fixture
def story(world: World) -> World:
    """One rider and one buyer until 19:00, a manager on call, the founder; the other shop closes at 18:00."""
    world.shop(opening_hours="Mo-Sa 10:00-19:30")
    world.supplier("academic", "Mo-Sa 10:00-18:00", name="Academic House", travel_minutes=15, procure_minutes=60)
    world.item("physics-2", suppliers=("academic",), title="Physics 2")
    world.person("Ravi", role="rider", shifts="Mo-Sa 10:00-19:00")
    world.person("Meena", role="buyer", shifts="Mo-Sa 10:00-19:00")
    world.person("Tariq", role="manager", shifts=None, on_call=True)
    world.person("Anand", role="founder", shifts=None)
    return world


def place(world: World) -> str:
    ref = world.order("19:30", sku="physics-2", title="Physics 2", travel_minutes=30)
    world.tick()
    world.phone("Arjun Mehta").expects("Hello Arjun", "Physics 2", "by 19:30")
    return ref


def test_the_book_is_bought_in_time_and_delivered(story: World) -> None:
    ref = place(story)
    risk = story.see(ref)["risk"]
    # Backwards from 19:00, when Ravi goes home: 35 min to the customer, 10 to pack, 90 to buy and be back.
    assert (risk["level"], risk["slack_minutes"]) == ("on_track", 165)
    assert risk["binding"]["clock"] == "shift_end"
    story.advance(to="16:00")
    story.procure(ref, "searching", supplier="academic", by=story.people["Meena"])
    story.advance(to="17:05")
    story.procure(ref, "bought", supplier="academic", by=story.people["Meena"])
    story.move(ref, "pack")
    story.move(ref, "hand_over", staff_id=story.people["Ravi"])
    story.tick()
    story.phone("Arjun Mehta").expects("Ravi", "on the way")
    story.advance(minutes=30)
    story.move(ref, "deliver")
    story.advance(minutes=30)
    story.phone("Arjun Mehta").expects("delivered")
    assert not story.has_escalation(ref)


def test_handed_over_and_delivered_in_one_breath_is_told_twice_and_long_after_once(story: World) -> None:
    for minutes, is_told in ((0, True), (10, False)):
        ref = place(story)
        story.procure(ref, "bought", supplier="academic", by=story.people["Meena"])
        story.move(ref, "pack")
        story.move(ref, "hand_over", staff_id=story.people["Ravi"])
        story.move(ref, "deliver")
        # The worker was away for so long.
        story.clock.advance(minutes=minutes)
        story.tick()
        customer = story.phone("Arjun Mehta")
        if is_told:
            customer.expects("Ravi", "on the way")
        customer.expects("delivered").expects_nothing()


def test_nobody_buys_it_and_the_ladder_says_so_while_there_is_time(story: World) -> None:
    ref = place(story)
    story.advance(to="16:45")
    assert not story.has_escalation(ref)
    story.advance(minutes=1)
    # 16:45:01, two hours and a quarter before anybody would have noticed.
    meena = story.phone("Meena").expects(ref, "buy Physics 2", "Arjun", "exam tomorrow", "Academic House", "19:30")
    assert story.asked(ref) == ["Meena"]
    meena.replies("#A").expects(ref, "yours")
    # Half of what was left, and some minutes of grace.
    story.advance(to="18:14")
    meena.expects("How is", ref)
    meena.replies("#P").expects(ref, "bought", "bring it to the shop")
    assert story.see(ref)["status"] == "packing"
    assert story.escalation(ref)["state"] == "resolved"
    story.move(ref, "pack")
    story.move(ref, "hand_over", staff_id=story.people["Ravi"])
    story.advance(minutes=30)
    story.move(ref, "deliver")
    story.tick()
    story.phone("Arjun Mehta").expects("on the way")
    story.phone("Arjun Mehta").expects("delivered")
    story.advance(to="21:00")
    story.phone("Arjun Mehta").expects("how was it with Kala Books?")
    assert story.see(ref)["delivered_at"] < story.see(ref)["promised_by"]


def asked_again(story: World, ref: str) -> int:
    """How often the founder was asked again, by phone and by text in turns; those texts count as read."""
    count = sum(call.to == story.numbers["Anand"] for call in story.city.sim.state.calls())
    while story.phones.find(story.numbers["Anand"], ["Still nobody for", ref]):
        count += 1
    return count


def test_it_comes_in_at_closing_time_and_only_the_founder_is_left(story: World) -> None:
    ref = place(story)
    story.advance(to="16:30")
    story.procure(ref, "searching", supplier="academic", by=story.people["Meena"])
    story.advance(to="18:40")
    # The search ran over: buyers are asked first, then the manager on call, and the founder last.
    assert story.asked(ref) == ["Meena", "Tariq", "Anand"]
    rungs = [page["rung"] for page in story.escalation(ref)["pages"]]
    assert rungs == [1, 3, 4]
    asked = [page["asked_at"] for page in story.escalation(ref)["pages"]]
    assert asked == sorted(asked)
    assert len(set(asked)) == 3
    # The founder is asked: now the customer must hear of it, while he can still choose.
    story.phone("Arjun Mehta").expects("may not be with you by 19:30", "Reply 1 to wait")
    story.phone("Meena").expects(ref).replies("#X").expects("somebody else")
    story.phone("Tariq").expects(ref).replies("busy").expects("somebody else")
    founder = story.phone("Anand").expects(ref)
    founder.replies("#A").expects("yours")
    story.advance(to="18:55")
    story.procure(ref, "bought", supplier="academic", by=story.people["Meena"])
    story.advance(to="19:01")
    founder.expects(ref, "nothing left to buy")
    # Bought, which was what help was called for; now nobody is left to bring it. The founder is asked for that, last.
    pages = story.pages(ref)
    assert story.escalation(ref)["need"] == "deliver"
    assert "Anand" in pages
    story.phone("Tariq").expects(ref, "take Physics 2 to Arjun").replies("X").expects("somebody else")
    founder.expects(ref, "take Physics 2 to Arjun", "12 Lake Road").replies("#P").expects("on the way to 12 Lake Road")
    story.phone("Arjun Mehta").expects("Anand", "on the way")
    story.advance(to="19:28")
    founder.replies("#D").expects("delivered", "thank you")
    story.phone("Arjun Mehta").expects("delivered")
    assert story.escalation(ref)["state"] == "resolved"
    # Ravi, ten minutes from going home, was asked as well, and heard that somebody else has it.
    story.phone("Ravi").expects(ref, "now as early as you can")
    story.phone("Ravi").expects("Anand has taken", ref)
    story.advance(to="22:00")
    assert asked_again(story, ref) == 2


def test_nobody_takes_it_and_it_is_red_but_never_forgotten(story: World) -> None:
    ref = place(story)
    story.advance(to="19:30")
    assert story.escalation(ref)["state"] == "open"
    story.advance(minutes=1)
    assert story.escalation(ref)["state"] == "unanswered"
    assert story.level(ref) == "late"
    for name in ("Meena", "Tariq", "Anand"):
        story.phone(name).expects(ref)
    story.phone("Arjun Mehta").expects("may not be with you by 19:30")
    story.phone("Arjun Mehta").expects("exam tomorrow", "We are sorry", "Tariq, Kala Books")
    # Late is late, but an answer still counts.
    story.phone("Anand").replies("yes").expects("yours")
    assert story.escalation(ref)["state"] == "accepted"
    for name in ("Meena", "Tariq"):
        story.phone(name).expects("Anand has taken", ref)
    # In two hours and a half: each time after a longer silence, and not once more after the promise.
    assert 5 <= asked_again(story, ref) <= 8


@pytest.mark.postgresql
def test_two_workers_tell_the_same_story(story: World) -> None:
    ref = place(story)
    story.advance(to="16:46", workers=2)
    story.phone("Meena").expects(ref).replies("#A").expects("yours")
    story.advance(to="18:14", workers=2)
    story.phone("Meena").expects("How is", ref).replies("P").expects("bought")
    story.move(ref, "pack")
    story.move(ref, "hand_over", staff_id=story.people["Ravi"])
    story.tick_with_two_workers()
    story.phone("Arjun Mehta").expects("on the way")
    story.move(ref, "deliver")
    story.tick_with_two_workers()
    story.phone("Arjun Mehta").expects("delivered")
    assert story.events(ref).count("asked") == 1
    assert story.events(ref).count("at_risk") == 1
