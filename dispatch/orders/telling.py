"""How the customer of an order is spoken to: in their language, in the shop's own words, of what they count on."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..messaging.phrase_rules import Language, Said, language_of
from ..messaging.phrasebook import say
from .tables import Order, Promise


def language(order: Order) -> Language:
    """The language that we have words in and that comes nearest to the customer's."""
    return language_of(order.customer_language)


def worded(session: Session, order: Order, said: Said) -> str:
    """A text to the customer of an order."""
    return say(session, said, branch_id=order.branch_id, language=language(order))


def counted_promise(session: Session, order: Order) -> Promise:
    """The promise that the customer counts on: the last one they agreed to, else the first.

    A new time that nobody has agreed with them breaks the old promise all the same.
    """
    return _counted(session, order)[0]


def broken_promise(session: Session, order: Order, at: datetime) -> Promise:
    """The promise that is broken at this instant: the last that counted and had passed, else the one that counts."""
    counted = _counted(session, order)
    return next((row for row in counted if row.promised_by < at), counted[0])


def _counted(session: Session, order: Order) -> list[Promise]:
    """What the customer has counted on, the newest first."""
    rows = session.scalars(select(Promise).where(Promise.order_id == order.id).order_by(Promise.number)).all()
    return [*(row for row in reversed(rows[1:]) if row.is_agreed), rows[0]]
