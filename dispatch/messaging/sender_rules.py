"""When the sender may send: its pace, and the circuit that pauses everybody while the provider fails; pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from .rules import Outcome

# So many failures in a row, of whatever texts, none further from the next than this, are not those texts' fault.
FAILURES = 5
TOGETHER = timedelta(seconds=60)
LONGEST_PROBE_SECONDS = 60.0
# A text of 1600 characters: the debt it leaves is the greatest there can be.
MOST_SEGMENTS = 11
# Instants have microseconds: a third of a second three times over is not quite one.
ALMOST = 1e-4


@dataclass(frozen=True, kw_only=True)
class Circuit:
    """Failures in a row; since when everybody pauses, if so; how many texts were tried since, and when the next is."""

    failures: int = 0
    failed_at: datetime | None = None
    opened_at: datetime | None = None
    probes: int = 0
    probe_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether everybody pauses."""
        return self.opened_at is not None

    @property
    def is_quiet(self) -> bool:
        """Whether there is nothing that a success would end."""
        return self.opened_at is None and self.failures == 0


CLOSED = Circuit()


def is_failure(outcome: Outcome) -> bool:
    """Whether the provider, or the way to it, is in trouble; a refusal is an answer, and says that it works."""
    return outcome in {Outcome.RETRY, Outcome.UNKNOWN}


def after_failure(
    circuit: Circuit,
    now: datetime,
    *,
    is_probe: bool,
    random: float,
    retry_after_seconds: float | None = None,
    useful_for: timedelta | None = None,
) -> Circuit:
    """The circuit after one more failure. `random` is in [0, 1).

    It opens with the fifth in a row. While it is open only a probe's failure counts: others left before it opened.
    """
    if circuit.is_open:
        if not is_probe:
            return circuit
        wait = probe_seconds(
            circuit.probes + 1, random=random, retry_after_seconds=retry_after_seconds, useful_for=useful_for
        )
        return replace(circuit, probes=circuit.probes + 1, probe_at=now + timedelta(seconds=wait), failed_at=now)
    is_together = circuit.failed_at is not None and now - circuit.failed_at <= TOGETHER
    failures = circuit.failures + 1 if is_together else 1
    if failures < FAILURES:
        return Circuit(failures=failures, failed_at=now)
    wait = probe_seconds(0, random=random, retry_after_seconds=retry_after_seconds, useful_for=useful_for)
    return Circuit(failures=failures, failed_at=now, opened_at=now, probe_at=now + timedelta(seconds=wait))


def probe_seconds(
    probes: int, *, random: float, retry_after_seconds: float | None = None, useful_for: timedelta | None = None
) -> float:
    """How long until the next text is tried, after `probes` that failed: 2, 4, 8 … at most 60 s, less by chance.

    What the provider asks for wins when it is longer, up to the same 60 s. `useful_for`: what is left of the use of
    the page that ends first; half of it is waited at most, but a second at least.
    """
    longest = min(LONGEST_PROBE_SECONDS, 2.0 ** min(probes + 1, 10))
    wait = max(longest * (0.5 + random / 2), min(retry_after_seconds or 0.0, LONGEST_PROBE_SECONDS))
    return wait if useful_for is None else min(wait, max(1.0, useful_for.total_seconds() / 2))


@dataclass(frozen=True, kw_only=True)
class Pace:
    """A bucket of segments that fills with time, up to one second's worth; without a rate it never empties.

    `per_second`: segments. `free_at`: when the bucket was, or will be, just empty; None for one never used.
    """

    per_second: float | None
    free_at: datetime | None = None

    @property
    def _most(self) -> float:
        return max(1.0, self.per_second or 0.0)

    def allowance(self, now: datetime, most: int) -> int:
        """How many texts may leave now, at most `most`."""
        return most if self.per_second is None else max(0, min(most, int(self._held(now) + ALMOST)))

    def spend(self, segments: int, now: datetime) -> datetime | None:
        """The new `free_at` when so many segments leave now; a long text leaves a debt that the next ones wait for."""
        if self.per_second is None:
            return self.free_at
        return now + timedelta(seconds=(segments - self._held(now)) / self.per_second)

    def ready_at(self, now: datetime) -> datetime:
        """When one more text may leave."""
        if self.per_second is None:
            return now
        return now + timedelta(seconds=max(0.0, (1 - self._held(now)) / self.per_second))

    def _held(self, now: datetime) -> float:
        if self.free_at is None or self.per_second is None:
            return self._most
        held = (now - self.free_at).total_seconds() * self.per_second
        # More than any debt: it was written by a machine whose clock is ahead, and would make us wait for that.
        return self._most if held < -self._most * MOST_SEGMENTS else min(self._most, held)
