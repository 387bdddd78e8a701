"""The promises of some days, each with what became of it and why; a fixed number of queries, however many there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, and_, case, func, null, or_, select
from sqlalchemy.orm import Session

from ..escalation.tables import Escalation
from ..orders.rules import IN_HAND, OPEN, TAKEN_BACK, Status
from ..orders.tables import Branch, Line, Order, OrderEvent, Promise
from ..procurement.calls import HAD
from ..procurement.calls import TELLING as SAID_SO
from ..procurement.calls import Outcome as Heard
from ..procurement.tables import Supplier, SupplierAnswer
from ..promise.queries import level_sql
from ..promise.rules import ClockName, Level
from ..promise.tables import Watch
from ..recovery.endings import Told, tell
from ..recovery.rules import Cause, Stage
from ..recovery.stories import stories
from ..recovery.tables import Recovery
from ..staff.tables import Staff
from .rules import (
    A_DAY,
    AT_THE_DOOR,
    TELLING,
    UNANSWERED,
    Days,
    Known,
    Outcome,
    Where,
    Why,
    cause_of,
    outcome_of,
    where_at,
)

CAME = ("line_bought", "line_in_stock", "line_substituted")
LEFT, LEFT_UNSEEN = "handed_over", "left_unseen"
KINDS = (*TELLING, *CAME, LEFT, LEFT_UNSEEN, TAKEN_BACK)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One first promise. `why` is None unless it was broken; `said`: what people wrote about that. `savers`: who said
    yes to a call for help about it. `told`: how it ended."""

    ref: str
    day: date
    first_promised_by: datetime
    promised_by: datetime
    delivered_at: datetime | None
    outcome: Outcome
    told: Told
    clock: ClockName | None = None
    why: Why | None = None
    said: str = ""
    savers: tuple[str, ...] = ()

    @property
    def is_broken(self) -> bool:
        """Whether the first promise was."""
        return self.outcome in (Outcome.BROKEN, Outcome.REPROMISED)


@dataclass(frozen=True, kw_only=True)
class ShopAnswers:
    """What another shop answered: `asked` so often, `had` it so often, `closed` so often though its hours said open."""

    name: str
    asked: int
    had: int
    closed: int


def instants(days: Days, timezone: str) -> tuple[datetime, datetime]:
    """When the days begin and when they have ended, in a place's own time."""
    zone = ZoneInfo(timezone)
    start = datetime.combine(days.first, time.min, tzinfo=zone)
    return start.astimezone(UTC), datetime.combine(days.last + A_DAY, time.min, tzinfo=zone).astimezone(UTC)


def today(branch: Branch, now: datetime) -> date:
    """The branch's own date."""
    return now.astimezone(ZoneInfo(branch.timezone)).date()


def counts(branch: Branch, days: Days) -> ColumnElement[bool]:
    """Orders whose first promise was for these days; without those cancelled before it had passed."""
    start, end = instants(days, branch.timezone)
    mine = (Order.branch_id == branch.id, Order.first_promised_by >= start, Order.first_promised_by < end)
    return and_(*mine, or_(Order.status != Status.CANCELLED, Order.closed_at > Order.first_promised_by))


def promise_rows(session: Session, branch: Branch, days: Days, now: datetime) -> list[Row]:
    """Every promise of these days, the earliest first."""
    mine = counts(branch, days)
    around = _Around(
        events=_by_order(session, EVENTS.where(OrderEvent.kind.in_(KINDS)), mine),
        ledger=_by_order(session, LEDGER, mine),
        calls=_by_order(session, CALLS, mine),
        cases=_by_order(session, CASES, mine),
        missing=set(session.scalars(_of(select(Line.order_id).where(Line.sourcing.not_in(IN_HAND)), mine))),
        endings={order_id: tell(story, now) for order_id, story in stories(session, mine).items()},
        zone=ZoneInfo(branch.timezone),
    )
    orders = session.execute(ORDER.where(mine).order_by(Order.first_promised_by, Order.id))
    return [row for order in orders if (row := _row(order, around, now)) is not None]


ORDER = select(
    Order.id,
    Order.ref,
    Order.status,
    Order.first_promised_by,
    Order.promised_by,
    Order.created_at,
    Order.packed_at,
    Order.delivered_at,
    Order.closed_at,
    # What waits for its customer at the counter is as good as there.
    case((Order.waits_in_time, Order.packed_at), else_=Order.delivered_at).label("there_at"),
)
# Of all that events carry the reason alone is read: thousands of documents take longer than all the rest.
REASON = case((OrderEvent.kind == AT_THE_DOOR, OrderEvent.data["reason"].as_string()), else_=null()).label("reason")
UNDONE = case((OrderEvent.kind == TAKEN_BACK, OrderEvent.data["event_id"].as_integer()), else_=null()).label("undone")
EVENTS = select(OrderEvent.order_id, OrderEvent.id, OrderEvent.kind, OrderEvent.at, REASON, UNDONE).order_by(
    OrderEvent.id
)
LEDGER = select(Promise.order_id, Promise.called, Promise.why).order_by(Promise.number)
CALLS = (
    select(Escalation.order_id, Escalation.cause, Escalation.opened_at, Staff.name)
    .outerjoin(Staff, Staff.id == Escalation.accepted_by_id)
    .order_by(Escalation.id)
)
CASES = (
    select(Recovery.order_id, Recovery.clock, Recovery.fault)
    .where(Recovery.cause != Cause.COMPLAINT, Recovery.stage != Stage.AVERTED)
    .order_by(Recovery.id)
)
NOTHING_TOLD = Told(None, "")


