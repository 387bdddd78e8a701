"""The end of a call for help: pages that have not left are withdrawn, and everybody else asked is stood down."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from ..messaging.rules import Kind, TextState
from ..messaging.service import Draft, enqueue, enqueue_all, hold_open_texts, withdraw
from ..messaging.tables import OutgoingText
from ..orders.rules import CLOSED, IN_HAND, Sourcing, Status
from ..orders.service import record
from ..orders.tables import Order
from ..promise.rules import Task
from ..promise.tables import Assignment
from ..staff.tables import Staff
from . import wording
from .job import what_of
from .mine import other_taker
from .rules import Answer, EscalationState, Need, check_in_at
from .tables import Escalation, Page


def release_others(
    session: Session,
    order: Order,
    escalation: Escalation,
    body: str,
    now: datetime,
    *,
    has_it: Collection[int | None] = (),
) -> list[Page]:
    """Close every unanswered page; those whose text has left, or may have, are told so. Answers who is told.

    `has_it`: whoever has it, or a part of it; their own pages are closed without a word. The race with a
    worker that has just claimed a page: the stand-down waits in the outbox until that page is settled, and is dropped
    when it never left.
    """
    waiting = [page for page in escalation.pages if page.answer is None]
    for page in waiting:
        page.answer, page.answered_at, page.closed_at = Answer.LOST, now, now
    session.flush()
    waiting = [page for page in waiting if page.staff_id not in has_it]
    ids = [page.id for page in waiting]
    # Answered pages too: whoever took it by link need not be asked by a text that was slow to leave.
    everything = [page.id for page in escalation.pages]
    withdraw(
        session, now=now, page_ids=everything, kinds=(Kind.PAGE, Kind.REMINDER), why="somebody has it, or it is over"
    )
    sent = _last_sent(session, ids)
    _look_up_staff(session, waiting)
    enqueue_all(session, [_stand_down(order, page, body, after_id=sent.get(page.id)) for page in waiting], now)
    return waiting


def _look_up_staff(session: Session, pages: Sequence[Page]) -> None:
    """Who was asked, in one question: page by page it would be twenty."""
    asked = select(Staff).where(Staff.id.in_([page.staff_id for page in pages]))
    people = {person.id: person for person in session.scalars(asked)}
    for page in pages:
        set_committed_value(page, "staff", people[page.staff_id])


def _last_sent(session: Session, page_ids: Sequence[int]) -> dict[int | None, int]:
    """By page the text, or the call, that a stand-down comes after: one that is leaving, else one that has left.

    The race with a repetition that is being sent just now: it must not arrive after the stand-down of its page.
    """
    of_pages = select(OutgoingText).where(OutgoingText.page_id.in_(page_ids), OutgoingText.kind == Kind.PAGE)
    found = sorted(
        session.scalars(of_pages.execution_options(populate_existing=True)),
        key=lambda row: (row.state is TextState.SENDING, row.sent_at is not None, row.id),
    )
    return {row.page_id: row.id for row in found}


def relieve(session: Session, order: Order, page: Page, body: str, now: datetime) -> None:
    """Tell somebody who had it, once for each page, that another has taken over. The end of it is news of its own."""
    enqueue(session, replace(_stand_down(order, page, body), key=f"relieved:{page.id}"), now)


def _stand_down(order: Order, page: Page, body: str, *, after_id: int | None = None) -> Draft:
    return Draft(
        key=f"stand_down:{page.id}",
        kind=Kind.STAND_DOWN,
        to_phone=page.staff.phone,
        body=body,
        order_id=order.id,
        staff_id=page.staff_id,
        page_id=page.id,
        after_id=after_id,
    )


def close(session: Session, order: Order, escalation: Escalation, end: EscalationState, now: datetime) -> None:
    """End an escalation and stand everybody down."""
    hold_open_texts(session, order.id)
    body, was_open = _why(session, order, escalation), escalation.state is EscalationState.OPEN
    has_it: list[int | None] = []
    if order.status not in CLOSED:
        has_it = [order.carrier_id, escalation.accepted_by_id, other_taker(session, escalation)]
        _tell_carrier(session, order, escalation, now)
    release_others(session, order, escalation, body, now, has_it=has_it)
    _tell_taker(session, order, escalation, body, now)
    escalation.state, escalation.closed_at, escalation.next_step_at = end, now, None
    escalation.check_in_at, escalation.beside_at = None, None
    leave_order(session, order, escalation)
    for page in escalation.pages:
        page.closed_at = page.closed_at or now
    if was_open and end is EscalationState.RESOLVED and order.status is not Status.DELIVERED:
        record(session, order, "safe_again", "The promise is safe again.", at=now, actor="clock")
    session.flush()


def _why(session: Session, order: Order, escalation: Escalation) -> str:
    """Why nobody is needed any more: safe again is only what nobody has to do anything for."""
    what = what_of(order)
    if order.status in CLOSED:
        return wording.called_off(order.ref, what, is_delivered=order.status is Status.DELIVERED)
    if order.status is Status.READY and order.is_to_be_collected:
        return wording.waits(order.ref, what)
    has_it = session.get(Staff, order.carrier_id) if order.carrier_id else escalation.accepted_by
    return wording.stand_down(order.ref, what, who=has_it.name) if has_it else wording.saved(order.ref, what)


def _tell_carrier(session: Session, order: Order, escalation: Escalation, now: datetime) -> None:
    """Whom the desk gave it to while they were still asked: it is not over for them, and their code says when it is."""
    page = next((each for each in escalation.pages if each.answer is None and each.staff_id == order.carrier_id), None)
    if page is not None:
        body, sent = wording.with_you(order.ref, what_of(order), code=page.code), _last_sent(session, [page.id])
        enqueue(session, _stand_down(order, page, body, after_id=sent.get(page.id)), now)


def leave_order(session: Session, order: Order, escalation: Escalation) -> None:
    """This call's taker has the order no more; whoever has the other part of it still has."""
    order.taker_id = other_taker(session, escalation)
    order.taken_at = order.taken_at if order.taker_id is not None else None


