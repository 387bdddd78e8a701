"""The clock against somebody who looks at every minute and asks of everybody whether they could begin then.

Written from the words of the issue and the contract, not from the clock: nothing here knows of windows. Lengths and
calendars are whole minutes. Where the clock is simpler on purpose it is told here: with errands to several places the
projection is that of the people the plan names, who are chosen for the latest start; `act_by` is exact all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import permutations

from hypothesis import HealthCheck, assume, given, settings

from dispatch.orders.rules import IN_HAND, Sourcing, Status
from dispatch.promise.known import THE_DOOR, Busy, Facts, LineFacts, SupplierFacts
from dispatch.promise.rules import Task, act_by, project
from dispatch.promise.steps import plan_of
from dispatch.promise.view import View
from dispatch.staff.rules import Person, Skill
from tests.generated import MINUTE, MOSTLY_TO_BUY, SMALL, facts

SLOW = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much])
ELSEWHERE = "another shop"


class Watcher:
    """Looks at an order minute by minute; minutes are counted from the start of the horizon."""

    def __init__(self, known: Facts) -> None:
        self.known = known
        self.zero = known.horizon.start
        self.last = self.minute(known.horizon.end)
        self.until = {person.id: self.whole_stays(person) for person in known.people}
        self.gone = {person.id: self.trips(person) for person in known.people}

    def minute(self, at: datetime) -> int:
        return round((at - self.zero) / MINUTE)

    def is_here(self, person: Person, minute: int) -> bool:
        """On a shift, not paused, reachable; whoever has taken the order does it, shift or no shift."""
        at = self.zero + minute * MINUTE
        if person.id == self.known.taker_id:
            return True
        on_shift = any(span.start <= at < span.end for span in person.shifts)
        return on_shift and person.reachable and not any(span.start <= at < span.end for span in person.pauses)

    def whole_stays(self, person: Person) -> list[int]:
        """For each minute the first from then on at which somebody is not here."""
        until = [self.last] * (self.last + 1)
        for at in reversed(range(self.last)):
            until[at] = until[at + 1] if self.is_here(person, at) else at
        return until

    def stays(self, person: Person, start: int, end: int) -> bool:
        return end <= self.until[person.id][start]

    def trips(self, person: Person) -> list[tuple[int, int, Busy]]:
        mine = [busy for busy in self.known.busy if busy.staff_id == person.id]
        return [(self.minute(busy.start), self.minute(busy.end), busy) for busy in mine]

    def may(self, person: Person, skill: Skill) -> bool:
        task = {Skill.PROCURE: Task.PROCURE, Skill.DELIVER: Task.DELIVER}.get(skill)
        pinned = [who for what, who in self.known.pins if what is task]
        return person.can(skill) and (not pinned or person.id == pinned[0])

    def can_leave(self, person: Person, start: int, length: int, *, back: int, stop: str) -> bool:
        """Whether somebody can go now: nowhere else meanwhile, and back before they leave for the next order."""
        if not self.stays(person, start, start + length):
            return False
        trips = self.gone[person.id]
        if any(begin < start < end for begin, end, _ in trips):
            return False
        free_again = start + length + back
        if all(free_again <= begin for begin, _, _ in trips if begin >= start):
            return True
        # Along with a trip to the same stop that has not left: here until then and with nothing before it, and back for
        # what comes after.
        return any(
            busy.stop == stop != ""
            and not busy.is_under_way
            and start <= begin < self.until[person.id][start]
            and not any(start <= other < begin for other, _, _ in trips)
            and all(free_again <= other for other, _, _ in trips if other >= end)
            for begin, end, busy in trips
        )

    def can_pack(self, person: Person, start: int, length: int) -> bool:
        """Whoever leaves later can pack before; whoever is out can't."""
        end = start + length
        away = any(busy.is_under_way and begin < end and start < until for begin, until, busy in self.gone[person.id])
        return self.stays(person, start, end) and not away

    def is_shop_open(self, start: int, end: int) -> bool:
        return any(self.minute(span.start) <= start and end <= self.minute(span.end) for span in self.known.branch_open)

    # Steps: the earliest end of one that can begin at a minute, None for never.

    def packed(self, start: int | None) -> int | None:
        length = round(self.known.pack_length.cautious)
        for at in range(start, self.last - length + 1) if start is not None else ():
            if self.known.taker_id is None and not self.is_shop_open(at, at + length):
                continue
            if any(self.can_pack(person, at, length) for person in self.known.people):
                return at + length
        return None

    def brought(self, start: int | None) -> int | None:
        way = round(self.known.way_length.cautious)
        length = round(self.known.handover_length.cautious) + way
        for at in range(start, self.last - length + 1) if start is not None else ():
            for person in self.known.people:
                if self.may(person, Skill.DELIVER) and self.can_leave(person, at, length, back=way, stop=THE_DOOR):
                    return at + length
        return None

    def lengths(self, shop: SupplierFacts, line: LineFacts) -> tuple[int, int]:
        """The way there and the stay, shared out as the shop's own figures have it; what is put aside is collected."""
        way = shop.travel_minutes or 0
        stay = shop.procure_minutes if shop.procure_minutes is not None else self.known.policy.procure_minutes
        scale = self.known.errand_length(shop).cautious / (2 * way + stay)
        there, at_shop = way * scale, stay * scale
        if line.sourcing is Sourcing.RESERVED:
            at_shop = self.known.handover_length.cautious if shop.travel_minutes is not None else at_shop / 2
        assume(there == round(there) and at_shop == round(at_shop))
        return round(there), round(at_shop)

    def fetches(self, person: Person, lines: list[LineFacts], shop: SupplierFacts | None, at: int) -> int | None:
        """When somebody who leaves now has fetched these lines from one shop; None when they can't."""
        if shop is None:
            half = [line.sourcing is Sourcing.RESERVED for line in lines]
            length = round(self.known.search_length.cautious) // (2 if all(half) else 1)
            return at + length if self.can_leave(person, at, length, back=0, stop="") else None
        there = self.lengths(shop, lines[0])[0]
        stays = [self.lengths(shop, line)[1] for line in lines]
        length = 2 * there + max(stays)
        if not self.can_leave(person, at, length, back=0, stop=shop.stop):
            return None
        came = at + there
        for span in shop.open:
            if self.minute(span.start) <= came and all(
                came + stay <= min(self.minute(span.end), self.kept(line))
                for line, stay in zip(lines, stays, strict=True)
            ):
                return at + length
        return None

    def kept(self, line: LineFacts) -> int:
        is_kept = line.sourcing is Sourcing.RESERVED and line.kept_until is not None
        return self.minute(line.kept_until) if is_kept and line.kept_until else self.last

    def trip(self, person: Person, lines: list[LineFacts], start: int) -> int | None:
        """The earliest end of a trip for these lines by that person: at any of their shops, at any minute."""
        if not self.may(person, Skill.PROCURE):
            return None
        waits = [self.minute(line.ready_at) for line in lines if line.ready_at]
        ends = [
            max([end, *waits])
            for shop in (lines[0].suppliers or (None,))
            if (end := self._first(person, lines, shop, start)) is not None
        ]
        return min(ends, default=None)

    def _first(self, person: Person, lines: list[LineFacts], shop: SupplierFacts | None, start: int) -> int | None:
        for at in range(start, self.last):
            if self.until[person.id][at] == at:
                continue
            end = self.fetches(person, lines, shop, at)
            if end is not None:
                return end
        return None

    def fetched(self, start: int) -> int | None:
        """When everything that must be fetched is here: each trip by somebody else, or all by one in any order."""
        lines = [line for line in self.known.lines if line.sourcing in (Sourcing.TO_PROCURE, Sourcing.RESERVED)]
        places: dict[tuple[str, ...], list[LineFacts]] = {}
        for each in lines:
            places.setdefault(tuple(sorted(shop.stop for shop in each.suppliers)), []).append(each)
        if len(places) == 1 and len(next(iter(places))) <= 1:
            # One shop: each line by whoever can, together or not.
            places = {(str(number),): [each] for number, each in enumerate(lines)}
            ends = [self._by_anybody(trip, start) for trip in places.values()]
            return None if None in ends else max(end for end in ends if end is not None)
        trips = list(places.values())
        ways = [start] if not trips else [end for end in self._ways(trips, start) if end is not None]
        return min(ways, default=None)

    def _by_anybody(self, lines: list[LineFacts], start: int) -> int | None:
        ends = [self.trip(person, lines, start) for person in self.known.people]
        return min((end for end in ends if end is not None), default=None)

    def _ways(self, trips: list[list[LineFacts]], start: int) -> Iterator[int | None]:
        for team in permutations(self.known.people, len(trips)):
            ends = [self.trip(person, lines, start) for person, lines in zip(team, trips, strict=True)]
            yield None if None in ends else max(end for end in ends if end is not None)
        for order in permutations(trips):
            for person in self.known.people:
                at: int | None = start
                for lines in order:
                    at = self.trip(person, lines, at) if at is not None else None
                yield at

    def waited(self, line: LineFacts, start: int) -> int | None:
        """A line that nobody must leave for: under way, bought, or not to be had."""
        ready = self.minute(line.ready_at) if line.ready_at else start
        if line.sourcing in IN_HAND:
            return max(start, ready)
        if line.sourcing is Sourcing.UNAVAILABLE:
            return None
        # They may still come back with it, or somebody sets out once more.
        ends = [end for end in (self.searched(line, start), self._by_anybody([line], start)) if end is not None]
        return max(ready, min(ends)) if ends else None

    def searched(self, line: LineFacts, start: int) -> int | None:
        """When whoever looks is back: they went where it can be had first, and are given until that shop closes."""
        since = self.minute(line.since)
        if not line.suppliers:
            return max(start, since + round(self.known.search_length.cautious))
        found = []
        for shop in line.suppliers:
            spans = sorted((self.minute(span.start), self.minute(span.end)) for span in shop.open)
            opens, closes = next(((begin, end) for begin, end in spans if end > since), (None, None))
            if opens is not None and closes is not None:
                there, stay = self.lengths(shop, line)
                length = 2 * there + stay
                is_bad = since + there + stay > closes or opens > since + length
                found.append((is_bad, max(since, opens - there) + length, closes))
        if not found:
            return None
        _, back, closes = min(found, key=lambda way: way[:2])
        # Past the closing they have not got it; between the two they may be here any minute.
        return None if start > closes else max(start, back)

    def with_customer(self, start: int) -> int | None:
        """When the order is there if everything that is left begins now or later."""
        known = self.known
        if known.status is Status.OUT_FOR_DELIVERY:
            assert known.handed_over_at
            return max(start, self.minute(known.handed_over_at) + round(known.way_length.cautious))
        if known.status is Status.READY:
            return self.brought(start)
        away = [line for line in known.lines if line.sourcing not in IN_HAND or line.ready_at]
        waits = [
            self.waited(line, start) for line in away if line.sourcing not in (Sourcing.TO_PROCURE, Sourcing.RESERVED)
        ]
        here = [self.fetched(start), *waits]
        return None if None in here else self.brought(self.packed(max(at for at in here if at is not None)))


