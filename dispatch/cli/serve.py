"""The children of `dispatch up`, which may also run alone: the worker, and the simulated phones."""

from __future__ import annotations

import fcntl
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import click

import config

from ..foundation.db import Database
from ..foundation.errors import ConfigurationError, Conflict
from ..foundation.settings import Settings
from ..messaging.sending import end_leases
from ..runtime import build_runtime
from ..scheduler import Worker
from ..simulator.config import SimulatorConfig
from ..simulator.server import serve_forever


@click.command()
def worker() -> None:
    """Run the worker alone: any number of them on PostgreSQL, one on SQLite."""
    settings = config.load()
    told_to_stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told_to_stop.set())
    with _only_one(settings):
        runtime = build_runtime(settings)
        if runtime.db.is_sqlite:
            # The only worker there can be: what was being sent when the last one died is looked up now, not after
            # its lease.
            with runtime.db.transaction() as session:
                end_leases(session, runtime.clock.now())
        running = Worker(runtime)
        running.start()
        told_to_stop.wait()
        running.stop()


@contextmanager
def _only_one(settings: Settings) -> Iterator[None]:
    """On SQLite a second worker is refused while the first one lives; the kernel lets go of the lock when it dies."""
    db = Database(settings.database_url)
    db.dispose()
    if not db.is_sqlite or not db.url.database:
        yield
        return
    path = Path(f"{db.url.database}.worker")
    with path.open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Conflict("Another worker runs on this SQLite database: stop it first, or use PostgreSQL.") from error
        yield


@click.command(hidden=True)
def simulator() -> None:
    """Serve the simulated phones at DISPATCH_SIMULATOR_URL; without it, or with Twilio settings, there are none."""
    settings = config.load()
    twilio = settings.twilio
    if twilio is None or not twilio.is_simulated or not twilio.api_url:
        raise ConfigurationError(["DISPATCH_SIMULATOR_URL: not set, so there are no simulated phones"])
    address = urlsplit(twilio.api_url)
    simulated = SimulatorConfig(
        account_sid=twilio.account_sid,
        auth_token=twilio.auth_token,
        from_number=twilio.from_number,
        inbound_url=f"{settings.public_url}/webhooks/twilio/message",
        voice_url=f"{settings.public_url}/webhooks/twilio/voice",
        post_via=settings.local_url or settings.public_url,
    )
    serve_forever(simulated, address.hostname or "127.0.0.1", address.port or 80)
