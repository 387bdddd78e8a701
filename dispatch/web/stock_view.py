"""The shelf and the other shops as the stock page shows them: a fixed number of queries, however many items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, or_, select, union_all
from sqlalchemy.orm import Session

from ..procurement.stock import HELD, ON_THE_SHELF
from ..procurement.tables import Hold, Item, ItemSupplier, Reservation, Stock, Supplier

MOST_ITEMS = 100


@dataclass(frozen=True, kw_only=True)
class ShelfRow:
    """An item at one branch. `reserved`: on the shelf, but kept for somebody."""

    id: int
    sku: str
    title: str
    on_hand: int
    reserved: int
    suppliers: tuple[str, ...]

    @property
    def available(self) -> int:
        """What can still be promised."""
        return max(0, self.on_hand - self.reserved)


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """The items that were looked for, by title, and how many there are in all."""

    rows: tuple[ShelfRow, ...]
    found: int


def shelf(session: Session, branch_id: int, *, search: str = "") -> Shelf:
    """Items whose title or number holds `search`."""
    each = union_all(
        select(Reservation.stock_id, Reservation.quantity).where(*ON_THE_SHELF),
        select(Hold.stock_id, Hold.quantity).where(HELD),
    ).subquery()
    kept = select(each.c.stock_id, func.sum(each.c.quantity).label("reserved")).group_by(each.c.stock_id).subquery()
    query = (
        select(Item.id, Item.sku, Item.title, func.coalesce(Stock.on_hand, 0), func.coalesce(kept.c.reserved, 0))
        .outerjoin(Stock, (Stock.item_id == Item.id) & (Stock.branch_id == branch_id))
        .outerjoin(kept, kept.c.stock_id == Stock.id)
    )
    wanted = or_(*(column.icontains(search, autoescape=True) for column in (Item.title, Item.sku)))
    found = session.scalars(select(func.count()).select_from(Item).where(wanted)).one()
    rows = session.execute(query.where(wanted).order_by(func.lower(Item.title), Item.id).limit(MOST_ITEMS)).all()
    shops = _suppliers(session, [row[0] for row in rows])
    shown = (
        ShelfRow(id=number, sku=sku, title=title, on_hand=on_hand, reserved=reserved, suppliers=shops.get(number, ()))
        for number, sku, title, on_hand, reserved in rows
    )
    return Shelf(rows=tuple(shown), found=found)


def _suppliers(session: Session, ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """The codes of the shops that usually have an item, the first one asked first."""
    query = (
        select(ItemSupplier.item_id, Supplier.code)
        .join(Supplier, Supplier.id == ItemSupplier.supplier_id)
        .where(ItemSupplier.item_id.in_(ids))
        .order_by(ItemSupplier.item_id, ItemSupplier.position)
    )
    found: dict[int, tuple[str, ...]] = {}
    for item_id, code in session.execute(query):
        found[item_id] = (*found.get(item_id, ()), code)
    return found


def has_suppliers(session: Session) -> bool:
    """Whether any other shop is known where something can be bought."""
    return session.scalars(select(Supplier.id).limit(1)).first() is not None
