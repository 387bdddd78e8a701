"""Whether what the clock called sure was kept: of promises, and of each kind of step; and what it reckons with now."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from ..orders.rules import Status
from ..orders.tables import Branch, Order, Promise
from ..procurement.tables import Supplier
from .estimates import LEAST_DEFAULT, Kind, Spread
from .tables import Estimate, Observation
from .trails import policy_default


@dataclass(frozen=True)
class Kept:
    """So many were kept of so many."""

    kept: int
    total: int

    @property
    def share(self) -> float:
        """From 0 to 1; `total` is not 0."""
        return self.kept / self.total


@dataclass(frozen=True, kw_only=True)
class Learned:
    """What one group of steps is reckoned with now, in minutes; of lengths that people give, per minute given."""

    kind: Kind
    supplier: str | None
    supplier_id: int | None
    distance_band: int | None
    hour_band: int | None
    is_given: bool
    n: int
    spread: Spread


def promises_kept(session: Session, branch_id: int, now: datetime) -> dict[float, Kept]:
    """First promises of a branch by how sure they were called: 0.9, 0.5, 0.

    Open ones count once they are broken; cancelled ones never do, for nobody knows how they would have ended.
    """
    is_kept = Order.delivered_at.is_not(None) & (Order.delivered_at <= Promise.promised_by)
    query = (
        select(Promise.called, func.sum(case((is_kept, 1), else_=0)), func.count())
        .join(Order, Order.id == Promise.order_id)
        .where(Order.branch_id == branch_id, Order.status != Status.CANCELLED)
        .where(Promise.number == 1, Promise.called.is_not(None))
        .where(Order.delivered_at.is_not(None) | (Promise.promised_by < now))
        .group_by(Promise.called)
    )
    return {called: Kept(kept, total) for called, kept, total in session.execute(query)}


def steps_kept(session: Session, branch_id: int) -> dict[Kind, Kept]:
    """Steps seen at a branch by kind, and how many took no longer than was said before they were seen."""
    query = (
        select(Observation.kind, _within(), func.count())
        .where(Observation.branch_id == branch_id)
        .group_by(Observation.kind)
    )
    return {kind: Kept(kept, total) for kind, kept, total in session.execute(query)}


def _within() -> ColumnElement[int]:
    return func.sum(case((Observation.minutes <= Observation.cautious_minutes, 1), else_=0))


def weeks_kept(session: Session, branch: Branch, *, since: datetime) -> dict[str, dict[Kind, Kept]]:
    """The same by ISO week of the branch's own calendar, like "2026-W09", for steps that ended since; oldest first."""
    zone = ZoneInfo(branch.timezone)
    weeks: dict[str, dict[Kind, Kept]] = {}
    for kind in Kind:
        query = select(Observation.ended_at, Observation.minutes <= Observation.cautious_minutes).where(
            Observation.branch_id == branch.id, Observation.kind == kind, Observation.ended_at >= since
        )
        for ended_at, is_kept in session.execute(query):
            year, week, _ = ended_at.astimezone(zone).isocalendar()
            kinds = weeks.setdefault(f"{year}-W{week:02d}", {})
            before = kinds.get(kind, Kept(0, 0))
            kinds[kind] = Kept(before.kept + bool(is_kept), before.total + 1)
    return dict(sorted(weeks.items()))


def learned(session: Session, branch: Branch) -> list[Learned]:
    """Every group there is an estimate for, wide ones before those within them."""
    # Sorted here: databases differ on whether nothing comes before something.
    return sorted(
        _learned(session, branch),
        key=lambda one: (
            one.kind,
            one.is_given,
            one.supplier or "",
            one.supplier_id or 0,
            -1 if one.distance_band is None else one.distance_band,
            -1 if one.hour_band is None else one.hour_band,
        ),
    )


def _learned(session: Session, branch: Branch) -> Iterator[Learned]:
    query = (
        select(Estimate, Supplier)
        .outerjoin(Supplier, Supplier.id == Estimate.supplier_id)
        .where(Estimate.branch_id == branch.id)
    )
    for row, shop in session.execute(query):
        default = 1.0 if row.is_given else policy_default(branch, row.kind)
        if shop is not None:
            default = branch.policy.errand(shop.travel_minutes, shop.procure_minutes)
        base = max(default, LEAST_DEFAULT)
        yield Learned(
            kind=row.kind,
            supplier=shop.name if shop is not None else None,
            supplier_id=row.supplier_id,
            distance_band=row.distance_band,
            hour_band=row.hour_band,
            is_given=row.is_given,
            n=row.n,
            spread=Spread(base * math.exp(row.likely_log), base * math.exp(row.cautious_log)),
        )
