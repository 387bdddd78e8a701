"""Offers of something else: opened when a line can't be had, answered by the customer, closed by time or better news.

The caller of everything that writes holds the order's lock: of an answer, the clock and somebody who finds the book
after all, each sees what the one before it did.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from ..foundation.errors import Conflict
from ..foundation.hours import local_text
from ..messaging.phrase_rules import tidy
from ..orders.rules import CLOSED, IN_HAND, OPEN, Sourcing, Status, Substitution
from ..orders.service import record
from ..orders.tables import Line, Order
from ..orders.wording import first_name
from .substitution import Shown, here_by, lock_shelves, offers_of_line, record_replaced, replace, substitutes
from .substitution_rules import MOST_CHOICES, SHORTEST_WAIT, Agreed, OfferState, possible, reply_by
from .tables import Offer

CLOCK = "clock"
JUST_PAST = timedelta(seconds=1)
SAID_NO = (OfferState.DECLINED, OfferState.EXPIRED)
OPEN_OFFERS = (
    select(Offer)
    .where(Offer.order_id == bindparam("order"), Offer.state == OfferState.OPEN)
    .order_by(Offer.id)
    .execution_options(populate_existing=True)
)


class Moot(enum.StrEnum):
    """Why nobody needs to choose any more."""

    FOUND = "found"
    CANCELLED = "cancelled"
    DELIVERED = "delivered"
    CHANGED = "changed"


def take_up(session: Session, order: Order, line: Line, now: datetime, *, actor: str) -> None:
    """A line turned out unobtainable: do what the customer agreed to, in the same transaction.

    A customer who said no once, or said nothing, is not asked again by itself.
    """
    past = offers_of_line(session, line)
    latest = past[-1] if past else None
    if latest and latest.state is OfferState.OPEN:
        return
    if line.substitution is Substitution.NEVER:
        _phone(session, order, f"The customer wants nothing else instead of {line.title}", now, line=line)
    elif latest and latest.state in SAID_NO:
        _phone(session, order, f"The customer was asked before, and wants only {line.title}", now, line=line)
    elif line.substitution is Substitution.LISTED:
        _take_listed(session, order, line, now, actor=actor)
    elif not _open(session, order, line, now, actor=actor):
        _phone(session, order, f"There is nothing to offer instead of {line.title}", now, line=line)


def _phone(session: Session, order: Order, why: str, now: datetime, *, line: Line | None) -> None:
    """An alarm in the history: only a person can help now."""
    text = tidy(f"{why}. Somebody must phone {first_name(order.customer_name)}.")
    data = {"line_id": line.id if line else None}
    record(session, order, "phone_customer", text, at=now, actor=CLOCK, data=data)


def in_time(session: Session, order: Order, line: Line, now: datetime, *, from_: datetime) -> list[Shown]:
    """The substitutes that can still be had when begun with at `from_`, the best first."""
    known = {shown.candidate.sku: shown for shown in substitutes(session, order, line, now)}
    found = possible([shown.candidate for shown in known.values()], here_by(order, now), from_=from_)
    return [known[candidate.sku] for candidate in found]


def _take_listed(session: Session, order: Order, line: Line, now: datetime, *, actor: str) -> None:
    # All their shelves are locked before one is chosen: what we then count is still there when it is kept.
    shelves = lock_shelves(session, order, [shown.item for shown in substitutes(session, order, line, now)])
    found = in_time(session, order, line, now, from_=now)
    if not found:
        _phone(session, order, f"None of the usual substitutes for {line.title} can be had either", now, line=line)
        return
    best = found[0]
    offer = new_offer(order, line, found[:MOST_CHOICES], now)
    offer.state, offer.closed_at = OfferState.CHOSEN, now
    offer.agreed, offer.chosen_sku = Agreed.LISTED, best.item.sku
    session.add(offer)
    shelf = shelves.get(best.item.id) if best.candidate.is_on_shelf else None
    replace(session, line, best.item, shelf, now)
    record_replaced(session, order, line, offer, now, actor=actor)


def new_offer(order: Order, line: Line, found: Sequence[Shown], now: datetime) -> Offer:
    """An offer, not yet written down."""
    return Offer(
        order_id=order.id,
        line_id=line.id,
        item_id=line.item_id,
        sku=line.sku,
        title=line.title,
        choices=choices_of(found),
        state=OfferState.OPEN,
        opened_at=now,
    )


def choices_of(found: Sequence[Shown]) -> list[dict[str, Any]]:
    """Choices as an offer keeps them."""
    return [{"sku": shown.item.sku, "title": shown.item.title} for shown in found]


def _open(session: Session, order: Order, line: Line, now: datetime, *, actor: str) -> Offer | None:
    """Ask the customer; None when there is nothing that could still come in time after the shortest wait."""
    found = in_time(session, order, line, now, from_=now + SHORTEST_WAIT)[:MOST_CHOICES]
    if not found:
        return None
    offer = new_offer(order, line, found, now)
    offer.reply_by = reply_by([shown.candidate for shown in found], here_by(order, now), now=now)
    session.add(offer)
    session.flush()
    titles = ", ".join(shown.item.title for shown in found)
    until = local_text(offer.reply_by, order.branch.timezone, now=now)
    text = tidy(f"Offered instead of {line.title}: {titles}. To be answered by {until}; silence means no.")
    data = {"line_id": line.id, "offer_id": offer.id}
    record(session, order, "substitution_offered", text, at=now, actor=actor, data=data)
    return offer


def ask_again(session: Session, order: Order, line: Line, now: datetime, *, actor: str) -> None:
    """Somebody at the desk has the customer asked once more. Raises Conflict when there is nothing to ask."""
    past = offers_of_line(session, line)
    if past and past[-1].state is OfferState.OPEN:
        raise Conflict(f"The customer is being asked about {line.title} already.")
    if order.status is not Status.PROCURING or line.sourcing is not Sourcing.UNAVAILABLE:
        raise Conflict(f"{line.title} is not given up: report it as not to be had first.")
    if _open(session, order, line, now, actor=actor) is None:
        raise Conflict(f"No listed substitute of {line.title} can come in time: phone them.")


def close_offers(session: Session, order: Order, now: datetime) -> datetime | None:
    """Close the offers whose time has passed or that nobody needs any more; when to look at the rest, if any.

    Doing it twice, or late, comes to the same.
    """
    left: list[datetime] = []
    for offer in session.scalars(OPEN_OFFERS, {"order": order.id}).all():
        why = moot(order, offer)
        if why is not None:
            withdraw(session, order, offer, why, now)
        elif offer.reply_by is None or now > offer.reply_by:
            expire(session, order, offer, now)
        else:
            left.append(offer.reply_by + JUST_PAST)
    return min(left, default=None)


def line_of(order: Order, offer: Offer) -> Line | None:
    """The line that an offer is about, while it is on the order."""
    return next((line for line in order.lines if line.id == offer.line_id), None)


def moot(order: Order, offer: Offer) -> Moot | None:
    """Why an offer needs no answer any more, if it doesn't. Somebody who is looking once more has not found it yet."""
    if order.status in CLOSED:
        return Moot.CANCELLED if order.status is Status.CANCELLED else Moot.DELIVERED
    line = line_of(order, offer)
    if line is None or line.title != offer.title:
        return Moot.CHANGED
    return Moot.FOUND if line.sourcing in IN_HAND or line.sourcing is Sourcing.RESERVED else None


