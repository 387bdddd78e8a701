"""The other shops, items and their stock, and what happens to the goods of an order's lines."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from ..foundation.errors import FieldError, Invalid, MoveNotAllowed, NotFound
from ..foundation.hours import checked_hours
from ..foundation.types import parse_phone
from ..orders.branches import get_branch
from ..orders.rules import OPEN, PROCUREMENT, Sourcing, Status
from ..orders.service import ProcurementNews
from ..orders.tables import Line, Order
from ..orders.timetable import rearm
from .news import kept_until, record_news, why_given_up
from .offers import take_up
from .stock import available, find_stock, keep, make_stock, reallocate, reserved
from .tables import Item, ItemSubstitute, ItemSupplier, Supplier
from .undo import line_before


@dataclass(frozen=True, kw_only=True)
class SupplierValues:
    """What a supplier is made of. `travel_minutes`: the way there; `procure_minutes`: finding and buying."""

    name: str
    opening_hours: str
    phone: str | None = None
    travel_minutes: int | None = None
    procure_minutes: int | None = None
    lat: float | None = None
    lon: float | None = None


@dataclass(frozen=True, kw_only=True)
class ItemValues:
    """What an item is made of. None keeps the suppliers or substitutes there were."""

    title: str
    on_hand: int
    suppliers: tuple[str, ...] | None = None
    substitutes: tuple[str, ...] | None = None


def put_supplier(
    session: Session, code: str, values: SupplierValues, now: datetime, *, region: str | None
) -> tuple[Supplier, bool]:
    """Make or replace a supplier; True when it is new. Raises Invalid."""
    checked_hours(values.opening_hours)
    phone = parse_phone(values.phone, region=region) if values.phone else None
    supplier = session.scalars(select(Supplier).where(Supplier.code == code).with_for_update()).first()
    is_new = supplier is None
    if supplier is None:
        supplier = Supplier(code=code)
        session.add(supplier)
    for name in ("name", "opening_hours", "travel_minutes", "procure_minutes", "lat", "lon"):
        setattr(supplier, name, getattr(values, name))
    supplier.phone = phone
    session.flush()
    if not is_new:
        _rearm_missing(session, now, or_(ItemSupplier.supplier_id == supplier.id, Line.supplier_id == supplier.id))
    return supplier, is_new


def _rearm_missing(session: Session, now: datetime, condition: ColumnElement[bool]) -> None:
    """Have orders looked at that still wait for goods to which the condition applies."""
    query = (
        select(Line.order_id)
        .join(Order, Order.id == Line.order_id)
        .outerjoin(ItemSupplier, ItemSupplier.item_id == Line.item_id)
        .where(Order.status == Status.PROCURING, condition)
        .distinct()
    )
    rearm(session, session.scalars(query).all(), now)


def find_supplier(session: Session, code: str, *, field: str = "supplier") -> Supplier:
    """The supplier of that code. Raises Invalid naming `field`."""
    supplier = session.scalars(select(Supplier).where(Supplier.code == code)).first()
    if supplier is None:
        raise Invalid(field, f"there is no supplier {code[:40]!r}: add it first")
    return supplier


def supplier_shape(supplier: Supplier) -> dict[str, Any]:
    """A supplier as the API shows it."""
    names = ("code", "name", "phone", "opening_hours", "travel_minutes", "procure_minutes", "lat", "lon", "version")
    return {name: getattr(supplier, name) for name in names}


def list_suppliers(
    session: Session, *, limit: int, cursor: int | None = None
) -> tuple[list[dict[str, Any]], int | None]:
    """A page of suppliers by id, and where the next one starts."""
    rows = list(
        session.scalars(select(Supplier).where(Supplier.id > (cursor or 0)).order_by(Supplier.id).limit(limit + 1))
    )
    shown = rows[:limit]
    return [supplier_shape(row) for row in shown], shown[-1].id if len(rows) > limit else None


def find_item(session: Session, sku: str) -> Item | None:
    """The item of that sku, if we know it."""
    return session.scalars(select(Item).where(Item.sku == sku)).first()


def put_item(
    session: Session, sku: str, values: ItemValues, now: datetime, *, branch: str = "main"
) -> tuple[dict[str, Any], bool]:
    """Make or replace an item and say how many are on the branch's shelf; True when it is new.

    Fewer than are reserved takes copies back from the orders promised last; more gives them to those that wait.
    Raises Invalid or NotFound (branch).
    """
    shop = get_branch(session, branch)
    if not 0 <= values.on_hand <= 1_000_000:
        raise Invalid("on_hand", "give a whole number from 0 to 1000000")
    suppliers = [find_supplier(session, code, field="suppliers") for code in dict.fromkeys(values.suppliers or ())]
    substitutes = _find_substitutes(session, sku, values.substitutes or ())
    # key_share: a line that names the item is not our rival, and would lock item and shelf the other way round.
    item = session.scalars(select(Item).where(Item.sku == sku).with_for_update(of=Item, key_share=True)).first()
    is_new = item is None
    if item is None:
        item = Item(sku=sku, title=values.title.strip())
        session.add(item)
        session.flush()
    item.title = values.title.strip()
    if values.suppliers is not None:
        item.suppliers.clear()
        session.flush()
        item.suppliers.extend(ItemSupplier(supplier=row, position=n) for n, row in enumerate(suppliers))
    if values.substitutes is not None:
        item.substitutes.clear()
        session.flush()
        item.substitutes.extend(ItemSubstitute(substitute=row, position=n) for n, row in enumerate(substitutes))
    session.flush()
    stock = make_stock(session, item.id, shop.id)
    stock.on_hand = values.on_hand
    session.flush()
    reallocate(session, stock, now)
    _rearm_missing(session, now, Line.item_id == item.id)
    return item_shape(session, item, branch_id=shop.id), is_new


def _find_substitutes(session: Session, sku: str, skus: tuple[str, ...]) -> list[Item]:
    complaints, found = [], []
    for other in dict.fromkeys(skus):
        item = find_item(session, other)
        if other == sku:
            complaints.append(FieldError("substitutes", "an item can't replace itself: leave it out"))
        elif item is None:
            complaints.append(FieldError("substitutes", f"there is no item {other[:40]!r}: add it first"))
        else:
            found.append(item)
    if complaints:
        raise Invalid.of(complaints)
    return found


def get_item(session: Session, sku: str, *, branch: str = "main") -> dict[str, Any]:
    """An item with its stock at a branch. Raises NotFound."""
    item = find_item(session, sku)
    if item is None:
        raise NotFound(f"There is no item {sku[:40]!r}.")
    return item_shape(session, item, branch_id=get_branch(session, branch).id)


def item_shape(session: Session, item: Item, *, branch_id: int) -> dict[str, Any]:
    """An item as the API shows it."""
    stock = find_stock(session, item.id, branch_id)
    on_hand = stock.on_hand if stock else 0
    kept = reserved(session, stock) if stock else 0
    return {
        "sku": item.sku,
        "title": item.title,
        "on_hand": on_hand,
        "reserved": kept,
        "available": max(0, on_hand - kept),
        "suppliers": [row.supplier.code for row in item.suppliers],
        "substitutes": [row.substitute.sku for row in item.substitutes],
        "version": item.version,
    }


def apply_news(session: Session, order: Order, line: Line, news: ProcurementNews, now: datetime, *, actor: str) -> None:
    """What was heard about one line; the caller holds the order's lock. The same news twice is one event.

    Raises Invalid, or MoveNotAllowed when the line's goods are in hand already or the order is past buying.
    """
    if news.state not in PROCUREMENT[Sourcing.TO_PROCURE]:
        raise Invalid("state", "use searching, reserved, bought or unavailable")
    allowed = PROCUREMENT[line.sourcing] if order.status in OPEN else frozenset()
    if news.state not in allowed:
        raise MoveNotAllowed(
            f"{line.title} is {line.sourcing.value.replace('_', ' ')}: there is nothing to buy.",
            allowed=sorted(state.value for state in allowed),
        )
    supplier = find_supplier(session, news.supplier) if news.supplier else None
    supplier_id = supplier.id if supplier else line.supplier_id
    asked = why_given_up(session, line, news)
    values = {
        "sourcing": news.state,
        "supplier_id": supplier_id,
        "buyer_id": news.by if news.by is not None else line.buyer_id,
        "ready_at": news.ready_at,
        "kept_until": kept_until(line, news, supplier_id),
        "note": news.note or line.note,
    }
    if all(getattr(line, name) == value for name, value in values.items()):
        return
    before = line_before(line)
    is_given_up = news.state is Sourcing.UNAVAILABLE and line.sourcing is not Sourcing.UNAVAILABLE
    if line.sourcing is not news.state:
        line.sourcing_at = now
    for name, value in values.items():
        setattr(line, name, value)
    record_news(session, line, news, supplier, now, actor=actor, before=before, asked=asked)
    if is_given_up:
        take_up(session, order, line, now, actor=actor)


def name_item(session: Session, line: Line, *, field: str) -> None:
    """Tie a new line to the item of its sku. Raises Invalid naming `field` for a sku we don't know."""
    item = find_item(session, line.sku) if line.sku else None
    if line.sku and item is None:
        raise Invalid(field, f"there is no item {line.sku[:40]!r}: add it first, or leave the sku out")
    line.item_id = item.id if item else None


def source_line(session: Session, order: Order, line: Line, now: datetime) -> None:
    """Keep a new line's goods on the shelf when they are there, else leave it to be procured."""
    if line.item_id is None:
        return
    stock = make_stock(session, line.item_id, order.branch_id)
    if available(session, stock) >= line.quantity:
        keep(session, stock, line, now)
