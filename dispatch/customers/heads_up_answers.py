"""What a customer wants when a promise is in danger: it moves the order, once; by text, on their page, or by phone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..foundation.errors import Conflict, Invalid, NotFound
from ..foundation.hours import local_text
from ..foundation.tokens import Links
from ..messaging.inbound import Reaction
from ..messaging.tables import InboundText
from ..orders.rules import CLOSED, OPEN, Move, Status
from ..orders.service import find_order, lock_order, record
from ..orders.tables import Order, OrderEvent
from ..orders.timetable import rearm
from ..orders.wording import collecting, first_name, things
from ..procurement.substitution_rules import titled_choices
from ..promise import service as promise
from . import heads_up_wording as wording
from .heads_up import heads_up_of
from .heads_up_rules import Outcome, Preference, read
from .tables import HeadsUp

WANTS = {
    Preference.WAIT: "The customer waits.",
    Preference.LATER: "The customer takes the later time.",
    Preference.COLLECT: "The customer comes and collects it.",
    Preference.CANCEL: "The customer does not need it any more.",
}


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What came of an answer, and what to tell the customer. `is_new`: the order is not what it was before."""

    outcome: Outcome
    text: str
    is_new: bool = False


@dataclass(frozen=True, kw_only=True)
class _Case:
    session: Session
    order: Order
    row: HeadsUp
    now: datetime
    actor: str
    links: Links

    def local(self, at: datetime) -> str:
        """A time as the branch says it."""
        return local_text(at, self.order.branch.timezone, now=self.now)


def answer_heads_up(
    session: Session, order_id: int, choice: Preference, now: datetime, *, links: Links, actor: str | None = None
) -> Answered:
    """Give an answer its effect, once: what was chosen first stands, and whoever comes late hears how it stands.

    `actor`: who wrote it down for the customer, None for themselves. The order's lock decides the race with a rider
    at the door. Raises NotFound when nothing was asked, or Invalid naming `choice`.
    """
    order = lock_order(session, order_id=order_id)
    row = heads_up_of(session, order.id)
    if row is None:
        raise NotFound("We have asked nothing like that. Open the link in our text again.")
    if row.answer is not None:
        return Answered(outcome=Outcome.ALREADY, text=wording.already(row.answer))
    if order.status in CLOSED:
        return _over(order, now)
    case = _Case(session=session, order=order, row=row, now=now, actor=actor or order.customer_name, links=links)
    if order.status is Status.OUT_FOR_DELIVERY and choice is Preference.COLLECT:
        return _over(order, now)
    if choice.value not in row.choices:
        raise Invalid("choice", f"choose one of {', '.join(row.choices)}")
    if choice is Preference.LATER and (row.proposed_at is None or row.proposed_at <= now):
        return _too_late(case)
    row.answer, row.answered_at = choice, now
    record(session, order, "heads_up_answered", WANTS[choice], at=now, actor=case.actor, data={"choice": choice.value})
    text = ACTS[choice](case)
    rearm(session, [order.id], now)
    return Answered(outcome=Outcome.DONE, text=text, is_new=True)


def _over(order: Order, now: datetime) -> Answered:
    at = order.delivered_at
    delivered = local_text(at, order.branch.timezone, now=now) if at else ""
    text = wording.over(delivered=delivered, is_cancelled=order.status is Status.CANCELLED)
    return Answered(outcome=Outcome.OVER, text=text)


def _too_late(case: _Case) -> Answered:
    """Kind and true; somebody phones, and what they wanted stands in the history, once."""
    later = case.local(case.row.proposed_at) if case.row.proposed_at else ""
    kind = "heads_up_answered_late"
    before = select(OrderEvent.id).where(OrderEvent.order_id == case.order.id, OrderEvent.kind == kind)
    if case.session.scalars(before.limit(1)).first() is None:
        name = first_name(case.order.customer_name)
        text = f"The customer chose {later} after that time had passed. Somebody must phone {name}."
        record(case.session, case.order, kind, text, at=case.now, actor=case.actor)
    return Answered(outcome=Outcome.LATE, text=wording.too_late(later))


def _wait(case: _Case) -> str:
    return wording.waits(case.links.tracking(case.order.id))


