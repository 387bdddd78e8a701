"""A town in which everything breaks: real processes on a real PostgreSQL, killed, paused and started again."""

from __future__ import annotations

import hashlib
import math
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import requests
from sqlalchemy.orm import Session

from dispatch.foundation.clock import SystemClock
from tests import factories
from tests.journeys.shop import free_port, until
from tests.postgres import PostgresServer, die_with_parent

SECRET = "a secret for the town, nothing else"
ACCOUNT = "AC" + "51" * 16
TOKEN = hashlib.sha256(f"simulated phones:{SECRET}".encode()).hexdigest()[:32]
ZONE = "Europe/London"
SHOPS, ORDERS, WORKERS = 10, 200, 3
AT_WORK = "worker started"
LIVES_FOR_SECONDS = (1.0, 8.0)
# Longer than a lease.
PAUSE_SECONDS = 65.0
LEAST_KILLED = 3
# Machines that do other things as well take their time to start processes.
OPEN_WITHIN_SECONDS = 120.0
# What is ordered to go wrong, and how many texts at a time it strikes; seconds and codes where they matter.
FAULTS: tuple[Mapping[str, Any], ...] = (
    {"kind": "rate_limited", "count": 3},
    {"kind": "server_error", "count": 2},
    {"kind": "unavailable", "count": 2},
    {"kind": "dropped", "count": 2},
    {"kind": "accepted_then_dropped", "count": 4},
    {"kind": "junk", "count": 2},
    {"kind": "refused", "count": 1, "code": 21614},
    # Longer than we wait for an answer, and handled all the same.
    {"kind": "slow", "count": 1, "seconds": 12},
    {"kind": "undelivered", "count": 3},
    {"kind": "failed", "count": 1},
    {"kind": "held", "count": 2, "seconds": 5},
    {"kind": "no_receipt", "count": 2},
    {"kind": "doubled_receipts", "count": 8},
    {"kind": "reordered_receipts", "count": 8},
    {"kind": "late_receipts", "count": 8, "seconds": 4},
    {"kind": "lost_receipts", "count": 4},
    {"kind": "unavailable", "count": 1, "on": "reads"},
    {"kind": "dropped", "count": 1, "on": "reads"},
)
POLICY = {
    "step_min_seconds": 10,
    "step_max_seconds": 30,
    "check_in_grace_seconds": 15,
    "pack_minutes": 1,
    "handover_minutes": 1,
    "travel_minutes": 2,
    "watch_minutes": 5,
    "page_cap_per_hour": 60,
}
CODE = re.compile(r"\b(\d+)A\b")
LINK = re.compile(r"https?://\S+")


@dataclass(frozen=True)
class Bubble:
    """One text of ours as it lies on a simulated phone."""

    sid: str
    to: str
    body: str

    @property
    def codes(self) -> frozenset[str]:
        """Of the pages in it: several, where one text asks for several things."""
        # Not those in links: a token may hold anything.
        return frozenset(CODE.findall(LINK.sub("", self.body)))


class Process:
    """One of ours, in a process of its own; ended with the test at the latest."""

    def __init__(self, town: Town, name: str, *command: str) -> None:
        self.town, self.name, self.command = town, name, command
        self.start()

    def start(self) -> None:
        """Start it (again)."""
        self.log = self.town.home / f"{self.name}.log"
        with self.log.open("ab") as log:
            self.log_begins = log.tell()
            self.process = subprocess.Popen(
                [sys.executable, "-m", *self.command],
                cwd=self.town.home,
                env=self.town.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call and exec
            )

    def says(self, words: str) -> bool:
        """Whether it has said this since it was started last."""
        with self.log.open("rb") as log:
            log.seek(self.log_begins)
            return words.encode() in log.read()

    def signal(self, number: int) -> None:
        """Tell it, if it still runs."""
        with suppress(ProcessLookupError):
            self.process.send_signal(number)

    def crash(self) -> None:
        """End it between any two lines, and start another in its place."""
        self.process.kill()
        self.process.wait(10)
        self.start()

    def end(self) -> None:
        """End it for good, also when it is paused."""
        self.process.kill()
        self.process.wait(10)


