"""How the outbox is doing: what is due next, how long a text has waited, and whether texts go out at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, bindparam, case, func, or_, select
from sqlalchemy.orm import Session

from .rows import columns, literally, waits
from .rules import OTHER_COUNTRY_CODE, RETRIED_WHEN_HELD, TOO_MANY_CODE, Hold, Kind, TextState

# A provider that is busy for a moment is no outage.
OUTAGE_AFTER_SECONDS = 60

IS_QUEUED = and_(literally(columns.state, TextState.QUEUED), or_(columns.after_id.is_(None), ~waits()))
IS_SENDING = literally(columns.state, TextState.SENDING)
# A number that may not be texted, or not so often, says nothing of the others.
IS_THE_NUMBERS = func.coalesce(columns.error_code, 0).in_((OTHER_COUNTRY_CODE, TOO_MANY_CODE))
CANT_LEAVE = and_(
    literally(columns.state, TextState.HELD), literally(columns.hold, Hold.CONFIGURATION), ~IS_THE_NUMBERS
)


@dataclass(frozen=True)
class Outage:
    """Texts that can't go out: since when, how many wait, and what the provider says, without secrets or numbers.

    `is_account`: the account can't send, and somebody must mend it.
    """

    since: datetime
    waiting: int
    error: str
    is_account: bool = False


@dataclass(frozen=True, kw_only=True)
class Queue:
    """Texts that should be gone and wait: how many of each kind, all their segments together (about), and when the
    last of them leaves at the sender's pace, None without a pace.
    """

    waiting: Mapping[Kind, int]
    segments: int
    empty_at: datetime | None

    @property
    def total(self) -> int:
        """How many wait."""
        return sum(self.waiting.values())


def next_due_at(session: Session, ready_at: datetime | None = None) -> datetime | None:
    """When there is something to do next: a text to send, one in doubt to ask about. None when all is quiet.

    In the past when work is waiting now; a text to send not before `ready_at`, when the sender may send again.
    """
    queued = session.scalar(select(func.min(columns.due_at)).where(IS_QUEUED))
    if queued is not None and ready_at is not None:
        queued = max(queued, ready_at)
    leased = session.scalar(select(func.min(columns.lease_until)).where(IS_SENDING))
    return min((at for at in (queued, leased) if at is not None), default=None)


WAITING_SINCE = select(func.min(func.coalesce(columns.failing_since, columns.due_at)))
DUE = or_(columns.due_at <= bindparam("now"), columns.failing_since.is_not(None))


def oldest_unsent_seconds(session: Session, now: datetime) -> float:
    """How long the text that has waited longest should have been gone; 0 when none waits.

    Counts what is queued, in doubt, or held because the account can't send (of the kinds that try again by
    themselves); from its first failed attempt, or else from when it was due. A text that waits for another is not late.
    """
    urgent = and_(CANT_LEAVE, literally(columns.kind, *sorted(RETRIED_WHEN_HELD)))
    since = [session.scalar(WAITING_SINCE.where(rows, DUE), {"now": now}) for rows in (IS_QUEUED, IS_SENDING, urgent)]
    oldest = min((at for at in since if at is not None), default=now)
    return max(0.0, (now - oldest).total_seconds())


def outage(session: Session, now: datetime) -> Outage | None:
    """Whether texts can't go out: the account can't send, or attempts have failed for a minute or more."""
    long = columns.failing_since <= now - timedelta(seconds=OUTAGE_AFTER_SECONDS)
    is_failing = and_(literally(columns.state, TextState.QUEUED, TextState.SENDING), long)
    worst: Outage | None = None
    for condition in (CANT_LEAVE, is_failing):
        since, waiting = session.execute(select(func.min(columns.failing_since), func.count()).where(condition)).one()
        if since is not None and (worst is None or since < worst.since):
            said = select(columns.error).where(condition).order_by(columns.failing_since).limit(1)
            error = session.scalar(said) or "no answer from the provider"
            worst = Outage(since, waiting, error, is_account=condition is CANT_LEAVE)
    return worst


# By length alone: it is said with "about", and the bodies stay where they are.
ABOUT_SEGMENTS = case((func.length(columns.body) <= 160, 1), else_=(func.length(columns.body) + 152) // 153)
WAITING = (
    select(columns.kind, func.count(), func.sum(ABOUT_SEGMENTS))
    .where(IS_QUEUED, DUE)
    .group_by(columns.kind)
    .order_by(columns.kind)
)


def queue(session: Session, now: datetime, *, per_second: float | None) -> Queue:
    """What waits to leave. `per_second`: the sender's pace in segments."""
    found = session.execute(WAITING, {"now": now}).all()
    total = sum(int(row[2]) for row in found)
    empty_at = now + timedelta(seconds=total / per_second) if per_second and total else None
    return Queue(waiting={row[0]: row[1] for row in found}, segments=total, empty_at=empty_at)
