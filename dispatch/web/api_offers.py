"""The API on something else instead: what a customer said on the phone, and having them asked once more."""

from __future__ import annotations

from ..promise import offers
from . import schemas_orders as shapes
from .api_operations import NUMBER, REF, Answer, Call, NoQuery, Nothing, Registry
from .api_orders import order_answer
from .tables import Access

substitutions = Registry("substitutions")


@substitutions.operation(
    "POST",
    "/orders/{ref}/lines/{line_id}/substitution",
    Access.OPS,
    body=shapes.SubstitutionIn,
    answers={200: shapes.Order},
    parts={"ref": REF, "line_id": NUMBER},
    refusals=(409,),
    has_version=True,
    takes_if_match=True,
)
def settle_line(call: Call[shapes.SubstitutionIn, NoQuery], ref: str, line_id: int) -> Answer:
    """What the customer takes instead of a line that can't be had, or that they want nothing else."""
    given = call.body
    order = offers.settle_line(
        call.session,
        ref,
        line_id,
        given.choice,
        call.now,
        actor=call.caller.actor,
        by=given.by,
        note=given.note,
        if_version=call.if_version,
    )
    return order_answer(call, order)


@substitutions.operation(
    "POST",
    "/orders/{ref}/lines/{line_id}/offers",
    Access.OPS,
    answers={201: shapes.Order},
    parts={"ref": REF, "line_id": NUMBER},
    refusals=(409,),
    has_version=True,
    takes_if_match=True,
)
def ask_customer(call: Call[Nothing, NoQuery], ref: str, line_id: int) -> Answer:
    """Have the customer asked what they take instead, once more."""
    order = offers.ask_customer(
        call.session, ref, line_id, call.now, actor=call.caller.actor, if_version=call.if_version
    )
    return order_answer(call, order, status=201)
