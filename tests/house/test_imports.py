"""Who may import whom, and that importing alone does nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import ROOT

LINT = Path(sys.executable).with_name("lint-imports")

# wsgi.py makes the app and migrations/env.py migrates: running is what they are for.
NAMES = [
    "config",
    *sorted(
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for folder in ("dispatch", "migrations/versions")
        for path in (ROOT / folder).rglob("*.py")
    ),
]

# First pass: import all, tell which foreign modules came along. Second pass: those first, then ours under guard, so
# that only our own import-time deeds count (urllib3, for one, opens a socket to see whether there is IPv6).
GUARD = """
import contextlib, importlib, json, sys, threading
names, foreign = json.loads(sys.stdin.read())
for name in foreign:
    # Compiled modules leave names behind that can't be imported by themselves.
    with contextlib.suppress(ImportError):
        importlib.import_module(name)
DEEDS = {"socket.__new__", "thread", "subprocess.Popen", "os.fork", "os.mkdir", "os.remove", "os.rename", "os.putenv",
         "os.system", "sqlite3.connect", "shutil.copyfile", "tempfile.mkstemp", "tempfile.mkdtemp"}
deeds, before = [], set(sys.modules)
def guard(event, arguments):
    writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if foreign and (event in DEEDS or writes):
        deeds.append(f"{current}: {event} {arguments[:1]!r}")
sys.addaudithook(guard)
# Python tells its auditors of new threads only from a later version on.
threading.Thread.start = lambda thread: guard("thread", (thread.name,))
for current in names:
    importlib.import_module(current)
new = sorted(set(sys.modules) - before)
print(json.dumps([deeds, [name for name in new if name.split(".")[0] not in {"dispatch", "config", "migrations"}]]))
"""


def run_guard(names: list[str], foreign: list[str], folder: Path) -> tuple[list[str], list[str]]:
    """What importing `names` did (under guard only when `foreign` modules are named), and what came along."""
    answer = subprocess.run(
        [sys.executable, "-B", "-c", GUARD],
        input=json.dumps([names, foreign]),
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    deeds, came_along = json.loads(answer.stdout)
    return deeds, came_along


def test_importing_does_nothing(tmp_path: Path) -> None:
    assert len(NAMES) > 40
    _, foreign = run_guard(NAMES, [], tmp_path)
    assert "sqlalchemy" in foreign
    deeds, _ = run_guard(NAMES, foreign, tmp_path)
    assert deeds == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "deed"),
    [
        ("import socket; socket.socket().close()", "socket.__new__"),
        ("import threading; threading.Thread(target=int).start()", "thread"),
        ("open('left-behind', 'w').close()", "open"),
        ("import pathlib; pathlib.Path('left-behind').write_text('x')", "open"),
        ("import subprocess; subprocess.run(['true'])", "subprocess.Popen"),
        ("import sqlite3; sqlite3.connect('x.db').close()", "sqlite3.connect"),
        ("import os; os.environ['X'] = '1'", "os.putenv"),
    ],
)
def test_the_guard_sees(line: str, deed: str, tmp_path: Path) -> None:
    (tmp_path / "busy.py").write_text(line)
    deeds, _ = run_guard(["busy"], ["json"], tmp_path)
    assert deeds
    assert deeds[0].startswith(f"busy: {deed} ")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """import-linter on the package in that folder."""
    return subprocess.run(
        [LINT, "--no-logo", "--no-cache", "--config", ROOT / "pyproject.toml"],
        env={**os.environ, "PYTHONPATH": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_floors_and_forbidden_imports() -> None:
    answer = lint(ROOT)
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.fixture(scope="module")
def crooked(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What import-linter says of a house with every wall broken once."""
    folder = tmp_path_factory.mktemp("crooked")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "dispatch", folder / "dispatch", ignore=ignored)
    for name, line in {
        "attic/__init__.py": "",
        "orders/aside.py": "from dispatch.escalation import tables",
        "staff/aside.py": "from dispatch.procurement import tables",
        "orders/wording.py": "from dispatch.orders import tables",
        "web/aside.py": "import twilio.request_validator",
        "messaging/aside.py": "import flask",
        "promise/aside.py": "import apscheduler.schedulers",
        "customers/wording.py": "from dispatch.foundation import clock",
    }.items():
        path = folder / "dispatch" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f'"""Crooked."""\n{line}\n')
    answer = lint(folder)
    assert answer.returncode == 1, answer.stdout + answer.stderr
    return answer.stdout


@pytest.mark.parametrize(
    "complaint",
    [
        "- dispatch.attic",
        "dispatch.orders is not allowed to import dispatch.escalation",
        "dispatch.staff is not allowed to import dispatch.procurement",
        "dispatch.orders.wording is not allowed to import dispatch.orders.tables",
        "dispatch.orders.wording is not allowed to import sqlalchemy",
        "dispatch.web.aside -> twilio",
        "dispatch.messaging.aside -> flask",
        "dispatch.promise.aside -> apscheduler",
        "dispatch.customers.wording is not allowed to import dispatch.foundation.clock",
    ],
)
def test_a_broken_wall_is_seen(crooked: str, complaint: str) -> None:
    assert complaint in crooked
