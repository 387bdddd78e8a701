"""What happens later: a small pool of threads that runs jobs when they are due."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from dispatch.foundation.clock import monotonic
from dispatch.foundation.log import get_logger

log = get_logger("simulator.timetable")


@dataclass(order=True)
class _Job:
    due: float
    number: int
    run: Callable[[], object] = field(compare=False)
    is_patient: bool = field(compare=False)


class Timetable:
    """Runs jobs after a delay, several at a time. Threads start with the first job and end with `stop`."""

    def __init__(self, threads: int = 8) -> None:
        self._size = threads
        self._threads: list[threading.Thread] = []
        self._changed = threading.Condition()
        self._jobs: list[_Job] = []
        self._numbers = itertools.count()
        self._busy = 0
        self._stopped = threading.Event()

    def after(self, delay_seconds: float, job: Callable[[], object], *, is_patient: bool = False) -> None:
        """Run `job` once, `delay_seconds` from now. A patient job waits for a person; `settle` ignores it."""
        with self._changed:
            if self._stopped.is_set():
                return
            heapq.heappush(self._jobs, _Job(monotonic() + delay_seconds, next(self._numbers), job, is_patient))
            self._start_threads()
            self._changed.notify()

    def pause(self, seconds: float) -> None:
        """Keep the calling thread waiting; a stop ends the wait at once."""
        self._stopped.wait(seconds)

    def clear(self) -> None:
        """Forget everything that has not begun."""
        with self._changed:
            self._jobs.clear()
            self._changed.notify_all()

    def settle(self, timeout_seconds: float = 5.0) -> bool:
        """Wait until nothing is running or due, patient jobs apart. False when that took too long."""
        with self._changed:
            return self._changed.wait_for(self._is_idle, timeout_seconds)

    def stop(self) -> None:
        """End the threads; what has not begun is dropped. Safe to call twice."""
        with self._changed:
            self._stopped.set()
            self._jobs.clear()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(timeout=2)

    def _is_idle(self) -> bool:
        return self._busy == 0 and all(job.is_patient for job in self._jobs)

    def _start_threads(self) -> None:
        if not self._threads:
            self._threads = [
                threading.Thread(target=self._work, name=f"simulator-{number}", daemon=True)
                for number in range(self._size)
            ]
            for thread in self._threads:
                thread.start()

    def _work(self) -> None:
        while (job := self._take()) is not None:
            try:
                job.run()
            except Exception:
                log.exception("a simulated event went wrong")
            finally:
                with self._changed:
                    self._busy -= 1
                    self._changed.notify_all()

    def _take(self) -> _Job | None:
        with self._changed:
            while not self._stopped.is_set():
                wait = self._jobs[0].due - monotonic() if self._jobs else None
                if wait is not None and wait <= 0:
                    self._busy += 1
                    return heapq.heappop(self._jobs)
                self._changed.wait(wait)
            return None
