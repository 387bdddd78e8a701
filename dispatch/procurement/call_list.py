"""The call list of each missing line: who may have it, how likely, until when; a fixed number of queries."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import and_, literal, or_, select, union_all
from sqlalchemy.orm import Session

from ..foundation.hours import Span, midnight, open_spans
from ..orders.policy import Policy
from ..orders.rules import IN_HAND, OPEN, Sourcing, Status
from ..orders.tables import Branch, Line, Order
from .call_log import Lessons, answers_of, lessons
from .calls import Answer, Need, Outcome, Ranked, Shop, rank
from .tables import ItemSupplier, Supplier, SupplierAnswer

AHEAD = timedelta(hours=36)
MISSING = tuple(sourcing for sourcing in Sourcing if sourcing not in IN_HAND)
# Put aside somewhere, a line needs no other shop.
SOUGHT = tuple(sourcing for sourcing in MISSING if sourcing is not Sourcing.RESERVED)
MOST_OTHERS = 300


@dataclass(frozen=True, kw_only=True)
class Other:
    """Another open line that the same shop has, or may have. `ref`: of its order; `is_kept`: put aside there."""

    line_id: int
    ref: str
    title: str
    quantity: int
    is_kept: bool


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A shop on a line's call list, in its place."""

    supplier: Supplier
    row: Ranked
    also_there: tuple[Other, ...]


def call_lists(
    session: Session,
    order: Order,
    now: datetime,
    *,
    act_by: datetime | None,
    stretch: Callable[[Supplier, Line], float],
) -> dict[int, tuple[Listed, ...]]:
    """By line id, for every missing line of an open order: all suppliers, whom to ring first first.

    `act_by`: what the clock says of the order, None when it says nothing. `stretch`: how much longer an errand takes
    than the supplier's own minutes say, as learned.
    """
    lines = [line for line in order.lines if line.sourcing in MISSING] if order.status in OPEN else []
    if not lines:
        return {}
    suppliers = {row.id: row for row in session.scalars(select(Supplier).order_by(Supplier.id))}
    branch, today = order.branch, midnight(now, order.branch.timezone)
    spans = {row.id: _open(row, branch, now) for row in suppliers.values()}
    tied = _tied(session, lines)
    heard, learned = answers_of(session, lines, today), lessons(session, lines, now)
    others = _others(session, branch.id, today)
    lists = {}
    for line in lines:
        known = _Known(line, spans, tied.get(line.item_id or 0, set()), learned)
        shops = [
            replace(_shop(row, known, heard.get((line.id, row.id), ()), branch.policy), stretch=stretch(row, line))
            for row in suppliers.values()
        ]
        need = _need(order, line, now, today, act_by)
        lists[line.id] = tuple(
            Listed(
                supplier=suppliers[row.shop.id],
                row=row,
                also_there=tuple(other for other in others.get(row.shop.id, ()) if other.line_id != line.id),
            )
            for row in rank(shops, need)
        )
    return lists


def _open(supplier: Supplier, branch: Branch, now: datetime) -> tuple[Span, ...]:
    # From the day before: since when the door is open tells whether it has opened since somebody found it closed.
    return tuple(
        open_spans(
            supplier.opening_hours,
            timezone=branch.timezone,
            start=now - timedelta(hours=24),
            end=now + AHEAD,
            country=branch.country,
        )
    )


def _need(order: Order, line: Line, now: datetime, today: datetime, act_by: datetime | None) -> Need:
    policy = order.branch.policy
    travel = order.travel_minutes if order.travel_minutes is not None else policy.travel_minutes
    # Of a search under way the clock says by when it must end, not when to set out.
    is_waiting = line.sourcing in (Sourcing.TO_PROCURE, Sourcing.UNAVAILABLE)
    return Need(
        now=now,
        midnight=today,
        horizon=now + AHEAD,
        home_by=order.promised_by - timedelta(minutes=policy.pack_minutes + policy.handover_minutes + travel),
        act_by=act_by if is_waiting else None,
    )


@dataclass(frozen=True)
class _Known:
    """What is known for one line, whatever the shop."""

    line: Line
    spans: dict[int, tuple[Span, ...]]
    tied: Collection[int]
    learned: Lessons


def _shop(supplier: Supplier, known: _Known, heard: Sequence[Answer], policy: Policy) -> Shop:
    line = known.line
    is_keeping = line.sourcing is Sourcing.RESERVED and line.supplier_id == supplier.id
    stay = policy.stay(supplier.procure_minutes)
    # As the clock counts: what is put aside is only collected.
    collect = policy.handover_minutes if supplier.travel_minutes is not None else stay // 2
    return Shop(
        id=supplier.id,
        name=supplier.name,
        open=known.spans[supplier.id],
        way_minutes=supplier.travel_minutes,
        stay_minutes=collect if is_keeping else stay,
        is_tied=supplier.id in known.tied,
        tallies=known.learned.tallies(supplier.id, line),
        door=known.learned.door(supplier.id),
        answers=tuple(heard),
        is_keeping=is_keeping,
        kept_until=line.kept_until if is_keeping else None,
    )


def _tied(session: Session, lines: Sequence[Line]) -> dict[int, set[int]]:
    query = select(ItemSupplier.item_id, ItemSupplier.supplier_id)
    found: dict[int, set[int]] = {}
    for item_id, supplier_id in session.execute(query.where(ItemSupplier.item_id.in_({x.item_id for x in lines}))):
        found.setdefault(item_id, set()).add(supplier_id)
    return found


def _others(session: Session, branch_id: int, today: datetime) -> dict[int, list[Other]]:
    """By supplier, the missing lines of a branch's open orders that can be had there: tied to their item and not
    refused today, looked for there, or put aside there. Promised first, first."""
    said_no = (
        select(SupplierAnswer.id)
        .where(SupplierAnswer.supplier_id == ItemSupplier.supplier_id, SupplierAnswer.at >= today)
        .where(SupplierAnswer.superseded_at.is_(None), SupplierAnswer.outcome == Outcome.NO)
        .where(or_(SupplierAnswer.line_id == Line.id, SupplierAnswer.item_id == Line.item_id))
    )
    mine = and_(Order.branch_id == branch_id, Order.status == Status.PROCURING)
    columns = (Line.id, Line.title, Line.quantity, Order.ref, Order.promised_by)
    usual = (
        select(ItemSupplier.supplier_id.label("shop"), *columns, literal(0).label("is_kept"))
        .join(Line, Line.item_id == ItemSupplier.item_id)
        .join(Order, Order.id == Line.order_id)
        .where(mine, Line.sourcing.in_(SOUGHT), ~said_no.exists())
    )
    is_kept = Line.sourcing == Sourcing.RESERVED
    chosen = (
        select(Line.supplier_id.label("shop"), *columns, literal(1).label("is_kept"))
        .join(Order, Order.id == Line.order_id)
        .where(mine, Line.supplier_id.is_not(None), is_kept)
    )
    both = union_all(usual, chosen).subquery()
    found: dict[int, list[Other]] = {}
    for row in session.execute(select(both).order_by(both.c.promised_by, both.c.ref, both.c.id).limit(MOST_OTHERS)):
        other = Other(line_id=row.id, ref=row.ref, title=row.title, quantity=row.quantity, is_kept=bool(row.is_kept))
        found.setdefault(row.shop, []).append(other)
    return found
