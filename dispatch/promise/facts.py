"""Gathers what the clock needs to know of orders: a fixed number of queries, whatever their size and number."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypedDict
from zoneinfo import ZoneInfo

from sqlalchemy import and_, bindparam, or_, select
from sqlalchemy.orm import Session

from ..foundation.hours import Span, midnight, open_spans, without
from ..orders.rules import OPEN, Sourcing, Status
from ..orders.tables import Branch, Line, Order
from ..procurement.call_log import may_come_from_anywhere, refusals_of
from ..procurement.calls import Outcome
from ..procurement.tables import ItemSupplier, Supplier, SupplierAnswer
from ..staff.rules import Person
from ..staff.service import load_people
from .estimates import Kind, Lengths, Spread, far_apart
from .known import Busy, Door, Facts, LineFacts, Slot, SupplierFacts
from .learning import load_lengths
from .rules import Task
from .tables import Assignment, Pin, Quote

BEFORE, AFTER = timedelta(hours=24), timedelta(hours=36)
CHOSEN = (Sourcing.SEARCHING, Sourcing.RESERVED)
# Somebody overdue from a trip is counted on this long after now, and then again.
OVERDUE = timedelta(minutes=10)
A_QUOTE = "a quoted order"
# Built once: each look asks the same, and putting a statement together costs more than SQLite takes to answer it.
LINKS = (
    select(ItemSupplier.item_id, ItemSupplier.supplier_id)
    .where(ItemSupplier.item_id.in_(bindparam("items", expanding=True)))
    .order_by(ItemSupplier.position)
)
SUPPLIERS = select(Supplier).where(Supplier.id.in_(bindparam("ids", expanding=True)))
PINS = select(Pin.order_id, Pin.task, Pin.staff_id).where(Pin.order_id.in_(bindparam("orders", expanding=True)))
TRIP = (Assignment.staff_id, Assignment.task, Assignment.stop, Assignment.supplier)
TIMES = (Assignment.start_by, Assignment.ends_at, Assignment.is_under_way)
COUNTED = (
    select(*TRIP, *TIMES, Assignment.order_id, Order.ref, Order.address, Order.lat, Order.lon)
    .outerjoin(Order, Order.id == Assignment.order_id)
    .outerjoin(Quote, Quote.id == Assignment.quote_id)
    .where(
        Assignment.staff_id.in_(bindparam("people", expanding=True)),
        or_(Assignment.ends_at > bindparam("now"), Assignment.is_under_way),
        Assignment.start_by < bindparam("until"),
        # A quote that has expired counts on nobody, also before a round has let it go.
        or_(Order.status.in_(OPEN), and_(Quote.released_at.is_(None), Quote.expires_at > bindparam("now"))),
    )
    .order_by(Assignment.id)
)


@dataclass(frozen=True, kw_only=True)
class Counted:
    """A row of the plan: whom it counts on, for which order (None: a quote), and where that goes."""

    slot: Slot
    order_id: int | None
    ref: str
    door: Door | None


def gather(session: Session, order: Order, now: datetime) -> Facts:
    """The facts of an order, its people and shops looked up from a day back to a day and a half past the promise."""
    return gather_all(session, [order], now)[0]


def gather_all(session: Session, orders: Sequence[Order], now: datetime) -> list[Facts]:
    """The facts of several orders of one branch, in their order; as many queries as for one."""
    shared = _look_up(session, orders, now)
    pins: dict[int, list[tuple[Task, int]]] = {}
    for order_id, task, staff_id in session.execute(PINS, {"orders": [order.id for order in orders]}):
        pins.setdefault(order_id, []).append((Task(task), staff_id))
    found = [replace(_facts(order, shared), pins=tuple(pins.get(order.id, ()))) for order in orders]
    return [beside(facts, shared.counted, order.id, now) for facts, order in zip(found, orders, strict=True)]


def gather_new(session: Session, order: Order, now: datetime) -> Callable[[datetime], Facts]:
    """The facts of an order that nobody has taken yet, for any promise it might be given.

    The order's own promise says how far people and hours are looked up; as many queries as for an order, and no more
    when a promise is asked about.
    """
    shared = _look_up(session, [order], now)
    known = beside(_facts(order, shared), shared.counted, None, now)
    return lambda at: replace(known, promised_by=at, **_lengths(order, shared, at))


def _look_up(session: Session, orders: Sequence[Order], now: datetime) -> _Shared:
    branch = orders[0].branch
    first = min(order.created_at for order in orders)
    horizon = Span(min(now, first) - BEFORE, max(now, *(order.promised_by for order in orders)) + AFTER)
    lines = [line for order in orders for line in order.lines]
    by_item, by_id = _suppliers(session, lines)
    people = tuple(load_people(session, branch, now, start=horizon.start, end=horizon.end))
    today = midnight(now, branch.timezone)
    return _Shared(
        branch=branch,
        horizon=horizon,
        open=tuple(_open(branch.opening_hours, branch, horizon)),
        shops={row.id: _supplier_facts(row, branch, horizon) for row in by_id.values()},
        by_item=by_item,
        lengths=load_lengths(session, branch.id, supplier_ids=sorted(by_id)),
        people=people,
        counted=load_counted(session, [person.id for person in people], now, until=horizon.end),
        refusals=refusals_of(session, lines, today, supplier_ids=by_id),
        tomorrow=midnight(today + timedelta(hours=36), branch.timezone),
    )


def gather_by_id(session: Session, orders: Sequence[Order], now: datetime) -> dict[int, Facts]:
    """The same by order id, also for no orders at all."""
    found = gather_all(session, orders, now) if orders else []
    return {order.id: facts for order, facts in zip(orders, found, strict=True)}


def beside(facts: Facts, counted: Sequence[Counted], order_id: int | None, now: datetime) -> Facts:
    """The facts with what the plan needs people for: others' orders as busy, this one's as those counted on before."""
    busy: list[Busy] = []
    is_waiting = False
    for row in counted:
        if row.order_id is not None and row.order_id == order_id:
            continue
        slot = row.slot
        if slot.ends_at <= now:
            # Only what is under way is looked up beyond its end: they are not back yet.
            slot, is_waiting = replace(slot, ends_at=now + OVERDUE), True
        busy.append(facts.needs(slot, by=row.order_id, door=row.door, ref=row.ref))
    mine = [row.slot for row in counted if row.order_id is not None and row.order_id == order_id]
    before = frozenset((slot.task, slot.staff_id) for slot in mine if not slot.is_under_way)
    return replace(facts, busy=tuple(busy), before=before, is_waiting_for_somebody=is_waiting)


def load_counted(session: Session, staff_ids: Sequence[int], now: datetime, *, until: datetime) -> list[Counted]:
    """What the plan counts on these people for between now and then, in one query."""
    asked = {"people": list(staff_ids), "now": now, "until": until}
    return [
        Counted(
            slot=Slot(
                staff_id=staff_id,
                task=Task(task),
                stop=stop,
                supplier=supplier or "",
                start_by=start_by,
                ends_at=ends_at,
                is_under_way=gone,
            ),
            order_id=order_id,
            ref=ref or A_QUOTE,
            # A quote has no order that would say where it goes.
            door=door_of(address, lat, lon) if address is not None else Door.read(stop),
        )
        for staff_id, task, stop, supplier, start_by, ends_at, gone, order_id, ref, address, lat, lon in (
            session.execute(COUNTED, asked)
        )
    ]


def door_of(address: str | None, lat: float | None, lon: float | None) -> Door | None:
    """Where an order goes; None when nobody has said yet."""
    words = " ".join((address or "").casefold().split())
    return Door(words, lat, lon) if words else None


@dataclass(frozen=True, kw_only=True)
class _Shared:
    """What the orders of one branch have in common."""

    branch: Branch
    horizon: Span
    open: tuple[Span, ...]
    shops: Mapping[int, SupplierFacts]
    by_item: Mapping[int, list[int]]
    lengths: Lengths
    people: tuple[Person, ...]
    counted: Sequence[Counted]
    refusals: Mapping[tuple[int, int], SupplierAnswer]
    tomorrow: datetime

    def hour(self, instant: datetime) -> int:
        """The branch's own hour."""
        return instant.astimezone(ZoneInfo(self.branch.timezone)).hour


