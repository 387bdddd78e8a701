"""What is in the tree is in the wheel: templates, static files, migrations, and every room."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.house import ROOT

FOLDERS, FILES = ("dispatch", "migrations"), ("config.py", "wsgi.py", "pyproject.toml", "README.md")


def build(folder: Path) -> set[str]:
    """The names in the wheel of a copy of the tree in that folder; the tree itself is not touched."""
    for name in FOLDERS:
        shutil.copytree(
            ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".*"), dirs_exist_ok=True
        )
    for name in FILES:
        shutil.copy(ROOT / name, folder)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-q"]
    answer = subprocess.run(
        [*command, "-w", folder / "out", folder], cwd=folder, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    [wheel] = (folder / "out").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def in_tree(folder: Path) -> set[str]:
    """Every file of the folders, as a wheel names it."""
    paths = (path for name in FOLDERS for path in (folder / name).rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix() for path in paths}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> tuple[set[str], set[str]]:
    folder = tmp_path_factory.mktemp("tree")
    # What nothing in pyproject.toml packs; it shows that the comparison can fail.
    (folder / "dispatch" / "foundation").mkdir(parents=True)
    (folder / "dispatch" / "foundation" / "forgotten.csv").touch()
    return build(folder), in_tree(folder)


def test_everything_is_in_the_wheel(wheel: tuple[set[str], set[str]]) -> None:
    packed, there = wheel
    assert sorted(there - packed) == ["dispatch/foundation/forgotten.csv"]


def test_the_wheel_holds_what_runs(wheel: tuple[set[str], set[str]]) -> None:
    packed, _ = wheel
    assert {"config.py", "wsgi.py", "dispatch/py.typed", "migrations/env.py", "migrations/script.py.mako"} <= packed
    assert [name for name in packed if name.startswith("dispatch/web/templates/")]
    assert [name for name in packed if name.startswith("dispatch/web/static/")]
    assert [name for name in packed if name.startswith("migrations/versions/0001")]
    assert [name for name in packed if name.startswith("tests")] == []
