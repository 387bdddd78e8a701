"""Texts for people to read: both directions, newest first, with every receipt."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, Table, and_, or_, select
from sqlalchemy.orm import Session

from ..foundation.errors import Invalid
from .rows import inbound_texts, outbox, receipts
from .rules import TextState

RECEIVED = "received"
# A link that signs somebody in is for their phone alone: whoever may read texts must not come in by it.
KEY = re.compile(r"(/me/in\?t=)\S+")
# Links that act for whoever holds them.
TOKEN = re.compile(r"([?&][tk]=)[A-Za-z0-9_-]+")
OUT, IN = "out", "in"


@dataclass(frozen=True)
class ReceiptLine:
    """One thing the provider said."""

    status: str
    error_code: int | None
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Message:
    """One text in the shape of the API. `from_phone` is None for ours: the sender is a matter of settings.

    `order_ids`: all orders that it is about, `order_id` first; several pages of one person are one text.
    """

    id: str
    direction: str
    kind: str | None
    from_phone: str | None
    to_phone: str
    body: str
    state: str
    hold: str | None
    error: str | None
    order_id: int | None
    order_ids: tuple[int, ...]
    staff_id: int | None
    receipts: Sequence[ReceiptLine]
    created_at: datetime
    sent_at: datetime | None


def without_keys(body: str) -> str:
    """The words of a text without what would let its reader answer in somebody else's place."""
    return TOKEN.sub(r"\1…", body)


@dataclass(frozen=True)
class MessagePage:
    """Some messages, and the cursor of the next page, None at the end."""

    items: Sequence[Message]
    next: str | None


def list_messages(
    session: Session,
    *,
    order_id: int | None = None,
    to: str | None = None,
    state: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> MessagePage:
    """Texts out and in, newest first. What went in one text with others is found for each of its orders.

    `to`: E.164; what was sent to this number. `state`: a TextState, or "received" for texts that came in. Raises
    Invalid for a state or a cursor that does not exist.
    """
    if state is not None and state != RECEIVED and state not in set(TextState):
        raise Invalid("state", f"one of {', '.join([*TextState, RECEIVED])}")
    after = _read_cursor(cursor) if cursor else None
    rows: list[_Found] = []
    for side in _sides(state):
        wanted = _wanted(side, order_id=order_id, to=to, after=after)
        if state is not None and side is OUTGOING:
            wanted = wanted.where(outbox.c.state == TextState(state))
        found = session.execute(wanted.limit(limit + 1))
        rows += [(side.when(row), side.name, row.id, row) for row in found]
    rows.sort(key=lambda found: found[:3], reverse=True)
    shown = rows[:limit]
    sent = [number for _, side, number, _ in shown if side == OUT]
    said, with_it = _receipts(session, sent), _carried_orders(session, sent)
    items = [
        _outgoing(row, said[number], with_it[number]) if side == OUT else _incoming(row)
        for _, side, number, row in shown
    ]
    return MessagePage(items, _cursor(*shown[-1][:3]) if len(rows) > limit else None)


@dataclass(frozen=True)
class _Side:
    name: str
    table: Table
    instant: ColumnElement[datetime]

    def when(self, row: Row[Any]) -> datetime:
        """The instant that a row is listed under."""
        at: datetime = row._mapping[self.instant]
        return at


OUTGOING = _Side(OUT, outbox, outbox.c.created_at)
INCOMING = _Side(IN, inbound_texts, inbound_texts.c.received_at)
_Found = tuple[datetime, str, int, Row[Any]]
_Place = tuple[datetime, str, int]


def _sides(state: str | None) -> tuple[_Side, ...]:
    if state is None:
        return (OUTGOING, INCOMING)
    return (INCOMING,) if state == RECEIVED else (OUTGOING,)


def _wanted(side: _Side, *, order_id: int | None, to: str | None, after: _Place | None) -> Select[Any]:
    instant, columns = side.instant, side.table.c
    wanted = select(side.table).order_by(instant.desc(), columns.id.desc())
    if side is OUTGOING:
        wanted = wanted.where(columns.lead_id.is_(None))
    if order_id is not None:
        wanted = wanted.where(_is_about(side, order_id))
    if to is not None:
        wanted = wanted.where(columns.to_phone == to)
    if after is None:
        return wanted
    at, last_side, last_id = after
    if last_side == side.name:
        return wanted.where(or_(instant < at, and_(instant == at, columns.id < last_id)))
    # Of one instant, what went out is listed before what came in.
    return wanted.where(instant <= at if last_side == OUT else instant < at)


def _is_about(side: _Side, order_id: int) -> ColumnElement[bool]:
    its_own = side.table.c.order_id == order_id
    if side is INCOMING:
        return its_own
    carriers = select(outbox.c.lead_id).where(outbox.c.order_id == order_id, outbox.c.lead_id.is_not(None))
    return or_(its_own, outbox.c.id.in_(carriers))


def _carried_orders(session: Session, outbox_ids: Sequence[int]) -> dict[int, list[int]]:
    """Orders of what went in one text with these rows, by row."""
    orders: dict[int, list[int]] = defaultdict(list)
    wanted = select(outbox.c.lead_id, outbox.c.order_id).where(outbox.c.lead_id.in_(outbox_ids)).order_by(outbox.c.id)
    for row in session.execute(wanted):
        orders[row.lead_id].append(row.order_id)
    return orders


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CURSOR = re.compile(r"(\d{1,17})-(out|in)-(\d{1,10})")


def _cursor(at: datetime, side: str, number: int) -> str:
    return f"{(at - EPOCH) // timedelta(microseconds=1)}-{side}-{number}"


def _read_cursor(cursor: str) -> _Place:
    match = CURSOR.fullmatch(cursor)
    if not match:
        raise Invalid("cursor", "use the `next` of an earlier answer")
    return EPOCH + timedelta(microseconds=int(match[1])), match[2], int(match[3])


def _receipts(session: Session, outbox_ids: Sequence[int]) -> dict[int, list[ReceiptLine]]:
    said: dict[int, list[ReceiptLine]] = defaultdict(list)
    wanted = select(receipts).where(receipts.c.outbox_id.in_(outbox_ids)).order_by(receipts.c.id)
    for row in session.execute(wanted):
        said[row.outbox_id].append(ReceiptLine(row.status, row.error_code, row.at))
    return said


def _outgoing(row: Row[Any], said: Sequence[ReceiptLine], with_it: Sequence[int]) -> Message:
    return Message(
        id=f"{OUT}-{row.id}",
        direction=OUT,
        kind=row.kind.value,
        from_phone=None,
        to_phone=row.to_phone,
        body=KEY.sub(r"\1…", row.bundle or row.body),
        state=row.state.value,
        hold=row.hold.value if row.hold else None,
        error=row.error,
        order_id=row.order_id,
        order_ids=tuple(each for each in (row.order_id, *with_it) if each is not None),
        staff_id=row.staff_id,
        receipts=tuple(said),
        created_at=row.created_at,
        sent_at=row.sent_at,
    )


def _incoming(row: Row[Any]) -> Message:
    return Message(
        id=f"{IN}-{row.id}",
        direction=IN,
        kind=row.understood_as,
        from_phone=row.from_phone,
        to_phone=row.to_phone,
        body=row.body,
        state=RECEIVED,
        hold=None,
        error=None,
        order_id=row.order_id,
        order_ids=(row.order_id,) if row.order_id is not None else (),
        staff_id=row.staff_id,
        receipts=(),
        created_at=row.received_at,
        sent_at=None,
    )