def withdraw(session: Session, order: Order, offer: Offer, why: Moot, now: datetime) -> None:
    """Better news than an answer."""
    offer.state, offer.closed_at = OfferState.WITHDRAWN, now
    text = f"Nobody needs to choose instead of {offer.title} any more: {why.value}."
    data = {"line_id": offer.line_id, "offer_id": offer.id, "reason": why.value}
    record(session, order, "substitution_withdrawn", text, at=now, actor=CLOCK, data=data)


def expire(session: Session, order: Order, offer: Offer, now: datetime) -> None:
    """Silence means no. The customer hears no more of it from us; a person phones them."""
    offer.state, offer.closed_at = OfferState.EXPIRED, now
    until = local_text(offer.reply_by, order.branch.timezone, now=now) if offer.reply_by else "now"
    text = (
        f"No answer by {until} to what was offered instead of {offer.title}: that means no. "
        f"Somebody must phone {first_name(order.customer_name)}."
    )
    data = {"line_id": offer.line_id, "offer_id": offer.id}
    record(session, order, "substitution_expired", text, at=now, actor=CLOCK, data=data)


# --- what others read ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One offer as somebody who may answer it sees it. `titles` in the order of their numbers."""

    id: int
    order_id: int
    line_id: int | None
    title: str
    skus: tuple[str, ...]
    titles: tuple[str, ...]
    state: OfferState
    reply_by: datetime
    chosen_sku: str | None


def asked(session: Session, order_ids: Sequence[int]) -> list[Asked]:
    """What the customers of these orders were asked, oldest first; one query for any number of orders."""
    query = select(Offer).where(Offer.order_id.in_(order_ids), Offer.reply_by.is_not(None)).order_by(Offer.id)
    rows = session.scalars(query.execution_options(populate_existing=True))
    return [
        Asked(
            id=row.id,
            order_id=row.order_id,
            line_id=row.line_id,
            title=row.title,
            skus=tuple(choice["sku"] for choice in row.choices),
            titles=tuple(choice["title"] for choice in row.choices),
            state=OfferState(row.state),
            reply_by=row.reply_by,
            chosen_sku=row.chosen_sku,
        )
        for row in rows
        if row.reply_by
    ]


def asked_of_phone(session: Session, phone: str) -> list[Asked]:
    """What the customer with this phone was asked about orders that are still open, oldest first."""
    mine = select(Order.id).where(Order.customer_phone == phone, Order.status.in_(OPEN))
    return asked(session, session.scalars(mine).all())


def offer_shapes(session: Session, order_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The newest question about each line, by line id, as the API shows it."""
    return {
        row.line_id: {
            "state": row.state.value,
            "choices": [{"sku": sku, "title": title} for sku, title in zip(row.skus, row.titles, strict=True)],
            "reply_by": row.reply_by.isoformat(),
        }
        for row in asked(session, order_ids)
        if row.line_id is not None
    }