def _later(case: _Case) -> str:
    """A new promise that the customer agreed to; the first one stays in the ledger. A later one stays as it is."""
    order, at = case.order, case.row.proposed_at
    if at is not None and at > order.promised_by:
        changes = {"promised_by": at, "why": "the customer chose a later time", "agreed": True}
        promise.change(case.session, order.ref, changes, case.now, actor=case.actor)
    return wording.has_later(case.local(order.promised_by))


def _collect(case: _Case) -> str:
    """Nobody has to bring it: the counter is the door. Where it was to go stands in the history."""
    order, branch = case.order, case.order.branch
    if order.packed_at and case.now > order.promised_by:
        # It should have been with them: lying here it was no use to them before they said that they come.
        order.packed_at = case.now
    changes = {
        "address": collecting(order.customer_name, branch.name)[:500],
        "lat": branch.lat,
        "lon": branch.lon,
        "travel_minutes": 0,
    }
    promise.change(case.session, order.ref, changes, case.now, actor=case.actor)
    return wording.collects(branch.name, branch.address or "", case.links.tracking(order.id))


def _cancel(case: _Case) -> str:
    reason = "the customer does not need it any more"
    promise.move(case.session, case.order.ref, Move.CANCEL, case.now, actor=case.actor, reason=reason)
    return wording.is_cancelled()


ACTS: dict[Preference, Callable[[_Case], str]] = {
    Preference.WAIT: _wait,
    Preference.LATER: _later,
    Preference.COLLECT: _collect,
    Preference.CANCEL: _cancel,
}


def answer_by_text(session: Session, text: InboundText, now: datetime, *, links: Links) -> Reaction | None:
    """Give a customer's text its effect when it answers a heads-up; None when it does not."""
    query = (
        select(HeadsUp, Order)
        .join(Order, Order.id == HeadsUp.order_id)
        .where(Order.customer_phone == text.from_phone, Order.status.in_(OPEN), HeadsUp.withheld.is_(None))
        .order_by(HeadsUp.made_at)
    )
    asked = [(row, order) for row, order in session.execute(query)]
    waiting = [pair for pair in asked if pair[0].answer is None]
    meant = _named(text.body, asked, lambda order: order.ref) or _bare(text.body, waiting)
    # Where nothing is open it may be what they chose, once more.
    meant = meant or _named(text.body, waiting, lambda order: things(order.lines)) or _bare(text.body, asked)[-1:]
    if len(meant) == 1:
        order, choice = meant[0]
        answered = answer_heads_up(session, order.id, choice, now, links=links)
        return Reaction(text=answered.text, order_id=order.id)
    # Something was chosen, and of several it can be any: no answer stays without a word.
    is_unclear = len(waiting) > 1 and bool(_bare(" ".join(text.body.split()[-1:]), waiting))
    return Reaction(text=_which(waiting, now)) if meant or is_unclear else None


Asked = tuple[HeadsUp, Order]


def _bare(body: str, asked: Sequence[Asked]) -> list[tuple[Order, Preference]]:
    """The number alone."""
    return [(order, choice) for row, order in asked if (choice := read(body, _choices(row))) is not None]


def _named(body: str, asked: Sequence[Asked], name: Callable[[Order], str]) -> list[tuple[Order, Preference]]:
    """ "Physics 2: 1" or "K7QM 1", of several that were asked about."""
    said = titled_choices(body, [(name(order), len(row.choices)) for row, order in asked])
    return [(asked[number][1], _choices(asked[number][0])[choice - 1]) for number, choice in said if choice]


def _which(asked: Sequence[Asked], now: datetime) -> str:
    return wording.which(
        [
            (order.ref, things(order.lines), local_text(row.promised_by, order.branch.timezone, now=now))
            for row, order in asked
        ]
    )


def _choices(row: HeadsUp) -> list[Preference]:
    return [Preference(value) for value in row.choices]


def answer_for_customer(
    session: Session, ref: str, choice: Preference, now: datetime, *, links: Links, actor: str
) -> Answered:
    """Somebody at the desk says what the customer chose on the phone. Raises NotFound, Invalid, or Conflict when it
    is no news any more."""
    answered = answer_heads_up(session, find_order(session, ref).id, choice, now, links=links, actor=actor)
    if not answered.is_new:
        raise Conflict(answered.text)
    return answered
