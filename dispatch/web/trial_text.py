"""A test text: one at a time to a number, a few in an hour in all, through the outbox like every other."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..foundation.errors import Conflict, Invalid
from ..foundation.types import can_be_texted, parse_phone
from ..messaging.rules import Kind
from ..messaging.service import Draft, enqueue, opted_out
from ..messaging.tables import OutgoingText
from ..orders.branches import get_branch

MOST_AN_HOUR = 10
A_MINUTE = 60
USEFUL = timedelta(minutes=10)


def send_test(session: Session, to: str, now: datetime, *, region: str | None) -> str:
    """Put a test text into the outbox; the number as we read it. Raises Invalid naming `to`, or Conflict: too many.

    The key holds the minute, so that an impatient second click sends nothing.
    """
    try:
        phone = parse_phone(to, region=region)
    except Invalid as error:
        raise Invalid("to", error.errors[0].message) from error
    if not can_be_texted(phone):
        raise Invalid("to", "is a number that texts can't reach: give a mobile number")
    if opted_out(session, [phone]):
        raise Invalid("to", "has asked not to be texted: only they can undo it, by sending START")
    recent = select(func.count()).where(
        OutgoingText.kind == Kind.TEST, OutgoingText.created_at > now - timedelta(hours=1)
    )
    if (session.scalar(recent) or 0) >= MOST_AN_HOUR:
        raise Conflict(f"{MOST_AN_HOUR} test texts have gone out within the hour: that is enough for a test.")
    draft = Draft(
        key=f"test:{phone}:{int(now.timestamp()) // A_MINUTE}",
        kind=Kind.TEST,
        to_phone=phone,
        body=f"A test from {get_branch(session, 'main').name}: texts from here reach you. Nothing to do.",
        useful_until=now + USEFUL,
    )
    if enqueue(session, draft, now) is None:
        raise Conflict("A test text to this number left less than a minute ago: wait for it.")
    return phone
