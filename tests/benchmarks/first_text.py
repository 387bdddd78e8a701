"""From the instant an order is due to the request at the provider, beside the bare chain of the same run.

The bare chain is a timer, one transaction that claims a row, and one call of the SDK. Both databases, idle and with a
hundred thousand open orders. Run it as `python -m tests.benchmarks.first_text [sqlite] [postgresql] [idle]`.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text

from dispatch.foundation.clock import SystemClock
from dispatch.messaging.rules import Kind
from dispatch.messaging.service import Draft, claim, enqueue
from dispatch.runtime import Runtime
from dispatch.scheduler import Worker
from tests import factories
from tests.benchmarks.crowd import crowd, lay_shop
from tests.benchmarks.kit import Provider, Stopwatch, databases, make_runtime, quantile

ORDERS, APART, SOON, TURNS = 20, timedelta(milliseconds=200), timedelta(seconds=3), 3
CROWD = 100_000
# Buying 90, packing 10, handing over 5 and the way 30 minutes, all round the clock: nothing else binds.
CHAIN = timedelta(minutes=90 + 10 + 5 + 30)
PHONE = "+447700900999"
AIM = 5


@dataclass(frozen=True, kw_only=True)
class Chain:
    """How long each text took to reach the provider, and what our process spent on each, in milliseconds."""

    wall: list[float]
    own: float


def lay_out(runtime: Runtime, turn: int) -> dict[str, datetime]:
    """Orders that turn at risk one after another: by reference, the instant at which each is due."""
    now, due = SystemClock().now(), {}
    with runtime.db.transaction() as session:
        for number in range(turn * ORDERS, (turn + 1) * ORDERS):
            # A branch with one person each: one person can't do forty errands at once, and nobody's trip is shared.
            branch = f"b{number}"
            factories.make_shop(session, now, code=branch, opening_hours="24/7")
            phone = f"+4477007{number:05d}"
            factories.make_person(session, now, f"P{number}", role="staff", shifts="24/7", phone=phone, branch=branch)
            at = now + SOON + (number - turn * ORDERS) * APART
            # At risk begins just past `act_by`.
            order = factories.make_order(session, now, at + CHAIN - timedelta.resolution, branch=branch)
            due[order.ref] = at
    return due


def when(provider: Provider) -> dict[str, datetime]:
    """By reference, when the first page for an order was at the provider."""
    return {sent.body[:4]: sent.at for sent in reversed(provider.texts())}


def our_chain(runtime: Runtime, provider: Provider, turn: int) -> Chain:
    """The worker, awake all the while: the clock, the ladder, the outbox, the SDK."""
    worker = Worker(runtime)
    worker.start()
    due = lay_out(runtime, turn)
    watch = Stopwatch()
    time.sleep((SOON + ORDERS * APART).total_seconds() + 1)
    own = watch.took().own / ORDERS
    pages = when(provider)
    while not due.keys() <= pages.keys():
        # A busy machine is late, and that is what is measured.
        time.sleep(0.2)
        pages = when(provider)
    worker.stop()
    return Chain(wall=[(pages[ref] - at).total_seconds() * 1000 for ref, at in due.items()], own=own)


def bare_chain(runtime: Runtime, turn: int) -> Chain:
    """Timer, claim, SDK: what no arrangement of ours can go below."""
    took, own = [], 0.0
    for number in range(ORDERS):
        now = SystemClock().now()
        with runtime.db.transaction() as session:
            enqueue(session, Draft(key=f"bare:{turn}:{number}", kind=Kind.TEST, to_phone=PHONE, body="bare"), now)
        due, rang = time.monotonic() + 0.05, threading.Event()
        threading.Timer(0.05, rang.set).start()
        rang.wait()
        watch = Stopwatch()
        with runtime.db.transaction() as session:
            claim(session, SystemClock().now(), limit=1)
        runtime.texts.send(to=PHONE, body="bare", status_callback=None, validity_seconds=None)
        took.append((time.monotonic() - due) * 1000)
        own += watch.took().own
    with runtime.db.transaction() as session:
        session.execute(text("DELETE FROM outbox WHERE kind = 'test'"))
    return Chain(wall=took, own=own / ORDERS)


def shown(name: str, chains: Sequence[Chain]) -> tuple[float, float]:
    """Print both quantiles of one way; answers them."""
    values = [value for chain in chains for value in chain.wall]
    p50, p95 = quantile(values, 0.5), quantile(values, 0.95)
    own = quantile([chain.own for chain in chains], 0.5)
    print(f"  {name:15} p50 {p50:7.1f} ms   p95 {p95:7.1f} ms   own processor {own:7.1f} ms each")
    return p50, p95


def measure(name: str, url: str, provider: Provider, orders: int) -> None:
    """Both ways in turns, the bare one first."""
    runtime = make_runtime(url, provider)
    if orders:
        now = SystemClock().now()
        with runtime.db.transaction() as session:
            lay_shop(session, now)
            first = factories.make_order(session, now, now + timedelta(days=2)).id + 1
        crowd(runtime.db, orders, now, first=first)
    bare_chain(runtime, -1)
    bare, ours = [], []
    for turn in range(TURNS):
        bare.append(bare_chain(runtime, turn))
        ours.append(our_chain(runtime, provider, turn))
    print(f"{name}, {orders} other open orders")
    its, mine = shown("bare chain", bare), shown("due to request", ours)
    print(f"  {'ratio':15} p50 {mine[0] / its[0]:7.2f}      p95 {mine[1] / its[1]:7.2f}      aim at {AIM}")
    runtime.db.dispose()
    provider.reset()


def main() -> None:
    """Measure and print."""
    with Provider() as provider, databases() as made:
        for orders in (0,) if "idle" in sys.argv else (0, CROWD):
            for name, make in made.items():
                measure(name, make(f"first_text_{orders}"), provider, orders)


if __name__ == "__main__":
    main()
