"""Gathers what the clock needs to know of one order: a fixed number of queries, whatever its size."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..foundation.hours import Span, open_spans
from ..orders.rules import Sourcing, Status
from ..orders.tables import Branch, Line, Order
from ..procurement.tables import ItemSupplier, Supplier
from ..staff.service import load_people
from .known import Facts, LineFacts, SupplierFacts

BEFORE, AFTER = timedelta(hours=24), timedelta(hours=36)
CHOSEN = (Sourcing.SEARCHING, Sourcing.RESERVED)


def gather(session: Session, order: Order, now: datetime) -> Facts:
    """The facts of an order, its people and shops looked up from a day back to a day and a half past the promise."""
    horizon = Span(min(now, order.created_at) - BEFORE, max(now, order.promised_by) + AFTER)
    branch = order.branch
    by_item, by_id = _suppliers(session, order.lines)
    known = {row.id: _supplier_facts(row, branch, horizon) for row in by_id.values()}
    return Facts(
        promised_by=order.promised_by,
        status=Status(order.status),
        lines=tuple(_line_facts(line, known, by_item) for line in order.lines),
        branch_open=tuple(_open(branch.opening_hours, branch, horizon)),
        timezone=branch.timezone,
        policy=branch.policy,
        travel_minutes=order.travel_minutes if order.travel_minutes is not None else branch.policy.travel_minutes,
        people=tuple(load_people(session, branch, now, start=horizon.start, end=horizon.end)),
        horizon=horizon,
        handed_over_at=order.handed_over_at,
        taker_id=order.taker_id,
        accepted_at=order.taken_at,
    )


def _open(hours: str, branch: Branch, horizon: Span) -> list[Span]:
    return open_spans(hours, timezone=branch.timezone, start=horizon.start, end=horizon.end, country=branch.country)


def _suppliers(session: Session, lines: Sequence[Line]) -> tuple[dict[int, list[int]], dict[int, Supplier]]:
    """Supplier ids per item, the one asked first first; and every supplier by id."""
    items = {line.item_id for line in lines if line.item_id}
    chosen = {line.supplier_id for line in lines if line.supplier_id}
    by_item: dict[int, list[int]] = {}
    links = select(ItemSupplier.item_id, ItemSupplier.supplier_id).where(ItemSupplier.item_id.in_(items))
    for item_id, supplier_id in session.execute(links.order_by(ItemSupplier.position)):
        by_item.setdefault(item_id, []).append(supplier_id)
    wanted = chosen.union(*by_item.values())
    rows = session.scalars(select(Supplier).where(Supplier.id.in_(wanted)))
    return by_item, {row.id: row for row in rows}


def _supplier_facts(row: Supplier, branch: Branch, horizon: Span) -> SupplierFacts:
    return SupplierFacts(
        name=row.name,
        open=tuple(_open(row.opening_hours, branch, horizon)),
        travel_minutes=row.travel_minutes,
        procure_minutes=row.procure_minutes,
    )


def _line_facts(line: Line, known: dict[int, SupplierFacts], by_item: dict[int, list[int]]) -> LineFacts:
    ids = by_item.get(line.item_id or 0, [])
    if line.supplier_id and (line.sourcing in CHOSEN or not ids):
        ids = [line.supplier_id]
    return LineFacts(
        title=line.title,
        sourcing=Sourcing(line.sourcing),
        since=line.sourcing_at,
        ready_at=line.ready_at,
        suppliers=tuple(known[number] for number in ids),
    )
