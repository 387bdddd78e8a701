"""The ladder at work: looks at one order, decides, and writes what was decided, all under the order's lock."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ..foundation.tokens import Links
from ..foundation.types import country_prefix
from ..messaging.rules import OPTED_OUT_CODE, Kind, takes_replies
from ..messaging.service import Draft, Settled, enqueue
from ..orders.rules import CLOSED, IN_HAND, Status
from ..orders.service import record
from ..orders.tables import Order, OrderEvent
from ..orders.timetable import generation, rearm, rearm_branch, set_next_check
from ..procurement.call_service import drop_expired, next_expiry
from ..procurement.offers import close_offers
from ..procurement.stock import settle_shelf
from ..promise.known import Facts
from ..promise.rules import Assessment, Level
from ..promise.service import read_clock, update_sourcing
from ..staff.rules import Person, Role
from ..staff.tables import Staff
from . import wording
from .closing import close
from .job import job_of
from .other_goods import tell_taker
from .rules import LIVE, Answer, Decision, EscalationState, LadderFacts, Need, PageFacts, Rung, decide, need_of
from .tables import Escalation, Page
from .wording import Job

# However late it is, a page that could not leave for this long is news about a world that has moved on.
LEAST_USE = timedelta(minutes=10)
IN_DANGER = (Level.AT_RISK, Level.LATE)
SETTLED_NO = (Answer.DECLINED, Answer.HANDED_BACK, Answer.UNREACHABLE)
CLOCK = "clock"


def tend(session: Session, order_id: int, now: datetime, *, links: Links) -> bool:
    """One look at one order; False when somebody else holds it (they re-arm it when they are done).

    Running it twice changes nothing.
    """
    query = select(Order).where(Order.id == order_id).with_for_update(of=Order, skip_locked=True)
    order = session.scalars(query).first()
    if order is None:
        return False
    # Read before the facts: news that comes in between keeps its own, earlier look.
    seen = generation(session, order.id)
    escalation = latest_escalation(session, order.id)
    if order.status in CLOSED:
        close_offers(session, order, now)
        if escalation and escalation.state in LIVE:
            close(session, order, escalation, _end_of(order), now)
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
    decision = decide(facts, now)
    apply(session, order, escalation, decision, now, assessment=assessment, facts=facts, links=links)
    tell_taker(session, order, escalation, now)
    if escalation is not None and escalation.state in LIVE:
        _note_cause(session, order, escalation, assessment, now)
    looks = [at for at in (assessment.next_check_at, decision.next_check_at, offers_at, next_expiry(order)) if at]
    set_next_check(session, order.id, min(looks, default=None), seen=seen)
    return True


def _end_of(order: Order) -> EscalationState:
    return EscalationState.RESOLVED if order.status is Status.DELIVERED else EscalationState.CANCELLED


def latest_escalation(session: Session, order_id: int) -> Escalation | None:
    """The escalation that counts for an order: the newest."""
    query = select(Escalation).where(Escalation.order_id == order_id).order_by(Escalation.id.desc())
    return session.scalars(query.limit(1).execution_options(populate_existing=True)).first()


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
        is_reminded=bool(current and current.reminded_at),
        is_need_met=bool(current and _is_need_met(order, current)),
        pages=tuple(_page_facts(current)) if current else (),
    )


def _is_need_met(order: Order, escalation: Escalation) -> bool:
    if escalation.need is Need.PROCURE:
        return all(line.sourcing in IN_HAND for line in order.lines)
    return order.status is Status.OUT_FOR_DELIVERY and order.carrier_id != escalation.accepted_by_id


def _page_facts(escalation: Escalation) -> Iterable[PageFacts]:
    """The pages of this round, and of earlier ones those of people who said no: they are not asked again."""
    for page in escalation.pages:
        if page.round == escalation.round or page.answer in SETTLED_NO:
            yield PageFacts(staff_id=page.staff_id, rung=page.rung, answer=page.answer)


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
    elif escalation.state is EscalationState.OPEN:
        if decision.rung != escalation.rung:
            escalation.rung, escalation.rung_asked_at = decision.rung, now
        escalation.next_step_at = decision.next_step_at
        people = {person.id: person for person in facts.people}
        asked = [(people[staff_id], rung) for staff_id, rung in decision.ask]
        _ask(session, order, escalation, asked, now, links=links)
    if decision.reminds:
        _remind(session, order, escalation, now)
    session.flush()


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
    session.flush()
    return escalation


def _ask(
    session: Session,
    order: Order,
    escalation: Escalation,
    asked: list[tuple[Person, Rung]],
    now: datetime,
    *,
    links: Links,
) -> None:
    if not asked:
        return
    job = job_of(session, order, escalation.need, now)
    # In the order of ids: two orders that ask the same people must not lock them crosswise.
    codes = {staff_id: _next_code(session, staff_id) for staff_id in sorted(person.id for person, _ in asked)}
    for person, rung in asked:
        page = Page(
            escalation=escalation,
            staff_id=person.id,
            rung=int(rung),
            round=escalation.round,
            code=codes[person.id],
            asked_at=now,
        )
        session.add(page)
        session.flush()
        enqueue(session, _page_text(order, page, person, job, links=links), now)
    names = ", ".join(person.name for person, _ in asked)
    record(session, order, "asked", f"Asked {names}.", at=now, actor=CLOCK, data={"rung": escalation.rung})


def _page_text(order: Order, page: Page, person: Person, job: Job, *, links: Links) -> Draft:
    replies = takes_replies(country_prefix(person.phone))
    return Draft(
        key=f"page:{page.id}",
        kind=Kind.PAGE,
        to_phone=person.phone,
        body=wording.page(job, code=page.code, link=links.answer(page.id), takes_replies=replies),
        useful_until=max(order.promised_by, page.asked_at + LEAST_USE),
        order_id=order.id,
        staff_id=person.id,
        page_id=page.id,
    )


def _next_code(session: Session, staff_id: int) -> int:
    """The next number for this person. One statement: two orders may ask the same person at the same moment."""
    statement = update(Staff).where(Staff.id == staff_id).values(next_code=Staff.next_code + 1)
    return session.scalars(statement.returning(Staff.next_code)).one() - 1


def _remind(session: Session, order: Order, escalation: Escalation, now: datetime) -> None:
    page = next((page for page in escalation.pages if page.answer is Answer.ACCEPTED), None)
    escalation.reminded_at = now
    if page is None:
        return
    job = job_of(session, order, escalation.need, now)
    draft = Draft(
        key=f"reminder:{page.id}",
        kind=Kind.REMINDER,
        to_phone=page.staff.phone,
        body=wording.reminder(order.ref, code=page.code, promised=job.promised),
        order_id=order.id,
        staff_id=page.staff_id,
        page_id=page.id,
    )
    enqueue(session, draft, now)
    record(session, order, "reminded", f"Reminded {page.staff.name}.", at=now, actor=CLOCK)


def heard_from_provider(session: Session, settled: Settled, now: datetime) -> None:
    """A text did not reach its person: if it was a page the ladder moves on now, not after the timer."""
    if settled.error_code == OPTED_OUT_CODE and settled.staff_id is not None:
        # They can't be counted on any more, whatever the text was about.
        person = session.get_one(Staff, settled.staff_id)
        rearm_branch(session, None if person.role is Role.FOUNDER else person.branch_id, now)
    if settled.page_id is None or settled.kind is not Kind.PAGE or not settled.is_unreachable:
        return
    # One conditional statement, no lock on the order: an acceptance that comes by link all the same wins.
    statement = update(Page).where(Page.id == settled.page_id, Page.answer.is_(None))
    lost = session.execute(statement.values(answer=Answer.UNREACHABLE, answered_at=now).returning(Page.escalation_id))
    if lost.first() is not None and settled.order_id is not None:
        rearm(session, [settled.order_id], now)
