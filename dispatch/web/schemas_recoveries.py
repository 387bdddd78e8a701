"""Recoveries, their steps, and the report on promises as they come in and go out."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import Field, PlainValidator, WithJsonSchema

from ..customers.heads_up_rules import Preference
from ..messaging.rules import Channel
from ..promise.rules import ClockName
from ..recovery.endings import Ending
from ..recovery.rules import Cause, Fault, Stage, State, Step
from .schemas import HINT, Body, Code, Pages, Query, Shape, Words, read_id, read_instant
from .schemas_orders import Customer, Ref
from .schemas_plan import Person


def _who_or_when(value: object) -> int | datetime:
    """The id of somebody of ours, or a time."""
    try:
        return read_id(value)
    except ValueError:
        try:
            return read_instant(value)
        except ValueError as error:
            raise ValueError(f'give the id of who did it, like "17"; of offer_fix by when: {HINT}') from error


def _day(value: object) -> date:
    try:
        return date.fromisoformat(value if isinstance(value, str) and len(value) == 10 else "")
    except ValueError as error:
        raise ValueError("give a date like 2026-11-24") from error


WhoOrWhen = Annotated[
    int | datetime,
    PlainValidator(_who_or_when),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "pattern": "^[0-9]{1,10}$"},
                              {"type": "integer", "minimum": 0}]}),
]  # fmt: skip
Day = Annotated[date, PlainValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]


class ComplaintIn(Body):
    """What a customer complained of: `what` in words that they may read in our apology."""

    what: Words
    fault: Fault | None = None


class StepIn(Body):
    """One step. `text`: what the customer reads (of a call: what was said). `by`: who phoned or did it; of an offered
    fix, by when it is there. `channel`: call when it was said on the phone."""

    step: Step
    text: Words | None = None
    by: WhoOrWhen | None = None
    channel: Channel = Channel.SMS
    fault: Fault | None = None
    goodwill: Words | None = None


class HeadsUpAnswerIn(Body):
    """What the customer said on the phone."""

    choice: Preference


class RecoveryQuery(Pages):
    """Which recoveries."""

    state: State | None = None
    order: Ref | None = None


class TakenStep(Shape):
    """A step that was taken. `is_lost`: its text did not arrive."""

    at: datetime
    actor: str
    step: Step
    text: str | None
    channel: Channel | None
    by: Person | None
    fix_by: datetime | None
    is_lost: bool


class EarlierFailure(Shape):
    """How we failed the same customer before."""

    id: str
    order: str
    what: str


class Recovery(Shape):
    """One case of a broken promise, or of a complaint. `allowed`: the steps that may come next; `suggestions`: goodwill
    by fault and size, yours to decide; `next_step_at`: when something happens by itself."""

    id: str
    order: str
    customer: Customer
    reason: str | None
    state: State
    stage: Stage
    cause: Cause
    what: str | None
    clock: ClockName
    allowed: list[Step]
    fault: Fault | None
    goodwill: str | None
    suggestions: list[str]
    earlier: list[EarlierFailure]
    opened_at: datetime
    opened_by: str
    empathised_at: datetime | None
    fix_by: datetime | None
    fixed_at: datetime | None
    confirmed_at: datetime | None
    next_step_at: datetime | None
    closed_at: datetime | None
    ending: Ending | None
    ending_why: str
    steps: list[TakenStep]


class RecoveryPage(Shape):
    """One page of recoveries, the newest first."""

    items: list[Recovery]
    next: str | None


class ReportQuery(Query):
    """Which days: dates in the branch's time zone, both included; today when left out."""

    from_: Day | None = Field(default=None, alias="from")
    to: Day | None = None
    branch: Code | None = None


class Promises(Shape):
    """Kept and broken against the first promise; of the broken ones those kept as they were promised again."""

    total: int
    kept: int
    kept_as_repromised: int
    broken: int
    open: int


class Quantiles(Shape):
    """Seconds; null when there was nothing."""

    p50: float | None
    p95: float | None


class Calls(Shape):
    """Calls for help about these promises."""

    opened: int
    accepted: int
    unanswered: int
    first_page_seconds: Quantiles
    acceptance_seconds: Quantiles


class PromiseReport(Shape):
    """What was promised for these days, and what became of it."""

    from_: str = Field(alias="from")
    to: str
    promises: Promises
    by_clock: dict[ClockName, int]
    endings: dict[Ending, int]
    escalations: Calls


def step_parts(by: Any) -> dict[str, Any]:
    """`by` as who or as when."""
    return {"by_at": by} if isinstance(by, datetime) else {"staff_id": by}
