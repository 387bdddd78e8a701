"""Rows as people make them, through the services, with what a test does not care about filled in."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from dispatch.foundation.db import Database
from dispatch.orders.branches import BranchValues, put_branch
from dispatch.orders.rules import Proof
from dispatch.orders.service import NewLine, NewOrder
from dispatch.orders.tables import Order
from dispatch.procurement.service import ItemValues, SupplierValues, put_item, put_supplier
from dispatch.promise import service as promise
from dispatch.staff.rules import Role
from dispatch.staff.service import NewStaff, add_staff

REGION = "GB"
TIMEZONE = "Asia/Kolkata"
ALL_DAY = "Mo-Su 09:00-21:00"
_numbers = itertools.count()


def fresh_phone() -> str:
    """A number that is nobody's: the thousand that are kept for fiction, one after another."""
    return f"+447700900{next(_numbers) % 1000:03d}"


def when(
    now: datetime, time: str | datetime | None = None, *, minutes: float = 0, timezone: str = TIMEZONE
) -> datetime:
    """ "18:40" of today's date in the shop, or that many minutes from now, or the instant that was given."""
    if isinstance(time, datetime):
        return time
    if time is None:
        return now + timedelta(minutes=minutes)
    hour, minute = map(int, time.split(":"))
    there = now.astimezone(ZoneInfo(timezone))
    return there.replace(hour=hour, minute=minute, second=0, microsecond=0)


def make_shop(session: Session, now: datetime, *, code: str = "main", **changes: Any) -> int:
    """A branch; other names than those of its values are its policy."""
    names = ("name", "timezone", "opening_hours", "country", "address")
    values: dict[str, Any] = {"name": "Kala Books", "timezone": TIMEZONE, "opening_hours": ALL_DAY}
    values |= {name: changes.pop(name) for name in names if name in changes}
    branch, _ = put_branch(session, code, BranchValues(**values, policy=changes), now)
    return branch.id


def make_person(session: Session, now: datetime, name: str, **changes: Any) -> int:
    """Somebody on the staff, on a shift from 10 to 19 every day unless told otherwise."""
    given: dict[str, Any] = {"phone": fresh_phone(), "role": "rider", "shifts": "Mo-Su 10:00-19:00", **changes}
    given["role"] = Role(given["role"])
    return add_staff(session, NewStaff(name=name, **given), now, region=REGION).id


def make_supplier(session: Session, now: datetime, code: str, hours: str = ALL_DAY, **changes: Any) -> str:
    """Another shop in town."""
    values = SupplierValues(**{"name": code.title(), "opening_hours": hours, **changes})
    return put_supplier(session, code, values, now, region=REGION)[0].code


def make_item(session: Session, now: datetime, sku: str, on_hand: int = 0, **changes: Any) -> Mapping[str, Any]:
    """Something we sell, and how many of it are on the shelf."""
    branch = changes.pop("branch", "main")
    values = ItemValues(**{"title": sku.replace("-", " ").title(), "on_hand": on_hand, **changes})
    return put_item(session, sku, values, now, branch=branch)[0]


def new_order(promised_by: datetime, **changes: Any) -> NewOrder:
    """An order as it is taken; `lines` as NewLine, or `sku` and `quantity` of its only line."""
    line = {name: changes.pop(name) for name in ("sku", "title", "quantity", "substitution") if name in changes}
    given: dict[str, Any] = {
        "customer_name": "Arjun Mehta",
        "customer_phone": fresh_phone(),
        "address": "12 Lake Road",
        "reason": "exam tomorrow",
        "travel_minutes": 30,
        "lines": (NewLine(**{"title": "Physics 2", **line}),),
        **changes,
    }
    if "proof" in given:
        given["proof"] = Proof(given["proof"])
    return NewOrder(promised_by=promised_by, **given)


def make_order(session: Session, now: datetime, promised_by: datetime, **changes: Any) -> Order:
    """A placed order."""
    return promise.place(session, new_order(promised_by, **changes), now, actor="desk", region=REGION)[0]


def count(db: Database, query: Any) -> int:
    """How many rows a query finds."""
    with db.snapshot() as session:
        return len(session.execute(query).all())
