"""Texts of customers that answer an offer of something else: which one is meant, what it says, what to say back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from ..messaging.tables import InboundText
from ..procurement.offers import Asked, asked_of_phone
from ..procurement.substitution_rules import NEITHER, OfferState, read_choice, read_titled_choice
from ..procurement.substitution_wording import which
from ..promise.offers import answer_offer

# A number that comes later than this is about something else.
REMEMBERED = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True)
class Reaction:
    """What to say back, and the order it is about, when that is known."""

    text: str
    order_id: int | None = None


def has_open_offer(session: Session, phone: str) -> bool:
    """Whether a customer with this phone is being asked something just now."""
    return any(offer.state is OfferState.OPEN for offer in asked_of_phone(session, phone))


def answer_by_text(session: Session, text: InboundText, now: datetime) -> Reaction | None:
    """Give a customer's text its effect when it answers an offer; None when it does not, and is but a note.

    What counts is when it reached us: an answer in time is not lost because we read it late.
    """
    offers = asked_of_phone(session, text.from_phone)
    is_open = [offer for offer in offers if offer.state is OfferState.OPEN]
    recent = [offer for offer in offers if text.received_at - offer.reply_by < REMEMBERED]
    # Nothing is open: it may be the answer to what was asked last, too late or once more.
    meant = is_open or recent[-1:]
    if not meant:
        return None
    found = _read(text.body, meant)
    if found is None:
        fits = [offer for offer in meant if read_choice(text.body, len(offer.titles)) is not None]
        return Reaction(text=which([offer.title for offer in fits])) if len(fits) > 1 else None
    offer, choice = found
    sku = None if choice == NEITHER else offer.skus[choice - 1]
    answered = answer_offer(session, offer.order_id, offer.id, sku, now, said_at=text.received_at)
    return Reaction(text=answered.text, order_id=offer.order_id)


def _read(body: str, offers: Sequence[Asked]) -> tuple[Asked, int] | None:
    """The offer that is meant and what is said of it; None when it could be either, or is no answer."""
    named = read_titled_choice(body, [(offer.title, len(offer.titles)) for offer in offers])
    if named is not None:
        return offers[named[0]], named[1]
    fits = [(offer, read_choice(body, len(offer.titles))) for offer in offers]
    said = [(offer, choice) for offer, choice in fits if choice is not None]
    return said[0] if len(said) == 1 else None
