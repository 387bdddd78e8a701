"""Where what is missing may be had: which shops have it, which of them are open in time, and which have it all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..foundation.hours import midnight, open_spans
from ..orders.rules import IN_HAND, Sourcing
from ..orders.tables import Line, Order
from ..procurement.call_log import refusals_of
from ..procurement.tables import ItemSupplier, Supplier
from ..promise.wording import clock_time

A_MOMENT = timedelta(minutes=1)
# Shops named for the same goods.
MOST_SHOPS = 2


@dataclass(frozen=True)
class Shop:
    """One that may have it. `opens_at`: when, if whoever leaves now would stand before a closed door."""

    supplier: Supplier
    opens_at: datetime | None


@dataclass(frozen=True)
class Place:
    """Lines that any of these shops may have, the first one asked first; `closed`: those that stay closed."""

    lines: Sequence[Line]
    shops: Sequence[Shop]
    closed: Sequence[str] = ()

    @property
    def is_waited_for(self) -> bool:
        """Whether there is nothing to be had yet."""
        return bool(self.shops) and all(shop.opens_at for shop in self.shops)


def missing_of(order: Order) -> list[Line]:
    """What of an order is not in hand yet."""
    return [line for line in order.lines if line.sourcing not in IN_HAND]


def places_for(session: Session, order: Order, now: datetime) -> list[Place]:
    """What is missing, by where it may be had: as few places as hold it all, one where a shop has everything.

    Shops that said no today, or that are closed until after the promise, are left out.
    """
    missing = missing_of(order)
    usual = _suppliers(session, missing, now, order.branch.timezone)
    seen = {row.id: _seen(row, order, now) for rows in usual.values() for row in rows}
    found: dict[int, list[Shop]] = {}
    for line in missing:
        shops = [shop for row in usual[line.id] if (shop := seen[row.id])]
        found[line.id] = sorted(shops, key=lambda shop: shop.opens_at is not None)
    nowhere = [line for line in missing if not found[line.id]]
    places = _shared_out([line for line in missing if found[line.id]], found)
    if nowhere:
        places.append(Place(nowhere, (), list(dict.fromkeys(row.name for line in nowhere for row in usual[line.id]))))
    return places


def _shared_out(left: Sequence[Line], found: dict[int, list[Shop]]) -> list[Place]:
    """Again and again the shop that has most of what is left, with those that have all of the same."""
    places: list[Place] = []
    while left:
        count = Counter(shop for line in left for shop in found[line.id])
        best = max(count, key=lambda shop: count[shop])
        lines = [line for line in left if best in found[line.id]]
        shops = [shop for shop in found[lines[0].id] if all(shop in found[line.id] for line in lines)]
        places.append(Place(lines, shops))
        left = [line for line in left if line not in lines]
    return places


def _suppliers(session: Session, lines: Sequence[Line], now: datetime, timezone: str) -> dict[int, list[Supplier]]:
    """By line: who may have it, the one chosen first. What is put aside is nowhere else."""
    links = select(ItemSupplier).where(ItemSupplier.item_id.in_({line.item_id for line in lines if line.item_id}))
    by_item: dict[int, list[Supplier]] = {}
    for link in session.scalars(links.order_by(ItemSupplier.position, ItemSupplier.supplier_id)):
        by_item.setdefault(link.item_id, []).append(link.supplier)
    chosen = select(Supplier).where(Supplier.id.in_({line.supplier_id for line in lines if line.supplier_id}))
    by_id = {row.id: row for row in session.scalars(chosen)}
    ids = {row.id for rows in by_item.values() for row in rows} | by_id.keys()
    refused = refusals_of(session, lines, midnight(now, timezone), supplier_ids=ids)
    found = {}
    for line in lines:
        first = [by_id[line.supplier_id]] if line.supplier_id in by_id else []
        others = [] if first and line.sourcing is Sourcing.RESERVED else by_item.get(line.item_id or 0, [])
        # What can't be had where it is usually had is to be found elsewhere.
        rows = [] if line.sourcing is Sourcing.UNAVAILABLE else dict.fromkeys([*first, *others])
        found[line.id] = [row for row in rows if (line.item_id, row.id) not in refused]
    return found


def _seen(supplier: Supplier, order: Order, now: datetime) -> Shop | None:
    """The shop as whoever leaves now finds it; None when it is closed until after the promise."""
    branch, there = order.branch, now + timedelta(minutes=supplier.travel_minutes or 0)
    until = max(order.promised_by, there + A_MOMENT)
    hours = open_spans(supplier.opening_hours, timezone=branch.timezone, start=there, end=until, country=branch.country)
    if not hours:
        return None
    return Shop(supplier, hours[0].start if hours[0].start > there else None)


def where(place: Place, order: Order, now: datetime) -> str:
    """A place in words: "City Books or Crossword (opens 09:30)"."""
    if place.shops:
        return " or ".join(_named(shop, order, now) for shop in place.shops[:MOST_SHOPS])
    closed = place.closed[:MOST_SHOPS]
    if not closed:
        return "any shop in town"
    return f"any shop that has it ({' and '.join(closed)} {'is' if len(closed) == 1 else 'are'} closed)"


def _named(shop: Shop, order: Order, now: datetime) -> str:
    if shop.opens_at is None:
        return shop.supplier.name
    at = clock_time(shop.opens_at, order.branch.timezone, promise=order.promised_by, now=now)
    return f"{shop.supplier.name} (opens {at})"


def stops_for(session: Session, order: Order, now: datetime) -> list[Supplier]:
    """The shops to go to: those where all may be had, or the first of each place."""
    places = places_for(session, order, now)
    if len(places) == 1:
        return [shop.supplier for shop in places[0].shops[:MOST_SHOPS]]
    return [place.shops[0].supplier for place in places if place.shops]
