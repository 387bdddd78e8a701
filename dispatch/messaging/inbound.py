"""Texts that people send us: stored once, handled once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from ..foundation.db import wake
from .rows import inbound_texts, insert_into

columns = inbound_texts.c


@dataclass(frozen=True, kw_only=True)
class Inbound:
    """A text somebody sent us, as it came. `attempts`: how often handling it has failed."""

    id: int
    provider_sid: str
    from_phone: str
    to_phone: str
    body: str
    opt_out_type: str | None
    received_at: datetime
    attempts: int


@dataclass(frozen=True, kw_only=True)
class Reaction:
    """What to say back to a text, and the order it is about, when that is known."""

    text: str
    order_id: int | None = None


UNHANDLED = (
    select(
        columns.id,
        columns.provider_sid,
        columns.from_phone,
        columns.to_phone,
        columns.body,
        columns.opt_out_type,
        columns.received_at,
        columns.attempts,
    )
    .where(columns.handled_at.is_(None))
    # One that can't be handled must not keep the others waiting.
    .order_by(columns.attempts, columns.id)
    .limit(bindparam("most"))
)


def record_inbound(
    session: Session,
    *,
    sid: str,
    from_phone: str,
    to_phone: str,
    body: str,
    opt_out_type: str | None,
    now: datetime,
    wakes: bool = True,
) -> int | None:
    """Store a text; its id, or None when it is stored already. The unique provider id is the guard against a repeat.

    `wakes`: the worker is told; not when the caller gives it its effect at once, and they would wait for each other.
    Should the caller die of it, the worker's next look finds it all the same.
    """
    statement = insert_into(session, inbound_texts).values(
        provider_sid=sid[:40],
        from_phone=from_phone[:40],
        to_phone=to_phone[:40],
        # PostgreSQL has no NUL in a text, and a webhook that always fails would lose it.
        body=body.replace("\x00", ""),
        opt_out_type=opt_out_type[:10] if opt_out_type else None,
        received_at=now,
        attempts=0,
    )
    unique = statement.on_conflict_do_nothing(index_elements=["provider_sid"])
    stored: int | None = session.scalar(unique.returning(columns.id))
    if stored is not None and wakes:
        wake(session)
    return stored


def unhandled(session: Session, limit: int) -> list[Inbound]:
    """Texts that had no effect yet, oldest first, those that failed before last."""
    return [Inbound(**row._mapping) for row in session.execute(UNHANDLED, {"most": limit})]


def mark_handled(
    session: Session,
    inbound_id: int,
    *,
    now: datetime,
    understood_as: str | None = None,
    order_id: int | None = None,
    staff_id: int | None = None,
) -> bool:
    """Take a text for good, in the transaction of its effect.

    False when somebody else has taken it: then this transaction must have no effect. Call it first.
    """
    statement = update(inbound_texts).where(columns.id == inbound_id, columns.handled_at.is_(None))
    values = {"handled_at": now, "understood_as": understood_as, "order_id": order_id, "staff_id": staff_id}
    return session.scalar(statement.values(values).returning(columns.id)) is not None


def record_failure(session: Session, inbound_id: int) -> None:
    """Count a failed handling, in a transaction of its own, so that the text goes behind the others."""
    statement = update(inbound_texts).where(columns.id == inbound_id, columns.handled_at.is_(None))
    session.execute(statement.values(attempts=columns.attempts + 1))
