"""Faults on order: what goes wrong, for whom, how many times; each belongs to one stage of a message's life."""

from __future__ import annotations

import enum
import itertools
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace


class Stage(enum.Enum):
    """When a fault strikes. One request can meet one fault of each stage."""

    SLOW = "slow"
    ANSWER = "answer"
    OUTCOME = "outcome"
    RECEIPTS = "receipts"


class Kind(enum.StrEnum):
    """Everything that can be ordered to go wrong."""

    SLOW = "slow"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    UNAVAILABLE = "unavailable"
    REFUSED = "refused"
    DROPPED = "dropped"
    ACCEPTED_THEN_DROPPED = "accepted_then_dropped"
    JUNK = "junk"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    NO_RECEIPT = "no_receipt"
    HELD = "held"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    VOICEMAIL = "voicemail"
    DOUBLED_RECEIPTS = "doubled_receipts"
    REORDERED_RECEIPTS = "reordered_receipts"
    LATE_RECEIPTS = "late_receipts"
    LOST_RECEIPTS = "lost_receipts"


class Target(enum.StrEnum):
    """Which requests a fault is for. READS are lists and fetches."""

    MESSAGES = "messages"
    CALLS = "calls"
    READS = "reads"


STAGES: dict[Stage, frozenset[Kind]] = {
    Stage.SLOW: frozenset({Kind.SLOW}),
    Stage.ANSWER: frozenset(
        {
            Kind.RATE_LIMITED,
            Kind.SERVER_ERROR,
            Kind.UNAVAILABLE,
            Kind.REFUSED,
            Kind.DROPPED,
            Kind.ACCEPTED_THEN_DROPPED,
            Kind.JUNK,
        }
    ),
    Stage.OUTCOME: frozenset(
        {
            Kind.UNDELIVERED,
            Kind.FAILED,
            Kind.NO_RECEIPT,
            Kind.HELD,
            Kind.BUSY,
            Kind.NO_ANSWER,
            Kind.VOICEMAIL,
        }
    ),
    Stage.RECEIPTS: frozenset(
        {
            Kind.DOUBLED_RECEIPTS,
            Kind.REORDERED_RECEIPTS,
            Kind.LATE_RECEIPTS,
            Kind.LOST_RECEIPTS,
        }
    ),
}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One order. `to`: one phone, or everybody; `count`: how often, or until cleared.

    `seconds` is for slow, held and late_receipts; `code` for refused, undelivered and failed.
    Raises ValueError for an unknown kind or target and for a count or a span that makes no sense.
    """

    kind: Kind
    on: Target = Target.MESSAGES
    to: str | None = None
    count: int | None = None
    seconds: float = 0.0
    code: int | None = None
    id: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", Kind(self.kind))
        object.__setattr__(self, "on", Target(self.on))
        if self.count is not None and self.count < 1:
            raise ValueError("count: at least 1, or leave it out")
        if not 0 <= self.seconds <= 86400:
            raise ValueError("seconds: from 0 to 86400")

    def as_json(self) -> dict[str, object]:
        """The order as the control API shows it."""
        return {
            "id": self.id,
            "kind": self.kind.value,
            "on": self.on.value,
            "to": self.to,
            "count": self.count,
            "seconds": self.seconds,
            "code": self.code,
        }


class FaultBox:
    """The orders in force, oldest first. Safe for threads: a count is never spent twice."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._faults: dict[int, Fault] = {}

    def __iter__(self) -> Iterator[Fault]:
        with self._lock:
            return iter(list(self._faults.values()))

    def add(self, fault: Fault) -> Fault:
        """Put an order in force and answer it with its id."""
        with self._lock:
            numbered = replace(fault, id=next(self._numbers))
            self._faults[numbered.id] = numbered
            return numbered

    def clear(self, fault_id: int | None = None) -> None:
        """Withdraw one order, or all."""
        with self._lock:
            if fault_id is None:
                self._faults.clear()
            else:
                self._faults.pop(fault_id, None)

    def take(self, stage: Stage, on: Target, to: str | None) -> Fault | None:
        """The first order of a stage that fits, spent once; None when nothing is ordered."""
        if not self._faults:
            return None
        with self._lock:
            for fault in self._faults.values():
                if fault.kind in STAGES[stage] and fault.on is on and fault.to in (None, to):
                    self._spend(fault)
                    return fault
        return None

    def _spend(self, fault: Fault) -> None:
        if fault.count is None:
            return
        if fault.count == 1:
            del self._faults[fault.id]
        else:
            self._faults[fault.id] = replace(fault, count=fault.count - 1)
