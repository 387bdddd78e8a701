"""What stands beside an order: its plan, its pins, every promise given for it, and how its customer was cared for."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from ..customers.heads_up_rules import Preference
from ..promise.advice import Doing
from ..recovery.rules import Stage, State
from .schemas import Body, Id, Shape, Words


class PinIn(Body):
    """Who is to do a task. `force`: also when it takes the last way to keep a promise; `reason`: why, then."""

    staff_id: Id
    force: bool = False
    reason: Annotated[Words, Field(max_length=300)] | None = None


class Person(Shape):
    """Somebody of ours."""

    id: str
    name: str


class PlanStep(Shape):
    """One step of the plan, which is advice: who, by when, how soon it could begin, and why not sooner."""

    step: Doing
    by_whom: Person | None
    supplier: str | None
    line: str | None
    start_by: datetime | None
    not_before: datetime | None
    why_not_sooner: str | None
    is_under_way: bool
    is_pinned: bool
    text: str


class GivenPromise(Shape):
    """A deadline that was given to the customer, and why it was not the last one."""

    number: int
    promised_by: datetime
    made_at: datetime
    made_by: str
    why: str | None
    agreed: bool | None


class RecoveryMark(Shape):
    """The newest recovery of an order."""

    id: str
    state: State
    stage: Stage


class HeadsUp(Shape):
    """What the customer was told while the promise was at risk, what they could choose, and what they chose.

    `withheld`: why nobody texted them, or that the text did not arrive."""

    made_at: datetime
    choices: list[Preference]
    proposed_at: datetime | None
    answer: Preference | None
    answered_at: datetime | None
    withheld: str | None
