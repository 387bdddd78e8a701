"""From what happened to an order to what its customer is told: each notice once, never to somebody who opted out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from ..foundation.hours import local_text
from ..foundation.log import get_logger
from ..foundation.tokens import Links
from ..messaging.rules import Kind
from ..messaging.service import Draft, enqueue, withdraw
from ..orders.rules import Status
from ..orders.tables import Order, OrderEvent
from ..orders.telling import counted_promise, worded
from ..orders.wording import first_name, things
from ..promise.rules import IN_DANGER
from ..promise.tables import Watch
from ..staff.tables import Staff
from .offer_notices import tell_of_offer, unreachable
from .rules import EARNS, OF_AN_OFFER, UNSAYS, NoticeKind, is_overtaken
from .tables import Notice
from .wording import Told, notice

log = get_logger("customers")

USEFUL_FOR = {
    NoticeKind.CONFIRMED: timedelta(hours=6),
    NoticeKind.ON_ITS_WAY: timedelta(hours=1),
    NoticeKind.DELIVERED: timedelta(hours=12),
}
NEWS = timedelta(minutes=1)
REPEATED = (NoticeKind.ON_ITS_WAY, NoticeKind.DELIVERED)
OVERTAKEN = "later news overtook it"
IS_CANCELLED = UNSAYS["cancelled"][1]
NOT_ON_ITS_WAY = UNSAYS["attempt_failed"][1]
# A notice that could not be written for this long is for a person to give.
TRIED_FOR = timedelta(minutes=5)


def relay_events(session: Session, now: datetime, *, links: Links, limit: int = 50) -> int:
    """Tell customers of events that they have not been told of; how many events were looked at.

    Rows are locked and passed over by other machines; the unique key of a notice makes a repeat harmless.
    """
    query = select(OrderEvent).where(OrderEvent.relayed_at.is_(None)).order_by(OrderEvent.id).limit(limit)
    events = session.scalars(query.with_for_update(skip_locked=True)).all()
    return sum(_relay(session, event, now, links=links) for event in events)


def _relay(session: Session, event: OrderEvent, now: datetime, *, links: Links) -> bool:
    """Tell of one event; False when that failed, and it is tried again until it is old news."""
    kind = EARNS.get(event.kind)
    try:
        # A savepoint: what can't be told of one order must not keep the others' customers waiting.
        with session.begin_nested():
            event.relayed_at = now
            if kind is not None:
                _tell(session, event, kind, now, links=links)
            elif event.kind in UNSAYS:
                _unsay(session, event, now)
            elif event.kind in OF_AN_OFFER:
                tell_of_offer(session, event, now, links=links)
    except DBAPIError:
        # The database's refusals end the whole transaction, which is tried again as one.
        raise
    except Exception:
        log.exception("a customer could not be told", event_id=event.id, order_id=event.order_id)
        if now - event.at < TRIED_FOR:
            return False
        event.relayed_at = now
    return True


def _tell(session: Session, event: OrderEvent, kind: NoticeKind, now: datetime, *, links: Links) -> None:
    order = session.get_one(Order, event.order_id)
    # Each attempt to deliver has its own; a delivery that was taken back before its text left is told when it is true.
    earlier = select(func.count()).where(
        OrderEvent.order_id == order.id, OrderEvent.kind == event.kind, OrderEvent.id < event.id
    )
    number = (session.scalar(earlier) or 0) + 1 if kind in REPEATED else 1
    same = select(Notice.id).where(Notice.order_id == order.id, Notice.kind == kind, Notice.round == number)
    if session.scalars(same).first() is not None:
        return
    withheld = _reason_to_withhold(session, order, kind, is_news=now - event.at < NEWS)
    row = Notice(order_id=order.id, kind=kind, round=number, withheld=withheld, created_at=now)
    session.add(row)
    if withheld is None:
        draft = Draft(
            key=f"notice:{order.id}:{kind.value}:{number}",
            kind=Kind.NOTICE,
            to_phone=order.customer_phone,
            body=worded(session, order, notice(kind, _told(session, order, event, links))),
            order_id=order.id,
            useful_until=_useful_until(order, kind, now),
        )
        row.outbox_id = enqueue(session, draft, now)
        _overtake(session, order, kind, now)


def _useful_until(order: Order, kind: NoticeKind, now: datetime) -> datetime:
    """How long a notice is true: nobody is told by when they will have it after that time."""
    until = now + USEFUL_FOR[kind]
    return min(until, order.promised_by) if kind is NoticeKind.CONFIRMED else until


def _overtake(session: Session, order: Order, kind: NoticeKind, now: datetime) -> None:
    """After an outage the customer hears the newest alone: what has waited for long and has not left is taken back."""
    for old in _told_of(session, order.id):
        if is_overtaken(old.kind, by=kind, waited=now - old.created_at):
            _take_back(session, old, now, why=OVERTAKEN)


def _unsay(session: Session, event: OrderEvent, now: datetime) -> None:
    """What was to be said of the order is no longer true; whoever sets out again is told of anew."""
    kinds, why = UNSAYS[event.kind]
    for old in _told_of(session, event.order_id):
        if old.kind in kinds:
            _take_back(session, old, now, why=why)


def _told_of(session: Session, order_id: int) -> Sequence[Notice]:
    said = (Notice.order_id == order_id, Notice.outbox_id.is_not(None), Notice.withheld.is_(None))
    return session.scalars(select(Notice).where(*said).order_by(Notice.id)).all()


def _take_back(session: Session, old: Notice, now: datetime, *, why: str) -> None:
    # The text goes before its notice, as receipts lock them. One that is leaving just now is not tried a second time.
    if old.outbox_id and withdraw(session, now=now, text_ids=[old.outbox_id], why=why):
        old.withheld = why


def _reason_to_withhold(session: Session, order: Order, kind: NoticeKind, *, is_news: bool) -> str | None:
    why = unreachable(session, order)
    if why is not None:
        return why
    if order.status is Status.CANCELLED:
        return IS_CANCELLED
    # Delivered in the same breath: both are told, in their order.
    is_just_there = is_news and order.status is Status.DELIVERED
    if kind is NoticeKind.CONFIRMED and not is_news and order.status in {Status.OUT_FOR_DELIVERY, Status.DELIVERED}:
        return OVERTAKEN
    if kind is NoticeKind.ON_ITS_WAY and order.status is not Status.OUT_FOR_DELIVERY and not is_just_there:
        return NOT_ON_ITS_WAY
    if kind is NoticeKind.ON_ITS_WAY and order.is_to_be_collected:
        return "they come and collect it"
    return None


def _told(session: Session, order: Order, event: OrderEvent, links: Links) -> Told:
    branch = order.branch
    carrier = session.get(Staff, order.carrier_id) if order.carrier_id else None
    way = order.travel_minutes if order.travel_minutes is not None else branch.policy.travel_minutes
    watch = session.get(Watch, order.id)
    about = local_text(event.at + timedelta(minutes=way), branch.timezone, now=event.at)
    return Told(
        shop=branch.name,
        name=first_name(order.customer_name).strip(),
        what=things(order.lines),
        promised=local_text(order.promised_by, branch.timezone, now=event.at),
        link=links.tracking(order.id),
        carrier=first_name(carrier.name).strip() if carrier else "",
        about=about,
        pin=order.pin or "",
        is_tight=watch is not None and watch.level in IN_DANGER,
        is_late=(order.delivered_at or event.at) > counted_promise(session, order).promised_by,
    )
