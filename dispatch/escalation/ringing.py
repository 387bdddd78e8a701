"""The phone as the next way to reach somebody: whose text has not arrived, and the call that goes to them.

A page stays one row, with one code, however it is sent; its `channel` is the way it was sent last. A call is never
made twice by itself: when nobody knows whether it rang, the next repetition comes anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from ..messaging.rules import Channel, Hold, Kind, TextState
from ..messaging.service import Draft
from ..messaging.tables import OutgoingText
from ..orders.tables import Order
from . import voice
from .rules import LIVE, Reach
from .tables import Escalation, Page
from .wording import Job

# A call that could not be placed for so long is dropped: the next repetition is not far.
CALL_USE = timedelta(minutes=3)
UNSENT = (TextState.QUEUED, TextState.SENDING)
UNDELIVERED = (TextState.UNDELIVERED, TextState.FAILED)


def read_reach(session: Session, escalation: Escalation | None, *, silence: timedelta) -> dict[int, Reach]:
    """How far each page of this round that is still open has come, by staff id.

    `silence`: how long a text may be without a final receipt. One that the account can't send is as good as silent.
    """
    if escalation is None or escalation.state not in LIVE:
        return {}
    query = (
        select(Page.staff_id, OutgoingText.channel, OutgoingText.state, OutgoingText.hold)
        .add_columns(OutgoingText.sent_at, OutgoingText.created_at)
        .join(Page, Page.id == OutgoingText.page_id)
        .where(Page.escalation_id == escalation.id, Page.round == escalation.round, Page.answer.is_(None))
        .where(OutgoingText.kind == Kind.PAGE)
        .order_by(Page.staff_id, OutgoingText.id)
    )
    rows = session.execute(query).all()
    return {staff_id: _reach(list(group), silence) for staff_id, group in groupby(rows, lambda row: row.staff_id)}


def _reach(rows: Sequence[Row[Any]], silence: timedelta) -> Reach:
    last = rows[-1]
    is_held = last.state is TextState.HELD and last.hold is Hold.CONFIGURATION
    rings_at = None
    if any(row.channel is Channel.CALL for row in rows):
        # Once for each page; the founder is rung again as a repetition.
        pass
    elif is_held or last.state in UNDELIVERED:
        rings_at = last.created_at
    elif last.state is TextState.SENT:
        rings_at = (last.sent_at or last.created_at) + silence
    return Reach(
        rings_at=rings_at,
        is_unsent=last.state in UNSENT,
        is_held=is_held and last.channel is Channel.SMS,
        was_rung=last.channel is Channel.CALL,
    )


def call_of(order: Order, page: Page, job: Job, now: datetime) -> Draft:
    """The call for a page; its body is what is said, for the record. When it is picked up the words are made anew."""
    return Draft(
        key=f"call:{page.id}:{page.repeats}",
        kind=Kind.PAGE,
        channel=Channel.CALL,
        to_phone=page.staff.phone,
        body=" ".join(voice.question(job, shop=order.branch.name)),
        useful_until=now + CALL_USE,
        order_id=order.id,
        staff_id=page.staff_id,
        page_id=page.id,
    )
