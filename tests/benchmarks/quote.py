"""How long a quote takes with one open order and with a thousand, in one run, by the service and through the web.

Run it as `python -m tests.benchmarks.quote [sqlite] [postgresql]`.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flask.testing import FlaskClient

from dispatch.app import create_app
from dispatch.foundation.clock import ManualClock
from dispatch.foundation.db import Database
from dispatch.foundation.migrate import upgrade
from dispatch.foundation.settings import Settings, TwilioSettings
from dispatch.messaging.twilio_gateway import build_gateway
from dispatch.orders.service import NewLine
from dispatch.promise import quotes
from dispatch.promise import service as promise
from dispatch.promise.quotes import Question
from dispatch.runtime import Runtime
from dispatch.web.auth import create_token
from dispatch.web.tables import Access
from tests import factories
from tests.benchmarks.kit import databases

FEW, MANY, QUOTES, WARM = 1, 1000, 60, 5
RIDERS, BUYERS, DAYS = 10, 4, 10
# A Tuesday morning.
START = datetime(2026, 11, 24, 3, 30, tzinfo=UTC)
LIMIT_MS = 50.0


def lay_out(db: Database, orders: int) -> None:
    """A shop whose people have that many orders to look after, in the next ten days."""
    with db.transaction() as session:
        if orders == FEW:
            factories.make_shop(session, START)
            for number in range(RIDERS):
                factories.make_person(session, START, f"Rider {number}", shifts="Mo-Su 08:00-22:00")
            for number in range(BUYERS):
                factories.make_person(session, START, f"Buyer {number}", role="buyer", shifts="Mo-Su 08:00-22:00")
            for code in ("city-books", "academic-house", "corner-shop"):
                factories.make_supplier(session, START, code, travel_minutes=15, procure_minutes=30)
            factories.make_item(session, START, "book", suppliers=("city-books", "academic-house", "corner-shop"))
            factories.make_item(session, START, "atlas", on_hand=100_000)
    for number in range(orders):
        at = START + timedelta(hours=2, minutes=number * DAYS * 1440 / MANY)
        sku = "book" if number % 4 == 0 else "atlas"
        with db.transaction() as session:
            new = factories.new_order(at, sku=sku, address=f"{number} Park Road")
            promise.place(session, new, START, actor="desk", region=factories.REGION)


@dataclass(frozen=True, kw_only=True)
class Took:
    """How long quotes took, in milliseconds, sorted: by the clock on the wall, and of our own processor."""

    wall: list[float]
    own: list[float]


def ms(work: Callable[[int], object]) -> Took:
    """How long each quote took; the first ones warm up and don't count."""
    wall, own = [], []
    for number in range(QUOTES):
        start, start_own = time.perf_counter(), time.process_time()
        work(number)
        wall.append((time.perf_counter() - start) * 1000)
        own.append((time.process_time() - start_own) * 1000)
    return Took(wall=sorted(wall[WARM:]), own=sorted(own[WARM:]))


def by_service(db: Database) -> Took:
    """Asked at the service, goods and people held."""

    def ask(number: int) -> None:
        lines = (NewLine(title="Book", sku="book" if number % 2 else "atlas"),)
        asked = Question(lines=lines, promised_by=START + timedelta(hours=8), address=f"{number} Hill Road")
        with db.transaction() as session:
            quotes.quote(session, asked, START, actor="desk")

    return ms(ask)


def by_web(browser: FlaskClient, token: str) -> Took:
    """Asked through the API."""

    def ask(number: int) -> None:
        body = {
            "lines": [{"title": "Book", "sku": "book" if number % 2 else "atlas"}],
            "promised_by": (START + timedelta(hours=8)).isoformat(),
            "address": {"text": f"{number} Hill Road"},
        }
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": f"{time.perf_counter_ns()}"}
        answer = browser.post("/api/v1/quotes", json=body, headers=headers)
        assert answer.status_code == 201, answer.text

    return ms(ask)


def let_go(db: Database) -> None:
    """What the quotes hold is free again for the next measurement."""
    with db.transaction() as session:
        for quote_id in quotes.due_quotes(session, START + quotes.HOLD_FOR, limit=10_000):
            quotes.let_expired_go(session, quote_id, START + quotes.HOLD_FOR)


def measure(name: str, url: str) -> None:
    """Both ways, beside one order and beside a thousand."""
    twilio = TwilioSettings(
        account_sid="AC" + "c3" * 16, auth_token="none", from_number="+15005550006", api_url="http://127.0.0.1:9"
    )
    settings = Settings(database_url=url, secret_key="k" * 32, public_url="http://127.0.0.1:9", twilio=twilio)
    db = Database(url)
    upgrade(db)
    runtime = Runtime(settings, db, ManualClock(START), build_gateway(twilio, concurrency=1))
    app = create_app(settings, runtime=runtime)
    app.config["RATELIMIT_ENABLED"] = False
    with db.transaction() as session:
        token = create_token(session, "benchmark", Access.OPS, START)
    found: dict[str, list[Took]] = {"service": [], "web": []}
    for orders in (FEW, MANY - FEW):
        lay_out(db, orders)
        found["service"].append(by_service(db))
        let_go(db)
        found["web"].append(by_web(app.test_client(), token))
        let_go(db)
    for way, (one, thousand) in found.items():
        for clock, few, many in (("wall", one.wall, thousand.wall), ("own", one.own, thousand.own)):
            print(f"{name:10} {way:8} {clock:5} {shown(few, many)}")
    db.dispose()


def shown(few: list[float], many: list[float]) -> str:
    """Both beside each other, with the limit."""
    middle = [statistics.median(values) for values in (few, many)]
    slow = [values[round(0.95 * (len(values) - 1))] for values in (few, many)]
    word = "ok" if middle[1] < LIMIT_MS else "TOO SLOW"
    return (
        f"p50 {middle[0]:6.1f} ms -> {middle[1]:6.1f} ms   p95 {slow[0]:6.1f} ms -> {slow[1]:6.1f} ms"
        f"   ratio {middle[1] / middle[0]:5.2f}   {word}"
    )


def main() -> None:
    """Measure and print."""
    with databases() as made:
        for name, make in made.items():
            measure(name, make("quotes"))


if __name__ == "__main__":
    main()
