"""Escalations and texts as they come in and go out."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Annotated

from pydantic import Field

from ..escalation.rules import Answer, EscalationState, Need, Verb
from ..messaging.queries import RECEIVED
from ..messaging.rules import Channel, TextState
from .schemas import Body, Id, Limit, Pages, Phone, Query, Shape, Words
from .schemas_orders import Ref
from .schemas_plan import Person


class MessageState(enum.StrEnum):
    """Where a text stands: one that went out, or `received`."""

    QUEUED = TextState.QUEUED.value
    SENDING = TextState.SENDING.value
    SENT = TextState.SENT.value
    DELIVERED = TextState.DELIVERED.value
    UNDELIVERED = TextState.UNDELIVERED.value
    FAILED = TextState.FAILED.value
    HELD = TextState.HELD.value
    EXPIRED = TextState.EXPIRED.value
    RECEIVED = RECEIVED


class AnswerIn(Body):
    """An answer taken by phone, on behalf of somebody who was asked."""

    staff_id: Id
    answer: Verb
    note: Words | None = None


class EscalationQuery(Pages):
    """Which escalations."""

    state: EscalationState | None = None
    order: Ref | None = None


class Page(Shape):
    """One person asked once. `code` is the number they answer with; `receipt` is the provider's last word."""

    id: str
    staff_id: str
    name: str
    rung: int
    code: str
    channel: Channel
    asked_at: datetime
    sent_at: datetime | None
    receipt: str | None
    answer: Answer | None
    answered_at: datetime | None
    note: str | None


class Escalation(Shape):
    """The call for help about one order."""

    id: str
    order: str
    state: EscalationState
    need: Need
    opened_at: datetime
    why: str
    rung: int
    accepted_by: Person | None
    accepted_at: datetime | None
    check_in_at: datetime | None
    next_step_at: datetime | None
    closed_at: datetime | None
    pages: list[Page]


class EscalationPage(Shape):
    """One page of escalations, the newest first."""

    items: list[Escalation]
    next: str | None


class MessageQuery(Query):
    """Which texts. `to`: a phone number; `state`: of a text that went out, or `received`."""

    order: Ref | None = None
    to: Phone | None = None
    state: MessageState | None = None
    limit: Limit = 50
    cursor: Annotated[str, Field(min_length=1, max_length=60)] | None = None


class Direction(enum.StrEnum):
    """Which way a text went."""

    OUT = "out"
    IN = "in"


class Receipt(Shape):
    """What the provider said of a text."""

    status: str
    error_code: int | None
    at: datetime


class Message(Shape):
    """One text, out or in. `orders`: all that it is about, as several calls for help may leave as one text."""

    id: str
    direction: Direction
    kind: str
    from_: str | None = Field(alias="from")
    to: str
    body: str
    state: MessageState
    hold: str | None
    error: str | None
    order: str | None
    orders: list[str]
    staff_id: str | None
    receipts: list[Receipt]
    created_at: datetime
    sent_at: datetime | None


class MessagePage(Shape):
    """One page of texts, the newest first."""

    items: list[Message]
    next: str | None
