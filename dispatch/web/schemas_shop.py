"""Branches, staff, suppliers and items as they come in and go out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field, model_validator

from ..orders.policy import BOUNDS
from ..staff.rules import Role
from .schemas import (
    ABSENT,
    WHOLE,
    Body,
    Code,
    Count,
    Hours,
    Id,
    Instant,
    Latitude,
    Longitude,
    Minutes,
    Name,
    Phone,
    Query,
    Shape,
    Sku,
    Title,
    Words,
)


def _within(name: str) -> object:
    least, most = BOUNDS[name]
    return Field(ge=least, le=most)


class PolicyIn(Body):
    """How long things take here and how hard the ladder knocks; what is left out has its default."""

    watch_minutes: Annotated[int, _within("watch_minutes"), WHOLE] = ABSENT
    step_min_seconds: Annotated[int, _within("step_min_seconds"), WHOLE] = ABSENT
    step_max_seconds: Annotated[int, _within("step_max_seconds"), WHOLE] = ABSENT
    check_in_grace_seconds: Annotated[int, _within("check_in_grace_seconds"), WHOLE] = ABSENT
    pack_minutes: Annotated[int, _within("pack_minutes"), WHOLE] = ABSENT
    travel_minutes: Annotated[int, _within("travel_minutes"), WHOLE] = ABSENT
    procure_minutes: Annotated[int, _within("procure_minutes"), WHOLE] = ABSENT
    handover_minutes: Annotated[int, _within("handover_minutes"), WHOLE] = ABSENT
    apology_grace_minutes: Annotated[int, _within("apology_grace_minutes"), WHOLE] = ABSENT
    page_cap_per_hour: Annotated[int, _within("page_cap_per_hour"), WHOLE] = ABSENT


class Placed(Body):
    """Something with a place on the map: both coordinates, or neither."""

    lat: Latitude | None = None
    lon: Longitude | None = None

    @model_validator(mode="after")
    def both_or_neither(self) -> Placed:
        if (self.lat is None) != (self.lon is None):
            raise ValueError("give both lat and lon, or neither")
        return self


class BranchIn(Placed):
    """One shop location."""

    name: Name
    timezone: Annotated[str, Field(min_length=1, max_length=64)]
    opening_hours: Hours
    country: Annotated[str, Field(pattern="^[A-Za-z]{2}$")] | None = None
    address: Words | None = None
    policy: PolicyIn | None = None


class Policy(Shape):
    """The policy in force."""

    watch_minutes: int
    step_min_seconds: int
    step_max_seconds: int
    check_in_grace_seconds: int
    pack_minutes: int
    travel_minutes: int
    procure_minutes: int
    handover_minutes: int
    apology_grace_minutes: int
    page_cap_per_hour: int


class Branch(Shape):
    """One shop location."""

    code: str
    name: str
    timezone: str
    opening_hours: str
    country: str | None
    address: str | None
    lat: float | None
    lon: float | None
    policy: Policy
    version: int


class Branches(Shape):
    """Every branch."""

    items: list[Branch]
    next: str | None


class StaffIn(Body):
    """Somebody new. `shifts`: the weekly roster in opening-hours syntax; none means no regular hours."""

    name: Name
    phone: Phone
    role: Role
    branch: Code = "main"
    shifts: Hours | None = None
    on_call: bool = False


class StaffChanges(Body):
    """What is to be changed. `force`: also when it takes the last way to keep a promise; `reason`: why, then."""

    name: Name = ABSENT
    phone: Phone = ABSENT
    role: Role = ABSENT
    branch: Code = ABSENT
    shifts: Hours | None = ABSENT
    on_call: bool = ABSENT
    is_active: bool = ABSENT
    force: bool = False
    reason: Annotated[Words, Field(max_length=300)] | None = None


class PauseIn(Body):
    """Not to be asked until then. `force`: also when it takes the last way to keep a promise."""

    until: Instant
    reason: Annotated[Words, Field(max_length=300)] | None = None
    force: bool = False


class ShiftIn(Body):
    """One shift on top of the roster."""

    staff_id: Id
    starts_at: Instant
    ends_at: Instant


class Staff(Shape):
    """One member of staff, and whether they are available just now."""

    id: str
    name: str
    phone: str
    role: Role
    branch: str
    shifts: str | None
    on_call: bool
    is_active: bool
    is_available: bool
    is_reachable: bool
    paused_until: datetime | None
    pause_reason: str | None
    version: int


class StaffPage(Shape):
    """One page of staff."""

    items: list[Staff]
    next: str | None


class Shift(Shape):
    """One extra shift."""

    id: str
    staff_id: str
    starts_at: datetime
    ends_at: datetime


class SupplierIn(Placed):
    """Another shop in town. `travel_minutes`: the way there; `procure_minutes`: finding and buying."""

    name: Name
    opening_hours: Hours
    phone: Phone | None = None
    travel_minutes: Minutes | None = None
    procure_minutes: Minutes | None = None


class Supplier(Shape):
    """Another shop in town."""

    code: str
    name: str
    phone: str | None
    opening_hours: str
    travel_minutes: int | None
    procure_minutes: int | None
    lat: float | None
    lon: float | None
    version: int


class SupplierPage(Shape):
    """One page of suppliers."""

    items: list[Supplier]
    next: str | None


class AtBranch(Query):
    """Whose shelf."""

    branch: Code = "main"


class ItemIn(Body):
    """An item and how many are on the shelf. Lists that are left out stay as they are."""

    title: Title
    on_hand: Count
    suppliers: Annotated[list[Code], Field(max_length=50)] | None = None
    substitutes: Annotated[list[Sku], Field(max_length=50)] | None = None


class Item(Shape):
    """An item with its stock at one branch."""

    sku: str
    title: str
    on_hand: int
    reserved: int
    available: int
    suppliers: list[str]
    substitutes: list[str]
    version: int
