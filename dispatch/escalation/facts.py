"""What the ladder decides from, out of an order, its call for help and what the clock says."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from ..orders.rules import IN_HAND, Status
from ..orders.tables import Order
from ..promise.known import THE_DOOR, Facts
from ..promise.rules import Assessment
from .rules import LIVE, SAID_NO, EscalationState, LadderFacts, Need, PageFacts, need_of
from .tables import Escalation


def ladder_facts(
    order: Order,
    escalation: Escalation | None,
    assessment: Assessment,
    known: Facts,
    now: datetime,
    *,
    need: Need | None = None,
) -> LadderFacts:
    """What the ladder decides from, for an order and the escalation that counts for it. `need`: of a new one."""
    policy = order.branch.policy
    current = escalation if escalation is not None and _counts(order, escalation, now) else None
    need = current.need if current else need or need_of(assessment, known.people, now)
    return LadderFacts(
        status=Status(order.status),
        level=assessment.level,
        need=need,
        promised_by=order.promised_by,
        late_at=assessment.late_at,
        act_by=assessment.act_by,
        watch=timedelta(minutes=policy.watch_minutes),
        people=known.people,
        step_min=timedelta(seconds=policy.step_min_seconds),
        step_max=timedelta(seconds=policy.step_max_seconds),
        state=current.state if current else None,
        rung=current.rung if current else 0,
        next_step_at=current.next_step_at if current else None,
        check_in_at=current.check_in_at if current else None,
        reminded_at=current.reminded_at if current else None,
        grace=timedelta(seconds=policy.check_in_grace_seconds),
        is_beside=bool(current and current.beside_at),
        taker_id=current.accepted_by_id if current else None,
        is_need_met=bool(current and _is_need_met(order, current)),
        pages=tuple(_page_facts(current, known)) if current else (),
        near=_near(known),
        is_to_be_collected=known.is_to_be_collected,
        away=_away(known, assessment),
    )


def _counts(order: Order, escalation: Escalation, now: datetime) -> bool:
    """A new promise after an unanswered call is worth a call for help of its own."""
    is_unanswered = escalation.state is EscalationState.UNANSWERED
    return escalation.state in LIVE or (is_unanswered and now > order.promised_by)


def _near(known: Facts) -> frozenset[int]:
    """Who goes to the same door, or to a shop that may have it, anyway."""
    stops = {THE_DOOR, *(shop.stop for line in known.lines if line.sourcing not in IN_HAND for shop in line.suppliers)}
    return frozenset(busy.staff_id for busy in known.busy if busy.stop in stops and not busy.is_under_way)


def _away(known: Facts, assessment: Assessment) -> frozenset[int]:
    """Who is out on another order, and back only when it is too late for this one."""
    last = assessment.late_at or known.promised_by
    return frozenset(busy.staff_id for busy in known.busy if busy.is_under_way and busy.end > last)


def _is_need_met(order: Order, escalation: Escalation) -> bool:
    if escalation.need is Need.PROCURE:
        return all(line.sourcing in IN_HAND for line in order.lines)
    if order.status is Status.READY and order.is_to_be_collected:
        return True
    return order.status is Status.OUT_FOR_DELIVERY and order.carrier_id != escalation.accepted_by_id


def _page_facts(escalation: Escalation, known: Facts) -> Iterable[PageFacts]:
    """The pages of this round, and of earlier ones those of people who said no: they are not asked again."""
    here = {person.id for person in known.people}
    for page in escalation.pages:
        if page.round == escalation.round or page.answer in SAID_NO:
            yield PageFacts(
                staff_id=page.staff_id,
                rung=page.rung,
                answer=page.answer,
                repeats=page.repeats,
                is_gone=page.staff_id not in here,
            )
