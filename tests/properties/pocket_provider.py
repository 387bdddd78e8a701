"""A provider that fits into a pocket: the simulator's faults and its truth, in memory and without threads."""

from __future__ import annotations

import enum
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from dispatch.foundation.clock import ManualClock
from dispatch.messaging.gateway import Attempt, Outcome, SentText
from dispatch.messaging.rules import outcome_of
from dispatch.simulator.faults import Fault, FaultBox, Kind, Stage, Target

ROW = re.compile(r"[?&]o=(\d+)")
CODE = re.compile(r"\b(\d+)A\b")
LINK = re.compile(r"https?://\S+")
# What the same ends are called for a call.
OF_CALLS = {"delivered": "completed", "undelivered": "busy", "failed": "failed", "sent": "in-progress"}
# Faults that leave nothing at the provider, and what the gateway makes of them.
REFUSALS = {
    Kind.RATE_LIMITED: Attempt(outcome=Outcome.RETRY, error_code=20429, error="429"),
    Kind.SERVER_ERROR: Attempt(outcome=Outcome.UNKNOWN, error_code=20500, error="500"),
    Kind.UNAVAILABLE: Attempt(outcome=Outcome.UNKNOWN, error="503"),
    Kind.DROPPED: Attempt(outcome=Outcome.UNKNOWN, error="the connection broke"),
}
# Faults after which it has the text, and we don't know.
LOST_ANSWERS = {
    Kind.ACCEPTED_THEN_DROPPED: Attempt(outcome=Outcome.UNKNOWN, error="the connection broke"),
    Kind.JUNK: Attempt(outcome=Outcome.UNKNOWN, error="no answer that could be read"),
}


class Crash(enum.Enum):
    """Where a worker dies: before the provider has the text, or before it has written down that it has."""

    BEFORE = "before"
    AFTER = "after"


class Died(BaseException):
    """A worker's end, in the middle of a send."""


NO_ANSWER = Attempt(outcome=Outcome.UNKNOWN, error="no answer in time")


@dataclass(frozen=True)
class Kept:
    """A text or a call that the provider has taken, for which row of the outbox, and since when it is listed."""

    text: SentText
    row: int
    listed_at: datetime

    @property
    def is_call(self) -> bool:
        return self.text.sid.startswith("CA")

    @property
    def sent_status(self) -> str:
        """How the provider says that it is on its way."""
        return OF_CALLS["sent"] if self.is_call else "sent"

    @property
    def codes(self) -> frozenset[int]:
        """Of the pages that it asks for: several may come in one text."""
        # Not those in links: a token may hold anything.
        return frozenset(map(int, CODE.findall(LINK.sub("", self.text.body))))


class PocketProvider:
    """Takes texts and calls, tells the truth when asked, and does wrong on order.

    `unsure`: rows of which it did not yet have (or list) the text when it was asked, and had it later; nobody could
    know. `meanwhile` is done once, in the middle of the next send: what others do while a machine is paused there.
    """

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.faults = FaultBox()
        self.kept: list[Kept] = []
        # The phones of texts (not calls) that were handed over, taken or not.
        self.tries: list[str] = []
        self.unsure: set[int] = set()
        self.meanwhile: Callable[[], None] | None = None
        self.crash: Crash | None = None
        self.may_be_asked_in_flight = True
        self._in_flight: dict[int, str] = {}
        self._lock = threading.Lock()

    def send(self, *, to: str, body: str, status_callback: str | None, validity_seconds: int | None) -> Attempt:
        return self._take(Target.MESSAGES, to, body, status_callback)

    def call(self, *, to: str, answer_url: str, status_callback: str | None) -> Attempt:
        return self._take(Target.CALLS, to, "", status_callback)

    def _take(self, on: Target, to: str, body: str, status_callback: str | None) -> Attempt:
        found = ROW.search(status_callback or "")
        assert found, "every text has a callback that names its row"
        row = int(found.group(1))
        with self._lock:
            act, self.meanwhile = self.meanwhile, None
            if on is Target.MESSAGES:
                self.tries.append(to)
            self._in_flight[row] = to
        if act is not None:
            act()
        with self._lock:
            self._in_flight.pop(row, None)
            if self.crash is Crash.BEFORE:
                raise Died
            attempt = self._answer(on, to, body, row)
        if self.crash is Crash.AFTER:
            raise Died
        return attempt

    def _answer(self, on: Target, to: str, body: str, row: int) -> Attempt:
        slow, fault = self.faults.take(Stage.SLOW, on, to), self.faults.take(Stage.ANSWER, on, to)
        refused = _refused(fault)
        return refused or self._keep(on, to, body, row, slow=slow, fault=fault)

    def _keep(self, on: Target, to: str, body: str, row: int, *, slow: Fault | None, fault: Fault | None) -> Attempt:
        now = self.clock.now()
        sid = f"{'CA' if on is Target.CALLS else 'SM'}{len(self.kept):032x}"
        text = SentText(sid=sid, to=to, body=body, status="queued", error_code=None, created_at=now)
        self.kept.append(Kept(text, row, now + timedelta(seconds=slow.seconds if slow else 0)))
        if slow is not None:
            return NO_ANSWER
        return LOST_ANSWERS[fault.kind] if fault else Attempt(outcome=Outcome.ACCEPTED, sid=sid, status="queued")

    def find(self, *, to: str, since: datetime) -> Sequence[SentText] | None:
        with self._lock:
            if self.faults.take(Stage.ANSWER, Target.READS, None):
                return None
            now = self.clock.now()
            mine = [kept for kept in reversed(self.kept) if kept.text.to == to and not kept.is_call]
            in_flight = {row for row, phone in self._in_flight.items() if phone == to}
            assert self.may_be_asked_in_flight or not in_flight, "taken over while it is being sent"
            self.unsure |= in_flight | {kept.row for kept in mine if kept.listed_at > now}
            return [kept.text for kept in mine if kept.listed_at <= now]

    def fetch(self, sid: str) -> SentText | None:
        with self._lock:
            if self.faults.take(Stage.ANSWER, Target.READS, None):
                return None
            return next((kept.text for kept in self.kept if kept.text.sid == sid), None)

    def is_signed(self, *, url: str, form: Sequence[tuple[str, str]], signature: str) -> bool:
        return False

    def settle(self, number: int, end: str) -> Kept:
        """A text comes to its end, the first time it is told; its words for a call are other ones."""
        kept = self.kept[number]
        if kept.text.status == "queued":
            status = OF_CALLS[end] if kept.is_call else end
            code = None if end == "delivered" else 30003
            self.kept[number] = replace(kept, text=replace(kept.text, status=status, error_code=code))
        return self.kept[number]


def _refused(fault: Fault | None) -> Attempt | None:
    if fault is None or fault.kind in LOST_ANSWERS:
        return None
    if fault.kind is Kind.REFUSED:
        code = fault.code or 21614
        return Attempt(outcome=outcome_of(code, http_status=400), error_code=code, error="400")
    return REFUSALS[fault.kind]
