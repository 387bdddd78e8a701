"""Quotes as they come in and go out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from ..promise.rules import Verdict
from ..promise.verdict import Part
from .schemas import Body, Code, Instant, Minutes, Shape
from .schemas_orders import AddressIn, Binding, LineIn


class QuoteIn(Body):
    """Can it be there by then? Without `promised_by`: by when could it be there?"""

    lines: Annotated[list[LineIn], Field(min_length=1, max_length=100)]
    promised_by: Instant | None = None
    travel_minutes: Minutes | None = None
    address: AddressIn | None = None
    branch: Code = "main"


class PlannedStep(Shape):
    """What must be begun by when. `by_whom`: who is held for it; `supplier`: the shop it leads to, by name."""

    step: Part
    by_whom: str | None
    supplier: str | None
    start_by: datetime


class Quote(Shape):
    """The verdict. Yes and yes_if hold goods and people until `expires_at`; `id` is the `quote_id` of the order.

    `promised_by`: what the verdict is about, and `earliest_by`: what can be promised without haste. Both are null when
    nothing can be promised.
    """

    id: str
    verdict: Verdict
    promised_by: datetime | None
    earliest_by: datetime | None
    slack_minutes: int | None
    binding: Binding
    conditions: list[str]
    plan: list[PlannedStep]
    expires_at: datetime
