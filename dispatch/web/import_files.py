"""A CSV file goes in as a whole, or not at all and with everything that is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from ..foundation.db import Database
from ..foundation.errors import Invalid, PromisesAtStake
from ..promise import absence
from ..promise.guard import Say
from . import import_staff
from .csv_rows import BadCell, Reader, Row, read_rows
from .import_run import Change, Effect, Import, begin


def _each(rows: Sequence[Row]) -> list[list[Row]]:
    return [[row] for row in rows]


def _here(rows: Sequence[Row], path: str) -> tuple[int, str]:
    return rows[0].line, "lat" if path == "body" else path.partition(".")[0]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of file.

    `units`: which rows are written together. `write`: one unit, raises Invalid. `finish`: once, after all of them;
    answers how the counts must be put right. `place_of`: the line and heading that a field of a complaint stands for.
    `is_guarded`: it says who is there, so that promises may be at stake.
    """

    columns: dict[str, Reader]
    required: tuple[str, ...]
    write: Callable[[Import, Sequence[Row]], Effect]
    units: Callable[[Sequence[Row]], list[list[Row]]] = _each
    finish: Callable[[Import, Sequence[Row]], Counter[Effect]] | None = None
    place_of: Callable[[Sequence[Row], str], tuple[int, str]] = _here
    is_guarded: bool = False


STAFF = Kind(
    columns=import_staff.COLUMNS,
    required=import_staff.NEEDED,
    write=import_staff.write_person,
    is_guarded=True,
)


def _nobody_waits(_done: int, _total: int) -> None:
    """No bar to move."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """How a file is to be imported. `region`: of numbers without a country code; `branch`: of a history.

    `advance` is told how many of how many rows are done.
    """

    now: datetime
    region: str | None
    say: Say
    dry_run: bool
    branch: str = "main"
    advance: Callable[[int, int], None] = _nobody_waits


@dataclass(kw_only=True)
class Loaded:
    """What became of a file: with anything in `bad`, or in a dry run, nothing was written.

    `at_stake`: why the guard would refuse what was only tried.
    """

    counts: Counter[Effect] = field(default_factory=Counter)
    bad: list[BadCell] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    at_stake: PromisesAtStake | None = None


class NothingWritten(Exception):
    """Takes the whole transaction back."""


def load_file(db: Database, kind: Kind, raw: bytes, terms: Terms) -> Loaded:
    """What became of the rows, and every complaint. Raises PromisesAtStake unless forced, or only tried."""
    rows, bad = read_rows(raw, kind.columns, kind.required)
    loaded = Loaded()

    def write(session: Session) -> None:
        # A forced change is tried before it is made: each time from the start.
        run = begin(session, terms.now, region=terms.region)
        run.bad, run.branch_code, run.actor = [*bad], terms.branch, terms.say.actor
        loaded.counts = _write(session, run, kind, rows, terms.advance)
        loaded.bad, loaded.changes = sorted(set(run.bad)), run.changes
        if loaded.bad:
            raise NothingWritten

    write_all(db, write, loaded, terms, is_guarded=kind.is_guarded)
    return loaded


def write_all(
    db: Database, write: Callable[[Session], None], loaded: Loaded, terms: Terms, *, is_guarded: bool
) -> None:
    """All of it or nothing: `write` takes it back with NothingWritten. Raises PromisesAtStake, as above."""
    try:
        with db.transaction() as session:
            if is_guarded:
                absence.guarded_roster(session, lambda: write(session), terms.now, say=terms.say)
            else:
                write(session)
            if terms.dry_run:
                raise NothingWritten
    except NothingWritten:
        pass
    except PromisesAtStake as refusal:
        if not terms.dry_run:
            raise
        loaded.at_stake = refusal


def _write(
    session: Session, run: Import, kind: Kind, rows: Sequence[Row], advance: Callable[[int, int], None]
) -> Counter[Effect]:
    counts: Counter[Effect] = Counter()
    units = kind.units(rows)
    for done, unit in enumerate(units, start=1):
        try:
            # So that a bad row leaves nothing behind that would make the next one look bad.
            with session.begin_nested():
                counts[kind.write(run, unit)] += 1
        except Invalid as error:
            for each in error.errors:
                run.complain(*kind.place_of(unit, each.field), each.message)
        advance(done, len(units))
    if kind.finish is not None:
        counts.update(kind.finish(run, rows))
    return counts
