"""How the facts are read: cautiously or hopefully, and when each person is free for a step; pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import NamedTuple

from ..foundation.hours import Span
from ..staff.rules import Person, Role, Skill
from . import wording
from .estimates import Spread
from .known import Busy, Facts, seconds
from .rules import ClockName, Said, Task, Window, Words

SKILL_OF = {Task.PROCURE: Skill.PROCURE, Task.DELIVER: Skill.DELIVER}
TASK_OF = {skill: task for task, skill in SKILL_OF.items()}
# Of people who are free for as long the specialists go first, and the founder last.
TURN = {Role.RIDER: 0, Role.BUYER: 0, Role.STAFF: 1, Role.MANAGER: 2, Role.FOUNDER: 3}


class Free(NamedTuple):
    """Somebody can be counted on in `span`: until they go `home`, or leave for the `next` order.

    `joined`: that trip leads to the same stop, and this order may go along; `next` is what comes after it, then.
    """

    span: Span
    home: datetime
    person: Person | None = None
    next: Busy | None = None
    joined: Busy | None = None


# From when to when somebody may begin a step of some length. No window yet: most are of no use to anybody.
Leave = tuple[datetime, datetime, Free]


@dataclass(frozen=True, kw_only=True)
class View:
    """Cautious: full lengths, and available people only, beside what else they are needed for. Hopeful: likely lengths,
    somebody for every step, whoever that will be, and a way to find what the usual shops don't have."""

    facts: Facts
    is_hopeful: bool
    # Everybody's own windows, also those that lie within somebody else's.
    is_each: bool = False

    def minutes(self, length: Spread) -> float:
        """A length as this view sees it."""
        return length.likely if self.is_hopeful else length.cautious

    def length(self, length: Spread) -> timedelta:
        """The same as whole seconds."""
        return seconds(self.minutes(length))

    def free(self, skill: Skill, *, stop: str = "") -> list[Free]:
        """When each person who may do it can be counted on, those whose turn it is first.

        Nobody here puts a promise at risk. It is not late for that: somebody may still be found, or come back.
        """
        if self.is_hopeful:
            return [Free(self.facts.horizon, self.facts.horizon.end)]
        key = (skill, stop if stop in self._stops else "")
        if key not in self._free:
            self._free[key] = self._find_free(*key)
        return self._free[key]

    def _find_free(self, skill: Skill, stop: str) -> list[Free]:
        found: list[Free] = []
        seen: list[tuple[Span, ...]] = []
        for person in self._able(skill):
            spans = self._spans[person.id]
            tasks = self._needed.get(person.id, [])
            if skill is Skill.PACK:
                # Whoever will leave later can pack before.
                tasks = [task for task in tasks if task.is_under_way]
            if tasks:
                found += self._beside(person, tasks, stop)
            elif self.is_each or spans not in seen:
                # Of people with the same hours and nothing else to do the first stands for all.
                found += [Free(span, span.end, person) for span in spans]
                seen.append(spans)
        return found

    def _beside(self, person: Person, tasks: Sequence[Busy], stop: str) -> list[Free]:
        """What is left of somebody's time: the same for every step that no trip of theirs can serve."""
        key = (person.id, len(tasks), stop if any(task.stop == stop for task in tasks) else "")
        if key not in self._cut:
            self._cut[key] = [free for span in self._spans[person.id] for free in _pieces(span, person, tasks, key[2])]
        return self._cut[key]

    def _able(self, skill: Skill) -> list[Person]:
        task = TASK_OF.get(skill)
        pinned = self.facts.pinned(task) if task else None
        able = [p for p in self.facts.people if p.can(skill) and (pinned is None or p.id == pinned)]
        return sorted(able, key=lambda person: self._turn(person, task))

    def _turn(self, person: Person, task: Task | None) -> tuple[bool, bool, int, int, int]:
        facts = self.facts
        was_counted_on = bool(facts.before) and (task, person.id) in facts.before
        needed = len(self._needed.get(person.id, ()))
        return person.id != facts.taker_id, not was_counted_on, TURN[person.role], needed, person.id

    @cached_property
    def _free(self) -> dict[tuple[Skill, str], list[Free]]:
        return {}

    @cached_property
    def _cut(self) -> dict[tuple[int, int, str], list[Free]]:
        return {}

    @cached_property
    def _stops(self) -> frozenset[str]:
        """Where somebody is going already."""
        return frozenset(busy.stop for busy in self.facts.busy)

    @cached_property
    def _needed(self) -> dict[int, list[Busy]]:
        found: dict[int, list[Busy]] = {}
        for busy in sorted(self.facts.busy, key=lambda busy: busy.start):
            found.setdefault(busy.staff_id, []).append(busy)
        return found

    @cached_property
    def _spans(self) -> dict[int, tuple[Span, ...]]:
        facts = self.facts
        spans = {person.id: person.windows() for person in facts.people}
        if facts.taker_id in spans and facts.accepted_at:
            # Whoever took it does it, shift or no shift.
            spans[facts.taker_id] = (Span(min(facts.accepted_at, facts.horizon.start), facts.horizon.end),)
        return spans

    def leaves(
        self, skill: Skill, length: timedelta, *, back: timedelta = timedelta(0), stop: str = ""
    ) -> Iterator[Leave]:
        """When people may begin a step of that length, `back` being their way back to the shop; in their turn."""
        both = length + back
        for free in self.free(skill, stop=stop):
            span, home, _, task, joined = free
            start, end = span.start, home - length
            if task is not None:
                end = min(end, task.start - both)
            if joined is not None:
                end = min(end, joined.start)
            if start <= end:
                yield start, end, free

    def local(self, now: datetime) -> Callable[[datetime], str]:
        """How the branch says a time to somebody who reads it now."""
        return partial(wording.clock_time, timezone=self.facts.timezone, promise=self.facts.promised_by, now=now)


