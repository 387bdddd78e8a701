"""What the clock needs to know of one order: plain values, gathered by `facts`; pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from ..foundation.hours import Span
from ..orders.policy import Policy
from ..orders.rules import Sourcing, Status
from ..staff.rules import Person
from .estimates import Spread, by_default, far_apart
from .rules import Task

# The stop of a delivery, and of every other one to the same door: one trip serves both.
THE_DOOR = "the door"
# Doors no farther apart than this are one stop.
NEXT_DOOR_KM = 1.0


class Door(NamedTuple):
    """Where an order goes: the address in small letters, and where that is, if known."""

    address: str
    lat: float | None = None
    lon: float | None = None

    def is_near(self, other: Door | None) -> bool:
        """Whether one trip can serve both."""
        if other is None:
            return False
        apart = far_apart((self.lat, self.lon), (other.lat, other.lon))
        return self.address == other.address if apart is None else apart <= NEXT_DOOR_KM

    @property
    def stop(self) -> str:
        """The door as the stop of a quote's delivery, whose address stands nowhere else."""
        return f"{THE_DOOR} {json.dumps(self, ensure_ascii=False)}"

    @classmethod
    def read(cls, stop: str) -> Door | None:
        """The door that was written like that; None when the stop is something else."""
        head, _, values = stop.partition(f"{THE_DOOR} ")
        return cls(*json.loads(values)) if values and not head else None


@dataclass(frozen=True, kw_only=True)
class SupplierFacts:
    """Another shop: when it is open, how far it is and how long finding and buying takes there (minutes).

    `errand`: there, finding, buying and back, as learned. `has_refused`: they said today that they don't have it.
    """

    name: str
    open: tuple[Span, ...]
    travel_minutes: int | None
    procure_minutes: int | None
    id: int = 0
    errand: Spread | None = None
    has_refused: bool = False

    @property
    def stop(self) -> str:
        """Where a trip to it leads."""
        return f"shop {self.id or self.name}"


@dataclass(frozen=True, kw_only=True)
class LineFacts:
    """One line: where its goods are, since when, who is getting them, and who may have them.

    `kept_until`: until when another shop keeps it for us.
    """

    title: str
    sourcing: Sourcing
    since: datetime
    ready_at: datetime | None
    suppliers: tuple[SupplierFacts, ...]
    id: int = 0
    buyer_id: int | None = None
    kept_until: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Busy:
    """Somebody is needed for another order from `start` until they are free again at `end`.

    `stop`: where that trip leads; an order for the same stop may go along while it has not left (`is_under_way`).
    `by`: the id of that order, None when it is only a quote.
    """

    staff_id: int
    start: datetime
    end: datetime
    ref: str
    task: Task
    stop: str = ""
    is_under_way: bool = False
    by: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Slot:
    """What the plan counts on somebody for: leave by `start_by`, free again at `ends_at`. `line`: its number."""

    staff_id: int
    task: Task
    stop: str
    start_by: datetime
    ends_at: datetime
    line: int | None = None
    supplier: str = ""
    is_under_way: bool = False


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything the clock needs to know of one order. `horizon`: how far people and hours were looked up.

    `pack`, `handover`, `way` (to this customer) and `search` (no shop known): lengths as learned, the policy's where
    nothing was. `busy`: what others' orders need people for. `pins`: who must do a task, because an operator said so.
    `is_to_be_collected`: nobody brings it; `waits_in_time`: it was packed by the promise, and the customer comes.
    `before`: who the plan counted on until now. `is_waiting_for_somebody`: one of them is overdue, and nobody knows for
    how long.
    """

    promised_by: datetime
    status: Status
    lines: tuple[LineFacts, ...]
    branch_open: tuple[Span, ...]
    timezone: str
    policy: Policy
    travel_minutes: int
    people: tuple[Person, ...]
    horizon: Span
    handed_over_at: datetime | None = None
    carrier_id: int | None = None
    taker_id: int | None = None
    accepted_at: datetime | None = None
    pack: Spread | None = None
    handover: Spread | None = None
    way: Spread | None = None
    search: Spread | None = None
    busy: tuple[Busy, ...] = ()
    pins: tuple[tuple[Task, int], ...] = ()
    before: frozenset[tuple[Task, int]] = frozenset()
    is_waiting_for_somebody: bool = False
    door: Door | None = None
    ref: str = ""
    is_to_be_collected: bool = False
    waits_in_time: bool = False

    @property
    def pack_length(self) -> Spread:
        """Packing."""
        return self.pack or by_default(self.policy.pack_minutes)

    @property
    def handover_length(self) -> Spread:
        """Handing over at the shop, or collecting something that is put aside."""
        return self.handover or by_default(self.policy.handover_minutes)

    @property
    def way_length(self) -> Spread:
        """From the shop to this customer."""
        return self.way or by_default(self.travel_minutes)

    @property
    def search_length(self) -> Spread:
        """Finding and buying where no shop is known."""
        return self.search or by_default(self.policy.procure_minutes)

    def errand_length(self, shop: SupplierFacts) -> Spread:
        """There, finding, buying and back."""
        if shop.errand:
            return shop.errand
        return by_default(self.policy.errand(shop.travel_minutes, shop.procure_minutes))

    def pinned(self, task: Task) -> int | None:
        """Who must do a task."""
        return next((staff_id for what, staff_id in self.pins if what is task), None)

    def needs(self, slot: Slot, *, by: int | None, door: Door | None, ref: str) -> Busy:
        """A slot of another order as this one sees it."""
        is_here = slot.task is Task.DELIVER and self.door is not None and self.door.is_near(door)
        stop = THE_DOOR if is_here else slot.stop if slot.task is Task.PROCURE else ""
        return Busy(
            staff_id=slot.staff_id,
            start=slot.start_by,
            end=slot.ends_at,
            ref=ref,
            task=slot.task,
            stop=stop,
            is_under_way=slot.is_under_way,
            by=by,
        )


def seconds(minutes: float) -> timedelta:
    """A length in whole seconds."""
    return timedelta(seconds=round(minutes * 60))
