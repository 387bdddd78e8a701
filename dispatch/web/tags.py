"""What stands on a row beside its state: who must be phoned, what a customer wrote, is asked, and was told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..customers.heads_up_rules import Preference
from ..customers.tables import HeadsUp
from ..escalation.rules import EscalationState
from ..orders.desk import to_phone, to_read
from ..orders.tables import Order
from ..procurement.substitution_rules import OfferState
from . import words

ASKING = (EscalationState.OPEN, EscalationState.UNANSWERED)
TOLD = "customer told, no answer yet"
ANSWERED = {
    Preference.WAIT: "customer waits",
    Preference.LATER: "customer takes it later",
    Preference.COLLECT: "customer collects it",
    Preference.CANCEL: "customer wants it no more",
}


def asked_words(shape: Mapping[str, Any], timezone: str, now: datetime) -> str:
    """Until when the customer may choose something else; empty when nothing is open."""
    offers = [line["substitution_offer"] for line in shape["lines"] if line["substitution_offer"]]
    until = [words.instant(offer["reply_by"]) for offer in offers if offer["state"] == OfferState.OPEN]
    return f"asked until {words.clock_words(min(filter(None, until)), timezone, now=now)}" if any(until) else ""


def phone_words(session: Session, shapes: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """By ref, whom a person must phone; whoever was passed over only while help is still being asked for."""
    asking = {shape["ref"] for shape in shapes if (shape["escalation"] or {}).get("state") in ASKING}
    found = {}
    for ref, asked in to_phone(session, [shape["ref"] for shape in shapes]).items():
        if any(each.is_customer for each in asked):
            found[ref] = "phone the customer"
        elif ref in asking:
            found[ref] = "phone whom we can't text"
    return found


def wrote_words(session: Session, shapes: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """By ref, what its customer wrote last and nobody has read."""
    found = to_read(session, [shape["ref"] for shape in shapes])
    return {ref: said[max(said)] for ref, said in found.items()}


def told_words(session: Session, shapes: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """By ref, that the customer had a heads-up, and what they want; one query for any number of orders."""
    query = select(Order.ref, HeadsUp.answer).join(HeadsUp, HeadsUp.order_id == Order.id)
    texted = (HeadsUp.outbox_id.is_not(None), HeadsUp.withheld.is_(None))
    rows = session.execute(query.where(Order.ref.in_([shape["ref"] for shape in shapes]), *texted))
    return {ref: ANSWERED[answer] if answer else TOLD for ref, answer in rows}
