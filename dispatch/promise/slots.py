"""Whom the plan counts on for an order, and the search for a plan that keeps every promise; pure.

Everybody leaves as late as they may: what is planned stands at the far end of the time there is, the next urgent thing
finds the near end free, and the slot's start is the order's `act_by`. Orders are fitted in one by one beside the others
(insertion); where one does not fit, `arrange` tries other orders of fitting them in (local search).

Known to be hopeful: an order for the same door or shop may leave before a trip that it could share, as if that one went
along then. When its goods are not here so early, the next look at it says so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from ..orders.rules import Sourcing, Status
from .known import THE_DOOR, Facts, Slot
from .rules import Bound, Step, Task, first_start, last_starts, project
from .searches import gone_to
from .steps import plan_of
from .view import SKILL_OF, View

# A plan that people have seen changes only for a gain worth it.
WORTH_IT = timedelta(minutes=5)
# Rounds of the search: each fits in every order once.
MOST_TRIES = 3
# A search moves at most so many orders, those nearest to their promise.
MOST_MOVED = 50
# A hundred more than everybody twice keeps fifty orders within a tenth of a second.
MOST_FITTED = 100
COARSE = timedelta(minutes=5)
Slots = tuple[Slot, ...]
Starts = Sequence[tuple[Step, Bound | None]]


def slots_of(facts: Facts, now: datetime) -> Slots:
    """Whom this order counts on, and from when to when; nothing to be planned when it can't be kept.

    Whoever took it, or was counted on before, is kept unless somebody else leaves the order `WORTH_IT` more time.
    """
    starts, first = _starts(facts)
    return (*_under_way(facts), *_chosen(facts, now, starts, first))


def place(facts: Facts, now: datetime) -> Slots | None:
    """Whom it would count on beside what others need people for; None when it can't be kept."""
    starts, first = _starts(facts)
    return None if first is None or first.at < now else _chosen(facts, now, starts, first)


def beside_plan(facts: Facts, plan: Mapping[int, Slots], orders: Mapping[int, Facts]) -> Facts:
    """The facts of an order with what a plan needs people for added to what they are needed for already."""
    taken = [
        facts.needs(slot, by=other, door=orders[other].door, ref=orders[other].ref)
        for other, slots in plan.items()
        for slot in slots
    ]
    return replace(facts, busy=(*facts.busy, *taken))


def without(orders: Mapping[int, Facts], loose: Collection[int]) -> dict[int, Facts]:
    """The facts without what these orders hold of people's time; what is under way can't be moved."""
    return {
        number: replace(facts, busy=tuple(busy for busy in facts.busy if busy.is_under_way or busy.by not in loose))
        for number, facts in orders.items()
    }


def _chosen(facts: Facts, now: datetime, starts: Starts, first: Bound | None) -> Slots:
    if first is None or first.at < now:
        return _taken_all_the_same(facts, now, starts)
    best, held = _slots(starts), _held(facts)
    if all((slot.task, slot.staff_id) in held for slot in best) or not held:
        return best
    kept, kept_first = _starts(replace(facts, pins=held))
    least = now if facts.taker_id else max(first.at - WORTH_IT, now)
    return _slots(kept) if kept_first is not None and kept_first.at >= least else best


def _starts(facts: Facts) -> tuple[Starts, Bound | None]:
    plan = plan_of(View(facts=facts, is_hopeful=False))
    starts = last_starts(plan, facts.promised_by)
    return starts, first_start(plan, starts, facts.promised_by)


def _held(facts: Facts) -> tuple[tuple[Task, int], ...]:
    """Who should stay with which task: the taker with all of it, others with what they were counted on for."""
    pinned = dict(facts.pins)
    taker = next((person for person in facts.people if person.id == facts.taker_id), None)
    for task, skill in SKILL_OF.items():
        before = [staff_id for what, staff_id in facts.before if what is task]
        if task in pinned:
            continue
        if taker and taker.can(skill):
            pinned[task] = taker.id
        elif len(before) == 1 and any(p.id == before[0] and p.can(skill) for p in facts.people):
            pinned[task] = before[0]
    return tuple(pinned.items())


def _slots(starts: Starts) -> Slots:
    found = []
    for step, bound in starts:
        if step.task is None or bound is None or bound.taken is None or bound.option is None:
            continue
        if bound.taken.staff_id is not None:
            end = max(bound.at + bound.option.duration, step.not_before or bound.at)
            found.append(
                Slot(
                    staff_id=bound.taken.staff_id,
                    task=step.task,
                    stop=bound.option.stop,
                    start_by=bound.at,
                    ends_at=end + bound.option.back,
                    line=step.line,
                    supplier=bound.option.supplier,
                )
            )
    return tuple(found)


def _under_way(facts: Facts) -> Slots:
    """What is happening already: on the road with it, or out to find it."""
    if facts.status is Status.OUT_FOR_DELIVERY and facts.carrier_id and facts.handed_over_at:
        way = timedelta(minutes=facts.way_length.cautious)
        left = facts.handed_over_at
        return (_gone(facts.carrier_id, Task.DELIVER, THE_DOOR, left, left + way + way),)
    found: dict[tuple[int, str], Slot] = {}
    for number, line in enumerate(facts.lines):
        if line.sourcing is not Sourcing.SEARCHING or line.buyer_id is None:
            continue
        shops = line.suppliers
        end = gone_to(View(facts=facts, is_hopeful=False), line).end
        stop = shops[0].stop if len(shops) == 1 else ""
        slot = _gone(line.buyer_id, Task.PROCURE, stop, line.since, end)
        found.setdefault((line.buyer_id, stop), replace(slot, line=number))
    return tuple(found.values())


