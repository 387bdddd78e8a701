"""What other shops answered: written down once, and read back as what was heard and as what it teaches."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Float, and_, case, cast, func, null, or_, select, update
from sqlalchemy.orm import Session

from ..foundation.hours import open_spans
from ..orders.rules import Sourcing, Status
from ..orders.tables import Branch, Line, Order
from ..orders.timetable import rearm
from .calls import HAD, LONGEST_MEMORY, TELLING, Answer, Outcome, Scope, Tally, kind_of, weight_steps
from .tables import Item, Supplier, SupplierAnswer

# A finger that taps twice means it once.
SAME_TAP = timedelta(minutes=1)
SAID_SO = [outcome.value for outcome in TELLING]
A_MOMENT = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class Told:
    """What was heard at a supplier (its code): `by` the id of whoever found out."""

    supplier: str
    outcome: Outcome
    kept_until: datetime | None = None
    by: int | None = None
    note: str | None = None


def is_open_at(supplier: Supplier, branch: Branch, at: datetime) -> bool:
    """What a supplier's hours say of an instant, in the time zone of the branch that buys there."""
    spans = open_spans(
        supplier.opening_hours, timezone=branch.timezone, start=at, end=at + A_MOMENT, country=branch.country
    )
    return bool(spans) and spans[0].start <= at


def write(
    session: Session, line: Line, supplier: Supplier, told: Told, now: datetime, *, actor: str
) -> SupplierAnswer | None:
    """Append an answer; None when it is the tap before, come twice. The caller holds the order's lock.

    What says something about the goods takes the place of all that this supplier said of this line before: a mistaken
    tap is taken back by the right one, and teaches nothing.
    """
    before = (SupplierAnswer.line_id == line.id, SupplierAnswer.supplier_id == supplier.id)
    last = session.scalars(select(SupplierAnswer).where(*before).order_by(SupplierAnswer.id.desc()).limit(1)).first()
    is_same = last is not None and (last.outcome, last.kept_until) == (told.outcome, told.kept_until)
    if last is not None and is_same and abs(now - last.at) < SAME_TAP:
        return None
    standing = update(SupplierAnswer).where(*before, SupplierAnswer.superseded_at.is_(None))
    if told.outcome not in TELLING:
        standing = standing.where(SupplierAnswer.outcome.not_in(SAID_SO))
    session.execute(standing.values(superseded_at=now))
    item = session.get(Item, line.item_id) if line.item_id else None
    answer = SupplierAnswer(
        line_id=line.id,
        order_id=line.order_id,
        item_id=line.item_id,
        title=line.title,
        kind=kind_of(item.sku if item else line.sku),
        supplier_id=supplier.id,
        outcome=told.outcome,
        at=now,
        actor=actor[:100],
        by_id=told.by,
        kept_until=told.kept_until,
        note=told.note,
        is_open_by_hours=is_open_at(supplier, line.order.branch, now),
    )
    session.add(answer)
    session.flush()
    _wake_others(session, line, now)
    return answer


def _wake_others(session: Session, line: Line, now: datetime) -> None:
    """Whoever waits for the same thing counts on that shop too, or may do so again."""
    if line.item_id:
        same = (Line.item_id == line.item_id, Line.sourcing == Sourcing.TO_PROCURE, Order.status == Status.PROCURING)
        rearm(session, session.scalars(select(Order.id).join(Line).where(*same).distinct()).all(), now)


def told_of(session: Session, line: Line) -> list[tuple[str, Outcome]]:
    """(supplier's name, what it said last) of a line, by name."""
    query = (
        select(Supplier.name, SupplierAnswer.outcome)
        .join(Supplier, Supplier.id == SupplierAnswer.supplier_id)
        .where(SupplierAnswer.line_id == line.id)
        .order_by(SupplierAnswer.id)
    )
    said: dict[str, Outcome] = {}
    for name, outcome in session.execute(query):
        said[name] = outcome
    return sorted(said.items())


