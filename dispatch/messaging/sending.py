"""Claim, act, settle: how a row of the outbox becomes a text, once, whatever breaks in between."""

from __future__ import annotations

import random
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, and_, bindparam, select, update
from sqlalchemy.orm import Session

from .bundles import carry_over, put_together, write
from .consent import opt_out
from .gateway import Attempt, Outcome
from .receipts import accept
from .rows import (
    CLAIMED,
    ORPHANED,
    SETTLED,
    TIME_LEFT,
    Claimed,
    Settled,
    claimed,
    columns,
    is_barred,
    is_orphan,
    is_sendable,
    is_useless,
    literally,
    outbox,
    settled,
    taken,
)
from .rules import (
    OPTED_OUT_CODE,
    RESENT_WHEN_ABSENT,
    RETRIED_WHEN_HELD,
    Channel,
    Hold,
    SentText,
    TextState,
    backoff_seconds,
    our_text,
)

# How soon after an attempt of unknown outcome the provider is asked: its list may lag behind what it accepted.
DOUBT_SECONDS = 10
LOOK_LEASE_SECONDS = 60
HELD_RETRY_SECONDS = 60
SWEEP_LIMIT = 500

IS_DUE = and_(literally(columns.state, TextState.QUEUED), columns.due_at <= bindparam("now"))
IS_HELD = literally(columns.state, TextState.HELD)
EXPIRED: dict[str, Any] = {"state": TextState.EXPIRED, "hold": None, "settled_at": bindparam("now")}
BARRED: dict[str, Any] = {"state": TextState.HELD, "hold": Hold.OPTED_OUT, "error": "opted out"}


def _sweep(condition: Any, values: dict[str, Any]) -> Any:
    return (
        update(outbox)
        .where(columns.id.in_(select(taken(condition, columns.due_at).c.id)), condition)
        .values(values)
        .returning(*SETTLED)
    )


SWEEPS = (
    _sweep(and_(IS_DUE, is_useless()), {**EXPIRED, "error": "too late to be of use"}),
    _sweep(and_(IS_HELD, is_useless()), {**EXPIRED, "error": "held until it was too late to be of use"}),
    _sweep(and_(IS_DUE, is_orphan()), {**EXPIRED, "error": ORPHANED}),
    _sweep(and_(IS_DUE, is_barred()), BARRED),
)
CAN_RETRY = and_(
    IS_HELD,
    literally(columns.hold, Hold.CONFIGURATION),
    literally(columns.kind, *sorted(RETRIED_WHEN_HELD)),
    columns.due_at <= bindparam("now"),
)
RETRY_HELD = _sweep(CAN_RETRY, {"state": TextState.QUEUED, "hold": None})
CLAIM = (
    update(outbox)
    .where(
        columns.id.in_(select(taken(is_sendable(), columns.priority, TIME_LEFT, columns.due_at).c.id)),
        # The proof: of two that found the same row, the second matches nothing.
        literally(columns.state, TextState.QUEUED),
    )
    .values(
        state=TextState.SENDING,
        lease_token=bindparam("token"),
        lease_until=bindparam("until"),
        attempts=columns.attempts + 1,
    )
    .returning(*CLAIMED)
)
# What goes in another row's text is asked about with it.
IS_OVERDUE = and_(
    literally(columns.state, TextState.SENDING), columns.lease_until <= bindparam("now"), columns.lead_id.is_(None)
)
CLAIM_EXPIRED = (
    update(outbox)
    .where(columns.id.in_(select(taken(IS_OVERDUE, columns.lease_until).c.id)), IS_OVERDUE)
    .values(lease_token=bindparam("token"), lease_until=bindparam("until"), looks=columns.looks + 1)
    .returning(*CLAIMED)
)


