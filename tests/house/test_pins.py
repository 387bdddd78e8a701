"""The pins fit pyproject.toml, name no place and are what runs; CI leaves nothing out in silence."""

from __future__ import annotations

import re
import runpy
import subprocess
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house import ROOT

LINES = (ROOT / ".ci" / "constraints.txt").read_text(encoding="utf-8").splitlines()
PINS = {
    canonicalize_name(name): pin
    for name, _, pin in (line.partition("==") for line in LINES if not line.startswith("#"))
}


def declared() -> list[Requirement]:
    """Everything that `-e .[test]` asks for itself."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [Requirement(line) for line in [*project["dependencies"], *project["optional-dependencies"]["test"]]]


def test_every_requirement_has_a_pin_that_fits() -> None:
    misfits = [
        str(need)
        for need in declared()
        if not need.specifier.contains(PINS.get(canonicalize_name(need.name), "0"), prereleases=True)
    ]
    assert misfits == []


def test_pins_are_plain() -> None:
    assert [line for line in LINES[1:] if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line)] == []


@pytest.mark.parametrize("name", ["flask", "sqlalchemy", "alembic", "apscheduler", "twilio", "pytest"])
def test_the_pinned_version_is_the_one_that_runs(name: str) -> None:
    assert version(name) == PINS[name]


def report(folder: Path, *cases: str) -> tuple[dict[str, int], list[str]]:
    (folder / "report.xml").write_text(f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>")
    outcome: tuple[dict[str, int], list[str]] = runpy.run_path(str(ROOT / ".ci" / "skipped.py"))["report"](
        folder / "report.xml"
    )
    return outcome


def test_a_skip_is_seen(tmp_path: Path) -> None:
    counts, refused = report(
        tmp_path,
        '<testcase classname="a" name="good"/>',
        '<testcase classname="a" name="lazy"><skipped type="pytest.skip" message="no time"/></testcase>',
        '<testcase classname="a" name="known"><skipped type="pytest.xfail" message="later"/></testcase>',
    )
    assert counts == {"run": 1, "skipped": 1, "expected to fail": 1}
    assert refused == ["a::lazy: no time"]


@pytest.mark.parametrize("name", ["setup", "test", "run", "demo"])
def test_scripts_are_scripts(name: str) -> None:
    path = ROOT / ".ci" / name
    assert path.stat().st_mode & 0o111
    assert "set -euo pipefail" in path.read_text(encoding="utf-8")
    subprocess.run(["bash", "-n", path], check=True)
