"""Somebody picks up: what they hear, and what a key does. Each key counts once, however often it is posted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from ..foundation.types import country_prefix
from ..messaging.rules import Channel, Kind
from ..messaging.service import Draft, enqueue, mark_handled, record_inbound
from ..messaging.tables import OutgoingText
from ..orders.rules import CLOSED
from ..orders.tables import Order
from . import voice
from .answers import answer_page
from .case import AnswerResult, Outcome
from .job import job_of
from .mine import is_superseded, newest_page
from .rules import TAKEABLE, Answer, EscalationState, Verb
from .tables import Escalation, Page
from .voice import Speech

REPLY_USE = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class _Line:
    """One call under way: its row, the page it is about, and the order as it stands."""

    row: OutgoingText
    page: Page
    escalation: Escalation
    order: Order

    def says(self, sentences: Sequence[str], *, asks: bool = False) -> Speech:
        """These words in the English of that phone."""
        return Speech(
            sentences=tuple(sentences), english=voice.english_of(country_prefix(self.row.to_phone)), asks=asks
        )


def pick_up(session: Session, outbox_id: int | None, now: datetime) -> Speech:
    """What is said when a call is picked up: the page, as long as it can be answered; else how it stands."""
    line = _line(session, outbox_id)
    return _as_it_stands(session, line, now) if line else Speech(sentences=voice.stranger())


def press(
    session: Session, outbox_id: int | None, key: str, now: datetime, *, sid: str, is_again: bool = False
) -> Speech:
    """Give a pressed key its effect and say what came of it.

    The first key that means something is stored under the call's own name, which is unique: of two posts of it the
    second waits, changes nothing and hears how it stands; so does one that is replayed years later. `is_again`: the
    question has been asked once more already.
    """
    line = _line(session, outbox_id)
    if line is None:
        return Speech(sentences=voice.stranger())
    verb = voice.KEYS.get(key)
    if verb is None:
        return _not_a_key(session, line, now, is_again=is_again)
    phone = line.row.to_phone
    pressed = record_inbound(
        session, sid=sid, from_phone=phone, to_phone="", body=f"Pressed {key}", opt_out_type=None, now=now
    )
    if pressed is None:
        # What was read before waiting for the other post is older than what it did.
        session.expire_all()
        stands = _as_it_stands(session, _line(session, outbox_id) or line, now)
        return line.says(voice.passed(line.order.ref)) if stands.asks else stands
    mark_handled(
        session, pressed, now=now, understood_as=verb.value, order_id=line.order.id, staff_id=line.page.staff_id
    )
    return _answer(session, line, verb, pressed, now=now)


def _answer(session: Session, line: _Line, verb: Verb, pressed: int, *, now: datetime) -> Speech:
    result = answer_page(session, line.page.id, verb, now)
    if verb is Verb.ACCEPT and result.outcome is Outcome.DONE:
        _confirm(session, line, pressed, result, now)
    if result.outcome in (Outcome.DONE, Outcome.ALREADY):
        is_news = result.outcome is Outcome.DONE
        said = voice.yours(line.order.ref, is_news=is_news) if verb is Verb.ACCEPT else voice.passed(line.order.ref)
        return line.says(said)
    stands = _as_it_stands(session, line, now)
    return line.says(voice.over(line.order.ref)) if stands.asks else stands


def _not_a_key(session: Session, line: _Line, now: datetime, *, is_again: bool) -> Speech:
    """Another key, or none that we know: the question once more, and then the link."""
    stands = _as_it_stands(session, line, now)
    if not stands.asks:
        return stands
    return line.says(voice.goodbye()) if is_again else line.says(voice.not_a_key(stands.sentences), asks=True)


def _line(session: Session, outbox_id: int | None) -> _Line | None:
    row = session.get(OutgoingText, outbox_id) if outbox_id is not None else None
    if row is None or row.channel is not Channel.CALL or row.page_id is None:
        return None
    page = session.get_one(Page, row.page_id)
    order = session.get_one(Order, page.escalation.order_id)
    page = newest_page(session, order, page)
    return _Line(row=row, page=page, escalation=page.escalation, order=order)


def _as_it_stands(session: Session, line: _Line, now: datetime) -> Speech:
    """The question, as long as this person can still say yes; else who has it, or that it is over."""
    order, page, escalation = line.order, line.page, line.escalation
    if order.status in CLOSED:
        return line.says(voice.over(order.ref))
    if page.answer is Answer.ACCEPTED:
        return line.says(voice.yours(order.ref, is_news=False))
    is_beside = escalation.state is EscalationState.ACCEPTED and escalation.beside_at is not None
    if escalation.state is EscalationState.ACCEPTED and not is_beside:
        holder = escalation.accepted_by
        return line.says(voice.taken(order.ref, who=holder.name if holder else ""))
    if not is_beside and (escalation.state not in TAKEABLE or is_superseded(session, escalation)):
        return line.says(voice.over(order.ref))
    return line.says(voice.question(job_of(session, order, escalation.need, now), shop=order.branch.name), asks=True)


def _confirm(session: Session, line: _Line, pressed: int, result: AnswerResult, now: datetime) -> None:
    """The codes and the address, as after a yes by text: they can't be kept in mind from a call."""
    draft = Draft(
        key=f"reply:{pressed}",
        kind=Kind.REPLY,
        to_phone=line.row.to_phone,
        body=result.text,
        useful_until=now + REPLY_USE,
        staff_id=line.page.staff_id,
        order_id=line.order.id,
    )
    enqueue(session, draft, now)
