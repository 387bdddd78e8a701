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
from typing import NamedTuple

from ..foundation.hours import Span


class Level(enum.StrEnum):
    """How much danger a promise is in."""

    ON_TRACK = "on_track"
    WATCH = "watch"
    AT_RISK = "at_risk"
    LATE = "late"


IN_DANGER = (Level.AT_RISK, Level.LATE)


class ClockName(enum.StrEnum):
    """Which clock sets the last instant to act."""

    SUPPLIER_CLOSING = "supplier_closing"
    PROCUREMENT = "procurement"
    PACKING = "packing"
    TRAVEL = "travel"
    SHIFT_END = "shift_end"
    NOBODY_AVAILABLE = "nobody_available"
    DEADLINE = "deadline"


class Task(enum.StrEnum):
    """What takes somebody out of the shop."""

    PROCURE = "procure"
    DELIVER = "deliver"


class Verdict(enum.StrEnum):
    """What to tell a customer who asks whether we can."""

    YES = "yes"
    YES_IF = "yes_if"
    NO = "no"


class Said(NamedTuple):
    """Words that are put together only when somebody reads them: most windows never bind, and nobody asks them why."""

    template: Callable[..., str]
    parts: tuple[object, ...] = ()

    def text(self, local: Callable[[datetime], str]) -> str:
        """The words, instants as the branch says them."""
        return self.template(*(local(part) if isinstance(part, datetime) else part for part in self.parts))


Words = str | Said


def in_words(words: Words, local: Callable[[datetime], str]) -> str:
    """The words as text."""
    return words if isinstance(words, str) else words.text(local)


class Window(NamedTuple):
    """A closed span of instants at which a step may begin, and who would begin it.

    `clock` is the one that closes it (a shop shuts, a shift ends) and `words` says so.
    """

    start: datetime
    end: datetime
    clock: ClockName
    words: Words
    # The words say by when already: nothing is left to start.
    is_under_way: bool = False
    staff_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class Option:
    """One way to do a step: how long it takes once begun, and when it may begin.

    `back`: how long whoever does it is away after its end. `stop`: where it leads, so that trips can be shared;
    `supplier` by name where it is another shop. `words`: what to say of this way's length, where the step has others.
    """

    duration: timedelta
    windows: tuple[Window, ...]
    back: timedelta = timedelta(0)
    stop: str = ""
    supplier: str = ""
    words: Words = ""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of an order; any of its options will do.

    `clock` and `words` name the step's own length where that is what binds. `people` are the spans of those who may
    do it, before any shop's hours. `not_before`: it can't end earlier, whatever is done (a search already under way).
    `closed` says why there is no option at all. `task` and `line` (its number in the order) say what somebody leaves
    the shop for.
    """

    clock: ClockName
    words: Words
    options: tuple[Option, ...]
    people: tuple[Span, ...] = ()
    nobody: Words = ""
    not_before: datetime | None = None
    closed: Words = ""
    task: Task | None = None
    line: int | None = None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is left to do: buying, `parallel` side by side and `serial` one after another, then the `chain`."""

    parallel: tuple[Step, ...]
    chain: tuple[Step, ...]
    serial: tuple[Step, ...] = ()

    @property
    def steps(self) -> tuple[Step, ...]:
        """All of them, those that come first first."""
        return (*self.parallel, *self.serial, *self.chain)


@dataclass(frozen=True, kw_only=True)
class Bound:
    """A last instant to begin; `window` is the one that set it, None when only the lengths of the steps did.

    `option` and `taken`: the way of doing the step, and the window, that allow the latest start.
    """

    at: datetime
    window: Window | None
    option: Option | None = None
    taken: Window | None = None


def finish(step: Step, start: datetime) -> datetime | None:
    """The earliest end of a step that can begin at `start`; None when no option is left."""
    ends = [
        max(start, window.start) + option.duration
        for option in step.options
        for window in option.windows
        if start <= window.end
    ]
    if not ends:
        return None
    return max(min(ends), step.not_before) if step.not_before else min(ends)


def latest_start(step: Step, deadline: Bound) -> Bound | None:
    """The last instant at which a step may begin and still end by a deadline; None when there is none.

    The deadline's own window is passed on where this step's windows leave it slack. Of equals the first one wins.
    """
    if step.not_before and step.not_before > deadline.at:
        return None
    best: tuple[datetime, Option, Window] | None = None
    for option in step.options:
        free = deadline.at - option.duration
        for window in option.windows:
            if free < window.start:
                continue
            at = min(window.end, free)
            if best is None or at > best[0]:
                best = (at, option, window)
    if best is None:
        return None
    at, option, window = best
    setter = window if window.end < deadline.at - option.duration else deadline.window
    return Bound(at=at, window=setter, option=option, taken=window)


