"""One order at one instant: level, act by, projection and the binding clock in words; pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from ..orders.rules import IN_HAND, Status
from . import wording
from .rules import (
    Assessment,
    Bound,
    ClockName,
    Level,
    Plan,
    Step,
    act_by,
    finish,
    goods_at,
    latest_start,
    level_at,
    next_change,
    project,
)
from .steps import Facts, View, plan_of

# Where nobody can start, or everything has: "start by" would be no advice.
WITHOUT_A_START = (ClockName.NOBODY_AVAILABLE, ClockName.DEADLINE)


def assess(facts: Facts, now: datetime) -> Assessment:
    """What the clock says. Cautious lengths and available people set `act_by`; likely lengths and whoever may still be
    found set `late_at`, from which on nobody can keep the promise."""
    careful = View(facts=facts, is_hopeful=False)
    plan, hope = plan_of(careful), plan_of(View(facts=facts, is_hopeful=True))
    bound, last_hope = act_by(plan, facts.promised_by), act_by(hope, facts.promised_by)
    act = bound.at if bound else None
    late = max(last_hope.at, act) if last_hope and act else last_hope.at if last_hope else act
    watch = timedelta(minutes=facts.policy.watch_minutes)
    level = level_at(now, promise=facts.promised_by, act_by=act, late_at=late, watch=watch)
    clock, words = _binding(plan, bound, facts.promised_by, now)
    return Assessment(
        level=level,
        act_by=act,
        late_at=late,
        projected_at=project(plan, now),
        clock=clock,
        message=wording.sentence(
            words,
            promise=careful.local(facts.promised_by),
            act_by=careful.local(act) if act and not _is_under_way(clock, bound) else None,
            is_past=act is not None and now > act,
        ),
        needs_buying=any(line.sourcing not in IN_HAND for line in facts.lines),
        can_be_bought=_can_be_bought(plan, hope, facts, now),
        can_be_carried=_can_be_carried(plan, hope, facts, now),
        next_check_at=next_change(now, promise=facts.promised_by, act_by=act, late_at=late, watch=watch),
        promised_by=facts.promised_by,
    )


def _is_under_way(clock: ClockName, bound: Bound | None) -> bool:
    return clock in WITHOUT_A_START or bool(bound and bound.window and bound.window.is_under_way)


def _binding(plan: Plan, bound: Bound | None, promise: datetime, now: datetime) -> tuple[ClockName, str]:
    """Which clock sets the last instant to act, and why."""
    is_past = bound is None or now > bound.at
    for step in plan.steps:
        if is_past and not _anybody(step, now, promise):
            return ClockName.NOBODY_AVAILABLE, step.nobody
        if not any(option.windows for option in step.options) and step.closed:
            is_shop = step.clock is ClockName.PROCUREMENT and step.words
            return (ClockName.SUPPLIER_CLOSING if is_shop else step.clock), step.closed
    if bound is None:
        return _why_never(plan, promise)
    if bound.window is not None:
        return bound.window.clock, bound.window.words
    first = plan.steps[0]
    return first.clock, first.words


def _anybody(step: Step, now: datetime, promise: datetime) -> bool:
    return any(span.start <= promise and span.end > now for span in step.people)


def _why_never(plan: Plan, promise: datetime) -> tuple[ClockName, str]:
    """No instant would do: the step, going backwards, that leaves none."""
    bound: Bound | None = Bound(at=promise, window=None)
    for step in (*reversed(plan.chain), *plan.parallel):
        before = latest_start(step, bound) if bound else None
        if before is None:
            if step.closed and step.clock is ClockName.PROCUREMENT and not step.not_before:
                return ClockName.SUPPLIER_CLOSING, step.closed
            if step.options and step.words:
                return step.clock, step.words
            return ClockName.NOBODY_AVAILABLE, step.nobody
        bound = before if step in plan.chain else bound
    return ClockName.DEADLINE, ""


def _can_be_bought(plan: Plan, hope: Plan, facts: Facts, now: datetime) -> bool:
    """Whether those who are available can still get the goods here in time for somebody to bring them."""
    at = goods_at(plan, now)
    for step in hope.chain:
        at = finish(step, at) if at else None
    return at is not None and at <= facts.promised_by


def _can_be_carried(plan: Plan, hope: Plan, facts: Facts, now: datetime) -> bool:
    """Whether somebody available can still bring it in time once the goods are here."""
    here = goods_at(hope, now)
    if facts.status is Status.OUT_FOR_DELIVERY or here is None:
        return facts.status is Status.OUT_FOR_DELIVERY
    if facts.status is not Status.READY:
        here = finish(hope.chain[0], here)
    bound = latest_start(plan.chain[-1], Bound(at=facts.promised_by, window=None))
    return here is not None and bound is not None and bound.at >= here


__all__ = ["Assessment", "Facts", "Level", "assess"]
