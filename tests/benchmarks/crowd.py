"""As many open orders as one likes, that nobody looks at for days: copies of the shop's first order, written by SQL."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import String, cast, insert, literal, select, text
from sqlalchemy.orm import Session

from dispatch.foundation.db import Base, Database
from dispatch.orders.tables import Line, Order, Promise, Timetable
from dispatch.promise.tables import Assignment, Watch
from tests import factories

# The shop's first order is copied so often; from there on every copy doubles what there is.
PATTERN, DAYS, PEOPLE, ITEMS = 900, 60, 10, 50
COPIED = (Order, Line, Promise, Watch, Timetable)


def lay_shop(session: Session, now: datetime) -> None:
    """The shop whose orders they are: open day and night, ten people, fifty things on the shelf."""
    factories.make_shop(session, now, opening_hours="24/7")
    for number in range(PEOPLE):
        role = "staff" if number % 3 == 0 else "rider"
        factories.make_person(session, now, f"P{number}", role=role, shifts="Mo-Su 08:00-22:00")
    factories.make_supplier(session, now, "city-books", travel_minutes=15, procure_minutes=30)
    for number in range(ITEMS):
        factories.make_item(session, now, f"book-{number}", 1_000_000, suppliers=("city-books",))


def crowd(db: Database, orders: int, now: datetime, *, first: int) -> None:
    """So many orders with the ids from `first` on, promised within sixty days, the first of them in three."""
    with db.transaction() as session:
        _lay_pattern(session, now, first)
    count = PATTERN
    while count < orders:
        with db.transaction() as session:
            count = _double(session, count, orders, first)
    with db.transaction() as session:
        if not db.is_sqlite:
            for model in (Order, Line, Promise):
                name = model.__tablename__
                # Written with their ids, which the sequence has not seen.
                session.execute(
                    text(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), (SELECT max(id) FROM {name}))")
                )
        session.execute(text("ANALYZE"))


def _lay_pattern(session: Session, now: datetime, first: int) -> None:
    """Orders that are far off, each with what a round has written about it, and a slot for the pattern."""
    made = {model: session.execute(select(model.__table__).limit(1)).mappings().one() for model in COPIED}
    rows: dict[type[Base], list[dict[str, object]]] = {model: [] for model in COPIED}
    instants = [now + timedelta(days=3) + number * timedelta(days=DAYS - 3) / PATTERN for number in range(PATTERN)]
    for number, at in enumerate(instants):
        order_id = first + number
        own: dict[type[Base], dict[str, object]] = {
            Order: {"id": order_id, "ref": str(number), "promised_by": at, "first_promised_by": at},
            Line: {"id": order_id, "sku": f"book-{number % ITEMS}", "item_id": number % ITEMS + 1},
            Promise: {"id": order_id, "promised_by": at},
            Watch: {"act_by": at - timedelta(hours=1), "late_at": at, "projected_at": now + timedelta(hours=1)},
            Timetable: {"next_check_at": at - timedelta(hours=2)},
        }
        for model, values in own.items():
            link = {} if model is Order else {"order_id": order_id}
            rows[model].append({**made[model], **link, **values})
    for model, found in rows.items():
        session.execute(insert(model.__table__), found)
    slots = [
        {"staff_id": number % PEOPLE + 1, "order_id": first + number, "task": "deliver", "stop": "the door",
         "start_by": at, "ends_at": at + timedelta(hours=1), "is_under_way": False}
        for number, at in enumerate(instants)
    ]  # fmt: skip
    session.execute(insert(Assignment.__table__), slots)


def _double(session: Session, count: int, wanted: int, first: int) -> int:
    """Copy what there is, at most so many as are wanted; how many there are then."""
    more = min(count, wanted - count)
    for model in COPIED:
        table = model.__table__
        key = table.c.id if model is Order else table.c.order_id
        moved = {"id": count, "order_id": count}
        columns = [
            cast(table.c.id + literal(count - first), String) if column.name == "ref"
            else (column + literal(moved[column.name])).label(column.name) if column.name in moved
            else column
            for column in table.c
        ]  # fmt: skip
        rows = select(*columns).where(key >= first, key < first + more)
        session.execute(insert(table).from_select([column.name for column in table.c], rows))
    return count + more
