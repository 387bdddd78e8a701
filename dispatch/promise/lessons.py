"""From how long steps took to how long the next ones will take; pure.

What is learned are logs of minutes taken / default minutes, so that a lesson holds for any default. The likely length
of a group is the median of its own, leaning on the wider group's while it has few. The cautious one is so much longer
as it takes to cover the wanted share of what was seen, each step measured against a median learned without it
(leave-one-out conformal prediction: Barber, Candes, Ramdas, Tibshirani, "Predictive inference with the jackknife+",
Annals of Statistics 49, 2021). Only medians and quantiles: one absurd length moves nothing much.

Where things drift, yesterday's quantile covers less than it says. The level is therefore moved a little after each
step, by whether what we had said before it was kept (Gibbs, Candes, "Adaptive conformal inference under distribution
shift", NeurIPS 2021).
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from .estimates import BY_DEFAULT, LEAST_DEFAULT, Group, Kind, Lengths, Ratio, Spread, chain

# What is shorter was a key pressed late, what is longer was a key forgotten.
SHORTEST_MINUTES, LONGEST_MINUTES = 0.5, 24 * 60.0
TARGET = 0.9
# So many steps of its own make a group's median, or its spread, count half. A spread needs more than a median, but the
# policy knows less of it than a whole kind does of one of its groups.
MEDIAN_COUNTS, KIND_SPREAD_COUNTS, SPREAD_COUNTS = 5, 10, 40
# Only the last so many are remembered: of a kind as a whole, and of a group within it. Shops change.
KIND_WINDOW, GROUP_WINDOW = 400, 80
# How far one kept or missed length moves the level, and how far it may go.
LEVEL_STEP = 0.01
LOWEST_LEVEL, HIGHEST_LEVEL = 0.5, 0.995


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """One step that has ended. `hour`: the branch's own time at its start; `said`: our guess before it began."""

    kind: Kind
    minutes: float
    default: float
    started_at: datetime
    ended_at: datetime
    hour: int | None = None
    supplier_id: int | None = None
    distance_km: float | None = None
    is_given: bool = False
    said: Spread | None = None

    @property
    def groups(self) -> tuple[Group, ...]:
        """The groups it belongs to, the widest first."""
        return chain(
            self.kind,
            supplier_id=self.supplier_id,
            distance_km=self.distance_km,
            hour=self.hour,
            is_given=self.is_given,
        )

    def spread_of(self, lengths: Lengths) -> Spread:
        """What those lengths say of such a step."""
        return lengths.spread(
            self.kind,
            self.default,
            supplier_id=self.supplier_id,
            distance_km=self.distance_km,
            hour=self.hour,
            is_given=self.is_given,
        )

    @property
    def order(self) -> tuple[object, ...]:
        """By when it ended, then by all that tells two apart: in which order they are read means nothing."""
        numbers = (self.minutes, self.default, self.supplier_id or 0, self.distance_km or 0.0, self.is_given)
        return (self.ended_at, self.started_at, self.kind.value, *numbers)


def is_absurd(minutes: float) -> bool:
    """Whether nobody should learn from such a length."""
    return not SHORTEST_MINUTES <= minutes <= LONGEST_MINUTES


@dataclass(frozen=True, slots=True)
class _Entry:
    number: int
    log: float
    groups: tuple[Group, ...]


class _Window:
    """The last entries of one group, and their logs in order."""

    def __init__(self, most: int) -> None:
        self.entries: deque[_Entry] = deque()
        self._logs: list[float] = []
        self._most = most

    def add(self, entry: _Entry) -> None:
        if len(self.entries) == self._most:
            del self._logs[bisect_left(self._logs, self.entries.popleft().log)]
        self.entries.append(entry)
        insort(self._logs, entry.log)

    def median(self, *, without: _Entry | None = None) -> tuple[int, float]:
        """How many there are and their median, one left out if it is among them; no number to rely on when 0."""
        count, at = len(self._logs), len(self._logs)
        if without is not None and self.entries[0].number <= without.number:
            count, at = count - 1, bisect_left(self._logs, without.log)
        if count == 0:
            return 0, 0.0
        low, high = (count - 1) // 2, count // 2
        return count, (self._logs[low + (low >= at)] + self._logs[high + (high >= at)]) / 2


