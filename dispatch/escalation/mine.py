"""What somebody was asked and can still answer, and what they have taken."""

from __future__ import annotations

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from ..messaging.rules import Kind, TextState
from ..messaging.tables import OutgoingText
from ..orders.rules import CLOSED
from ..orders.tables import Order
from .job import what_of
from .rules import LIVE, TAKEABLE, Answer, EscalationState
from .tables import Escalation, Page

# What somebody can have read: it has left, or is just leaving.
HAS_LEFT = or_(OutgoingText.sent_at.is_not(None), OutgoingText.state == TextState.SENDING)


def open_pages(session: Session, staff_id: int) -> list[Page]:
    """Pages that this person can still say yes or no to, the oldest first."""
    query = (
        select(Page)
        .join(Escalation, Escalation.id == Page.escalation_id)
        .join(Order, Order.id == Escalation.order_id)
        .where(Page.staff_id == staff_id, Page.answer.is_(None), Escalation.state.in_(TAKEABLE))
        # A call that nobody answered stays as it ended, whatever became of the order.
        .where(Order.status.not_in(CLOSED))
        .order_by(Page.id)
    )
    return list(session.scalars(query))


def read_pages(session: Session, staff_id: int) -> list[Page]:
    """Those of them that this person can have read or heard of: something about them has left, or is just leaving."""
    pages = open_pages(session, staff_id)
    mine = OutgoingText.page_id.in_([page.id for page in pages])
    read = set(session.scalars(select(OutgoingText.page_id).where(mine, HAS_LEFT)))
    return [page for page in pages if page.id in read]


def is_read_last(session: Session, phone: str, page: Page) -> bool:
    """Whether the newest text on this phone asks for this page, or asks how it goes; alone or with others in one."""
    newest = (
        select(func.coalesce(OutgoingText.lead_id, OutgoingText.id))
        .where(OutgoingText.to_phone == phone, HAS_LEFT)
        .order_by(OutgoingText.sent_at.desc().nulls_first(), OutgoingText.id.desc())
        .limit(1)
    ).scalar_subquery()
    asks = OutgoingText.kind.in_((Kind.PAGE, Kind.REMINDER))
    carried = or_(OutgoingText.id == newest, OutgoingText.lead_id == newest)
    query = select(OutgoingText.id).where(OutgoingText.page_id == page.id, asks, carried)
    return session.scalars(query.limit(1)).first() is not None


def taken_pages(session: Session, staff_id: int) -> list[Page]:
    """Pages of open orders that this person has taken, the oldest first."""
    query = (
        select(Page)
        .join(Escalation, Escalation.id == Page.escalation_id)
        .join(Order, Order.id == Escalation.order_id)
        .where(Page.staff_id == staff_id, Page.answer == Answer.ACCEPTED, Order.status.not_in(CLOSED))
        .order_by(Page.id)
    )
    return list(session.scalars(query))


def choices(session: Session, pages: list[Page]) -> list[str]:
    """Pages as somebody can choose between them: "17 K7Q2 Physics 2"."""
    result = []
    for page in pages:
        order = session.get_one(Order, page.escalation.order_id)
        result.append(f"{page.code} {order.ref} {what_of(order)[:30]}")
    return result


def other_taker(session: Session, escalation: Escalation) -> int | None:
    """Who has the other part of the same order: one buys, another carries."""
    others = select(Escalation.accepted_by_id).where(
        Escalation.order_id == escalation.order_id,
        Escalation.id != escalation.id,
        Escalation.state == EscalationState.ACCEPTED,
    )
    return session.scalars(others.order_by(Escalation.id.desc()).limit(1)).first()


def is_superseded(session: Session, escalation: Escalation) -> bool:
    """Whether there has been a later call for help about the same order: then that one counts.

    Not of one that is live: a later one beside it asks for another part.
    """
    if escalation.state in LIVE:
        return False
    later = select(Escalation.id).where(Escalation.order_id == escalation.order_id, Escalation.id > escalation.id)
    return session.scalars(later.limit(1)).first() is not None


def newest_page(session: Session, order: Order, page: Page) -> Page:
    """The same person's page of the call for help that counts: after a new promise an old code still means this order.

    A page that they took, or one of somebody who was not asked again, speaks for itself.
    """
    if page.answer is Answer.ACCEPTED:
        return page
    query = (
        select(Page)
        .join(Escalation, Escalation.id == Page.escalation_id)
        .where(Escalation.order_id == order.id, Page.staff_id == page.staff_id, Escalation.id > page.escalation_id)
    )
    return session.scalars(query.order_by(Page.id.desc()).limit(1)).first() or page
