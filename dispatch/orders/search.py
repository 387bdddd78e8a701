"""Finding orders by what somebody remembers of them: reference, name, the end of a phone number, a title."""

from __future__ import annotations

import re

from sqlalchemy import ColumnElement, and_, false, or_, select
from sqlalchemy.orm import Session

from .rules import OPEN
from .tables import Line, Order

# Fewer digits are at the end of too many numbers.
FEWEST_DIGITS = 3
LONGEST = 100
BETWEEN_DIGITS = re.compile(r"[\s()./+-]")


def search(session: Session, text: str, *, limit: int) -> list[Order]:
    """Orders, open or closed, those that are open first, then the newest.

    Every word must be found, in the reference, the customer's name or a title; or all of it ends the phone number.
    Reads the orders one by one, as nobody knows where in a name somebody begins: some 100 ms for a hundred thousand.
    """
    words = text[:LONGEST].split()
    if not words:
        return []
    found = or_(_ends_phone(text[:LONGEST]), and_(*(_has(word) for word in words)))
    query = select(Order).where(found).order_by(Order.status.in_(OPEN).desc(), Order.id.desc())
    return list(session.scalars(query.limit(limit)))


def _ends_phone(text: str) -> ColumnElement[bool]:
    # A number is read aloud with a zero in front where we keep the country.
    digits = BETWEEN_DIGITS.sub("", text).lstrip("0")
    is_number = digits.isascii() and digits.isdecimal() and len(digits) >= FEWEST_DIGITS
    return Order.customer_phone.endswith(digits) if is_number else false()


def _has(word: str) -> ColumnElement[bool]:
    in_title = select(Line.id).where(Line.order_id == Order.id, Line.title.icontains(word, autoescape=True))
    named = Order.customer_name.icontains(word, autoescape=True)
    return or_(Order.ref == word.upper(), named, in_title.exists())