def sweep(session: Session, now: datetime) -> list[Settled]:
    """Before a claim: settle what is due and must not leave, and let held texts try again.

    Too late to be of use, or following a text that was never sent: expired. To a number that opted out: held. Texts
    held because the account can't send are queued again when their minute is over.
    """
    asked = {"now": now, "most": SWEEP_LIMIT}
    session.execute(RETRY_HELD, asked)
    return [settled(row) for statement in SWEEPS for row in session.execute(statement, asked)]


def claim(session: Session, now: datetime, *, limit: int, lease_seconds: int = 60) -> list[Claimed]:
    """Take up to `limit` texts that are due, most urgent first; commit before sending them.

    A row that is useless by now, follows a text that is still to come, or goes to a number that opted out is never
    claimed, whether or not `sweep` has been there. Pages of one person are claimed as one text (`bundles`).
    """
    until = now + timedelta(seconds=lease_seconds)
    found = session.execute(CLAIM, {"now": now, "most": limit, "token": secrets.token_hex(16), "until": until})
    return put_together(session, found.all(), now)


def claim_expired(session: Session, now: datetime, limit: int) -> list[Claimed]:
    """Take over texts whose sender went quiet, or did not learn what became of them.

    The fresh token fences the old sender off. Nothing may be sent on this claim: ask the provider, then `settle_found`.
    """
    until = now + timedelta(seconds=LOOK_LEASE_SECONDS)
    asked = {"now": now, "most": limit, "token": secrets.token_hex(16), "until": until}
    found = session.execute(CLAIM_EXPIRED, asked).all()
    carry_over(session, found)
    return claimed(found)


def give_back(session: Session, text: Claimed, now: datetime) -> None:
    """Undo a claim of a text that was certainly not sent: it is due again at once, as if it had not been tried."""
    row = _fenced(session, text)
    if row is not None:
        again = {"state": TextState.QUEUED, "due_at": now, **FREE}
        write(session, row, lambda each: {**again, "attempts": each.attempts - 1})


def settle(session: Session, text: Claimed, attempt: Attempt, now: datetime) -> Settled | None:
    """Write down what became of an attempt; None when the claim was taken over, or a receipt was faster.

    Accepted: sent, with the receipts that overtook us. Retry: queued again, later each time, or expired when it would
    come too late. Recipient or content: failed. Configuration: held, and the board says so. Unknown: still sending,
    with a short lease, so that the provider is asked soon.
    """
    row = _fenced(session, text)
    if row is None:
        return None
    if attempt.error_code == OPTED_OUT_CODE:
        opt_out(session, row.to_phone, now, f"the provider says so ({OPTED_OUT_CODE})")
    if attempt.outcome is Outcome.ACCEPTED and attempt.sid:
        return accept(session, row, sid=attempt.sid, status=attempt.status, error_code=attempt.error_code, now=now)
    wait = backoff_seconds(row.attempts, random=random.random(), retry_after_seconds=attempt.retry_after_seconds)  # noqa: S311 - jitter, no secret
    again_at = now + timedelta(seconds=wait)

    def change(each: Row[Any]) -> dict[str, Any]:
        trouble = {"error": attempt.error, "error_code": attempt.error_code, "failing_since": each.failing_since or now}
        return {**trouble, **_after(attempt, each, now, again_at=again_at)}

    return write(session, row, change)


def _after(attempt: Attempt, row: Row[Any], now: datetime, *, again_at: datetime) -> dict[str, Any]:
    """The columns that an attempt without success changes. `again_at`: when to try again where that may help."""
    # What keeps a call from being placed says nothing of texts: they are not held up for it.
    is_refused_call = row.channel is Channel.CALL and attempt.outcome is Outcome.CONFIGURATION
    if is_refused_call or attempt.outcome in {Outcome.RECIPIENT, Outcome.CONTENT}:
        return {"state": TextState.FAILED, "settled_at": now, "failing_since": None, **FREE}
    if attempt.outcome is Outcome.CONFIGURATION:
        later = now + timedelta(seconds=HELD_RETRY_SECONDS)
        return {"state": TextState.HELD, "hold": Hold.CONFIGURATION, "due_at": later, **FREE}
    if attempt.outcome is Outcome.RETRY:
        return _queued(row, again_at, now)
    return {"lease_until": now + timedelta(seconds=DOUBT_SECONDS)}


