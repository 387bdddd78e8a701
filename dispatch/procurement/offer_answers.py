"""The customer's answer to an offer, by text, on their page or over the phone; the caller holds the order's lock."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..foundation.errors import Conflict, Invalid, NotFound
from ..foundation.hours import local_text
from ..messaging.phrase_rules import tidy
from ..orders.rules import Sourcing, Status
from ..orders.service import record
from ..orders.tables import Line, Order, OrderEvent
from ..orders.wording import first_name
from . import substitution_wording as wording
from .offers import CLOCK, Moot, choices_of, expire, in_time, line_of, moot, new_offer, withdraw
from .substitution import Shown, lock_shelves, offers_of_line, record_replaced, replace, substitutes
from .substitution_rules import MOST_CHOICES, Agreed, OfferState
from .tables import Item, Offer, Stock

# Somebody may be looking once more: until it is found, something else will still do.
GIVEN_UP = (Sourcing.UNAVAILABLE, Sourcing.SEARCHING)


class Outcome(enum.StrEnum):
    """What came of an answer."""

    TAKEN = "taken"
    DECLINED = "declined"
    GONE = "gone"
    LATE = "late"
    OVER = "over"
    ALREADY = "already"


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What came of an answer, and what to tell the customer. `is_new`: the order is not what it was before."""

    outcome: Outcome
    text: str
    is_new: bool = False


