"""Somebody takes it: the first yes wins, others hear who has it, and each word from the taker is a sign of life."""

from __future__ import annotations

from dataclasses import replace

from ..orders.rules import CLOSED, Sourcing
from ..orders.service import record
from . import wording
from .asking import is_takers
from .case import AnswerResult, Case, Outcome
from .closing import heard_from_taker, release_others, relieve
from .job import job_of, what_of
from .mine import choices, is_superseded, open_pages, other_taker
from .rules import TAKEABLE, Answer, EscalationState, Need
from .tables import Page


def accept(case: Case) -> AnswerResult:
    """The first yes, one that takes it over from somebody who went quiet, or one that comes too late."""
    order, escalation, page = case.order, case.escalation, case.page
    if case.is_theirs and case.staff.id in (escalation.accepted_by_id, order.carrier_id):
        heard(case)
        return case.result(Outcome.ALREADY, wording.still_yours(order.ref, code=page.code, need=escalation.need))
    if order.status in CLOSED or escalation.state not in (*TAKEABLE, EscalationState.ACCEPTED):
        return over(case)
    if escalation.state is EscalationState.ACCEPTED and escalation.beside_at is None:
        return lost(case)
    if is_superseded(case.session, escalation):
        # An older call, and this person was not asked again: the newer one decides.
        return case.result(Outcome.OVER, wording.over(order.ref, how="asked of others"))
    page.answer, page.answered_at, page.closed_at = Answer.ACCEPTED, case.now, None
    quiet = next((each for each in escalation.pages if is_takers(escalation, each)), None)
    escalation.state = EscalationState.ACCEPTED
    escalation.accepted_by_id, escalation.accepted_at = case.staff.id, case.now
    escalation.next_step_at, escalation.closed_at, escalation.beside_at = None, None, None
    _have_order(case)
    case.say("accepted", f"{case.staff.name} has taken it{f' over from {quiet.staff.name}' if quiet else ''}.")
    if quiet:
        _take_over(case, quiet)
    if escalation.need is not Need.DELIVER:
        turn_lines(case, {Sourcing.TO_PROCURE, Sourcing.UNAVAILABLE}, Sourcing.SEARCHING)
    body = wording.stand_down(order.ref, what_of(order), who=case.staff.name)
    told = release_others(case.session, order, escalation, body, case.now, has_it=[case.staff.id])
    if told:
        names = ", ".join(page.staff.name for page in told)
        record(case.session, order, "stood_down", f"Told {names}.", at=case.now, actor="clock")
    job = job_of(case.session, order, escalation.need, case.now)
    return case.result(Outcome.DONE, wording.yours(job, code=page.code))


def _have_order(case: Case) -> None:
    """Of one who buys and one who carries the order is with whoever carries it."""
    if case.escalation.need is not Need.PROCURE or other_taker(case.session, case.escalation) is None:
        case.order.taker_id, case.order.taken_at = case.staff.id, case.now


def _take_over(case: Case, quiet: Page) -> None:
    """Whoever went quiet hears who has it now. They keep the right to finish: their page stays theirs."""
    turn_lines(replace(case, staff=quiet.staff), {Sourcing.SEARCHING}, Sourcing.TO_PROCURE)
    body = wording.taken_over(case.order.ref, who=case.staff.name, code=quiet.code)
    relieve(case.session, case.order, quiet, body, case.now)


def heard(case: Case) -> None:
    """A sign of life from whoever has it: they are expected again later, and nobody else is needed."""
    if case.escalation.state is EscalationState.ACCEPTED and case.escalation.accepted_by_id == case.staff.id:
        heard_from_taker(case.session, case.order, case.escalation, case.now)


def turn_lines(case: Case, states: set[Sourcing], state: Sourcing) -> None:
    """Whoever takes it is looking for what is missing from now on; whoever hands it back is not any more."""
    for line in case.order.lines:
        if line.sourcing in states and (state is Sourcing.SEARCHING or line.buyer_id == case.staff.id):
            line.sourcing, line.sourcing_at = state, case.now
            line.buyer_id = case.staff.id if state is Sourcing.SEARCHING else None


def lost(case: Case) -> AnswerResult:
    """First acceptance wins: the second hears who has it, and what else is open."""
    if case.page.answer is None:
        case.page.answer, case.page.answered_at = Answer.LOST, case.now
    holder = case.escalation.accepted_by
    others = choices(case.session, open_pages(case.session, case.staff.id))
    return case.result(
        Outcome.TAKEN, wording.taken_by(case.order.ref, who=holder.name if holder else "Somebody", others=others)
    )


def over(case: Case) -> AnswerResult:
    """Nothing is left to answer."""
    how = case.order.status.value if case.order.status in CLOSED else "safe"
    return case.result(Outcome.OVER, wording.over(case.order.ref, how=how))