class Learner:
    """Takes in steps in the order in which they ended, and says at any time what they teach."""

    def __init__(self, target: float = TARGET) -> None:
        self._target = target
        self._windows: dict[Group, _Window] = {}
        self._levels: dict[Kind, float] = {}
        self._count = 0

    def add(self, seen: Seen) -> bool:
        """Learn from one step; False when its length is absurd and it was left out."""
        if is_absurd(seen.minutes):
            return False
        self._count += 1
        log = math.log(seen.minutes / max(seen.default, LEAST_DEFAULT))
        entry = _Entry(self._count, log, seen.groups)
        for depth, group in enumerate(entry.groups):
            window = self._windows.get(group)
            if window is None:
                window = self._windows[group] = _Window(GROUP_WINDOW if depth else KIND_WINDOW)
            window.add(entry)
        self._adapt(seen)
        return True

    def _adapt(self, seen: Seen) -> None:
        """What was said while nothing was learned tells nothing of the lessons: a default is not held against them."""
        if seen.said is None or seen.said.cautious == seen.default:
            return
        is_kept = seen.minutes <= seen.said.cautious
        level = self._levels.get(seen.kind, self._target) + LEVEL_STEP * (self._target - is_kept)
        self._levels[seen.kind] = min(max(level, LOWEST_LEVEL), HIGHEST_LEVEL)

    def lengths(self, chains: Iterable[tuple[Group, ...]] | None = None) -> Lengths:
        """What was learned, of every group or of those that are asked for."""
        wanted = {e.groups for w in self._windows.values() for e in w.entries} if chains is None else set(chains)
        residuals: dict[Group, list[float]] = {}
        ratios: dict[Group, Ratio] = {}
        for groups in wanted:
            for depth, group in enumerate(groups):
                if group in self._windows and group not in ratios:
                    ratios[group] = self._ratio(groups[: depth + 1], residuals)
        return Lengths(ratios=MappingProxyType(ratios))

    def _ratio(self, groups: Sequence[Group], residuals: dict[Group, list[float]]) -> Ratio:
        likely, spread = self._likely(groups), -BY_DEFAULT.likely
        level = self._levels.get(groups[0].kind, self._target)
        for depth, group in enumerate(groups):
            if group in self._windows:
                if group not in residuals:
                    residuals[group] = self._residuals(group)
                count = len(residuals[group])
                weight = count / (count + (SPREAD_COUNTS if depth else KIND_SPREAD_COUNTS))
                spread = _blend(spread, _quantile(residuals[group], level), weight)
        return Ratio(likely, likely + max(spread, 0.0), len(self._windows[groups[-1]].entries))

    def _likely(self, groups: Sequence[Group], *, without: _Entry | None = None) -> float:
        value = BY_DEFAULT.likely
        for group in groups:
            window = self._windows.get(group)
            if window is not None:
                count, median = window.median(without=without)
                value = _blend(value, median, count / (count + MEDIAN_COUNTS))
        return value

    def _residuals(self, group: Group) -> list[float]:
        """How much longer each step of the group took than the others of its kind had us think, in order."""
        return sorted(e.log - self._likely(e.groups, without=e) for e in self._windows[group].entries)


def _blend(wide: float, own: float, weight: float) -> float:
    return wide + weight * (own - wide)


def _quantile(values: Sequence[float], level: float) -> float:
    """The value that the next one will not exceed with a chance of `level`: (n + 1)-corrected, of n in order."""
    return values[min(math.ceil((len(values) + 1) * level), len(values)) - 1]


def learn(seen: Iterable[Seen], *, target: float = TARGET) -> Lengths:
    """What steps teach, in whatever order they come; absurd ones are left out."""
    learner = Learner(target)
    for one in sorted(seen, key=lambda one: one.order):
        learner.add(one)
    return learner.lengths()
