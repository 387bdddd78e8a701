"""The API on calls to suppliers: whom to ring about a line, what they answered, what was bought on one trip."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..foundation.errors import NotFound
from ..orders.service import find_order, get_line
from ..procurement import wording
from ..procurement.call_list import Listed
from ..procurement.call_log import Told
from ..procurement.calls import Outcome
from ..promise import calls
from . import schemas_suppliers as shapes
from .api_operations import NUMBER, REF, Answer, Call, NoQuery, Nothing, Registry
from .api_orders import order_answer
from .api_shop import page
from .schemas_orders import Order
from .tables import Access

suppliers = Registry("calls to suppliers")


def call_shape(listed: Listed, now: datetime, timezone: str) -> dict[str, Any]:
    """A supplier on a call list as the API shows it."""
    supplier, row = listed.supplier, listed.row
    last = row.last
    return {
        "supplier": supplier.code,
        "name": supplier.name,
        "phone": supplier.phone,
        "is_usual": row.shop.is_tied,
        "chance": round(row.chance, 3),
        "open_until": row.open_until,
        "opens_at": row.opens_at,
        "travel_minutes": supplier.travel_minutes,
        "leave_by": row.leave_by,
        "is_reachable": row.is_reachable,
        "kept_until": row.shop.kept_until,
        "last_outcome": {"outcome": last.outcome, "at": last.at, "text": wording.heard(last, now)} if last else None,
        "rank_reason": wording.rank_reason(row, now, timezone),
        "also_there": [
            {
                "order": other.ref,
                "line_id": str(other.line_id),
                "title": other.title,
                "quantity": other.quantity,
                "is_kept": other.is_kept,
            }
            for other in listed.also_there
        ],
    }


@suppliers.operation(
    "GET",
    "/orders/{ref}/lines/{line_id}/calls",
    Access.READER,
    answers={200: shapes.SupplierCallPage},
    parts={"ref": REF, "line_id": NUMBER},
)
def list_calls(call: Call[Nothing, NoQuery], ref: str, line_id: int) -> Answer:
    """Whom to ring about a missing line, first first; nobody once its goods are in hand."""
    order = find_order(call.session, ref)
    get_line(order, line_id)
    listed = calls.calls_of(call.session, order, call.now).get(line_id, ())
    return page([call_shape(each, call.now, order.branch.timezone) for each in listed], None)


@suppliers.operation(
    "POST",
    "/orders/{ref}/lines/{line_id}/calls",
    Access.OPS,
    body=shapes.SupplierAnswerIn,
    answers={201: Order},
    parts={"ref": REF, "line_id": NUMBER},
    refusals=(409,),
    has_version=True,
    takes_if_match=True,
)
def report_call(call: Call[shapes.SupplierAnswerIn, NoQuery], ref: str, line_id: int) -> Answer:
    """What a supplier answered about a line; the same twice within a minute is one answer."""
    given = call.body
    told = Told(
        supplier=given.supplier,
        outcome=given.outcome,
        kept_until=given.kept_until,
        by=given.by,
        note=given.note,
    )
    order = calls.hear(call.session, ref, line_id, told, call.now, actor=call.caller.actor, if_version=call.if_version)
    return order_answer(call, order, status=201)


@suppliers.operation(
    "POST",
    "/purchases",
    Access.OPS,
    body=shapes.PurchaseIn,
    answers={200: shapes.Purchase},
    refusals=(409,),
)
def report_purchase(call: Call[shapes.PurchaseIn, NoQuery]) -> Answer:
    """Several lines, of whatever orders, bought on one trip: each for itself, one refused doesn't lose the others."""
    given = call.body
    told = Told(supplier=given.supplier, outcome=Outcome.BOUGHT, by=given.by, note=given.note)
    results = calls.buy_together(call.session, given.lines, told, call.now, actor=call.caller.actor)
    return Answer(body={"items": [_purchased(result) for result in results]})


def _purchased(result: calls.Bought) -> dict[str, Any]:
    is_known = not isinstance(result.refusal, NotFound)
    return {
        "line_id": str(result.line_id),
        "order": result.ref if is_known else None,
        "title": result.title if is_known else None,
        "is_bought": result.refusal is None,
        "message": str(result.refusal) if result.refusal else None,
    }
