"""What the clock says of an order at the instant somebody looks: the stored instants are compared with now, so that a
level is never older than the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, or_, select
from sqlalchemy.orm import Session

from ..orders.rules import CLOSED, Status
from ..orders.tables import Branch, Order, Timetable
from .rules import ClockName, Level, level_at
from .tables import Watch

A_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What the clock last wrote down for one order, and when it looks again."""

    act_by: datetime | None
    late_at: datetime | None
    projected_at: datetime | None
    clock: ClockName
    message: str
    next_check_at: datetime | None


def readings(session: Session, order_ids: Sequence[int]) -> dict[int, Reading]:
    """Readings by order id, in one query."""
    # Columns, not entities: the timetable is written past the session's memory.
    columns = (Watch.act_by, Watch.late_at, Watch.projected_at, Watch.clock, Watch.message, Timetable.next_check_at)
    query = select(Watch.order_id, *columns).outerjoin(Timetable, Timetable.order_id == Watch.order_id)
    found = session.execute(query.where(Watch.order_id.in_(order_ids)))
    return {
        order_id: Reading(
            act_by=act_by,
            late_at=late_at,
            projected_at=projected_at,
            clock=clock,
            message=message,
            next_check_at=next_check_at,
        )
        for order_id, act_by, late_at, projected_at, clock, message, next_check_at in found
    }


def level_now(order: Order, reading: Reading | None, now: datetime, *, watch: timedelta) -> Level:
    """The level at this instant; of a closed order, whether it was late. `watch`: the branch's `watch_minutes`."""
    if order.status in CLOSED:
        was_late = order.delivered_at is not None and order.delivered_at > order.promised_by
        return Level.LATE if was_late else Level.ON_TRACK
    if reading is None or order.waits_in_time:
        return Level.ON_TRACK
    return level_at(now, promise=order.promised_by, act_by=reading.act_by, late_at=reading.late_at, watch=watch)


def level_sql(branches: Sequence[Branch], now: datetime) -> ColumnElement[str]:
    """The same as `level_now` for filters over `orders` outer-joined to `watches`; one test compares the two."""
    nearly = [
        and_(Order.branch_id == branch.id, Watch.act_by < now + timedelta(minutes=branch.policy.watch_minutes))
        for branch in branches
    ]
    return case(
        (Order.delivered_at > Order.promised_by, Level.LATE.value),
        (or_(Order.status.in_(CLOSED), Watch.order_id.is_(None), Order.waits_in_time), Level.ON_TRACK.value),
        (or_(Order.promised_by < now, Watch.late_at.is_(None), Watch.late_at < now), Level.LATE.value),
        (or_(Watch.act_by.is_(None), Watch.act_by < now), Level.AT_RISK.value),
        (or_(*nearly), Level.WATCH.value),
        else_=Level.ON_TRACK.value,
    )


def slack_of(order: Order, reading: Reading | None, now: datetime) -> timedelta | None:
    """How long the next step can still wait; negative when it is too late for it, None when nobody can tell."""
    if order.status in CLOSED or reading is None or order.waits_in_time:
        return None
    if reading.act_by is not None:
        return reading.act_by - now
    return order.promised_by - reading.projected_at if reading.projected_at else None


def risk_shape(order: Order, reading: Reading | None, now: datetime, *, watch: timedelta) -> dict[str, Any]:
    """The risk as the contract shows it. `slack_minutes` are whole minutes, rounded down."""
    level, slack = level_now(order, reading, now, watch=watch), slack_of(order, reading, now)
    if reading is None or order.status in CLOSED:
        reading = Reading(
            act_by=None,
            late_at=None,
            projected_at=order.delivered_at,
            clock=reading.clock if reading else ClockName.DEADLINE,
            message=_ending(order, level),
            next_check_at=None,
        )
    return {
        "level": level.value,
        "slack_minutes": slack // A_MINUTE if slack is not None else None,
        "act_by": reading.act_by.isoformat() if reading.act_by else None,
        "projected_at": reading.projected_at.isoformat() if reading.projected_at else None,
        "binding": {"clock": reading.clock.value, "message": reading.message},
        "next_check_at": reading.next_check_at.isoformat() if reading.next_check_at else None,
    }


def _ending(order: Order, level: Level) -> str:
    if order.status is Status.CANCELLED:
        return "Cancelled."
    if order.status is Status.DELIVERED:
        if level is Level.LATE:
            return "Delivered after the promise."
        is_kept = order.delivered_at is None or order.delivered_at <= order.first_promised_by
        return "Delivered in time." if is_kept else "Delivered by the new promise, after the first."
    return "Not looked at yet."
