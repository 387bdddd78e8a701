"""The promise clock: forwards and backwards agree to the second, the next look comes just when the level turns."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from dispatch.orders.rules import Sourcing, Status
from dispatch.promise.assess import assess
from dispatch.promise.known import Facts
from dispatch.promise.rules import (
    Bound,
    ClockName,
    Level,
    Option,
    Plan,
    Step,
    Window,
    act_by,
    finish,
    last_starts,
    latest_start,
    level_at,
    project,
)
from dispatch.promise.steps import MUST_BE_FETCHED, plan_of
from dispatch.promise.view import View
from tests.generated import DAY, MINUTE, facts

SLOW = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@SLOW
@given(facts(), st.booleans(), st.integers(-20 * 60, 20 * 60))
def test_it_is_in_time_exactly_until_act_by(given_: tuple[Facts, datetime], is_hopeful: bool, offset: int) -> None:
    known, now = given_
    plan = plan_of(View(facts=known, is_hopeful=is_hopeful))
    bound = act_by(plan, known.promised_by)
    # At the last instant and just past it, and anywhere else.
    for at in [now, now + offset * MINUTE, *([bound.at, bound.at + timedelta(microseconds=1)] if bound else [])]:
        end = project(plan, at)
        in_time = end is not None and end <= known.promised_by
        assert in_time is (bound is not None and at <= bound.at)


@SLOW
@given(facts(), st.integers(0, 24 * 60), st.integers(0, 24 * 60))
def test_starting_later_never_ends_earlier(given_: tuple[Facts, datetime], first: int, more: int) -> None:
    known, now = given_
    plan = plan_of(View(facts=known, is_hopeful=False))
    early, late = project(plan, now + first * MINUTE), project(plan, now + (first + more) * MINUTE)
    if early is None:
        assert late is None
    if late is not None:
        assert early is not None
        assert early <= late


@SLOW
@given(facts())
def test_act_by_comes_before_late(given_: tuple[Facts, datetime]) -> None:
    known, now = given_
    result = assess(known, now)
    if result.act_by is not None:
        assert result.late_at is not None
        assert result.act_by <= result.late_at
    if result.late_at is not None:
        assert result.late_at <= known.promised_by
    assert result.message.endswith(".")
    assert isinstance(result.clock, ClockName)


@SLOW
@given(facts())
def test_the_next_look_comes_exactly_when_the_level_turns(given_: tuple[Facts, datetime]) -> None:
    known, now = given_
    result = assess(known, now)

    def level(at: datetime) -> Level:
        watch = timedelta(minutes=known.policy.watch_minutes)
        return level_at(at, promise=known.promised_by, act_by=result.act_by, late_at=result.late_at, watch=watch)

    assert level(now) is result.level
    if result.next_check_at is None:
        assert now > known.promised_by
        assert level(now + DAY) is level(now) is Level.LATE
        return
    assert result.next_check_at > now
    last = result.next_check_at - timedelta.resolution
    # Constant all the way: a later look would miss nothing.
    for share in (0, 0.25, 0.5, 0.99, 1):
        if last > now:
            assert level(now + (last - now) * share) is result.level
    if level(result.next_check_at) is result.level:
        # Two ends may fall together, and the promise itself is always looked at.
        ends = [known.promised_by, result.act_by, result.late_at]
        ends += [result.act_by - timedelta(minutes=known.policy.watch_minutes)] if result.act_by else []
        assert last in ends


@SLOW
@given(facts())
def test_levels_only_get_worse_with_time_alone(given_: tuple[Facts, datetime]) -> None:
    known, now = given_
    result = assess(known, now)
    watch = timedelta(minutes=known.policy.watch_minutes)
    order = list(Level)
    seen = [
        order.index(
            level_at(
                now + step * 7 * MINUTE,
                promise=known.promised_by,
                act_by=result.act_by,
                late_at=result.late_at,
                watch=watch,
            )
        )
        for step in range(300)
    ]
    assert seen == sorted(seen)


@SLOW
@given(facts())
def test_more_people_never_make_it_later(given_: tuple[Facts, datetime]) -> None:
    known, now = given_
    alone = plan_of(View(facts=replace(known, people=known.people[:-1]), is_hopeful=False))
    together = plan_of(View(facts=known, is_hopeful=False))
    last, with_more = act_by(alone, known.promised_by), act_by(together, known.promised_by)
    if last is not None:
        assert with_more is not None
        assert with_more.at >= last.at
    fewer, more = project(alone, now), project(together, now)
    # Where errands are shared out it is for the latest start, which may leave the earliest to nobody.
    if fewer is not None and not is_shared_out(known):
        assert more is not None
        assert more <= fewer


@settings(suppress_health_check=[*HealthCheck])
@given(facts(states=[Status.PROCURING]), st.integers(0, 8 * 60), st.booleans())
def test_to_start_looking_in_time_never_makes_it_worse(
    given_: tuple[Facts, datetime], before: int, is_named: bool
) -> None:
    """Whether or not somebody has said where they look, if that is where the plan has them."""
    known = _with_first(given_[0], sourcing=Sourcing.TO_PROCURE, ready_at=None)
    plan = plan_of(View(facts=known, is_hopeful=False))
    bound = act_by(plan, known.promised_by)
    assume(bound is not None)
    assert bound is not None
    at = bound.at - before * MINUTE
    shops = known.lines[0].suppliers
    ways = [way for step, way in last_starts(plan, known.promised_by) if step.line == 0]
    if is_named and ways and ways[0] and ways[0].option:
        shops = tuple(shop for shop in shops if shop.stop == ways[0].option.stop)
    looked_for = _with_first(known, sourcing=Sourcing.SEARCHING, since=at, suppliers=shops)
    was, is_ = assess(known, at), assess(looked_for, at)
    assert is_.act_by is not None
    assert is_.act_by >= bound.at
    assert list(Level).index(is_.level) <= list(Level).index(was.level)


def _with_first(known: Facts, **changes: Any) -> Facts:
    return replace(known, lines=(replace(known.lines[0], **changes), *known.lines[1:]))


def is_shared_out(known: Facts) -> bool:
    errands = [line for line in known.lines if line.sourcing in MUST_BE_FETCHED]
    places = {frozenset(shop.stop for shop in line.suppliers) for line in errands}
    return len(errands) > 1 and (len(places) > 1 or len(next(iter(places))) > 1)


# --- against somebody who looks at every minute -----------------------------------------------------------------------

T0 = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
LENGTH = 240


@st.composite
def small_steps(draw: st.DrawFn) -> Step:
    options = []
    for _ in range(draw(st.integers(1, 2))):
        windows = []
        for _ in range(draw(st.integers(0, 3))):
            start = draw(st.integers(0, LENGTH))
            end = start + draw(st.integers(0, 60))
            windows.append(Window(T0 + start * MINUTE, T0 + end * MINUTE, ClockName.SHIFT_END, ""))
        options.append(Option(duration=draw(st.integers(0, 60)) * MINUTE, windows=tuple(windows)))
    not_before = draw(st.none() | st.integers(0, LENGTH).map(lambda m: T0 + m * MINUTE))
    return Step(clock=ClockName.PACKING, words="", options=tuple(options), not_before=not_before)


def slow_finish(step: Step, start: int) -> int | None:
    """Try every minute at which each option may begin."""
    best: int | None = None
    for option in step.options:
        for minute in range(start, 2 * LENGTH):
            at = T0 + minute * MINUTE
            if any(window.start <= at <= window.end for window in option.windows):
                end = minute + int(option.duration / MINUTE)
                best = end if best is None else min(best, end)
                break
    if best is not None and step.not_before is not None:
        best = max(best, int((step.not_before - T0) / MINUTE))
    return best


@SLOW
@given(st.lists(small_steps(), max_size=2), st.lists(small_steps(), min_size=1, max_size=2), st.integers(0, LENGTH))
def test_a_slow_simulation_agrees(parallel: list[Step], chain: list[Step], start: int) -> None:
    plan = Plan(parallel=tuple(parallel), chain=tuple(chain))
    ends = [slow_finish(step, start) for step in parallel]
    at: int | None = None if None in ends else max([start, *(end for end in ends if end is not None)])
    for step in chain:
        at = slow_finish(step, at) if at is not None else None
    assert project(plan, T0 + start * MINUTE) == (None if at is None else T0 + at * MINUTE)


@SLOW
@given(small_steps(), st.integers(0, LENGTH), st.integers(0, 2 * LENGTH))
def test_one_step_forwards_and_backwards_are_adjoint(step: Step, start: int, deadline: int) -> None:
    begin, due = T0 + start * MINUTE, T0 + deadline * MINUTE
    end, last = finish(step, begin), latest_start(step, Bound(at=due, window=None))
    assert (end is not None and end <= due) is (last is not None and begin <= last.at)


@SLOW
@given(facts(states=[Status.OUT_FOR_DELIVERY]))
def test_an_order_that_is_on_its_way_is_nobody_s_shift(given_: tuple[Facts, datetime]) -> None:
    known, now = given_
    assert assess(known, now).level == assess(replace(known, people=()), now).level
