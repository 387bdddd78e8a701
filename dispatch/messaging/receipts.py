"""What the provider says of a text later on: receipts, and looking where none came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, or_, select, update
from sqlalchemy.orm import Session

from ..foundation.db import wake
from ..foundation.log import get_logger
from .bundles import part_from, write
from .consent import opt_out
from .rows import ORPHANED, Settled, columns, insert_into, literally, outbox, receipts
from .rules import OPTED_OUT_CODE, STANDINGS, Kind, TextState, is_news, latest, look_after, standing

log = get_logger("messaging.receipts")
later = outbox.alias("later")


@dataclass(frozen=True)
class Look:
    """A text to ask the provider about."""

    outbox_id: int
    provider_sid: str


def record_receipt(
    session: Session,
    *,
    sid: str,
    status: str,
    error_code: int | None,
    outbox_id: int | None,
    now: datetime,
    attempt: int | None = None,
) -> Settled | None:
    """Store one status of one text; what it changed, or None.

    `outbox_id` is the number in the callback's address: it proves that the text with this `sid` is that row's, also
    when we never learnt what became of the send; `attempt` says which of its sends. Doubled, late and unordered
    receipts change nothing; neither does a status we don't know, which is logged as a warning.
    """
    row = _owner(session, sid, outbox_id)
    said = {"provider_sid": sid[:40], "status": status.lower()[:20], "error_code": error_code, "at": now}
    stored = insert_into(session, receipts).values(**said, outbox_id=row.id if row else None)
    unique = stored.on_conflict_do_nothing(index_elements=["provider_sid", "status"])
    if session.scalar(unique.returning(receipts.c.id)) is None:
        return None
    if standing(status) is None:
        log.warning("unknown status of a text", status=status[:20], outbox_id=outbox_id)
        return None
    if row is None:
        # It may be ahead of our own record of the send, which then looks here.
        log.info("receipt of a text that is not ours yet", sid=sid)
        return None
    if row.provider_sid not in {None, sid}:
        log.warning("a text went out twice", outbox_id=row.id)
        return None
    if row.bundle is not None and row.provider_sid is None and attempt not in {None, row.attempts}:
        # It left before, with others or alone: those that go with it now were not in that text.
        row = part_from(session, row)
    return advance(session, row, sid=sid, status=status, error_code=error_code, now=now)


def _owner(session: Session, sid: str, outbox_id: int | None) -> Row[Any] | None:
    """The row a receipt is about, locked: the settling of the same send waits for us, or we for it.

    The number in the address goes before the sid, which reconciliation may have given to another row with the same
    words. A number whose row was never sent is not from this database.
    """
    wanted = select(outbox).where(or_(columns.provider_sid == sid, columns.id == outbox_id)).order_by(columns.id)
    found = {row.id: row for row in session.execute(wanted.with_for_update())}
    named = found.get(outbox_id) if outbox_id is not None else None
    by_sid = next((row for row in found.values() if row.provider_sid == sid), None)
    if named is not None and named.attempts > 0 and (named.provider_sid is None or by_sid is None):
        return named
    return by_sid


def advance(
    session: Session, row: Row[Any], *, sid: str, status: str, error_code: int | None, now: datetime
) -> Settled | None:
    """Give a row, which the caller has locked, its name at the provider and a status, if that is news.

    Works from any state: whatever we believed, the provider has the text. The lease ends, so that whoever holds it
    settles nothing any more. An unknown status counts as "accepted".
    """
    if row.provider_sid is not None and not is_news(status, after=row.provider_status):
        return None
    new = standing(status) or STANDINGS["accepted"]
    _take_back(session, sid, row.id)
    if error_code == OPTED_OUT_CODE:
        opt_out(session, row.to_phone, now, f"the provider says so ({OPTED_OUT_CODE})")
    values = {
        "state": new.state,
        "hold": None,
        "provider_sid": sid,
        "provider_status": status.lower()[:20],
        "error_code": error_code,
        "error": None,
        "failing_since": None,
        "lease_until": None,
        "lease_token": None,
        "sent_at": row.sent_at or now,
        "settled_at": now if new.is_final else None,
        "look_at": None if new.is_final else row.look_at or look_after(0, now=now),
        "looks": row.looks if row.look_at else 0,
        # Whatever has a name of its own left by itself, and does not share the fate of a text that it was to go in.
        "lead_id": None,
    }
    # What goes in the same text has no name of its own at the provider, and is not looked after by itself.
    same = {name: value for name, value in values.items() if name not in OF_THE_LEAD}
    change = write(session, row, lambda each: values if each.id == row.id else same)
    if row.state in GIVEN_UP and row.sent_at is None:
        _revive_stand_downs(session, [each.page_id for each in (change, *change.with_it)], now)
    return change


GIVEN_UP = frozenset({TextState.EXPIRED, TextState.FAILED})


def _revive_stand_downs(session: Session, page_ids: Sequence[int | None], now: datetime) -> None:
    """Pages that we had given up for lost were read after all: so must be that there is nothing more to do for them.

    Not when the same person was asked again since: then there is.
    """
    newer = (later.c.order_id == columns.order_id, later.c.staff_id == columns.staff_id, later.c.id > columns.id)
    asked_since = select(later.c.id).where(*newer, literally(later.c.kind, Kind.PAGE)).exists()
    dropped = (literally(columns.state, TextState.EXPIRED), columns.error == ORPHANED, ~asked_since)
    mine = (columns.page_id.in_(page_ids), literally(columns.kind, Kind.STAND_DOWN))
    again = {"state": TextState.QUEUED, "due_at": now, "settled_at": None, "error": None}
    session.execute(update(outbox).where(*mine, *dropped).values(again))
    wake(session)


OF_THE_LEAD = frozenset({"provider_sid", "look_at", "looks", "lead_id"})


def _take_back(session: Session, sid: str, owner_id: int) -> None:
    # Two rows with the same words to the same number, both in doubt: one may have been given the other's text. It is
    # in doubt again, and due for another look.
    values = {
        "state": TextState.SENDING,
        "provider_sid": None,
        "provider_status": None,
        "sent_at": None,
        "settled_at": None,
        "look_at": None,
        "lease_until": columns.created_at,
    }
    theirs = update(outbox).where(columns.provider_sid == sid, columns.id != owner_id).values(values)
    leads = [row.id for row in session.execute(theirs.returning(columns.id, columns.bundle)) if row.bundle is not None]
    if leads:
        session.execute(update(outbox).where(columns.lead_id.in_(leads)).values(values))


def earlier_receipts(session: Session, sid: str) -> list[tuple[str, int | None]]:
    """What receipts that overtook our own record of the send have said: (status, error code)."""
    said = select(receipts.c.status, receipts.c.error_code).where(receipts.c.provider_sid == sid)
    return [(status, code) for status, code in session.execute(said) if standing(status)]


def accept(
    session: Session, row: Row[Any], *, sid: str, status: str | None, error_code: int | None, now: datetime
) -> Settled | None:
    """The provider has the text of a locked row: the send is settled, with whatever receipts came before."""
    first = status or "accepted"
    if standing(first) is None:
        log.warning("unknown status of a text", status=first[:20], outbox_id=row.id)
    status, error_code = latest([(first, error_code), *earlier_receipts(session, sid)])
    session.execute(update(receipts).where(receipts.c.provider_sid == sid).values(outbox_id=row.id))
    # Whoever waits for this text may go now.
    wake(session)
    return advance(session, row, sid=sid, status=status, error_code=error_code, now=now)


MISSING = (
    select(columns.id, columns.provider_sid, columns.looks)
    .where(columns.look_at <= bindparam("now"))
    .order_by(columns.look_at)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
PUT_OFF = (
    update(outbox).where(columns.id == bindparam("row")).values(looks=bindparam("often"), look_at=bindparam("again"))
)


def missing_receipts(session: Session, now: datetime, limit: int) -> list[Look]:
    """Texts that were sent and have no final receipt: to be asked about, 1, 2, 4 … minutes apart for three hours.

    Each is handed to one caller: rows are locked (on PostgreSQL passed over by others) until their next look is put
    off.
    """
    found = session.execute(MISSING, {"now": now, "most": limit}).all()
    for row in found:
        often = row.looks + 1
        session.execute(PUT_OFF, {"row": row.id, "often": often, "again": look_after(often, now=now)})
    return [Look(row.id, row.provider_sid) for row in found]