@dataclass(frozen=True, kw_only=True)
class Said:
    """An answer: `sku` of what they want, None for nothing; how and when they said it, and who wrote it down."""

    sku: str | None
    agreed: Agreed
    at: datetime
    actor: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One answer under way: the order, locked, what was offered and what was said."""

    session: Session
    order: Order
    offer: Offer
    said: Said
    now: datetime

    @property
    def until(self) -> str:
        """When the time to answer ends, as the branch says it."""
        offer = self.offer
        return local_text(offer.reply_by, self.order.branch.timezone, now=self.now) if offer.reply_by else ""

    @property
    def is_in_time(self) -> bool:
        """Whether they said it while their answer counts; the desk is never too late."""
        is_late = self.offer.reply_by is None or self.said.at > self.offer.reply_by
        return self.said.agreed is Agreed.PHONE or not is_late

    def record(self, kind: str, text: str, *, actor: str | None = None, choice: str | None = None) -> None:
        """An event of the order."""
        data: dict[str, Any] = {"line_id": self.offer.line_id, "offer_id": self.offer.id}
        data |= {"choice": choice} if choice is not None else {}
        said = tidy(text)
        record(self.session, self.order, kind, said, at=self.now, actor=actor or self.said.actor, data=data)

    def somebody_must_phone(self) -> str:
        """What only a person can do now."""
        return f"Somebody must phone {first_name(self.order.customer_name)}."


def answer(session: Session, order: Order, offer_id: int, said: Said, now: datetime) -> Answered:
    """Give an answer its effect, once: the same one twice says the same and changes nothing.

    One that was sent in time counts, also when we read it late, as long as nobody else has settled the line: then a
    silence that was taken for a no was none. A yes within the time undoes a no. Raises NotFound, or Invalid naming
    `choice`.
    """
    query = select(Offer).where(Offer.id == offer_id, Offer.order_id == order.id)
    offer = session.scalars(query.execution_options(populate_existing=True)).first()
    if offer is None:
        raise NotFound("There is no such offer.")
    titles = _titles(offer)
    if offer.state is OfferState.CHOSEN:
        return Answered(outcome=Outcome.ALREADY, text=wording.already(titles.get(offer.chosen_sku or "", "it")))
    case = Case(session=session, order=order, offer=offer, said=said, now=now)
    line, why = line_of(order, offer), moot(order, offer)
    if line is None or why is not None or offer.state is OfferState.WITHDRAWN or not _is_newest(session, offer):
        return _over(case, why)
    if said.sku is not None and said.sku not in titles:
        raise Invalid("choice", "is not one of what is offered now: choose one of those, or none")
    if not case.is_in_time:
        return _late(case)
    return _decline(case) if said.sku is None else _take(case, line)


def _titles(offer: Offer) -> dict[str, str]:
    return {choice["sku"]: choice["title"] for choice in offer.choices}


def _is_newest(session: Session, offer: Offer) -> bool:
    newer = select(Offer.id).where(Offer.line_id == offer.line_id, Offer.id > offer.id).limit(1)
    return session.scalars(newer).first() is None


def _over(case: Case, why: Moot | None) -> Answered:
    if case.offer.state is OfferState.OPEN:
        # The watch round would have said so in a moment.
        withdraw(case.session, case.order, case.offer, why or Moot.CHANGED, case.now)
    return Answered(outcome=Outcome.OVER, text=wording.over(case.offer.title, reason=why or Moot.CHANGED))


def _late(case: Case) -> Answered:
    """Kind and true; somebody phones, and what they wanted stands in the history, once."""
    offer, order = case.offer, case.order
    if offer.state is OfferState.OPEN:
        expire(case.session, order, offer, case.now)
    kind, choice = "substitution_answered_late", case.said.sku or ""
    query = select(OrderEvent).where(OrderEvent.order_id == order.id, OrderEvent.kind == kind)
    before = {(event.data["offer_id"], event.data["choice"]) for event in case.session.scalars(query)}
    if (offer.id, choice) not in before:
        wants = _titles(offer).get(choice, "nothing else")
        text = f"After {case.until} the customer chose {wants} instead of {offer.title}. {case.somebody_must_phone()}"
        case.record(kind, text, choice=choice)
    return Answered(outcome=Outcome.LATE, text=wording.late(offer.title, until=case.until))


def _decline(case: Case) -> Answered:
    offer = case.offer
    text = wording.declined(offer.title)
    if offer.state is OfferState.DECLINED:
        return Answered(outcome=Outcome.DECLINED, text=text)
    offer.state, offer.closed_at = OfferState.DECLINED, case.now
    event = f"The customer wants nothing else instead of {offer.title}.{case.said.note}"
    if case.said.agreed is not Agreed.PHONE:
        event += f" {case.somebody_must_phone()}"
    case.record("substitution_declined", event)
    return Answered(outcome=Outcome.DECLINED, text=text, is_new=True)


def _take(case: Case, line: Line) -> Answered:
    sku = case.said.sku or ""
    title = _titles(case.offer)[sku]
    known = {shown.item.sku: shown.item for shown in substitutes(case.session, case.order, line, case.now)}
    best, shelf, left = _claim(case.session, case.order, line, known.get(sku), case.now)
    if best is None:
        return _gone(case, title, left)
    _settle(case, line, best, shelf)
    return Answered(outcome=Outcome.TAKEN, text=wording.taken(title, is_here=shelf is not None), is_new=True)


def _claim(
    session: Session, order: Order, line: Line, item: Item | None, now: datetime
) -> tuple[Shown | None, Stock | None, list[Shown]]:
    """An item with its shelf locked, if it can still be had, and everything that can.

    Counted only once the shelf is ours: somebody may have had the last copy since it was offered.
    """
    shelves = lock_shelves(session, order, [item] if item else [])
    left = in_time(session, order, line, now, from_=now)
    best = next((shown for shown in left if item is not None and shown.item.id == item.id), None)
    shelf = shelves.get(best.item.id) if best and best.candidate.is_on_shelf else None
    return best, shelf, left


def _settle(case: Case, line: Line, best: Shown, shelf: Stock | None) -> None:
    """The line becomes what they chose, from the shelf or to be bought."""
    offer, said = case.offer, case.said
    offer.state, offer.closed_at = OfferState.CHOSEN, case.now
    offer.agreed, offer.chosen_sku = said.agreed, best.item.sku
    case.session.add(offer)
    replace(case.session, line, best.item, shelf, case.now)
    record_replaced(case.session, case.order, line, offer, case.now, actor=said.actor, note=said.note)


def _gone(case: Case, title: str, left: Sequence[Shown]) -> Answered:
    """Somebody else was faster: say so, and offer what is left while there is time to answer."""
    offer = case.offer
    is_open = bool(left) and offer.reply_by is not None and case.now <= offer.reply_by
    if is_open:
        offer.state, offer.closed_at, offer.choices = OfferState.OPEN, None, choices_of(left[:MOST_CHOICES])
    else:
        offer.state, offer.closed_at = OfferState.WITHDRAWN, offer.closed_at or case.now
    then = "What is left was offered again." if is_open else case.somebody_must_phone()
    event = f"The customer chose {title} instead of {offer.title}, but it has gone meanwhile. {then}"
    case.record("substitution_gone", event, actor=CLOCK)
    titles = list(_titles(offer).values()) if is_open else []
    return Answered(outcome=Outcome.GONE, text=wording.gone(title, titles, until=case.until))


def settle_by_phone(session: Session, order: Order, line: Line, said: Said, now: datetime) -> bool:
    """Somebody at the desk says what the customer wants instead; False when that is so already.

    Any listed substitute will do, offered or not. Raises Invalid naming `choice`, or Conflict.
    """
    if said.sku is not None and line.sku == said.sku and line.instead_of:
        return False
    if order.status is not Status.PROCURING or line.sourcing not in GIVEN_UP:
        raise Conflict(f"{line.title} is not given up: report it as not to be had first.")
    past = offers_of_line(session, line)
    latest = past[-1] if past and past[-1].state is not OfferState.CHOSEN else None
    if said.sku is None:
        if latest is None or latest.state is OfferState.WITHDRAWN:
            raise Conflict(f"Nothing was offered instead of {line.title}.")
        return _decline(Case(session=session, order=order, offer=latest, said=said, now=now)).is_new
    known = {shown.item.sku: shown.item for shown in substitutes(session, order, line, now)}
    if said.sku not in known:
        there_are = f"choose one of {', '.join(known)}" if known else "it has none, so change the line instead"
        raise Invalid("choice", f"is no listed substitute of {line.title}: {there_are}")
    best, shelf, _ = _claim(session, order, line, known[said.sku], now)
    if best is None:
        raise Conflict(f"{known[said.sku].title} can't be had in time any more: choose something else.")
    offer = latest if latest and latest.state is OfferState.OPEN else new_offer(order, line, [best], now)
    if said.sku not in _titles(offer):
        offer.choices = [*offer.choices, *choices_of([best])]
    _settle(Case(session=session, order=order, offer=offer, said=said, now=now), line, best, shelf)
    return True