def _facts(order: Order, shared: _Shared) -> Facts:
    branch, policy = shared.branch, shared.branch.policy
    given = order.travel_minutes
    return Facts(
        promised_by=order.promised_by,
        status=Status(order.status),
        lines=tuple(_line_facts(line, shared) for line in order.lines),
        branch_open=shared.open,
        timezone=branch.timezone,
        policy=policy,
        travel_minutes=given if given is not None else policy.travel_minutes,
        people=shared.people,
        horizon=shared.horizon,
        handed_over_at=order.handed_over_at,
        carrier_id=order.carrier_id,
        taker_id=order.taker_id,
        accepted_at=order.taken_at,
        door=door_of(order.address, order.lat, order.lon),
        ref=order.ref or "",
        is_to_be_collected=order.is_to_be_collected,
        waits_in_time=order.waits_in_time,
        **_lengths(order, shared, order.promised_by),
    )


class _Spreads(TypedDict):
    """The lengths that an order's own address and promise decide."""

    pack: Spread
    handover: Spread
    way: Spread
    search: Spread


def _lengths(order: Order, shared: _Shared, promised_by: datetime) -> _Spreads:
    lengths, policy, given = shared.lengths, shared.branch.policy, order.travel_minutes
    # The hour of the promise, not of the look: a length must not change while the clock runs.
    hour = shared.hour(promised_by)
    far = far_apart((shared.branch.lat, shared.branch.lon), (order.lat, order.lon))
    return {
        "pack": lengths.spread(Kind.PACK, policy.pack_minutes, hour=hour),
        "handover": lengths.spread(Kind.HANDOVER, policy.handover_minutes, hour=hour),
        "way": lengths.spread(Kind.TRAVEL, policy.travel_minutes, distance_km=far, hour=hour)
        if given is None
        else lengths.spread(Kind.TRAVEL, given, hour=hour, is_given=True),
        "search": lengths.spread(Kind.PROCURE, policy.procure_minutes, hour=hour),
    }


