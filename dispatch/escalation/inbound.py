"""Texts people send: staff answer pages, customers write about their order, strangers get one polite line a day."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..foundation.types import can_be_texted
from ..messaging.reply_rules import Reply, ReplyKind, parse_replies
from ..messaging.rules import Kind
from ..messaging.service import Draft, enqueue, mark_handled, opt_in, opt_out, opted_out
from ..messaging.tables import InboundText, OutgoingText
from ..orders.rules import OPEN, WROTE
from ..orders.service import record
from ..orders.tables import Branch, Order
from ..orders.timetable import rearm, rearm_branch
from ..staff.tables import Staff
from . import wording
from .answers import answer_page
from .customer_answers import Listener, has_open_offer, react
from .mine import choices, is_read_last, open_pages, read_pages, taken_pages
from .rules import Answer, Verb
from .spoken import note_from_taker
from .tables import Page

VERBS = {
    ReplyKind.ACCEPT: Verb.ACCEPT,
    ReplyKind.DECLINE: Verb.DECLINE,
    ReplyKind.PICKED_UP: Verb.PICKED_UP,
    ReplyKind.DELIVERED: Verb.DELIVERED,
    ReplyKind.HAND_BACK: Verb.HAND_BACK,
}
# What the provider says a text did to its list of who may be texted.
TAKEN_FOR = {"STOP": ReplyKind.STOP, "START": ReplyKind.START, "HELP": ReplyKind.HELP}
# Senders may also be names, short codes and addresses of other channels; they get no answer.
E164 = re.compile(r"\+[1-9]\d{6,14}")
ABOUT_OPEN = (Verb.ACCEPT, Verb.DECLINE)
LONGEST_QUOTE = 500
LONGEST_KINDS = 40


def handle_inbound(session: Session, inbound_id: int, now: datetime, *, listeners: Sequence[Listener] = ()) -> None:
    """Give a stored text its effect, once: whoever marks it handled first does it, in this same transaction.

    `listeners`: the rooms that may have asked a customer something.
    """
    text = session.get_one(InboundText, inbound_id)
    phone = text.from_phone
    staff = session.scalars(select(Staff).where(Staff.phone == phone, Staff.is_active)).first()
    replies = _read(text, is_silent=phone in opted_out(session, [phone]))
    reply = replies[0]
    kinds = ", ".join(dict.fromkeys(each.kind.value for each in replies))[:LONGEST_KINDS]
    if not mark_handled(session, inbound_id, now=now, understood_as=kinds, staff_id=staff.id if staff else None):
        return
    if reply.kind in (ReplyKind.STOP, ReplyKind.START):
        _consent(session, phone, staff, reply, now)
    elif reply.kind is ReplyKind.HELP:
        # The provider answers these by itself.
        return
    elif staff is not None and not _is_for_offer(session, phone, reply):
        if len(replies) > 1:
            _answer_each(session, text, staff, replies, now=now)
        else:
            _answer(session, text, staff, reply, now=now)
    elif not _note_for_customer(session, text, now, listeners=listeners):
        _greet_stranger(session, text, now)


def _read(text: InboundText, *, is_silent: bool) -> tuple[Reply, ...]:
    """What a text says, and what the provider took it for: a shop may have keywords of its own.

    The provider takes a bare YES for START, which it is from a number that it has blocked; from others it is an answer.
    """
    replies = parse_replies(text.body)
    reply, taken_for = replies[0], TAKEN_FOR.get((text.opt_out_type or "").upper())
    if taken_for is ReplyKind.STOP or (taken_for and reply.kind is ReplyKind.UNKNOWN):
        return (Reply(taken_for),)
    is_yes = reply.kind is ReplyKind.ACCEPT and reply.code is None
    if is_silent and (is_yes or taken_for is ReplyKind.START):
        return (Reply(ReplyKind.START),)
    return replies


def _consent(session: Session, phone: str, staff: Staff | None, reply: Reply, now: datetime) -> None:
    if reply.kind is ReplyKind.START:
        opt_in(session, phone, now, "sent START")
    else:
        opt_out(session, phone, now, "sent STOP")
    if staff is None:
        return
    if reply.kind is ReplyKind.STOP:
        for page in open_pages(session, staff.id):
            page.answer, page.answered_at = Answer.UNREACHABLE, now
            rearm(session, [page.escalation.order_id], now)
        # Whoever can't be texted any more can't be asked how it goes: others take over what they had.
        for page in taken_pages(session, staff.id):
            answer_page(session, page.id, Verb.HAND_BACK, now, note="sent STOP")
    rearm_branch(session, None if staff.role.value == "founder" else staff.branch_id, now)


def _answer(session: Session, text: InboundText, staff: Staff, reply: Reply, *, now: datetime) -> None:
    verb = VERBS.get(reply.kind)
    if verb is None:
        said = note_from_taker(session, staff, text.body, now)
        asked = open_pages(session, staff.id)
        shown = choices(session, asked or taken_pages(session, staff.id))
        code = asked[0].code if asked else None
        body = said.text if said else wording.not_understood(shown, code=code)
        _reply(session, text, body, now, staff_id=staff.id, order_id=said.order_id if said else None)
        return
    page, question = _which_page(session, staff, verb, reply)
    if page is None:
        _reply(session, text, question, now, staff_id=staff.id)
        return
    result = answer_page(session, page.id, verb, now, note=reply.note)
    text.order_id = page.escalation.order_id
    _reply(session, text, result.text, now, staff_id=staff.id, order_id=page.escalation.order_id)


def _answer_each(session: Session, text: InboundText, staff: Staff, replies: Sequence[Reply], *, now: datetime) -> None:
    """Several codes in one text, as after one that asked for several orders; what came of each is said together."""
    said: dict[int, str] = {}
    pages = [(number, reply, _page_with(session, staff, reply.code)) for number, reply in enumerate(replies)]
    # In the order of ids: two people who answer for the same two orders must not lock them crosswise.
    for number, reply, page in sorted(pages, key=lambda each: (each[2].escalation.order_id if each[2] else 0, each[0])):
        if page is None:
            said[number] = wording.unknown_code(reply.code or 0)
            continue
        said[number] = answer_page(session, page.id, VERBS[reply.kind], now).text
        text.order_id = page.escalation.order_id
    for number, body in enumerate(wording.joined([said[number] for number in sorted(said)])):
        _reply(session, text, body, now, staff_id=staff.id, order_id=text.order_id, number=number)


def _page_with(session: Session, staff: Staff, code: int | None) -> Page | None:
    return session.scalars(select(Page).where(Page.staff_id == staff.id, Page.code == code)).first()


def _which_page(session: Session, staff: Staff, verb: Verb, reply: Reply) -> tuple[Page | None, str]:
    """The page that is meant, or what to ask back.

    An "ok" to a stand-down or to "11 is yours" is thanks: it takes nothing else that happens to be open.
    """
    if reply.code is not None:
        return _page_with(session, staff, reply.code), wording.unknown_code(reply.code)
    pages = read_pages(session, staff.id) if verb in ABOUT_OPEN else taken_pages(session, staff.id)
    if not pages and verb is Verb.DECLINE:
        pages = taken_pages(session, staff.id)
    if len(pages) == 1 and (not reply.is_loose or is_read_last(session, staff.phone, pages[0])):
        return pages[0], ""
    return None, wording.which(choices(session, pages)) if pages else wording.nothing_open()


def _reply(
    session: Session,
    text: InboundText,
    body: str,
    now: datetime,
    *,
    staff_id: int | None = None,
    order_id: int | None = None,
    number: int = 0,
) -> None:
    """`number`: of several texts that answer one."""
    draft = Draft(
        key=f"reply:{text.id}:{number}" if number else f"reply:{text.id}",
        kind=Kind.REPLY,
        to_phone=text.from_phone,
        body=body,
        due_at=now,
        useful_until=now + timedelta(hours=1),
        staff_id=staff_id,
        order_id=order_id,
    )
    enqueue(session, draft, now)


def _note_for_customer(session: Session, text: InboundText, now: datetime, *, listeners: Sequence[Listener]) -> bool:
    """A customer writes: it stands on their open orders, and on the board until somebody has read it, unless it
    answers a question about one of them. False for somebody whom we don't know.

    Of an order that is closed they may still say whether it is good.
    """
    query = select(Order).where(Order.customer_phone == text.from_phone, Order.status.in_(OPEN)).order_by(Order.id)
    orders = session.scalars(query).all()
    words, events = text.body.strip()[:LONGEST_QUOTE], []
    for order in orders:
        events.append(
            record(session, order, WROTE, f"The customer wrote: “{words}”", at=now, actor=order.customer_name)
        )
        text.order_id = order.id
    answered = react(session, text, now, listeners=listeners)
    if answered is None or answered.order_id not in {None, *(order.id for order in orders)}:
        # Nobody has given it an effect: somebody must read it.
        for event in events:
            event.data = {"to_read": words}
    if answered is not None:
        text.order_id = answered.order_id or text.order_id
        _reply(session, text, answered.text, now, order_id=text.order_id)
    return bool(orders) or answered is not None


def _is_for_offer(session: Session, phone: str, reply: Reply) -> bool:
    """Somebody on the staff who is also a customer, with a question open and no page that could be meant by it."""
    return reply.kind is ReplyKind.UNKNOWN and has_open_offer(session, phone)


def _greet_stranger(session: Session, text: InboundText, now: datetime) -> None:
    if not E164.fullmatch(text.from_phone) or not can_be_texted(text.from_phone):
        return
    recently = select(OutgoingText.id).where(
        OutgoingText.to_phone == text.from_phone, OutgoingText.created_at > now - timedelta(days=1)
    )
    if session.scalars(recently.limit(1)).first() is not None:
        return
    shop = session.scalars(select(Branch).order_by(Branch.id).limit(1)).one()
    _reply(session, text, wording.stranger(shop.name), now)
