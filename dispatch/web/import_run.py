"""One import under way: what is there already, what the file has said so far, and how a row is read."""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..foundation.errors import FieldError, Invalid
from ..foundation.types import parse_phone
from ..orders.tables import Branch
from ..procurement.service import ItemValues
from ..procurement.tables import Item, Supplier
from .csv_rows import BadCell, Reader, Row
from .schemas import Body, read_json

B = TypeVar("B", bound=Body)
Check = Callable[[str], object]


class Effect(enum.StrEnum):
    """What became of a row."""

    ADDED = "added"
    UPDATED = "updated"
    TAKEN_OUT = "taken out"
    ALREADY = "already there"
    LEFT_OUT = "left out: shorter than half a minute or longer than a day"


@dataclass(frozen=True)
class Change:
    """What a row does to somebody: in words, like "works Mo-Fr 10:00-18:00, until now no regular hours"."""

    line: int
    who: str
    effect: Effect
    words: tuple[str, ...] = ()


@dataclass(kw_only=True)
class Import:
    """One import under way: what there is already, and which keys the file has named so far, with their lines.

    `changes`: what it does to each person. `history`: what `cli.import_history` keeps of a history so far, of the
    branch `branch_code`. `actor`: who imports.
    """

    session: Session
    now: datetime
    region: str | None
    branches: dict[str, int]
    suppliers: set[str]
    skus: set[str]
    named: dict[tuple[str, ...], int] = field(default_factory=dict)
    later: list[tuple[str, str, ItemValues]] = field(default_factory=list)
    bad: list[BadCell] = field(default_factory=list)
    branch_code: str = "main"
    history: Any = None
    changes: list[Change] = field(default_factory=list)
    actor: str = "import"

    def complain(self, line: int, name: str, message: str) -> None:
        """Note what is wrong with a row and go on, so that all of it is said at once."""
        self.bad.append(BadCell(line, name, message))

    def once(self, name: str, line: int, *key: str) -> None:
        """Two rows that contradict each other would depend on their order. Raises Invalid naming `name`."""
        first = self.named.setdefault((name, *key), line)
        if first != line:
            raise Invalid(name, f"is in line {first} already: keep one of them")

    def branch(self, code: str) -> None:
        """Raises Invalid for a branch that does not exist."""
        if code not in self.branches:
            raise Invalid("branch", f"there is no branch {code[:40]!r}; there are {', '.join(sorted(self.branches))}")

    def phone(self, number: str) -> str:
        """A phone number as E.164. Raises Invalid."""
        return parse_phone(number, region=self.region)


def begin(session: Session, now: datetime, *, region: str | None) -> Import:
    """Look around before the first row."""
    return Import(
        session=session,
        now=now,
        region=region,
        branches={row.code: row.id for row in session.execute(select(Branch.code, Branch.id))},
        suppliers=set(session.scalars(select(Supplier.code))),
        skus=set(session.scalars(select(Item.sku))),
    )


def read_row(model: type[B], values: Mapping[str, Any], row: Row, checks: Mapping[str, Check]) -> B:
    """The row as its schema, every complaint at once. Raises Invalid with headings or paths as fields."""
    errors: list[FieldError] = []
    body: B | None = None
    try:
        body = read_json(model, json.dumps(values).encode())
    except Invalid as error:
        errors += error.errors
    errors += _check(row, checks, {error.field for error in errors})
    if body is None or errors:
        raise Invalid.of(errors)
    return body


def _check(row: Row, checks: Mapping[str, Check], known: set[str]) -> Iterator[FieldError]:
    for name, check in checks.items():
        cell = row.cells.get(name)
        if not cell or name in known:
            continue
        try:
            check(cell)
        except Invalid as error:
            yield from (FieldError(name, each.message) for each in error.errors)


def values_of(row: Row, columns: Mapping[str, Reader]) -> dict[str, object]:
    """The cells that are filled in, as values."""
    return {name: columns[name](cell) for name, cell in row.cells.items() if cell}
