"""Call lists, what suppliers answer, and what was bought on one trip, as they come in and go out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from ..procurement.calls import Outcome
from .schemas import Body, Code, Id, Instant, Shape, Words


class SupplierAnswerIn(Body):
    """What a supplier said of a line. `kept_until`: of has_it; `by`: who found out."""

    supplier: Code
    outcome: Outcome
    kept_until: Instant | None = None
    by: Id | None = None
    note: Words | None = None


class PurchaseIn(Body):
    """Lines, of whatever orders, that were bought on one trip to a supplier."""

    supplier: Code
    lines: Annotated[list[Id], Field(min_length=1, max_length=50)]
    by: Id | None = None
    note: Words | None = None


class LastOutcome(Shape):
    """What a supplier said last: of this line, or today of the same thing for another order. `text` has its age."""

    outcome: Outcome
    at: datetime
    text: str


class AlsoThere(Shape):
    """Another open line that can be had on the same trip. `is_kept`: it is put aside there."""

    order: str
    line_id: str
    title: str
    quantity: int
    is_kept: bool


class SupplierCall(Shape):
    """A supplier on a line's call list. `leave_by`: the last instant to set out; `is_reachable`: in time for the
    promise; `chance`: that they have it, above 0 and below 1."""

    supplier: str
    name: str
    phone: str | None
    is_usual: bool
    chance: float
    open_until: datetime | None
    opens_at: datetime | None
    travel_minutes: int | None
    leave_by: datetime | None
    is_reachable: bool
    kept_until: datetime | None
    last_outcome: LastOutcome | None
    rank_reason: str
    also_there: list[AlsoThere]


class SupplierCallPage(Shape):
    """Whom to ring about a line, first first: all of them are on one page."""

    items: list[SupplierCall]
    next: str | None


class Purchased(Shape):
    """What became of one line: bought, or why not. `order` is null where there is no such line."""

    line_id: str
    order: str | None
    title: str | None
    is_bought: bool
    message: str | None


class Purchase(Shape):
    """What became of each line of a trip, in the order given."""

    items: list[Purchased]
