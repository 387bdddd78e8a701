"""Orders and their history: making them, finding them, moving them along. The clock is re-armed by the rooms above."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..foundation.errors import FieldError, Invalid, MoveNotAllowed, NotFound, StaleVersion
from ..foundation.hours import local_text
from ..foundation.types import parse_phone
from ..messaging.reply_rules import is_no_answer
from .branches import get_branch
from .rules import CLOSED, MOVES, REF_ALPHABET, Move, Proof, Sourcing, Status, Substitution, allowed_moves
from .tables import Line, Order, OrderEvent, Promise, Timetable

FARTHEST_PROMISE = timedelta(days=60)
REF_TRIES = 20
# How the history says whether the customer agreed to a new promise.
AGREED = {None: "", True: ". The customer agreed.", False: ". The customer did not agree."}


@dataclass(frozen=True, kw_only=True)
class NewLine:
    """One thing wanted. `sku` names an item we know."""

    title: str
    sku: str | None = None
    quantity: int = 1
    substitution: Substitution = Substitution.ASK


@dataclass(frozen=True, kw_only=True)
class NewOrder:
    """An order as it is taken at intake. `promised_by`: aware instant."""

    customer_name: str
    customer_phone: str
    address: str
    promised_by: datetime
    lines: tuple[NewLine, ...]
    customer_language: str = "en"
    lat: float | None = None
    lon: float | None = None
    reason: str | None = None
    travel_minutes: int | None = None
    proof: Proof = Proof.NONE
    external_id: str | None = None
    branch: str = "main"


@dataclass(frozen=True, kw_only=True)
class ProcurementNews:
    """News about one line: `supplier` is a code, `by` the id of whoever found out; reserved is `kept_until`."""

    state: Sourcing
    supplier: str | None = None
    ready_at: datetime | None = None
    kept_until: datetime | None = None
    by: int | None = None
    note: str | None = None


def record(
    session: Session,
    order: Order,
    kind: str,
    text: str,
    *,
    at: datetime,
    actor: str,
    data: Mapping[str, Any] | None = None,
) -> OrderEvent:
    """Append an event to an order's history."""
    event = OrderEvent(order_id=order.id, at=at, actor=actor[:100], kind=kind, text=text, data=dict(data or {}))
    session.add(event)
    return event


def lock_order(session: Session, ref: str | None = None, *, order_id: int | None = None) -> Order:
    """The order, locked until this transaction ends. Raises NotFound.

    Whoever changes an order, its lines, its escalation or its pages takes this lock first: it serialises the race
    between an acceptance, a move at the board and the watch round.
    """
    query = select(Order).with_for_update(of=Order).execution_options(populate_existing=True)
    query = query.where(Order.id == order_id) if order_id is not None else query.where(Order.ref == (ref or "").upper())
    order = session.scalars(query).first()
    if order is None:
        raise NotFound(f"There is no order {(ref or '')[:10]}." if ref else "There is no such order.")
    return order


def find_order(session: Session, ref: str) -> Order:
    """The order of that reference, not locked. Raises NotFound."""
    order = session.scalars(select(Order).where(Order.ref == ref.upper())).first()
    if order is None:
        raise NotFound(f"There is no order {ref[:10]}.")
    return order


def get_line(order: Order, line_id: int) -> Line:
    """That line of an order. Raises NotFound."""
    line = next((line for line in order.lines if line.id == line_id), None)
    if line is None:
        raise NotFound(f"Order {order.ref} has no line {line_id}.")
    return line


def check_version(order: Order, if_version: int | None) -> None:
    """Refuse a save that was made from an old copy. Raises StaleVersion."""
    if if_version is not None and order.version != if_version:
        raise StaleVersion(
            f"Order {order.ref} was changed since you read it: look at it again, then repeat your change.",
            current=order.version,
        )


def check_new_order(new: NewOrder, now: datetime, *, region: str | None) -> str:
    """Everything that can be wrong with an order before it touches the database; answers the phone as E.164.

    Raises Invalid naming every field at fault.
    """
    complaints: list[FieldError] = []
    phone = ""
    try:
        phone = parse_phone(new.customer_phone, region=region, field="customer.phone")
    except Invalid as error:
        complaints += error.errors
    for field, text in (("customer.name", new.customer_name), ("address.text", new.address)):
        if not text.strip():
            complaints.append(FieldError(field, "is empty: write it down"))
    complaints += [*_promise_complaints(new.promised_by, now), *_line_complaints(new.lines)]
    if complaints:
        raise Invalid.of(complaints)
    return phone


def check_question(lines: tuple[NewLine, ...], promised_by: datetime | None, now: datetime) -> None:
    """The same for "can you?", before it is known who asks. Raises Invalid naming every field at fault."""
    complaints = _line_complaints(lines)
    if promised_by is not None:
        complaints = [*_promise_complaints(promised_by, now), *complaints]
    if complaints:
        raise Invalid.of(complaints)


def _promise_complaints(promised_by: datetime, now: datetime) -> list[FieldError]:
    if promised_by <= now:
        return [FieldError("promised_by", "is already past: promise a time to come")]
    if promised_by > now + FARTHEST_PROMISE:
        return [FieldError("promised_by", f"is more than {FARTHEST_PROMISE.days} days away: check the date")]
    return []


