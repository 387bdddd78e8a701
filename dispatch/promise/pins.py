"""Operators say who does a task of an order: the plan counts on that person and nobody else, until it is unpinned."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..foundation.errors import Conflict, Invalid
from ..orders import service as orders
from ..orders.rules import CLOSED, IN_HAND, OPEN, Status
from ..orders.tables import Order
from ..staff.rules import MAY_DO, Role
from ..staff.service import active_person
from ..staff.tables import Staff
from . import service, wording
from .guard import Reach, Say, guarded
from .rules import Task
from .tables import Pin
from .view import SKILL_OF


def pin(
    session: Session, ref: str, task: Task, staff_id: int, now: datetime, *, say: Say, if_version: int | None = None
) -> Order:
    """Somebody and nobody else is to do a task; the same pin again changes nothing.

    Raises NotFound, StaleVersion, Invalid when they may not do it, Conflict when nothing of it is left to do, and
    PromisesAtStake unless forced.
    """
    # Not locked here but by the guard, so that all orders it locks are locked in one order.
    order = orders.find_order(session, ref)
    person = _checked(session, order, task, staff_id, if_version=if_version)
    reach = Reach(branch_ids=[order.branch_id], order_ids=[order.id], told=order.id)

    def do() -> bool:
        _checked(session, order, task, staff_id, if_version=if_version)
        found = session.get(Pin, (order.id, task), populate_existing=True)
        if found is not None and found.staff_id == staff_id:
            return False
        session.merge(Pin(order_id=order.id, task=task, staff_id=staff_id, pinned_at=now, pinned_by=say.actor[:100]))
        return True

    event = wording.pinned_although(person.name, order.ref)
    if guarded(session, do, now, reach=reach, say=say, event=event):
        text = wording.with_reason(wording.pinned(person.name, task), say.reason)
        _settle(session, order, "pinned", text, now, actor=say.actor)
    return order


def _checked(session: Session, order: Order, task: Task, staff_id: int, *, if_version: int | None) -> Staff:
    orders.check_version(order, if_version)
    if order.status in CLOSED:
        raise Conflict(f"Order {order.ref} is {order.status.value}: nobody has to do anything for it any more.")
    if task is Task.DELIVER and order.status is Status.OUT_FOR_DELIVERY:
        raise Conflict(f"Order {order.ref} is on its way: somebody is delivering it already.")
    if task is Task.PROCURE and all(line.sourcing in IN_HAND for line in order.lines):
        raise Conflict(f"Order {order.ref} has everything in hand: there is nothing to buy.")
    person = active_person(session, staff_id, field="staff_id", skill=SKILL_OF[task])
    if not _serves(person, order):
        raise Invalid("staff_id", f"{person.name} works at another branch: choose somebody of this one, or a founder")
    return person


def _serves(person: Staff, order: Order) -> bool:
    return person.role is Role.FOUNDER or person.branch_id == order.branch_id


def unpin(session: Session, ref: str, task: Task, now: datetime, *, actor: str, if_version: int | None = None) -> Order:
    """Whoever can may do it again; nothing changes without a pin. Raises NotFound or StaleVersion."""
    order = orders.lock_order(session, ref)
    orders.check_version(order, if_version)
    found = session.get(Pin, (order.id, task))
    if found is not None:
        session.delete(found)
        _settle(session, order, "unpinned", wording.unpinned(task), now, actor=actor)
    return order


def _settle(session: Session, order: Order, kind: str, text: str, now: datetime, *, actor: str) -> None:
    orders.record(session, order, kind, text, at=now, actor=actor)
    order.version += 1
    service.refresh(session, order, now)


def pinned_orders(session: Session, staff_id: int) -> list[int]:
    """Ids of the open orders of which somebody is to do a task."""
    query = select(Pin.order_id).join(Order, Order.id == Pin.order_id)
    return sorted(set(session.scalars(query.where(Pin.staff_id == staff_id, Order.status.in_(OPEN)))))


def drop(session: Session, person: Staff, now: datetime, *, actor: str) -> None:
    """End the pins on somebody who has left, or who may not do it any more; the caller holds the orders' locks."""
    query = select(Pin, Order).join(Order, Order.id == Pin.order_id).where(Pin.staff_id == person.id)
    for found, order in session.execute(query.where(Order.status.in_(OPEN)).order_by(Order.id)).all():
        may = person.is_active and person.role in MAY_DO[SKILL_OF[found.task]] and _serves(person, order)
        if may:
            continue
        session.delete(found)
        text = wording.pin_dropped(person.name, found.task)
        orders.record(session, order, "unpinned", text, at=now, actor=actor)
        order.version += 1
    session.flush()