@SLOW
@given(facts(SMALL, states=MOSTLY_TO_BUY))
def test_the_clock_says_what_somebody_finds_who_looks_at_every_minute(given_: tuple[Facts, datetime]) -> None:
    known, now = given_
    watcher = Watcher(known)
    plan = plan_of(View(facts=known, is_hopeful=False))
    promise = watcher.minute(known.promised_by)
    bound = act_by(plan, known.promised_by)
    starts = range(watcher.minute(now) - 30, watcher.minute(now) + 31, 6)
    ends = {start: watcher.with_customer(start) for start in starts}
    # Also where it turns.
    if bound is not None and 0 <= watcher.minute(bound.at) < watcher.last:
        at = watcher.minute(bound.at)
        ends |= {start: watcher.with_customer(start) for start in (at, at + 1)}
    several = len({shop.stop for line in known.lines for shop in line.suppliers}) > 1 or not all(
        line.suppliers for line in known.lines
    )
    for start, end in ends.items():
        in_time = end is not None and end <= promise
        assert in_time is (bound is not None and start <= (bound.at - watcher.zero) / MINUTE)
        found = project(plan, watcher.zero + start * MINUTE)
        minute = watcher.minute(found) if found else None
        if several and len(known.lines) > 1:
            assert minute is None or (end is not None and end <= minute)
        else:
            assert minute == end


@SLOW
@given(facts(SMALL, states=MOSTLY_TO_BUY))
def test_act_by_is_the_last_minute_that_will_do(given_: tuple[Facts, datetime]) -> None:
    known, _ = given_
    watcher = Watcher(known)
    promise = watcher.minute(known.promised_by)
    # Every minute is tried, from the promise backwards.
    last = next(
        (
            start
            for start in range(promise, -1, -1)
            if (end := watcher.with_customer(start)) is not None and end <= promise
        ),
        None,
    )
    bound = act_by(plan_of(View(facts=known, is_hopeful=False)), known.promised_by)
    if bound is None or bound.at < known.horizon.start:
        assert last is None
    else:
        assert last is not None
        assert known.horizon.start + timedelta(minutes=last) == bound.at