def _line_complaints(lines: tuple[NewLine, ...]) -> list[FieldError]:
    if not lines:
        return [FieldError("lines", "is empty: what does the customer want?")]
    if len(lines) > 100:
        return [FieldError("lines", "has more than 100 lines: split the order")]
    complaints = []
    for index, line in enumerate(lines):
        if not 1 <= line.quantity <= 10000:
            complaints.append(FieldError(f"lines.{index}.quantity", "give a whole number from 1 to 10000"))
        if not line.title.strip():
            complaints.append(FieldError(f"lines.{index}.title", "is empty: what is it called?"))
    return complaints


def create(session: Session, new: NewOrder, now: datetime, *, actor: str, phone: str) -> Order:
    """Write a checked order with its lines, all of them still to be procured, and the first promise.

    Raises NotFound for an unknown branch.
    """
    branch = get_branch(session, new.branch)
    order = Order(
        ref=_free_ref(session),
        external_id=new.external_id,
        branch=branch,
        status=Status.PROCURING,
        customer_name=new.customer_name.strip(),
        customer_phone=phone,
        customer_language=new.customer_language,
        address=new.address.strip(),
        lat=new.lat,
        lon=new.lon,
        travel_minutes=new.travel_minutes,
        reason=(new.reason or "").strip() or None,
        first_promised_by=new.promised_by,
        promised_by=new.promised_by,
        proof=new.proof,
        pin=f"{secrets.randbelow(10000):04d}" if new.proof is Proof.PIN else None,
        created_at=now,
        version=1,
        lines=[make_line(line, now) for line in new.lines],
    )
    session.add(order)
    session.flush()
    session.add(Timetable(order_id=order.id, next_check_at=now, generation=1))
    _promise(session, order, new.promised_by, now=now, actor=actor, number=1)
    when = local_text(new.promised_by, branch.timezone, now=now)
    record(session, order, "placed", f"Order taken, promised by {when}.", at=now, actor=actor)
    session.flush()
    return order


def make_line(line: NewLine, now: datetime) -> Line:
    """A line that is to be procured until stock says otherwise."""
    return Line(
        sku=line.sku,
        title=line.title.strip(),
        quantity=line.quantity,
        substitution=line.substitution,
        sourcing=Sourcing.TO_PROCURE,
        sourcing_at=now,
    )


def _free_ref(session: Session) -> str:
    for _ in range(REF_TRIES):
        ref = "".join(secrets.choice(REF_ALPHABET) for _ in range(4 + (_ >= REF_TRIES // 2)))
        # "936A" would be a yes to page 936. The unique key catches the race for the same letters.
        if is_no_answer(ref) and session.scalars(select(Order.id).where(Order.ref == ref)).first() is None:
            return ref
    return "".join(secrets.choice(REF_ALPHABET) for _ in range(6))


def _promise(
    session: Session,
    order: Order,
    promised_by: datetime,
    *,
    now: datetime,
    actor: str,
    number: int,
    why: str | None = None,
    agreed: bool | None = None,
) -> None:
    row = Promise(order_id=order.id, number=number, promised_by=promised_by, made_at=now, made_by=actor[:100], why=why)
    row.is_agreed = agreed
    session.add(row)


def promise_again(
    session: Session,
    order: Order,
    promised_by: datetime,
    now: datetime,
    *,
    actor: str,
    why: str | None,
    agreed: bool | None = None,
) -> None:
    """A re-promise: a new row in the ledger; the first promise stays for ever. `agreed`: whether the customer did, None
    when nobody said. Raises Invalid."""
    if not (why or "").strip():
        raise Invalid("why", "a new promise needs a reason: what happened?")
    complaints = _promise_complaints(promised_by, now)
    if complaints:
        raise Invalid.of(complaints)
    count = len(session.scalars(select(Promise.id).where(Promise.order_id == order.id)).all())
    _promise(session, order, promised_by, now=now, actor=actor, number=count + 1, why=why, agreed=agreed)
    order.promised_by = promised_by
    when = local_text(promised_by, order.branch.timezone, now=now)
    record(session, order, "promised_again", f"New promise: by {when}. Why: {why}{AGREED[agreed]}", at=now, actor=actor)


def set_status(order: Order, status: Status, now: datetime) -> None:
    """Enter a status and note when."""
    order.status = status
    if status is Status.READY and order.packed_at is None:
        order.packed_at = now
    if status is Status.OUT_FOR_DELIVERY:
        order.handed_over_at = now
    if status is Status.DELIVERED:
        order.delivered_at = now
    if status in CLOSED:
        order.closed_at = now


def next_status(order: Order, move: Move) -> Status:
    """Where a move leads from here. Raises MoveNotAllowed listing the moves that are."""
    target = MOVES.get((order.status, move))
    if target is None:
        allowed = [m.value for m in allowed_moves(order.status)]
        can = f"It can now: {', '.join(allowed)}." if allowed else "It is closed."
        raise MoveNotAllowed(f"Order {order.ref} is {order.status}, so it can't {move}. {can}", allowed=allowed)
    return target


def timeline(session: Session, ref: str) -> list[dict[str, Any]]:
    """Every event of an order, oldest first: {at, actor, kind, text}. Raises NotFound."""
    order = find_order(session, ref)
    events = session.scalars(select(OrderEvent).where(OrderEvent.order_id == order.id).order_by(OrderEvent.id))
    return [{"at": e.at.isoformat(), "actor": e.actor, "kind": e.kind, "text": e.text} for e in events]
