"""Who is calling: what we know of a customer by their phone, and how often we have let them down."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, case, func, not_, or_, select
from sqlalchemy.orm import Session

from .rules import Status
from .tables import Order


@dataclass(frozen=True, kw_only=True)
class Caller:
    """A customer who has ordered before: name and address of their last order, `orders` in all, of which so many came
    after their first promise or never; the promise of the last of these."""

    name: str
    address: str
    language: str
    orders: int
    failed: int
    failed_last: datetime | None


def known_caller(session: Session, phone: str, branch_id: int, now: datetime) -> Caller | None:
    """The customer with this number (E.164) at this branch; None when they have never ordered. Two indexed look-ups."""
    mine = (Order.customer_phone == phone, Order.branch_id == branch_id)
    last = select(Order.customer_name, Order.address, Order.customer_language).where(*mine)
    found = session.execute(last.order_by(Order.id.desc()).limit(1)).first()
    if found is None:
        return None
    is_late = Order.delivered_at > Order.first_promised_by
    is_missing = and_(Order.delivered_at.is_(None), Order.status != Status.CANCELLED, Order.first_promised_by < now)
    is_missing = and_(is_missing, not_(Order.waits_in_time))
    # Cancelled before the promise is the customer's own wish; after it, they had waited in vain.
    is_given_up = and_(Order.status == Status.CANCELLED, Order.closed_at > Order.first_promised_by)
    failed = case((or_(is_late, is_missing, is_given_up), Order.first_promised_by), else_=None)
    orders, count, at = session.execute(select(func.count(), func.count(failed), func.max(failed)).where(*mine)).one()
    return Caller(
        name=found.customer_name,
        address=found.address,
        language=found.customer_language,
        orders=orders,
        failed=count,
        failed_last=at,
    )
