"""What became of a promise, why it was broken as far as that is recorded, and the days a report covers; pure."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from ..orders.rules import Sourcing
from ..promise.rules import ClockName
from ..recovery.rules import Fault

LONGEST_DAYS = 366
A_DAY = timedelta(days=1)


class Outcome(enum.StrEnum):
    """What became of a first promise."""

    KEPT = "kept"
    REPROMISED = "kept_as_repromised"
    BROKEN = "broken"
    OPEN = "open"


def outcome_of(
    first: datetime, last: datetime, *, delivered_at: datetime | None, closed_at: datetime | None, now: datetime
) -> Outcome | None:
    """Kept or broken against the `first` promise; one that was broken may still be kept as promised again (`last`).

    None for an order that was cancelled before the first promise had passed: nobody knows how it would have ended.
    """
    if delivered_at is not None:
        return Outcome.KEPT if delivered_at <= first else Outcome.REPROMISED if delivered_at <= last else Outcome.BROKEN
    if closed_at is not None:
        return Outcome.BROKEN if closed_at > first else None
    return Outcome.BROKEN if now > first else Outcome.OPEN


# --- why it was broken -----------------------------------------------------------------------------------------------


class Why(enum.StrEnum):
    """Why a promise was broken."""

    CUSTOMER = "customer"
    DOOR = "door"
    NOBODYS_FAULT = "nobodys_fault"
    TOO_TIGHT = "too_tight"
    NOT_TO_BE_HAD = "not_to_be_had"
    SHELF = "shelf"
    SHOP_FAILED = "shop_failed"
    SHOP_CLOSED = "shop_closed"
    NOBODY_TO_BUY = "nobody_to_buy"
    BUYING = "buying"
    PACKING = "packing"
    TAKER_QUIET = "taker_quiet"
    NOBODY_TO_CARRY = "nobody_to_carry"
    LEFT_LATE = "left_late"
    WAY = "way"
    NOT_KNOWN = "not_known"


class Where(enum.StrEnum):
    """What an order was waiting for when its promise passed."""

    BUYING = "buying"
    PACKING = "packing"
    READY = "ready"
    ON_THE_WAY = "on_the_way"


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is recorded of a broken promise: kinds of events until it passed, in order, and what people said of it.

    `where` is None when nobody wrote down what happened before the delivery. `clock` is the one that was binding;
    `called`: how sure the promise was called when it was given (see `orders.tables.Promise`).
    """

    where: Where | None
    events: tuple[str, ...] = ()
    clock: ClockName | None = None
    called: float | None = None
    fault: Fault | None = None


def where_at(
    promise: datetime,
    *,
    goods_at: datetime | None,
    packed_at: datetime | None,
    left_at: datetime | None,
    unseen_at: datetime | None,
) -> Where | None:
    """Where an order was when its promise passed, by the instants at which it came further; None means not yet.

    `unseen_at`: when it was written down that it must have left before. Steps written down at that instant had
    happened before, nobody knows when.
    """

    def is_past(at: datetime | None) -> bool:
        return at is not None and at <= promise

    for at, where in ((goods_at, Where.BUYING), (packed_at, Where.PACKING), (left_at, Where.READY)):
        if not is_past(at):
            return None if at is not None and at == unseen_at else where
    return Where.ON_THE_WAY


AT_THE_DOOR, UNANSWERED = "attempt_failed", "unanswered"
SEARCHED_IN_VAIN = f"line_{Sourcing.UNAVAILABLE.value}"
SHORT_SHELF = "line_lost"
LET_DOWN = ("line_kept_no_longer", "call_closed")
PUT_ASIDE, SAID_NO = ("line_reserved", "call_has_it"), "call_no"
LOST, HEARD = ("taker_quiet", "handed_back"), ("accepted", "taker_heard")
NOBODY = (ClockName.NOBODY_AVAILABLE, ClockName.SHIFT_END)
# What a cause is read from.
TELLING = (AT_THE_DOOR, UNANSWERED, SEARCHED_IN_VAIN, SHORT_SHELF, *LET_DOWN, *PUT_ASIDE, SAID_NO, *LOST, *HEARD)


