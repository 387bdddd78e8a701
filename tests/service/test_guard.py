"""Nobody takes away the last way to keep a promise unknowingly: pauses, going home, shorter shifts, who leaves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from dispatch.foundation.errors import Conflict, Invalid, NotFound, PromisesAtStake
from dispatch.orders.service import timeline
from dispatch.promise import absence, pins
from dispatch.promise.guard import Say
from dispatch.promise.rules import Task
from dispatch.simulator.rules import Keyword
from dispatch.staff.tables import Pause, Staff
from tests import factories
from tests.world import NUMBER, World, at_once, city, world

__all__ = ["city", "world"]


@pytest.fixture
def shop(world: World) -> World:
    """Ravi rides until 19:00, a founder who is not here; packing 10 minutes, 5 to hand over, 30 there and 30 back."""
    world.shop()
    world.person("Ravi")
    world.person("Tara", role="founder", shifts=None)
    world.person("Pia", role="buyer", shifts="Mo-Su 10:00-21:00")
    world.item("book", on_hand=100)
    # What is texted is told elsewhere.
    world.ignore_rest()
    return world


def place(world: World, time: str, address: str = "1 Park Road", **changes: Any) -> str:
    return world.order(time, sku="book", address=address, **changes)


def say(*, force: bool = False, reason: str | None = None) -> Say:
    return Say(actor="desk", force=force, reason=reason)


def pause(world: World, name: str, until: str, **more: Any) -> Staff:
    return world.do(
        lambda session: absence.pause(session, world.people[name], world.now, until=world.at(until), say=say(**more))
    )


def change(world: World, who: str, changes: dict[str, Any], more: Say | None = None) -> Staff:
    return world.do(
        lambda session: absence.change(
            session, world.people[who], changes, world.now, region=factories.REGION, say=more or say()
        )
    )


def pin(world: World, ref: str, name: str, task: Task = Task.DELIVER, **more: Any) -> int:
    return world.do(
        lambda session: pins.pin(session, ref, task, world.people[name], world.now, say=say(**more)).version
    )


def stakes(act: Callable[[], object]) -> list[str]:
    """The orders that an act is refused for; none when it passes."""
    try:
        act()
    except PromisesAtStake as refusal:
        return [str(promise["ref"]) for promise in refusal.promises]
    return []


def texts(world: World, ref: str) -> list[str]:
    with world.db.snapshot() as session:
        return [event["text"] for event in timeline(session, ref)]


def second_rider(world: World) -> None:
    world.person("Sita")


def rider_elsewhere(world: World) -> None:
    world.shop(code="far")
    world.person("Sita", branch="far")


def founder_here(world: World) -> None:
    world.do(
        lambda session: absence.change(
            session, world.people["Tara"], {"shifts": "24/7"}, world.now, region=None, say=say()
        )
    )


def rider_later(world: World) -> None:
    world.person("Sita", shifts="Mo-Su 18:30-21:00")


def nobody_else(_: World) -> None:
    pass


@pytest.mark.parametrize(
    ("prepare", "until", "is_refused"),
    [
        (nobody_else, "19:00", True),
        # Pia packs, and 17:25 is the last start.
        (nobody_else, "17:20", False),
        (nobody_else, "17:26", True),
        (second_rider, "19:00", False),
        (rider_elsewhere, "19:00", True),
        (founder_here, "19:00", False),
        (rider_later, "19:00", True),
    ],
)
def test_a_pause_of_the_last_rider(shop: World, prepare: Callable[[World], None], until: str, is_refused: bool) -> None:
    prepare(shop)
    ref = place(shop, "18:00")
    shop.tick()
    assert shop.level(ref) == "on_track"
    assert stakes(lambda: pause(shop, "Ravi", until)) == ([ref] if is_refused else [])
    assert len(shop.look(select(Pause))) == (0 if is_refused else 1)
    shop.tick()
    # Refused or not: what was let through keeps its promise, and what was refused left no trace.
    assert shop.level(ref) in ("on_track", "watch")
    assert not shop.has_escalation(ref)


def test_what_is_at_stake_is_said_as_the_clock_would(shop: World) -> None:
    ref = place(shop, "18:00")
    shop.tick()
    with pytest.raises(PromisesAtStake, match=f"the last way to keep the promise of {ref}") as refused:
        pause(shop, "Ravi", "19:00")
    (promise,) = refused.value.promises
    assert promise["ref"] == ref
    assert promise["promised_by"] == shop.see(ref)["promised_by"]
    assert promise["binding"] == {
        "clock": "nobody_available",
        "message": "Nobody is here who could deliver it.",
    }
    pause(shop, "Ravi", "19:00", force=True)
    shop.tick()
    assert shop.see(ref)["risk"]["binding"] == promise["binding"]


def test_forced_it_is_done_and_the_history_says_why(shop: World) -> None:
    ref, quiet = place(shop, "18:00"), place(shop, "14:44", "2 Hill Street")
    shop.tick()
    assert shop.level(quiet) not in ("on_track", "watch")
    pause(shop, "Ravi", "19:00", force=True, reason="His son is ill.")
    assert "Ravi paused although this counted on them: His son is ill." in texts(shop, ref)
    # It was at risk before: that is no news.
    assert "forced" not in shop.events(quiet)
    (row,) = shop.look(select(Pause))
    assert row.reason == "His son is ill."
    shop.tick()
    assert shop.level(ref) == "at_risk"
    assert shop.has_escalation(ref)


def test_a_repeat_changes_nothing_more(shop: World) -> None:
    ref = place(shop, "18:00")
    shop.tick()
    pause(shop, "Ravi", "19:00", force=True)
    # Lost already, before the next look as well: there is nothing to lose any more.
    assert stakes(lambda: pause(shop, "Ravi", "19:00")) == []
    pause(shop, "Ravi", "19:00", force=True)
    assert shop.events(ref).count("forced") == 1


def test_those_that_nobody_else_can_bring_are_named_and_the_others_are_not(shop: World) -> None:
    # There before 15:00: that is one trip.
    shop.person("Sita", shifts="Mo-Su 10:00-15:00")
    refs = [place(shop, time, f"{n} Park Road") for n, time in enumerate(("16:00", "18:00", "18:55"))]
    shop.tick()
    assert "at_risk" not in [shop.level(ref) for ref in refs]
    lost = stakes(lambda: pause(shop, "Ravi", "19:00"))
    assert len(lost) == 2
    pause(shop, "Ravi", "19:00", force=True)
    shop.tick()
    # As many as were named; which one Sita's trip saves is for the plan to say, and the first one looked at has it.
    assert [shop.level(ref) for ref in refs].count("at_risk") == 2


def test_others_make_room_where_they_can(shop: World) -> None:
    shop.person("Sita")
    refs = [place(shop, time, f"{n} Park Road") for n, time in enumerate(("15:30", "17:30", "16:30"))]
    shop.tick()
    assert stakes(lambda: pause(shop, "Ravi", "19:00")) == []
    shop.tick()
    assert {shop.level(ref) for ref in refs} <= {"on_track", "watch"}


def test_more_than_one_can_carry_is_at_stake_when_the_other_goes(shop: World) -> None:
    shop.person("Sita")
    refs = [place(shop, "15:30", f"{n} Park Road") for n in range(2)]
    shop.tick()
    assert [shop.level(ref) for ref in refs] == ["on_track"] * 2
    lost = stakes(lambda: pause(shop, "Ravi", "19:00"))
    assert len(lost) == 1
    pause(shop, "Ravi", "19:00", force=True)
    shop.tick()
    assert sorted(shop.level(ref) for ref in refs) == ["at_risk", "on_track"]


def test_whoever_packs_alone_is_counted_on_too(world: World) -> None:
    world.shop()
    world.person("Ravi", shifts="Mo-Su 16:00-21:00")
    world.person("Pia", role="buyer", shifts="Mo-Su 10:00-15:30")
    world.item("book", on_hand=1)
    world.ignore_rest()
    ref = place(world, "16:40")
    world.tick()
    # Packed by Pia before 15:30: Ravi, who comes at 16:00, must leave at 16:05.
    assert world.level(ref) == "on_track"
    assert stakes(lambda: pause(world, "Pia", "15:30")) == [ref]


@pytest.mark.parametrize(
    ("changes", "is_refused"),
    [
        # 14:10 packed, 14:45 there.
        ({"shifts": "Mo-Su 10:00-14:44"}, True),
        ({"shifts": "Mo-Su 10:00-15:30"}, False),
        ({"shifts": None}, True),
        ({"shifts": "Mo-Su 09:00-21:00"}, False),
        ({"role": "buyer"}, True),
        ({"branch": "far"}, True),
        ({"is_active": False}, True),
        ({"phone": "+442079460000"}, True),
        ({"on_call": True, "name": "Ravi K"}, False),
    ],
)
def test_a_change_of_shifts_or_tasks(shop: World, changes: dict[str, Any], is_refused: bool) -> None:
    shop.shop(code="far")
    ref = place(shop, "17:55")
    shop.tick()
    if "role" in changes:
        changes = {"role": type(shop.staff_row("Ravi").role)(changes["role"])}
    assert stakes(lambda: change(shop, "Ravi", changes)) == ([ref] if is_refused else [])
    assert (shop.staff_row("Ravi").version == 1) is is_refused
    change(shop, "Ravi", changes, say(force=True, reason="new roster"))
    shop.tick()
    assert shop.level(ref) == ("at_risk" if is_refused else "on_track")
    assert ("forced" in shop.events(ref)) is is_refused


def test_a_founder_counts_at_every_branch(shop: World) -> None:
    founder_here(shop)
    shop.shop(code="far")
    shop.do(lambda session: factories.make_item(session, shop.now, "book", 5, branch="far"))
    ref = place(shop, "18:00", branch="far")
    shop.tick()
    assert shop.level(ref) == "on_track"
    assert stakes(lambda: pause(shop, "Tara", "19:00")) == [ref]
    assert stakes(lambda: pause(shop, "Ravi", "19:00")) == []


def test_going_home_is_a_pause_until_the_end_of_the_shift(shop: World) -> None:
    ref = place(shop, "18:00")
    shop.tick()

    def go(name: str, **more: Any) -> None:
        shop.do(lambda session: absence.go_home(session, shop.people[name], shop.now, say=say(**more)))

    assert stakes(lambda: go("Ravi")) == [ref]
    go("Ravi", force=True, reason="fever")
    (row,) = shop.look(select(Pause))
    assert row.until == shop.at("19:00")
    with pytest.raises(Conflict, match="Tara has no shift just now"):
        go("Tara")


def test_bad_input_is_refused_forced_or_not(shop: World) -> None:
    for force in (False, True):
        with pytest.raises(Invalid):
            pause(shop, "Ravi", "13:00", force=force)
        with pytest.raises(NotFound):
            shop.do(
                lambda s, f=force: absence.pause(s, 999_999_999, shop.now, until=shop.at("19:00"), say=say(force=f))
            )


def test_of_two_who_pause_at_the_same_moment_only_one_passes(shop: World) -> None:
    shop.person("Sita")
    ref = place(shop, "18:00")
    shop.tick()

    def act(name: str) -> list[str]:
        return stakes(lambda: pause(shop, name, "19:00"))

    answers = at_once([lambda: act("Ravi"), lambda: act("Sita")])
    # The branch's row: the second one is judged when the first one's pause can be seen.
    assert sorted(answers) == [[], [ref]]
    assert len(shop.look(select(Pause))) == 1
    shop.tick()
    assert shop.level(ref) == "on_track"


def test_two_forced_at_the_same_moment_both_pass(shop: World) -> None:
    shop.person("Sita")
    refs = [place(shop, time, f"{n} Park Road") for n, time in enumerate(("17:00", "18:00", "18:30"))]
    shop.tick()
    at_once([lambda: pause(shop, "Ravi", "19:00", force=True), lambda: pause(shop, "Sita", "19:00", force=True)])
    assert len(shop.look(select(Pause))) == 2
    shop.tick()
    assert [shop.level(ref) for ref in refs] == ["at_risk"] * 3


# --- pins ------------------------------------------------------------------------------------------------------------


def test_a_pin_is_kept_said_and_counted_on(shop: World) -> None:
    shop.person("Sita")
    ref = place(shop, "18:00")
    shop.tick()
    before = shop.see(ref)["version"]
    assert pin(shop, ref, "Sita") == before + 1
    assert pin(shop, ref, "Sita") == before + 1
    assert texts(shop, ref).count("Pinned: Sita delivers it.") == 1
    assert stakes(lambda: pause(shop, "Sita", "19:00")) == [ref]
    assert stakes(lambda: pause(shop, "Ravi", "19:00")) == []
    shop.do(lambda session: pins.unpin(session, ref, Task.DELIVER, shop.now, actor="desk"))
    assert "Not pinned any more: whoever is free delivers it." in texts(shop, ref)


def test_a_pin_that_steals_the_only_rider_is_refused(shop: World) -> None:
    # Sita could bring either, Ravi as well; both together have time for one each.
    shop.person("Sita", shifts="Mo-Su 10:00-15:05")
    first = place(shop, "15:00", "1 Park Road")
    second = place(shop, "15:00", "2 Hill Street")
    shop.tick()
    assert "at_risk" not in (shop.level(first), shop.level(second))
    pin(shop, first, "Ravi")
    shop.tick()
    assert stakes(lambda: pin(shop, second, "Ravi")) == [second]
    pin(shop, first, "Sita")
    pin(shop, second, "Ravi")
    shop.tick()
    assert "at_risk" not in (shop.level(first), shop.level(second))


def test_a_pin_that_takes_the_only_rider_from_another_order_needs_force(shop: World) -> None:
    shop.person("Sita", role="manager", shifts="Mo-Su 10:00-15:05")
    shop.person("Anu", role="buyer")
    first = place(shop, "15:00", "1 Park Road")
    shop.do(lambda session: pins.pin(session, first, Task.DELIVER, shop.people["Ravi"], shop.now, say=say()))
    second = place(shop, "15:00", "2 Hill Street")
    shop.tick()
    assert "at_risk" not in (shop.level(first), shop.level(second))
    pin(shop, second, "Ravi", force=True, reason="he knows the way")
    shop.tick()
    assert sorted([shop.level(first), shop.level(second)])[0] == "at_risk"


def test_a_pin_on_somebody_who_can_not_make_it_needs_force(shop: World) -> None:
    ref = place(shop, "18:00")
    shop.tick()
    assert stakes(lambda: pin(shop, ref, "Tara")) == [ref]
    pin(shop, ref, "Tara", force=True, reason="she lives there")
    assert "Pinned: Tara delivers it: she lives there." in texts(shop, ref)
    shop.tick()
    assert shop.level(ref) == "at_risk"


@pytest.mark.parametrize("name", ["Pia", "Zoya"])
def test_whoever_may_not_do_it_can_not_be_pinned(shop: World, name: str) -> None:
    shop.shop(code="far")
    shop.person("Zoya", branch="far")
    ref = place(shop, "18:00")
    with pytest.raises(Invalid, match="staff_id"):
        pin(shop, ref, name)


def test_there_must_be_something_to_pin(shop: World) -> None:
    ref = place(shop, "18:00")
    with pytest.raises(Conflict, match="nothing to buy"):
        pin(shop, ref, "Pia", Task.PROCURE)
    shop.move(ref, "pack")
    shop.move(ref, "hand_over", staff_id=shop.people["Ravi"])
    with pytest.raises(Conflict, match="on its way"):
        pin(shop, ref, "Ravi")
    shop.move(ref, "deliver")
    with pytest.raises(Conflict, match="delivered"):
        pin(shop, ref, "Ravi")


def test_pins_end_with_the_order_and_with_whoever_leaves(shop: World) -> None:
    shop.person("Sita")
    refs = [place(shop, "18:00", f"{n} Park Road") for n in range(2)]
    shop.tick()
    for ref in refs:
        pin(shop, ref, "Sita", force=True)
    shop.move(refs[0], "cancel", reason="changed their mind")
    change(shop, "Sita", {"is_active": False}, say(force=True))
    assert "Not pinned any more, Sita can't be counted on for it: whoever is free delivers it." in texts(shop, refs[1])
    assert "unpinned" not in shop.events(refs[0])
    shop.tick()
    assert shop.level(refs[1]) == "on_track"

    def left(session: Session) -> list[int]:
        return [*pins.pinned_orders(session, shop.people["Sita"])]

    assert shop.do(left) == []


# --- if it happens all the same --------------------------------------------------------------------------------------


def test_a_stop_puts_what_counted_on_them_at_risk_with_the_next_look(shop: World) -> None:
    ref = place(shop, "18:00")
    shop.tick()
    shop.city.type(shop.numbers["Ravi"], "STOP")
    shop.tick()
    assert shop.level(ref) == "at_risk"


def test_a_phone_that_the_provider_says_has_opted_out_is_counted_on_no_more(shop: World) -> None:
    quiet = place(shop, "18:00")
    shop.tick()
    # The provider heard a STOP that never came to us.
    shop.city.sim.state.hear_keyword(shop.numbers["Ravi"], NUMBER, Keyword.STOP)
    loud = place(shop, "14:44", "2 Hill Street")
    shop.tick()
    assert shop.has_escalation(loud)
    assert shop.level(quiet) == "at_risk"


def test_the_end_of_a_pause_ends_the_risk(shop: World) -> None:
    ref = place(shop, "18:00")
    pause(shop, "Ravi", "19:00", force=True)
    shop.tick()
    assert shop.level(ref) == "at_risk"
    shop.clock.advance(seconds=timedelta(minutes=5).total_seconds())
    pause(shop, "Ravi", "14:30")
    shop.tick()
    assert shop.level(ref) == "on_track"
