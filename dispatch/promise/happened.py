"""From the history of a delivered order to the steps it took and how long each was; pure.

Only what somebody told as it happened counts: what was filled in afterwards, when an order turned out to be delivered,
says nothing of how long it took.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..foundation.hours import Span, overlap
from ..orders.rules import TAKEN_BACK
from .estimates import Kind

CAME_IN = {"placed", "line_in_stock", "line_substituted"}
# What ends an errand, if it is under way.
ENDS = {"line_bought", "line_reserved", "line_unavailable", "line_substituted"}


@dataclass(frozen=True, kw_only=True)
class Happened:
    """One event of an order's history."""

    id: int
    at: datetime
    kind: str
    data: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Took:
    """One step: from when until when, and the event that ended it. `supplier` is a code."""

    kind: Kind
    event_id: int
    started_at: datetime
    ended_at: datetime
    line_id: int | None = None
    supplier: str | None = None


@dataclass(frozen=True, slots=True)
class _Errand:
    started_at: datetime
    supplier: str | None


def that_held(events: Sequence[Happened]) -> list[Happened]:
    """Without what was taken back a moment later: it never happened."""
    gone = {event.data.get("event_id") for event in events if event.kind == TAKEN_BACK}
    return [event for event in events if event.id not in gone]


def steps_taken(events: Sequence[Happened], ready_at: Mapping[int, datetime]) -> list[Took]:
    """The steps of one delivered order, from its events in order. `ready_at`: by line, when its goods came in later."""
    packed = next((event for event in reversed(events) if event.kind == "packed"), None)
    latest = packed.at if packed else events[-1].at
    errands = list(_errands(events, ready_at, latest))
    return [*errands, *_packing(events, errands, packed), *_way(events)]


def _errands(events: Sequence[Happened], ready_at: Mapping[int, datetime], latest: datetime) -> Iterator[Took]:
    """From setting out for a shop until the goods are here, however often the news of it was repeated.

    A try elsewhere that came to nothing, or a copy put aside first, makes it another errand.
    """
    under_way: dict[int, _Errand] = {}
    for event in events:
        line_id = event.data.get("line_id")
        if line_id is None or event.kind not in ENDS | {"line_searching"}:
            continue
        errand, supplier = under_way.pop(line_id, None), event.data.get("supplier")
        if event.kind == "line_searching":
            is_same = errand is not None and (supplier is None or errand.supplier in (None, supplier))
            start = errand.started_at if errand and is_same else event.at
            under_way[line_id] = _Errand(start, supplier or (errand.supplier if errand and is_same else None))
        elif event.kind == "line_bought" and errand and "state" in event.data:
            # They can't have come in after they were packed, whatever was expected.
            ended_at = min(max(event.at, ready_at.get(line_id, event.at)), max(latest, event.at))
            yield Took(
                kind=Kind.PROCURE,
                event_id=event.id,
                started_at=errand.started_at,
                ended_at=ended_at,
                line_id=line_id,
                supplier=supplier or errand.supplier,
            )


def _packing(events: Sequence[Happened], errands: Sequence[Took], packed: Happened | None) -> Iterator[Took]:
    """From the moment everything was there until it was packed."""
    if packed is None or any(event.kind == "delivered" and event.at == packed.at for event in events):
        # Nobody saw it: it was filled in together with the delivery.
        return
    before = [event for event in events if event.id < packed.id]
    came_in = [event.at for event in before if event.kind in CAME_IN or event.kind == "line_bought"]
    started_at = max([*came_in, *(errand.ended_at for errand in errands)], default=packed.at)
    if any(event.kind == "changed" and event.at >= started_at for event in before):
        # Other lines than before, perhaps: from when on it could be packed is not known.
        return
    yield Took(kind=Kind.PACK, event_id=packed.id, started_at=started_at, ended_at=packed.at)


def _way(events: Sequence[Happened]) -> Iterator[Took]:
    """From the last time it was handed over until it was delivered; attempts that failed were another way."""
    left: Happened | None = None
    for event in events:
        if event.kind == "handed_over":
            left = event
        elif event.kind in {"attempt_failed", "left_unseen"}:
            left = None
        elif event.kind == "delivered" and left is not None:
            yield Took(kind=Kind.TRAVEL, event_id=event.id, started_at=left.at, ended_at=event.at)


def minutes_within(start: datetime, end: datetime, open_: Sequence[Span]) -> float:
    """Minutes from `start` to `end` during which it was open."""
    spans = overlap([Span(start, end)], open_)
    return sum((span.end - span.start for span in spans), timedelta()) / timedelta(minutes=1)
