"""One watch round over a thousand, a hundred thousand and a million open orders, of which a hundred are due.

Run it as `python -m tests.benchmarks.watch_round [LARGEST [postgresql]]`: a SQLite file and a PostgreSQL database for
each size (or the latter alone), measured in turns, removed at the end. The others are promised within sixty days.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from dispatch import rounds
from dispatch.foundation.clock import ManualClock
from dispatch.foundation.db import Database, sqlite_url
from dispatch.foundation.migrate import upgrade
from dispatch.foundation.settings import Settings, TwilioSettings
from dispatch.messaging.twilio_gateway import build_gateway
from dispatch.orders.tables import Order, Timetable
from dispatch.runtime import Runtime
from tests import factories
from tests.benchmarks.crowd import ITEMS, crowd, lay_shop
from tests.postgres import NoPostgres, PostgresServer

SIZES, DUE, ROUNDS = (1_000, 100_000, 1_000_000), 100, 3
NOW = datetime(2026, 11, 24, 3, 30, tzinfo=UTC)
LIMIT = 1.5


def lay_out(session: Session) -> None:
    """The shop, and those that are due: promised within the next two days, some to be bought first."""
    lay_shop(session, NOW)
    factories.make_item(session, NOW, "rare", suppliers=("city-books",))
    for number in range(DUE):
        at = NOW + timedelta(hours=5, minutes=number * 20)
        sku = "rare" if number % 10 == 0 else f"book-{number % ITEMS}"
        factories.make_order(session, NOW, at, sku=sku, address=f"{number} Park Road")


def fill(db: Database, orders: int) -> list[int]:
    """A database with so many open orders; the ids of those that are due."""
    upgrade(db)
    with db.transaction() as session:
        lay_out(session)
    with db.snapshot() as session:
        due = list(session.scalars(select(Order.id)))
    # Those that are due come first.
    crowd(db, orders - DUE, NOW, first=DUE + 1)
    with db.snapshot() as session:
        assert session.scalar(select(func.count()).select_from(Order)) == orders
    return due


def measure(db: Database, due: list[int]) -> Callable[[], tuple[float, float]]:
    """A round that finds these due; milliseconds on the wall, and of our own processor."""
    twilio = TwilioSettings(account_sid="AC" + "b2" * 16, auth_token="t" * 32, from_number="+15005550006")
    settings = Settings(database_url="sqlite://", secret_key="k" * 32, public_url="http://127.0.0.1:9", twilio=twilio)
    runtime = Runtime(settings, db, ManualClock(NOW), build_gateway(twilio, concurrency=1))

    def once() -> tuple[float, float]:
        with db.transaction() as session:
            session.execute(update(Timetable).where(Timetable.next_check_at <= NOW).values(next_check_at=None))
            session.execute(update(Timetable).where(Timetable.order_id.in_(due)).values(next_check_at=NOW))
        start, own = time.perf_counter(), time.process_time()
        looked = rounds.watch(runtime)
        took = (time.perf_counter() - start) * 1000, (time.process_time() - own) * 1000
        assert looked == len(due), f"{looked} of {len(due)} were looked at"
        return took

    return once


def table(kind: str, sizes: list[int], where: Callable[[int], str]) -> None:
    """Fill, measure in turns, and print a row for each size."""
    found = {}
    for size in sizes:
        db, start = Database(where(size)), time.perf_counter()
        found[size] = (db, measure(db, fill(db, size)))
        print(f"{kind}: {size} orders laid out in {time.perf_counter() - start:.0f} s", file=sys.stderr)
    took: dict[int, list[tuple[float, float]]] = {size: [] for size in sizes}
    for number in range(ROUNDS + 1):
        for size, (_, once) in found.items():
            each = once()
            # The first settles the plan.
            if number >= 1:
                took[size].append(each)
    first: tuple[float, float] | None = None
    for size, values in took.items():
        wall, own = (statistics.median(part) for part in zip(*values, strict=True))
        first = first or (wall, own)
        print(f"| {kind:10} | {size:9,} | {wall:8.0f} | {own:8.0f} | {wall / first[0]:5.2f} | {own / first[1]:5.2f} |")
    for db, _ in found.values():
        db.dispose()


def main() -> None:
    """Measure and print."""
    largest = int(sys.argv[1]) if len(sys.argv) > 1 else SIZES[-1]
    sizes = [size for size in SIZES if size <= largest]
    print(f"| {'database':10} | {'orders':>9} | {'wall ms':>8} | {'own ms':>8} | ratio | own   |  limit {LIMIT}")
    print("|------------|----------:|---------:|---------:|------:|------:|")
    if "postgresql" not in sys.argv:
        with tempfile.TemporaryDirectory() as folder:
            table("SQLite", sizes, lambda size: sqlite_url(Path(folder) / f"{size}.db"))
    try:
        server = PostgresServer()
    except NoPostgres as error:
        print(f"no PostgreSQL here: {error}")
        return
    server.start()
    try:
        table("PostgreSQL", sizes, lambda size: server.create(f"orders_{size}"))
    finally:
        server.remove()


if __name__ == "__main__":
    os.environ["NO_PROXY"] = "*"
    main()
