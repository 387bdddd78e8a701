"""`dispatch up`: one command that starts a shop. Web, worker and simulated phones are children, started again when
they die, stopped cleanly when we are told to stop.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from sqlalchemy.orm import Session

import config

from ..foundation.clock import SystemClock, monotonic
from ..foundation.db import Database
from ..foundation.errors import Conflict
from ..foundation.log import get_logger
from ..foundation.migrate import upgrade
from ..foundation.settings import Settings
from ..web.sessions import has_users, make_one_time_link
from .demo import lay_out

log = get_logger("up")

STOP_WITHIN_SECONDS = 8.5
LONGEST_BACKOFF_SECONDS = 30.0
STEADY_SECONDS = 60.0
PR_SET_PDEATHSIG = 1


@dataclass(kw_only=True)
class Child:
    """One process of ours: what it is, and when it may be started again."""

    name: str
    command: Sequence[str]
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    not_before: float = 0.0
    backoff: float = 0.5

    def start(self) -> None:
        """Start it; it dies with us, even if we are killed."""
        self.started = monotonic()
        self.process = subprocess.Popen(
            self.command,
            env=self.environment,
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - this process has one thread
        )
        log.info("started", child=self.name, pid=self.process.pid)

    def look(self) -> None:
        """Start it again when it has died, a little later each time."""
        if self.process is not None and self.process.poll() is None:
            return
        if self.process is not None:
            steady = monotonic() - self.started > STEADY_SECONDS
            self.backoff = 0.5 if steady else min(self.backoff * 2, LONGEST_BACKOFF_SECONDS)
            self.not_before = monotonic() + self.backoff
            log.warning("died", child=self.name, code=self.process.returncode, again_in_seconds=self.backoff)
            self.process = None
        if monotonic() >= self.not_before:
            self.start()


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _secret_key() -> str:
    """The key that signs links and sessions, made once and kept for the owner's eyes only."""
    path = config.INSTANCE / "secret_key"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(32))
    except FileExistsError:
        pass
    return path.read_text(encoding="utf-8").strip()


def _free_port(after: int) -> int:
    """A free port on loopback, the next one if possible."""
    for port in (after + 1, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise Conflict("There is no free port on this machine for the simulated phones.")


def _check_port(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Conflict(f"{host}:{port} can't be used ({error.strerror}): give another one with --port.") from error


def _environment(host: str, port: int) -> dict[str, str]:
    """What the children are told: ours, and what we found out for them."""
    environment = dict(config.environment())
    if not (environment.get("DISPATCH_SECRET_KEY") or environment.get("DISPATCH_SECRET_KEY_FILE")):
        environment["DISPATCH_SECRET_KEY"] = _secret_key()
    reach = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104 - compared, not bound
    environment.setdefault("DISPATCH_PUBLIC_URL", f"http://{reach}:{port}")
    environment["DISPATCH_LOCAL_URL"] = f"http://{reach}:{port}"
    has_twilio = any(name.startswith("TWILIO_") and value for name, value in environment.items())
    if not has_twilio:
        environment["DISPATCH_SIMULATOR_URL"] = f"http://127.0.0.1:{_free_port(port)}"
    return environment


def _children(settings: Settings, environment: dict[str, str], host: str, port: int) -> list[Child]:
    me = [sys.executable, "-m", "dispatch"]
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    web = [sys.executable, "-m", "gunicorn", "wsgi:app", "--bind", address, "--worker-class", "gthread"]
    web += ["--workers", "2", "--threads", "16", "--graceful-timeout", "3", "--no-control-socket"]
    web += ["--log-level", "warning", "--worker-tmp-dir", "/dev/shm" if Path("/dev/shm").is_dir() else "/tmp"]  # noqa: S108
    commands = [("web", web), ("worker", [*me, "worker"])]
    if settings.twilio and settings.twilio.is_simulated:
        commands.insert(0, ("phones", [*me, "simulator"]))
    return [Child(name=name, command=command, environment=environment) for name, command in commands]


def _first_words(settings: Settings, *, demo: bool) -> str:
    """Prepare an empty database, and answer what to tell whoever started us."""
    db = Database(settings.database_url)
    try:
        upgrade(db)
        with db.transaction() as session:
            return _invitation(session, settings, demo=demo)
    finally:
        db.dispose()


def _invitation(session: Session, settings: Settings, *, demo: bool) -> str:
    now = SystemClock().now()
    link = f"{settings.public_url}/login/link?s="
    secret = lay_out(session, now) if demo else None
    if secret:
        return f"The demo shop is ready. Sign in with this link: {link}{secret}"
    if not has_users(session):
        secret = make_one_time_link(session, now, minutes=24 * 60)
        return f"Nobody can sign in yet. Set up your shop here: {link}{secret}"
    return f"The board: {settings.public_url}/"


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
@click.option("--demo", is_flag=True, help="Fill an empty database with the bookshop and its afternoon.")
def up(host: str, port: int, *, demo: bool) -> None:
    """Start everything: the database's schema, the web, the worker, and simulated phones without Twilio settings."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    _check_port(host, port)
    environment = _environment(host, port)
    settings = config.load(environment)
    words = _first_words(settings, demo=demo)
    children = _children(settings, environment, host, port)
    for child in children:
        child.start()
    _say_when_ready(settings, environment["DISPATCH_LOCAL_URL"], words, stopping, children)
    while not stopping.wait(0.2):
        for child in children:
            child.look()
    _stop(children)


def _say_when_ready(
    settings: Settings, local_url: str, words: str, stopping: threading.Event, children: list[Child]
) -> None:
    host, _, port = local_url.removeprefix("http://").rpartition(":")
    while not stopping.is_set():
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=1):
                break
        except OSError:
            for child in children:
                child.look()
            stopping.wait(0.1)
    if stopping.is_set():
        return
    click.echo(f"dispatch runs at {settings.public_url}")
    if settings.twilio and settings.twilio.is_simulated:
        click.echo(f"Nothing is really sent: the phones are simulated, at {settings.public_url}/phones")
    click.echo(words)
    sys.stdout.flush()


def _stop(children: list[Child]) -> None:
    """Tell every child to finish what is in hand; whoever does not in time is ended."""
    log.info("stopping")
    running = [child.process for child in children if child.process is not None]
    for process in running:
        process.terminate()
    deadline = monotonic() + STOP_WITHIN_SECONDS
    for process in running:
        try:
            process.wait(max(0.1, deadline - monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    log.info("stopped")
