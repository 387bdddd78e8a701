"""From the instant an order is due to the request at the provider, beside the bare chain of the same run.

The bare chain is a timer, one transaction that claims a row, and one call of the SDK. Run it as
`python -m tests.benchmarks.first_text [DATABASE_URL]`; without one it makes a SQLite file of its own.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import text

from dispatch.foundation.clock import SystemClock
from dispatch.foundation.db import Database, sqlite_url
from dispatch.foundation.migrate import upgrade
from dispatch.foundation.settings import Settings, TwilioSettings
from dispatch.messaging.rules import Kind
from dispatch.messaging.service import Draft, claim, enqueue
from dispatch.messaging.twilio_gateway import build_gateway
from dispatch.runtime import Runtime
from dispatch.scheduler import Worker
from dispatch.simulator.config import SimulatorConfig
from dispatch.simulator.server import RunningSimulator, start_simulator
from tests import factories

ORDERS, APART, SOON = 40, timedelta(milliseconds=200), timedelta(seconds=4)
# Buying 90, packing 10, handing over 5 and the way 30 minutes, all round the clock: nothing else binds.
CHAIN = timedelta(minutes=90 + 10 + 5 + 30)
ACCOUNT, TOKEN, NUMBER = "AC" + "b2" * 16, "a token for benchmarks, no more.", "+15005550006"
PHONE = "+447700900999"


def lay_out(db: Database) -> dict[str, datetime]:
    """Orders that turn at risk one after another: by reference, the instant at which each is due."""
    now, due = SystemClock().now(), {}
    with db.transaction() as session:
        for number in range(ORDERS):
            # A branch with one person each: one person can't do forty errands at once, and nobody's trip is shared.
            branch = f"b{number}"
            factories.make_shop(session, now, code=branch, opening_hours="24/7")
            phone = f"+4477009{number:05d}"
            factories.make_person(session, now, f"P{number}", role="staff", shifts="24/7", phone=phone, branch=branch)
            at = now + SOON + number * APART
            # At risk begins with the second after `act_by`.
            order = factories.make_order(session, now, at + CHAIN - timedelta(seconds=1), branch=branch)
            due[order.ref] = at
    return due


def late_ms(simulator: RunningSimulator, due: dict[str, datetime]) -> list[float]:
    """How long after its instant each page reached the provider, in milliseconds."""
    pages = {message.body[:4]: message for message in simulator.state.messages()}
    return sorted((pages[ref].created_at - at).total_seconds() * 1000 for ref, at in due.items())


def bare_chain(runtime: Runtime) -> list[float]:
    """Timer, claim, SDK: what no arrangement of ours can go below."""
    took = []
    for number in range(ORDERS):
        now = SystemClock().now()
        with runtime.db.transaction() as session:
            enqueue(session, Draft(key=f"bare:{number}", kind=Kind.TEST, to_phone=PHONE, body="bare"), now)
        due, rang = time.monotonic() + 0.05, threading.Event()
        threading.Timer(0.05, rang.set).start()
        rang.wait()
        with runtime.db.transaction() as session:
            claim(session, SystemClock().now(), limit=1)
        runtime.texts.send(to=PHONE, body="bare", status_callback=None, validity_seconds=None)
        took.append((time.monotonic() - due) * 1000)
    return sorted(took)


def p(values: Sequence[float], share: float) -> float:
    """A quantile of sorted values."""
    return values[min(len(values) - 1, round(share * (len(values) - 1)))]


def main() -> None:
    """Measure and print."""
    simulator = start_simulator(SimulatorConfig(account_sid=ACCOUNT, auth_token=TOKEN, from_number=NUMBER))
    twilio = TwilioSettings(account_sid=ACCOUNT, auth_token=TOKEN, from_number=NUMBER, api_url=simulator.url)
    with tempfile.TemporaryDirectory() as folder:
        url = sys.argv[1] if len(sys.argv) > 1 else sqlite_url(Path(folder) / "shop.db")
        # Nothing listens at the public address: receipts are no part of this.
        settings = Settings(database_url=url, secret_key="k" * 32, public_url="http://127.0.0.1:9", twilio=twilio)
        db = Database(url)
        upgrade(db)
        runtime = Runtime(settings, db, SystemClock(), build_gateway(twilio, concurrency=8))
        bare = bare_chain(runtime)
        with db.transaction() as session:
            session.execute(text("DELETE FROM outbox"))
        worker = Worker(runtime)
        worker.start()
        due = lay_out(db)
        time.sleep((SOON + ORDERS * APART).total_seconds() + 2)
        ours = late_ms(simulator, due)
        worker.stop()
    simulator.stop()
    for name, values in (("bare chain", bare), ("due to request", ours)):
        mean = statistics.mean(values)
        print(f"{name:15} p50 {p(values, 0.5):7.1f} ms   p95 {p(values, 0.95):7.1f} ms   mean {mean:7.1f} ms")
    print(f"ratio           p50 {p(ours, 0.5) / p(bare, 0.5):7.2f}      p95 {p(ours, 0.95) / p(bare, 0.95):7.2f}")


if __name__ == "__main__":
    main()
