"""When the watch round must look at an order: re-armed by whatever matters, in the same transaction."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ..foundation.db import at_end, wake
from .tables import IS_OPEN, Order, Timetable

PENDING = "dispatch_rearm"


def rearm(session: Session, order_ids: Collection[int], now: datetime) -> None:
    """Have these orders looked at, at once, by the next watch round."""
    if not order_ids:
        return
    pending: set[int] = session.info.setdefault(PENDING, set())
    pending.update(order_ids)
    wake(session)

    def write(session: Session) -> None:
        ids = sorted(session.info.pop(PENDING, ()))
        # Locked last and in one order, against a deadlock of two transactions that wake each other's orders.
        rows = select(Timetable.order_id).where(Timetable.order_id.in_(ids)).order_by(Timetable.order_id)
        session.execute(rows.with_for_update())
        news = {"next_check_at": now, "generation": Timetable.generation + 1}
        session.execute(update(Timetable).where(Timetable.order_id.in_(ids)).values(news))

    at_end(session, PENDING, write)


def rearm_branch(session: Session, branch_id: int | None, now: datetime) -> None:
    """The same for every open order of a branch, or of all branches when None."""
    query = select(Order.id).where(IS_OPEN)
    if branch_id is not None:
        query = query.where(Order.branch_id == branch_id)
    rearm(session, session.scalars(query).all(), now)


def set_next_check(session: Session, order_id: int, at: datetime | None, *, seen: int) -> None:
    """Write when to look next, unless there was news since the generation `seen` was read, before the facts.

    The guard is for the race with somebody who changes the facts and re-arms while we still count on the old ones.
    """
    mine = (Timetable.order_id == order_id, Timetable.generation == seen)

    def write(session: Session) -> None:
        session.execute(update(Timetable).where(*mine).values(next_check_at=at))

    at_end(session, ("next_check", order_id), write)


def due_orders(session: Session, now: datetime, *, limit: int = 100) -> list[int]:
    """Ids of orders that must be looked at, the longest overdue first."""
    query = (
        select(Timetable.order_id)
        .where(Timetable.next_check_at.is_not(None), Timetable.next_check_at <= now)
        .order_by(Timetable.next_check_at)
        .limit(limit)
    )
    return list(session.scalars(query))


def next_due_at(session: Session) -> datetime | None:
    """The next instant at which the watch round has something to do."""
    query = select(Timetable.next_check_at).where(Timetable.next_check_at.is_not(None))
    return session.scalars(query.order_by(Timetable.next_check_at).limit(1)).first()
