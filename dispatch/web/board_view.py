"""The board as values: rows by danger, least slack first, and a cheap stamp that says whether anything changed."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import FromClause, func, select, true
from sqlalchemy.orm import Session

from ..escalation.queries import board_orders
from ..escalation.rules import EscalationState
from ..escalation.tables import Escalation, Page
from ..foundation.tokens import Links
from ..orders.rules import IN_HAND, OPEN, Sourcing, Status
from ..orders.tables import Branch, Order, OrderEvent
from ..orders.wording import first_name
from ..procurement.tables import Supplier
from ..promise.rules import Level
from ..promise.tables import Watch
from ..staff.tables import ExtraShift, Pause, Staff
from . import words
from .acts import TOGETHER, Act, Carrier, next_act, waits_for_customer
from .people_view import carriers, everybody
from .plan_view import plan_words, short_plans
from .tags import ASKING, asked_words, phone_words, told_words, wrote_words

LIVE = (EscalationState.OPEN, EscalationState.ACCEPTED, EscalationState.UNANSWERED)
MOST_ROWS = 300


@dataclass(frozen=True, kw_only=True)
class Row:
    """One order on the board."""

    ref: str
    version: int
    level: Level
    slack: str
    bar: int
    what: str
    customer: str
    reason: str
    promise: str
    message: str
    status: str
    who: str
    is_taken: bool
    branch: str
    act: Act | None
    can: tuple[str, ...]
    asked: str
    to_phone: str
    wrote: str
    told: str
    phone: str
    address: str
    is_past: bool

    @property
    def group(self) -> str:
        """Red is for a promise in danger that nobody has taken, or that can no longer be kept.

        Goods that the customer must choose wait for them, whatever the clock says, until the promise has passed.
        """
        if self.asked and not self.is_past:
            return "waiting"
        return "taken" if self.is_taken and self.level is Level.AT_RISK else GROUP_OF[self.level]

    @property
    def is_in_danger(self) -> bool:
        """Whether it counts as at risk, in whichever group it stands."""
        return GROUP_OF[self.level] == "danger" and self.group != "taken"


@dataclass(frozen=True, kw_only=True)
class Group:
    """Rows in the same danger."""

    key: str
    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, kw_only=True)
class Help:
    """Who was asked about an order, and who took it."""

    taker: str | None
    asked: tuple[str, ...]
    is_unanswered: bool


@dataclass(frozen=True, kw_only=True)
class _Around:
    """What a row says that is read for all rows together."""

    branch: str
    act: Act | None
    who: str
    to_phone: str
    wrote: str
    told: str


GROUPS = (
    ("danger", "At risk"),
    ("waiting", "Waiting for the customer's answer"),
    ("taken", "Tight, but somebody has it"),
    ("watch", "Watch"),
    ("calm", "On track"),
)
GROUP_OF = {Level.LATE: "danger", Level.AT_RISK: "danger", Level.WATCH: "watch", Level.ON_TRACK: "calm"}


def stamp(session: Session, now: datetime, *, more: Sequence[str] = ()) -> str:
    """Changes whenever anything on the board may look different, minutes included; a few indexed look-ups."""
    open_orders = Order.status.in_(OPEN)
    orders = select(func.count(), func.sum(Order.version)).where(open_orders)
    watches = select(func.max(Watch.assessed_at)).join(Order, Order.id == Watch.order_id).where(open_orders)
    pages = (
        select(func.count(), func.max(Page.id), func.max(Page.answered_at), func.max(Page.closed_at))
        .join(Escalation, Escalation.id == Page.escalation_id)
        .join(Order, Order.id == Escalation.order_id)
        .where(open_orders)
    )
    calls = select(func.count(), func.sum(Escalation.version)).join(Order, Order.id == Escalation.order_id)
    staff = select(func.count(), func.sum(Staff.version))
    pauses = select(func.max(Pause.id), func.max(Pause.ended_at))
    shifts = select(func.max(ExtraShift.id))
    shops = select(func.sum(Branch.version))
    events = select(func.max(OrderEvent.id))
    # An empty board asks for those once.
    suppliers = select(func.count()).select_from(Supplier)
    queries = (events, orders, watches, pages, calls.where(open_orders), staff, pauses, shifts, shops, suppliers)
    # Each answers with one row: put side by side they are one question to the database, and as many answers.
    parts_of = [query.subquery() for query in queries]
    side_by_side: FromClause = functools.reduce(lambda left, right: left.join(right, true()), parts_of[1:], parts_of[0])
    answer = session.execute(select(*parts_of).select_from(side_by_side)).one()
    parts = [*more, int(now.timestamp() // 60), *answer]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def groups(session: Session, now: datetime, links: Links) -> list[Group]:
    """Every open order, in its group, least slack first; groups that are empty are left out."""
    shapes = board_orders(session, now, links, limit=MOST_ROWS)
    branches = {branch.code: branch for branch in session.scalars(select(Branch))}
    people = everybody(session, now)
    helps = _helps(session, [shape["escalation"]["id"] for shape in shapes if shape["escalation"]])
    plans = short_plans(session, [shape["ref"] for shape in shapes])
    calls, told = phone_words(session, shapes), told_words(session, shapes)
    wrote = wrote_words(session, shapes)
    able = {code: carriers(people, branch.timezone, now) for code, branch in branches.items()}
    rows = []
    for shape in shapes:
        ref, branch = shape["ref"], branches[shape["branch"]]
        # Whom the plan counts on is worth saying only while nobody has it and nobody is asked.
        planned = plan_words(*plans[ref], branch.timezone, now) if ref in plans else ""
        around = _Around(
            branch=branch.name if len(branches) > 1 else "",
            act=next_act(shape, able[branch.code], is_board=True),
            who=who_words(shape, _help_of(shape, helps)) or planned,
            to_phone=calls.get(ref, ""),
            wrote=wrote.get(ref, ""),
            told=told.get(ref, ""),
        )
        rows.append(_row(shape, around, branch.timezone, now))
    sorted_in = ((key, title, tuple(row for row in rows if row.group == key)) for key, title in GROUPS)
    return [Group(key=key, title=title, rows=found) for key, title, found in sorted_in if found]


def _row(shape: Mapping[str, Any], around: _Around, timezone: str, now: datetime) -> Row:
    risk = shape["risk"]
    promised_by = words.instant(shape["promised_by"]) or now
    return Row(
        ref=shape["ref"],
        version=shape["version"],
        level=Level(risk["level"]),
        slack=slack_words(shape, now),
        bar=words.bar_width(risk["slack_minutes"]),
        what=what_words(shape),
        customer=shape["customer"]["name"],
        reason=shape["reason"] or "",
        promise=words.when_words(promised_by, timezone, now=now),
        message=risk["binding"]["message"],
        status=status_words(shape),
        who=around.who,
        is_taken=is_taken(shape),
        branch=around.branch,
        act=around.act,
        can=tuple(move for move in shape["allowed_moves"] if move in TOGETHER),
        asked=asked_words(shape, timezone, now),
        to_phone=around.to_phone,
        wrote=around.wrote,
        told=around.told,
        phone=shape["customer"]["phone"],
        address=shape["address"]["text"],
        is_past=now > promised_by,
    )


def status_words(shape: Mapping[str, Any]) -> str:
    """Where it stands; while it is being bought, how far that is."""
    missing = {Sourcing(line["sourcing"]) for line in shape["lines"]} - IN_HAND
    status = Status(shape["status"])
    if waits_for_customer(shape):
        return "waits to be collected"
    # Several things in different states have nothing better in common than that they must be bought.
    return (
        words.SOURCINGS[missing.pop()] if status is Status.PROCURING and len(missing) == 1 else words.STATUSES[status]
    )


def slack_words(shape: Mapping[str, Any], now: datetime) -> str:
    """How much time is left to act; what was packed in time for somebody who collects it needs none."""
    risk = shape["risk"]
    if waits_for_customer(shape) and Level(risk["level"]) is Level.ON_TRACK:
        return "ready for them"
    return words.slack_words(risk["slack_minutes"], promised_by=words.instant(shape["promised_by"]) or now, now=now)


def is_taken(shape: Mapping[str, Any]) -> bool:
    """Whether somebody has it in hand; nobody has while others are being asked."""
    call = shape["escalation"]
    state = EscalationState(call["state"]) if call else None
    return state is EscalationState.ACCEPTED or bool(shape["carrier"] and state not in ASKING)


def what_words(shape: Mapping[str, Any]) -> str:
    """The things of an order in one line."""
    named = [
        f"{line['quantity']} × {line['title']}" if line["quantity"] > 1 else line["title"] for line in shape["lines"]
    ]
    return ", ".join(named)


def who_words(shape: Mapping[str, Any], help_: Help | None) -> str:
    """Who has it, or who was asked."""
    if shape["carrier"]:
        return f"{shape['carrier']['name']} has it"
    if help_ is None:
        return ""
    if help_.taker:
        return f"{help_.taker} has it"
    if help_.is_unanswered:
        return "nobody took it: call somebody"
    return f"asked: {', '.join(help_.asked)}" if help_.asked else "asking for help"


def _help_of(shape: Mapping[str, Any], helps: Mapping[str, Help]) -> Help | None:
    return helps.get(shape["escalation"]["id"]) if shape["escalation"] else None


def _helps(session: Session, ids: list[str]) -> dict[str, Help]:
    """Takers and the asked by escalation, in two queries."""
    numbers = [int(number) for number in ids]
    calls = session.execute(
        select(Escalation.id, Escalation.state, Staff.name)
        .outerjoin(Staff, Staff.id == Escalation.accepted_by_id)
        .where(Escalation.id.in_(numbers), Escalation.state.in_(LIVE))
    ).all()
    asked: dict[int, list[str]] = {}
    waiting = (Page.escalation_id.in_(numbers), Page.answer.is_(None), Page.closed_at.is_(None))
    query = select(Page.escalation_id, Staff.name).join(Staff, Staff.id == Page.staff_id).where(*waiting)
    for escalation_id, name in session.execute(query.order_by(Page.id)):
        names = asked.setdefault(escalation_id, [])
        if name not in names:
            names.append(name)
    return {
        str(call_id): Help(
            taker=name if state is EscalationState.ACCEPTED else None,
            asked=tuple(first_name(n) for n in asked.get(call_id, [])),
            is_unanswered=state is EscalationState.UNANSWERED,
        )
        for call_id, state, name in calls
    }


def people_here(session: Session, timezone: str, now: datetime) -> list[Carrier]:
    """Who may bring an order, for the page of one order."""
    return carriers(everybody(session, now), timezone, now)
