"""The heads-up at work: once per order, while the promise is at risk and the customer can still act."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from ..foundation.hours import local_text
from ..foundation.tokens import Links
from ..foundation.types import country_prefix
from ..messaging.reachable import why_unreachable
from ..messaging.rules import Kind, takes_replies
from ..messaging.service import Draft, Settled, enqueue, withdraw
from ..orders.rules import Sourcing, Status
from ..orders.service import record
from ..orders.tables import Line, Order
from ..orders.telling import language, worded
from ..orders.wording import first_name, things
from ..procurement.offers import asked_of_phone
from ..procurement.substitution_rules import OfferState
from ..promise.looks import Look
from ..promise.rules import IN_DANGER
from .heads_up_rules import Preference, choices, due_at, proposed
from .heads_up_wording import Told, heads_up
from .offer_notices import NOT_DELIVERED, TELLS
from .tables import HeadsUp

# Of an order that is at risk from the first both texts would race: nobody reads of danger before they read that we
# have their order.
AFTER_CONFIRMED = timedelta(seconds=3)


def consider(
    session: Session,
    order: Order,
    look: Look | None,
    now: datetime,
    *,
    links: Links,
    has_failed: Callable[[], bool] = lambda: False,
) -> datetime | None:
    """Tell the customer when it is time to; when to look again, if for that alone.

    `look`: what the clock found, None for an order that is closed: then a heads-up that has not left is taken back.
    `has_failed`: whether a promise of it is broken already. Then it is on the case to speak: a fix that is offered, and
    a warning against it, must not come together.
    The caller holds the order's lock; the key of the row is the guard for whoever does not.
    """
    if look is None:
        row = session.get(HeadsUp, order.id)
        if row is not None and row.outbox_id is not None and row.answer is None:
            withdraw(session, now=now, text_ids=[row.outbox_id], why="the order is closed")
        return None
    if look.level not in IN_DANGER and look.has_called:
        _unsay(session, order, now)
    at = due_at(look.level, order.promised_by, is_last_rung=look.is_last_rung, now=now)
    if at is None or session.get(HeadsUp, order.id) is not None:
        return None
    if at > now:
        return at
    if not has_failed():
        _tell(session, order, look, now, links=links)
    return None


def _unsay(session: Session, order: Order, now: datetime) -> None:
    """Safe again before it has left: as if it had not been written, so that the next danger has its own."""
    row = session.get(HeadsUp, order.id)
    if row is None or row.outbox_id is None or row.answer is not None:
        return
    if withdraw(session, now=now, text_ids=[row.outbox_id], why="it is safe again"):
        session.delete(row)
        session.flush()
        text = f"Safe again before the text had left: {first_name(order.customer_name)} was not told of any danger."
        record(session, order, "heads_up_unsaid", text, at=now, actor=TELLS)


def _tell(session: Session, order: Order, look: Look, now: datetime, *, links: Links) -> None:
    timezone = order.branch.timezone
    later = proposed(order.promised_by, look.projected_at, timezone)
    row = HeadsUp(
        order_id=order.id,
        made_at=now,
        promised_by=order.promised_by,
        proposed_at=later,
        choices=[choice.value for choice in choices(order.status, later, is_missing=bool(missing(order)))],
        withheld=why_unreachable(session, order.customer_phone),
    )
    session.add(row)
    session.flush()
    if row.withheld is None:
        _text(session, order, row, look, now, links=links)
    else:
        record(session, order, "phone_customer", _not_told(order, row.withheld, now), at=now, actor=TELLS)


def _not_told(order: Order, why: str, now: datetime) -> str:
    promised = local_text(order.promised_by, order.branch.timezone, now=now)
    return f"{first_name(order.customer_name)} does not know yet that it may not be there by {promised}: {why}."


def _text(session: Session, order: Order, row: HeadsUp, look: Look, now: datetime, *, links: Links) -> None:
    timezone, later, name = order.branch.timezone, row.proposed_at, first_name(order.customer_name)
    promised = local_text(order.promised_by, timezone, now=now)
    told = Told(
        shop=order.branch.name,
        name=name.strip(),
        what=things(order.lines),
        promised=promised,
        link=links.tracking(order.id),
        cause=look.clock,
        choices=[Preference(choice) for choice in row.choices],
        later=local_text(later, timezone, now=now) if later else "",
        taker=first_name(look.taker).strip(),
        takes_replies=_takes_numbers(session, order),
        missing=len(missing(order)),
        count=len(order.lines),
    )
    draft = Draft(
        # With its instant: one that was taken back is no reason to keep quiet of the next danger.
        key=f"heads_up:{order.id}:{now:%d%H%M%S%f}",
        kind=Kind.NOTICE,
        to_phone=order.customer_phone,
        body=worded(session, order, heads_up(told, language(order))),
        order_id=order.id,
        useful_until=order.promised_by,
        due_at=max(now, order.created_at + AFTER_CONFIRMED),
    )
    row.outbox_id = enqueue(session, draft, now)
    text = f"Told {name} that it may not be there by {promised}, and asked what they prefer."
    data = {"choices": row.choices, "proposed_at": later.isoformat() if later else None}
    record(session, order, "heads_up", text, at=now, actor=TELLS, data=data)


def missing(order: Order) -> list[Line]:
    """What of an order can't be had, as far as anybody knows."""
    return [line for line in order.lines if line.sourcing is Sourcing.UNAVAILABLE]


def _takes_numbers(session: Session, order: Order) -> bool:
    """Whether a number alone says what is meant: not while they are asked, by number, what they take instead."""
    is_asked = any(offer.state is OfferState.OPEN for offer in asked_of_phone(session, order.customer_phone))
    return takes_replies(country_prefix(order.customer_phone)) and not is_asked


def heard_of_heads_up(session: Session, settled: Settled, now: datetime) -> None:
    """The heads-up will not arrive: a person must phone them while they can still choose, once."""
    if settled.kind is not Kind.NOTICE or settled.order_id is None or not settled.is_unreachable:
        return
    # One conditional statement: receipts come doubled, and from two machines.
    mine = (HeadsUp.outbox_id == settled.outbox_id, HeadsUp.withheld.is_(None), HeadsUp.answer.is_(None))
    lost = update(HeadsUp).where(*mine).values(withheld=NOT_DELIVERED)
    if session.scalars(lost.returning(HeadsUp.order_id)).first() is not None:
        order = session.get_one(Order, settled.order_id)
        text = f"The heads-up did not arrive. Somebody must phone {first_name(order.customer_name)}."
        record(session, order, "phone_customer", text, at=now, actor=TELLS)


def heads_up_of(session: Session, order_id: int) -> HeadsUp | None:
    """What the customer of an order was told and asked, if they were."""
    return session.get(HeadsUp, order_id, populate_existing=True)


def is_open(row: HeadsUp, order: Order) -> bool:
    """Whether the customer can still choose."""
    return row.answer is None and order.status not in (Status.DELIVERED, Status.CANCELLED)


def heads_up_shape(session: Session, order_id: int) -> dict[str, Any] | None:
    """The heads-up of an order as the API shows it, if there was one."""
    row = heads_up_of(session, order_id)
    if row is None:
        return None
    return {
        "made_at": row.made_at.isoformat(),
        "choices": list(row.choices),
        "proposed_at": row.proposed_at.isoformat() if row.proposed_at else None,
        "answer": row.answer.value if row.answer else None,
        "answered_at": row.answered_at.isoformat() if row.answered_at else None,
        "withheld": row.withheld,
    }
