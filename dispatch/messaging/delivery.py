"""The outbox at work: claims texts, sends them outside of any transaction, settles them, and asks where in doubt."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from queue import Empty, SimpleQueue
from typing import TypeVar

from sqlalchemy.orm import Session

from ..foundation.clock import Clock
from ..foundation.db import Database
from ..foundation.errors import Unavailable
from ..foundation.log import get_logger
from ..foundation.tokens import Links
from .gateway import Attempt, Outcome, SentText, TextGateway
from .health import next_due_at
from .limit_rules import Limits
from .receipts import Look, missing_receipts, record_receipt
from .rows import Claimed, Settled
from .rules import Channel
from .sender import Release, no_limits, note_failure, note_success, note_used, ready_at, release
from .sender_rules import CLOSED, is_failure
from .sending import claim_expired, give_back, settle, settle_found, sweep
from .settling import Try, hand_over, settle_all
from .wording import segments

log = get_logger("messaging.delivery")

OnSettled = Callable[[Session, Settled, datetime], None]
Changes = Sequence[Settled | None]
T = TypeVar("T")

LEASE_SECONDS = 60
# A send takes up to two time-outs of ten seconds; one that could outlive its lease is not begun.
SEND_SECONDS = 25
# Texts claimed at a time for each thread: enough to keep them busy, few enough to leave within a lease.
CLAIMED_PER_THREAD = 4
# So many claims one after the other before texts in doubt have their turn again.
MOST_BATCHES = 8
LOOKS_AT_A_TIME = 20
SETTLE_TRIES = 3
# So long at most the next text that has left is waited for, to be settled with those before it.
SETTLE_WAIT_SECONDS = 0.01


class Delivery:
    """Sends what is due. Safe to run twice and on many machines: claims and tokens keep the runs apart.

    `on_settled` is told of every change in the transaction that makes it; when it raises, the change is tried again
    and in the end left to reconciliation. `limits` are asked for before each claim. Make it after any fork;
    `close` it at the end.
    """

    def __init__(
        self,
        db: Database,
        gateway: TextGateway,
        *,
        clock: Clock,
        links: Links,
        concurrency: int,
        texts_per_second: float | None,
        on_settled: OnSettled,
        limits: Callable[[Session], Limits] = no_limits,
    ) -> None:
        self._db = db
        self._gateway = gateway
        self._clock = clock
        self._base = links.base
        self._concurrency, self._batch = concurrency, concurrency * CLAIMED_PER_THREAD
        self._per_second = texts_per_second
        self._limits = limits
        # What is being sent just now. `_has_trouble`: a success would be news.
        self._release = Release(texts=(), circuit=CLOSED)
        self._has_trouble = self._is_paused = False
        # Segments that the provider has taken and that are not written down yet.
        self._used, self._has_budget = 0, False
        self._on_settled = on_settled
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="delivery")
        self._is_closing = threading.Event()
        self._running = threading.Lock()

    def run_once(self) -> int:
        """One round: send, sweep, reconcile, look for receipts. How many texts it acted on; 0 when all is quiet.

        A part that fails is logged and does not keep the others from running. Raises the first failure at the end.
        """
        with self._running:
            return 0 if self._is_closing.is_set() else self._round()

    def _round(self) -> int:
        failures: list[Exception] = []
        acted = 0
        for part in (self._send_due, self._sweep, self._reconcile, self._look):
            try:
                acted += part()
            except Unavailable as error:
                # The database is away for all of them: whoever rings says so once, without a traceback for each.
                failures.append(error)
            except Exception as error:
                log.exception("a part of the delivery round failed", part=part.__name__)
                failures.append(error)
        if failures:
            raise failures[0]
        return acted

    def next_due_at(self) -> datetime | None:
        """When `run_once` has something to do next, the sender's pace included; None when all is quiet."""
        with self._db.snapshot() as session:
            return next_due_at(session, ready_at(session, self._clock.now(), per_second=self._per_second))

    def close(self) -> None:
        """Finish what is in hand and give back what is not begun; a round that runs in another thread ends soon."""
        self._is_closing.set()
        with self._running:
            self._pool.shutdown(wait=True)

    def _sweep(self) -> int:
        # A transaction of its own: a listener that fails on one of these must not keep pages from leaving.
        with self._db.transaction() as session:
            now = self._clock.now()
            changes = sweep(session, now)
            for change in changes:
                self._on_settled(session, change, now)
        return len(changes)

    def _send_due(self) -> int:
        """Keep all threads busy until nothing is due, or the other parts have waited long enough.

        This thread settles what has left, together; who dies before that leaves it to its lease, as with one text.
        """
        done: SimpleQueue[Try | None] = SimpleQueue()
        sent = flying = 0
        may_claim = True
        try:
            while flying or may_claim:
                if may_claim and flying <= self._batch // 2:
                    sent += (begun := self._begin(done))
                    flying += begun
                    may_claim = begun == self._batch and sent < MOST_BATCHES * self._batch
                elif flying:
                    flying -= self._settle_done(done, flying)
                    may_claim = may_claim and not (self._has_trouble or self._is_closing.is_set())
        finally:
            # After a claim that failed: what is on its way leaves all the same, and a call could not be looked for.
            while flying:
                flying -= self._settle_done(done, flying)
        self._note_used()
        return sent

    def _settle_done(self, done: SimpleQueue[Try | None], flying: int) -> int:
        """Settle what has come back, at least one; how many. `flying`: how many are still to come back."""
        tries = [done.get()]
        with suppress(Empty):
            # A transaction for each few would take longer than it lets them wait.
            while len(tries) < min(flying, self._concurrency):
                tries.append(done.get(timeout=SETTLE_WAIT_SECONDS))
        if left := [each for each in tries if each is not None]:
            self._used += sum(segments(text.body).count for text, _ in left)
            self._settle_sent(left)
        return len(tries)

    def _begin(self, done: SimpleQueue[Try | None]) -> int:
        """Claim what may leave and have it sent; how many texts."""
        self._note_used()
        # Before the look at the circuit: a failure that comes after it must not be forgotten.
        self._is_paused = False
        with self._db.transaction() as session:
            limits, now = self._limits(session), self._clock.now()
            pace = self._per_second
            found = release(
                session, now, limit=self._batch, per_second=pace, lease_seconds=LEASE_SECONDS, limits=limits
            )
        self._release, self._has_budget = found, limits.per_month is not None
        self._has_trouble = self._has_trouble or not found.circuit.is_quiet
        if found.circuit.is_open and not found.is_probe:
            self._is_paused = True
        for text in found.texts:
            self._pool.submit(self._deliver, text, found.refused.get(text.outbox_id), done)
        return len(found.texts)

    def _note_used(self) -> None:
        """Before each claim: it counts on what is left of the month."""
        if self._used and self._has_budget:
            with self._db.transaction() as session:
                note_used(session, self._used, self._clock.now())
        self._used = 0

    def _settle_sent(self, tries: Sequence[Try]) -> None:
        try:
            self._settle(lambda session, now: settle_all(session, tries, now))
        except Exception as error:
            if len(tries) == 1:
                log.error("a text was left to its lease", exc_info=error)
                return
            # One that can't be settled must not take the others with it.
            for each in tries:
                self._settle_sent([each])
        else:
            # What can't be noted now is noted with the next success; the others must still be settled.
            with suppress(Unavailable):
                for _, attempt in tries:
                    self._judge(attempt)

    def _reconcile(self) -> int:
        with self._db.transaction() as session:
            texts = claim_expired(session, self._clock.now(), LOOKS_AT_A_TIME)
        return self._each(self._resolve, texts)

    def _look(self) -> int:
        with self._db.transaction() as session:
            looks = missing_receipts(session, self._clock.now(), LOOKS_AT_A_TIME)
        return self._each(self._ask, looks)

    def _each(self, act: Callable[[T], None], things: Iterable[T]) -> int:
        """Act on all at once and wait; one that fails is logged and left to its lease."""
        running: Sequence[Future[None]] = [self._pool.submit(act, thing) for thing in things]
        for future in running:
            error = future.exception()
            if error is not None:
                log.error("a text was left to its lease", exc_info=error)
        return len(running)

    def _deliver(self, text: Claimed, refused: Attempt | None, done: SimpleQueue[Try | None]) -> None:
        left: Try | None = None
        try:
            left = self._try(text, refused)
        except Exception as error:
            log.error("a text was left to its lease", exc_info=error)
        finally:
            done.put(left)

    def _try(self, text: Claimed, refused: Attempt | None) -> Try | None:
        """Send one text, or give it back. Answers what is still to be settled: a text that has left."""
        is_over = self._is_closing.is_set() or self._is_paused
        if is_over or self._clock.now() > text.lease_until - timedelta(seconds=SEND_SECONDS):
            with self._db.transaction() as session:
                give_back(session, text, self._clock.now())
            return None
        attempt = refused or hand_over(self._gateway, text, self._clock.now(), base=self._base)
        if attempt.outcome is Outcome.ACCEPTED:
            return text, attempt
        log.warning("a text was not accepted", outbox_id=text.outbox_id, outcome=attempt.outcome, why=attempt.error)
        self._settle(lambda session, now: [settle(session, text, attempt, now)])
        if refused is None:
            # At once: the rest of the batch need not fail as well.
            self._judge(attempt)
        return None

    def _judge(self, attempt: Attempt) -> None:
        """Have the circuit know how the provider does; costs nothing while all is well."""
        if is_failure(attempt.outcome):
            self._has_trouble = True
            with self._db.transaction() as session:
                circuit = note_failure(session, attempt, self._clock.now(), is_probe=self._release.is_probe)
            # The rest of this batch would fail too: it is given back.
            self._is_paused = circuit.is_open
        elif self._has_trouble:
            with self._db.transaction() as session:
                was_open = note_success(session, self._clock.now())
            self._has_trouble = self._is_paused = False
            if was_open:
                log.info("the provider takes texts again")

    def _resolve(self, text: Claimed) -> None:
        if self._is_closing.is_set():
            return
        found: Sequence[SentText] | None = ()
        if text.channel is Channel.SMS:
            found = self._gateway.find(to=text.to_phone, since=text.created_at)
        self._settle(lambda session, now: [settle_found(session, text, found, now)])

    def _ask(self, look: Look) -> None:
        known = None if self._is_closing.is_set() else self._gateway.fetch(look.provider_sid)
        if known is None:
            return
        heard = partial(record_receipt, sid=known.sid, status=known.status, error_code=known.error_code)
        self._settle(lambda session, now: [heard(session, outbox_id=look.outbox_id, now=now)])

    def _settle(self, write: Callable[[Session, datetime], Changes]) -> None:
        """Write and tell, in one transaction; again when it fails, for the news would be expensive to get twice."""
        for _ in range(SETTLE_TRIES - 1):
            try:
                return self._settle_now(write)
            except Exception:
                log.warning("settling a text again", exc_info=True)
        return self._settle_now(write)

    def _settle_now(self, write: Callable[[Session, datetime], Changes]) -> None:
        with self._db.transaction() as session:
            now = self._clock.now()
            for change in write(session, now):
                if change is not None:
                    self._on_settled(session, change, now)