def project(plan: Plan, now: datetime) -> datetime | None:
    """When the order will be with the customer if the next step begins now; None when it can't be done at all."""
    return _through(plan.chain, goods_at(plan, now))


def goods_at(plan: Plan, now: datetime) -> datetime | None:
    """When everything that must be bought will be here; `now` when nothing must be."""
    ends = [finish(step, now) for step in plan.parallel]
    last = _through(plan.serial, now)
    if last is None or None in ends:
        return None
    return max([last, *(end for end in ends if end)])


def _through(steps: Sequence[Step], at: datetime | None) -> datetime | None:
    for step in steps:
        at = finish(step, at) if at else None
    return at


def last_starts(plan: Plan, promise: datetime) -> list[tuple[Step, Bound | None]]:
    """Each step that is left with the last instant at which it may begin, backwards from the promise."""
    found: list[tuple[Step, Bound | None]] = []
    bound: Bound | None = Bound(at=promise, window=None)
    for step in reversed(plan.chain):
        bound = latest_start(step, bound) if bound else None
        found.append((step, bound))
    here = bound
    for step in reversed(plan.serial):
        bound = latest_start(step, bound) if bound else None
        found.append((step, bound))
    found += [(step, latest_start(step, here) if here else None) for step in reversed(plan.parallel)]
    return found[::-1]


def act_by(plan: Plan, promise: datetime) -> Bound | None:
    """The last instant at which the next step can begin; None when no instant would do."""
    return first_start(plan, last_starts(plan, promise), promise)


def first_start(plan: Plan, starts: Sequence[tuple[Step, Bound | None]], promise: datetime) -> Bound | None:
    """Of the last starts of all steps the one that counts now: the earliest of those that can begin."""
    if not starts:
        return Bound(at=promise, window=None)
    beginning = [bound for _, bound in starts[: len(plan.parallel)]]
    if plan.serial or not plan.parallel:
        beginning.append(starts[len(plan.parallel)][1])
    if None in beginning:
        return None
    return min((bound for bound in beginning if bound), key=lambda bound: bound.at)


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """What the clock says of one order at one instant. `act_by` and `late_at` are the last good instants.

    `can_be_bought`, `can_be_carried`: those who are available could do that part in time, whoever does the others.
    `is_crowded`: it could be kept if people were not needed for other orders.
    """

    level: Level
    act_by: datetime | None
    late_at: datetime | None
    projected_at: datetime | None
    clock: ClockName
    message: str
    needs_buying: bool
    can_be_bought: bool
    can_be_carried: bool
    next_check_at: datetime | None
    promised_by: datetime
    is_crowded: bool = False

    def slack_minutes(self, now: datetime) -> int | None:
        """Whole minutes until the promise can no longer be kept, rounded down; None when it never could."""
        if self.act_by is not None:
            return int((self.act_by - now).total_seconds() // 60)
        if self.projected_at is not None:
            return int((self.promised_by - self.projected_at).total_seconds() // 60)
        return None


def level_at(
    now: datetime, *, promise: datetime, act_by: datetime | None, late_at: datetime | None, watch: timedelta
) -> Level:
    """How much danger there is: `late` past `late_at` or the promise, `at_risk` just past `act_by`."""
    if now > promise or late_at is None or now > late_at:
        return Level.LATE
    if act_by is None or now > act_by:
        return Level.AT_RISK
    return Level.WATCH if act_by - now < watch else Level.ON_TRACK


def next_change(
    now: datetime, *, promise: datetime, act_by: datetime | None, late_at: datetime | None, watch: timedelta
) -> datetime | None:
    """The next instant at which time alone changes the level; None when it never will again."""
    # The board shows the new level from this very instant: nobody may be called later than that.
    just_past = timedelta.resolution
    instants = [promise + just_past]
    if act_by is not None:
        # At slack equal to `watch` it is still on track.
        instants += [act_by - watch + just_past, act_by + just_past]
    if late_at is not None:
        instants.append(late_at + just_past)
    return min((instant for instant in instants if instant > now), default=None)
