"""What should have happened and has not: found by an audit beside the rounds, and set right by the ordinary path."""

from __future__ import annotations

import enum
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select
from sqlalchemy.orm import Session

from ..messaging.rules import TextState
from ..messaging.tables import OutgoingText
from ..orders.rules import OPEN, Status
from ..orders.tables import Order, Timetable
from ..promise.tables import Watch
from .rules import LIVE, EscalationState
from .tables import Escalation

# The rounds come every second: what is a minute late was forgotten, not slow.
LATE = timedelta(seconds=60)


class Neglect(enum.StrEnum):
    """What may be forgotten; all but waiting texts is mended by a look at the order."""

    UNWATCHED = "unwatched"
    OVERDUE = "overdue"
    UNCALLED = "uncalled"
    STALLED = "stalled"
    UNHEARD = "unheard"
    WAITING = "waiting"


SAID = {
    Neglect.UNWATCHED: "open orders without a next look",
    Neglect.OVERDUE: "orders whose look is overdue",
    Neglect.UNCALLED: "orders at risk without a call for help",
    Neglect.STALLED: "calls for help whose next step is overdue",
    Neglect.UNHEARD: "takers past their check-in who were not reminded",
    Neglect.WAITING: "texts past due that have not left",
}


def neglected(session: Session, now: datetime) -> dict[Neglect, list[int]]:
    """Order ids (of waiting texts their own ids) by what was neglected; empty when all is as it should be."""
    found = {what: list(session.scalars(query)) for what, query in _queries(now).items()}
    return {what: ids for what, ids in found.items() if ids}


def _queries(now: datetime) -> dict[Neglect, Select[int]]:
    long_ago = now - LATE
    is_open = and_(Order.status.in_(OPEN), Order.promised_by > now)
    scheduled = select(Order.id).outerjoin(Timetable, Timetable.order_id == Order.id).where(is_open)
    live = exists().where(Escalation.order_id == Order.id, Escalation.state.in_(LIVE))
    in_danger: ColumnElement[bool] = or_(Watch.act_by < long_ago, Watch.act_by.is_(None))
    calls = select(Escalation.order_id).join(Order, Order.id == Escalation.order_id).where(is_open)
    accepted = calls.where(Escalation.state == EscalationState.ACCEPTED, Order.status != Status.OUT_FOR_DELIVERY)
    return {
        Neglect.UNWATCHED: scheduled.where(Timetable.next_check_at.is_(None)),
        Neglect.OVERDUE: select(Timetable.order_id).where(Timetable.next_check_at < long_ago),
        Neglect.UNCALLED: select(Order.id)
        .join(Watch, Watch.order_id == Order.id)
        .where(is_open, Order.status != Status.OUT_FOR_DELIVERY, in_danger, Watch.assessed_at < long_ago, ~live),
        Neglect.STALLED: calls.where(Escalation.state == EscalationState.OPEN, Escalation.next_step_at < long_ago),
        Neglect.UNHEARD: accepted.where(Escalation.check_in_at < long_ago, Escalation.reminded_at.is_(None)),
        Neglect.WAITING: select(OutgoingText.id).where(
            OutgoingText.state == TextState.QUEUED, OutgoingText.due_at < long_ago, OutgoingText.after_id.is_(None)
        ),
    }
