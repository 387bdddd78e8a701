"""From rows to stories: what happened to orders, as the endings are computed from it; a fixed number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session

from ..orders.rules import Status
from ..orders.tables import Line, Order, Promise
from .endings import Failure, Happened, Story, Told, tell
from .rules import Stage, Step
from .tables import Recovery, RecoveryStep


def stories(session: Session, mine: ColumnElement[bool]) -> dict[int, Story]:
    """The stories of the orders for which `mine` is true, by order id; four queries for any number of them."""
    columns = (Order.id, Order.status, Order.first_promised_by, Order.delivered_at, Order.closed_at)
    is_replaced = exists().where(Line.order_id == Order.id, Line.instead_of.is_not(None)).label("is_replaced")
    rows = session.execute(select(*columns, is_replaced).where(mine)).all()
    agreed, failures = _agreed(session, mine), _failures(session, mine)
    return {
        row.id: Story(
            first_promised_by=row.first_promised_by,
            delivered_at=row.delivered_at,
            cancelled_at=row.closed_at if row.status is Status.CANCELLED else None,
            agreed_by=agreed.get(row.id),
            is_substituted=bool(row.is_replaced),
            failures=tuple(failures.get(row.id, ())),
        )
        for row in rows
    }


def _agreed(session: Session, mine: ColumnElement[bool]) -> Mapping[int, datetime]:
    """By order the last time that its customer agreed to while the promise before it still stood."""
    query = (
        select(Promise.order_id, Promise.promised_by, Promise.made_at, Promise.is_agreed)
        .join(Order, Order.id == Promise.order_id)
        .where(mine)
        .order_by(Promise.order_id, Promise.number)
    )
    counted: dict[int, datetime] = {}
    agreed: dict[int, datetime] = {}
    for row in session.execute(query):
        before = counted.setdefault(row.order_id, row.promised_by)
        if row.is_agreed and row.made_at <= before:
            counted[row.order_id] = agreed[row.order_id] = row.promised_by
    return agreed


def _failures(session: Session, mine: ColumnElement[bool]) -> Mapping[int, Iterable[Failure]]:
    cases = select(Recovery.id, Recovery.order_id, Recovery.cause, Recovery.opened_at).join(
        Order, Order.id == Recovery.order_id
    )
    cases = cases.where(mine, Recovery.stage != Stage.AVERTED).order_by(Recovery.id)
    taken = (
        select(RecoveryStep.recovery_id, RecoveryStep.step, RecoveryStep.at, RecoveryStep.by_at)
        .join(Recovery, Recovery.id == RecoveryStep.recovery_id)
        .join(Order, Order.id == Recovery.order_id)
        # An apology that never arrived was none.
        .where(mine, or_(RecoveryStep.step != Step.EMPATHISE, RecoveryStep.lost_at.is_(None)))
        .order_by(RecoveryStep.id)
    )
    steps: dict[int, list[Happened]] = defaultdict(list)
    for recovery_id, step, at, by in session.execute(taken):
        steps[recovery_id].append(Happened(step, at, by))
    found: dict[int, list[Failure]] = defaultdict(list)
    for row in session.execute(cases):
        failure = Failure(cause=row.cause, opened_at=row.opened_at, steps=tuple(steps[row.id]))
        found[row.order_id].append(failure)
    return found


def told_of(session: Session, order: Order, now: datetime) -> Told:
    """How the story of one order ended, and why."""
    session.flush()
    return tell(stories(session, Order.id == order.id)[order.id], now)
