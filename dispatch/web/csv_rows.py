"""CSV files as rows with line numbers, and everything that is wrong with the file itself."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

HEADING_LINE = 1
FLAGS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
WHOLE = re.compile(r"[+-]?[0-9]{1,15}")
NUMBER = re.compile(r"[+-]?[0-9]{1,15}\.[0-9]{1,15}")

Reader = Callable[[str], object]


@dataclass(frozen=True)
class Row:
    """One row: the line of the file it starts in, and its cells by heading, without the spaces around them."""

    line: int
    cells: Mapping[str, str]


@dataclass(frozen=True, order=True)
class BadCell:
    """One complaint: where, and what to do about it."""

    line: int
    field: str
    message: str

    def __str__(self) -> str:
        return f"line {self.line}, {self.field}: {self.message}"


def text(cell: str) -> object:
    """As it stands."""
    return cell


def number(cell: str) -> object:
    """A number; anything else as it stands, for the schema to refuse."""
    if WHOLE.fullmatch(cell):
        return int(cell)
    return float(cell) if NUMBER.fullmatch(cell) else cell


def flag(cell: str) -> object:
    """Yes or no; anything else as it stands, for the schema to refuse."""
    return FLAGS.get(cell.lower(), cell)


def listed(cell: str) -> list[str]:
    """A list joined by `|`."""
    return [part.strip() for part in cell.split("|") if part.strip()]


def read_rows(raw: bytes, known: Collection[str], required: Collection[str]) -> tuple[list[Row], list[BadCell]]:
    """The rows of a file, and complaints about the file itself. `known`: headings there may be, in any order."""
    try:
        content = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return [], [BadCell(line, "file", "is not UTF-8: save it again as CSV UTF-8")]
    lines = _numbered(content)
    rows: list[Row] = []
    bad: list[BadCell] = []
    try:
        _, heading = next(lines, (HEADING_LINE, []))
        names = [name.strip().lower() for name in heading]
        bad += _heading_complaints(names, known, required)
        for line, cells in lines if not bad else ():
            if len(cells) == len(names):
                rows.append(Row(line, dict(zip(names, map(str.strip, cells), strict=True))))
            else:
                bad.append(BadCell(line, "row", f"has {len(cells)} cells, the heading has {len(names)}"))
    except _Broken as error:
        bad.append(error.where)
    return rows, bad


class _Broken(Exception):
    """The file can't be read on from here."""

    def __init__(self, where: BadCell) -> None:
        super().__init__(str(where))
        self.where = where


def _numbered(content: str) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not empty with the line it starts in: a quoted cell may run over several."""
    reader = csv.reader(io.StringIO(content, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            hint = "is a quote missing? Nothing after this line was read"
            raise _Broken(BadCell(line, "row", f"can't be read ({error}): {hint}")) from error
        if any(cell.strip() for cell in cells):
            yield line, cells


def _heading_complaints(names: list[str], known: Collection[str], required: Collection[str]) -> list[BadCell]:
    expected = ",".join(known)
    if not names:
        return [BadCell(HEADING_LINE, "file", f"is empty: start it with the heading {expected}")]
    if len(names) == 1 and ";" in names[0]:
        return [BadCell(HEADING_LINE, "heading", f"is separated by semicolons: use commas, like {expected}")]
    said = [f"there is no heading {name[:40]!r} here; there are {expected}" for name in names if name not in known]
    said += [f"the heading {name!r} is missing" for name in required if name not in names]
    said += [f"the heading {name!r} is there twice" for name in dict.fromkeys(names) if names.count(name) > 1]
    return [BadCell(HEADING_LINE, "heading", message) for message in said]
