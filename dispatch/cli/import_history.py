"""Files of how long things took: rows checked as all our CSV is, remembered once each, learned from at once."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select

from ..foundation.errors import FieldError, Invalid
from ..orders.branches import get_branch
from ..orders.tables import Branch
from ..procurement.tables import Supplier
from ..promise.backtest import walk
from ..promise.estimates import Kind
from ..promise.learning import NewObservation, remember_and_learn
from ..promise.lessons import Seen, is_absurd
from ..promise.tables import Source
from ..promise.trails import policy_default
from ..web.csv_rows import Reader, Row, number, text
from ..web.import_run import Effect, Import
from ..web.schemas import read_instant

HISTORY: dict[str, Reader] = {
    "kind": text,
    "started_at": text,
    "ended_at": text,
    "supplier": text,
    "distance_km": number,
}
NEEDED = ("kind", "started_at", "ended_at")
# What other systems call them.
KINDS = {
    "procure": Kind.PROCURE,
    "procurement": Kind.PROCURE,
    "buy": Kind.PROCURE,
    "buying": Kind.PROCURE,
    "pack": Kind.PACK,
    "packing": Kind.PACK,
    "travel": Kind.TRAVEL,
    "deliver": Kind.TRAVEL,
    "delivery": Kind.TRAVEL,
    "handover": Kind.HANDOVER,
    "hand_over": Kind.HANDOVER,
}
FARTHEST_KM = 20_100


@dataclass(frozen=True, kw_only=True)
class PastStep:
    """One row: a step that somebody took. `hour` is as it was written, in the offset of the file."""

    kind: Kind
    started_at: datetime
    ended_at: datetime
    hour: int
    supplier: str
    distance_km: float | None

    @property
    def minutes(self) -> float:
        """How long it took."""
        return (self.ended_at - self.started_at).total_seconds() / 60

    @property
    def digest(self) -> str:
        """The same for rows that say the same."""
        said = (self.kind.value, self.started_at, self.ended_at, self.supplier, self.distance_km)
        return hashlib.sha256("|".join(map(str, said)).encode()).hexdigest()[:32]


def read_step(row: Row) -> PastStep:
    """A row as a step. Raises Invalid with every complaint about it at once."""
    errors: list[FieldError] = []
    kind = KINDS.get(row.cells["kind"].lower().replace("-", "_").replace(" ", "_"))
    if kind is None:
        told = repr(row.cells["kind"][:40]) if row.cells["kind"] else "nothing"
        errors.append(FieldError("kind", f"{told} is not a kind of step: use {', '.join(Kind)}"))
    times = [_time(row, name, errors) for name in ("started_at", "ended_at")]
    distance = _distance(row, errors)
    start, end = times
    if start and end and end < start:
        errors.append(FieldError("ended_at", "is before started_at: were they swapped?"))
    if errors or kind is None or start is None or end is None:
        raise Invalid.of(errors)
    return PastStep(
        kind=kind,
        started_at=start,
        ended_at=end,
        hour=int(row.cells["started_at"][11:13]),
        supplier=row.cells.get("supplier", ""),
        distance_km=distance,
    )


def _time(row: Row, name: str, errors: list[FieldError]) -> datetime | None:
    try:
        return read_instant(row.cells[name])
    except ValueError as error:
        errors.append(FieldError(name, str(error)))
        return None


def _distance(row: Row, errors: list[FieldError]) -> float | None:
    cell = row.cells.get("distance_km", "")
    value = number(cell) if cell else None
    if isinstance(value, int | float) and 0 <= value <= FARTHEST_KM:
        return float(value)
    if cell:
        errors.append(FieldError("distance_km", "give kilometres like 3.5, or leave it empty"))
    return None


class HistoryRun:
    """The rows of one file, for one branch, before any of them is written."""

    def __init__(self, run: Import, branch: Branch) -> None:
        self.branch = branch
        self._now = run.now
        shops = run.session.scalars(select(Supplier)).all()
        names = Counter(row.name for row in shops)
        # Other systems know shops by their names; a name that two of them have says nothing.
        self._shops = {row.name: row for row in shops if names[row.name] == 1} | {row.code: row for row in shops}
        self._times: Counter[str] = Counter()
        self.found: list[tuple[str, Seen]] = []

    def take(self, step: PastStep) -> None:
        """Keep a row for the end of the file. Raises Invalid."""
        if step.ended_at > self._now:
            raise Invalid("ended_at", "is still to come: only what has ended can be learned from")
        shop = self._shops.get(step.supplier)
        if step.supplier and shop is None:
            raise Invalid("supplier", f"there is no supplier {step.supplier[:40]!r}: add it first, or leave it empty")
        # Two rows of a file that say the same are two steps; the same file again is the same two.
        digest = step.digest
        self._times[digest] += 1
        default = policy_default(self.branch, step.kind)
        is_errand = shop is not None and step.kind is Kind.PROCURE
        if shop is not None and is_errand:
            default = self.branch.policy.errand(shop.travel_minutes, shop.procure_minutes)
        seen = Seen(
            kind=step.kind,
            minutes=step.minutes,
            default=default,
            started_at=step.started_at,
            ended_at=step.ended_at,
            hour=step.started_at.astimezone(ZoneInfo(self.branch.timezone)).hour,
            supplier_id=shop.id if shop is not None and is_errand else None,
            distance_km=step.distance_km if step.kind is Kind.TRAVEL else None,
        )
        self.found.append((f"import:{digest}:{self._times[digest]}", seen))


def write_step(run: Import, rows: Sequence[Row]) -> Effect:
    """Keep a row for the end of the file, when all of them are learned from in the order in which they ended."""
    if run.history is None:
        run.history = HistoryRun(run, get_branch(run.session, run.branch_code))
    run.history.take(read_step(rows[0]))
    return Effect.LEFT_OUT if is_absurd(run.history.found[-1][1].minutes) else Effect.ADDED


def learn_from(run: Import, _: Sequence[Row]) -> Counter[Effect]:
    """Remember what was not known, each with what would have been said of it before, and learn from it at once.

    Answers how the counts must be put right.
    """
    history: HistoryRun | None = run.history
    if history is None or run.bad:
        return Counter()
    guesses = walk((seen for _, seen in history.found), timezone=ZoneInfo(history.branch.timezone))
    new = [
        NewObservation(key=history.found[guess.number][0], seen=guess.seen, said=guess.said, source=Source.IMPORT)
        for guess in guesses
    ]
    added = remember_and_learn(run.session, history.branch, new, run.now)
    return Counter({Effect.ADDED: added - len(new), Effect.ALREADY: len(new) - added})
