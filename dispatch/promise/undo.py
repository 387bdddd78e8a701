"""A slip of the hand is taken back: the order, its goods and its history go on from where they stood before."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from ..orders.rules import MOVE_OF_EVENT, TAKEN_BACK, Move, Status
from ..orders.service import check_version, get_line, lock_order, record
from ..orders.tables import Order, OrderEvent
from ..orders.undo import claim, is_taken_back, restore_order
from ..procurement import stock
from ..procurement.undo import keep_again, restore_line
from .service import refresh, update_sourcing


def take_back(
    session: Session, ref: str, event_id: int, now: datetime, *, actor: str, if_version: int | None = None
) -> Order:
    """Take back what this event did. The same twice is once. The pins of an order that was closed are not put back.

    Raises NotFound, StaleVersion, Busy, or Conflict with why not: too late, somebody else's, told already, overtaken.
    """
    order = lock_order(session, ref)
    if is_taken_back(session, order, event_id):
        return order
    check_version(order, if_version)
    event = claim(session, order, event_id, now, actor=actor)
    move = MOVE_OF_EVENT.get(event.kind)
    data = {"event_id": event.id, "kind": event.kind}
    if move is None:
        line = get_line(order, int(event.data["line_id"]))
        restore_line(session, line, event.data["before"], event.at, now)
        record(session, order, TAKEN_BACK, f"Taken back: {event.text}", at=now, actor=actor, data=data)
        update_sourcing(session, order, now)
        return order
    _restore(session, order, event, move, now)
    record(session, order, TAKEN_BACK, f"Taken back: {event.text}", at=now, actor=actor, data=data)
    order.version += 1
    refresh(session, order, now)
    return order


def _restore(session: Session, order: Order, event: OrderEvent, move: Move, now: datetime) -> None:
    if move is Move.HAND_OVER:
        stock.put_back(session, order)
    restore_order(order, event.data["before"])
    if move is Move.CANCEL:
        keep_again(session, order, event.at)
        if order.status is Status.OUT_FOR_DELIVERY:
            stock.take(session, order, now)
