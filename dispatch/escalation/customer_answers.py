"""Texts of customers that answer what we asked: an offer of something else first, then whatever else is open."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy.orm import Session

from ..messaging.inbound import Reaction
from ..messaging.tables import InboundText
from ..procurement.offers import Asked, asked_of_phone
from ..procurement.substitution_rules import NEITHER, OfferState, read_choice, read_titled_choice, titled_choices
from ..procurement.substitution_wording import which
from ..promise.offers import answer_offer

# A number that comes later than this is about something else.
REMEMBERED = timedelta(hours=24)


class Listener(Protocol):
    """Another room that may have asked the customer something."""

    def __call__(self, session: Session, text: InboundText, now: datetime, /) -> Reaction | None:
        """Give a text its effect when it answers that; None when it does not."""


def react(session: Session, text: InboundText, now: datetime, *, listeners: Sequence[Listener]) -> Reaction | None:
    """What to say to a customer's text: what is open goes before what was settled, so that "1" is the answer to what
    they are being asked."""
    answered = answer_by_text(session, text, now, is_open=True)
    for listen in listeners:
        answered = answered or listen(session, text, now)
    return answered or answer_by_text(session, text, now, is_open=False)


def has_open_offer(session: Session, phone: str) -> bool:
    """Whether a customer with this phone is being asked something just now."""
    return any(offer.state is OfferState.OPEN for offer in asked_of_phone(session, phone))


def answer_by_text(session: Session, text: InboundText, now: datetime, *, is_open: bool) -> Reaction | None:
    """Give a customer's text its effect when it answers an offer; None when it does not, and is but a note.

    `is_open`: an offer that is, or else the last one: it may be answered too late, or once more. What counts is when it
    reached us: an answer in time is not lost because we read it late.
    """
    offers = asked_of_phone(session, text.from_phone)
    recent = [offer for offer in offers if text.received_at - offer.reply_by < REMEMBERED]
    meant = [offer for offer in offers if offer.state is OfferState.OPEN] if is_open else recent[-1:]
    if not meant:
        return None
    found = _read(text.body, meant)
    if found is None:
        bare = [offer for offer in meant if read_choice(text.body, len(offer.titles)) is not None]
        fits = bare or [meant[number] for number, _ in titled_choices(text.body, _titled(meant))]
        return Reaction(text=which([offer.title for offer in fits])) if len(fits) > 1 else None
    offer, choice = found
    sku = None if choice == NEITHER else offer.skus[choice - 1]
    answered = answer_offer(session, offer.order_id, offer.id, sku, now, said_at=text.received_at)
    return Reaction(text=answered.text, order_id=offer.order_id)


def _titled(offers: Sequence[Asked]) -> list[tuple[str, int]]:
    return [(offer.title, len(offer.titles)) for offer in offers]


def _read(body: str, offers: Sequence[Asked]) -> tuple[Asked, int] | None:
    """The offer that is meant and what is said of it; None when it could be either, or is no answer."""
    named = read_titled_choice(body, _titled(offers))
    if named is not None:
        return offers[named[0]], named[1]
    fits = [(offer, read_choice(body, len(offer.titles))) for offer in offers]
    said = [(offer, choice) for offer, choice in fits if choice is not None]
    return said[0] if len(said) == 1 else None
