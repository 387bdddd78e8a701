"""The board with two hundred open orders beside a bare table of the same rows; an unchanged poll beside one look-up.

Run it as `python -m tests.benchmarks.board [sqlite]`: a SQLite file of its own and a PostgreSQL of its own, if there is
one on this machine. All are asked in turns, through the same app, signed in; milliseconds of the server's own processor
and on the wall. `board` is what screens get that ask after a change, made once for all of them, `page` what is loaded,
`anew` what the first of those screens gets after a change, for which the list is made. Each beside the bare one: the
list at most twice, the poll at most three times as long.
"""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from flask import Flask, render_template_string
from flask.testing import FlaskClient
from sqlalchemy import event, func, select

from dispatch.app import create_app
from dispatch.foundation.clock import ManualClock
from dispatch.foundation.db import Database
from dispatch.foundation.migrate import upgrade
from dispatch.foundation.settings import Settings
from dispatch.orders.rules import Move
from dispatch.orders.tables import Heartbeat, Line, Order
from dispatch.promise import service as promise
from dispatch.promise.tables import Watch
from dispatch.runtime import Runtime
from dispatch.staff.tables import Staff
from dispatch.web import sessions
from dispatch.web.sessions import signed_in
from dispatch.web.tables import Access, User
from tests import factories
from tests.benchmarks.kit import databases

ORDERS, TIMES, WARM = 200, 40, 3
TABLE_LIMIT, POLL_LIMIT, BYTES_LIMIT = 2.0, 3.0, 100_000
START = datetime(2026, 11, 24, 3, 30, tzinfo=UTC)
VERSION = re.compile(r"/board/rows\?v=([0-9a-f]+)")
FILES = ("app.css", "app.js", "mark.svg", "vendor/htmx.js")
ROW = "<tr>{% for value in row %}<td>{{ value }}</td>{% endfor %}</tr>"
TABLE = f"<table>{{% for row in rows %}}{ROW}{{% endfor %}}</table>"


def lay_out(db: Database) -> None:
    """Two hundred open orders in every state: to be bought, to be packed, ready, on the road."""
    upgrade(db)
    with db.transaction() as session:
        factories.make_shop(session, START)
        session.add(User(email="a@shop.example", role=Access.ADMIN, password_hash="x", created_at=START))
        session.add(Heartbeat(name="watch", at=START))
        people = [factories.make_person(session, START, f"Rider {n}", shifts="24/7") for n in range(8)]
        factories.make_person(session, START, "Meena", role="founder", shifts=None)
        factories.make_supplier(session, START, "city-books")
        factories.make_item(session, START, "physics-2", suppliers=("city-books",))
        factories.make_item(session, START, "atlas", on_hand=10_000)
    for number in range(ORDERS):
        at = START + timedelta(hours=4, minutes=number * 15)
        with db.transaction() as session:
            sku = "physics-2" if number % 4 == 0 else "atlas"
            order = factories.make_order(session, START, at, sku=sku, address=f"{number} Park Road")
            for move in (Move.PACK, Move.HAND_OVER)[: number % 4 - 1 if number % 4 else 0]:
                promise.move(session, order.ref, move, START, actor="desk", staff_id=people[number % 8])


def bare_doors(app: Flask, db: Database) -> None:
    """What the board is measured against: the same rows read with one query, and one row read by its key."""
    lines = func.min(Line.title).label("title")
    query = (
        select(Order.ref, lines, Order.customer_name, Order.reason, Order.promised_by, Order.address, Order.status)
        .add_columns(Watch.act_by, Watch.message, Staff.name, Order.version)
        .select_from(Order)
        .join(Line, Line.order_id == Order.id)
        .join(Watch, Watch.order_id == Order.id)
        .outerjoin(Staff, Staff.id == Order.carrier_id)
        .where(Order.closed_at.is_(None))
        .group_by(Order.id, Watch.order_id, Staff.id)
        .order_by(Watch.act_by)
    )

    @signed_in(Access.READER)
    def table() -> str:
        with db.snapshot() as session:
            return render_template_string(TABLE, rows=session.execute(query).all())

    @signed_in(Access.READER)
    def one() -> str:
        with db.snapshot() as session:
            return str(session.execute(select(Order.version).where(Order.ref == "NONE")).first())

    app.add_url_rule("/bare/table", view_func=table)
    app.add_url_rule("/bare/one", view_func=one)