# --- what was heard --------------------------------------------------------------------------------------------------


def is_same_thing(line: Line) -> ColumnElement[bool]:
    """Answers about this line, or about the same thing for another one: the item, or its title where it has none."""
    same = SupplierAnswer.item_id == line.item_id if line.item_id else _has_title(line)
    return or_(SupplierAnswer.line_id == line.id, same)


def _has_title(line: Line) -> ColumnElement[bool]:
    return and_(SupplierAnswer.item_id.is_(None), SupplierAnswer.title == line.title)


def answers_of(session: Session, lines: Sequence[Line], since: datetime) -> dict[tuple[int, int], list[Answer]]:
    """By (line, supplier), oldest first: all that was said of each line, and since then of the same thing."""
    query = select(SupplierAnswer).where(or_(*(is_same_thing(line) for line in lines)))
    query = query.where(
        or_(
            SupplierAnswer.line_id.in_([line.id for line in lines]),
            and_(SupplierAnswer.at >= since, SupplierAnswer.superseded_at.is_(None)),
        )
    )
    found: dict[tuple[int, int], list[Answer]] = {}
    for row in session.scalars(query.order_by(SupplierAnswer.at, SupplierAnswer.id)):
        for line in lines:
            is_mine = row.line_id == line.id
            is_same = row.item_id == line.item_id if line.item_id else row.item_id is None and row.title == line.title
            if is_mine or (is_same and row.at >= since and row.superseded_at is None):
                found.setdefault((line.id, row.supplier_id), []).append(_answer(row, is_mine=is_mine))
    return found


def may_come_from_anywhere(line: Line) -> bool:
    """Whether nobody has said yet which shop it is to come from."""
    is_looked_for = line.sourcing is Sourcing.SEARCHING and line.supplier_id is None
    return line.sourcing is Sourcing.TO_PROCURE or is_looked_for


def refusals_of(
    session: Session, lines: Sequence[Line], since: datetime, *, supplier_ids: Collection[int]
) -> dict[tuple[int, int], SupplierAnswer]:
    """By (item, supplier): who said no or was closed since then, unless something else was heard there later.

    One query, however many lines; none when nothing can have been heard.
    """
    items = {line.item_id for line in lines if line.item_id and may_come_from_anywhere(line)}
    if not items or not supplier_ids:
        return {}
    query = (
        select(SupplierAnswer)
        .where(SupplierAnswer.item_id.in_(items), SupplierAnswer.superseded_at.is_(None), SupplierAnswer.at >= since)
        .where(SupplierAnswer.supplier_id.in_(supplier_ids), SupplierAnswer.outcome != Outcome.NO_ANSWER)
        .order_by(SupplierAnswer.at, SupplierAnswer.id)
    )
    last = {(row.item_id or 0, row.supplier_id): row for row in session.scalars(query)}
    return {key: row for key, row in last.items() if row.outcome in (Outcome.NO, Outcome.CLOSED)}


def _answer(row: SupplierAnswer, *, is_mine: bool) -> Answer:
    return Answer(
        outcome=row.outcome,
        at=row.at,
        is_mine=is_mine,
        kept_until=row.kept_until,
        is_open_by_hours=row.is_open_by_hours,
    )


# --- what it teaches -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Lessons:
    """What the answers of the last year teach: sums of weights and counts by supplier, thing, kind and outcome."""

    rows: Sequence[Any]

    def tallies(self, supplier_id: int, line: Line) -> dict[Scope, Tally]:
        """What a supplier taught about one line's thing, each answer at its nearest scope."""
        kind = kind_of(line.sku)
        found: dict[Scope, list[Any]] = {}
        for row in self.rows:
            if row.supplier_id != supplier_id or row.outcome not in TELLING:
                continue
            is_same = row.item_id == line.item_id if line.item_id else row.title == line.title
            scope = Scope.ITEM if is_same else Scope.KIND if kind and row.kind == kind else Scope.SHOP
            found.setdefault(scope, []).append(row)
        return {scope: _tally(rows, HAD) for scope, rows in found.items()}

    def door(self, supplier_id: int) -> Tally:
        """How often a supplier's door was open when their hours said so (yes), and how often not (no)."""
        rows = [row for row in self.rows if row.supplier_id == supplier_id and row.is_open_by_hours]
        return _tally(rows, TELLING)


