"""What a customer says of a case: it is good, it is not, or how it was; by text and on their page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ..foundation.errors import NotFound
from ..foundation.tokens import Links
from ..messaging.inbound import Reaction
from ..messaging.tables import InboundText
from ..orders.service import lock_order, record
from ..orders.tables import Order
from ..procurement.substitution_rules import NEITHER, NO_WORDS, read_choice
from . import wording
from .case import live_case
from .rules import Stage, Step
from .service import Taken, take_step
from .tables import Recovery, Survey

# A word that comes later than this is about something else.
REMEMBERED = timedelta(hours=72)
FIRST_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What came of an answer. `is_new`: it changed something."""

    text: str
    is_new: bool


def asked_case(session: Session, order_id: int) -> Recovery | None:
    """The case of an order of which its customer may say whether it is good: the live one, else the newest.

    None while that one waits for us: an older one is not what they mean.
    """
    query = select(Recovery).where(Recovery.order_id == order_id, Recovery.stage != Stage.AVERTED)
    newest = query.order_by(Recovery.closed_at.is_not(None), Recovery.id.desc()).limit(1)
    recovery = session.scalars(newest).first()
    return recovery if recovery is not None and recovery.stage in ANSWERABLE else None


ANSWERABLE = (Stage.FIXED, Stage.CONFIRMED, Stage.UNCONFIRMED)


def answer(
    session: Session, order_id: int, now: datetime, *, is_good: bool, links: Links, said: str | None = None
) -> Answered:
    """The customer says whether it was made good; the same answer twice is one. Raises NotFound when nothing was asked.

    The order's lock decides between two taps, and between a tap and somebody at the desk.
    """
    order = lock_order(session, order_id=order_id)
    recovery = asked_case(session, order.id)
    if recovery is None and not is_good and _said_no(session, order, said, now):
        return Answered(text=wording.thanks_reopened(), is_new=False)
    if recovery is None:
        raise NotFound("We have asked nothing like that. If something is not right, please call us.")
    step = Step.CONFIRM if is_good else Step.REOPEN
    text = wording.thanks_confirmed() if is_good else wording.thanks_reopened()
    if is_good and recovery.stage is Stage.CONFIRMED:
        return Answered(text=text, is_new=False)
    take_step(session, recovery.id, Taken(step=step, actor=order.customer_name, text=said), now, links=links)
    if not is_good:
        note = f" “{said}”" if said else ""
        words = f"The customer says that it is not good.{note} Somebody must phone them."
        record(session, order, "phone_customer", words, at=now, actor=order.customer_name)
    return Answered(text=text, is_new=True)


def _said_no(session: Session, order: Order, said: str | None, now: datetime) -> bool:
    """Whether they have said so already, and we are at it: a second tap, or the same page in another tab.

    Other words than before are kept.
    """
    live = live_case(session, order.id)
    noes = [step for step in live.steps if step.step is Step.REOPEN] if live else []
    mine = [step.text for step in noes if step.actor == order.customer_name[:100]]
    if mine and said and said not in mine:
        record(session, order, "customer_wrote", f"The customer wrote: “{said}”", at=now, actor=order.customer_name)
    return bool(mine)


def answer_by_text(session: Session, text: InboundText, now: datetime, *, links: Links) -> Reaction | None:
    """Give a customer's text its effect when it answers a question of a case, or says how it was; else None."""
    orders = session.scalars(select(Order.id).where(Order.customer_phone == text.from_phone)).all()
    found = _asked(session, orders)
    is_good = _is_good(text.body)
    if found is not None and is_good is not None:
        said = text.body.strip()[:500] if not is_good else None
        answered = answer(session, found.order_id, now, is_good=is_good, links=links, said=said)
        return Reaction(text=answered.text, order_id=found.order_id)
    return _how_it_was(session, orders, text, now) or _note(session, orders, text, now)


def _note(session: Session, order_ids: Sequence[int], text: InboundText, now: datetime) -> Reaction | None:
    """Other words about something that is not made good yet: they stand on the order, also when that is closed."""
    query = (
        select(Order)
        .join(Recovery, Recovery.order_id == Order.id)
        .where(Order.id.in_(order_ids), Order.closed_at.is_not(None), Recovery.closed_at.is_(None))
        .order_by(Recovery.id.desc())
    )
    order = session.scalars(query.limit(1)).first()
    if order is None:
        return None
    said = f"The customer wrote: “{text.body.strip()[:500]}”"
    record(session, order, "customer_wrote", said, at=now, actor=order.customer_name)
    return Reaction(text=wording.thanks_survey(), order_id=order.id)


def _asked(session: Session, order_ids: Sequence[int]) -> Recovery | None:
    query = select(Recovery).where(Recovery.order_id.in_(order_ids), Recovery.stage == Stage.FIXED)
    return session.scalars(query.order_by(Recovery.id.desc()).limit(1)).first()


def _is_good(body: str) -> bool | None:
    """Yes alone is yes; no with whatever follows it is no; anything else is a note for people to read."""
    choice = read_choice(body, 1)
    if choice is not None:
        return choice != NEITHER
    first = FIRST_WORD.search(body.casefold())
    return False if first and first.group() in NO_WORDS else None


def _how_it_was(session: Session, order_ids: Sequence[int], text: InboundText, now: datetime) -> Reaction | None:
    said = text.body.strip()[:500]
    lately = (Survey.asked_at.is_not(None), Survey.asked_at > text.received_at - REMEMBERED, Survey.said.is_(None))
    newest = select(Survey.order_id).where(Survey.order_id.in_(order_ids), *lately).order_by(Survey.asked_at.desc())
    order_id = session.scalars(newest.limit(1)).first()
    if order_id is None or not said:
        return None
    # Two texts at the same moment: the second is a note.
    mine = update(Survey).where(Survey.order_id == order_id, Survey.said.is_(None))
    if session.scalars(mine.values(said=said, said_at=now).returning(Survey.order_id)).first() is None:
        return None
    order = session.get_one(Order, order_id)
    record(session, order, "customer_said", f"How it was: “{said}”", at=now, actor=order.customer_name)
    return Reaction(text=wording.thanks_survey(), order_id=order_id)
