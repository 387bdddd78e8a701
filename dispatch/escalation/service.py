"""The ladder at work: looks at one order, decides, and writes what was decided, all under the order's lock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, case, select
from sqlalchemy.orm import Session, joinedload

from ..foundation.tokens import Links
from ..orders.rules import CLOSED, Status
from ..orders.service import record
from ..orders.tables import Order, OrderEvent, Timetable
from ..orders.timetable import set_next_check
from ..procurement.call_service import drop_expired, next_expiry
from ..procurement.offers import close_offers
from ..procurement.stock import settle_shelf
from ..promise.known import Facts
from ..promise.looks import Care, Look
from ..promise.rules import IN_DANGER, Assessment, ClockName
from ..promise.service import read_clock, update_sourcing
from .asking import CLOCK, ask, ask_again, remind, ring
from .closing import close
from .facts import ladder_facts
from .ladder import decide
from .other_goods import tell_of_change, tell_taker
from .ringing import read_reach
from .rules import (
    LIVE,
    Decision,
    EscalationState,
    LadderFacts,
    Need,
    Rung,
    with_voice,
)
from .tables import Escalation

# The generation comes with the lock, before the facts: news that comes in between keeps its own, earlier look.
LOOK_AT = (
    select(Order, Timetable.generation)
    .join(Timetable, Timetable.order_id == Order.id)
    .where(Order.id == bindparam("order"))
    .options(joinedload(Order.branch, innerjoin=True))
    .with_for_update(of=Order, skip_locked=True)
)
# Live ones first: a later one for another part may be over.
LATEST = (
    select(Escalation)
    .where(Escalation.order_id == bindparam("order"))
    .order_by(case((Escalation.state.in_(LIVE), 0), else_=1), Escalation.id.desc())
    .limit(2)
    .execution_options(populate_existing=True)
)


def nobody_cares(session: Session, order: Order, look: Look | None, now: datetime) -> datetime | None:
    """For who looks at the ladder alone."""


def tend(
    session: Session, order_id: int, now: datetime, *, links: Links, has_voice: bool = False, care: Care = nobody_cares
) -> bool:
    """One look at one order; False when somebody else holds it (they re-arm it when they are done).

    Running it twice changes nothing. `has_voice`: phones can be rung. `care`: what the look means for the customer.
    """
    found = session.execute(LOOK_AT, {"order": order_id}).first()
    if found is None:
        return False
    order, seen = found
    escalation, buying = calls_of(session, order.id)
    if order.status in CLOSED:
        _end_all(session, order, (escalation, buying), now)
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
    if buying is None and needs_carrier(order, escalation, assessment, now):
        escalation, buying = None, escalation

    look = _Look(order=order, assessment=assessment, known=known, links=links, has_voice=has_voice)
    bought_at = _act(session, look, buying, now).next_check_at if buying is not None else None
    decision = _act(session, look, escalation, now, need=Need.DELIVER if buying is not None else None)
    for call in (escalation, buying):
        tell_taker(session, order, call, now)
    tell_of_change(session, order, (escalation, buying), now)
    if escalation is not None and escalation.state in LIVE:
        _note_cause(session, order, escalation, assessment, now)
    care_at = care(session, order, _look(escalation, assessment, decision), now)
    looks = (assessment.next_check_at, decision.next_check_at, offers_at, next_expiry(order), care_at, bought_at)
    set_next_check(session, order.id, min((at for at in looks if at), default=None), seen=seen)
    return True


def _look(escalation: Escalation | None, assessment: Assessment, decision: Decision) -> Look:
    """What was found, for those who care for the customer."""
    is_live = escalation is not None and escalation.state in LIVE
    taker = escalation.accepted_by if escalation is not None and is_live else None
    return Look(
        level=assessment.level,
        projected_at=assessment.projected_at,
        clock=assessment.clock,
        cause=ClockName(escalation.cause) if escalation is not None else assessment.clock,
        is_last_rung=decision.rung >= Rung.FOUNDER and (is_live or decision.opens),
        taker=taker.name if taker else "",
        has_called=escalation is not None,
    )


@dataclass(frozen=True, kw_only=True)
class _Look:
    """One look at an open order, for whatever calls for help it has."""

    order: Order
    assessment: Assessment
    known: Facts
    links: Links
    has_voice: bool


def _act(
    session: Session, look: _Look, call: Escalation | None, now: datetime, *, need: Need | None = None
) -> Decision:
    """Decide about one call, or a new one, and do it."""
    facts = ladder_facts(look.order, call, look.assessment, look.known, now, need=need)
    if look.has_voice:
        facts = with_voice(facts, read_reach(session, call, silence=facts.silence))
    decision = decide(facts, now)
    apply(session, look.order, call, decision, now, assessment=look.assessment, facts=facts, links=look.links)
    return decision


def _end_all(session: Session, order: Order, calls: Iterable[Escalation | None], now: datetime) -> None:
    close_offers(session, order, now)
    for call in calls:
        if call is not None and call.state in LIVE:
            close(session, order, call, _end_of(order), now)


def _end_of(order: Order) -> EscalationState:
    return EscalationState.RESOLVED if order.status is Status.DELIVERED else EscalationState.CANCELLED


def latest_escalation(session: Session, order_id: int) -> Escalation | None:
    """The escalation that counts for an order: the newest that is live, else the newest."""
    return calls_of(session, order_id)[0]


def calls_of(session: Session, order_id: int) -> tuple[Escalation | None, Escalation | None]:
    """The escalation that counts for an order, and the one beside it by which somebody buys what it will carry."""
    first, second, *_ = (*session.scalars(LATEST, {"order": order_id}), None, None)
    return first, second if second is not None and second.state in LIVE else None


def needs_carrier(order: Order, escalation: Escalation | None, assessment: Assessment, now: datetime) -> bool:
    """Somebody is buying it, and meanwhile nobody is left to bring it: to be asked for now, not once it is bought."""
    if escalation is None or escalation.state is not EscalationState.ACCEPTED or escalation.need is not Need.PROCURE:
        return False
    is_stuck = assessment.needs_buying and not assessment.can_be_carried
    return is_stuck and assessment.level in IN_DANGER and now <= order.promised_by


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
