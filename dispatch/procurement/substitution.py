"""The substitutes of a line: which can still be had, and putting one of them in the line's place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..foundation.hours import open_spans
from ..orders.rules import Sourcing
from ..orders.service import record
from ..orders.tables import Line, Order
from .stock import available, find_stock, keep, lock_stock
from .substitution_rules import LATE_STILL, Agreed, Candidate, Shop, needed_by
from .tables import Item, Offer, Stock, Supplier


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A substitute with its item, as far as this transaction has seen it."""

    item: Item
    candidate: Candidate


def here_by(order: Order, now: datetime) -> datetime:
    """When goods must be here for the order's promise."""
    policy = order.branch.policy
    travel = order.travel_minutes if order.travel_minutes is not None else policy.travel_minutes
    return needed_by(order.promised_by, pack_minutes=policy.pack_minutes, travel_minutes=travel, now=now)


def offers_of_line(session: Session, line: Line) -> list[Offer]:
    """Everything that was ever offered for a line, oldest first, as it stands now."""
    query = select(Offer).where(Offer.line_id == line.id).order_by(Offer.id)
    return list(session.scalars(query.execution_options(populate_existing=True)))


def substitutes(session: Session, order: Order, line: Line, now: datetime) -> list[Shown]:
    """The listed substitutes of what was first wanted, then of what took its place, without those tried before."""
    past = offers_of_line(session, line)
    first = next((offer.item_id for offer in past if offer.item_id), line.item_id)
    tried = {offer.chosen_sku for offer in past} | {offer.sku for offer in past} | {line.sku}
    found: dict[str, Item] = {}
    for item_id in dict.fromkeys((first, line.item_id)):
        item = session.get(Item, item_id) if item_id else None
        found |= {row.substitute.sku: row.substitute for row in (item.substitutes if item else ())}
    return [_shown(session, order, line, item, now) for sku, item in found.items() if sku not in tried]


def _shown(session: Session, order: Order, line: Line, item: Item, now: datetime) -> Shown:
    stock = find_stock(session, item.id, order.branch_id)
    candidate = Candidate(
        sku=item.sku,
        title=item.title,
        is_on_shelf=stock is not None and available(session, stock) >= line.quantity,
        shops=tuple(_shop(row.supplier, order, now) for row in item.suppliers),
    )
    return Shown(item=item, candidate=candidate)


def _shop(supplier: Supplier, order: Order, now: datetime) -> Shop:
    branch = order.branch
    until = max(order.promised_by, now + LATE_STILL)
    stay = branch.policy.stay(supplier.procure_minutes)
    spans = open_spans(supplier.opening_hours, timezone=branch.timezone, start=now, end=until, country=branch.country)
    way = timedelta(minutes=supplier.travel_minutes or 0)
    return Shop(open=tuple(spans), way=way, stay=timedelta(minutes=stay))


def lock_shelves(session: Session, order: Order, items: Iterable[Item]) -> dict[int, Stock]:
    """The branch's shelves of these items, locked in the order of their ids, by item id.

    Two orders that want the same last substitute: the second waits here, and then sees that it is gone.
    """
    shelves = (find_stock(session, item_id, order.branch_id) for item_id in sorted({item.id for item in items}))
    return {stock.item_id: lock_stock(session, stock.id) for stock in shelves if stock}


def replace(session: Session, line: Line, item: Item, shelf: Stock | None, now: datetime) -> None:
    """Put another item in a line's place: kept from this shelf, which is locked and has enough, else to be bought."""
    line.instead_of = line.instead_of or line.title
    line.item_id, line.sku, line.title = item.id, item.sku, item.title
    # What was heard about the first one says nothing of this one.
    line.supplier_id = line.buyer_id = line.ready_at = line.kept_until = line.note = None
    line.sourcing, line.sourcing_at = Sourcing.TO_PROCURE, now
    if shelf is not None:
        keep(session, shelf, line, now)
    session.flush()


def record_replaced(
    session: Session, order: Order, line: Line, offer: Offer, now: datetime, *, actor: str, note: str = ""
) -> None:
    """The history's word for it; the customer's notices and the endings are made from its data."""
    data: dict[str, Any] = {
        "line_id": line.id,
        "from_title": offer.title,
        "from_sku": offer.sku,
        "to_title": line.title,
        "to_sku": line.sku,
        "agreed": offer.agreed.value if offer.agreed else None,
        "offer_id": offer.id,
        "is_here": line.sourcing is Sourcing.SUBSTITUTED,
    }
    how = {
        Agreed.LISTED: "as agreed when the order was taken",
        Agreed.ASKED: "the customer chose it",
        Agreed.PHONE: "the customer said so by phone",
    }[offer.agreed or Agreed.PHONE]
    where = "kept from the shelf" if data["is_here"] else "to be bought"
    text = f"{line.title} instead of {offer.title}, {where}: {how}.{note}"
    record(session, order, "line_substituted", text, at=now, actor=actor, data=data)
