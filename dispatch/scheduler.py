"""The bell, the only file that knows APScheduler: rings the rounds at the next due instant, on news, and each second.

APScheduler keeps nothing in the database: the rows are the queue. Losing a ring costs a second, never a text.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta

import psycopg
from apscheduler.schedulers.background import BackgroundScheduler

from . import rounds
from .foundation.clock import SystemClock, monotonic
from .foundation.db import WAKE_CHANNEL
from .foundation.errors import Unavailable
from .foundation.log import get_logger
from .runtime import Runtime

log = get_logger("scheduler")

# Turns of one round that may be under way: all but one of them only leave word and end at once.
MOST_TURNS = 4
SAFETY_TICK = timedelta(seconds=1)
# How often SQLite is asked whether another process has committed; it costs some microseconds.
SQLITE_GLANCE_SECONDS = 0.005
HEARTBEAT_SECONDS = 5.0
AUDIT_EVERY = timedelta(minutes=1)
# It is done once a night; whoever looks first does it.
LEARN_EVERY = timedelta(minutes=5)
# Once a morning, in the same way; nobody minds whether the report comes two minutes later.
TELL_EVERY = timedelta(minutes=2)


class Duty:
    """One round that is never run by two threads at once; a ring that comes while it runs makes it run again."""

    def __init__(self, name: str, work: Callable[[], int], next_at: Callable[[], datetime | None]) -> None:
        self.name = name
        self._work = work
        self._next_at = next_at
        self._asked = threading.Event()
        self._running = threading.Lock()
        self._is_waiting = False

    def ring(self) -> bool:
        """Ask for another turn; False when one is under way, which will see it before it ends."""
        self._asked.set()
        return not self._running.locked()

    def run(self) -> datetime | None:
        """Work until all is quiet; answers when there is more to do."""
        self._asked.set()
        again = None
        while self._asked.is_set():
            # Whoever holds the lock looks at the flag after letting go of it, so that no ring is lost between them.
            if not self._running.acquire(blocking=False):
                return None
            try:
                self._asked.clear()
                again = self._once()
            finally:
                self._running.release()
        return again

    def _once(self) -> datetime | None:
        try:
            while self._work():
                continue
            self._is_waiting = False
            return self._next_at()
        except Unavailable as error:
            # The database is busy or gone: wait for the next tick, nothing is lost.
            if not self._is_waiting:
                log.warning("waiting for the database", round=self.name, error=str(error))
            self._is_waiting = True
        except Exception:
            log.exception("a round failed", round=self.name)
        return None


class Worker:
    """All rounds of one process, until `stop`."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._delivery = rounds.make_delivery(runtime)
        self._stopping = threading.Event()
        self._last_beat = -HEARTBEAT_SECONDS
        self._duties = {
            "watch": Duty("watch", self._watch, lambda: rounds.next_look_at(runtime)),
            "deliver": Duty("deliver", self._delivery.run_once, self._delivery.next_due_at),
        }
        self._scheduler = BackgroundScheduler(
            timezone="UTC",
            job_defaults={"coalesce": True, "max_instances": MOST_TURNS, "misfire_grace_time": None},
        )

    def start(self) -> None:
        """Begin; answers at once, the work goes on in threads."""
        # A turn that is skipped because so many are under way is no loss: they have seen the flag.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        for name in self._duties:
            self._scheduler.add_job(self._turn, "interval", seconds=1, id=name, args=[name])
        self._scheduler.add_job(self._audit, "interval", seconds=AUDIT_EVERY.total_seconds(), id="audit")
        self._scheduler.add_job(self._learn, "interval", seconds=LEARN_EVERY.total_seconds(), id="learn")
        self._scheduler.add_job(self._tell, "interval", seconds=TELL_EVERY.total_seconds(), id="tell")
        self._scheduler.start()
        # Our own news comes without a detour, as soon as it is committed: a page does not wait for the rest of a round.
        self._runtime.db.on_news(self.ring)
        listen = self._glance if self._runtime.db.is_sqlite else self._listen
        threading.Thread(target=listen, name="waker", daemon=True).start()
        self.ring()
        log.info("worker started")

    def stop(self) -> None:
        """Finish what is in hand, then end."""
        self._stopping.set()
        self._scheduler.pause()
        self._delivery.close()
        self._scheduler.shutdown(wait=True)
        log.info("worker stopped")

    def ring(self) -> None:
        """Something happened: run every round now."""
        for name, duty in self._duties.items():
            if duty.ring():
                self._schedule(name, self._runtime.clock.now())

    def _schedule(self, name: str, at: datetime) -> None:
        if not self._stopping.is_set():
            # APScheduler goes by the machine's own clock, which may differ from the one that all machines share.
            wait = at - self._runtime.clock.now()
            self._scheduler.modify_job(name, next_run_time=SystemClock().now() + wait)

    def _turn(self, name: str) -> None:
        again = self._duties[name].run()
        latest = self._runtime.clock.now() + SAFETY_TICK
        if again is not None and again < latest:
            self._schedule(name, max(again, self._runtime.clock.now()))

    def _watch(self) -> int:
        did = self._relay() + rounds.watch(self._runtime)
        if monotonic() - self._last_beat > HEARTBEAT_SECONDS:
            rounds.beat(self._runtime, "watch")
            self._last_beat = monotonic()
        return did

    def _relay(self) -> int:
        try:
            return rounds.relay(self._runtime)
        except Unavailable:
            raise
        except Exception:
            # Whatever is wrong with a text must not keep promises from being watched.
            log.exception("a round failed", round="relay")
            return 0

    def _audit(self) -> None:
        try:
            rounds.audit(self._runtime)
            rounds.report_outside(self._runtime)
        except Unavailable:
            log.warning("the audit waits for the database")

    def _learn(self) -> None:
        try:
            rounds.learn(self._runtime)
        except Unavailable:
            log.warning("learning waits for the database")

    def _tell(self) -> None:
        try:
            rounds.tell_founders(self._runtime)
        except Unavailable:
            log.warning("the morning's report waits for the database")

    def _listen(self) -> None:
        """PostgreSQL tells us; after every reconnect we look for ourselves, for news in between is lost."""
        url = self._runtime.db.url.set(drivername="postgresql").render_as_string(hide_password=False)
        while not self._stopping.is_set():
            try:
                with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
                    self._hear(connection)
            except psycopg.Error:
                log.warning("not listening for news; trying again")
                self._stopping.wait(2)

    def _hear(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        connection.execute(f"LISTEN {WAKE_CHANNEL}")
        self.ring()
        while not self._stopping.is_set():
            # Now and then it looks up: a worker that has stopped must not keep its connection.
            for _ in connection.notifies(timeout=SAFETY_TICK.total_seconds()):
                self.ring()

    def _glance(self) -> None:
        """SQLite has no way to tell us: ask for the number that changes with each commit, then whether it is news."""
        path = self._runtime.db.url.database or ""
        seen = heard = None
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            while not self._stopping.wait(SQLITE_GLANCE_SECONDS):
                try:
                    (version,) = connection.execute("PRAGMA data_version").fetchone()
                    news = heard if version == seen else connection.execute("PRAGMA user_version").fetchone()
                except sqlite3.OperationalError:
                    # Locked for longer than we wait: the next glance sees what was missed.
                    continue
                seen = version
                if news != heard:
                    heard = news
                    self.ring()
