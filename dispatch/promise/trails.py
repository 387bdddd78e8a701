"""Reads the histories of delivered orders, some at a time, for what each step of theirs took."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..foundation.hours import open_spans
from ..orders.rules import Status
from ..orders.tables import Branch, Line, Order, OrderEvent
from ..procurement.tables import Supplier
from .estimates import Kind, far_apart
from .happened import Happened, Took, minutes_within, steps_taken, that_held
from .lessons import Seen

# So many orders at a time: a transaction of some tens of milliseconds.
BATCH = 200


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of an order, ready to be learned from."""

    order_id: int
    line_id: int | None
    event_id: int
    seen: Seen


@dataclass(frozen=True)
class _Shop:
    """What tells how long an errand to another shop takes while nothing is learned."""

    id: int
    travel_minutes: int | None
    procure_minutes: int | None


def read_trails(session: Session, branch: Branch, *, after: int, limit: int) -> tuple[list[list[Step]], int]:
    """The steps of each of the next delivered orders, by the event that says so; and the last of these events."""
    query = (
        select(OrderEvent.id, OrderEvent.order_id)
        .join(Order, Order.id == OrderEvent.order_id)
        .where(OrderEvent.id > after, OrderEvent.kind == "delivered")
        .where(Order.branch_id == branch.id, Order.status == Status.DELIVERED)
        .order_by(OrderEvent.id)
        .limit(limit)
    )
    ended = session.execute(query).all()
    if not ended:
        return [], after
    # Delivered, taken back, and delivered again: one order.
    ids = list(dict.fromkeys(order_id for _, order_id in ended))
    reader = _Reader(session, branch, ids)
    return [list(reader.steps(order_id)) for order_id in ids], ended[-1][0]


class _Reader:
    """Everything about some orders, in four queries."""

    def __init__(self, session: Session, branch: Branch, ids: Sequence[int]) -> None:
        self._branch = branch
        self._zone = ZoneInfo(branch.timezone)
        columns = (OrderEvent.id, OrderEvent.order_id, OrderEvent.at, OrderEvent.kind, OrderEvent.data)
        self._events: dict[int, list[Happened]] = {}
        for number, order_id, at, kind, data in session.execute(
            select(*columns).where(OrderEvent.order_id.in_(ids)).order_by(OrderEvent.id)
        ):
            self._events.setdefault(order_id, []).append(Happened(id=number, at=at, kind=kind, data=data))
        orders = select(Order.id, Order.travel_minutes, Order.lat, Order.lon).where(Order.id.in_(ids))
        self._orders = {row.id: row for row in session.execute(orders)}
        lines = select(Line.id, Line.supplier_id, Line.ready_at).where(Line.order_id.in_(ids))
        self._lines = {row.id: row for row in session.execute(lines)}
        shops = select(Supplier.code, Supplier.id, Supplier.travel_minutes, Supplier.procure_minutes)
        self._shops = {code: _Shop(number, way, stay) for code, number, way, stay in session.execute(shops)}
        self._by_id = {shop.id: shop for shop in self._shops.values()}

    def steps(self, order_id: int) -> Iterator[Step]:
        events = that_held(self._events.get(order_id, []))
        ready_at = {row.id: row.ready_at for row in self._lines.values() if row.ready_at is not None}
        for took in steps_taken(events, ready_at):
            # A line that was taken out again since has no row to point to.
            line_id = took.line_id if took.line_id in self._lines else None
            yield Step(order_id=order_id, line_id=line_id, event_id=took.event_id, seen=self._seen(order_id, took))

    def _seen(self, order_id: int, took: Took) -> Seen:
        order, shop, here = self._orders[order_id], self._shop(took), self._branch
        return Seen(
            kind=took.kind,
            minutes=self._minutes(took.kind, took.started_at, took.ended_at),
            default=self._default(took.kind, shop, order.travel_minutes),
            started_at=took.started_at,
            ended_at=took.ended_at,
            hour=took.started_at.astimezone(self._zone).hour,
            supplier_id=shop.id if shop else None,
            distance_km=far_apart((here.lat, here.lon), (order.lat, order.lon)) if took.kind is Kind.TRAVEL else None,
            is_given=took.kind is Kind.TRAVEL and order.travel_minutes is not None,
        )

    def _shop(self, took: Took) -> _Shop | None:
        if took.kind is not Kind.PROCURE:
            return None
        if took.supplier is not None:
            return self._shops.get(took.supplier)
        line = self._lines.get(took.line_id)
        return self._by_id.get(line.supplier_id) if line and line.supplier_id else None

    def _minutes(self, kind: Kind, start: datetime, end: datetime) -> float:
        """Whole minutes and parts; nobody packs while the shop is closed."""
        if kind is not Kind.PACK:
            return (end - start).total_seconds() / 60
        branch = self._branch
        spans = open_spans(branch.opening_hours, timezone=branch.timezone, start=start, end=end, country=branch.country)
        return minutes_within(start, end, spans)

    def _default(self, kind: Kind, shop: _Shop | None, travel_minutes: int | None) -> float:
        if kind is Kind.PROCURE and shop is not None:
            return self._branch.policy.errand(shop.travel_minutes, shop.procure_minutes)
        if kind is Kind.TRAVEL and travel_minutes is not None:
            return travel_minutes
        return policy_default(self._branch, kind)


def policy_default(branch: Branch, kind: Kind) -> float:
    """What the branch's policy says of a step, cautious minutes."""
    policy = branch.policy
    return {
        Kind.PROCURE: policy.procure_minutes,
        Kind.PACK: policy.pack_minutes,
        Kind.TRAVEL: policy.travel_minutes,
        Kind.HANDOVER: policy.handover_minutes,
    }[kind]
