"""The verdict at intake: yes, yes if, or no, by when at the earliest, and under which conditions; pure.

It is the clock's own assessment of an order that is not taken yet, with everybody's planned slots as busy. What it says
yes to fits beside all of them, so that taking the order moves nobody else's.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from . import wording
from .assess import assess
from .known import Facts
from .rules import Bound, ClockName, Level, Step, Verdict, last_starts, project
from .slots import Slots, slots_of
from .steps import plan_of
from .view import View

# Promises are given in steps of five minutes.
ROUND = timedelta(minutes=5)
# With less than this left it would be at risk before the call is over.
LEAST_SLACK = timedelta(minutes=1)
# Lengths depend on the hour of the promise: the search for the earliest goes back and forth at most so often.
MOST_TRIES = 8
KEPT = (Level.ON_TRACK, Level.WATCH)
FactsAt = Callable[[datetime], Facts]


class Part(enum.StrEnum):
    """What must be begun for an order."""

    PROCURE = "procure"
    PACK = "pack"
    DELIVER = "deliver"


@dataclass(frozen=True, kw_only=True)
class Start:
    """One part of the work: who does it, where it leads, and by when it must begin. `title`: of what is bought."""

    part: Part
    start_by: datetime
    by_whom: str | None = None
    supplier: str | None = None
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The verdict on one promise. `slots`: whom it counts on; `level`: what the clock would call it.

    `promised_by`: what was asked for, else the earliest; None when nothing can be promised. `act_by`: until when the
    verdict holds at the most.
    """

    verdict: Verdict
    promised_by: datetime | None
    earliest_by: datetime | None
    level: Level
    slack_minutes: int | None
    act_by: datetime | None
    clock: ClockName
    message: str
    conditions: tuple[str, ...] = ()
    plan: tuple[Start, ...] = ()
    slots: Slots = ()


def earliest(at: FactsAt, now: datetime) -> datetime | None:
    """The earliest promise that leaves `watch_minutes` of slack, rounded up; None when there is none in the horizon.

    `at`: the facts for a promise at that instant. What began `watch_minutes` from now would be there at `project`, and
    `project` and `act_by` are adjoint: a promise at that instant or later has that much slack, an earlier one has not.
    With errands to several shops, which are shared out from the promise, a somewhat earlier one may have it too.
    """
    asked, found = now, None
    for _ in range(MOST_TRIES):
        facts = at(asked)
        begun = now + max(timedelta(minutes=facts.policy.watch_minutes), LEAST_SLACK)
        end = project(plan_of(View(facts=facts, is_hopeful=False)), begun)
        if end is None:
            return found
        end = _rounded_up(end)
        if end <= asked and (found is None or asked < found):
            # Lengths of that hour allow it; perhaps those of an earlier one do so too.
            found = asked
        if end == asked:
            break
        asked = end
    return found


def _rounded_up(at: datetime) -> datetime:
    over = (at - datetime.min.replace(tzinfo=UTC)) % ROUND
    return at + (ROUND - over) if over else at


def judge(facts: Facts, now: datetime, *, earliest_by: datetime | None) -> Finding:
    """The verdict on the promise of these facts."""
    finding = _refusal(facts, now, earliest_by)
    if not _is_kept(finding, now):
        return finding
    plan = _plan(facts, last_starts(plan_of(View(facts=facts, is_hopeful=False)), facts.promised_by))
    conditions = _conditions(facts, plan, now, is_tight=finding.level is Level.WATCH)
    return replace(
        finding,
        verdict=Verdict.YES_IF if conditions else Verdict.YES,
        conditions=conditions,
        plan=plan,
        slots=slots_of(facts, now),
    )


def _is_kept(finding: Finding, now: datetime) -> bool:
    return finding.level in KEPT and finding.act_by is not None and finding.act_by - now >= LEAST_SLACK


def never(facts: Facts, now: datetime) -> Finding:
    """Nothing can be promised as far as the facts reach: why, at the end of that time."""
    return replace(_refusal(facts, now, None), promised_by=None, slack_minutes=None, act_by=None)


def _refusal(facts: Facts, now: datetime, earliest_by: datetime | None) -> Finding:
    result = assess(facts, now)
    return Finding(
        verdict=Verdict.NO,
        promised_by=facts.promised_by,
        earliest_by=earliest_by,
        level=result.level,
        slack_minutes=result.slack_minutes(now),
        act_by=result.act_by,
        clock=result.clock,
        message=result.message,
    )


def _plan(facts: Facts, starts: Sequence[tuple[Step, Bound | None]]) -> tuple[Start, ...]:
    """The parts in the order in which they must begin; what one trip fetches is one part."""
    names = {person.id: person.name for person in facts.people}
    found: dict[tuple[object, ...], Start] = {}
    for step, bound in starts:
        if bound is None or bound.option is None or bound.taken is None:
            continue
        part = Part(step.task.value) if step.task else Part.PACK
        # Whoever is here packs; nobody is counted on for it.
        who = None if part is Part.PACK else names.get(bound.taken.staff_id or 0)
        title = facts.lines[step.line].title if step.line is not None else ""
        start = Start(part=part, start_by=bound.at, by_whom=who, supplier=bound.option.supplier or None, title=title)
        found.setdefault((part, who, start.supplier or title, bound.at), start)
    return tuple(sorted(found.values(), key=lambda start: start.start_by))


def _conditions(facts: Facts, plan: Sequence[Start], now: datetime, *, is_tight: bool) -> tuple[str, ...]:
    """What somebody must do in time, in words: every errand, and the departure when little time is left."""
    found = []
    for start in plan:
        at = wording.clock_time(start.start_by, facts.timezone, promise=facts.promised_by, now=now)
        if start.part is Part.PROCURE:
            words = wording.leaves_for(start.supplier, at) if start.supplier else wording.goes_to_look(start.title, at)
            found.append(words)
        elif start.part is Part.DELIVER and is_tight:
            found.append(wording.leaves_the_shop(at))
    return tuple(dict.fromkeys(found))


def shops(finding: Finding) -> tuple[str, ...]:
    """Where goods must be bought."""
    bought = (start for start in finding.plan if start.part is Part.PROCURE)
    return tuple(dict.fromkeys(start.supplier or wording.ANOTHER_SHOP for start in bought))
