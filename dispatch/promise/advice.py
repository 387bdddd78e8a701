"""The plan of one order as advice: who does each step, by when, and why not sooner; pure.

By when comes from going backwards from the promise, why not sooner from going forwards from now.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from ..orders.rules import IN_HAND, Status
from ..staff.rules import Person
from . import plan_wording, wording
from .known import Facts, Slot
from .rules import Bound, Option, Plan, Said, Step, Task, Window, Words, in_words, last_starts
from .slots import place, slots_of
from .steps import plan_of
from .view import View

Starts = Mapping[int, Bound | None]


class Doing(enum.StrEnum):
    """The steps of an order as people speak of them."""

    PROCURE = "procure"
    PACK = "pack"
    DELIVER = "deliver"


DOING = {Task.PROCURE: Doing.PROCURE, Task.DELIVER: Doing.DELIVER, None: Doing.PACK}


@dataclass(frozen=True, kw_only=True)
class Advice:
    """One step: who (None: whoever is here, or nobody), by when, how soon it could begin, and why not sooner.

    `line` is its number in the order, `supplier` a name. `start_by` is None when no start would keep the promise, and
    the instant it began when it is under way.
    """

    step: Doing
    text: str
    staff_id: int | None = None
    supplier: str = ""
    line: int | None = None
    start_by: datetime | None = None
    not_before: datetime | None = None
    why_not_sooner: str | None = None
    is_under_way: bool = False
    is_pinned: bool = False


class _Soonest(NamedTuple):
    """When a step can begin and end at the earliest; `opens` is what it waits for, None when only for those before."""

    begin: datetime
    end: datetime
    opens: Words | None


def advise(facts: Facts, now: datetime) -> tuple[Advice, ...]:
    """What the plan says of an open order, first things first."""
    found = _advised(View(facts=facts, is_hopeful=False), now)
    return tuple(replace(each, is_pinned=(each.step, each.staff_id) in _pinned(facts)) for each in found)


def _pinned(facts: Facts) -> set[tuple[Doing, int | None]]:
    return {(DOING[task], staff_id) for task, staff_id in facts.pins}


def _advised(view: View, now: datetime) -> tuple[Advice, ...]:
    facts = view.facts
    slots = slots_of(facts, now)
    going = [_going(view, slot, now) for slot in slots if slot.is_under_way]
    if facts.status is Status.OUT_FOR_DELIVERY:
        return tuple(going)
    view = View(facts=_settled(facts, slots), is_hopeful=False)
    plan = plan_of(view)
    if place(facts, now) is None:
        left = [step for step in plan.steps if step.task or step is plan.chain[0]]
        return (*going, *(_hopeless(view, step) for step in left if facts.taker_id is None))
    return (*going, *_steps(view, plan, now))


def _settled(facts: Facts, slots: Iterable[Slot]) -> Facts:
    """The facts with every task left to whom the plan counts on for it, where that is one person."""
    chosen: dict[Task, set[int]] = {}
    for slot in slots:
        if not slot.is_under_way:
            chosen.setdefault(slot.task, set()).add(slot.staff_id)
    only = {task: next(iter(people)) for task, people in chosen.items() if len(people) == 1}
    return replace(facts, pins=tuple((only | dict(facts.pins)).items()))


def _name(facts: Facts, staff_id: int | None) -> str:
    return next((person.name for person in facts.people if person.id == staff_id), "Somebody")


def _going(view: View, slot: Slot, now: datetime) -> Advice:
    facts, who = view.facts, _name(view.facts, slot.staff_id)
    since = view.local(now)(slot.start_by)
    if facts.status is Status.OUT_FOR_DELIVERY:
        words = plan_wording.has_left(who, since)
    elif slot.line is not None:
        words = plan_wording.is_out(who, facts.lines[slot.line].title, since)
    else:
        words = plan_wording.has_taken_it(who)
    return Advice(
        step=DOING[slot.task],
        text=f"{words}.",
        staff_id=slot.staff_id,
        line=slot.line,
        start_by=slot.start_by,
        is_under_way=True,
    )


def _hopeless(view: View, step: Step) -> Advice:
    pinned = view.facts.pinned(step.task) if step.task else None
    words = plan_wording.nobody_in_time(step.task)
    return Advice(
        step=DOING[step.task],
        text=f"{words[:1].upper()}{words[1:]}.",
        staff_id=pinned,
        line=step.line,
    )


def _steps(view: View, plan: Plan, now: datetime) -> Iterator[Advice]:
    """Forwards through the plan, each step with the people it is left to."""
    starts = {id(step): bound for step, bound in last_starts(plan, view.facts.promised_by)}
    bought = [(step, _soonest(view, step, starts, now)) for step in plan.parallel]
    at = now
    for step in plan.serial:
        soonest = _soonest(view, step, starts, at)
        bought.append((step, soonest))
        at = soonest.end if soonest else at
    yield from (_advice(view, step, starts, soonest, now) for step, soonest in bought if soonest and step.task)
    here = max(((soonest.end, step) for step, soonest in bought if soonest), key=lambda pair: pair[0], default=None)
    at, why = (here[0], _here(view.facts, here[1], here[0])) if here and here[0] > now else (now, None)
    for step in plan.chain:
        soonest = _soonest(view, step, starts, at)
        if soonest is None:
            return
        soonest = soonest._replace(opens=soonest.opens or why)
        yield _advice(view, step, starts, soonest, now)
        # Whatever packing waits for keeps it here; packing itself only when it could begin now.
        at, why = soonest.end, soonest.opens or Said(plan_wording.is_packed, (soonest.end,))


def _here(facts: Facts, step: Step, at: datetime) -> Words:
    """Goods are awaited."""
    if step.line is None:
        return Said(plan_wording.nobody_before, (at,))
    line = facts.lines[step.line]
    is_known = line.sourcing in IN_HAND or line.ready_at == at
    return Said(wording.arrives if is_known else plan_wording.is_here, (line.title, at))


def _soonest(view: View, step: Step, starts: Starts, at: datetime) -> _Soonest | None:
    """The earliest way to do a step that can begin at `at`, by whom the plan counts on; None when there is none."""
    bound = starts[id(step)]
    who = bound.taken.staff_id if step.task and bound and bound.taken else None
    ways = [
        (max(at, window.start) + option.duration, max(at, window.start), option, window)
        for option in step.options
        for window in option.windows
        if at <= window.end and who in (None, window.staff_id)
    ]
    if not ways:
        return None
    end, begin, option, window = min(ways, key=lambda way: way[:2])
    if step.not_before:
        end = max(end, step.not_before)
    return _Soonest(begin, end, _opens(view, step, option, window) if begin > at else None)


def _opens(view: View, step: Step, option: Option, window: Window) -> Words:
    """What a window waits for: a shop's hours, or somebody's way back, pause or shift."""
    facts, at = view.facts, window.start
    if step.task is None and any(span.start == at for span in facts.branch_open):
        return Said(plan_wording.shop_opens, ("", at))
    person = next((person for person in facts.people if person.id == window.staff_id), None)
    words = _comes(facts, person, at) if person else None
    if words:
        return words
    shops = [shop for line in facts.lines for shop in line.suppliers if shop.name == option.supplier]
    openings = [(span.start, shop.name) for shop in shops for span in shop.open if span.start >= at]
    if openings:
        start, name = min(openings)
        return Said(plan_wording.shop_opens, (name, start))
    return Said(plan_wording.nobody_before, (at,))


def _comes(facts: Facts, person: Person, at: datetime) -> Words | None:
    """Why somebody is free from then on, and not before."""
    busy = next((busy for busy in facts.busy if busy.staff_id == person.id and busy.end == at), None)
    if busy:
        return Said(plan_wording.is_back, (person.name, busy.ref, at))
    if any(pause.end == at for pause in person.pauses):
        return Said(plan_wording.pause_ends, (person.name, at))
    if any(shift.start == at for shift in person.shifts):
        return Said(plan_wording.shift_begins, (person.name, at))
    return None


def _advice(view: View, step: Step, starts: Starts, soonest: _Soonest, now: datetime) -> Advice:
    facts, bound, local = view.facts, starts[id(step)], view.local(now)
    taken = bound.taken if bound and step.task else None
    staff_id = taken.staff_id if taken else None
    supplier = bound.option.supplier if bound and bound.option else ""
    title = facts.lines[step.line].title if step.line is not None else ""
    by = local(bound.at) if bound else ""
    who = _name(facts, staff_id)
    words = {
        Doing.PROCURE: plan_wording.goes_by(who, title, supplier, by),
        Doing.PACK: plan_wording.packed_by(by),
        Doing.DELIVER: plan_wording.leaves_by(who, by),
    }[DOING[step.task]]
    why = in_words(soonest.opens, local) if soonest.opens else plan_wording.could_be_now(step.task)
    return Advice(
        step=DOING[step.task],
        text=plan_wording.not_sooner(words, why, is_free=not soonest.opens),
        staff_id=staff_id,
        supplier=supplier,
        line=step.line,
        start_by=bound.at if bound else None,
        not_before=soonest.begin,
        why_not_sooner=why,
    )
