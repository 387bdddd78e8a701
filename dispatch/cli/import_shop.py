"""Files of suppliers and stock: rows checked by the schemas of the API, written by the services."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import select

from ..foundation.errors import Invalid
from ..foundation.hours import checked_hours
from ..procurement.service import ItemValues, SupplierValues, find_item, item_shape, put_item, put_supplier
from ..procurement.tables import Supplier
from ..web.csv_rows import Reader, Row, listed, number, text
from ..web.import_run import Check, Effect, Import, read_row, values_of
from ..web.schemas import Code, Sku
from ..web.schemas_shop import ItemIn, SupplierIn


class SupplierRow(SupplierIn):
    """A supplier with its code."""

    code: Code


class StockRow(ItemIn):
    """An item on the shelf of a branch."""

    sku: Sku
    branch: Code = "main"


# --- suppliers -------------------------------------------------------------------------------------------------------

SUPPLIERS: dict[str, Reader] = {
    "code": text,
    "name": text,
    "phone": text,
    "opening_hours": text,
    "travel_minutes": number,
    "procure_minutes": number,
    "lat": number,
    "lon": number,
}


def write_supplier(run: Import, rows: Sequence[Row]) -> Effect:
    """Add another shop, or bring it up to date by its code. Raises Invalid."""
    row = rows[0]
    checks: dict[str, Check] = {"phone": run.phone, "opening_hours": checked_hours}
    body = read_row(SupplierRow, values_of(row, SUPPLIERS), row, checks)
    run.once("code", row.line, body.code)
    found = None
    if body.code in run.suppliers:
        found = run.session.scalars(select(Supplier).where(Supplier.code == body.code)).first()
    given = {name: getattr(body, name) for name in SUPPLIERS if name != "code"}
    given["phone"] = run.phone(body.phone) if body.phone else None
    if found is not None:
        given |= {name: getattr(found, name) for name in given if name not in row.cells}
        if all(getattr(found, name) == value for name, value in given.items()):
            return Effect.ALREADY
    put_supplier(run.session, body.code, SupplierValues(**given), run.now, region=run.region)
    return Effect.ADDED if found is None else Effect.UPDATED


# --- stock -----------------------------------------------------------------------------------------------------------

STOCK: dict[str, Reader] = {
    "sku": text,
    "title": text,
    "on_hand": number,
    "branch": text,
    "suppliers": listed,
    "substitutes": listed,
}


def write_item(run: Import, rows: Sequence[Row]) -> Effect:
    """Say how many are on a branch's shelf; substitutes come last, for they may stand further down. Raises Invalid."""
    row = rows[0]
    run.skus.add(row.cells["sku"])
    checks: dict[str, Check] = {
        "branch": run.branch,
        "suppliers": lambda cell: _must_be_known("suppliers", "supplier", cell, run.suppliers),
    }
    body = read_row(StockRow, values_of(row, STOCK), row, checks)
    run.once("sku", row.line, body.sku, body.branch)
    wanted: dict[str, Any] = {"title": body.title, "on_hand": body.on_hand}
    wanted |= {name: getattr(body, name) or [] for name in ("suppliers", "substitutes") if name in row.cells}
    item = find_item(run.session, body.sku)
    if item is not None:
        shape = item_shape(run.session, item, branch_id=run.branches[body.branch])
        if all(shape[name] == value for name, value in wanted.items()):
            return Effect.ALREADY
    values = ItemValues(
        title=body.title,
        on_hand=body.on_hand,
        suppliers=tuple(wanted["suppliers"]) if "suppliers" in wanted else None,
        substitutes=() if wanted.get("substitutes") == [] else None,
    )
    put_item(run.session, body.sku, values, run.now, branch=body.branch)
    if wanted.get("substitutes"):
        run.later.append((body.branch, body.sku, replace(values, substitutes=tuple(wanted["substitutes"]))))
    return Effect.UPDATED if item else Effect.ADDED


def link_items(run: Import, rows: Sequence[Row]) -> Counter[Effect]:
    """Name the substitutes, now that every item of the file is there; complaints go to `run.bad`."""
    for row in rows:
        others = row.cells.get("substitutes", "")
        try:
            if row.cells["sku"] in listed(others):
                raise Invalid("substitutes", "an item can't replace itself: leave it out")
            _must_be_known("substitutes", "item", others, run.skus)
        except Invalid as error:
            run.complain(row.line, "substitutes", error.errors[0].message)
    if not run.bad:
        for branch, sku, values in run.later:
            put_item(run.session, sku, values, run.now, branch=branch)
    return Counter()


def _must_be_known(name: str, what: str, cell: str, known: set[str]) -> None:
    missing = [repr(code[:40]) for code in listed(cell) if code not in known]
    if missing:
        raise Invalid(name, f"there is no {what} {', '.join(missing)}: add it first")
