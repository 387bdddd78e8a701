"""A shop's past made up: lognormal lengths per shop and time of day, with drift, and mishaps now and then."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

FIRST_DAY = datetime(2026, 1, 5, tzinfo=UTC)
# How long things take here at the middle, and how much that varies (the standard deviation of the log).
SHOPS = {"corner": (35, 0.25), "harbour": (70, 0.40), "mall": (110, 0.30), "campus": (55, 0.55)}
PACKING, HANDOVER = (6, 0.5), (3, 0.4)
HOURS = (9, 10, 11, 12, 13, 14, 15, 16, 17, 18)
RUSH = {12: 1.2, 13: 1.2, 17: 1.5, 18: 1.5}


@dataclass(frozen=True)
class Step:
    """One row of a history."""

    kind: str
    started_at: datetime
    minutes: float
    supplier: str = ""
    distance_km: float | None = None

    @property
    def ended_at(self) -> datetime:
        return self.started_at + timedelta(minutes=self.minutes)

    def row(self) -> str:
        distance = "" if self.distance_km is None else f"{self.distance_km:.1f}"
        return f"{self.kind},{self.started_at.isoformat()},{self.ended_at.isoformat()},{self.supplier},{distance}"


def history(
    *, days: int = 120, a_day: int = 20, drift: float = 1.5, mishaps: float = 0.01, seed: int = 7
) -> list[Step]:
    """`drift`: how much longer everything takes at the end than at the start. `mishaps`: share that take ten times."""
    rng = random.Random(seed)
    return [step for day in range(days) for step in _day(rng, day, a_day, drift ** (day / max(days - 1, 1)), mishaps)]


def _day(rng: random.Random, day: int, a_day: int, slow: float, mishaps: float) -> Iterator[Step]:
    for _ in range(a_day):
        hour = rng.choice(HOURS)
        started_at = FIRST_DAY + timedelta(days=day, hours=hour, minutes=rng.randrange(60))
        kind = rng.choices(("procure", "pack", "travel", "handover"), (4, 3, 3, 1))[0]
        supplier, distance = "", None
        if kind == "procure":
            supplier = rng.choices(tuple(SHOPS), (6, 3, 2, 1))[0]
            middle, sigma = SHOPS[supplier]
        elif kind == "travel":
            distance = round(rng.uniform(0.5, 15), 1)
            middle, sigma = 8 + 2.5 * distance, 0.3
        else:
            middle, sigma = PACKING if kind == "pack" else HANDOVER
        usual = middle * slow * (RUSH.get(hour, 1.0) if kind in ("procure", "travel") else 1.0)
        minutes = usual * math.exp(rng.gauss(0, sigma)) * (10 if rng.random() < mishaps else 1)
        yield Step(kind, started_at, round(min(max(minutes, 0.6), 1400), 2), supplier, distance)


def as_csv(steps: list[Step]) -> str:
    """The file that `dispatch import history` and `dispatch backtest` read."""
    return "\n".join(["kind,started_at,ended_at,supplier,distance_km", *(step.row() for step in steps)]) + "\n"
