"""The API on recoveries: broken promises and complaints, their steps in order, and what customers said on the phone."""

from __future__ import annotations

from typing import Any

from ..customers.heads_up_answers import answer_for_customer
from ..orders.service import find_order
from ..recovery.queries import get_recovery, list_recoveries
from ..recovery.service import Taken, complain, take_step
from . import schemas_orders, schemas_recoveries
from .api_operations import NUMBER, REF, Answer, Call, NoQuery, Nothing, Registry
from .api_orders import order_answer
from .api_shop import page
from .tables import Access

shapes = schemas_recoveries
recoveries = Registry("recoveries")


@recoveries.operation(
    "GET",
    "/recoveries",
    Access.READER,
    query=shapes.RecoveryQuery,
    answers={200: shapes.RecoveryPage},
)
def find_recoveries(call: Call[Nothing, shapes.RecoveryQuery]) -> Answer:
    """Recoveries, the newest first."""
    asked = call.query
    items, after = list_recoveries(
        call.session, call.now, state=asked.state, order=asked.order, limit=asked.limit, cursor=asked.cursor
    )
    return page(items, after)


@recoveries.operation(
    "GET",
    "/recoveries/{recovery_id}",
    Access.READER,
    answers={200: shapes.Recovery},
    parts={"recovery_id": NUMBER},
)
def read_recovery(call: Call[Nothing, NoQuery], recovery_id: int) -> Answer:
    """One recovery."""
    return Answer(body=get_recovery(call.session, recovery_id, call.now))


def _recovery(call: Call[Any, Any], recovery_id: int, *, status: int = 200) -> Answer:
    return Answer(
        body=lambda: get_recovery(call.session, recovery_id, call.now),
        status=status,
        location=f"/recoveries/{recovery_id}",
    )


@recoveries.operation(
    "POST",
    "/recoveries/{recovery_id}/steps",
    Access.OPS,
    body=shapes.StepIn,
    answers={200: shapes.Recovery},
    parts={"recovery_id": NUMBER},
    refusals=(409,),
)
def take_recovery_step(call: Call[shapes.StepIn, NoQuery], recovery_id: int) -> Answer:
    """Go on with a recovery: empathy first, then the fix with its time, then whether it was made good."""
    given = call.body
    taken = Taken(
        step=given.step,
        actor=call.caller.actor,
        text=given.text,
        channel=given.channel,
        fault=given.fault,
        goodwill=given.goodwill,
        **shapes.step_parts(given.by),
    )
    take_step(call.session, recovery_id, taken, call.now, links=call.links)
    return _recovery(call, recovery_id)


@recoveries.operation(
    "POST",
    "/orders/{ref}/recoveries",
    Access.OPS,
    body=shapes.ComplaintIn,
    answers={201: shapes.Recovery},
    parts={"ref": REF},
    refusals=(409,),
)
def open_recovery(call: Call[shapes.ComplaintIn, NoQuery], ref: str) -> Answer:
    """A customer complained: a recovery opens by hand."""
    given = call.body
    recovery = complain(call.session, ref, given.what, call.now, actor=call.caller.actor, fault=given.fault)
    return _recovery(call, recovery.id, status=201)


@recoveries.operation(
    "POST",
    "/orders/{ref}/heads-up",
    Access.OPS,
    body=shapes.HeadsUpAnswerIn,
    answers={200: schemas_orders.Order},
    parts={"ref": REF},
    refusals=(409,),
    has_version=True,
)
def answer_heads_up(call: Call[shapes.HeadsUpAnswerIn, NoQuery], ref: str) -> Answer:
    """What a customer whose promise is at risk chose on the phone; it moves the order."""
    answer_for_customer(call.session, ref, call.body.choice, call.now, links=call.links, actor=call.caller.actor)
    return order_answer(call, find_order(call.session, ref))
