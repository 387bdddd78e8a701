"""Rows of the outbox as values and as statements: what the services share, built once."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CTE, ColumnElement, Row, Table, and_, bindparam, exists, func, literal_column, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from .rules import Channel, Kind, TextState, is_unreachable
from .tables import Consent, InboundText, OutgoingText, Receipt, Sender

outbox: Table = OutgoingText.__table__  # type: ignore[assignment]
receipts: Table = Receipt.__table__  # type: ignore[assignment]
inbound_texts: Table = InboundText.__table__  # type: ignore[assignment]
consents: Table = Consent.__table__  # type: ignore[assignment]
sender: Table = Sender.__table__  # type: ignore[assignment]
columns = outbox.c
before = outbox.alias("before")
earlier = outbox.alias("earlier")
ORPHANED = "what it follows was never sent"
INSERT: Mapping[str, Callable[[Table], Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


@dataclass(frozen=True, kw_only=True)
class Settled:
    """What the rest of the house is told of a text. `is_unreachable`: it will not reach this person, ask the next.

    `with_it`: the same of the other pages that went in one text with this one.
    """

    outbox_id: int
    page_id: int | None
    order_id: int | None
    staff_id: int | None
    kind: Kind
    state: TextState
    provider_status: str | None
    error_code: int | None
    is_unreachable: bool
    with_it: tuple[Settled, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """A text that this process, and nobody else, may send until `lease_until`. `token` proves it when settling.

    `body` is what leaves: the row's own words, or those of several pages.
    """

    outbox_id: int
    token: str
    lease_until: datetime
    kind: Kind
    channel: Channel
    to_phone: str
    body: str
    attempts: int
    looks: int
    useful_until: datetime | None
    created_at: datetime


SETTLED = (
    columns.id,
    columns.page_id,
    columns.order_id,
    columns.staff_id,
    columns.kind,
    columns.state,
    columns.provider_status,
    columns.error_code,
    columns.hold,
)
CLAIMED = (
    columns.id,
    columns.lease_token,
    columns.lease_until,
    columns.kind,
    columns.channel,
    columns.to_phone,
    columns.body,
    columns.part,
    columns.bundle,
    columns.attempts,
    columns.looks,
    columns.useful_until,
    columns.created_at,
    columns.priority,
    columns.due_at,
)
# Within a kind the least time left goes first. No index serves this order: what is due is few, or the sender is slow.
TIME_LEFT = func.coalesce(columns.useful_until, columns.due_at)


def settled(row: Row[Any]) -> Settled:
    """A row of the columns SETTLED as a value."""
    return Settled(
        outbox_id=row.id,
        page_id=row.page_id,
        order_id=row.order_id,
        staff_id=row.staff_id,
        kind=row.kind,
        state=row.state,
        provider_status=row.provider_status,
        error_code=row.error_code,
        is_unreachable=is_unreachable(row.state, row.error_code, hold=row.hold),
    )


def claimed(rows: Sequence[Row[Any]]) -> list[Claimed]:
    """Rows of the columns CLAIMED as values, in the order in which they should leave."""
    return [
        Claimed(
            outbox_id=row.id,
            token=row.lease_token,
            lease_until=row.lease_until,
            kind=row.kind,
            channel=row.channel,
            to_phone=row.to_phone,
            body=row.bundle or row.body,
            attempts=row.attempts,
            looks=row.looks,
            useful_until=row.useful_until,
            created_at=row.created_at,
        )
        for row in sorted(rows, key=by_urgency)
    ]


def by_urgency(row: Row[Any]) -> tuple[int, datetime, datetime, int]:
    """The order in which rows should leave."""
    return row.priority, row.useful_until or row.due_at, row.due_at, row.id


def literally(column: ColumnElement[Any], *values: enum.StrEnum) -> ColumnElement[bool]:
    """`column` is one of these, written into the SQL: a bound value would keep the partial indexes from being used."""
    written: list[ColumnElement[Any]] = [literal_column(f"'{value.value}'") for value in values]
    return column == written[0] if len(written) == 1 else column.in_(written)


def _forerunner(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    # A scalar subquery goes by the key; PostgreSQL may answer an EXISTS by reading the whole table into a hash.
    return select(condition).where(before.c.id == columns.after_id).scalar_subquery()


def waits() -> ColumnElement[bool]:
    """Whether a row's forerunner has not gone out yet and still may; NULL without one."""
    return _forerunner(literally(before.c.state, TextState.QUEUED, TextState.SENDING, TextState.HELD))


def is_orphan() -> ColumnElement[bool]:
    """Whether a row's forerunner was never sent, so that there is nothing to follow; never true without one.

    A page that did not leave takes nothing with it that ends an earlier one: that has been read, and nobody has been
    told since that it is over.
    """
    dead = literally(before.c.state, TextState.EXPIRED, TextState.FAILED)
    is_sent = earlier.c.sent_at.is_not(None)
    to_them = and_(earlier.c.order_id == columns.order_id, earlier.c.staff_id == columns.staff_id, is_sent)
    over = select(func.coalesce(func.max(earlier.c.id), 0)).where(to_them, literally(earlier.c.kind, Kind.STAND_DOWN))
    read = select(func.coalesce(func.max(earlier.c.id), 0)).where(to_them, literally(earlier.c.kind, Kind.PAGE))
    has_left = read.scalar_subquery() > over.scalar_subquery()
    return and_(_forerunner(and_(dead, before.c.sent_at.is_(None))), ~has_left)


def is_barred() -> ColumnElement[bool]:
    """Whether the number asked us to stop texting. Calls are not texts."""
    stopped = select(consents.c.phone).where(consents.c.phone == columns.to_phone, consents.c.opted_out_at.is_not(None))
    return and_(literally(columns.channel, Channel.SMS), exists(stopped))


def is_useless() -> ColumnElement[bool]:
    """Whether it is too late (`:now`) for a text to be of use."""
    return and_(columns.useful_until.is_not(None), columns.useful_until <= bindparam("now"))


def is_sendable() -> ColumnElement[bool]:
    """Whether a queued row may leave at `:now`."""
    return and_(is_free(), columns.due_at <= bindparam("now"))


def is_free() -> ColumnElement[bool]:
    """Whether nothing but its time keeps a queued row from leaving at `:now`."""
    return and_(
        literally(columns.state, TextState.QUEUED),
        or_(columns.useful_until.is_(None), columns.useful_until > bindparam("now")),
        or_(columns.after_id.is_(None), ~or_(waits(), is_orphan())),
        ~is_barred(),
    )


def taken(condition: ColumnElement[bool], *order: ColumnElement[Any], name: str = "taken") -> CTE:
    """Up to `:most` rows for an UPDATE, locked on PostgreSQL; rows that somebody else holds are passed over.

    A CTE, because PostgreSQL may run a LIMIT subquery more than once and then take more rows than asked for.
    """
    rows = select(columns.id).where(condition).order_by(*order, columns.id).limit(bindparam("most"))
    return rows.with_for_update(skip_locked=True, of=outbox).cte(name)


def insert_into(session: Session, table: Table) -> Any:
    """INSERT in the dialect of the session, which knows ON CONFLICT."""
    return INSERT[session.get_bind().dialect.name](table)
