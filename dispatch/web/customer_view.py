"""The customer's page as values: where the order stands, in their words and language, and nothing of others."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..customers.heads_up import heads_up_of, is_open, missing
from ..customers.heads_up_rules import Preference
from ..escalation.rules import EscalationState
from ..escalation.tables import Escalation
from ..foundation.types import country_prefix
from ..messaging.consent import opted_out
from ..messaging.phrase_rules import Language
from ..messaging.rules import takes_replies
from ..orders.rules import Status
from ..orders.tables import Order
from ..orders.telling import counted_promise, language
from ..orders.wording import first_name
from ..procurement.offer_answers import GIVEN_UP
from ..procurement.offers import Asked, asked
from ..procurement.substitution_rules import OfferState
from ..promise.estimates import LIKELY
from ..promise.rules import IN_DANGER, Level
from ..promise.tables import Watch
from ..recovery.answers import asked_case
from ..recovery.case import live_case
from ..recovery.rules import Cause, Stage
from ..staff.tables import Staff
from .customer_words import PAGE_WORDS, PageWords, when

STEP_OF = {
    Status.PROCURING: 0,
    Status.PACKING: 1,
    Status.READY: 1,
    Status.OUT_FOR_DELIVERY: 2,
    Status.DELIVERED: 3,
}
ROUND = 5


@dataclass(frozen=True)
class Reader:
    """Who reads: their language, where they are, and when."""

    language: Language
    timezone: str
    now: datetime

    @property
    def words(self) -> PageWords:
        """The sentences of their language."""
        return PAGE_WORDS[self.language]

    def when(self, at: datetime) -> str:
        """A time as they say it."""
        return when(at, self.timezone, self.language, now=self.now)


def shown(session: Session, order: Order, at: datetime) -> dict[str, object]:
    """All that the template needs. Times are words; nobody's number and nobody's surname is in it."""
    to = Reader(language(order), order.branch.timezone, at)
    words, is_under_way = to.words, order.closed_at is None
    carrier = session.get(Staff, order.carrier_id) if order.carrier_id else None
    name = first_name(carrier.name) if carrier else words.somebody
    where = ", ".join(part for part in (order.branch.name, order.branch.address) if part)
    ended = to.when(order.closed_at) if order.closed_at else ""
    # Somebody may be looking once more: until it is found, a choice that is open stays open.
    given_up = {line.id for line in order.lines if line.sourcing in GIVEN_UP} if is_under_way else set()
    offers = _offers(asked(session, [order.id]), given_up, to)
    is_missing = is_under_way and bool(missing(order))
    recovery = asked_case(session, order.id)
    moved, is_lost = order.first_promised_by != order.promised_by, _is_lost(session, order)
    return {
        "shop": order.branch.name,
        "is_over": False,
        "language": to.language,
        "words": words,
        "name": first_name(order.customer_name),
        "things": [
            (f"{line.quantity} × {line.title}" if line.quantity > 1 else line.title, line.instead_of)
            for line in order.lines
        ],
        "said": words.missing if is_missing else _said(session, order, to).format(name=name, at=ended, shop=where),
        "offers": [offer for offer in offers if is_missing or offer["is_open"]],
        "heads_up": _heads_up(session, order, to),
        "asks_whether_good": recovery is not None and recovery.stage is Stage.FIXED,
        "step": STEP_OF.get(order.status),
        "is_open": is_under_way,
        "promise": to.when(order.promised_by),
        "first_promise": to.when(order.first_promised_by) if moved else "",
        "takes_replies": takes_replies(country_prefix(order.customer_phone)),
        "is_stopped": bool(opted_out(session, [order.customer_phone])),
        **_lateness(order, to, is_lost=is_lost),
        **_progress(session, order, to, is_lost=is_lost),
    }


def _said(session: Session, order: Order, to: Reader) -> str:
    """Where it stands. Nobody is thanked for their trust by who has failed it."""
    if order.status is Status.READY and order.is_to_be_collected:
        return to.words.kept
    is_late = order.delivered_at is not None and order.delivered_at > counted_promise(session, order).promised_by
    return to.words.came_late if is_late else to.words.said[order.status]


def _lateness(order: Order, to: Reader, *, is_lost: bool) -> dict[str, object]:
    """What is true of the promise: it may not be kept, it will not be, and we have said sorry, or it has passed."""
    words, is_past = to.words, to.now > order.promised_by and not order.waits_in_time
    is_lost = is_lost and not is_past
    danger = words.not_there if is_past else words.will_be_late if is_lost else words.may_be_late
    promise = to.when(order.promised_by)
    return {
        "is_late": order.closed_at is None and (is_past or is_lost),
        "late": (words.lost if is_lost else words.late).format(promise=promise),
        "danger": danger.format(promise=promise),
    }


def _is_lost(session: Session, order: Order) -> bool:
    """Whether it can't be kept any more, and the customer has heard so: the page never says it before the apology."""
    watch, case = session.get(Watch, order.id), live_case(session, order.id)
    was_told = case is not None and case.cause is Cause.LATE and case.stage is Stage.EMPATHISED
    return was_told and watch is not None and watch.level is Level.LATE


