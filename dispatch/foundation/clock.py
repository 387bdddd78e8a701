"""The only place where time is read; everybody else is given `now`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from .errors import Unavailable

# What two looks at two clocks may differ by, and nobody minds.
JITTER = timedelta(milliseconds=100)
ASK_EVERY_SECONDS = 60.0
ASK_AFTER_FAILURE_SECONDS = 5.0


class Clock(Protocol):
    """Whoever can tell the time: an aware instant in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class SharedClock:
    """The machine's own clock, set right by one that all machines can ask: leases and timetables are compared.

    `ask` answers an aware instant, and raises Unavailable when it can't: then what was known last is good enough, and
    it is asked again soon. It is asked once a minute, and at once when the machine's clock was moved (or the machine
    slept), by one thread; the others don't wait for it.
    """

    def __init__(self, ask: Callable[[], datetime], *, own: Clock | None = None) -> None:
        self._ask = ask
        self._own = own or SystemClock()
        self._ahead = timedelta(0)
        self._asked_at: tuple[datetime, float] | None = None
        self._ask_again = 0.0
        self._asking = threading.Lock()

    def now(self) -> datetime:
        if self._is_due() and self._asking.acquire(blocking=False):
            try:
                self._compare()
            finally:
                self._asking.release()
        return self._own.now() + self._ahead

    def _is_due(self) -> bool:
        if monotonic() >= self._ask_again:
            return True
        if self._asked_at is None:
            return False
        wall, steady = self._asked_at
        return abs((self._own.now() - wall).total_seconds() - (monotonic() - steady)) > JITTER.total_seconds()

    def _compare(self) -> None:
        before = monotonic()
        try:
            shared = self._ask()
        except Unavailable:
            self._ask_again, self._asked_at = monotonic() + ASK_AFTER_FAILURE_SECONDS, None
            return
        # By the steady clock: the machine's own may be moved just while we ask.
        steady, own = monotonic(), self._own.now()
        half = timedelta(seconds=(steady - before) / 2)
        ahead = shared + half - own
        # What the way there and back may explain is not followed: it would make the clock stumble.
        if abs(ahead - self._ahead) > max(JITTER, half):
            self._ahead = ahead
        self._ask_again, self._asked_at = steady + ASK_EVERY_SECONDS, (own, steady)


class ManualClock:
    """A clock that stands still until it is told to move; for tests and rehearsals."""

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("start: give an aware instant")
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def advance(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0) -> datetime:
        """Move forward and answer the new instant. Raises ValueError when asked to go back."""
        step = timedelta(seconds=seconds, minutes=minutes, hours=hours)
        if step < timedelta(0):
            raise ValueError("time does not run backwards")
        self._now += step
        return self._now


def monotonic() -> float:
    """Seconds on a clock that never jumps: for waits and for measuring, never for records."""
    return time.monotonic()