def _gone(staff_id: int, task: Task, stop: str, start: datetime, end: datetime) -> Slot:
    return Slot(staff_id=staff_id, task=task, stop=stop, start_by=start, ends_at=end, is_under_way=True)


def _taken_all_the_same(facts: Facts, now: datetime, starts: Starts) -> Slots:
    """Too late by the clock, but somebody has taken it: they are busy with it until it should be there."""
    tasks = [step.task for step, _ in starts if step.task]
    if facts.taker_id is None or not tasks:
        return ()
    # In coarse steps, so that the plan does not change with every look.
    start = now - (now - datetime.min.replace(tzinfo=now.tzinfo)) % COARSE
    # Without what else they have taken: two such orders of one person would put each other off, look by look, for ever.
    alone = replace(facts, busy=tuple(busy for busy in facts.busy if busy.staff_id != facts.taker_id))
    end = project(plan_of(View(facts=alone, is_hopeful=False)), start)
    way = timedelta(minutes=facts.way_length.cautious)
    return (_gone(facts.taker_id, tasks[-1], "", start, (end or start + way) + way),)


def arrange(orders: Mapping[int, Facts], now: datetime) -> dict[int, Slots] | None:
    """A plan that keeps every one of these promises, by order id; None when the search finds none.

    `busy` of each: what it can't move, anything but the others' slots. The latest are fitted in first, so that they
    take the far end; an order that does not fit changes places with another, or goes to the front, and all are fitted
    in again.
    """
    alone = {number: _starts(facts)[1] for number, facts in orders.items()}
    if any(first is None or first.at < now for first in alone.values()):
        return None
    lasts = {number: first.at for number, first in alone.items() if first}
    search = _Search(orders, now)
    by_promise = sorted(orders, key=lambda number: orders[number].promised_by, reverse=True)
    # Last as they were given: what plain insertion keeps the search keeps too.
    for turns in (by_promise, sorted(orders, key=lasts.__getitem__, reverse=True), list(orders)):
        plan = search.run(turns)
        if plan is not None:
            # What is under way stays put, whoever else has moved.
            return {number: (*_under_way(orders[number]), *slots) for number, slots in plan.items()}
    return None


class _Search:
    """Insertion and local search; at most so many orders are fitted in, however often it begins again."""

    def __init__(self, orders: Mapping[int, Facts], now: datetime) -> None:
        self.orders, self.now = orders, now
        self.left = MOST_FITTED + 2 * len(orders)

    def run(self, turns: list[int]) -> dict[int, Slots] | None:
        """Fit in all; one for which there is no room comes first, the next time."""
        for _ in range(MOST_TRIES):
            plan, failed = self._fit_all(turns)
            if failed is None:
                return plan
            turns.remove(failed)
            turns.insert(0, failed)
        return None

    def _fit_all(self, turns: Sequence[int]) -> tuple[dict[int, Slots], int | None]:
        plan: dict[int, Slots] = {}
        for number in turns:
            found = self._fit(self.orders[number], plan)
            with_it = {**plan, number: found} if found is not None else self._swap(plan, number)
            if with_it is None:
                return plan, number
            plan = with_it
        return plan, None

    def _fit(self, facts: Facts, plan: Mapping[int, Slots]) -> Slots | None:
        self.left -= 1
        return place(beside_plan(facts, plan, self.orders), self.now) if self.left >= 0 else None

    def _swap(self, plan: dict[int, Slots], number: int) -> dict[int, Slots] | None:
        """Room for one order in the place of another: that goes elsewhere, at another time or with somebody else."""
        for other in self._in_the_way(plan, number):
            rest = {each: slots for each, slots in plan.items() if each != other}
            mine = self._fit(self.orders[number], rest)
            if mine is None:
                continue
            theirs = self._fit(self.orders[other], {**rest, number: mine})
            if theirs is not None:
                return {**rest, number: mine, other: theirs}
            for facts in _with_somebody_else(self.orders[other], plan[other]):
                theirs = self._fit(facts, rest)
                mine = self._fit(self.orders[number], {**rest, other: theirs}) if theirs is not None else None
                if theirs is not None and mine is not None:
                    return {**rest, number: mine, other: theirs}
        return None

    def _in_the_way(self, plan: Mapping[int, Slots], number: int) -> list[int]:
        """Orders that need people before this promise, those that leave last first."""
        promise = self.orders[number].promised_by
        leave = {other: [slot.start_by for slot in slots if slot.start_by < promise] for other, slots in plan.items()}
        return sorted((other for other in leave if leave[other]), key=lambda other: max(leave[other]), reverse=True)


def _with_somebody_else(facts: Facts, slots: Slots) -> Iterator[Facts]:
    """One of its tasks left to another person than the plan had."""
    for slot in slots:
        if facts.pinned(slot.task) is not None:
            continue
        for person in facts.people:
            if person.id != slot.staff_id and person.can(SKILL_OF[slot.task]):
                yield replace(facts, pins=(*facts.pins, (slot.task, person.id)))