def _progress(session: Session, order: Order, to: Reader, *, is_lost: bool) -> dict[str, str]:
    """When it is there, as a span, once it is on its way; what we do about it while it is in danger."""
    watch = session.get(Watch, order.id)
    if order.closed_at is not None or watch is None:
        return {"arrives": "", "doing": ""}
    doing = _doing(session, order, to) if watch.level in IN_DANGER and order.carrier_id is None else ""
    if doing and to.now <= order.promised_by and not is_lost:
        doing = f"{to.words.tight} {doing}"
    is_on_its_way = order.status is Status.OUT_FOR_DELIVERY and order.handed_over_at is not None
    if not is_on_its_way or watch.projected_at is None or order.handed_over_at is None:
        return {"arrives": "", "doing": doing}
    cautious = watch.projected_at
    likely = order.handed_over_at + (cautious - order.handed_over_at) * LIKELY
    if to.now >= cautious:
        return {"arrives": to.words.any_minute, "doing": doing}
    early, late = _rounded(max(likely, to.now), to), _rounded(cautious + timedelta(minutes=ROUND - 1), to)
    return {"arrives": to.words.between.format(early=early, late=late), "doing": doing}


def _rounded(at: datetime, to: Reader) -> str:
    """A time of day on five minutes, rounded down."""
    there = at.astimezone(ZoneInfo(to.timezone))
    return f"{there:%H}:{there.minute // ROUND * ROUND:02d}"


def _doing(session: Session, order: Order, to: Reader) -> str:
    query = select(Escalation.state, Staff.name).outerjoin(Staff, Staff.id == Escalation.accepted_by_id)
    live = (EscalationState.OPEN, EscalationState.ACCEPTED)
    mine = (Escalation.order_id == order.id, Escalation.state.in_(live))
    for state, taker in session.execute(query.where(*mine).order_by(Escalation.id.desc())):
        if state is EscalationState.ACCEPTED and taker:
            return to.words.doing_by.format(name=first_name(taker))
        return to.words.doing
    return ""


def _heads_up(session: Session, order: Order, to: Reader) -> list[tuple[str, str]]:
    """What they may choose while the promise is at risk: (value, words); empty when nothing is asked."""
    row = heads_up_of(session, order.id)
    if row is None or not is_open(row, order):
        return []
    later = to.when(row.proposed_at) if row.proposed_at else ""
    is_past = row.proposed_at is not None and row.proposed_at <= to.now
    gone = {Preference.LATER: is_past, Preference.COLLECT: bool(missing(order))}
    can = [wish for wish in map(Preference, row.choices) if not gone.get(wish)]
    return [(wish.value, to.words.preferences[wish].format(later=later)) for wish in can]


def _offers(offers: Sequence[Asked], missing: Collection[int], to: Reader) -> list[dict[str, object]]:
    """What they may still choose, or what came of it: the newest question about each thing that is missing."""
    newest = {offer.line_id: offer for offer in offers if offer.line_id in missing}
    return [
        {
            "id": offer.id,
            "missing": offer.title,
            "choices": list(zip(offer.skus, offer.titles, strict=True)),
            "is_open": offer.state is OfferState.OPEN and to.now <= offer.reply_by,
            "is_declined": offer.state is OfferState.DECLINED,
            "until": to.when(offer.reply_by),
        }
        for offer in newest.values()
    ]
