"""The API on escalations, on answers taken by phone, and on texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import select

from ..escalation.queries import get_escalation, list_escalations
from ..escalation.spoken import answer_for_staff
from ..foundation.settings import TwilioSettings
from ..foundation.types import parse_phone
from ..messaging.queries import OUT, Message, list_messages, without_keys
from ..orders.tables import Order
from . import schemas_calls as shapes
from .api_operations import NUMBER, Answer, Call, NoQuery, Nothing, Registry
from .api_shop import page
from .tables import Access

calls = Registry("escalations")
texts = Registry("messages")
INBOUND = "inbound"


@calls.operation(
    "GET",
    "/escalations",
    Access.READER,
    query=shapes.EscalationQuery,
    answers={200: shapes.EscalationPage},
)
def find_escalations(call: Call[Nothing, shapes.EscalationQuery]) -> Answer:
    """Calls for help, the newest first."""
    asked = call.query
    return page(
        *list_escalations(call.session, state=asked.state, order=asked.order, limit=asked.limit, cursor=asked.cursor)
    )


@calls.operation(
    "GET",
    "/escalations/{escalation_id}",
    Access.READER,
    answers={200: shapes.Escalation},
    parts={"escalation_id": NUMBER},
)
def read_escalation(call: Call[Nothing, NoQuery], escalation_id: int) -> Answer:
    """One call for help."""
    return Answer(body=get_escalation(call.session, escalation_id))


@calls.operation(
    "POST",
    "/escalations/{escalation_id}/answers",
    Access.OPS,
    body=shapes.AnswerIn,
    answers={200: shapes.Escalation},
    parts={"escalation_id": NUMBER},
    refusals=(409,),
)
def answer_escalation(call: Call[shapes.AnswerIn, NoQuery], escalation_id: int) -> Answer:
    """An answer taken by phone."""
    given = call.body
    answer_for_staff(
        call.session,
        escalation_id,
        given.staff_id,
        given.answer,
        call.now,
        actor=call.caller.actor,
        note=given.note,
    )
    return Answer(body=lambda: get_escalation(call.session, escalation_id))


@texts.operation(
    "GET",
    "/messages",
    Access.READER,
    query=shapes.MessageQuery,
    answers={200: shapes.MessagePage},
)
def find_messages(call: Call[Nothing, shapes.MessageQuery]) -> Answer:
    """Texts out and in, the newest first, with every receipt."""
    asked, order_id = call.query, None
    if asked.order:
        order_id = call.session.scalars(select(Order.id).where(Order.ref == asked.order.upper())).first()
        if order_id is None:
            return page([], None)
    found = list_messages(
        call.session,
        order_id=order_id,
        to=parse_phone(asked.to, region=call.region, field="to") if asked.to else None,
        state=asked.state.value if asked.state else None,
        limit=asked.limit,
        cursor=asked.cursor,
    )
    refs = _refs(call, found.items)
    sender = _sender(call.runtime.settings.twilio)
    # Who may only look must not answer for staff, or cancel for a customer, by a link that stands in a text.
    can_act = call.caller.may(Access.OPS)
    items = found.items if can_act else [replace(each, body=without_keys(each.body)) for each in found.items]
    return page([_message(message, refs, sender) for message in items], found.next)


def _refs(call: Call[Any, Any], messages: Sequence[Message]) -> dict[int, str]:
    ids = {order_id for message in messages for order_id in message.order_ids}
    rows = call.session.execute(select(Order.id, Order.ref).where(Order.id.in_(ids))) if ids else ()
    return {row.id: row.ref for row in rows}


def _sender(twilio: TwilioSettings | None) -> str | None:
    # Of a messaging service the provider chooses the number.
    return twilio.from_number or twilio.messaging_service_sid if twilio else None


def _message(message: Message, refs: dict[int, str], sender: str | None) -> dict[str, Any]:
    return {
        "id": message.id,
        "direction": message.direction,
        "kind": message.kind or INBOUND,
        "from": sender if message.direction == OUT else message.from_phone,
        "to": message.to_phone,
        "body": message.body,
        "state": message.state,
        "hold": message.hold,
        "error": message.error,
        "order": refs.get(message.order_id or 0),
        "orders": [refs[order_id] for order_id in message.order_ids],
        "staff_id": str(message.staff_id) if message.staff_id is not None else None,
        "receipts": [{"status": r.status, "error_code": r.error_code, "at": r.at} for r in message.receipts],
        "created_at": message.created_at,
        "sent_at": message.sent_at,
    }
