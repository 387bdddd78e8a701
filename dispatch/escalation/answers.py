"""What an answer does: accept, decline, picked up, delivered, hand back; by text, by link or taken by phone.

Each is idempotent: the same answer twice has one effect and gets a kind word. The order's lock decides races.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..foundation.errors import Invalid, NotFound
from ..messaging.service import hold_open_texts
from ..orders.rules import CLOSED, Move, Proof, Sourcing, Status
from ..orders.service import lock_order, record
from ..orders.tables import Line
from ..promise.moves import Request, make_move
from ..promise.rules import IN_DANGER
from ..promise.service import read_clock, refresh, update_sourcing
from ..staff.rules import MAY_DO, Skill
from . import wording
from .case import AnswerResult, Case, Outcome
from .closing import close, expect_word, leave_order
from .facts import ladder_facts
from .job import job_of
from .ladder import decide
from .mine import newest_page
from .overload import clashing
from .rules import LIVE, TAKEABLE, Answer, EscalationState, Need, Verb
from .shopping import missing_of
from .tables import Escalation, Page
from .taking import accept, heard, lost, over, turn_lines

PIN = re.compile(r"\b(\d{4})\b")


def answer_page(
    session: Session,
    page_id: int,
    verb: Verb | str,
    now: datetime,
    *,
    note: str | None = None,
    actor: str | None = None,
) -> AnswerResult:
    """Apply one answer to one page. Raises NotFound (no such page) or Invalid (no such answer)."""
    try:
        verb = Verb(verb)
    except ValueError as error:
        raise Invalid("answer", f"use one of {', '.join(v.value for v in Verb)}") from error
    order_id = session.scalars(
        select(Escalation.order_id).join(Page, Page.escalation_id == Escalation.id).where(Page.id == page_id)
    ).first()
    if order_id is None:
        raise NotFound("There is no such page.")
    order = lock_order(session, order_id=order_id)
    hold_open_texts(session, order.id)
    page = newest_page(session, order, session.get_one(Page, page_id, populate_existing=True))
    escalation = session.get_one(Escalation, page.escalation_id, populate_existing=True)
    case = Case(
        session=session,
        order=order,
        escalation=escalation,
        page=page,
        staff=page.staff,
        now=now,
        note=(note or "").strip()[:300] or None,
        actor=actor or page.staff.name,
    )
    result = HANDLERS[verb](case)
    page.note = case.note or page.note
    refresh(session, order, now)
    return _taken(case, result) if verb is Verb.ACCEPT and result.outcome is Outcome.DONE else result


def _taken(case: Case, result: AnswerResult) -> AnswerResult:
    """A word is expected; whoever has taken more than one can do hears it while handing one back still helps."""
    # Only now does the clock know when they should be back.
    expect_word(case.session, case.order, case.escalation, case.now)
    others = clashing(case.session, case.page, case.now)
    if not others:
        return result
    warning = wording.too_much(others)
    record(
        case.session,
        case.order,
        "too_much",
        f"{case.staff.name} has {', '.join(others)} as well: not all in time.",
        at=case.now,
        actor="clock",
    )
    job = job_of(case.session, case.order, case.escalation.need, case.now)
    return replace(result, text=wording.yours(job, code=case.page.code, warning=warning), warning=warning)


def _decline(case: Case) -> AnswerResult:
    if case.is_theirs and case.escalation.state is EscalationState.ACCEPTED:
        return _hand_back(case)
    if case.order.status in CLOSED or case.escalation.state not in TAKEABLE:
        return over(case) if case.escalation.state is not EscalationState.ACCEPTED else lost(case)
    is_news = case.page.answer is not Answer.DECLINED
    if is_news:
        case.page.answer, case.page.answered_at = Answer.DECLINED, case.now
        case.say("declined", f"{case.staff.name} can't.")
    text = wording.nobody_left(case.order.ref) if _was_last(case) else wording.passed(case.order.ref)
    return case.result(Outcome.DONE if is_news else Outcome.ALREADY, text)


def _was_last(case: Case) -> bool:
    """Whether nobody else may still say yes, and the ladder, as it will decide now, has nobody left to ask in time."""
    order, escalation = case.order, case.escalation
    if any(page.answer is None and page.round == escalation.round for page in escalation.pages):
        return False
    assessment, known = read_clock(case.session, order, case.now)
    if assessment.level not in IN_DANGER:
        return False
    decision = decide(ladder_facts(order, escalation, assessment, known, case.now), case.now)
    comes = decision.next_check_at is not None and case.now < decision.next_check_at <= order.promised_by
    return not decision.ask and not comes and decision.ends is not EscalationState.RESOLVED


def _hand_back(case: Case) -> AnswerResult:
    order, escalation, page = case.order, case.escalation, case.page
    if page.answer is Answer.HANDED_BACK:
        return case.result(Outcome.ALREADY, wording.handed_back(order.ref))
    if not case.is_theirs or escalation.state is not EscalationState.ACCEPTED:
        return _not_theirs(case)
    if order.status is Status.OUT_FOR_DELIVERY and order.carrier_id == case.staff.id:
        request = Request(Move.FAIL, reason=f"{case.staff.name} handed it back")
        make_move(case.session, order, request, case.now, actor=case.actor)
    page.answer, page.answered_at, page.closed_at = Answer.HANDED_BACK, case.now, case.now
    if escalation.accepted_by_id != case.staff.id:
        # Somebody has taken it over from them before.
        case.say("handed_back", f"{case.staff.name} has handed it back.")
        return case.result(Outcome.DONE, wording.passed(order.ref))
    escalation.state, escalation.accepted_by_id, escalation.accepted_at = EscalationState.OPEN, None, None
    escalation.check_in_at, escalation.reminded_at = None, None
    if escalation.beside_at is None:
        # A new round from the first rung: whoever was stood down may be asked again, whoever said no is not.
        escalation.round, escalation.rung = escalation.round + 1, 0
    escalation.beside_at = None
    leave_order(case.session, order, escalation)
    turn_lines(case, {Sourcing.SEARCHING}, Sourcing.TO_PROCURE)
    case.say("handed_back", f"{case.staff.name} has handed it back.")
    text = wording.nobody_left(order.ref) if _was_last(case) else wording.handed_back(order.ref)
    return case.result(Outcome.DONE, text)


def _not_theirs(case: Case) -> AnswerResult:
    if case.order.status in CLOSED or case.escalation.state not in (*TAKEABLE, EscalationState.ACCEPTED):
        return over(case)
    if case.escalation.state is EscalationState.ACCEPTED:
        return lost(case)
    return case.result(Outcome.REFUSED, wording.not_yours(case.order.ref, code=case.page.code))


def _take_first(case: Case) -> AnswerResult | None:
    """News about an order they have not taken yet: saying that they have it is saying yes."""
    if case.is_theirs:
        return None
    taken = accept(case)
    return None if taken.outcome is Outcome.DONE else taken


def _picked_up(case: Case) -> AnswerResult:
    """I have it: bought, when that was the need and goods are missing; else packed and handed over in one go."""
    refused = _take_first(case)
    if refused:
        return refused
    order = case.order
    only_buys = case.has_bought or not _may_deliver(case)
    if order.status is Status.OUT_FOR_DELIVERY and not only_buys:
        return case.result(Outcome.ALREADY, _way(case))
    missing = missing_of(order)
    if missing and case.escalation.need is Need.DELIVER:
        return case.result(Outcome.REFUSED, wording.missing(order.ref, [line.title for line in missing]))
    if missing:
        return _bought(case, missing)
    if only_buys:
        return case.result(Outcome.ALREADY, wording.bought(order.ref, code=case.page.code, goes_on=False))
    return _leaves(case)


def _leaves(case: Case) -> AnswerResult:
    """Packed, and gone with whoever says so; what the customer collects is only packed."""
    order = case.order
    if order.status is Status.PACKING:
        make_move(case.session, order, Request(Move.PACK), case.now, actor=case.actor)
    if order.is_to_be_collected:
        if case.escalation.state in LIVE:
            close(case.session, order, case.escalation, EscalationState.RESOLVED, case.now)
        return case.result(Outcome.DONE, wording.packed(order.ref))
    make_move(case.session, order, Request(Move.HAND_OVER, staff_id=case.staff.id), case.now, actor=case.actor)
    heard(case)
    return case.result(Outcome.DONE, _way(case))


def _may_deliver(case: Case) -> bool:
    return case.staff.role in MAY_DO[Skill.DELIVER]


def _bought(case: Case, missing: list[Line]) -> AnswerResult:
    order, need = case.order, case.escalation.need
    for line in missing:
        line.sourcing, line.sourcing_at, line.buyer_id, line.ready_at = Sourcing.BOUGHT, case.now, case.staff.id, None
        case.say("line_bought", f"{line.title} is bought.")
    update_sourcing(case.session, order, case.now)
    goes_on = need is not Need.PROCURE and not order.is_to_be_collected
    if not goes_on:
        close(case.session, order, case.escalation, EscalationState.RESOLVED, case.now)
    heard(case)
    return case.result(Outcome.DONE, wording.bought(order.ref, code=case.page.code, goes_on=goes_on))


def _way(case: Case) -> str:
    order, needs_pin = case.order, case.order.proof is Proof.PIN
    return wording.on_the_way(order.ref, code=case.page.code, where=order.address, needs_pin=needs_pin)


def _delivered(case: Case) -> AnswerResult:
    order = case.order
    if order.status is Status.DELIVERED and case.page.answer is Answer.ACCEPTED:
        return case.result(Outcome.ALREADY, wording.delivered(order.ref))
    refused = _take_first(case)
    if refused:
        return refused
    if case.escalation.need is Need.PROCURE and not _may_deliver(case):
        return _brought(case)
    found = PIN.search(case.note or "")
    pin = found.group(1) if found else None
    if order.proof is Proof.PIN and pin != order.pin:
        return case.result(Outcome.REFUSED, wording.wrong_pin(case.page.code))
    request = Request(Move.DELIVER, staff_id=case.staff.id, note=case.note, pin=pin)
    make_move(case.session, order, request, case.now, actor=case.actor)
    if case.escalation.state in LIVE:
        close(case.session, order, case.escalation, EscalationState.RESOLVED, case.now)
    return case.result(Outcome.DONE, wording.delivered(order.ref))


def _brought(case: Case) -> AnswerResult:
    """Whoever may only buy has delivered it where they were asked to: to the shop. The customer has not got it."""
    missing = missing_of(case.order)
    if missing:
        _bought(case, missing)
    outcome = Outcome.DONE if missing else Outcome.ALREADY
    return case.result(outcome, wording.brought(case.order.ref))


HANDLERS: dict[Verb, Callable[[Case], AnswerResult]] = {
    Verb.ACCEPT: accept,
    Verb.DECLINE: _decline,
    Verb.PICKED_UP: _picked_up,
    Verb.DELIVERED: _delivered,
    Verb.HAND_BACK: _hand_back,
}