def _tell_taker(session: Session, order: Order, escalation: Escalation, body: str, now: datetime) -> None:
    """Somebody who is on the way for nothing must hear it; who did it themselves knows."""
    if is_bought := escalation.need is Need.PROCURE and order.status not in CLOSED:
        body = wording.nothing_to_buy(order.ref, what_of(order))
    for page in escalation.pages:
        if page.answer is not Answer.ACCEPTED or page.closed_at is not None:
            continue
        is_theirs = _has_bought(order, page) if is_bought else order.carrier_id in (None, page.staff_id)
        if not is_theirs or order.status is Status.CANCELLED:
            enqueue(session, replace(_stand_down(order, page, body), key=f"ended:{page.id}"), now)


def _has_bought(order: Order, page: Page) -> bool:
    """Whether what was missing is here by this person; of something else instead they hear by another text."""
    return any(
        line.sourcing is Sourcing.SUBSTITUTED or (line.sourcing in IN_HAND and line.buyer_id == page.staff_id)
        for line in order.lines
    )


def expect_word(session: Session, order: Order, escalation: Escalation, now: datetime) -> None:
    """Set when whoever has it must be heard of: after half of what is left, or once they should be back with it."""
    grace = timedelta(seconds=order.branch.policy.check_in_grace_seconds)
    at, back = check_in_at(now, order.promised_by, grace=grace), _back_at(session, order, escalation)
    escalation.check_in_at, escalation.reminded_at = min(at, back + grace) if back and back > now else at, None


def _back_at(session: Session, order: Order, escalation: Escalation) -> datetime | None:
    """When whoever buys should be back, as the clock counts it: often long before the promise, and shops close."""
    errands = select(func.max(Assignment.ends_at)).where(
        Assignment.order_id == order.id,
        Assignment.staff_id == escalation.accepted_by_id,
        Assignment.task == Task.PROCURE,
        Assignment.is_under_way,
    )
    return session.scalars(errands).first() if escalation.need is not Need.DELIVER else None


def heard_from_taker(session: Session, order: Order, escalation: Escalation, now: datetime) -> None:
    """Whoever has it gave a sign of life: a new check-in, and others who were asked beside them are stood down."""
    expect_word(session, order, escalation, now)
    if escalation.beside_at is None:
        return
    escalation.beside_at, escalation.next_step_at = None, None
    who = escalation.accepted_by.name if escalation.accepted_by else "Somebody"
    body = wording.stand_down(order.ref, what_of(order), who=who)
    release_others(session, order, escalation, body, now, has_it=[escalation.accepted_by_id])
    record(session, order, "taker_heard", f"{who} was heard of.", at=now, actor="clock")
