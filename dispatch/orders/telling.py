"""How the customer of an order is spoken to: in their language, and in the shop's own words."""

from __future__ import annotations

from sqlalchemy.orm import Session

from ..messaging.phrase_rules import Language, Said, language_of
from ..messaging.phrasebook import say
from .tables import Order


def language(order: Order) -> Language:
    """The language that we have words in and that comes nearest to the customer's."""
    return language_of(order.customer_language)


def worded(session: Session, order: Order, said: Said) -> str:
    """A text to the customer of an order."""
    return say(session, said, branch_id=order.branch_id, language=language(order))
