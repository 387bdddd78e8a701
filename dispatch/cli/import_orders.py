"""Files of orders: rows with one external_id are the lines of one order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from ..orders.service import NewLine, NewOrder
from ..orders.tables import Order
from ..promise.service import place
from ..web.csv_rows import Reader, Row, number, text
from ..web.import_run import Check, Effect, Import, read_row, values_of
from ..web.schemas_orders import OrderIn

ACTOR = "import"
ORDERS: dict[str, Reader] = {
    "external_id": text,
    "customer_name": text,
    "customer_phone": text,
    "address": text,
    "lat": number,
    "lon": number,
    "promised_by": text,
    "reason": text,
    "sku": text,
    "title": text,
    "quantity": number,
    "substitution": text,
    "travel_minutes": number,
    "branch": text,
}
OF_A_LINE = ("sku", "title", "quantity", "substitution")
# Where a heading stands in an order of the API, when it is not there by its own name.
PATHS = {
    "customer_name": "customer.name",
    "customer_phone": "customer.phone",
    "address": "address.text",
    "lat": "address.lat",
    "lon": "address.lon",
}
HEADINGS = {path: heading for heading, path in PATHS.items()} | {"customer": "customer_name", "body": "lat"}


def orders_of(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows with one external_id are lines of one order, wherever they stand; those without are orders of their own."""
    orders: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        name = row.cells.get("external_id", "")
        orders.setdefault((name, 0 if name else row.line), []).append(row)
    return list(orders.values())


def write_order(run: Import, rows: Sequence[Row]) -> Effect:
    """Take an order, unless its external_id was here before. Raises Invalid with paths as fields."""
    first = rows[0]
    values: dict[str, Any] = {"customer": {}, "address": {}, "lines": []}
    for name, value in values_of(first, ORDERS).items():
        if name not in OF_A_LINE:
            part, _, leaf = PATHS.get(name, name).rpartition(".")
            (values[part] if part else values)[leaf] = value
    for row in rows:
        values["lines"].append({name: value for name, value in values_of(row, ORDERS).items() if name in OF_A_LINE})
    _check_lines(run, rows)
    checks: dict[str, Check] = {"customer_phone": run.phone, "branch": run.branch}
    body = read_row(OrderIn, values, first, checks)
    if body.external_id and run.session.scalars(select(Order.id).where(Order.external_id == body.external_id)).first():
        return Effect.ALREADY
    new = NewOrder(
        customer_name=body.customer.name,
        customer_phone=body.customer.phone,
        address=body.address.text,
        lat=body.address.lat,
        lon=body.address.lon,
        promised_by=body.promised_by,
        lines=tuple(NewLine(**dict(line)) for line in body.lines),
        reason=body.reason,
        travel_minutes=body.travel_minutes,
        external_id=body.external_id,
        branch=body.branch,
    )
    place(run.session, new, run.now, actor=ACTOR, region=run.region)
    return Effect.ADDED


def _check_lines(run: Import, rows: Sequence[Row]) -> None:
    """Every line must say the same of its order, and name an item that we know; complaints go to `run.bad`."""
    first = rows[0]
    for row in rows:
        for name, cell in row.cells.items():
            if name not in OF_A_LINE and cell != first.cells[name]:
                run.complain(row.line, name, f"is not what line {first.line} says of the same order")
        sku = row.cells.get("sku")
        if sku and sku not in run.skus:
            run.complain(row.line, "sku", f"there is no item {sku[:40]!r}: add it first, or leave the sku out")


def place_of(rows: Sequence[Row], path: str) -> tuple[int, str]:
    """The line and heading of a path: "lines.1.quantity" is the quantity of the second row."""
    if path.startswith("lines.") and path.count(".") == 2:
        _, index, name = path.split(".")
        return rows[int(index)].line, name
    return rows[0].line, HEADINGS.get(path, path.partition(".")[0])
