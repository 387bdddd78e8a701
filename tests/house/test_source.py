"""Stray commits, stray clocks, stray settings, and the ceilings: read from the source, nothing is run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house import ROOT, own_files

OPENER = {"dispatch/foundation/db.py", "dispatch/foundation/migrate.py"}
# What is said where: a dotted name, or a method whatever it is called on, and the only files that may.
STRAYS: dict[str, set[str]] = {
    ".commit": OPENER,
    "sqlalchemy.create_engine": OPENER,
    "sqlalchemy.orm.sessionmaker": OPENER,
    "datetime.datetime.now": {"dispatch/foundation/clock.py"},
    "datetime.datetime.utcnow": {"dispatch/foundation/clock.py"},
    "datetime.datetime.today": {"dispatch/foundation/clock.py"},
    "datetime.date.today": {"dispatch/foundation/clock.py"},
    "time.time": {"dispatch/foundation/clock.py"},
    "time.time_ns": {"dispatch/foundation/clock.py"},
    "sqlalchemy.func.now": set(),
    "sqlalchemy.func.current_timestamp": set(),
    "os.environ": {"config.py"},
    "os.getenv": {"config.py"},
}
FILE_LINES, FUNCTION_LINES, NESTING = 300, 40, 3
CEILING = "# ceiling: "
Function = ast.FunctionDef | ast.AsyncFunctionDef
BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)


def _imported(tree: ast.AST) -> dict[str, str]:
    """What each imported name stands for, dotted."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {
                (a.asname or a.name.split(".")[0]): a.name if a.asname else a.name.split(".")[0] for a in node.names
            }
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {(a.asname or a.name): f"{node.module}.{a.name}" for a in node.names}
    return names


def _dotted(node: ast.expr, names: dict[str, str]) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value, names)}.{node.attr}"
    return names.get(node.id, "") if isinstance(node, ast.Name) else ""


def strays(source: str, name: str) -> list[str]:
    """Every forbidden word of a file, as "file:line word"."""
    tree = ast.parse(source)
    names = _imported(tree)
    found = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Name | ast.Attribute):
            continue
        said = {_dotted(node, names)} | ({f".{node.attr}"} if isinstance(node, ast.Attribute) else set())
        found |= {(node.lineno, word) for word in said & STRAYS.keys() if name not in STRAYS[word]}
    return [f"{name}:{line} {word}" for line, word in sorted(found)]


def _depth(statements: list[ast.stmt]) -> int:
    return max([0, *(depth for block in statements if isinstance(block, BLOCKS) for depth in _inside(block))])


def _inside(block: ast.stmt) -> Iterator[int]:
    yield 1
    for part in ("body", "orelse", "finalbody"):
        inner: list[ast.stmt] = getattr(block, part, [])
        # `elif` reads as one level.
        is_elif = part == "orelse" and isinstance(block, ast.If) and len(inner) == 1 and isinstance(inner[0], ast.If)
        yield _depth(inner) + (0 if is_elif else 1)
    for part in ("handlers", "cases"):
        yield from (_depth(branch.body) + 1 for branch in getattr(block, part, []))


def too_big(source: str, name: str) -> list[str]:
    """Files, functions and nestings beyond the ceiling that give no reason on their line."""
    lines = source.splitlines()
    found = []
    if len(lines) > FILE_LINES and not any(line.startswith(CEILING) for line in lines[:20]):
        found.append(f"{name}: {len(lines)} lines of {FILE_LINES}")
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, Function) or any(
            CEILING in line for line in lines[node.lineno - 1 : node.body[0].lineno]
        ):
            continue
        length, depth = (node.end_lineno or node.lineno) - node.lineno + 1, _depth(node.body)
        if length > FUNCTION_LINES:
            found.append(f"{name}:{node.lineno} {node.name}: {length} lines of {FUNCTION_LINES}")
        if depth > NESTING:
            found.append(f"{name}:{node.lineno} {node.name}: nested {depth} deep of {NESTING}")
    return found


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_no_strays() -> None:
    found = [stray for path in own_files() for stray in strays(path.read_text(encoding="utf-8"), _name(path))]
    assert not found, "\n".join(found)


def test_no_test_hides_in_another() -> None:
    """Indented by mistake it is never run."""
    hidden = [
        f"{_name(path)}: {inner.name}"
        for path in (ROOT / "tests").rglob("*.py")
        for outer in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(outer, Function)
        for inner in ast.walk(outer)
        if inner is not outer and isinstance(inner, Function) and inner.name.startswith("test_")
    ]
    assert hidden == []


def test_ceilings() -> None:
    found = [thing for path in own_files() for thing in too_big(path.read_text(encoding="utf-8"), _name(path))]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ("def f(session):\n    session.commit()", ".commit"),
        ("import sqlalchemy as sa\nsa.create_engine('x')", "sqlalchemy.create_engine"),
        ("from sqlalchemy.orm import sessionmaker as s\ns()", "sqlalchemy.orm.sessionmaker"),
        ("from datetime import UTC, datetime\ndatetime.now(UTC)", "datetime.datetime.now"),
        ("import datetime as dt\ndefault = dt.datetime.utcnow", "datetime.datetime.utcnow"),
        ("from datetime import date\ndate.today()", "datetime.date.today"),
        ("import time\ntime.time()", "time.time"),
        ("from time import time\ntime()", "time.time"),
        ("from sqlalchemy import func\nfunc.now()", "sqlalchemy.func.now"),
        ("import os\nos.environ['X']", "os.environ"),
        ("from os import getenv\ngetenv('X')", "os.getenv"),
    ],
)
def test_a_stray_is_seen(source: str, word: str) -> None:
    line = source.count("\n") + 1
    assert strays(source, "dispatch/x.py") == [f"dispatch/x.py:{line} {word}"]


def test_what_only_looks_like_a_stray_is_not() -> None:
    source = "from .foundation import clock\ndef f(clock, order):\n    return clock.now(), order.time, time.time()"
    assert strays(source, "dispatch/x.py") == []
    assert strays("import os\nos.environ", "config.py") == []


LONG = "def f():\n" + "    pass\n" * FUNCTION_LINES
DEEP = "def f(a):\n for b in a:\n  if b:\n   with b:\n    while b:\n     pass\n"
CHAIN = "def f(a):\n if a:\n  pass\n" + " elif a:\n  pass\n" * 9


@pytest.mark.parametrize(
    ("source", "complaints"),
    [
        ("x = 1\n" * FILE_LINES, []),
        ("x = 1\n" * (FILE_LINES + 1), ["x.py: 301 lines of 300"]),
        (f"{CEILING}one table\n" + "x = 1\n" * FILE_LINES, []),
        (LONG, ["x.py:1 f: 41 lines of 40"]),
        (LONG.replace("():", f"():  {CEILING}one table"), []),
        (DEEP, ["x.py:1 f: nested 4 deep of 3"]),
        (CHAIN, []),
    ],
    ids=["file", "long file", "with a reason", "long function", "function with a reason", "deep", "elif is no depth"],
)
def test_ceilings_are_seen(source: str, complaints: list[str]) -> None:
    assert too_big(source, "x.py") == complaints