def change(db: Database) -> None:
    """Somebody does something to one of the orders."""
    with db.transaction() as session:
        order = session.scalars(select(Order).order_by(Order.id)).first()
        assert order
        order.version += 1


def measure(browser: FlaskClient, paths: dict[str, str], db: Database) -> dict[str, tuple[float, float]]:
    """Median milliseconds of each path, asked in turns: of our own processor, and on the wall."""
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in paths}
    for number in range(TIMES + WARM):
        for name, path in paths.items():
            if name == "anew":
                change(db)
            start, own = time.perf_counter(), time.process_time()
            status = browser.get(path).status_code
            each = (time.process_time() - own) * 1000, (time.perf_counter() - start) * 1000
            assert status in (200, 204), f"{path} answered {status}"
            if number >= WARM:
                took[name].append(each)
    return {name: tuple(statistics.median(part) for part in zip(*all_, strict=True)) for name, all_ in took.items()}


def counted(db: Database, act: Callable[[], object]) -> int:
    """How many queries something makes."""
    said: list[object] = []

    def note(*arguments: object) -> None:
        said.append(arguments[2])

    event.listen(db.engine, "before_cursor_execute", note)
    act()
    event.remove(db.engine, "before_cursor_execute", note)
    return len(said)


def board(name: str, url: str) -> None:
    """Measure one database and print."""
    db, clock = Database(url), ManualClock(START)
    lay_out(db)
    settings = Settings(database_url=url, secret_key="k" * 32, public_url="http://127.0.0.1:9")
    app = create_app(settings, runtime=Runtime(settings, db, clock, cast(Any, None)))
    bare_doors(app, db)
    browser = app.test_client()
    with db.transaction() as session:
        secret = sessions.sign_in(session, session.scalars(select(User.id)).one(), START)
    browser.set_cookie(sessions.COOKIE, secret)
    rows = browser.get("/board/rows")
    version = VERSION.search(rows.text)
    assert version
    assert rows.text.count('class="row ') == ORDERS
    paths = {
        "table": "/bare/table",
        "board": "/board/rows",
        "page": "/",
        "one": "/bare/one",
        "poll": f"/board/rows?v={version[1]}",
    }
    found = measure(browser, paths, db)
    # Afterwards: its changes would end the version of the poll.
    found |= measure(browser, {"table": "/bare/table", "anew": "/board/rows"}, db)
    paths["anew"] = "/board/rows"
    for ours, bare, limit in (
        ("board", "table", TABLE_LIMIT),
        ("page", "table", TABLE_LIMIT),
        ("poll", "one", POLL_LIMIT),
        ("anew", "table", TABLE_LIMIT),
    ):
        own, wall = (found[ours][part] / found[bare][part] for part in (0, 1))
        word = "ok" if own <= limit else "TOO SLOW"
        if ours == "anew":
            change(db)
        queries = counted(db, lambda path=paths[ours]: browser.get(path))
        print(
            f"{name:10} {ours:5} own {found[ours][0]:6.2f} ms, bare {found[bare][0]:6.2f} ms, ratio {own:5.2f}; wall "
            f"{found[ours][1]:6.2f} ms, ratio {wall:5.2f}; {queries} queries   limit {limit}   {word}"
        )
    print(f"{name:10} the list is {len(rows.data):,} bytes")
    files = sum(len(browser.get(f"/static/{file}").data) for file in FILES)
    print(f"{name:10} script and sheet, not packed: {files:,} bytes   {'ok' if files <= BYTES_LIMIT else 'TOO LARGE'}")
    db.dispose()


def main() -> None:
    """Measure and print."""
    with databases() as urls:
        for name, make in urls.items():
            board(name, make("board"))


if __name__ == "__main__":
    main()
