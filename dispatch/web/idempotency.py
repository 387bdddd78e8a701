"""An effect at most once: the first answer to a keyed POST is kept in the transaction of its effect, for repeats."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from pydantic_core import from_json
from sqlalchemy import CursorResult, delete, select, update
from sqlalchemy.orm import Session

from ..foundation.db import TRIES, Database, is_a_race
from ..foundation.errors import Conflict, Invalid
from .tables import IdempotencyKey

LEASE = timedelta(seconds=60)
KEPT = timedelta(hours=24)
LONGEST_KEY = 255
FIELD = "Idempotency-Key"


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer in bytes. `headers` are those worth repeating: Content-Type, Location, ETag."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The right to be first. `lease_until` fences off a request that was so slow that another took over."""

    id: int
    lease_until: datetime


class UnderWay(Conflict):
    """The first request with this key has not been answered yet."""

    retry_after = 1


def read_key(text: str | None) -> str | None:
    """The key as sent. Raises Invalid when it can't be kept."""
    if text is None:
        return None
    if not 1 <= len(text) <= LONGEST_KEY or not text.isascii() or not text.isprintable():
        raise Invalid(FIELD, f"give 1 to {LONGEST_KEY} plain characters, such as a UUID")
    return text


def fingerprint(method: str, target: str, body: bytes) -> str:
    """What a repeat must have in common with the first request; spaces and the order of fields don't count."""
    try:
        body = json.dumps(from_json(body), sort_keys=True).encode()
    except ValueError:
        # Not JSON: it is refused later, and a repeat is the same bytes.
        body = b"raw:" + body
    return hashlib.sha256(b"\n".join([method.encode(), target.encode(), body])).hexdigest()


def claim(db: Database, *, token_id: int, key: str, request_hash: str, now: datetime) -> Claim | Reply:
    """The claim to be first, in a transaction of its own, or the first answer.

    Raises Invalid when the key came with another request before, UnderWay while the first is still being answered.
    """
    for _ in range(TRIES):
        try:
            with db.transaction() as session:
                return _claim(session, token_id=token_id, key=key, request_hash=request_hash, now=now)
        except Conflict as error:
            # The unique key let somebody else in first; the next look finds their row.
            if not is_a_race(error):
                raise
    raise UnderWay("A request with this Idempotency-Key is under way. Repeat it in a moment.")


def _claim(session: Session, *, token_id: int, key: str, request_hash: str, now: datetime) -> Claim | Reply:
    mine = (IdempotencyKey.token_id == token_id, IdempotencyKey.key == key)
    row = session.scalars(select(IdempotencyKey).where(*mine).with_for_update()).first()
    if row is None:
        purge_idempotency_keys(session, now)
        row = IdempotencyKey(token_id=token_id, key=key, created_at=now)
        session.add(row)
    elif row.request_hash != request_hash:
        raise Invalid(FIELD, "was used before with another request: take a new key for a new request")
    elif row.status is not None:
        return Reply(status=row.status, body=row.body or b"", headers=json.loads(row.headers or "{}"))
    elif row.lease_until > now:
        raise UnderWay("The first request with this Idempotency-Key is under way. Repeat it in a moment.")
    row.request_hash, row.lease_until = request_hash, now + LEASE
    session.flush()
    return Claim(id=row.id, lease_until=row.lease_until)


def keep(session: Session, claim: Claim, reply: Reply) -> None:
    """Store the first answer, in the transaction of its effect.

    Raises UnderWay, which undoes the effect, when another request has taken the claim over meanwhile.
    """
    values = {"status": reply.status, "body": reply.body, "headers": json.dumps(reply.headers)}
    statement = update(IdempotencyKey).where(*_ours(claim)).values(values)
    if cast("CursorResult[Any]", session.execute(statement)).rowcount != 1:
        raise UnderWay("This took so long that a repeat has taken over. Repeat the request to see its answer.")


def release(db: Database, claim: Claim) -> None:
    """Nothing happened that is worth repeating: the next request with this key is the first again."""
    with db.transaction() as session:
        session.execute(delete(IdempotencyKey).where(*_ours(claim)))


def _ours(claim: Claim) -> tuple[Any, ...]:
    return (
        IdempotencyKey.id == claim.id,
        IdempotencyKey.lease_until == claim.lease_until,
        IdempotencyKey.status.is_(None),
    )


def purge_idempotency_keys(session: Session, now: datetime) -> int:
    """Forget keys older than a day; answers how many."""
    statement = delete(IdempotencyKey).where(IdempotencyKey.created_at < now - KEPT)
    return cast("CursorResult[Any]", session.execute(statement)).rowcount
