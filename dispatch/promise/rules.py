"""The clock's arithmetic: forwards to a projection, backwards to the last instant to act; pure.

Every step of an order is reduced to a duration and the spans in which it may *begin*. Going forwards, a step that can
begin at `s` ends at min over its spans of max(s, span.start) + duration; going backwards from a deadline `d` it must
begin by max over its spans of min(d - duration, span.end). The two are adjoint: forwards(s) <= d exactly while
s <= backwards(d). Chains, parallel steps (max / min) and choices (min / max) of adjoint steps are adjoint again, and
so `project(now) <= promise` exactly while `now <= act_by`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..foundation.hours import Span


class Level(enum.StrEnum):
    """How much danger a promise is in."""

    ON_TRACK = "on_track"
    WATCH = "watch"
    AT_RISK = "at_risk"
    LATE = "late"


class ClockName(enum.StrEnum):
    """Which clock sets the last instant to act."""

    SUPPLIER_CLOSING = "supplier_closing"
    PROCUREMENT = "procurement"
    PACKING = "packing"
    TRAVEL = "travel"
    SHIFT_END = "shift_end"
    NOBODY_AVAILABLE = "nobody_available"
    DEADLINE = "deadline"


@dataclass(frozen=True, kw_only=True)
class Option:
    """One way to do a step: how long it takes and when it may begin.

    `starts` are closed spans of instants. `edge` names the clock that ends the span (a shop closes, a shift ends),
    `label` names it in words ("City Books closes 18:00").
    """

    minutes: float
    starts: tuple[tuple[Span, ClockName, str], ...]
    who: str = ""

    @property
    def duration(self) -> timedelta:
        """How long it takes once begun."""
        return timedelta(minutes=self.minutes)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of an order: any of its options will do. `clock` is named when only its own length binds.

    `not_before`: an instant before which it can't end, whatever is done (goods already on their way).
    `impossible`: why no option can ever work, in words; empty when one can.
    """

    name: str
    clock: ClockName
    options: tuple[Option, ...]
    not_before: datetime | None = None
    impossible: str = ""
    impossible_clock: ClockName = ClockName.NOBODY_AVAILABLE


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is left to do: `parallel` steps side by side (buying), then `chain` one after another."""

    parallel: tuple[Step, ...]
    chain: tuple[Step, ...]


@dataclass(frozen=True, kw_only=True)
class Bound:
    """A last instant to begin, the clock that set it and its words."""

    at: datetime
    clock: ClockName
    words: str


def finish(step: Step, start: datetime) -> datetime | None:
    """The earliest end of a step that can begin at `start`; None when no option is left."""
    ends = [
        max(start, span.start) + option.duration
        for option in step.options
        for span, _, _ in option.starts
        if max(start, span.start) <= span.end
    ]
    if not ends:
        return None
    end = min(ends)
    return max(end, step.not_before) if step.not_before else end


def latest_start(step: Step, deadline: datetime, inherited: Bound) -> Bound | None:
    """The last instant at which a step may begin and still end by `deadline`; None when there is none.

    `inherited` is the bound of what comes after; it is passed on where this step's own spans don't bind.
    """
    if step.not_before and step.not_before > deadline:
        return None
    best: Bound | None = None
    for option in step.options:
        for span, edge, words in option.starts:
            free = deadline - option.duration
            if min(free, span.end) < span.start:
                continue
            if span.end < free:
                bound = Bound(at=span.end, clock=edge, words=words)
            else:
                bound = Bound(at=free, clock=inherited.clock, words=inherited.words)
            if best is None or bound.at > best.at:
                best = bound
    return best


def project(plan: Plan, now: datetime) -> datetime | None:
    """When the order will be with the customer if the next step begins now; None when it can't be done at all."""
    at: datetime | None = now
    ends = [finish(step, now) for step in plan.parallel]
    for end in ends:
        if end is None or at is None:
            return None
        at = max(at, end)
    for step in plan.chain:
        if at is None:
            return None
        at = finish(step, at)
    return at


def act_by(plan: Plan, promise: datetime) -> Bound | None:
    """The last instant at which the next step can begin; None when even the distant past would have been too late."""
    free = Bound(at=promise, clock=ClockName.DEADLINE, words="")
    bound: Bound | None = free
    for step in reversed(plan.chain):
        if bound is None:
            return None
        bound = latest_start(step, bound.at, bound)
    if not plan.parallel or bound is None:
        return bound
    starts = [latest_start(step, bound.at, bound) for step in plan.parallel]
    if any(start is None for start in starts):
        return None
    return min((start for start in starts if start), key=lambda start: start.at)


Predicate = Callable[[Step], bool]


def steps_of(plan: Plan) -> Sequence[Step]:
    """All steps, those that come first first."""
    return (*plan.parallel, *plan.chain)
