"""Whoever has taken an order hears it when the customer takes something else, or it goes elsewhere, or is promised
anew: nobody buys the wrong book, or brings it to the wrong door."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..foundation.hours import local_text
from ..messaging.rules import Kind
from ..messaging.service import Draft, enqueue
from ..orders.rules import CLOSED, Status
from ..orders.tables import Order, OrderEvent
from ..staff.tables import Staff
from . import wording
from .asking import is_takers
from .rules import Answer, EscalationState, Need
from .tables import Escalation, Page

# What was resolved because nothing is left to buy had somebody on the way to buy it.
HEARS = (EscalationState.ACCEPTED, EscalationState.RESOLVED)


def tell_taker(session: Session, order: Order, escalation: Escalation | None, now: datetime) -> None:
    """Text the taker what has taken another thing's place since they were asked; the order is locked.

    The text's key is the guard: looking again, or from another machine, tells nobody twice.
    """
    if escalation is None or escalation.state not in HEARS or order.status in CLOSED:
        return
    page = next((page for page in escalation.pages if page.answer is Answer.ACCEPTED), None)
    if page is None:
        return
    replaced = select(OrderEvent).where(OrderEvent.order_id == order.id, OrderEvent.kind == "line_substituted")
    meanwhile = replaced.where(OrderEvent.at.between(page.asked_at, escalation.closed_at or now))
    for event in session.scalars(meanwhile.order_by(OrderEvent.id)):
        enqueue(session, _text(order, page, event, is_over=escalation.closed_at is not None), now)


def _text(order: Order, page: Page, event: OrderEvent, *, is_over: bool) -> Draft:
    body = wording.other_goods(
        order.ref,
        new=event.data["to_title"],
        old=event.data["from_title"],
        is_here=event.data["is_here"],
        code=page.code,
        is_over=is_over,
    )
    return Draft(
        key=f"instead:{page.id}:{event.data['offer_id']}",
        kind=Kind.REMINDER,
        to_phone=page.staff.phone,
        body=body,
        order_id=order.id,
        staff_id=page.staff_id,
        page_id=page.id,
    )


def tell_of_change(session: Session, order: Order, calls: Iterable[Escalation | None], now: datetime) -> None:
    """Text whoever has it where it goes now, and by when, once for each change; the order is locked.

    On the road that is the carrier, else the takers. Whoever only buys it does not go there. What changed before they
    took it they read when they did.
    """
    people = list(_who_has_it(session, order, calls))
    if not people:
        return
    mine = OrderEvent.order_id == order.id
    taken = select(func.max(OrderEvent.id)).where(mine, OrderEvent.kind.in_(("accepted", "handed_over")))
    since = session.scalar(taken) or 0
    query = select(OrderEvent).where(mine, OrderEvent.id > since, OrderEvent.kind.in_(("changed", "promised_again")))
    for at, together in groupby(session.scalars(query.order_by(OrderEvent.id)), key=lambda event: event.at):
        events = list(together)
        where = next((event.data["address"] for event in events if "address" in event.data), "")
        is_moved = any(event.kind == "promised_again" for event in events)
        by = local_text(order.promised_by, order.branch.timezone, now=at) if is_moved else ""
        for person, page, goes_there in people:
            if by or (where and goes_there):
                body = wording.changed(order.ref, where=where if goes_there else "", by=by)
                enqueue(session, _news(order, person, page, body, number=events[0].id), now)


def _who_has_it(
    session: Session, order: Order, calls: Iterable[Escalation | None]
) -> Iterator[tuple[Staff, Page | None, bool]]:
    """Who is to hear of a change, the page they took it by, if they did, and whether they go to the customer."""
    if order.status is Status.OUT_FOR_DELIVERY:
        if order.carrier_id is not None:
            yield session.get_one(Staff, order.carrier_id), None, True
        return
    for call in calls:
        page = next((page for page in call.pages if is_takers(call, page)), None) if call is not None else None
        if page is not None and page.escalation.state is EscalationState.ACCEPTED:
            yield page.staff, page, page.escalation.need is not Need.PROCURE


def _news(order: Order, person: Staff, page: Page | None, body: str, *, number: int) -> Draft:
    return Draft(
        key=f"changed:{number}:{person.id}",
        kind=Kind.REMINDER,
        to_phone=person.phone,
        body=body,
        order_id=order.id,
        staff_id=person.id,
        page_id=page.id if page is not None else None,
    )
