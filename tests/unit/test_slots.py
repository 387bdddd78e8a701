"""Whom the plan counts on in plain cases: errands shared out, trips shared, room made, and what is under way."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dispatch.foundation.hours import Span
from dispatch.orders.policy import Policy
from dispatch.orders.rules import Sourcing, Status
from dispatch.promise.assess import assess
from dispatch.promise.known import THE_DOOR, Busy, Door, Facts, LineFacts, SupplierFacts
from dispatch.promise.rules import Level, Task
from dispatch.promise.slots import Slots, arrange, slots_of
from dispatch.staff.rules import Person, Role

# 14:00 in the shop, which keeps UTC here so that the table reads as it is meant.
NOW = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def at(time: str) -> datetime:
    hour, minute = map(int, time.split(":"))
    return NOW.replace(hour=hour, minute=minute)


def somebody(number: int, role: Role = Role.STAFF, start: str = "10:00", end: str = "19:00") -> Person:
    return Person(id=number, name=f"P{number}", role=role, phone="", shifts=(Span(at(start), at(end)),))


def shop(number: int, end: str = "18:00") -> SupplierFacts:
    hours = (Span(at("10:00"), at(end)),)
    return SupplierFacts(id=number, name=f"Shop {number}", open=hours, travel_minutes=15, procure_minutes=30)


def line(*shops: SupplierFacts, sourcing: Sourcing = Sourcing.TO_PROCURE, **changes: Any) -> LineFacts:
    return LineFacts(title="Physics 2", sourcing=sourcing, since=NOW, ready_at=None, suppliers=shops, **changes)


def facts(**changes: Any) -> Facts:
    """To be carried by 18:00: 10 to pack, 5 to hand over, 30 there and 30 back."""
    given: dict[str, Any] = {
        "promised_by": at("18:00"),
        "status": Status.PROCURING,
        "lines": (line(shop(1)),),
        "branch_open": (Span(at("09:00"), at("21:00")),),
        "timezone": "UTC",
        "policy": Policy(),
        "travel_minutes": 30,
        "people": (somebody(1),),
        "horizon": Span(NOW - DAY, NOW + DAY),
        "door": Door("1 park road"),
        "ref": "K7Q2",
    }
    return Facts(**{**given, **changes})


def busy(start: str, end: str, *, stop: str = "", staff_id: int = 1, **changes: Any) -> Busy:
    task = Task.PROCURE if stop.startswith("shop") else Task.DELIVER
    return Busy(staff_id=staff_id, start=at(start), end=at(end), ref="B4", task=task, stop=stop, **changes)


def told(slots: Slots) -> list[tuple[int, str, str, str]]:
    return [(slot.staff_id, slot.stop, f"{slot.start_by:%H:%M}", f"{slot.ends_at:%H:%M}") for slot in slots]


TWO_SHOPS = (line(shop(1)), line(shop(2)))
CASES = [
    # 18:00 - 35 = 17:25; - 10 to pack - 60 to buy = 16:15.
    ("bought and carried", {}, [(1, "shop 1", "16:15", "17:15"), (1, THE_DOOR, "17:25", "18:30")]),
    ("two shops and one person: in a row", {"lines": TWO_SHOPS},
     [(1, "shop 1", "15:15", "16:15"), (1, "shop 2", "16:15", "17:15"), (1, THE_DOOR, "17:25", "18:30")]),
    ("the shop that closes first comes first", {"lines": (line(shop(1)), line(shop(2, "16:30")))},
     [(1, "shop 2", "15:15", "16:15"), (1, "shop 1", "16:15", "17:15"), (1, THE_DOOR, "17:25", "18:30")]),
    ("two shops and two people: side by side", {"lines": TWO_SHOPS, "people": (somebody(1), somebody(2, Role.BUYER))},
     [(1, "shop 1", "16:15", "17:15"), (2, "shop 2", "16:15", "17:15"), (1, THE_DOOR, "17:25", "18:30")]),
    # The second buyer comes when it is too late for an errand: they are no help.
    ("two shops, the second person after the promise",
     {"lines": TWO_SHOPS, "people": (somebody(1), somebody(2, Role.BUYER, "18:30", "21:00"))},
     [(1, "shop 1", "15:15", "16:15"), (1, "shop 2", "16:15", "17:15"), (1, THE_DOOR, "17:25", "18:30")]),
    # Gone at 12:00: they can't have begun either, and a row by the one who is here leaves more time.
    ("two shops, the second person before now",
     {"lines": TWO_SHOPS, "people": (somebody(1), somebody(2, Role.BUYER, "09:00", "12:00"))},
     [(1, "shop 1", "15:15", "16:15"), (1, "shop 2", "16:15", "17:15"), (1, THE_DOOR, "17:25", "18:30")]),
    ("two lines at the same two shops: one trip",
     {"lines": (line(shop(1, "17:00"), shop(2)), line(shop(1, "17:00"), shop(2)))},
     [(1, "shop 1", "16:15", "17:15"), (1, THE_DOOR, "17:25", "18:30")]),
    ("along with a trip to the same shop", {"busy": (busy("16:00", "17:00", stop="shop 1"),)},
     [(1, "shop 1", "16:00", "17:00"), (1, THE_DOOR, "17:25", "18:30")]),
    ("not along with one that has left", {"busy": (busy("13:50", "14:50", stop="shop 1", is_under_way=True),),
                                          "promised_by": at("16:40")},
     [(1, "shop 1", "14:55", "15:55"), (1, THE_DOOR, "16:05", "17:10")]),
    # Along at 17:20 it would be back at 18:25, too late for the trip at 18:20.
    ("back for what comes after the shared trip",
     {"status": Status.READY, "busy": (busy("17:20", "17:50", stop=THE_DOOR), busy("18:20", "19:00"))},
     [(1, THE_DOOR, "17:15", "18:20")]),
    ("at the customer before the shift ends, also on a shared trip",
     {"status": Status.READY, "people": (somebody(1, Role.RIDER, "10:00", "17:40"),),
      "busy": (busy("17:20", "17:50", stop=THE_DOOR),)},
     [(1, THE_DOOR, "17:05", "18:10")]),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "expected"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_whom_it_counts_on(changes: dict[str, Any], expected: list[tuple[int, str, str, str]]) -> None:
    known = facts(**changes)
    assert sorted(told(slots_of(known, NOW)), key=lambda row: (row[2], row[1])) == sorted(
        expected, key=lambda row: (row[2], row[1])
    )
    assert assess(known, NOW).level is not Level.AT_RISK


def test_one_person_at_two_shops_at_once_is_no_plan() -> None:
    # Side by side it would do until 16:15, one after another only until 15:15.
    known = facts(lines=TWO_SHOPS)
    assert assess(known, NOW).act_by == at("15:15")
    assert assess(known, at("15:16")).level is Level.AT_RISK


def test_a_trip_after_a_break_is_reached_in_time() -> None:
    """Whoever is at the customer when the break begins is not back for a trip that leaves when it ends."""
    person = replace(somebody(1), pauses=(Span(at("16:00"), at("16:10")),))
    known = facts(status=Status.READY, promised_by=at("16:20"), people=(person,), busy=(busy("16:10", "17:00"),))
    assert told(slots_of(known, NOW)) == [(1, THE_DOOR, "15:05", "16:10")]


def test_orders_change_places_when_one_has_no_room() -> None:
    """The buyer alone can fetch: what anybody can carry goes to the rider."""
    people = (somebody(1), somebody(2, Role.RIDER, "10:00", "16:00"))
    carried = facts(status=Status.READY, promised_by=at("16:00"), people=people, door=Door("2 hill street"))
    bought = facts(promised_by=at("17:20"), people=people)
    alone = arrange({1: carried}, NOW)
    assert alone is not None
    plan = arrange({1: carried, 2: bought}, NOW)
    assert plan is not None
    assert {slot.staff_id for slot in plan[2]} == {1}
    assert told(plan[1])[0][0] == 2


def test_what_is_under_way_is_part_of_the_plan_that_is_found() -> None:
    searching = line(shop(1), sourcing=Sourcing.SEARCHING, buyer_id=1)
    plan = arrange({1: facts(lines=(searching,))}, NOW)
    assert plan is not None
    assert [(slot.task, slot.is_under_way) for slot in plan[1]] == [(Task.PROCURE, True), (Task.DELIVER, False)]


def test_there_is_no_plan_for_what_can_not_be_kept_alone() -> None:
    hopeless = facts(promised_by=at("14:20"))
    assert arrange({1: facts(), 2: hopeless}, NOW) is None
