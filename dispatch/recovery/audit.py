"""Customers who should have heard from us and have not: found beside the rounds, set right by the ordinary path."""

from __future__ import annotations

import enum
from datetime import datetime, timedelta

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from ..orders.rules import OPEN
from ..orders.tables import Order
from .rules import TOO_OLD
from .tables import Recovery, Survey

# The rounds come every second: what is a minute late was forgotten, not slow.
LATE = timedelta(seconds=60)


class Forgotten(enum.StrEnum):
    """Who may be forgotten."""

    UNOPENED = "unopened"
    UNSORRY = "unsorry"
    UNASKED = "unasked"


SAID = {
    Forgotten.UNOPENED: "broken promises without a recovery",
    Forgotten.UNSORRY: "recoveries whose next step is overdue",
    Forgotten.UNASKED: "customers who should have been asked how it was",
}


def forgotten(session: Session, now: datetime) -> dict[Forgotten, list[int]]:
    """Order ids by who was forgotten; empty when all is as it should be."""
    long_ago = now - LATE
    opened = exists().where(Recovery.order_id == Order.id)
    queries = {
        # By the time in force: one that nobody agreed to is seen by the look at the first promise.
        Forgotten.UNOPENED: select(Order.id).where(
            Order.status.in_(OPEN), Order.promised_by < long_ago, Order.promised_by > now - TOO_OLD, ~opened
        ),
        Forgotten.UNSORRY: select(Recovery.order_id).where(
            Recovery.next_step_at.is_not(None), Recovery.next_step_at < long_ago
        ),
        Forgotten.UNASKED: select(Survey.order_id).where(Survey.due_at.is_not(None), Survey.due_at < long_ago),
    }
    found = {who: list(session.scalars(query)) for who, query in queries.items()}
    return {who: ids for who, ids in found.items() if ids}