@dataclass
class Town:
    """A database, a web, workers, a provider, and people with simulated phones."""

    home: Path
    url: str
    dice: random.Random
    processes: dict[str, Process] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        web, phones = free_port(), free_port()
        self.web, self.phones = f"http://127.0.0.1:{web}", f"http://127.0.0.1:{phones}"
        self.environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "DISPATCH_DATABASE_URL": self.url,
            "DISPATCH_SECRET_KEY": SECRET,
            "DISPATCH_PUBLIC_URL": self.web,
            "DISPATCH_LOCAL_URL": self.web,
            "DISPATCH_SIMULATOR_URL": self.phones,
        }
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.auth = (ACCOUNT, TOKEN)
        # Those who sent STOP, and who is still to answer what.
        self.stopped: set[str] = set()
        self._seen: set[tuple[str, str]] = set()

    def run(self, name: str, *command: str) -> Process:
        """Start one more process."""
        self.processes[name] = Process(self, name, *command)
        return self.processes[name]

    def open(self) -> None:
        """Start the provider, the web and the workers, and wait until texts can go both ways."""
        self.run("phones", "dispatch", "simulator")
        bind = self.web.removeprefix("http://")
        gunicorn = ("gunicorn", "wsgi:app", "--bind", bind, "--worker-class", "gthread", "--no-control-socket")
        self.run("web", *gunicorn, "--workers", "1", "--threads", "16", "--log-level", "warning")
        until(lambda: self._answers(f"{self.phones}/sim/health"), what="the phones", seconds=OPEN_WITHIN_SECONDS)
        until(lambda: self._answers(f"{self.web}/health/live"), what="the web", seconds=OPEN_WITHIN_SECONDS)
        for number in range(WORKERS):
            self.run(f"worker{number}", "dispatch", "worker")

    def rest(self) -> set[int]:
        """Have the workers finish what is in hand and end; the codes they ended with."""
        for worker in self.workers():
            worker.signal(signal.SIGTERM)
        return {worker.process.wait(30) for worker in self.workers()}

    def close(self) -> None:
        """End everything."""
        for process in self.processes.values():
            process.end()
        self.http.close()

    def _answers(self, url: str) -> bool:
        try:
            return self.http.get(url, timeout=5).ok
        except requests.RequestException:
            return False

    def ask(self, method: str, path: str, **body: object) -> Any:
        """One call of the simulator's control interface."""
        answer = self.http.request(method, f"{self.phones}{path}", json=body or None, timeout=20)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def workers(self) -> list[Process]:
        """The workers, dead or alive."""
        return [process for name, process in self.processes.items() if name.startswith("worker")]

    # --- people ------------------------------------------------------------------------------------------------------

    def texts(self) -> list[Bubble]:
        """Everything that the provider has taken from us: phone after phone, each phone's oldest first."""
        phones = self.ask("GET", "/sim/threads?limit=100000")["phones"]
        entries = [entry for phone in phones for entry in phone["entries"]]
        # Twilio's own answers to STOP are no texts of ours.
        ours = [entry for entry in entries if (entry["kind"], entry["direction"]) == ("text", "out")]
        return [Bubble(entry["sid"], entry["to"], entry["body"]) for entry in ours]

    def answer(self) -> None:
        """Whoever got a page says yes, says no, or says nothing; some finish what they took, one in a while stops."""
        for text in self.texts():
            for code in text.codes:
                if (text.to, code) not in self._seen and text.to in self.people.values():
                    self._seen.add((text.to, code))
                    self._say(text.to, code)

    def _say(self, phone: str, code: str) -> None:
        chance = self.dice.random()
        if chance < 0.2:
            words = [f"{code}A", *([f"{code}P", f"{code}D"] if self.dice.random() < 0.4 else [])]
        elif chance < 0.4:
            words = [f"{code}X"]
        elif chance < 0.42 and len(self.stopped) < 4:
            words = ["STOP"]
            self.stopped.add(phone)
        else:
            return
        for word in words:
            copies = self.dice.choice([1, 1, 2])
            self.ask("POST", "/sim/inbound", **{"from": phone, "body": word, "deliveries": copies, "wait": False})


