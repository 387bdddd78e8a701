"""Orders and escalations as programs and the board see them: a fixed number of queries, however many are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from ..foundation.errors import NotFound
from ..foundation.tokens import Links
from ..messaging.rules import Kind
from ..messaging.tables import OutgoingText
from ..orders.rules import CLOSED, OPEN, Status, allowed_moves
from ..orders.tables import Branch, Order
from ..procurement.line_shapes import line_shapes
from ..promise.queries import Reading, level_sql, readings, risk_shape, slack_of
from ..promise.rules import Level
from ..promise.tables import Watch
from ..staff.tables import Staff
from .rules import EscalationState
from .tables import Escalation, Page

LIVE = (EscalationState.OPEN, EscalationState.ACCEPTED)


def _at(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None


def _person(staff_id: int | None, name: str | None) -> dict[str, str | None] | None:
    return {"id": str(staff_id), "name": name} if staff_id is not None else None


# --- orders ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Around:
    """What belongs to a set of orders, each kind read with one query."""

    lines: dict[int, list[dict[str, Any]]]
    readings: dict[int, Reading]
    escalations: dict[int, tuple[int, EscalationState]]
    carriers: dict[int, str]
    branches: dict[int, Branch]


def _escalations(session: Session, ids: Sequence[int]) -> dict[int, tuple[int, EscalationState]]:
    """The live escalation of each order, else its latest."""
    query = select(Escalation.id, Escalation.order_id, Escalation.state).where(Escalation.order_id.in_(ids))
    rows = sorted(session.execute(query), key=lambda row: (row.state in LIVE, row.id))
    return {row.order_id: (row.id, row.state) for row in rows}


def _look_around(session: Session, orders: Sequence[Order]) -> _Around:
    session.flush()
    ids = [order.id for order in orders]
    carriers = select(Staff.id, Staff.name).where(Staff.id.in_({o.carrier_id for o in orders if o.carrier_id}))
    branches = select(Branch).where(Branch.id.in_({order.branch_id for order in orders}))
    return _Around(
        lines=line_shapes(session, ids),
        readings=readings(session, ids),
        escalations=_escalations(session, ids),
        carriers={row.id: row.name for row in session.execute(carriers)},
        branches={branch.id: branch for branch in session.scalars(branches)},
    )


def order_shapes(session: Session, orders: Sequence[Order], now: datetime, links: Links) -> list[dict[str, Any]]:
    """Orders as the contract shows them, in the order given. Six queries for any number of them."""
    around = _look_around(session, orders) if orders else None
    return [_order(order, around, now, links) for order in orders] if around else []


def _order(order: Order, around: _Around, now: datetime, links: Links) -> dict[str, Any]:
    branch, escalation = around.branches[order.branch_id], around.escalations.get(order.id)
    watch = timedelta(minutes=branch.policy.watch_minutes)
    return {
        "ref": order.ref,
        "external_id": order.external_id,
        "branch": branch.code,
        "status": order.status.value,
        "version": order.version,
        "customer": {
            "name": order.customer_name,
            "phone": order.customer_phone,
            "language": order.customer_language,
        },
        "address": {"text": order.address, "lat": order.lat, "lon": order.lon},
        "reason": order.reason,
        "first_promised_by": _at(order.first_promised_by),
        "promised_by": _at(order.promised_by),
        "lines": around.lines.get(order.id, []),
        "travel_minutes": order.travel_minutes,
        "proof": order.proof.value,
        "carrier": _person(order.carrier_id, around.carriers.get(order.carrier_id or 0)),
        "risk": risk_shape(order, around.readings.get(order.id), now, watch=watch),
        "escalation": {"id": str(escalation[0]), "state": escalation[1].value} if escalation else None,
        "allowed_moves": [move.value for move in allowed_moves(order.status)],
        "tracking_url": links.tracking(order.id),
        "created_at": _at(order.created_at),
        "packed_at": _at(order.packed_at),
        "handed_over_at": _at(order.handed_over_at),
        "delivered_at": _at(order.delivered_at),
        "closed_at": _at(order.closed_at),
    }


def list_orders(
    session: Session,
    now: datetime,
    links: Links,
    *,
    status: Status | None = None,
    risk: Level | None = None,
    open_: bool | None = None,
    branch: str | None = None,
    external_id: str | None = None,
    limit: int = 50,
    cursor: int | None = None,
) -> tuple[list[dict[str, Any]], int | None]:
    """A page of orders, the newest first, and where the next page starts. Filters narrow it down together."""
    query = select(Order).outerjoin(Watch, Watch.order_id == Order.id).join(Branch, Branch.id == Order.branch_id)
    if status is not None:
        query = query.where(Order.status == status)
    if risk is not None:
        query = query.where(level_sql(session.scalars(select(Branch)).all(), now) == risk.value)
    if open_ is not None:
        query = query.where(Order.status.in_(OPEN if open_ else CLOSED))
    if branch is not None:
        query = query.where(Branch.code == branch)
    if external_id is not None:
        query = query.where(Order.external_id == external_id)
    if cursor is not None:
        query = query.where(Order.id < cursor)
    rows = session.scalars(query.order_by(Order.id.desc()).limit(limit + 1)).all()
    shown = rows[:limit]
    return order_shapes(session, shown, now, links), shown[-1].id if len(rows) > limit else None


def board_orders(
    session: Session, now: datetime, links: Links, *, branch: str | None = None, limit: int = 300
) -> list[dict[str, Any]]:
    """Open orders, least slack first; those whose slack nobody can tell come before all others."""
    query = (
        select(Order)
        .outerjoin(Watch, Watch.order_id == Order.id)
        .where(Order.status.in_(OPEN))
        .order_by(Watch.act_by.is_not(None), Watch.act_by, Order.promised_by, Order.id)
        .limit(limit)
    )
    if branch is not None:
        query = query.join(Branch, Branch.id == Order.branch_id).where(Branch.code == branch)
    orders = session.scalars(query).all()
    if not orders:
        return []
    around = _look_around(session, orders)

    def urgency(order: Order) -> tuple[timedelta, datetime, int]:
        slack = slack_of(order, around.readings.get(order.id), now)
        return timedelta.min if slack is None else slack, order.promised_by, order.id

    return [_order(order, around, now, links) for order in sorted(orders, key=urgency)]


# --- escalations -----------------------------------------------------------------------------------------------------


def escalation_shapes(session: Session, escalations: Sequence[Escalation]) -> list[dict[str, Any]]:
    """Escalations as the contract shows them, in the order given. Four queries for any number of them."""
    session.flush()
    ids = [escalation.id for escalation in escalations]
    orders = select(Order.id, Order.ref).where(Order.id.in_({e.order_id for e in escalations}))
    takers = select(Staff.id, Staff.name).where(Staff.id.in_({e.accepted_by_id for e in escalations}))
    refs = {row.id: row.ref for row in session.execute(orders)} if ids else {}
    names = {row.id: row.name for row in session.execute(takers)} if ids else {}
    pages = _pages(session, ids) if ids else {}
    return [
        {
            "id": str(escalation.id),
            "order": refs[escalation.order_id],
            "state": escalation.state.value,
            "need": escalation.need.value,
            "opened_at": _at(escalation.opened_at),
            "why": escalation.why,
            "rung": escalation.rung,
            "accepted_by": _person(escalation.accepted_by_id, names.get(escalation.accepted_by_id or 0)),
            "accepted_at": _at(escalation.accepted_at),
            "check_in_at": _at(escalation.check_in_at),
            "next_step_at": _at(escalation.next_step_at),
            "closed_at": _at(escalation.closed_at),
            "pages": pages.get(escalation.id, []),
        }
        for escalation in escalations
    ]


def _pages(session: Session, ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    columns = (Page.escalation_id, Page.id, Page.staff_id, Page.rung, Page.code, Page.channel, Page.asked_at)
    # A reminder belongs to the page too; the page's own text is the one of its kind and channel.
    its_text = and_(
        OutgoingText.page_id == Page.id, OutgoingText.kind == Kind.PAGE, OutgoingText.channel == Page.channel
    )
    query = (
        select(*columns, Page.answer, Page.answered_at, Page.note, Staff.name)
        .add_columns(OutgoingText.sent_at, OutgoingText.provider_status)
        .join(Staff, Staff.id == Page.staff_id)
        .outerjoin(OutgoingText, its_text)
        .where(Page.escalation_id.in_(ids))
        .order_by(Page.id, OutgoingText.id)
    )
    pages: dict[int, dict[int, dict[str, Any]]] = {}
    for row in session.execute(query):
        pages.setdefault(row.escalation_id, {})[row.id] = _page(row)
    return {escalation_id: list(found.values()) for escalation_id, found in pages.items()}


def _page(row: Any) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "staff_id": str(row.staff_id),
        "name": row.name,
        "rung": row.rung,
        "code": str(row.code),
        "channel": row.channel.value,
        "asked_at": _at(row.asked_at),
        "sent_at": _at(row.sent_at),
        "receipt": row.provider_status,
        "answer": row.answer.value if row.answer else None,
        "answered_at": _at(row.answered_at),
        "note": row.note,
    }


def is_help_asked(session: Session, order_id: int) -> bool:
    """Whether somebody is being asked for help with an order, or has taken it."""
    live = select(Escalation.id).where(Escalation.order_id == order_id, Escalation.state.in_(LIVE))
    return session.scalars(live).first() is not None


def get_escalation(session: Session, escalation_id: int) -> dict[str, Any]:
    """One escalation. Raises NotFound."""
    escalation = session.get(Escalation, escalation_id, populate_existing=True)
    if escalation is None:
        raise NotFound(f"There is no escalation {escalation_id}.")
    return escalation_shapes(session, [escalation])[0]


def list_escalations(
    session: Session,
    *,
    state: EscalationState | None = None,
    order: str | None = None,
    limit: int = 50,
    cursor: int | None = None,
) -> tuple[list[dict[str, Any]], int | None]:
    """A page of escalations, the newest first, and where the next page starts. `order` is a ref."""
    query = select(Escalation)
    if state is not None:
        query = query.where(Escalation.state == state)
    if order is not None:
        query = query.join(Order, Order.id == Escalation.order_id).where(Order.ref == order.upper())
    if cursor is not None:
        query = query.where(Escalation.id < cursor)
    rows = session.scalars(query.order_by(Escalation.id.desc()).limit(limit + 1)).all()
    shown = rows[:limit]
    return escalation_shapes(session, shown), shown[-1].id if len(rows) > limit else None
