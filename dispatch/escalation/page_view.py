"""What the page behind a text's link shows to the one it was sent to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..orders.rules import CLOSED, IN_HAND, Proof, Status
from ..orders.tables import Order
from ..staff.rules import Role
from ..staff.tables import Staff
from .job import job_of, what_of
from .mine import open_pages
from .rules import Answer, EscalationState, Need, Verb
from .tables import Escalation, Page

LINK_LIVES = timedelta(hours=12)
MOST_OTHERS = 12


@dataclass(frozen=True, kw_only=True)
class PageView:
    """One page in words. `state`: open, yours, taken, closed or expired; `answers`: what may be said now."""

    page_id: int
    state: str
    ref: str
    what: str
    need: str
    for_whom: str
    reason: str
    from_where: str
    to_where: str
    start_by: str
    promised_by: str
    code: int
    holder: str
    call: str
    missing: tuple[str, ...]
    needs_pin: bool
    answers: tuple[str, ...]


def page_view(session: Session, page_id: int, now: datetime) -> PageView | None:
    """The page as it stands; None when there is none."""
    page = session.get(Page, page_id)
    if page is None:
        return None
    escalation = page.escalation
    order = session.get_one(Order, escalation.order_id)
    job = job_of(session, order, escalation.need, now)
    state = _state(page, escalation, order, now)
    holder = escalation.accepted_by.name if escalation.accepted_by and state == "taken" else ""
    return PageView(
        page_id=page.id,
        state=state,
        ref=order.ref,
        what=what_of(order, only_missing=escalation.need is Need.PROCURE),
        need=job.need.value,
        for_whom=job.for_whom,
        reason=job.reason,
        from_where=job.sources,
        to_where=job.to_where if escalation.need is not Need.PROCURE else "",
        start_by=job.start_by,
        promised_by=job.promised,
        code=page.code,
        holder=holder,
        call=_whom_to_call(session, page),
        missing=tuple(line.title for line in order.lines if line.sourcing not in IN_HAND),
        needs_pin=order.proof is Proof.PIN,
        answers=tuple(verb.value for verb in _answers(state, page, escalation, order)),
    )


def other_open_pages(session: Session, page_id: int, now: datetime) -> list[PageView]:
    """What else the same person is asked just now, the first promise first: one text may have asked for several."""
    staff_id = session.scalars(select(Page.staff_id).where(Page.id == page_id)).first()
    if staff_id is None:
        return []
    promised = {page.id: session.get_one(Order, page.escalation.order_id) for page in open_pages(session, staff_id)}
    ids = sorted(promised, key=lambda number: (promised[number].promised_by, number))
    views = [page_view(session, number, now) for number in ids if number != page_id]
    return [view for view in views if view is not None and view.state == "open"][:MOST_OTHERS]


def _state(page: Page, escalation: Escalation, order: Order, now: datetime) -> str:
    if order.status in CLOSED or escalation.state in (EscalationState.RESOLVED, EscalationState.CANCELLED):
        return "closed"
    if page.answer is Answer.ACCEPTED:
        return "yours"
    if escalation.state is EscalationState.ACCEPTED:
        return "taken"
    return "expired" if now > page.asked_at + LINK_LIVES else "open"


def _answers(state: str, page: Page, escalation: Escalation, order: Order) -> tuple[Verb, ...]:
    if state == "open":
        return (Verb.ACCEPT,) if page.answer is Answer.DECLINED else (Verb.ACCEPT, Verb.DECLINE)
    if state != "yours":
        return ()
    if escalation.need is Need.PROCURE and order.carrier_id != page.staff_id:
        return (Verb.PICKED_UP, Verb.HAND_BACK)
    if order.status is Status.OUT_FOR_DELIVERY:
        return (Verb.DELIVERED, Verb.HAND_BACK)
    return (Verb.PICKED_UP, Verb.DELIVERED, Verb.HAND_BACK)


def _whom_to_call(session: Session, page: Page) -> str:
    """Somebody who can always be reached about this: a founder who is not the one that was asked."""
    query = select(Staff).where(Staff.role == Role.FOUNDER, Staff.is_active, Staff.id != page.staff_id)
    founder = session.scalars(query.order_by(Staff.id).limit(1)).first()
    return f"{founder.name}, {founder.phone}" if founder else ""
