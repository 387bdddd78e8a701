"""Whose number is whose: staff by name and role, customers of recent orders by name."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..orders.tables import Order
from ..staff.tables import Staff

RECENT = 100


def phone_book(session: Session) -> Iterator[tuple[str, str, str]]:
    """(E.164, name, what they are to us); staff win over customers with the same number."""
    recent = select(Order.customer_phone, Order.customer_name).order_by(Order.id.desc()).limit(RECENT)
    for phone, name in reversed(session.execute(recent).all()):
        yield phone, name, "customer"
    for staff in session.scalars(select(Staff).where(Staff.is_active).order_by(Staff.id)):
        yield staff.phone, staff.name, staff.role.value
