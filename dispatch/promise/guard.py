"""Nobody takes away the last way to keep a promise unknowingly: a change of who is there is tried, judged, and refused
with the promises at stake, unless it is forced."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from ..foundation.errors import PromisesAtStake
from ..orders.rules import OPEN
from ..orders.service import lock_order, record
from ..orders.tables import Order
from . import wording
from .facts import gather_by_id
from .plan import lock_plan
from .rules import Assessment
from .stake import at_stake

# So many orders of a branch are judged, those nearest to their promise: the answer must not take seconds.
MOST_JUDGED = 200
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Say:
    """Who makes a change, whether also when it takes the last way to keep a promise, and why."""

    actor: str
    force: bool = False
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Reach:
    """What a change may touch: the branches whose plan it can upset, and the orders it writes to itself.

    `told`: the order whose history says it anyway.
    """

    branch_ids: Collection[int]
    order_ids: Collection[int] = ()
    told: int | None = None


@dataclass(frozen=True, kw_only=True)
class Stake:
    """A promise that could not be kept any more."""

    order_id: int
    ref: str
    promised_by: datetime
    assessment: Assessment


def guarded(session: Session, do: Callable[[], T], now: datetime, *, reach: Reach, say: Say, event: str) -> T:
    """Make a change unless it puts open promises at stake, or `say.force`: then each of them gets the `event`.

    `do` writes it, and may be called twice: a forced change is tried first, to learn which orders to lock. Raises
    PromisesAtStake and whatever `do` raises; the caller's transaction is of no more use then.
    """
    if say.force:
        return _forced(session, do, now, reach=reach, say=say, event=event)
    done, stakes = _judged(session, do, now, reach=reach)
    if stakes:
        raise PromisesAtStake(
            wording.would_break([stake.ref for stake in stakes]), promises=[_shape(stake) for stake in stakes]
        )
    return done


def _judged(session: Session, do: Callable[[], T], now: datetime, *, reach: Reach) -> tuple[T, list[Stake]]:
    """The change, made, and what it puts at stake; people of other branches than those of `reach` don't matter."""
    _lock(session, reach, reach.order_ids)
    orders = {branch_id: _judgeable(session, branch_id, now) for branch_id in sorted(reach.branch_ids)}
    before = {branch_id: gather_by_id(session, rows, now) for branch_id, rows in orders.items()}
    done = do()
    session.flush()
    stakes = []
    for branch_id, rows in orders.items():
        by_id = {order.id: order for order in rows}
        found = at_stake(before[branch_id], gather_by_id(session, rows, now), now)
        stakes += [
            Stake(order_id=number, ref=by_id[number].ref, promised_by=by_id[number].promised_by, assessment=result)
            for number, result in found.items()
        ]
    return done, stakes


def _lock(session: Session, reach: Reach, order_ids: Collection[int]) -> None:
    """Orders by id, then the branches' plan, as everybody does.

    The branch's row is for the race of two people who pause at the same moment, each while the other is still counted
    on: the second one is judged when the first one's pause can be seen.
    """
    for order_id in sorted(order_ids):
        lock_order(session, order_id=order_id)
    for branch_id in sorted(reach.branch_ids):
        lock_plan(session, branch_id)


def _judgeable(session: Session, branch_id: int, now: datetime) -> Sequence[Order]:
    query = (
        select(Order)
        .where(Order.branch_id == branch_id, Order.status.in_(OPEN), Order.promised_by > now)
        .options(selectinload(Order.lines))
        .order_by(Order.promised_by, Order.id)
    )
    return session.scalars(query.limit(MOST_JUDGED)).all()


def _forced(session: Session, do: Callable[[], T], now: datetime, *, reach: Reach, say: Say, event: str) -> T:
    """Orders are locked before the plan and before people, so that nobody waits for us who holds one that we want: the
    change is tried, taken back with its locks, and made when the orders it puts at stake are ours.

    One that comes to be at stake in between has no event: it is at risk with the next look all the same.
    """
    trial = session.begin_nested()
    try:
        _, stakes = _judged(session, do, now, reach=reach)
    finally:
        if trial.is_active:
            trial.rollback()
    ids = {stake.order_id for stake in stakes}
    _lock(session, reach, ids | set(reach.order_ids))
    done = do()
    session.flush()
    for order in session.scalars(select(Order).where(Order.id.in_(ids - {reach.told}), Order.status.in_(OPEN))):
        record(session, order, "forced", wording.with_reason(event, say.reason), at=now, actor=say.actor)
    return done


def _shape(stake: Stake) -> dict[str, object]:
    return {
        "ref": stake.ref,
        "promised_by": stake.promised_by.isoformat(),
        "binding": {"clock": stake.assessment.clock.value, "message": stake.assessment.message},
    }
