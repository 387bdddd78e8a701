"""The API on pins: operators say who does a task of an order."""

from __future__ import annotations

from ..promise import pins
from ..promise.guard import Say
from ..promise.rules import Task
from . import schemas_orders as shapes
from . import schemas_plan
from .api_operations import REF, Answer, Call, NoQuery, Nothing, PathPart, Registry
from .api_orders import order_answer
from .tables import Access

pinned = Registry("pins")

TASK = PathPart(pattern="procure|deliver", max_length=7, words="procure or deliver")


@pinned.operation(
    "PUT",
    "/orders/{ref}/pins/{task}",
    Access.OPS,
    body=schemas_plan.PinIn,
    answers={200: shapes.Order},
    parts={"ref": REF, "task": TASK},
    refusals=(409,),
    has_version=True,
    takes_if_match=True,
)
def pin_task(call: Call[schemas_plan.PinIn, NoQuery], ref: str, task: str) -> Answer:
    """Somebody and nobody else is to do it."""
    given = call.body
    say = Say(actor=call.caller.actor, force=given.force, reason=given.reason)
    order = pins.pin(call.session, ref, Task(task), given.staff_id, call.now, say=say, if_version=call.if_version)
    return order_answer(call, order)


@pinned.operation(
    "DELETE",
    "/orders/{ref}/pins/{task}",
    Access.OPS,
    answers={200: shapes.Order},
    parts={"ref": REF, "task": TASK},
    has_version=True,
    takes_if_match=True,
)
def unpin_task(call: Call[Nothing, NoQuery], ref: str, task: str) -> Answer:
    """Whoever is free does it."""
    order = pins.unpin(call.session, ref, Task(task), call.now, actor=call.caller.actor, if_version=call.if_version)
    return order_answer(call, order)