def _tally(rows: Sequence[Any], yes: Collection[Outcome]) -> Tally:
    return Tally(
        yes=sum(row.weight for row in rows if row.outcome in yes),
        no=sum(row.weight for row in rows if row.outcome not in yes),
        n_yes=sum(row.n for row in rows if row.outcome in yes),
        n=sum(row.n for row in rows),
    )


def lessons(session: Session, lines: Sequence[Line], now: datetime) -> Lessons:
    """What is known of every supplier, for these lines: one query, few rows, however much was asked."""
    items = [line.item_id for line in lines if line.item_id]
    titles = [line.title for line in lines if not line.item_id]
    kinds = {kind for line in lines if (kind := kind_of(line.sku))}
    has_title = and_(SupplierAnswer.item_id.is_(None), SupplierAnswer.title.in_(titles))
    steps = [(SupplierAnswer.at > now - younger, weight) for younger, weight in weight_steps()]
    # Told apart in a query of their own: PostgreSQL takes two equal expressions with parameters for different ones.
    inner = (
        select(
            SupplierAnswer.supplier_id,
            SupplierAnswer.outcome,
            SupplierAnswer.is_open_by_hours,
            case((SupplierAnswer.item_id.in_(items), SupplierAnswer.item_id), else_=null()).label("item_id"),
            case((has_title, SupplierAnswer.title), else_=null()).label("title"),
            case((SupplierAnswer.kind.in_(kinds), SupplierAnswer.kind), else_=null()).label("kind"),
            cast(case(*steps, else_=0.0), Float).label("weight"),
        )
        .where(SupplierAnswer.superseded_at.is_(None), SupplierAnswer.outcome != Outcome.NO_ANSWER)
        .where(SupplierAnswer.at > now - LONGEST_MEMORY)
        .subquery()
    )
    groups = [inner.c[name] for name in ("supplier_id", "outcome", "is_open_by_hours", "item_id", "title", "kind")]
    sums = (func.sum(inner.c.weight).label("weight"), func.count().label("n"))
    return Lessons(rows=session.execute(select(*groups, *sums).group_by(*groups)).all())


@dataclass(frozen=True, kw_only=True)
class HitRate:
    """How a supplier did in the last year: `n` times asked, `n_had` times had it, `n_closed` times closed although
    its hours said open."""

    n: int = 0
    n_had: int = 0
    n_closed: int = 0


def hit_rates(session: Session, supplier_ids: Collection[int], now: datetime) -> dict[int, HitRate]:
    """By supplier; those that were never asked are left out."""
    columns = (
        func.sum(case((SupplierAnswer.outcome.in_(SAID_SO), 1), else_=0)),
        func.sum(case((SupplierAnswer.outcome.in_([outcome.value for outcome in HAD]), 1), else_=0)),
        func.sum(case((and_(SupplierAnswer.outcome == Outcome.CLOSED, SupplierAnswer.is_open_by_hours), 1), else_=0)),
    )
    query = (
        select(SupplierAnswer.supplier_id, *columns)
        .where(SupplierAnswer.supplier_id.in_(supplier_ids), SupplierAnswer.superseded_at.is_(None))
        .where(SupplierAnswer.at > now - LONGEST_MEMORY)
        .group_by(SupplierAnswer.supplier_id)
    )
    return {row[0]: HitRate(n=row[1], n_had=row[2], n_closed=row[3]) for row in session.execute(query)}
