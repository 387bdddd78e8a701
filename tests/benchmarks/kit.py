"""What the benchmarks share: a provider in a process of its own, databases of both kinds, and figures side by side.

The machine is shared: beside each time on the wall stands what our own process spent, and both are medians, or
quantiles, of pairs that were measured in turns.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self

from dispatch.foundation.clock import SystemClock
from dispatch.foundation.db import Database, sqlite_url
from dispatch.foundation.migrate import upgrade
from dispatch.foundation.settings import Settings, TwilioSettings
from dispatch.messaging.twilio_gateway import build_gateway
from dispatch.runtime import Runtime
from dispatch.scheduler import Worker
from dispatch.simulator.config import SimulatorConfig
from dispatch.simulator.server import start_simulator
from tests.postgres import NoPostgres, PostgresServer

ACCOUNT, TOKEN, NUMBER = "AC" + "b2" * 16, "a token for benchmarks, no more.", "+15005550006"
# Nothing listens there: receipts are no part of what is measured, unless somebody says where the web is.
NOWHERE = "http://127.0.0.1:9"
CONCURRENCY = 8
_spawn = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Sent:
    """A text as the provider has it, and when the request for it was there."""

    to: str
    body: str
    at: datetime


def _serve(link: Connection, config: SimulatorConfig) -> None:
    running = start_simulator(config)
    link.send(running.url)
    while (asked := link.recv()) is not None:
        what, arguments = asked
        if what == "texts":
            found = [m for m in running.state.messages() if m.direction == "outbound-api"]
            link.send([Sent(m.to, m.body, m.created_at) for m in reversed(found)])
        elif what == "receive":
            received = running.simulator.inbox.receive(*arguments)
            link.send((received.message.created_at, [note["status"] for note in received.webhooks]))
        else:
            running.simulator.reset()
            link.send(None)
    running.stop()


class Provider:
    """A simulated Twilio in a process of its own: it would hold our interpreter's lock otherwise."""

    def __init__(self, **config: Any) -> None:
        self._link, far = _spawn.Pipe()
        told = SimulatorConfig(account_sid=ACCOUNT, auth_token=TOKEN, from_number=NUMBER, **config)
        self._process = _spawn.Process(target=_serve, args=(far, told), daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        self.url: str = self._link.recv()
        return self

    def __exit__(self, *_: object) -> None:
        self._link.send(None)
        self._process.join(10)

    def _ask(self, what: str, *arguments: Any) -> Any:
        self._link.send((what, arguments))
        return self._link.recv()

    def texts(self) -> list[Sent]:
        """What we have sent, oldest first."""
        return list(self._ask("texts"))

    def receive(self, phone: str, body: str) -> datetime:
        """Somebody texts us: when they did; comes back when our webhook has answered."""
        at, answers = self._ask("receive", phone, body)
        assert answers == [200], answers
        return at

    def reset(self) -> None:
        """Forget everything."""
        self._ask("reset")

    @property
    def twilio(self) -> TwilioSettings:
        """How we reach it."""
        return TwilioSettings(account_sid=ACCOUNT, auth_token=TOKEN, from_number=NUMBER, api_url=self.url)


@contextmanager
def databases() -> Iterator[dict[str, Callable[[str], str]]]:
    """By kind, what makes an empty database of a name and answers its URL; those named as arguments, else both.

    All are gone at the end. PostgreSQL runs without fsync, as the tests' own; SQLite's log is not synced either.
    """
    wanted = [kind for kind in ("sqlite", "postgresql") if kind in sys.argv] or ["sqlite", "postgresql"]
    with tempfile.TemporaryDirectory() as folder:
        found: dict[str, Callable[[str], str]] = {}
        if "sqlite" in wanted:
            found["sqlite"] = lambda name: sqlite_url(Path(folder) / f"{name}.db")
        if "postgresql" not in wanted:
            yield found
            return
        try:
            server = PostgresServer()
        except NoPostgres as error:
            print(f"no PostgreSQL here: {error}")
            yield found
            return
        server.start()
        try:
            yield {**found, "postgresql": server.create}
        finally:
            server.remove()


def make_runtime(url: str, provider: Provider, *, public_url: str = NOWHERE) -> Runtime:
    """An up-to-date database and the real gateway, with the time of the machine."""
    return _runtime(url, provider.twilio, public_url=public_url)


def _runtime(url: str, twilio: TwilioSettings, *, public_url: str) -> Runtime:
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"
    settings = Settings(
        database_url=url,
        secret_key="k" * 32,
        public_url=public_url,
        twilio=twilio,
        worker_concurrency=CONCURRENCY,
    )
    db = Database(url)
    upgrade(db)
    return Runtime(settings, db, SystemClock(), build_gateway(twilio, concurrency=CONCURRENCY))


def _work(link: Connection, url: str, twilio: TwilioSettings) -> None:
    worker = Worker(_runtime(url, twilio, public_url=NOWHERE))
    worker.start()
    link.send(None)
    while link.recv():
        link.send(time.process_time() * 1000)
    worker.stop()


class WorkerProcess:
    """A worker in a process of its own, as `dispatch worker` is."""

    def __init__(self, url: str, provider: Provider) -> None:
        self._link, far = _spawn.Pipe()
        self._process = _spawn.Process(target=_work, args=(far, url, provider.twilio), daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        self._link.recv()
        return self

    def __exit__(self, *_: object) -> None:
        self._link.send(False)
        self._process.join(20)

    def own(self) -> float:
        """What it has spent of a processor so far, in milliseconds."""
        self._link.send(True)
        return float(self._link.recv())


@dataclass(frozen=True, kw_only=True)
class Took:
    """Milliseconds on the wall, and of our own processor."""

    wall: float
    own: float


class Stopwatch:
    """Measures from its making on."""

    def __init__(self) -> None:
        self._start, self._own = time.perf_counter(), time.process_time()

    def took(self) -> Took:
        """Since the making."""
        return Took(wall=(time.perf_counter() - self._start) * 1000, own=(time.process_time() - self._own) * 1000)


def quantile(values: Sequence[float], share: float) -> float:
    """A quantile of values in any order."""
    return sorted(values)[min(len(values) - 1, round(share * (len(values) - 1)))]


def medians(pairs: Sequence[tuple[Took, Took]]) -> tuple[Took, Took, float, float]:
    """Of pairs (ours, bare) that were measured in turns: the medians, and those of the ratios, on the wall and own."""
    ours, bare = zip(*pairs, strict=True)
    middle = statistics.median
    return (
        Took(wall=middle(each.wall for each in ours), own=middle(each.own for each in ours)),
        Took(wall=middle(each.wall for each in bare), own=middle(each.own for each in bare)),
        middle(mine.wall / its.wall for mine, its in pairs),
        middle(mine.own / its.own for mine, its in pairs),
    )
