"""The clock and the plan from loaded facts, beside a fixed piece of work of the same run.

The fixed piece sorts and joins ten thousand numbers. Run it as `python -m tests.benchmarks.clock`.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from dispatch.foundation.hours import Span
from dispatch.orders.policy import Policy
from dispatch.orders.rules import Sourcing, Status
from dispatch.promise.assess import assess
from dispatch.promise.known import Busy, Door, Facts, LineFacts, SupplierFacts
from dispatch.promise.rules import Task
from dispatch.promise.slots import arrange, slots_of
from dispatch.staff.rules import Person, Role

NOW = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
# As far as people and hours are looked up for a promise five hours from now.
HORIZON = Span(NOW - DAY, NOW + timedelta(hours=5 + 36))
ROLES = (Role.RIDER, Role.BUYER, Role.STAFF, Role.RIDER, Role.MANAGER)
TIMES, BLOCKS = 40, 15


def at(day: int, hour: float) -> datetime:
    """An hour of a day, today being 0."""
    return NOW.replace(hour=0) + day * DAY + timedelta(hours=hour)


def every_day(*hours: tuple[float, float]) -> tuple[Span, ...]:
    """The same spans each day of the horizon."""
    spans = (Span(at(day, start), at(day, end)) for day in range(-1, 3) for start, end in hours)
    return tuple(span for span in spans if span.start < HORIZON.end and span.end > HORIZON.start)


def people(count: int) -> tuple[Person, ...]:
    """People of all roles; a third with split shifts, some paused for a while."""
    shifts = (every_day((9, 19)), every_day((8, 13), (15, 20)), every_day((10, 21)))
    return tuple(
        Person(
            id=number,
            name=f"P{number}",
            role=ROLES[number % len(ROLES)] if number else Role.FOUNDER,
            phone="",
            shifts=shifts[number % 3],
            pauses=(Span(at(0, 12), at(0, 12.5)),) if number % 4 == 0 else (),
        )
        for number in range(count)
    )


def busy(count: int, staff: int) -> tuple[Busy, ...]:
    """Trips for other orders, an hour each, spread over everybody's day."""
    return tuple(
        Busy(
            staff_id=number % staff,
            start=at(0, 14.5 + number // staff * 1.25),
            end=at(0, 15.5 + number // staff * 1.25),
            ref=f"R{number}",
            task=Task.DELIVER,
            by=number,
        )
        for number in range(count)
    )


def order(number: int = 0, *, staff: int = 10, needed: int = 0, hours: float = 5, is_here: bool = False) -> Facts:
    """One order: a line to be bought at one of two shops, or all of it on the shelf."""
    shops = tuple(
        SupplierFacts(
            id=n, name=f"Shop {n}", open=every_day((9.5, 18.5)), travel_minutes=10 + 5 * n, procure_minutes=30
        )
        for n in range(2)
    )
    sourcing = Sourcing.IN_STOCK if is_here else Sourcing.TO_PROCURE
    return Facts(
        promised_by=NOW + timedelta(hours=hours),
        status=Status.PACKING if is_here else Status.PROCURING,
        lines=(LineFacts(title="Physics 2", sourcing=sourcing, since=NOW, ready_at=None, suppliers=shops),),
        branch_open=every_day((9, 21)),
        timezone="Asia/Kolkata",
        policy=Policy(),
        travel_minutes=20,
        people=people(staff),
        horizon=HORIZON,
        busy=busy(needed, staff),
        door=Door(f"{number} park road"),
        ref=f"K{number}",
    )


def fixed_work() -> str:
    """What every figure of this run is measured against."""
    numbers = list(range(10_000))
    random.Random(7).shuffle(numbers)
    return ",".join(map(str, sorted(numbers)))


def ms(work: Callable[[], object], *, times: int = TIMES) -> float:
    """Milliseconds of one core: the median block, by the process's own clock, as others use this machine too."""
    found = []
    for _ in range(BLOCKS):
        start = time.process_time()
        for _ in range(times):
            work()
        found.append((time.process_time() - start) * 1000 / times)
    return statistics.median(found)


def show(name: str, work: Callable[[], object], unit: float, *, limit: float, times: int = TIMES) -> None:
    """One row of the table."""
    took = ms(work, times=times)
    print(f"| {name:58} | {took:8.2f} | {took / unit:6.2f} | {limit:5.0f} |")


def fifty(staff: int = 10) -> dict[int, Facts]:
    """Fifty orders over two days, every third to be bought first: about as many as ten people can keep."""
    chooser = random.Random(11)
    return {
        number: order(number, staff=staff, hours=2 + chooser.random() * 34, is_here=number % 3 != 0)
        for number in range(50)
    }


def main() -> None:
    """Measure and print."""
    unit = ms(fixed_work, times=10)
    print(f"| {'one go':58} | {'ms':>8} | {'ratio':>6} | {'limit':>5} |\n|{'-' * 60}|---------:|-------:|------:|")
    print(f"| {'fixed piece of work':58} | {unit:8.2f} | {1:6.2f} |       |")
    for staff in (10, 22):
        for needed in (0, 40):
            facts = order(staff=staff, needed=needed)
            show(f"assess, {staff} people, {needed} trips for others", lambda: assess(facts, NOW), unit, limit=1)  # noqa: B023
    orders = fifty()
    plan = arrange(orders, NOW)
    kept = "all kept" if plan is not None else "NOT all kept"
    show(f"arrange 50 orders, 10 people ({kept})", lambda: arrange(orders, NOW), unit, limit=100, times=1)
    crowded = fifty(staff=3)
    kept = "a plan was found" if arrange(crowded, NOW) is not None else "given up"
    show(f"arrange 50 orders, 3 people ({kept})", lambda: arrange(crowded, NOW), unit, limit=100, times=1)
    if plan is not None:
        new = order(99, hours=4)
        taken = tuple(
            new.needs(slot, by=n, door=orders[n].door, ref=orders[n].ref) for n, slots in plan.items() for slot in slots
        )
        beside = replace(new, busy=taken)
        show("fit one more in beside 50 others", lambda: slots_of(beside, NOW), unit, limit=100)


if __name__ == "__main__":
    main()
