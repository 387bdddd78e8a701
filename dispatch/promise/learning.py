"""What a branch has learned of how long things take: reading it, and learning anew each night."""

from __future__ import annotations

from collections.abc import Collection
from types import MappingProxyType

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from .estimates import Group, Kind, Lengths, Ratio
from .tables import Estimate


def load_lengths(session: Session, branch_id: int, *, supplier_ids: Collection[int]) -> Lengths:
    """What a branch has learned, of other shops only these; one query, of columns."""
    columns = (Estimate.kind, Estimate.supplier_id, Estimate.distance_band, Estimate.hour_band, Estimate.is_given)
    query = select(*columns, Estimate.likely_log, Estimate.cautious_log, Estimate.n).where(
        Estimate.branch_id == branch_id,
        or_(Estimate.supplier_id.is_(None), Estimate.supplier_id.in_(supplier_ids)),
    )
    ratios = {
        Group(Kind(kind), shop, distance, hour, given): Ratio(likely, cautious, n)
        for kind, shop, distance, hour, given, likely, cautious, n in session.execute(query)
    }
    return Lengths(ratios=MappingProxyType(ratios))
