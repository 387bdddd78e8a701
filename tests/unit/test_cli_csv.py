"""CSV as people and spreadsheets write it: line numbers, quotes, headings, and cells as values."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.web.csv_rows import BadCell, Reader, Row, flag, listed, number, read_rows, text

KNOWN = ("name", "phone", "note")


def rows_of(content: str, *required: str) -> list[Row]:
    rows, bad = read_rows(content.encode(), KNOWN, required)
    assert bad == []
    return rows


def test_a_row_is_known_by_the_line_it_starts_in() -> None:
    content = 'name,note\nA,"one\ntwo"\n\n"B\r\nC",x\r\n  ,  \nD,\n'
    assert [(row.line, row.cells["name"]) for row in rows_of(content)] == [(2, "A"), (5, "B\r\nC"), (8, "D")]


def test_headings_come_in_any_order_and_case() -> None:
    assert rows_of(" Phone ,NAME\n1,A\n", "name", "phone") == [Row(2, {"phone": "1", "name": "A"})]


def test_cells_must_match_the_heading() -> None:
    rows, bad = read_rows(b"name,phone\nA\nB,1\nC,1,2\n", KNOWN, ())
    assert [row.line for row in rows] == [3]
    assert bad == [
        BadCell(2, "row", "has 1 cells, the heading has 2"),
        BadCell(4, "row", "has 3 cells, the heading has 2"),
    ]


def test_nothing_is_read_under_a_wrong_heading() -> None:
    rows, bad = read_rows(b"name,age\nA,3\n", KNOWN, ("phone",))
    assert rows == []
    assert [cell.message for cell in bad] == [
        "there is no heading 'age' here; there are name,phone,note",
        "the heading 'phone' is missing",
    ]


def test_what_can_be_read_before_a_broken_quote_is() -> None:
    rows, bad = read_rows(b'name\nA\n"B\nC\n', KNOWN, ())
    assert [row.cells["name"] for row in rows] == ["A"]
    assert [cell.line for cell in bad] == [3]


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=2)))
def test_what_is_written_is_read(table: list[list[str]]) -> None:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([["name", "note"], *table])
    rows, bad = read_rows(out.getvalue().encode(), KNOWN, ())
    assert bad == []
    assert [[row.cells["name"], row.cells["note"]] for row in rows] == [
        [cell.strip() for cell in cells] for cells in table if any(cell.strip() for cell in cells)
    ]
    lines = out.getvalue().splitlines(keepends=True)
    assert all(1 < row.line <= len(lines) for row in rows)


@pytest.mark.parametrize(
    ("reader", "cell", "value"),
    [
        (text, "as it is", "as it is"),
        (number, "12", 12),
        (number, "-3", -3),
        (number, "22.57", 22.57),
        (number, "1e3", "1e3"),
        (number, "12 min", "12 min"),
        (number, "nan", "nan"),
        (number, "१२", "१२"),
        (number, "9" * 16, "9" * 16),
        (flag, "Yes", True),
        (flag, "TRUE", True),
        (flag, "1", True),
        (flag, "no", False),
        (flag, "false", False),
        (flag, "0", False),
        (flag, "maybe", "maybe"),
        (listed, "a| b ||c", ["a", "b", "c"]),
        (listed, "|", []),
    ],
)
def test_cells_as_values(reader: Reader, cell: str, value: object) -> None:
    found = reader(cell)
    assert found == value
    assert type(found) is type(value)