@dataclass(frozen=True, kw_only=True)
class _Around:
    """What belongs to a set of orders, by order id."""

    events: Mapping[int, list[Any]]
    ledger: Mapping[int, list[Any]]
    calls: Mapping[int, list[Any]]
    cases: Mapping[int, list[Any]]
    missing: set[int]
    endings: Mapping[int, Told]
    zone: ZoneInfo


def _of(query: Select[*tuple[Any, ...]], mine: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """Rows that name an order, of these orders: as a subquery, for thousands of ids are too many parameters."""
    column = next(iter(query.selected_columns))
    return query.where(column.in_(select(Order.id).where(mine)))


def _by_order(session: Session, query: Select[*tuple[Any, ...]], mine: ColumnElement[bool]) -> Mapping[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in session.execute(_of(query, mine)):
        found[row[0]].append(row)
    return found


def _row(order: Any, around: _Around, now: datetime) -> Row | None:
    outcome = outcome_of(
        order.first_promised_by,
        order.promised_by,
        delivered_at=order.there_at,
        closed_at=order.closed_at,
        now=now,
    )
    if outcome is None:
        return None
    row = Row(
        ref=order.ref,
        day=order.first_promised_by.astimezone(around.zone).date(),
        first_promised_by=order.first_promised_by,
        promised_by=order.promised_by,
        delivered_at=order.delivered_at,
        outcome=outcome,
        told=around.endings.get(order.id, NOTHING_TOLD),
        savers=tuple(dict.fromkeys(call.name for call in around.calls.get(order.id, ()) if call.name)),
    )
    return _explained(row, order, around) if row.is_broken else row


def _explained(row: Row, order: Any, around: _Around) -> Row:
    """A broken promise with its binding clock and its cause, as far as both are recorded."""
    events, ledger = _that_held(around.events.get(order.id, [])), around.ledger.get(order.id, [])
    cases = around.cases.get(order.id, [])
    before = [event for event in events if event.at <= row.first_promised_by or event.kind == UNANSWERED]
    clock = _clock(row, cases, around.calls.get(order.id, ()))
    known = Known(
        where=_where(order, events, is_missing=order.id in around.missing),
        events=tuple(event.kind for event in before),
        clock=clock,
        called=ledger[0].called if ledger else None,
        fault=next((case.fault for case in reversed(cases) if case.fault), None),
    )
    why = cause_of(known)
    reasons = [event.reason for event in before]
    said = reasons if why is Why.DOOR else [promise.why for promise in ledger]
    return replace(row, clock=clock, why=why, said=next((words for words in reversed(said) if words), ""))


def _that_held(events: Sequence[Any]) -> list[Any]:
    """Without slips of the hand that were taken back, and the taking back."""
    gone = {event.undone for event in events}
    return [event for event in events if event.kind != TAKEN_BACK and event.id not in gone]


def _clock(row: Row, cases: Sequence[Any], calls: Iterable[Any]) -> ClockName | None:
    """Which clock bound when it broke: as the case says, else as the last call for help before that did."""
    if cases:
        return ClockName(cases[0].clock)
    said = [call.cause for call in calls if call.opened_at <= row.first_promised_by]
    return ClockName(said[-1]) if said else None


def _where(order: Any, events: Sequence[Any], *, is_missing: bool) -> Where | None:
    came = [event.at for event in events if event.kind in CAME]
    left = [event.at for event in events if event.kind in (LEFT, LEFT_UNSEEN)]
    return where_at(
        order.first_promised_by,
        goods_at=None if is_missing else max(came, default=order.created_at),
        packed_at=order.packed_at,
        left_at=left[0] if left else None,
        unseen_at=next((event.at for event in events if event.kind == LEFT_UNSEEN), None),
    )


# --- beside the promises ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OpenNow:
    """Promises for today that are not delivered yet, and how many of them are at risk or late."""

    total: int
    in_danger: int


def open_today(session: Session, branch: Branch, now: datetime) -> OpenNow:
    """What the day still asks for, what is overdue from before included."""
    _, end = instants(Days(today(branch, now), today(branch, now)), branch.timezone)
    level = level_sql([branch], now)
    in_danger = func.sum(case((level.in_([Level.AT_RISK.value, Level.LATE.value]), 1), else_=0))
    query = (
        select(func.count(), in_danger)
        .select_from(Order)
        .outerjoin(Watch, Watch.order_id == Order.id)
        .where(Order.branch_id == branch.id, Order.status.in_(OPEN), Order.promised_by < end)
    )
    total, danger = session.execute(query).one()
    return OpenNow(total, danger or 0)


def shop_answers(session: Session, branch: Branch, days: Days) -> list[ShopAnswers]:
    """Every other shop that was asked in these days, the most asked first. An answer that was taken back counts not."""
    start, end = instants(days, branch.timezone)
    closed = and_(SupplierAnswer.outcome == Heard.CLOSED, SupplierAnswer.is_open_by_hours)

    def times(test: ColumnElement[bool]) -> ColumnElement[int]:
        return func.sum(case((test, 1), else_=0))

    asked = times(SupplierAnswer.outcome.in_([heard.value for heard in SAID_SO]))
    query = (
        select(Supplier.name, asked, times(SupplierAnswer.outcome.in_([heard.value for heard in HAD])), times(closed))
        .join(Supplier, Supplier.id == SupplierAnswer.supplier_id)
        .join(Order, Order.id == SupplierAnswer.order_id)
        .where(Order.branch_id == branch.id, SupplierAnswer.superseded_at.is_(None))
        .where(SupplierAnswer.at >= start, SupplierAnswer.at < end)
        .group_by(Supplier.id, Supplier.name)
    )
    found = [ShopAnswers(name=row[0], asked=row[1], had=row[2], closed=row[3]) for row in session.execute(query)]
    return sorted((shop for shop in found if shop.asked or shop.closed), key=lambda shop: (-shop.asked, shop.name))
