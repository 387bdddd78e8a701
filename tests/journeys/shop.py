"""A whole shop as its owner starts it: `dispatch up` in an empty directory, with its children, on free ports."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import requests

T = TypeVar("T")
PATIENCE_SECONDS = 30.0


def until(found: Callable[[], T | None], *, what: str, seconds: float = PATIENCE_SECONDS, every: float = 0.05) -> T:
    """Wait for something in real time; for whole processes, whose clocks can't be moved."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        result = found()
        if result:
            return result
        time.sleep(every)
    raise AssertionError(f"{what}: not within {seconds:g} s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Shop:
    """A running `dispatch up`. `home` is its working directory; nothing of ours is in its environment."""

    def __init__(self, home: Path, *arguments: str) -> None:
        self.home = home
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.said: list[str] = []
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dispatch", "up", "--port", str(self.port), *arguments],
            cwd=home,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        self.link = until(self._link, what="the link that signs in")

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.said.append(line)

    def _link(self) -> str | None:
        if self.process.poll() is not None:
            raise AssertionError("".join(self.said))
        found = re.search(r"http://\S+/login/link\?s=\S+", "".join(self.said))
        return found.group() if found else None

    def pid(self, child: str) -> int:
        """The process id of the newest child of that name, from the log."""
        events = re.findall(rf'"child": "{child}", "pid": (\d+), "event": "started"', "".join(self.said))
        return int(events[-1])

    def kill(self, child: str) -> None:
        """End a child as a crash would, and wait until another has been started in its place."""
        before = self.pid(child)
        os.kill(before, signal.SIGKILL)
        until(lambda: self.pid(child) != before, what=f"a new {child}")

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the shop's database."""
        with sqlite3.connect(f"file:{self.home}/instance/dispatch.db?mode=ro", uri=True, timeout=10) as connection:
            return connection.execute(query).fetchall()

    def stop(self) -> int:
        """SIGTERM, as a service manager would; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=15)
        self._listener.join(timeout=5)
        return code

    # --- the simulated phones ----------------------------------------------------------------------------------------

    def ask_phones(self, method: str, path: str, **body: object) -> Any:
        """One call of the simulator's control interface."""
        secret = (self.home / "instance" / "secret_key").read_text(encoding="utf-8").strip()
        token = hashlib.sha256(f"simulated phones:{secret}".encode()).hexdigest()[:32]
        base = until(
            lambda: re.search(r'"url": "(http://\S+?)", "event": "simulated', "".join(self.said)), what="phones"
        )
        answer = requests.request(
            method, f"{base.group(1)}{path}", json=body or None, auth=("AC" + "51" * 16, token), timeout=10
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def texts(self) -> list[tuple[str, str]]:
        """(phone, body) of everything that reached a phone."""
        phones = self.ask_phones("GET", "/sim/threads")["phones"]
        return [(p["phone"], e["body"]) for p in phones for e in p["entries"] if e["direction"] == "out"]
