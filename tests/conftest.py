"""What every test stands on: a scrubbed environment, no network, a clock that stands still, and real databases."""

from __future__ import annotations

import ipaddress
import os
import shutil
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import hypothesis
import pytest
from flask import Flask
from hypothesis.configuration import set_hypothesis_home_dir
from jinja2.bccache import Bucket, BytecodeCache

from dispatch.foundation.clock import ManualClock
from dispatch.foundation.db import Database, sqlite_url
from dispatch.foundation.settings import Settings, TwilioSettings
from tests.postgres import NoPostgres, PostgresServer

ROOT = Path(__file__).parent.parent
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
IS_CI = os.environ.get("CI", "").lower() in {"1", "true"}
# A Tuesday, early afternoon in the shop.
START = datetime(2026, 11, 24, 14, 0, tzinfo=ZoneInfo("Asia/Kolkata"))

# --- before anything of ours is imported by a test -------------------------------------------------------------------

# What the tests themselves are told: where PostgreSQL's binaries and Twilio's own specification are.
TEST_NAMES = ("DISPATCH_PG_", "DISPATCH_TWILIO_OPENAPI")
PROXIES = {"http_proxy", "https_proxy", "all_proxy", "ftp_proxy"}
for _name in list(os.environ):
    _is_ours = _name.startswith(("DISPATCH_", "TWILIO_")) and not _name.startswith(TEST_NAMES)
    if _is_ours or _name.lower() in PROXIES:
        del os.environ[_name]
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"
# Neither UTC nor the shop's zone, with odd minutes: a local time that is taken for another shows.
os.environ["TZ"] = "Pacific/Chatham"
time.tzset()


class NetworkRefused(RuntimeError):
    """A test wanted to leave this machine."""


def _is_local(host: object) -> bool:
    text = host.decode() if isinstance(host, bytes) else str(host or "")
    if text in {"", "localhost"}:
        return True
    try:
        return ipaddress.ip_address(text.split("%")[0]).is_loopback
    except ValueError:
        return False


def _refuse_network(event: str, arguments: tuple[Any, ...]) -> None:
    if event in {"socket.connect", "socket.sendto", "socket.bind"}:
        # Unix addresses are plain strings; everything else starts with the host.
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None
    elif event in {"socket.getaddrinfo", "socket.gethostbyname"}:
        host = arguments[0]
    else:
        return
    if not _is_local(host):
        raise NetworkRefused(f"tests talk to loopback only, this one wanted {event} {host!r}")


# An audit hook can't be got round by a library that keeps its own reference to `connect`.
sys.addaudithook(_refuse_network)

set_hypothesis_home_dir(ROOT / ".hypothesis")
hypothesis.settings.register_profile("dev", max_examples=50, deadline=None)
hypothesis.settings.register_profile("ci", max_examples=200, deadline=None, print_blob=True)
hypothesis.settings.register_profile("deep", max_examples=5000, deadline=None, print_blob=True)
hypothesis.settings.load_profile("ci" if IS_CI else "dev")

# --- what may be missing, and never without a word -------------------------------------------------------------------

