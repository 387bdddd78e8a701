"""Copies that are kept for a quote: on the shelf until it becomes an order or expires."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from ..foundation.errors import FieldError, Invalid
from ..orders.tables import Line
from .stock import HELD, ON_THE_SHELF, reallocate
from .tables import Hold, Item, Reservation, Stock


def name_items(session: Session, lines: Sequence[Line]) -> None:
    """Tie new lines to the items of their skus, in one query. Raises Invalid for every sku we don't know."""
    skus = {line.sku for line in lines if line.sku}
    rows = session.execute(select(Item.sku, Item.id).where(Item.sku.in_(skus))) if skus else ()
    known = dict[str, int](iter(rows))
    complaints = [
        FieldError(f"lines.{index}.sku", f"there is no item {line.sku[:40]!r}: add it first, or leave the sku out")
        for index, line in enumerate(lines)
        if line.sku and line.sku not in known
    ]
    if complaints:
        raise Invalid.of(complaints)
    for line in lines:
        line.item_id = known[line.sku] if line.sku else None


def find_shelves(session: Session, branch_id: int, lines: Sequence[Line], *, is_locked: bool = False) -> list[Stock]:
    """The shelves of these lines' items at a branch, by item: the order in which shelves are locked."""
    items = {line.item_id for line in lines if line.item_id}
    if not items:
        return []
    query = select(Stock).where(Stock.branch_id == branch_id, Stock.item_id.in_(items)).order_by(Stock.item_id)
    if is_locked:
        query = query.with_for_update().execution_options(populate_existing=True)
    return list(session.scalars(query))


def count_free(session: Session, shelves: Sequence[Stock]) -> dict[int, int]:
    """How many copies on each shelf are kept for nobody, by item; two queries."""
    ids = [stock.id for stock in shelves]
    free = {stock.id: stock.on_hand for stock in shelves}
    if not ids:
        return {}
    for table, condition in ((Reservation, ON_THE_SHELF), (Hold, (HELD,))):
        kept = select(table.stock_id, func.sum(table.quantity)).where(table.stock_id.in_(ids), *condition)
        for stock_id, quantity in session.execute(kept.group_by(table.stock_id)):
            free[stock_id] -= quantity
    return {stock.item_id: free[stock.id] for stock in shelves}


def hold(session: Session, quote_id: int, shelves: Sequence[Stock], wanted: Mapping[int, int]) -> None:
    """Keep copies for a quote; `wanted` by item. The caller holds the shelves, and has looked that there are enough."""
    ids = {stock.item_id: stock.id for stock in shelves}
    rows = [{"stock_id": ids[item], "quote_id": quote_id, "quantity": number} for item, number in wanted.items()]
    if rows:
        session.execute(insert(Hold), rows)


def release_holds(
    session: Session, quote_id: int, branch_id: int, now: datetime, *, also: Collection[int] = ()
) -> list[Stock]:
    """A quote needs its copies no more; the shelves that held them, locked, with those of the items in `also`.

    All are locked at once and by item, before the order that takes over touches any of them: nobody can wait for us
    with a later shelf in hand. Who gets what is left is for the caller to settle (`hand_out`).
    """
    mine = select(Hold.stock_id).where(Hold.quote_id == quote_id, HELD)
    wanted = Stock.id.in_(mine) | (Stock.item_id.in_(also) & (Stock.branch_id == branch_id))
    query = select(Stock).where(wanted).order_by(Stock.item_id).with_for_update()
    shelves = list(session.scalars(query.execution_options(populate_existing=True)))
    session.execute(update(Hold).where(Hold.quote_id == quote_id, HELD).values(released_at=now))
    return shelves


def hand_out(session: Session, shelves: Sequence[Stock], now: datetime) -> None:
    """What a quote kept and its order did not take goes to whoever waits for one; the caller holds the shelves."""
    for stock in shelves:
        reallocate(session, stock, now)
