"""What customers are told when something they need can't be had: an offer, what they get instead, or better news."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ..foundation.hours import local_text
from ..foundation.tokens import Links
from ..foundation.types import country_prefix
from ..messaging.phrase_rules import Said
from ..messaging.reachable import why_unreachable
from ..messaging.rules import Kind, takes_replies
from ..messaging.service import Draft, Settled, enqueue, withdraw
from ..orders.rules import Status
from ..orders.service import record
from ..orders.tables import Line, Order, OrderEvent
from ..orders.telling import language, worded
from ..orders.wording import first_name
from ..procurement.offers import moot
from ..procurement.substitution_rules import Agreed, OfferState
from ..procurement.tables import Offer
from . import wording
from .rules import OF_AN_OFFER, NoticeKind
from .tables import Notice

TELLS = "customers"
NOT_DELIVERED = "it was not delivered: phone them"
USEFUL_FOR = timedelta(hours=6)


def unreachable(session: Session, order: Order) -> str | None:
    """Why the customer of an order can't be texted at all, if so."""
    return why_unreachable(session, order.customer_phone)


def tell_of_offer(session: Session, event: OrderEvent, now: datetime, *, links: Links) -> None:
    """Tell of one event of an offer, once per offer; the text of an offer that is settled is taken back if it can be.

    The row is the guard: of two relays that tell of the same event the second finds it, or breaks its unique key.
    """
    kind, order = OF_AN_OFFER[event.kind], session.get_one(Order, event.order_id)
    offer = session.get_one(Offer, event.data["offer_id"], populate_existing=True)
    question = _notice(session, offer, NoticeKind.OFFER)
    if question and question.outbox_id and kind is not NoticeKind.OFFER:
        withdraw(session, now=now, text_ids=[question.outbox_id], why="it is settled")
    if kind is None or not _is_worth_telling(kind, event, question) or _notice(session, offer, kind):
        return
    withheld = unreachable(session, order) or _old_news(session, order, offer, kind)
    notice = Notice(order_id=order.id, kind=kind, round=offer.id, withheld=withheld, created_at=now)
    session.add(notice)
    if withheld is None:
        told = _told(event, order, offer, links)
        draft = Draft(
            key=f"notice:{order.id}:{kind.value}:{offer.id}",
            kind=Kind.NOTICE,
            to_phone=order.customer_phone,
            body=worded(session, order, _said(kind, told, order)),
            order_id=order.id,
            useful_until=offer.reply_by if kind is NoticeKind.OFFER else now + USEFUL_FOR,
            # Never told that a question is settled which never reached them.
            after_id=question.outbox_id if question and kind is NoticeKind.OFFER_WITHDRAWN else None,
        )
        notice.outbox_id = enqueue(session, draft, now)
    elif kind is not NoticeKind.OFFER_WITHDRAWN and withheld == unreachable(session, order):
        text = f"Nobody has told the customer that {offer.title} can't be had: {withheld}."
        record(session, order, "phone_customer", text, at=now, actor=TELLS, data={"line_id": offer.line_id})


def heard_of_notice(session: Session, settled: Settled, now: datetime) -> None:
    """A text to a customer will not arrive: whoever was not told can't be silent, so a person must phone them, once."""
    if settled.kind is not Kind.NOTICE or settled.order_id is None or not settled.is_unreachable:
        return
    # One conditional statement: receipts come doubled, and from two machines.
    mine = (Notice.outbox_id == settled.outbox_id, Notice.kind.in_((NoticeKind.OFFER, NoticeKind.SUBSTITUTED)))
    lost = update(Notice).where(*mine, Notice.withheld.is_(None)).values(withheld=NOT_DELIVERED)
    if session.scalars(lost.returning(Notice.id)).first() is not None:
        order = session.get_one(Order, settled.order_id)
        text = f"The text on something else did not arrive. Somebody must phone {first_name(order.customer_name)}."
        record(session, order, "phone_customer", text, at=now, actor=TELLS)


def _notice(session: Session, offer: Offer, kind: NoticeKind) -> Notice | None:
    mine = (Notice.order_id == offer.order_id, Notice.kind == kind, Notice.round == offer.id)
    return session.scalars(select(Notice).where(*mine)).first()


def _is_worth_telling(kind: NoticeKind, event: OrderEvent, question: Notice | None) -> bool:
    """Whoever chose has had an answer; whoever was never asked need not hear that it is settled."""
    if kind is NoticeKind.SUBSTITUTED:
        return bool(event.data.get("agreed") == Agreed.LISTED)
    if kind is NoticeKind.OFFER_WITHDRAWN:
        return question is not None and question.outbox_id is not None and event.data.get("reason") != "delivered"
    return True


def _old_news(session: Session, order: Order, offer: Offer, kind: NoticeKind) -> str | None:
    """Why it is not true any more, if so: the world moves on while a worker is down."""
    if kind is NoticeKind.OFFER and (offer.state is not OfferState.OPEN or moot(order, offer)):
        return "it was settled before anybody was asked"
    if kind is NoticeKind.SUBSTITUTED:
        line = session.get(Line, offer.line_id) if offer.line_id else None
        if order.status is Status.CANCELLED or line is None or line.sku != offer.chosen_sku:
            return "it is something else by now"
    return None


def _said(kind: NoticeKind, told: wording.ToldOffer, order: Order) -> Said:
    if kind is NoticeKind.OFFER:
        return wording.offer(told, language(order))
    return wording.substituted(told) if kind is NoticeKind.SUBSTITUTED else wording.offer_withdrawn(told)


def _told(event: OrderEvent, order: Order, offer: Offer, links: Links) -> wording.ToldOffer:
    titles = {choice["sku"]: str(choice["title"]) for choice in offer.choices}
    chosen = titles.get(offer.chosen_sku or "")
    timezone = order.branch.timezone
    return wording.ToldOffer(
        shop=order.branch.name,
        name=first_name(order.customer_name).strip(),
        missing=offer.title,
        link=links.tracking(order.id),
        choices=(chosen,) if chosen else tuple(titles.values()),
        until=local_text(offer.reply_by, timezone, now=event.at) if offer.reply_by else "",
        takes_replies=takes_replies(country_prefix(order.customer_phone)),
        why=str(event.data.get("reason", "")),
    )
