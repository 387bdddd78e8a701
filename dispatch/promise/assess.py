"""One order at one instant: level, act by, projection and the binding clock in words; pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ..orders.rules import IN_HAND, Status
from . import wording
from .known import Facts
from .rules import (
    Assessment,
    Bound,
    ClockName,
    Level,
    Plan,
    Step,
    Task,
    Words,
    act_by,
    finish,
    first_start,
    goods_at,
    in_words,
    last_starts,
    latest_start,
    level_at,
    next_change,
    project,
)
from .steps import plan_of
from .view import View

# How soon to look again at an order that needs somebody who is overdue elsewhere.
WAIT = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class Reasons:
    """The clock that sets the last instant to act, why, and whether "start by" is any advice."""

    clock: ClockName
    words: Words
    has_start: bool = True


def assess(facts: Facts, now: datetime) -> Assessment:
    """What the clock says. Cautious lengths and available people set `act_by`; likely lengths and whoever may still be
    found set `late_at`, from which on nobody can keep the promise."""
    careful = View(facts=facts, is_hopeful=False)
    plan, hope = plan_of(careful), plan_of(View(facts=facts, is_hopeful=True))
    starts = last_starts(plan, facts.promised_by)
    bound, last_hope = first_start(plan, starts, facts.promised_by), act_by(hope, facts.promised_by)
    act = bound.at if bound else None
    late = max(last_hope.at, act) if last_hope and act else last_hope.at if last_hope else act
    watch = timedelta(minutes=facts.policy.watch_minutes)
    level = level_at(now, promise=facts.promised_by, act_by=act, late_at=late, watch=watch)
    level = Level.ON_TRACK if facts.waits_in_time else level
    is_crowded = (bound is None or now > bound.at) and _could_be_kept_alone(facts, now)
    why = _too_many(facts) if is_crowded else _binding(plan, starts, bound, facts.promised_by, now)
    look = next_change(now, promise=facts.promised_by, act_by=act, late_at=late, watch=watch)
    local = careful.local(now)
    return Assessment(
        level=level,
        act_by=act,
        late_at=late,
        projected_at=project(plan, now),
        clock=why.clock,
        message=wording.sentence(
            in_words(why.words, local),
            promise=local(facts.promised_by),
            act_by=local(act) if act and why.has_start else None,
            is_past=act is not None and now > act,
        ),
        needs_buying=any(line.sourcing not in IN_HAND for line in facts.lines),
        can_be_bought=_can_be_bought(plan, hope, facts, now),
        can_be_carried=_can_be_carried(plan, hope, facts, now),
        next_check_at=min(look, now + WAIT) if look and facts.is_waiting_for_somebody else look,
        promised_by=facts.promised_by,
        is_crowded=is_crowded,
    )


def _could_be_kept_alone(facts: Facts, now: datetime) -> bool:
    """Whether it is only the other orders that take away the people this one needs."""
    if not facts.busy:
        return False
    alone = last_start(replace(facts, busy=()))
    return alone is not None and now <= alone


def last_start(facts: Facts) -> datetime | None:
    """The last instant to act, and nothing else of what the clock says; None when no instant would do."""
    bound = act_by(plan_of(View(facts=facts, is_hopeful=False)), facts.promised_by)
    return bound.at if bound else None


def _too_many(facts: Facts) -> Reasons:
    """More to do than there are people for: who is needed where."""
    people = {person.id: person.name for person in facts.people}
    names = dict.fromkeys(people[busy.staff_id] for busy in facts.busy if busy.staff_id in people)
    refs = dict.fromkeys(busy.ref for busy in facts.busy)
    words = wording.all_are_needed(tuple(names), tuple(refs))
    return Reasons(clock=ClockName.NOBODY_AVAILABLE, words=words, has_start=False)


def _binding(
    plan: Plan, starts: list[tuple[Step, Bound | None]], bound: Bound | None, promise: datetime, now: datetime
) -> Reasons:
    """Which clock sets the last instant to act, and why."""
    is_past = bound is None or now > bound.at
    for step in plan.steps:
        if is_past and not is_anybody_here(step, now, promise):
            return Reasons(clock=ClockName.NOBODY_AVAILABLE, words=step.nobody, has_start=False)
        if not any(option.windows for option in step.options) and step.closed:
            is_shop = step.clock is ClockName.PROCUREMENT and step.words
            return Reasons(clock=ClockName.SUPPLIER_CLOSING if is_shop else step.clock, words=step.closed)
    if bound is None:
        return _why_never(starts)
    if bound.window is not None:
        return Reasons(clock=bound.window.clock, words=bound.window.words, has_start=not bound.window.is_under_way)
    first = plan.steps[0]
    words = (bound.option.words if bound.option else "") or first.words
    return Reasons(clock=first.clock, words=words, has_start=first.clock is not ClockName.DEADLINE)


def is_anybody_here(step: Step, now: datetime, promise: datetime) -> bool:
    """Whether somebody who may do a step is there between now and the promise."""
    return any(span.start <= promise and span.end > now for span in step.people)


def _why_never(starts: list[tuple[Step, Bound | None]]) -> Reasons:
    """No instant would do: the step, going backwards, that leaves none."""
    for step, before in reversed(starts):
        if before is None:
            if step.closed and step.clock is ClockName.PROCUREMENT and not step.not_before:
                return Reasons(clock=ClockName.SUPPLIER_CLOSING, words=step.closed)
            is_left_to_nobody = step.task is Task.PROCURE and not any(option.windows for option in step.options)
            if step.options and step.words and not is_left_to_nobody:
                return Reasons(clock=step.clock, words=step.words)
            return Reasons(clock=ClockName.NOBODY_AVAILABLE, words=step.nobody)
    return Reasons(clock=ClockName.DEADLINE, words="")


def _can_be_bought(plan: Plan, hope: Plan, facts: Facts, now: datetime) -> bool:
    """Whether those who are available can still get the goods here in time for somebody to bring them."""
    at = goods_at(plan, now)
    for step in hope.chain:
        at = finish(step, at) if at else None
    return at is not None and at <= facts.promised_by


def _can_be_carried(plan: Plan, hope: Plan, facts: Facts, now: datetime) -> bool:
    """Whether somebody available can still bring it in time once the goods are here; nobody must where they collect."""
    if facts.is_to_be_collected:
        return True
    here = goods_at(hope, now)
    if facts.status is Status.OUT_FOR_DELIVERY or here is None:
        return facts.status is Status.OUT_FOR_DELIVERY
    if facts.status is not Status.READY:
        here = finish(hope.chain[0], here)
    bound = latest_start(plan.chain[-1], Bound(at=facts.promised_by, window=None))
    return here is not None and bound is not None and bound.at >= here
