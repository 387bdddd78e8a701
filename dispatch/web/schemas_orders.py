"""Orders, their moves and their lines as they come in and go out."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Annotated

from pydantic import Field, model_validator

from ..escalation.rules import EscalationState
from ..orders.rules import Move, Proof, Sourcing, Status, Substitution
from ..procurement.substitution_rules import OfferState
from ..promise.rules import ClockName, Level
from ..recovery.endings import Ending
from .schemas import (
    ABSENT,
    DIGITS,
    Body,
    Code,
    Flag,
    Id,
    Instant,
    Minutes,
    Name,
    Pages,
    Phone,
    Quantity,
    Query,
    Shape,
    Sku,
    Title,
    Words,
)
from .schemas_plan import GivenPromise, HeadsUp, Person, PlanStep, RecoveryMark
from .schemas_shop import Placed

ExternalId = Annotated[Sku, Field(max_length=100)]
QuoteId = Annotated[Sku, Field(max_length=40)]
Language = Annotated[str, Field(pattern="^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,6})?$")]
Ref = Annotated[str, Field(pattern="^[0-9A-Za-z]{4,6}$")]


class CustomerIn(Body):
    """Who is waiting."""

    name: Name
    phone: Phone
    language: Language = "en"


class AddressIn(Placed):
    """Where it goes."""

    text: Words


class LineIn(Body):
    """One thing wanted. `substitution`: what the customer agreed to, should it be unobtainable."""

    title: Title
    sku: Sku | None = None
    quantity: Quantity = 1
    substitution: Substitution = Substitution.ASK


class OrderIn(Body):
    """An order as it is taken. `reason`: why it matters to the customer; `quote_id`: what was held for it."""

    customer: CustomerIn
    address: AddressIn
    promised_by: Instant
    lines: Annotated[list[LineIn], Field(min_length=1, max_length=100)]
    reason: Words | None = None
    travel_minutes: Minutes | None = None
    proof: Proof = Proof.NONE
    quote_id: QuoteId | None = None
    external_id: ExternalId | None = None
    branch: Code = "main"


class LineChange(Body):
    """A line to keep (its `id`), to change (its `id` and what it should be) or to add (no `id`)."""

    id: Id | None = None
    title: Title = ABSENT
    sku: Sku | None = None
    quantity: Quantity = 1
    substitution: Substitution = Substitution.ASK

    @model_validator(mode="after")
    def known_or_named(self) -> LineChange:
        if "title" not in self.model_fields_set and (self.id is None or self.model_fields_set != {"id"}):
            raise ValueError("give its title; only an id alone keeps a line as it is")
        return self


class OrderChanges(Body):
    """What is to be changed. `lines` are all there shall be; a new `promised_by` needs `why`, and keeps the first.

    `agreed`: whether the customer agreed to it; null or left out when nobody has asked.
    """

    address: AddressIn = ABSENT
    reason: Words | None = ABSENT
    travel_minutes: Minutes | None = ABSENT
    lines: Annotated[list[LineChange], Field(min_length=1, max_length=100)] = ABSENT
    promised_by: Instant = ABSENT
    why: Words = ABSENT
    agreed: bool | None = ABSENT


class MoveIn(Body):
    """What happened. `staff_id`: who carries it (hand_over); `reason`: of fail and cancel; `pin`: of deliver."""

    move: Move
    staff_id: Id | None = None
    reason: Words | None = None
    note: Words | None = None
    pin: Annotated[str, Field(max_length=8)] | None = None


class ProcurementState(enum.StrEnum):
    """What can be heard about a line that is to be bought."""

    SEARCHING = Sourcing.SEARCHING.value
    RESERVED = Sourcing.RESERVED.value
    BOUGHT = Sourcing.BOUGHT.value
    UNAVAILABLE = Sourcing.UNAVAILABLE.value


class ProcurementIn(Body):
    """News about one line: where, when it is ready, and who found out."""

    state: ProcurementState
    supplier: Code | None = None
    ready_at: Instant | None = None
    by: Id | None = None
    note: Words | None = None


class SubstitutionIn(Body):
    """What the customer said on the phone: the `choice` they take instead, null for none; `by`: who phoned them."""

    choice: Sku | None
    by: Id | None = None
    note: Words | None = None


class OrderQuery(Pages):
    """Which orders."""

    status: Status | None = None
    risk: Level | None = None
    open: Flag | None = None
    branch: Code | None = None
    external_id: ExternalId | None = None


class TimelineQuery(Query):
    """Which events; all of them fit on the first page unless there are very many."""

    limit: Annotated[int, Field(ge=1, le=1000), DIGITS] = 1000
    cursor: Annotated[int, Field(ge=0, le=1_000_000), DIGITS] = 0


class Customer(Shape):
    """Who is waiting."""

    name: str
    phone: str
    language: str


class Address(Shape):
    """Where it goes."""

    text: str
    lat: float | None
    lon: float | None


class Choice(Shape):
    """Something that was offered instead."""

    sku: str
    title: str


class SubstitutionOffer(Shape):
    """What the customer was asked last about a line that can't be had, by when to answer, and what came of it."""

    state: OfferState
    choices: list[Choice]
    reply_by: datetime


class Line(Shape):
    """One thing wanted, and where its goods are. `instead_of`: what was wanted first, when this took its place."""

    id: str
    sku: str | None
    title: str
    instead_of: str | None
    quantity: int
    substitution: Substitution
    substitution_offer: SubstitutionOffer | None
    sourcing: Sourcing
    supplier: str | None
    ready_at: datetime | None
    kept_until: datetime | None
    note: str | None


class Binding(Shape):
    """Which clock sets the last instant to act, in words."""

    clock: ClockName
    message: str


class Risk(Shape):
    """How much danger the promise is in, at the instant of reading."""

    level: Level
    slack_minutes: int | None
    act_by: datetime | None
    projected_at: datetime | None
    binding: Binding
    next_check_at: datetime | None


class EscalationMark(Shape):
    """The call for help about an order: the live one, else the latest."""

    id: str
    state: EscalationState


class Order(Shape):
    """One order. `first_promised_by` is never rewritten. Lists leave out all from `plan` on.

    `promises`: the first one first. `ending`: how the story ended, null while it is open, and why.
    """

    ref: str
    external_id: str | None
    branch: str
    status: Status
    version: int
    customer: Customer
    address: Address
    reason: str | None
    first_promised_by: datetime
    promised_by: datetime
    lines: list[Line]
    travel_minutes: int | None
    proof: Proof
    carrier: Person | None
    risk: Risk
    escalation: EscalationMark | None
    allowed_moves: list[Move]
    tracking_url: str
    created_at: datetime
    packed_at: datetime | None
    handed_over_at: datetime | None
    delivered_at: datetime | None
    closed_at: datetime | None
    plan: list[PlanStep] = ABSENT
    promises: list[GivenPromise] = ABSENT
    ending: Ending | None = ABSENT
    ending_why: str = ABSENT
    recovery: RecoveryMark | None = ABSENT
    heads_up: HeadsUp | None = ABSENT


class OrderPage(Shape):
    """One page of orders, the newest first."""

    items: list[Order]
    next: str | None


class Event(Shape):
    """Something that happened to an order."""

    at: datetime
    actor: str
    kind: str
    text: str


class Timeline(Shape):
    """An order's history, oldest first."""

    items: list[Event]
    next: str | None
