"""The verdict never promises what the clock would not: whatever the hours, the people and what they already carry."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from dispatch.orders.rules import Sourcing, Status, status_of_lines
from dispatch.promise.assess import assess
from dispatch.promise.known import Busy, Facts
from dispatch.promise.rules import Level, Task, Verdict
from dispatch.promise.verdict import LEAST_SLACK, ROUND, Part, earliest, judge, never
from dispatch.staff.rules import Person, Role
from tests.generated import facts

MINUTE = timedelta(minutes=1)
SLOW = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much])


@st.composite
def asked(draw: st.DrawFn) -> tuple[Facts, datetime]:
    """An order that is not taken yet, beside what people already carry."""
    known, now = draw(facts())
    if draw(st.integers(0, 3)):
        # Mostly somebody is here who can do everything, so that much can be promised.
        somebody = Person(id=99, name="Tara", role=Role.MANAGER, phone="+447700900099", shifts=(known.horizon,))
        known = replace(known, people=(*known.people, somebody), branch_open=(known.horizon,))
    lines = tuple(
        replace(
            line,
            sourcing=draw(st.sampled_from([Sourcing.IN_STOCK, Sourcing.TO_PROCURE])),
            since=now,
            ready_at=None,
            buyer_id=None,
            kept_until=None,
        )
        for line in known.lines
    )
    busy = []
    for person in known.people:
        for _ in range(draw(st.integers(0, 3))):
            start = now + draw(st.integers(-60, 900)) * MINUTE
            end = start + draw(st.integers(10, 120)) * MINUTE
            task = draw(st.sampled_from(list(Task)))
            busy.append(Busy(staff_id=person.id, start=start, end=end, ref="K7Q2", task=task, by=1))
    new = {"handed_over_at": None, "carrier_id": None, "taker_id": None, "accepted_at": None, "pins": ()}
    status = status_of_lines(line.sourcing for line in lines)
    return replace(known, lines=lines, status=status, busy=tuple(busy), before=frozenset(), **new), now


@SLOW
@given(asked(), st.integers(0, 30 * 60))
def test_yes_is_never_said_to_what_is_at_risk(given_: tuple[Facts, datetime], minutes: int) -> None:
    known, now = given_
    facts_ = replace(known, promised_by=now + minutes * MINUTE)
    found, clock = judge(facts_, now, earliest_by=None), assess(facts_, now)
    if found.verdict is Verdict.NO:
        assert clock.level in (Level.AT_RISK, Level.LATE) or clock.act_by is None or clock.act_by - now < LEAST_SLACK
        assert (found.plan, found.slots, found.conditions) == ((), (), ())
        return
    assert clock.level in (Level.ON_TRACK, Level.WATCH)
    later = assess(facts_, now + LEAST_SLACK)
    assert later.level in (Level.ON_TRACK, Level.WATCH)
    assert (found.verdict is Verdict.YES) is (not found.conditions)
    if found.verdict is Verdict.YES:
        assert clock.level is Level.ON_TRACK
        assert all(line.sourcing is Sourcing.IN_STOCK for line in facts_.lines)


@SLOW
@given(asked(), st.integers(0, 30 * 60))
def test_what_it_counts_on_is_nobody_elses(given_: tuple[Facts, datetime], minutes: int) -> None:
    known, now = given_
    found = judge(replace(known, promised_by=now + minutes * MINUTE), now, earliest_by=None)
    for slot in found.slots:
        others = [busy for busy in known.busy if busy.staff_id == slot.staff_id]
        assert all(busy.end <= slot.start_by or slot.ends_at <= busy.start for busy in others)
        assert slot.start_by >= now
    who = {(Task(start.part.value), start.start_by) for start in found.plan if start.part is not Part.PACK}
    assert {(slot.task, slot.start_by) for slot in found.slots} <= who


@SLOW
@given(asked())
def test_the_earliest_can_be_promised_and_sooner_can_not(given_: tuple[Facts, datetime]) -> None:
    known, now = given_

    def at(instant: datetime) -> Facts:
        return replace(known, promised_by=instant)

    first = earliest(at, now)
    watch = max(timedelta(minutes=known.policy.watch_minutes), LEAST_SLACK)
    if first is None:
        end = judge(at(known.horizon.end), now, earliest_by=None)
        assert end.act_by is None or end.act_by < now + watch
        assert never(at(known.horizon.end), now).verdict is Verdict.NO
        return
    found = judge(at(first), now, earliest_by=first)
    assert found.verdict is not Verdict.NO
    assert found.level is Level.ON_TRACK
    assert found.act_by is not None
    assert found.act_by >= now + watch
    if sum(line.sourcing is Sourcing.TO_PROCURE for line in known.lines) > 1:
        # Who goes to which of several shops is decided from the promise: there the search may stop too late.
        return
    sooner = judge(at(first - ROUND), now, earliest_by=first)
    assert sooner.act_by is None or sooner.act_by < now + watch


@SLOW
@given(asked(), st.integers(1, 120), st.integers(1, 120))
def test_lengths_that_depend_on_the_hour_are_those_of_the_promise(
    given_: tuple[Facts, datetime], even: int, odd: int
) -> None:
    known, now = given_

    def at(instant: datetime) -> Facts:
        slow = (instant - now) // timedelta(hours=4) % 2
        return replace(known, promised_by=instant, way=None, travel_minutes=odd if slow else even)

    first = earliest(at, now)
    assume(first is not None)
    assert first is not None
    assert judge(at(first), now, earliest_by=first).level is Level.ON_TRACK


def test_a_new_order_is_bought_or_packed_first() -> None:
    assert status_of_lines([Sourcing.IN_STOCK]) is Status.PACKING
    assert status_of_lines([Sourcing.IN_STOCK, Sourcing.TO_PROCURE]) is Status.PROCURING