FREE = {"lease_until": None, "lease_token": None}


def _queued(row: Row[Any], due_at: datetime, now: datetime) -> dict[str, Any]:
    # `useful_until` is read under the row's lock: a withdrawal that came while we were sending has shortened it.
    if row.useful_until is not None and row.useful_until <= due_at:
        return {"state": TextState.EXPIRED, "settled_at": now, "failing_since": None, **FREE}
    return {"state": TextState.QUEUED, "due_at": due_at, **FREE}


def settle_found(session: Session, text: Claimed, found: Sequence[SentText] | None, now: datetime) -> Settled | None:
    """Settle a text in doubt by what the provider has; `found` are its texts to that number, None if it can't be asked.

    There, and nobody else's: sent. Not there: by its kind (rules.RESENT_WHEN_ABSENT) queued once more, or held for a
    person to decide. Can't be asked: later, further apart each time. A call leaves no words to look for and is not made
    again: it counts as failed until its receipt, which names its row, says better. None when the claim was taken over.
    """
    row = _fenced(session, text)
    if row is None:
        return None
    if found is None:
        later = now + timedelta(seconds=backoff_seconds(row.looks + 2, random=random.random()))  # noqa: S311 - jitter, no secret
        return write(session, row, lambda _: {"lease_until": later})
    sids = [sent.sid for sent in found]
    owned = set(session.scalars(select(columns.provider_sid).where(columns.provider_sid.in_(sids)))) if sids else set()
    ours = our_text(row.bundle or row.body, among=found, not_sids=frozenset(owned - {None}))
    if ours is not None and row.channel is Channel.SMS:
        return accept(session, row, sid=ours.sid, status=ours.status, error_code=ours.error_code, now=now)
    if row.channel is Channel.CALL:
        lost = {"state": TextState.FAILED, "error": "unknown whether it rang", "settled_at": now}
        return write(session, row, lambda _: {**lost, "failing_since": None, **FREE})
    if row.kind in RESENT_WHEN_ABSENT:
        return write(session, row, lambda each: {"looks": 0, **_queued(each, now, now)})
    held = {"state": TextState.HELD, "hold": Hold.UNSURE, "error": "unknown whether it was sent"}
    return write(session, row, lambda _: {**held, "failing_since": None, **FREE})


def release_held(session: Session, now: datetime, *, holds: frozenset[Hold] = frozenset({Hold.CONFIGURATION})) -> int:
    """Queue held texts again that are still of use; how many. For when the account is mended."""
    useful = (columns.useful_until.is_(None)) | (columns.useful_until > now)
    held = update(outbox).where(IS_HELD, literally(columns.hold, *sorted(holds)), useful)
    released = held.values(state=TextState.QUEUED, hold=None, due_at=now, failing_since=None)
    return len(session.execute(released.returning(columns.id)).all())


def _one(text_id: Any) -> Select[Any]:
    return select(outbox).where(columns.id == text_id, literally(columns.state, TextState.SENDING)).with_for_update()


FENCED = _one(bindparam("row")).where(columns.lease_token == bindparam("token"))


def _fenced(session: Session, text: Claimed) -> Row[Any] | None:
    """The row, locked, if this claim still holds it. After this a takeover waits, and then finds the claim settled."""
    return session.execute(FENCED, {"row": text.outbox_id, "token": text.token}).one_or_none()


def end_leases(session: Session, now: datetime) -> int:
    """Have every text in doubt asked about soon; only for somebody who knows that no other sender lives. How many.

    Not at once: the provider's list may lag behind what the dead sender had just handed over.
    """
    soon = now + timedelta(seconds=DOUBT_SECONDS)
    statement = update(outbox).where(columns.state == TextState.SENDING, columns.lease_until > soon)
    return len(session.scalars(statement.values(lease_until=soon).returning(columns.id)).all())
