"""The moves of an order and what each does to its goods and its history; the caller holds the order's lock."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from ..foundation.errors import Invalid
from ..orders.rules import IN_HAND, Move, Proof, Sourcing, Status
from ..orders.service import next_status, record, set_status
from ..orders.tables import Order, OrderEvent
from ..orders.undo import order_before
from ..procurement import stock
from ..staff.rules import Skill
from ..staff.service import active_person


@dataclass(frozen=True)
class Request:
    """A move and what goes with it."""

    move: Move
    staff_id: int | None = None
    reason: str | None = None
    note: str | None = None
    pin: str | None = None


def make_move(session: Session, order: Order, request: Request, now: datetime, *, actor: str) -> None:
    """Move an order along, with its event. Raises MoveNotAllowed or Invalid; nothing is changed then."""
    target = next_status(order, request.move)
    before, has_waited = before_move(order, request.move), order.waits_in_time
    event = {
        Move.PACK: _pack,
        Move.HAND_OVER: _hand_over,
        Move.DELIVER: _deliver,
        Move.FAIL: _fail,
        Move.CANCEL: _cancel,
    }[request.move](session, order, request, now, actor)
    if before is not None:
        event.data = {**event.data, "before": before}
    set_status(order, target, now)
    if has_waited and order.delivered_at is not None:
        # What they collect was theirs when it was ready: when they come for it is up to them.
        order.delivered_at = order.packed_at
    order.version += 1
    session.flush()


def before_move(order: Order, move: Move) -> dict[str, Any] | None:
    """Where the order stood, so that a slip of the hand can be taken back; None where steps are filled in."""
    is_filled_in = move is Move.DELIVER and order.status is not Status.OUT_FOR_DELIVERY
    return None if is_filled_in else order_before(order)


def _note(request: Request) -> str:
    note = (request.note or "").strip()
    return f" {note}" if note else ""


def _pack(session: Session, order: Order, request: Request, now: datetime, actor: str) -> OrderEvent:
    return record(session, order, "packed", f"Packed.{_note(request)}", at=now, actor=actor)


def _hand_over(session: Session, order: Order, request: Request, now: datetime, actor: str) -> OrderEvent:
    staff_id = request.staff_id if request.staff_id is not None else order.taker_id
    if staff_id is None:
        raise Invalid("staff_id", "who takes it to the customer? Give that person's id")
    carrier = active_person(session, staff_id, field="staff_id", skill=Skill.DELIVER)
    order.carrier_id = carrier.id
    stock.take(session, order, now)
    data = {"staff_id": carrier.id, "name": carrier.name}
    text = f"Handed over to {carrier.name}, on the way.{_note(request)}"
    return record(session, order, "handed_over", text, at=now, actor=actor, data=data)


def _deliver(session: Session, order: Order, request: Request, now: datetime, actor: str) -> OrderEvent:
    """A fact: whatever must have happened before is filled in, each with its own event."""
    pin = order.pin or ""
    if order.proof is Proof.PIN and not hmac.compare_digest((request.pin or "").strip().encode(), pin.encode()):
        raise Invalid("pin", "is not the one the customer was sent: ask them for the 4 digits")
    for line in order.lines:
        if line.sourcing not in IN_HAND:
            line.sourcing, line.sourcing_at = Sourcing.BOUGHT, now
            text = f"{line.title} must have been bought: it was delivered."
            record(session, order, "line_bought", text, at=now, actor=actor, data={"line_id": line.id})
    if order.status in (Status.PROCURING, Status.PACKING):
        record(session, order, "packed", "Packed (it was delivered).", at=now, actor=actor)
        set_status(order, Status.READY, now)
    if order.status is not Status.OUT_FOR_DELIVERY:
        if request.staff_id is not None:
            order.carrier_id = active_person(session, request.staff_id, field="staff_id").id
        stock.take(session, order, now)
        order.handed_over_at = now
        # No "on its way" text for what has arrived: customers hear of the delivery itself.
        how = "They came for it." if order.is_to_be_collected else "It had left the shop."
        record(session, order, "left_unseen", how, at=now, actor=actor)
    return record(session, order, "delivered", f"Delivered.{_note(request)}", at=now, actor=actor)


def _fail(session: Session, order: Order, request: Request, now: datetime, actor: str) -> OrderEvent:
    reason = _reason(request)
    stock.put_back(session, order)
    order.carrier_id = None
    text = f"The attempt to deliver failed{f': {reason}' if reason else ''}.{_note(request)}"
    return record(session, order, "attempt_failed", text, at=now, actor=actor, data={"reason": reason})


def _cancel(session: Session, order: Order, request: Request, now: datetime, actor: str) -> OrderEvent:
    reason = _reason(request)
    if order.status is Status.OUT_FOR_DELIVERY:
        stock.put_back(session, order)
    stock.release(session, [line.id for line in order.lines], now)
    text = f"Cancelled{f': {reason}' if reason else ''}.{_note(request)}"
    return record(session, order, "cancelled", text, at=now, actor=actor, data={"reason": reason})


def _reason(request: Request) -> str:
    """As it reads in a sentence; programs need not give one."""
    return (request.reason or "").strip().rstrip(".")
