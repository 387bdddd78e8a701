"""How was it: asked once, after an ending that deserves it, by day, and never of the same customer too often."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ..foundation.db import wake
from ..foundation.tokens import Links
from ..foundation.types import country_prefix
from ..messaging.reachable import why_unreachable
from ..messaging.rules import Kind, takes_replies
from ..messaging.service import Draft, enqueue
from ..orders.service import lock_order
from ..orders.tables import Order
from ..orders.telling import language, worded
from ..orders.wording import first_name
from .endings import Ending
from .rules import SURVEY_AFTER, SURVEY_AGAIN, Cause, awake, night_after
from .stories import told_of
from .tables import Survey
from .wording import Told, survey

DESERVES = (Ending.R1, Ending.R2, Ending.R5)


def plan_survey(session: Session, order: Order, now: datetime) -> None:
    """Have the customer asked later, if the story ended well. Doing it twice changes nothing: one row per order."""
    if session.get(Survey, order.id) is not None or told_of(session, order, now).ending not in DESERVES:
        return
    due_at = awake(now + SURVEY_AFTER, order.branch.timezone)
    session.add(Survey(order_id=order.id, made_at=now, due_at=due_at))
    session.flush()
    wake(session)


def tend_survey(session: Session, order_id: int, now: datetime, *, links: Links) -> bool:
    """Ask, or give it up for good; False when it was not due any more.

    The story is read again, under the order's lock: whoever complained meanwhile is not asked how it was.
    """
    order = lock_order(session, order_id=order_id)
    row = session.get(Survey, order_id, populate_existing=True)
    if row is None or row.due_at is None or row.due_at > now:
        return False
    if order.closed_at is None:
        # The delivery was taken back; the real one is asked about in its own time.
        session.delete(row)
        return True
    later = awake(now, order.branch.timezone)
    if later > now:
        # The worker was away, and now people sleep.
        row.due_at = later
        return True
    row.due_at, row.withheld = None, _withheld(session, order, now)
    if row.withheld is None:
        row.asked_at = now
        draft = Draft(
            key=f"survey:{order.id}",
            kind=Kind.NOTICE,
            to_phone=order.customer_phone,
            body=worded(session, order, survey(_told(order, links), language(order))),
            order_id=order.id,
            useful_until=night_after(now, order.branch.timezone),
        )
        row.outbox_id = enqueue(session, draft, now)
    return True


def put_survey_off(session: Session, order_id: int, at: datetime) -> None:
    """It could not be asked: try again later."""
    session.execute(update(Survey).where(Survey.order_id == order_id, Survey.due_at.is_not(None)).values(due_at=at))


def _withheld(session: Session, order: Order, now: datetime) -> str | None:
    if told_of(session, order, now).ending not in DESERVES:
        return "the story has not ended well"
    lately = (
        select(Survey.order_id)
        .join(Order, Order.id == Survey.order_id)
        .where(Order.customer_phone == order.customer_phone, Survey.asked_at > now - SURVEY_AGAIN)
    )
    if session.scalars(lately.limit(1)).first() is not None:
        return "they were asked lately"
    return why_unreachable(session, order.customer_phone)


def _told(order: Order, links: Links) -> Told:
    return Told(
        shop=order.branch.name,
        name=first_name(order.customer_name).strip(),
        what="",
        promised="",
        link=links.tracking(order.id),
        cause=Cause.BROKEN,
        takes_replies=takes_replies(country_prefix(order.customer_phone)),
    )
