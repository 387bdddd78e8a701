"""What the outbox's tests share: tables, drafts, a provider that does as it is told."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, select

from dispatch.foundation.clock import ManualClock
from dispatch.foundation.db import Database
from dispatch.foundation.tokens import Links
from dispatch.messaging import service
from dispatch.messaging.delivery import Delivery
from dispatch.messaging.gateway import Attempt, Outcome, SentText
from dispatch.messaging.rows import Settled, outbox
from dispatch.messaging.rules import Kind, TextState
from dispatch.messaging.service import Draft

RAVI, MEENA = "+447700900001", "+447700900002"
_keys = itertools.count(1)


def loosen(db: Database) -> None:
    """Let texts belong to orders and pages that do not exist, on every connection from now on."""
    off = "PRAGMA foreign_keys=OFF" if db.is_sqlite else "SET session_replication_role = replica"
    db.dispose()

    @event.listens_for(db.engine, "connect")
    def let_go(connection: Any, _: Any) -> None:
        connection.execute(off)
        if not db.is_sqlite:
            connection.commit()


def draft(**changes: Any) -> Draft:
    number = next(_keys)
    given = {"key": f"k{number}", "kind": Kind.PAGE, "to_phone": RAVI, "body": f"Book. Reply {number}A", **changes}
    return Draft(**given)


def put(db: Database, now: datetime, **changes: Any) -> int:
    with db.transaction() as session:
        made = service.enqueue(session, draft(**changes), now)
    assert made is not None
    return made


def row(db: Database, outbox_id: int) -> Any:
    with db.snapshot() as session:
        return session.execute(select(outbox).where(outbox.c.id == outbox_id)).one()


def claim(db: Database, now: datetime, limit: int = 100) -> list[service.Claimed]:
    with db.transaction() as session:
        return service.claim(session, now, limit=limit)


def settle(db: Database, text: service.Claimed, attempt: Attempt, now: datetime) -> Settled | None:
    with db.transaction() as session:
        return service.settle(session, text, attempt, now)


def sweep(db: Database, now: datetime) -> list[Settled]:
    with db.transaction() as session:
        return service.sweep(session, now)


def receipt(db: Database, now: datetime, sid: str, status: str, code: int | None = None, o: int | None = None) -> Any:  # noqa: PLR0917 - reads like a table
    with db.transaction() as session:
        return service.record_receipt(session, sid=sid, status=status, error_code=code, outbox_id=o, now=now)


def accepted(sid: str, status: str = "queued") -> Attempt:
    return Attempt(outcome=Outcome.ACCEPTED, sid=sid, status=status)


def send_one(db: Database, now: datetime, sid: str, **changes: Any) -> int:
    """A text that the provider has taken."""
    made = put(db, now, **changes)
    (text,) = claim(db, now)
    assert settle(db, text, accepted(sid), now)
    return made


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Run all from threads that start together; what each of them answered. Raises what any of them raised."""
    gate, answers, errors = threading.Barrier(len(acts)), [None] * len(acts), []

    def run(number: int, act: Callable[[], Any]) -> None:
        gate.wait(5)
        try:
            answers[number] = act()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    if errors:
        raise errors[0]
    return answers


@dataclass
class Provider:
    """A gateway that remembers what it was given. `answers` are used up first, then everything is accepted.

    A text is remembered when its answer is ACCEPTED, or UNKNOWN and `keeps_unknown`: accepted, and the answer lost.
    """

    clock: ManualClock
    answers: list[Attempt] = field(default_factory=list)
    keeps_unknown: bool = False
    can_be_asked: bool = True
    texts: list[SentText] = field(default_factory=list)
    tries: list[str] = field(default_factory=list)
    callbacks: list[str | None] = field(default_factory=list)
    validities: list[int | None] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    statuses: dict[str, tuple[str, int | None]] = field(default_factory=dict)
    before_answer: Callable[[str], None] = lambda body: None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, *, to: str, body: str, status_callback: str | None, validity_seconds: int | None) -> Attempt:
        with self.lock:
            self.tries.append(body)
            self.callbacks.append(status_callback)
            self.validities.append(validity_seconds)
            answer = self.answers.pop(0) if self.answers else None
            if answer is None:
                answer = accepted(f"SM{len(self.texts):032x}")
            lost = answer.outcome is Outcome.UNKNOWN and self.keeps_unknown
            if answer.outcome is Outcome.ACCEPTED or lost:
                sid = answer.sid or f"SM{len(self.texts):032x}"
                status = answer.status or "queued"
                now = self.clock.now()
                self.texts.append(SentText(sid=sid, to=to, body=body, status=status, error_code=None, created_at=now))
        self.before_answer(body)
        return answer

    def call(self, *, to: str, answer_url: str, status_callback: str | None) -> Attempt:
        self.calls.append((to, answer_url))
        return accepted(f"CA{len(self.calls):032x}")

    def find(self, *, to: str, since: datetime) -> Sequence[SentText] | None:
        if not self.can_be_asked:
            return None
        early = since - timedelta(minutes=2)
        return [text for text in reversed(self.texts) if text.to == to and (text.created_at or since) >= early]

    def fetch(self, sid: str) -> SentText | None:
        if not self.can_be_asked:
            return None
        status, code = self.statuses.get(sid, ("sent", None))
        return SentText(sid=sid, to=RAVI, body="", status=status, error_code=code, created_at=None)

    def is_signed(self, *, url: str, form: Sequence[tuple[str, str]], signature: str) -> bool:
        return False


@dataclass
class House:
    """A worker with its provider, and everything its listener was told."""

    db: Database
    clock: ManualClock
    provider: Provider
    told: list[Settled]
    delivery: Delivery

    def now(self) -> datetime:
        return self.clock.now()

    def run(self, *, seconds: float = 0, times: int = 1) -> int:
        acted = 0
        for _ in range(times):
            self.clock.advance(seconds=seconds)
            acted += self.delivery.run_once()
        return acted

    def state(self, outbox_id: int) -> TextState:
        return row(self.db, outbox_id).state


def another_worker(house: House, **changes: Any) -> Delivery:
    given: dict[str, Any] = {
        "clock": house.clock,
        "links": Links("https://shop.example", "secret"),
        "concurrency": 4,
        "texts_per_second": None,
        "on_settled": lambda session, settled, now: house.told.append(settled),
        **changes,
    }
    return Delivery(house.db, house.provider, **given)


@pytest.fixture
def house(db: Database, clock: ManualClock) -> Iterator[House]:
    """A worker on either database."""
    made = House(db, clock, Provider(clock), [], None)
    made.delivery = another_worker(made)
    yield made
    made.delivery.close()