MISSING = pytest.StashKey[set[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[MISSING] = set()
    # Every test has its own working directory; the browser's screenshots stay where people look for them.
    config.option.output = str(ROOT / getattr(config.option, "output", "test-results"))


def _missing(config: pytest.Config, what: str) -> None:
    if IS_CI:
        pytest.fail(f"CI must run everything: {what}", pytrace=False)
    config.stash[MISSING].add(what)
    pytest.skip(what)


def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["missing"] = sorted(session.config.stash[MISSING])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    node.config.stash[MISSING].update(getattr(node, "workeroutput", {}).get("missing", []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for what in sorted(terminalreporter.config.stash[MISSING]):
        terminalreporter.write_sep("!", f"NOT TESTED: {what}", red=True, bold=True)


# --- everyday fixtures -----------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`instance/` of a developer is neither read nor written."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def clock() -> ManualClock:
    """It is Tuesday, 14:00 in the shop, until the test says otherwise."""
    return ManualClock(START)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Complete settings; the simulated Twilio points to a port where nobody listens."""
    return Settings(
        database_url=sqlite_url(tmp_path / "settings.db"),
        secret_key="a secret for tests, nothing else",
        default_region="IN",
        twilio=TwilioSettings(
            account_sid="AC" + "0" * 32,
            auth_token="1" * 32,
            from_number="+15005550006",
            api_url="http://127.0.0.1:9",
            is_simulated=True,
        ),
    )


# --- the application -------------------------------------------------------------------------------------------------


class CompiledTemplates(BytecodeCache):
    """Compiled once for all tests of a process: each of them makes an application of its own."""

    def __init__(self) -> None:
        self._known: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._known:
            bucket.bytecode_from_string(self._known[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._known[bucket.key] = bucket.bytecode_to_string()


Flask.jinja_options = {"bytecode_cache": CompiledTemplates()}

# --- databases -------------------------------------------------------------------------------------------------------

BOTH = [pytest.param("sqlite"), pytest.param("postgresql", marks=pytest.mark.postgresql)]


@pytest.fixture(scope="session")
def worker(request: pytest.FixtureRequest) -> str:
    """The name of this xdist worker, or "main"."""
    return str(getattr(request.config, "workerinput", {}).get("workerid", "main"))


@pytest.fixture(scope="session")
def _one_postgres(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    try:
        server = PostgresServer()
    except NoPostgres as error:
        _missing(request.config, str(error))
    server.start()
    yield server
    server.remove()


@pytest.fixture
def postgres_server(_one_postgres: PostgresServer) -> Iterator[PostgresServer]:
    """The server of this worker, running; a test may stop it (and `start` it again)."""
    _one_postgres.start()
    yield _one_postgres
    _one_postgres.start()


def _migrated(url: str) -> None:
    from dispatch.foundation.migrate import upgrade

    db = Database(url)
    upgrade(db)
    db.dispose()


@pytest.fixture(scope="session")
def _migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "template.db"
    _migrated(sqlite_url(path))
    return path


@pytest.fixture(scope="session")
def _migrated_name(_one_postgres: PostgresServer, worker: str) -> str:
    name = f"dispatch_{worker}"
    _migrated(_one_postgres.create(name))
    _one_postgres.keep_seed(name)
    return name


@pytest.fixture
def sqlite_db(_migrated_file: Path, tmp_path: Path) -> Iterator[Database]:
    """A SQLite file at the newest schema, holding what the migrations put in."""
    db = Database(sqlite_url(shutil.copyfile(_migrated_file, tmp_path / "dispatch.db")))
    yield db
    db.dispose()


@pytest.fixture
def postgresql_db(postgres_server: PostgresServer, _migrated_name: str) -> Iterator[Database]:
    """A PostgreSQL database at the newest schema, holding what the migrations put in."""
    postgres_server.clean(_migrated_name)
    db = Database(postgres_server.url(_migrated_name))
    yield db
    db.dispose()


@pytest.fixture(params=BOTH)
def db(request: pytest.FixtureRequest) -> Database:
    """Either database at the newest schema: the test runs once on each."""
    database: Database = request.getfixturevalue(f"{request.param}_db")
    return database


@pytest.fixture(params=BOTH)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path, worker: str) -> str:
    """The URL of an empty database, no schema at all: the test runs once on each kind."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "empty.db")
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.create(f"empty_{worker}")


@pytest.fixture
def empty_db(empty_url: str) -> Iterator[Database]:
    """An empty database, opened."""
    db = Database(empty_url)
    yield db
    db.dispose()


# --- the browser -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def chromium(pytestconfig: pytest.Config) -> str:
    """The path of the system's Chromium."""
    found = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if not found:
        _missing(pytestconfig, "no Chromium: install the package chromium")
    return str(found)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any], chromium: str) -> dict[str, Any]:
    """The system's Chromium for pytest-playwright, unable to resolve any name but localhost."""
    return {
        **browser_type_launch_args,
        "executable_path": chromium,
        # Chromium's sandbox does not work for root.
        "chromium_sandbox": os.geteuid() != 0,
        "args": ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"],
    }