def window_of(leave: Leave, length: timedelta) -> Window:
    """The window with what closes it in words: the trip that goes along, the way home, or what comes next."""
    start, end, (_, home, person, task, joined) = leave
    if person is None:
        return Window(start, end, ClockName.SHIFT_END, "")
    until = joined if joined is not None and end == joined.start else task
    if until is None or end == home - length:
        return Window(start, end, ClockName.SHIFT_END, _goes(person, home), staff_id=person.id)
    words = Said(wording.is_needed, (person.name, until.ref, until.task, until.start))
    return Window(start, end, ClockName.NOBODY_AVAILABLE, words, staff_id=person.id)


def _goes(person: Person, at: datetime) -> Words:
    """Why somebody can be counted on no longer: a pause has another end than a shift."""
    until = person.paused_until(at)
    return Said(wording.is_paused, (person.name, until)) if until else Said(wording.shift_ends, (person.name, at))


def _pieces(span: Span, person: Person, tasks: Sequence[Busy], stop: str) -> Iterator[Free]:
    """What is left of a span beside what somebody is needed for, in the order of its start."""
    start, home = span.start, span.end
    for task in tasks:
        if task.end <= start or task.start >= home:
            continue
        if task.start >= start:
            joined = _to_the_same_stop(task.start, tasks, stop) if stop else None
            after = _following(joined.end, tasks) if joined else task
            yield Free(Span(start, task.start), home, person, after, joined)
        start = max(start, task.end)
    if start < home:
        # Also after a pause, or on another shift, they must be back by then.
        yield Free(Span(start, home), home, person, _following(home, tasks))


def _to_the_same_stop(at: datetime, tasks: Sequence[Busy], stop: str) -> Busy | None:
    return next((task for task in tasks if task.start == at and task.stop == stop and not task.is_under_way), None)


def _following(at: datetime, tasks: Sequence[Busy]) -> Busy | None:
    """What somebody leaves for next; those who share a trip don't count."""
    return next((task for task in tasks if task.start >= at), None)


class Cover:
    """Windows seen so far: one that lies within another of an earlier turn is never taken, whatever is asked."""

    def __init__(self) -> None:
        self._starts: list[datetime] = []
        # The latest end of all that begin no later.
        self._ends: list[datetime] = []

    def adds(self, start: datetime, end: datetime) -> bool:
        """Note a window; False when it lies within another."""
        at = bisect_right(self._starts, start)
        if at and self._ends[at - 1] >= end:
            return False
        self._starts.insert(at, start)
        self._ends.insert(at, end)
        for later in range(at + 1, len(self._ends)):
            if self._ends[later] >= end:
                break
            self._ends[later] = end
        return True