def _has(*kinds: str) -> Callable[[Known], bool]:
    return lambda known: any(kind in known.events for kind in kinds)


def _binds(*clocks: ClockName) -> Callable[[Known], bool]:
    return lambda known: known.clock in clocks


def _any(*tests: Callable[[Known], bool]) -> Callable[[Known], bool]:
    return lambda known: any(test(known) for test in tests)


def _is_gone(known: Known) -> bool:
    """A shop that had it, or kept it for us, said no after that."""
    kinds = known.events
    had = next((number for number, kind in enumerate(kinds) if kind in PUT_ASIDE), len(kinds))
    return SAID_NO in kinds[had:]


def _taker_was_lost(known: Known) -> bool:
    """Whoever had it gave it back or went quiet, and nobody was heard of after that."""
    last = max((number for number, kind in enumerate(known.events) if kind in LOST), default=None)
    return last is not None and not any(kind in HEARD for kind in known.events[last:])


def _always(_: Known) -> bool:
    return True


ANYWHERE = (*Where, None)
BUYING, PACKING, READY, ROAD = ((where,) for where in Where)
# The first row that fits counts. What a person has said stands above what is read from events, and a promise that the
# clock called hopeless when it was given above all that followed from it.
TABLE: tuple[tuple[Sequence[Where | None], Callable[[Known], bool], Why], ...] = (
    (ANYWHERE, lambda known: known.fault is Fault.CUSTOMER, Why.CUSTOMER),
    (ANYWHERE, lambda known: known.fault is Fault.SUPPLIER, Why.SHOP_FAILED),
    (ANYWHERE, lambda known: known.fault is Fault.NOBODY, Why.NOBODYS_FAULT),
    (ANYWHERE, _has(AT_THE_DOOR), Why.DOOR),
    (ANYWHERE, lambda known: known.called == 0, Why.TOO_TIGHT),
    (BUYING, _has(SEARCHED_IN_VAIN), Why.NOT_TO_BE_HAD),
    (BUYING, _has(SHORT_SHELF), Why.SHELF),
    (BUYING, _any(_has(*LET_DOWN), _is_gone), Why.SHOP_FAILED),
    (BUYING, _binds(ClockName.SUPPLIER_CLOSING), Why.SHOP_CLOSED),
    (BUYING, _taker_was_lost, Why.TAKER_QUIET),
    (BUYING, _any(_has(UNANSWERED), _binds(*NOBODY)), Why.NOBODY_TO_BUY),
    (BUYING, _always, Why.BUYING),
    (PACKING, _always, Why.PACKING),
    (READY, _taker_was_lost, Why.TAKER_QUIET),
    (READY, _any(_has(UNANSWERED), _binds(*NOBODY)), Why.NOBODY_TO_CARRY),
    (READY, _always, Why.LEFT_LATE),
    (ROAD, _always, Why.WAY),
    (ANYWHERE, _has(UNANSWERED), Why.NOBODY_TO_CARRY),
    (ANYWHERE, _always, Why.NOT_KNOWN),
)


def cause_of(known: Known) -> Why:
    """Why a promise was broken, by the table above; honest where nothing is recorded."""
    return next(why for wheres, fits, why in TABLE if known.where in wheres and fits(known))


# --- which days ------------------------------------------------------------------------------------------------------


class Span(enum.StrEnum):
    """How much a report covers."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, order=True)
class Days:
    """From `first` to `last`, both included."""

    first: date
    last: date

    def each(self) -> list[date]:
        """Every day of it, in order."""
        return [self.first + A_DAY * number for number in range((self.last - self.first).days + 1)]


def days_of(span: Span, on: date) -> Days:
    """The day, the week from Monday on, or the calendar month that `on` is in."""
    if span is Span.DAY:
        return Days(on, on)
    if span is Span.WEEK:
        monday = on - A_DAY * on.weekday()
        return Days(monday, monday + 6 * A_DAY)
    first = on.replace(day=1)
    return Days(first, (first + 31 * A_DAY).replace(day=1) - A_DAY)
