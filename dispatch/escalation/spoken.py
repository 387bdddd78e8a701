"""Answers that no code came with: given to the desk by phone, or written in somebody's own words."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..foundation.errors import Conflict, Invalid, NotFound
from ..messaging.doubt_rules import gives_up
from ..messaging.inbound import Reaction
from ..messaging.reply_rules import beside_code
from ..messaging.rules import Channel
from ..orders.service import lock_order, record
from ..promise.service import refresh
from ..staff.service import active_person
from ..staff.tables import Staff
from . import wording
from .answers import answer_page
from .asking import add_page
from .case import AnswerResult, Outcome
from .closing import heard_from_taker
from .mine import open_pages, taken_pages
from .rules import SKILLS, EscalationState, Verb
from .tables import Escalation, Page


def answer_for_staff(
    session: Session,
    escalation_id: int,
    staff_id: int,
    answer: Verb | str,
    now: datetime,
    *,
    actor: str,
    note: str | None = None,
) -> AnswerResult:
    """An answer that somebody gave by phone. Raises NotFound, Invalid, or Conflict when it could have no effect."""
    query = select(Page).where(Page.escalation_id == escalation_id, Page.staff_id == staff_id).order_by(Page.id.desc())
    page = session.scalars(query.limit(1)).first()
    escalation = session.get(Escalation, escalation_id)
    if escalation is None:
        raise NotFound(f"There is no escalation {escalation_id}.")
    if page is None:
        page = _asked_by_phone(session, escalation, staff_id, answer, now)
    result = answer_page(session, page.id, answer, now, note=note, actor=actor)
    if result.outcome not in (Outcome.DONE, Outcome.ALREADY):
        raise Conflict(result.text)
    return result


def _asked_by_phone(session: Session, escalation: Escalation, staff_id: int, answer: Verb | str, now: datetime) -> Page:
    """Somebody whom no page was sent to says yes when the desk rings them. Raises Invalid."""
    if answer != Verb.ACCEPT:
        raise Invalid("staff_id", "that person has not been asked; they can accept, or be left alone")
    # The order first, as everywhere: its lock keeps two of these from making two pages.
    lock_order(session, order_id=escalation.order_id)
    for skill in SKILLS[escalation.need]:
        active_person(session, staff_id, field="staff_id", skill=skill)
    return add_page(session, escalation, staff_id, now, rung=escalation.rung, channel=Channel.CALL)


def note_from_taker(session: Session, staff: Staff, body: str, now: datetime) -> Reaction | None:
    """A text in their own words from somebody who has one order in hand: kept there, and a sign of life.

    Not of life where it says that they can't: then those who were asked beside them are still needed, and they hear
    how to hand it back. None when it could be about several orders, or about none.
    """
    pages = [] if open_pages(session, staff.id) else taken_pages(session, staff.id)
    if len(pages) != 1:
        return None
    page = pages[0]
    order = lock_order(session, order_id=page.escalation.order_id)
    escalation = session.get_one(Escalation, page.escalation_id, populate_existing=True)
    said = f"{staff.name} wrote: “{body.strip()[:300]}”"
    record(session, order, "staff_wrote", said, at=now, actor=staff.name)
    beside = beside_code(body)
    can_not = gives_up(body if beside is None else beside)
    if not can_not and escalation.state is EscalationState.ACCEPTED and escalation.accepted_by_id == staff.id:
        heard_from_taker(session, order, escalation, now)
    refresh(session, order, now)
    if can_not:
        text = wording.heard_no(order.ref, code=page.code)
    elif beside is None:
        text = wording.heard(order.ref)
    else:
        text = wording.heard_words(order.ref, code=page.code, need=escalation.need)
    return Reaction(text=text, order_id=order.id)
