"""The ladder at work: looks at one order, decides, and writes what was decided, all under the order's lock."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session, joinedload

from ..foundation.tokens import Links
from ..orders.rules import CLOSED, IN_HAND, Status
from ..orders.service import record
from ..orders.tables import Order, OrderEvent, Timetable
from ..orders.timetable import set_next_check
from ..procurement.call_service import drop_expired, next_expiry
from ..procurement.offers import close_offers
from ..procurement.stock import settle_shelf
from ..promise.known import THE_DOOR, Facts
from ..promise.looks import Care, Look
from ..promise.rules import Assessment, ClockName, Level
from ..promise.service import read_clock, update_sourcing
from .asking import CLOCK, ask, ask_again, remind, ring
from .closing import close
from .ladder import decide
from .other_goods import tell_taker
from .ringing import read_reach
from .rules import (
    LIVE,
    SAID_NO,
    Decision,
    EscalationState,
    LadderFacts,
    Need,
    PageFacts,
    Rung,
    need_of,
    with_voice,
)
from .tables import Escalation

IN_DANGER = (Level.AT_RISK, Level.LATE)
# The generation comes with the lock, before the facts: news that comes in between keeps its own, earlier look.
LOOK_AT = (
    select(Order, Timetable.generation)
    .join(Timetable, Timetable.order_id == Order.id)
    .where(Order.id == bindparam("order"))
    .options(joinedload(Order.branch, innerjoin=True))
    .with_for_update(of=Order, skip_locked=True)
)
LATEST = (
    select(Escalation)
    .where(Escalation.order_id == bindparam("order"))
    .order_by(Escalation.id.desc())
    .limit(1)
    .execution_options(populate_existing=True)
)


def nobody_cares(session: Session, order: Order, look: Look | None, now: datetime) -> datetime | None:
    """For who looks at the ladder alone."""


def tend(
    session: Session,
    order_id: int,
    now: datetime,
    *,
    links: Links,
    has_voice: bool = False,
    care: Care = nobody_cares,
) -> bool:
    """One look at one order; False when somebody else holds it (they re-arm it when they are done).

    Running it twice changes nothing. `has_voice`: phones can be rung. `care`: what the look means for the customer.
    """
    found = session.execute(LOOK_AT, {"order": order_id}).first()
    if found is None:
        return False
    order, seen = found
    escalation = latest_escalation(session, order.id)
    if order.status in CLOSED:
        close_offers(session, order, now)
        if escalation and escalation.state in LIVE:
            close(session, order, escalation, _end_of(order), now)
        care(session, order, None, now)
        set_next_check(session, order.id, None, seen=seen)
        return True
    # Before the shelf: what another shop keeps no longer may be had there.
    is_dropped = drop_expired(session, order, now)
    if settle_shelf(session, order, now) or is_dropped:
        update_sourcing(session, order, now)
    # After the shelf: a copy that came in is better news than an answer that did not.
    offers_at = close_offers(session, order, now)
    assessment, known = read_clock(session, order, now)
    facts = ladder_facts(order, escalation, assessment, known, now)
    if has_voice:
        facts = with_voice(facts, read_reach(session, escalation, silence=facts.silence))
    decision = decide(facts, now)
    apply(session, order, escalation, decision, now, assessment=assessment, facts=facts, links=links)
    tell_taker(session, order, escalation, now)
    if escalation is not None and escalation.state in LIVE:
        _note_cause(session, order, escalation, assessment, now)
    care_at = care(session, order, _look(escalation, assessment, decision), now)
    looks = (assessment.next_check_at, decision.next_check_at, offers_at, next_expiry(order), care_at)
    set_next_check(session, order.id, min((at for at in looks if at), default=None), seen=seen)
    return True


def _look(escalation: Escalation | None, assessment: Assessment, decision: Decision) -> Look:
    """What was found, for those who care for the customer."""
    is_live = escalation is not None and escalation.state in LIVE
    taker = escalation.accepted_by if escalation is not None and is_live else None
    return Look(
        level=assessment.level,
        projected_at=assessment.projected_at,
        cause=ClockName(escalation.cause) if escalation is not None else assessment.clock,
        is_last_rung=decision.rung >= Rung.FOUNDER and (is_live or decision.opens),
        taker=taker.name if taker else "",
    )


def _end_of(order: Order) -> EscalationState:
    return EscalationState.RESOLVED if order.status is Status.DELIVERED else EscalationState.CANCELLED


def latest_escalation(session: Session, order_id: int) -> Escalation | None:
    """The escalation that counts for an order: the newest."""
    return session.scalars(LATEST, {"order": order_id}).first()


def ladder_facts(
    order: Order, escalation: Escalation | None, assessment: Assessment, known: Facts, now: datetime
) -> LadderFacts:
    """What the ladder decides from, for an order and the escalation that counts for it."""
    policy = order.branch.policy
    # A new promise after an unanswered call is worth a call for help of its own.
    is_unanswered = escalation is not None and escalation.state is EscalationState.UNANSWERED
    counts = escalation is not None and (escalation.state in LIVE or (is_unanswered and now > order.promised_by))
    current = escalation if counts else None
    need = current.need if current else need_of(assessment, known.people, now)
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
        pages=tuple(_page_facts(current)) if current else (),
        near=_near(known),
        away=_away(known, assessment),
    )


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
    return order.status is Status.OUT_FOR_DELIVERY and order.carrier_id != escalation.accepted_by_id


def _page_facts(escalation: Escalation) -> Iterable[PageFacts]:
    """The pages of this round, and of earlier ones those of people who said no: they are not asked again."""
    for page in escalation.pages:
        if page.round == escalation.round or page.answer in SAID_NO:
            yield PageFacts(staff_id=page.staff_id, rung=page.rung, answer=page.answer, repeats=page.repeats)


def apply(
    session: Session,
    order: Order,
    escalation: Escalation | None,
    decision: Decision,
    now: datetime,
    *,
    assessment: Assessment,
    facts: LadderFacts,
    links: Links,
) -> None:
    """Write a decision down; texts go into the outbox in the same transaction."""
    if decision.opens:
        escalation = _open(session, order, facts.need, assessment, now)
    if escalation is None:
        return
    if decision.ends is EscalationState.UNANSWERED:
        escalation.state, escalation.closed_at = EscalationState.UNANSWERED, now
        escalation.next_step_at = None
        record(session, order, "unanswered", "The promise passed and nobody had taken it.", at=now, actor=CLOCK)
    elif decision.ends is not None:
        close(session, order, escalation, decision.ends, now)
    else:
        _go_on(session, order, escalation, decision, now, facts=facts, links=links)
    session.flush()


def _go_on(
    session: Session,
    order: Order,
    escalation: Escalation,
    decision: Decision,
    now: datetime,
    *,
    facts: LadderFacts,
    links: Links,
) -> None:
    """Ask, ask again, remind: a call for help that goes on."""
    if decision.reminds:
        remind(session, order, escalation, now)
    if decision.goes_on and escalation.accepted_by:
        escalation.round, escalation.rung, escalation.beside_at = escalation.round + 1, 0, now
        text = f"Nothing heard from {escalation.accepted_by.name}: others are asked as well."
        record(session, order, "taker_quiet", text, at=now, actor=CLOCK)
    if escalation.state is not EscalationState.OPEN and escalation.beside_at is None:
        return
    if decision.rung != escalation.rung:
        escalation.rung, escalation.rung_asked_at = decision.rung, now
    escalation.next_step_at = decision.next_step_at
    people = {person.id: person for person in facts.people}
    # Those who are silent first, as they stand; whoever is asked now for the first time is not asked twice.
    ask_again(session, order, escalation, decision.repeat, now, links=links, by_phone=decision.ring)
    ring(session, order, escalation, set(decision.ring) - set(decision.repeat), now)
    ask(session, order, escalation, [(people[number], rung) for number, rung in decision.ask], now, links=links)


def _note_cause(session: Session, order: Order, escalation: Escalation, assessment: Assessment, now: datetime) -> None:
    """Another clock binds now: a new fact on the same call for help, told once, and nobody is asked again for it."""
    if assessment.level not in IN_DANGER or assessment.clock.value == escalation.cause:
        return
    escalation.cause, escalation.why = assessment.clock.value, assessment.message
    query = select(OrderEvent.data).where(OrderEvent.order_id == order.id, OrderEvent.kind == "cause_changed")
    told = {data.get("clock") for data in session.scalars(query.where(OrderEvent.at >= escalation.opened_at))}
    if assessment.clock.value not in told:
        text = f"Still at risk, now for another reason. {assessment.message}"
        data = {"clock": assessment.clock.value}
        record(session, order, "cause_changed", text, at=now, actor=CLOCK, data=data)


def _open(session: Session, order: Order, need: Need, assessment: Assessment, now: datetime) -> Escalation:
    escalation = Escalation(
        order_id=order.id,
        need=need,
        why=assessment.message,
        cause=assessment.clock.value,
        opened_at=now,
        state=EscalationState.OPEN,
        rung=0,
        round=1,
        pages=[],
    )
    session.add(escalation)
    record(session, order, "at_risk", f"The promise is at risk. {assessment.message}", at=now, actor=CLOCK)
    return escalation
