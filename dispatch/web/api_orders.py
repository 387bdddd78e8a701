"""The API on orders: taking them, changing them, moving them along, and what is heard about their lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import select

from ..customers.heads_up import heads_up_shape
from ..escalation.queries import list_orders, order_shapes
from ..foundation.errors import Invalid
from ..orders.rules import Sourcing
from ..orders.service import NewLine, NewOrder, ProcurementNews, find_order, timeline
from ..orders.tables import Line, Order
from ..promise import service
from ..recovery.queries import care_of
from . import schemas_orders as shapes
from .api_operations import NUMBER, REF, Answer, Call, NoQuery, Nothing, Registry
from .api_shop import CREATED_OR_NOT, check_branch, page
from .plan_view import ledger, plan_shapes
from .tables import Access

orders = Registry("orders")


def order_answer(call: Call[Any, Any], order: Order, *, status: int = 200) -> Answer:
    """An order as the answer to a call, with its version, its plan and every promise that was given for it."""

    def body() -> Mapping[str, Any]:
        (shape,) = order_shapes(call.session, [order], call.now, call.links)
        plan, promises = plan_shapes(call.session, order, call.now), ledger(call.session, order)
        told = {"heads_up": heads_up_shape(call.session, order.id)}
        return shape | {"plan": plan, "promises": promises} | told | care_of(call.session, order, call.now)

    return Answer(body=body, status=status, location=f"/orders/{order.ref}", version=order.version)


@orders.operation(
    "GET",
    "/orders",
    Access.READER,
    query=shapes.OrderQuery,
    answers={200: shapes.OrderPage},
)
def find_orders(call: Call[Nothing, shapes.OrderQuery]) -> Answer:
    """Orders, the newest first."""
    asked = call.query
    items, after = list_orders(
        call.session,
        call.now,
        call.links,
        status=asked.status,
        risk=asked.risk,
        open_=asked.open,
        branch=asked.branch,
        external_id=asked.external_id,
        limit=asked.limit,
        cursor=asked.cursor,
    )
    return page(items, after)


@orders.operation(
    "POST",
    "/orders",
    Access.OPS,
    body=shapes.OrderIn,
    answers={201: shapes.Order, 200: shapes.Order},
    has_version=True,
)
def place_order(call: Call[shapes.OrderIn, NoQuery]) -> Answer:
    """Take an order; the same external_id again gives the first one."""
    given = call.body
    check_branch(call, given.branch)
    new = NewOrder(
        customer_name=given.customer.name,
        customer_phone=given.customer.phone,
        customer_language=given.customer.language,
        address=given.address.text,
        lat=given.address.lat,
        lon=given.address.lon,
        promised_by=given.promised_by,
        lines=tuple(new_line(line) for line in given.lines),
        reason=given.reason,
        travel_minutes=given.travel_minutes,
        proof=given.proof,
        external_id=given.external_id,
        branch=given.branch,
    )
    order, is_new = service.place(
        call.session, new, call.now, actor=call.caller.actor, region=call.region, quote_id=given.quote_id
    )
    return order_answer(call, order, status=CREATED_OR_NOT[is_new])


def new_line(line: shapes.LineIn | shapes.LineChange) -> NewLine:
    """A line as it came in."""
    return NewLine(title=line.title, sku=line.sku, quantity=line.quantity, substitution=line.substitution)


@orders.operation(
    "GET",
    "/orders/{ref}",
    Access.READER,
    answers={200: shapes.Order},
    parts={"ref": REF},
    has_version=True,
)
def read_order(call: Call[Nothing, NoQuery], ref: str) -> Answer:
    """One order."""
    return order_answer(call, find_order(call.session, ref))


@orders.operation(
    "PATCH",
    "/orders/{ref}",
    Access.OPS,
    body=shapes.OrderChanges,
    answers={200: shapes.Order},
    parts={"ref": REF},
    refusals=(409,),
    has_version=True,
    takes_if_match=True,
)
def change_order(call: Call[shapes.OrderChanges, NoQuery], ref: str) -> Answer:
    """Change an order; a new promised_by is a new promise."""
    given = call.body
    changes = given.given()
    for name in {"why", "agreed"} & changes.keys():
        if "promised_by" not in changes:
            raise Invalid(name, "goes with a new promised_by: give both, or neither")
    if "address" in changes:
        # Coordinates that are not given again belonged to the old address.
        changes |= {"address": given.address.text, "lat": given.address.lat, "lon": given.address.lon}
    if "lines" in changes:
        changes["lines"] = _wanted(call, ref, given.lines)
    order = service.change(call.session, ref, changes, call.now, actor=call.caller.actor, if_version=call.if_version)
    return order_answer(call, order)


def _wanted(
    call: Call[Any, Any], ref: str, lines: Sequence[shapes.LineChange]
) -> list[tuple[int | None, NewLine | None]]:
    """(id, None) for each line to keep, (None, what it shall be) for each that is new or different from before.

    (id, what it shall be) for one of which only the wish for a substitute is different: its goods stay its own.
    """
    columns = (Line.id, Line.title, Line.sku, Line.quantity, Line.substitution)
    query = select(*columns).join(Order, Order.id == Line.order_id).where(Order.ref == ref.upper())
    before = {row.id: NewLine(title=row.title, sku=row.sku, quantity=row.quantity, substitution=row.substitution)
              for row in call.session.execute(query)}  # fmt: skip
    wanted: list[tuple[int | None, NewLine | None]] = []
    for index, line in enumerate(lines):
        if line.id is not None and line.id not in before:
            raise Invalid(f"lines.{index}.id", "this order has no such line")
        if line.id is not None and "title" not in line.model_fields_set:
            wanted.append((line.id, None))
            continue
        new = new_line(line)
        is_kept = line.id is not None and replace(new, substitution=before[line.id].substitution) == before[line.id]
        wanted.append((line.id, new) if is_kept else (None, new))
    return wanted


@orders.operation(
    "POST",
    "/orders/{ref}/moves",
    Access.OPS,
    body=shapes.MoveIn,
    answers={200: shapes.Order},
    parts={"ref": REF},
    refusals=(409,),
    has_version=True,
    takes_if_match=True,
)
def move_order(call: Call[shapes.MoveIn, NoQuery], ref: str) -> Answer:
    """Move an order along."""
    given = call.body
    order = service.move(
        call.session,
        ref,
        given.move,
        call.now,
        actor=call.caller.actor,
        if_version=call.if_version,
        staff_id=given.staff_id,
        reason=given.reason,
        note=given.note,
        pin=given.pin,
    )
    return order_answer(call, order)


@orders.operation(
    "POST",
    "/orders/{ref}/lines/{line_id}/procurement",
    Access.OPS,
    body=shapes.ProcurementIn,
    answers={200: shapes.Order},
    parts={"ref": REF, "line_id": NUMBER},
    refusals=(409,),
    has_version=True,
    takes_if_match=True,
)
def report_procurement(call: Call[shapes.ProcurementIn, NoQuery], ref: str, line_id: int) -> Answer:
    """What was heard about a line that is to be bought."""
    given = call.body
    news = ProcurementNews(
        state=Sourcing(given.state.value),
        supplier=given.supplier,
        ready_at=given.ready_at,
        by=given.by,
        note=given.note,
    )
    order = service.procure(
        call.session, ref, line_id, news, call.now, actor=call.caller.actor, if_version=call.if_version
    )
    return order_answer(call, order)


@orders.operation(
    "GET",
    "/orders/{ref}/timeline",
    Access.READER,
    query=shapes.TimelineQuery,
    answers={200: shapes.Timeline},
    parts={"ref": REF},
)
def read_timeline(call: Call[Nothing, shapes.TimelineQuery], ref: str) -> Answer:
    """Everything that happened to an order, oldest first."""
    events, start = timeline(call.session, ref), call.query.cursor
    end = start + call.query.limit
    return page(events[start:end], end if end < len(events) else None)
