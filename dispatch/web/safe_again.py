"""Cases that were opened ahead of a promise which can be kept after all: nothing of ours goes out for them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from ..orders.rules import OPEN
from ..orders.tables import Order
from ..promise.tables import Watch
from ..recovery.rules import Cause, Stage
from ..recovery.tables import Recovery


def is_safe_again(now: datetime) -> ColumnElement[bool]:
    """Over recoveries joined to orders, outer-joined to watches: what the round asks before our own words go out.

    Never null, so that it can be turned round. What only a person can still say has no next step, and does not end so.
    """
    is_calm = or_(Watch.order_id.is_(None), and_(Watch.late_at.is_not(None), Watch.late_at >= now))
    is_unsaid = and_(Recovery.stage == Stage.OPENED, Recovery.next_step_at.is_not(None))
    return and_(Recovery.cause == Cause.LATE, is_unsaid, Order.status.in_(OPEN), Order.promised_by >= now, is_calm)


def safe_again(session: Session, ids: Iterable[int], now: datetime) -> frozenset[str]:
    """Which of these cases are; their ids as shapes have them. One query."""
    query = select(Recovery.id).join(Order, Order.id == Recovery.order_id)
    query = query.outerjoin(Watch, Watch.order_id == Order.id).where(Recovery.id.in_(list(ids)), is_safe_again(now))
    return frozenset(str(number) for number in session.scalars(query))
