"""The sender's one row, shared by all workers: who may claim how much, and the circuit's failures and probes."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, func, select, update
from sqlalchemy.orm import Session

from ..foundation.db import wake
from ..foundation.types import country_prefix
from .gateway import Attempt, Outcome
from .limit_rules import NEVER_TOO_MANY, Limits, refusal
from .rows import Claimed, columns, literally, outbox, sender, taken
from .rules import Kind, TextState
from .sender_rules import CLOSED, Circuit, Pace, after_failure
from .sending import claim
from .wording import segments

ONLY = 1
NO_LIMITS = Limits()
CATCH_UP_LIMIT = 1000
THE_ROW = select(sender).where(sender.c.id == ONLY)
IS_QUEUED = literally(columns.state, TextState.QUEUED)
# Texts that wait for their own second try: the provider is back, so they need not.
BACKED_OFF = IS_QUEUED & columns.failing_since.is_not(None) & (columns.due_at > bindparam("now"))


def no_limits(_: Session) -> Limits:
    """Every country, and as many as one likes in a month."""
    return NO_LIMITS


@dataclass(frozen=True, kw_only=True)
class Release:
    """Texts that are claimed now. `is_probe`: one of them, to see whether the provider is back.

    `refused`: by outbox id those that we don't send, with what is to be written down instead.
    """

    texts: Sequence[Claimed]
    circuit: Circuit
    is_probe: bool = False
    refused: Mapping[int, Attempt] = field(default_factory=dict)


def release(
    session: Session,
    now: datetime,
    *,
    limit: int,
    per_second: float | None,
    lease_seconds: int,
    limits: Limits = NO_LIMITS,
) -> Release:
    """Claim what may leave now: up to `limit`, at the sender's pace, and one at a time while the circuit is open.

    The row is locked only when there is something to keep: two workers would spend the same second, or both probe.
    """
    row = session.execute(THE_ROW).one()
    if per_second is not None or row.opened_at is not None:
        row = session.execute(THE_ROW.with_for_update()).one()
    circuit, pace = circuit_of(row), Pace(per_second=per_second, free_at=row.free_at)
    if circuit.probe_at is not None and circuit.probe_at > now:
        return Release(texts=(), circuit=circuit)
    allowed = pace.allowance(now, 1 if circuit.is_open else limit)
    texts = claim(session, now, limit=allowed, lease_seconds=lease_seconds) if allowed else []
    if not texts:
        return Release(texts=(), circuit=circuit)
    refused = _refused(session, texts, now, limits=limits, used=used_of(row, now))
    changes: dict[str, Any] = {}
    # What we hold back ourselves says nothing of the provider: the probe is still to come, with the next claim.
    if circuit.is_open and len(refused) < len(texts):
        # Whoever probes may die of it: after its lease the next one does.
        changes["probe_at"] = now + timedelta(seconds=lease_seconds)
    if per_second is not None:
        changes["free_at"] = pace.spend(sum(segments(text.body).count for text in texts), now)
    if changes:
        _write(session, changes)
    return Release(texts=texts, circuit=circuit, is_probe=circuit.is_open, refused=refused)


def _refused(
    session: Session, texts: Sequence[Claimed], now: datetime, *, limits: Limits, used: int
) -> dict[int, Attempt]:
    """What the limits keep back. Texts of one batch count one after the other."""
    today = _sent_today(session, {text.to_phone for text in texts}, now)
    found: dict[int, Attempt] = {}
    for text in texts:
        said = refusal(
            text.kind, country_prefix(text.to_phone), limits=limits, sent_today=today[text.to_phone], used=used
        )
        if said is not None:
            found[text.outbox_id] = Attempt(outcome=Outcome.CONFIGURATION, error_code=said.code, error=said.error)
            continue
        used += segments(text.body).count
        today[text.to_phone] += text.kind not in NEVER_TOO_MANY
    return found


def _sent_today(session: Session, phones: Collection[str], now: datetime) -> Counter[str]:
    # Several pages in one text are one text.
    counted = (columns.sent_at.is_not(None), columns.kind.not_in(NEVER_TOO_MANY), columns.lead_id.is_(None))
    mine = (columns.to_phone.in_(phones), columns.created_at > now - timedelta(days=1))
    found = session.execute(select(columns.to_phone, func.count()).where(*mine, *counted).group_by(columns.to_phone))
    return Counter({row[0]: row[1] for row in found})


def used_of(row: Row[Any], now: datetime) -> int:
    """Segments that count against this month's budget."""
    return int(row.used) if row.month == f"{now:%Y-%m}" else 0


def used_this_month(session: Session, now: datetime) -> int:
    """Segments that have left this month (UTC); counted only while there is a budget."""
    return used_of(session.execute(THE_ROW).one(), now)


def note_used(session: Session, count: int, now: datetime) -> None:
    """So many segments have left; once for a batch, so that the row is not hot."""
    row = session.execute(THE_ROW.with_for_update()).one()
    _write(session, {"month": f"{now:%Y-%m}", "used": used_of(row, now) + count})


def note_failure(session: Session, attempt: Attempt, now: datetime, *, is_probe: bool) -> Circuit:
    """The provider, or the way to it, failed. Not in the text's own transaction: its listener takes orders' locks."""
    before = circuit_of(session.execute(THE_ROW.with_for_update()).one())
    after = after_failure(
        before,
        now,
        is_probe=is_probe,
        random=random.random(),  # noqa: S311 - jitter, no secret
        retry_after_seconds=attempt.retry_after_seconds,
        useful_for=_useful_for(session, now),
    )
    if after != before:
        _keep(session, after)
    return after


def note_success(session: Session, now: datetime) -> bool:
    """The provider answers: the circuit closes, and what waited for a second try is due; whether it was open."""
    was_open = circuit_of(session.execute(THE_ROW.with_for_update()).one()).is_open
    _keep(session, CLOSED)
    if was_open:
        soon = taken(BACKED_OFF, columns.due_at)
        session.execute(
            update(outbox).where(columns.id.in_(select(soon.c.id)), BACKED_OFF).values(due_at=bindparam("now")),
            {"now": now, "most": CATCH_UP_LIMIT},
        )
        wake(session)
    return was_open


def read_circuit(session: Session) -> Circuit:
    """The circuit as it stands."""
    return circuit_of(session.execute(THE_ROW).one())


def ready_at(session: Session, now: datetime, *, per_second: float | None) -> datetime:
    """When the sender may send again, whatever waits."""
    row = session.execute(THE_ROW).one()
    return max(Pace(per_second=per_second, free_at=row.free_at).ready_at(now), row.probe_at or now)


def circuit_of(row: Row[Any]) -> Circuit:
    """The circuit's columns as a value."""
    return Circuit(
        failures=row.failures,
        failed_at=row.failed_at,
        opened_at=row.opened_at,
        probes=row.probes,
        probe_at=row.probe_at,
    )


def _useful_for(session: Session, now: datetime) -> timedelta | None:
    pages = IS_QUEUED & literally(columns.kind, Kind.PAGE) & (columns.useful_until > now)
    ends_at = session.scalar(select(func.min(columns.useful_until)).where(pages))
    return None if ends_at is None else ends_at - now


def _keep(session: Session, circuit: Circuit) -> None:
    _write(
        session,
        {
            "failures": circuit.failures,
            "failed_at": circuit.failed_at,
            "opened_at": circuit.opened_at,
            "probes": circuit.probes,
            "probe_at": circuit.probe_at,
        },
    )


def _write(session: Session, values: dict[str, Any]) -> None:
    session.execute(update(sender).where(sender.c.id == ONLY).values(values))
