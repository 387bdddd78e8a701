"""How calls for help went, as figures: one query for any number of orders."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from ..messaging.rules import Kind
from ..messaging.tables import OutgoingText
from ..orders.tables import Order
from .rules import EscalationState
from .tables import Escalation, Page


@dataclass(frozen=True, kw_only=True)
class Figures:
    """`first_page` and `acceptance`: seconds from the opening of a call until its first text left, and until somebody
    had taken it, of those calls where that happened."""

    opened: int
    accepted: int
    unanswered: int
    first_page: tuple[float, ...]
    acceptance: tuple[float, ...]


def call_figures(session: Session, mine: ColumnElement[bool]) -> Figures:
    """Calls for help about the orders for which `mine` is true."""
    its_text = and_(OutgoingText.page_id == Page.id, OutgoingText.kind == Kind.PAGE)
    columns = (Escalation.id, Escalation.state, Escalation.opened_at, Escalation.accepted_at)
    query = (
        select(*columns, func.min(OutgoingText.sent_at).label("asked_at"))
        .join(Order, Order.id == Escalation.order_id)
        .outerjoin(Page, Page.escalation_id == Escalation.id)
        .outerjoin(OutgoingText, its_text)
        .where(mine)
        .group_by(*columns)
    )
    rows = session.execute(query).all()
    return Figures(
        opened=len(rows),
        accepted=sum(row.accepted_at is not None for row in rows),
        unanswered=sum(row.state is EscalationState.UNANSWERED for row in rows),
        first_page=_seconds([(row.opened_at, row.asked_at) for row in rows]),
        acceptance=_seconds([(row.opened_at, row.accepted_at) for row in rows]),
    )


def _seconds(spans: Sequence[tuple[datetime, datetime | None]]) -> tuple[float, ...]:
    return tuple(sorted((end - start).total_seconds() for start, end in spans if end is not None))


def quantile(values: Sequence[float], share: float) -> float | None:
    """Of sorted values the one that `share` of them do not exceed (nearest rank); None for none at all."""
    return values[max(math.ceil(share * len(values)), 1) - 1] if values else None
