"""Errands of one order to several shops: one trip per set of shops, each by somebody else or all in a row; pure.

Who goes where is decided from the promise and never from the present, so that the clock's two directions go on
agreeing: the way that leaves most time is taken. With more trips than people all are run one after another; what two
people could do of three trips is left out, which can only err towards too little time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from itertools import permutations
from operator import itemgetter

from .rules import Bound, Step, Window, latest_start

# Every order of so many trips is tried; more are run as they come.
MOST_ORDERED = 3
Steps = tuple[Step, ...]


def trips_of(steps: Sequence[Step]) -> Steps:
    """One step per trip: what may be had at the same shops is fetched together, at one of them."""
    trips: dict[tuple[str, ...], list[Step]] = {}
    for step in steps:
        trips.setdefault(tuple(sorted(option.stop for option in step.options)), []).append(step)
    return tuple(reduce(_together, lines) for lines in trips.values())


def _together(one: Step, other: Step) -> Step:
    """Both by one person in one go: what takes longest stands for it."""
    longer = max(one, other, key=lambda step: max(option.duration for option in step.options))
    theirs = {option.stop: option for option in other.options}
    options = tuple(
        replace(
            max(option, theirs[option.stop], key=lambda each: each.duration),
            windows=tuple(_in_both(option.windows, theirs[option.stop].windows)),
        )
        for option in one.options
    )
    waits = [step.not_before for step in (one, other) if step.not_before]
    return replace(longer, options=options, not_before=max(waits, default=None))


def _in_both(mine: Sequence[Window], theirs: Sequence[Window]) -> Iterator[Window]:
    by_person: dict[int | None, list[Window]] = {}
    for window in theirs:
        by_person.setdefault(window.staff_id, []).append(window)
    for window in mine:
        for other in by_person.get(window.staff_id, ()):
            start = max(window.start, other.start)
            first = min(window, other, key=lambda each: each.end)
            if start <= first.end:
                yield first._replace(start=start)


def share_out(trips: Steps, here: Bound | None) -> tuple[Steps, Steps]:
    """Trips side by side and trips in a row, whichever can begin later; one of them is empty.

    `here`: by when all goods must be in the shop, None when no instant would do.
    """
    if len(trips) < 2:
        return trips, ()
    if here is None:
        return (), trips
    row, last = _best_row(trips, here)
    beside = _each_by_another(trips, here)
    if beside is None:
        return (), row
    bounds = [latest_start(step, here) for step in beside]
    least = min(bound.at for bound in bounds if bound)
    return ((), row) if last is not None and last.at > least else (beside, ())


def _best_row(trips: Steps, here: Bound) -> tuple[Steps, Bound | None]:
    orders = permutations(trips) if len(trips) <= MOST_ORDERED else [trips]
    best: tuple[Steps, Bound | None] = (trips, None)
    for order in orders:
        bound: Bound | None = here
        for step in reversed(order):
            bound = latest_start(step, bound) if bound else None
        if bound and (best[1] is None or bound.at > best[1].at):
            best = tuple(order), bound
    return best


def _each_by_another(trips: Steps, here: Bound) -> Steps | None:
    """Each trip left to one person, nobody with two, so that the first to begin begins as late as may be.

    The people for it are found by augmenting paths (H. W. Kuhn, "The Hungarian method for the assignment problem",
    Naval Research Logistics 2 (1955), 83), the ways that can begin latest first. None when there are too few people.
    """
    alone = {
        (number, who): _left_to(trip, who)
        for number, trip in enumerate(trips)
        for who in dict.fromkeys(window.staff_id for option in trip.options for window in option.windows)
    }
    lasts = ((way, latest_start(step, here)) for way, step in alone.items())
    ways = sorted([(bound.at, way) for way, bound in lasts if bound], key=itemgetter(0), reverse=True)
    allowed: dict[int, list[int | None]] = {number: [] for number in range(len(trips))}
    taken: dict[int | None, int] = {}
    for _, (number, who) in ways:
        allowed[number].append(who)
        for trip in allowed:
            if trip not in taken.values():
                _find_somebody(trip, allowed, taken, set())
        if len(taken) == len(trips):
            by_trip = {trip: who for who, trip in taken.items()}
            return tuple(alone[trip, by_trip[trip]] for trip in sorted(by_trip))
    return None


def _left_to(trip: Step, who: int | None) -> Step:
    options = tuple(
        replace(option, windows=tuple(window for window in option.windows if window.staff_id == who))
        for option in trip.options
    )
    return replace(trip, options=options)


def _find_somebody(
    trip: int, allowed: Mapping[int, Sequence[int | None]], taken: dict[int | None, int], asked: set[int | None]
) -> bool:
    """Give a trip to somebody; whoever has another may pass that on."""
    for who in allowed[trip]:
        if who in asked:
            continue
        asked.add(who)
        if who not in taken or _find_somebody(taken[who], allowed, taken, asked):
            taken[who] = trip
            return True
    return False