def fill(session: Session, now: datetime, dice: random.Random) -> dict[str, str]:
    """Ten shops, thirty people, 200 orders; everybody's phone by name."""
    people: dict[str, str] = {}
    for number in range(SHOPS):
        code = f"shop{number}" if number else "main"
        more = {"name": f"Shop {number}", "timezone": ZONE, "opening_hours": "24/7", **POLICY}
        factories.make_shop(session, now, code=code, **more)
        factories.make_item(session, now, "atlas", 1000, branch=code)
        crew = {f"Ria {number}": "rider", f"Sam {number}": "staff", f"Mo {number}": "manager" if number else "founder"}
        for name, role in crew.items():
            phone = people[name] = f"+4477009{len(people):05d}"
            shifts = "24/7" if role in {"rider", "staff"} else None
            more = {"phone": phone, "role": role, "branch": code, "shifts": shifts, "on_call": role == "manager"}
            factories.make_person(session, now, name, **more)
    for number in range(ORDERS):
        promised = now + timedelta(seconds=dice.choice([20, 40, 60, 150, 200, 260, 330, 400, 600, 1200, 1800, 3600]))
        factories.make_order(
            session, now, promised, branch="main" if number % SHOPS == 0 else f"shop{number % SHOPS}", sku="atlas",
            customer_name=f"Customer {number}", customer_phone=f"+4477008{number:05d}", travel_minutes=2,
        )  # fmt: skip
    return people


@contextmanager
def every(seconds: float, act: Callable[[], object]) -> Iterator[None]:
    """Do something again and again beside the test."""
    is_over = threading.Event()
    errors: list[BaseException] = []

    def go_on() -> None:
        while not is_over.wait(seconds):
            try:
                act()
            except BaseException as error:
                errors.append(error)
                return

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join(60)
    if errors:
        raise errors[0]


def misfortune(town: Town, dice: random.Random) -> None:
    """One more thing goes wrong at the provider."""
    town.ask("POST", "/sim/faults", **dice.choice(FAULTS))


class Storm:
    """Kills workers, pauses one for longer than its lease, and restarts the database once; `done` says how often."""

    def __init__(self, town: Town, server: PostgresServer, *, seconds: float) -> None:
        self.town, self.server = town, server
        self.begun = time.monotonic()
        self.seconds = seconds
        self.sleeper = town.workers()[-1]
        self.asleep_since: float | None = None
        self.dies_at: dict[Process, float] = {}
        self.done: Counter[str] = Counter()

    def rage(self) -> Counter[str]:
        """Until the time is over and the one that is asleep has been woken."""
        while not self.is_over or self.asleep_since is not None:
            time.sleep(0.1)
            self._pause()
            self._restart_the_database()
            if not self.is_over:
                self._kill()
        return self.done

    @property
    def is_over(self) -> bool:
        return time.monotonic() > self.begun + self.seconds and self.done["killed"] >= LEAST_KILLED

    def _pause(self) -> None:
        if not self.done["paused"] and self.sleeper.says(AT_WORK) and time.monotonic() > self.begun + 3:
            self.sleeper.signal(signal.SIGSTOP)
            self.done["paused"] += 1
            self.asleep_since = time.monotonic()
        if self.asleep_since is not None and time.monotonic() > self.asleep_since + PAUSE_SECONDS:
            self.sleeper.signal(signal.SIGCONT)
            self.asleep_since = None

    def _kill(self) -> None:
        """Each lives for a while once it is at work: one that is still starting holds nothing, and is no loss."""
        for worker in self.town.workers():
            if worker is self.sleeper and (self.asleep_since is not None or not self.done["paused"]):
                continue
            if worker not in self.dies_at and worker.says(AT_WORK):
                self.dies_at[worker] = time.monotonic() + self.town.dice.uniform(*LIVES_FOR_SECONDS)
            if time.monotonic() > self.dies_at.get(worker, math.inf):
                worker.crash()
                del self.dies_at[worker]
                self.done["killed"] += 1

    def _restart_the_database(self) -> None:
        if not self.done["restarted"] and time.monotonic() > self.begun + self.seconds / 2:
            self.server.stop()
            time.sleep(0.5)
            self.server.start()
            self.done["restarted"] += 1


def now_here() -> datetime:
    """The time of all processes."""
    return SystemClock().now()
