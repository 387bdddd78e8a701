"""How good the lessons would have been: a walk through time, each day guessed from what had ended before; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, tzinfo

from .estimates import Kind, Spread, by_default
from .lessons import TARGET, Learner, Seen, is_absurd


@dataclass(frozen=True, slots=True)
class Guess:
    """One step, what we would have said of it, and what an average would have: minutes.

    `number`: its place in the history as it was given, from 0.
    """

    number: int
    seen: Seen
    said: Spread
    average: float


@dataclass(frozen=True, kw_only=True)
class Score:
    """How guesses of a cautious length did. Shares from 0 to 1, the rest in minutes; `n` steps."""

    n: int
    kept: float
    extra_minutes: float
    pinball: float
    average_kept: float
    average_pinball: float


class _Averages:
    """The running mean of each kind: what a shop would do with a sheet of paper."""

    def __init__(self) -> None:
        self._sums: dict[Kind, tuple[int, float]] = {}

    def add(self, seen: Seen) -> None:
        count, total = self._sums.get(seen.kind, (0, 0.0))
        self._sums[seen.kind] = (count + 1, total + seen.minutes)

    def of(self, seen: Seen) -> float:
        count, total = self._sums.get(seen.kind, (0, 0.0))
        return total / count if count else by_default(seen.default).cautious


def walk(
    history: Iterable[Seen],
    *,
    timezone: tzinfo = UTC,
    target: float = TARGET,
    on_day: Callable[[int], None] | None = None,
) -> list[Guess]:
    """Every step with what would have been said of it on the morning of its day, in the order in which they began.

    A day begins at midnight of `timezone`; only what had ended by then is known. Steps with absurd lengths are left
    out. `on_day` hears how many steps of a day were guessed.
    """
    steps = {number: seen for number, seen in enumerate(history) if not is_absurd(seen.minutes)}
    ended = sorted(steps, key=lambda number: steps[number].order)
    learner, averages, guesses = Learner(target), _Averages(), dict[int, Guess]()
    known = 0
    for morning, numbers in _days(steps, timezone):
        while known < len(ended) and steps[ended[known]].ended_at < morning:
            # What ended before this morning began before it too, on a day that was guessed already.
            learner.add(guesses[ended[known]].seen)
            averages.add(steps[ended[known]])
            known += 1
        lengths = learner.lengths({steps[number].groups for number in numbers})
        for number in numbers:
            said = steps[number].spread_of(lengths)
            guesses[number] = Guess(number, replace(steps[number], said=said), said, averages.of(steps[number]))
        if on_day:
            on_day(len(numbers))
    return list(guesses.values())


def _days(steps: Mapping[int, Seen], timezone: tzinfo) -> list[tuple[datetime, list[int]]]:
    """The mornings on which something began, and what began that day, in order."""
    days: dict[date, list[int]] = {}
    for number in sorted(steps, key=lambda number: (steps[number].started_at, steps[number].order)):
        days.setdefault(steps[number].started_at.astimezone(timezone).date(), []).append(number)
    return [(datetime.combine(day, time(), tzinfo=timezone), numbers) for day, numbers in days.items()]


def score(guesses: Sequence[Guess], *, target: float = TARGET) -> Score:
    """How well guesses did; at least one of them."""
    n = len(guesses)
    return Score(
        n=n,
        kept=sum(g.seen.minutes <= g.said.cautious for g in guesses) / n,
        extra_minutes=sum(g.said.cautious - g.seen.minutes for g in guesses) / n,
        pinball=sum(pinball(g.seen.minutes, g.said.cautious, target) for g in guesses) / n,
        average_kept=sum(g.seen.minutes <= g.average for g in guesses) / n,
        average_pinball=sum(pinball(g.seen.minutes, g.average, target) for g in guesses) / n,
    )


def pinball(took: float, said: float, target: float) -> float:
    """The loss that the true quantile makes smallest; minutes. Koenker, Bassett, Econometrica 46 (1978), 33."""
    return target * (took - said) if took > said else (1 - target) * (said - took)


def by_week(guesses: Iterable[Guess], *, timezone: tzinfo = UTC) -> dict[str, list[Guess]]:
    """Guesses by the ISO week in which their steps began, like "2026-W09", in order."""
    weeks: dict[str, list[Guess]] = {}
    for guess in guesses:
        year, week, _ = guess.seen.started_at.astimezone(timezone).isocalendar()
        weeks.setdefault(f"{year}-W{week:02d}", []).append(guess)
    return weeks
