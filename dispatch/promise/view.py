"""How the facts are read: cautiously or hopefully, and when each person is free for a step; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from ..foundation.hours import Span
from ..staff.rules import Person, Role, Skill
from . import wording
from .estimates import Spread
from .known import Busy, Facts, seconds
from .rules import ClockName, Said, Task, Window

SKILL_OF = {Task.PROCURE: Skill.PROCURE, Task.DELIVER: Skill.DELIVER}
TASK_OF = {skill: task for task, skill in SKILL_OF.items()}
# Of people who are free for as long the specialists go first, and the founder last.
TURN = {Role.RIDER: 0, Role.BUYER: 0, Role.STAFF: 1, Role.MANAGER: 2, Role.FOUNDER: 3}


class Free(NamedTuple):
    """Somebody can be counted on in `span`; at its end they are needed for another order (`until`), or go home."""

    span: Span
    person: Person | None = None
    until: Busy | None = None
    # What they are needed for leads to the same stop: this order may go along.
    joins: bool = False


@dataclass(frozen=True, kw_only=True)
class View:
    """Cautious: full lengths, and available people only, beside what else they are needed for. Hopeful: likely lengths,
    somebody for every step, whoever that will be, and a way to find what the usual shops don't have."""

    facts: Facts
    is_hopeful: bool

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
            return [Free(self.facts.horizon)]
        found: list[Free] = []
        for person in self._able(skill):
            tasks = self._needed.get(person.id, [])
            if skill is Skill.PACK:
                # Whoever will leave later can pack before.
                tasks = [task for task in tasks if task.is_under_way]
            for span in self._spans[person.id]:
                found += _pieces(span, person, tasks, stop)
        return found

    def _able(self, skill: Skill) -> list[Person]:
        task = TASK_OF.get(skill)
        pinned = self.facts.pinned(task) if task else None
        able = [p for p in self.facts.people if p.can(skill) and (pinned is None or p.id == pinned)]
        return sorted(able, key=lambda person: self._turn(person, task))

    def _turn(self, person: Person, task: Task | None) -> tuple[bool, bool, int, int, int]:
        is_taker = person.id == self.facts.taker_id
        was_counted_on = (task, person.id) in self.facts.before
        return not is_taker, not was_counted_on, TURN[person.role], len(self._needed.get(person.id, ())), person.id

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

    def leave(self, free: Free, length: timedelta, back: timedelta = timedelta(0)) -> Window:
        """When somebody may begin a step of that length, `back` being their way back to the shop."""
        span, person, until, joins = free
        if person is None:
            return Window(span.start, span.end - length, ClockName.SHIFT_END, "")
        if until is None:
            words = Said(wording.shift_ends, (person.name, span.end))
            return Window(span.start, span.end - length, ClockName.SHIFT_END, words, staff_id=person.id)
        end = span.end if joins else span.end - length - back
        words = Said(wording.is_needed, (person.name, until.ref, until.task, span.end))
        return Window(span.start, end, ClockName.NOBODY_AVAILABLE, words, staff_id=person.id)

    def local(self, instant: datetime) -> str:
        """A time as the branch says it."""
        return wording.clock_time(instant, self.facts.timezone, self.facts.promised_by)


def _pieces(span: Span, person: Person, tasks: list[Busy], stop: str) -> Iterator[Free]:
    """What is left of a span beside what somebody is needed for, each piece with what ends it."""
    start = span.start
    for task in tasks:
        if task.end <= start or task.start >= span.end:
            continue
        if task.start >= start:
            joins = bool(stop) and task.stop == stop and not task.is_under_way
            yield Free(Span(start, task.start), person, task, joins)
        start = max(start, task.end)
    if start < span.end:
        yield Free(Span(start, span.end), person)
