"""What a receipt means for the ladder: whoever can't be reached is not waited for."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import exists, update
from sqlalchemy.orm import Session

from ..messaging.rules import OPTED_OUT_CODE, Channel, Hold, Kind, TextState
from ..messaging.service import Settled, record_inbound
from ..messaging.tables import OutgoingText
from ..orders.timetable import rearm, rearm_branch
from ..staff.rules import Role
from ..staff.tables import Staff
from .mine import taken_pages
from .rules import Answer, Rung
from .tables import Page


def heard_from_provider(session: Session, settled: Settled, now: datetime) -> None:
    """A page did not reach its person by text: the ladder moves on now, not after the timer.

    A call that nobody took moves it on only when the text has not arrived either. The founder stays asked, for nobody
    comes after them: the ladder looks again, and their phone rings. So it does when the account can't send texts.
    Of several pages in one text each moves its own ladder.
    """
    for page in settled.with_it:
        heard_from_provider(session, page, now)
    is_barred = settled.error_code == OPTED_OUT_CODE
    if is_barred and settled.staff_id is not None:
        # They can't be counted on any more, whatever the text was about.
        person = session.get_one(Staff, settled.staff_id)
        rearm_branch(session, None if person.role is Role.FOUNDER else person.branch_id, now)
        if taken_pages(session, person.id):
            _note_stop(session, settled.outbox_id, now)
    if settled.page_id is None or settled.order_id is None or settled.kind is not Kind.PAGE:
        return
    if not settled.is_unreachable:
        if settled.state is TextState.HELD:
            rearm(session, [settled.order_id], now)
        return
    if _give_up(session, settled, now, is_barred=is_barred):
        rearm(session, [settled.order_id], now)


def _note_stop(session: Session, outbox_id: int, now: datetime) -> None:
    """Their STOP reached the provider and not us: it is handled as if it had, and what they have is handed back.

    By a later round: that locks the order, and whoever settles a text must not wait for it.
    """
    phone = session.get_one(OutgoingText, outbox_id).to_phone
    body = f"STOP, as the provider says ({OPTED_OUT_CODE})"
    record_inbound(
        session, sid=f"stop-{outbox_id}", from_phone=phone, to_phone="", body=body, opt_out_type="STOP", now=now
    )


def _give_up(session: Session, settled: Settled, now: datetime, *, is_barred: bool) -> bool:
    """Whether this changes what the ladder knows.

    One conditional statement, no lock on the order: an acceptance that comes by link all the same wins.
    """
    text = session.get_one(OutgoingText, settled.outbox_id, populate_existing=True)
    statement = update(Page).where(Page.id == settled.page_id, Page.answer.is_(None))
    if not is_barred and text.hold is not Hold.OPTED_OUT:
        statement = statement.where(Page.rung != Rung.FOUNDER)
    if text.channel is Channel.CALL:
        arrived = (OutgoingText.page_id == Page.id) & (OutgoingText.channel == Channel.SMS)
        statement = statement.where(~exists().where(arrived, OutgoingText.state == TextState.DELIVERED))
    lost = session.execute(statement.values(answer=Answer.UNREACHABLE, answered_at=now).returning(Page.rung)).first()
    if lost is not None:
        return True
    return text.channel is Channel.SMS and session.get_one(Page, settled.page_id).rung == Rung.FOUNDER
