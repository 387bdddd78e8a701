"""Somebody takes one more order: whether the clock says that they can keep all of what they have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from ..orders.tables import Order
from ..promise.assess import assess
from ..promise.facts import gather
from ..promise.known import Facts
from ..promise.rules import Task
from .mine import taken_pages
from .rules import EscalationState, Need
from .tables import Page

TASKS = {
    Need.PROCURE: (Task.PROCURE,),
    Need.DELIVER: (Task.DELIVER,),
    Need.PROCURE_AND_DELIVER: (Task.PROCURE, Task.DELIVER),
}
# Less is no reason to give one back.
WORTH_SAYING = timedelta(minutes=5)


def clashing(session: Session, page: Page, now: datetime) -> list[str]:
    """Refs of what the taker of a page has besides, when one of all these will be late only because of the others.

    The same way, or time enough for one after another, is no clash. The caller has just read the order's clock.
    """
    mine = [
        each
        for each in taken_pages(session, page.staff_id)
        if each.escalation.state is EscalationState.ACCEPTED and each.escalation.accepted_by_id == page.staff_id
    ]
    orders = {each.escalation.order_id: session.get_one(Order, each.escalation.order_id) for each in mine}
    others = sorted(order.ref for order in orders.values() if order.id != page.escalation.order_id)
    if not others:
        return []
    known = {number: gather(session, order, now) for number, order in orders.items()}
    return others if any(_is_late_for_others(each, known, now) for each in mine) else []


def _is_late_for_others(page: Page, known: Mapping[int, Facts], now: datetime) -> bool:
    """Whether an order comes too late by what else its taker has, and earlier without that."""
    facts = known[page.escalation.order_id]
    # Next door is the same trip.
    elsewhere = {number for number, other in known.items() if facts.door is None or not facts.door.is_near(other.door)}
    tasks = TASKS[page.escalation.need]
    pins = tuple((task, who) for task, who in facts.pins if task not in tasks)
    theirs = replace(facts, pins=(*pins, *((task, page.staff_id) for task in tasks)))
    busy = tuple(busy for busy in facts.busy if busy.by not in known or busy.by in elsewhere)
    at = _arrives(replace(theirs, busy=busy), now)
    if at is not None and at <= facts.promised_by:
        return False
    alone = _arrives(replace(theirs, busy=tuple(busy for busy in facts.busy if busy.by not in known)), now)
    return alone is not None and (at is None or at >= alone + WORTH_SAYING)


def _arrives(facts: Facts, now: datetime) -> datetime | None:
    return assess(facts, now).projected_at