def _open(hours: str, branch: Branch, horizon: Span) -> list[Span]:
    return open_spans(hours, timezone=branch.timezone, start=horizon.start, end=horizon.end, country=branch.country)


def _suppliers(session: Session, lines: Sequence[Line]) -> tuple[dict[int, list[int]], dict[int, Supplier]]:
    """Supplier ids per item, the one asked first first; and every supplier by id."""
    items = {line.item_id for line in lines if line.item_id}
    wanted = {line.supplier_id for line in lines if line.supplier_id}
    by_item: dict[int, list[int]] = {}
    if items:
        for item_id, supplier_id in session.execute(LINKS, {"items": list(items)}):
            by_item.setdefault(item_id, []).append(supplier_id)
        wanted = wanted.union(*by_item.values())
    rows = session.scalars(SUPPLIERS, {"ids": list(wanted)}) if wanted else ()
    return by_item, {row.id: row for row in rows}


def _supplier_facts(row: Supplier, branch: Branch, horizon: Span) -> SupplierFacts:
    return SupplierFacts(
        id=row.id,
        name=row.name,
        open=tuple(_open(row.opening_hours, branch, horizon)),
        travel_minutes=row.travel_minutes,
        procure_minutes=row.procure_minutes,
    )


def _line_facts(line: Line, shared: _Shared) -> LineFacts:
    ids = shared.by_item.get(line.item_id or 0, [])
    if line.supplier_id and (line.sourcing in CHOSEN or not ids):
        ids = [line.supplier_id]
    return LineFacts(
        id=line.id or 0,
        title=line.title,
        sourcing=Sourcing(line.sourcing),
        since=line.sourcing_at,
        ready_at=line.ready_at,
        suppliers=tuple(_as_heard(_with_errand(shared.shops[number], line, shared), line, shared) for number in ids),
        buyer_id=line.buyer_id,
        kept_until=line.kept_until,
    )


def _as_heard(shop: SupplierFacts, line: Line, shared: _Shared) -> SupplierFacts:
    """Who said no today may have it tomorrow; a door that was found closed stays so until it opens next."""
    said = shared.refusals.get((line.item_id or 0, shop.id)) if may_come_from_anywhere(line) else None
    if said is None:
        return shop
    if said.outcome is Outcome.NO:
        today = Span(shared.horizon.start, shared.tomorrow)
        return replace(shop, open=tuple(without(shop.open, [today])), has_refused=True)
    return replace(shop, open=tuple(span for span in shop.open if not span.start <= said.at < span.end))


def _with_errand(shop: SupplierFacts, line: Line, shared: _Shared) -> SupplierFacts:
    """The shop with how long an errand to it takes at the hour at which this line's goods were asked for."""
    default = shared.branch.policy.errand(shop.travel_minutes, shop.procure_minutes)
    hour = shared.hour(line.sourcing_at)
    return replace(shop, errand=shared.lengths.spread(Kind.PROCURE, default, supplier_id=shop.id, hour=hour))
