"""One text handed to the provider; many that have left settled at once: each by itself would take five statements."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.orm import Session

from .gateway import Attempt, Outcome, TextGateway
from .rows import SETTLED, Claimed, Settled, columns, literally, outbox, receipts
from .rules import Channel, TextState, look_after, standing, validity_seconds
from .sending import settle

FENCED = (
    select(*SETTLED, columns.lease_token, columns.bundle, columns.provider_sid, columns.sent_at)
    .where(columns.id.in_(bindparam("rows", expanding=True)), literally(columns.state, TextState.SENDING))
    # In one order, as whoever takes back the texts of an order locks them.
    .order_by(columns.id)
    .with_for_update()
)
OVERTAKEN = select(receipts.c.provider_sid).where(receipts.c.provider_sid.in_(bindparam("sids", expanding=True)))
OWNED = select(columns.provider_sid).where(columns.provider_sid.in_(bindparam("sids", expanding=True)))
SENT = (
    update(outbox)
    .where(columns.id == bindparam("row"))
    .values(
        state=TextState.SENT,
        hold=None,
        provider_sid=bindparam("sid"),
        provider_status=bindparam("status"),
        error_code=None,
        error=None,
        failing_since=None,
        lease_until=None,
        lease_token=None,
        sent_at=bindparam("at"),
        look_at=bindparam("again"),
        looks=0,
    )
)
Try = tuple[Claimed, Attempt]


def hand_over(gateway: TextGateway, text: Claimed, now: datetime, *, base: str) -> Attempt:
    """Ask the provider to send a text, or to place a call; no transaction may be open. `base`: our own address."""
    # The numbers in the address prove which send a receipt is about, also when the answer to it was lost.
    status_callback = f"{base}/webhooks/twilio/status?o={text.outbox_id}&n={text.attempts}"
    if text.channel is Channel.CALL:
        answer_url = f"{base}/webhooks/twilio/voice?o={text.outbox_id}"
        return gateway.call(to=text.to_phone, answer_url=answer_url, status_callback=status_callback)
    validity = validity_seconds(text.useful_until, now=now)
    return gateway.send(to=text.to_phone, body=text.body, status_callback=status_callback, validity_seconds=validity)


def settle_all(session: Session, tries: Sequence[Try], now: datetime) -> list[Settled]:
    """What `settle` says of each, whose claim still holds; those that simply left are written together.

    Whatever is not as simple (receipts that overtook us, several pages in one text, a name that another row has been
    given, a refusal) is settled by itself, after all the others.
    """
    held: Sequence[Any] = session.execute(FENCED, {"rows": [text.outbox_id for text, _ in tries]}).all()
    rows: dict[int, Row[Any]] = {row.id: row for row in held}
    sids = [attempt.sid for _, attempt in tries if attempt.sid]
    # Read under the rows' locks: a receipt that comes now waits for them, and then finds the text sent.
    known = {*session.scalars(OVERTAKEN, {"sids": sids}), *session.scalars(OWNED, {"sids": sids})} if sids else set()
    together = [(text, attempt) for text, attempt in tries if _is_plain(rows.get(text.outbox_id), text, attempt, known)]
    values = [
        {"row": text.outbox_id, "sid": attempt.sid, "status": _status(attempt), "at": now}
        | {"again": look_after(0, now=now)}
        for text, attempt in together
    ]
    if values:
        session.execute(SENT, values)
    found = [_sent(rows[text.outbox_id], attempt) for text, attempt in together]
    done = {text.outbox_id for text, _ in together}
    for text, attempt in tries:
        change = None if text.outbox_id in done else settle(session, text, attempt, now)
        if change is not None:
            found.append(change)
    return found


def _is_plain(row: Row[Any] | None, text: Claimed, attempt: Attempt, known: set[str | None]) -> bool:
    """Whether nothing is to be said of this text but that it has left."""
    if row is None or row.lease_token != text.token or attempt.outcome is not Outcome.ACCEPTED or not attempt.sid:
        return False
    stands = standing(_status(attempt))
    is_sent = stands is not None and stands.state is TextState.SENT and not stands.is_final
    is_alone = row.bundle is None and row.provider_sid is None and row.sent_at is None
    return is_sent and is_alone and attempt.error_code is None and attempt.sid not in known


def _status(attempt: Attempt) -> str:
    return (attempt.status or "accepted").lower()[:20]


def _sent(row: Row[Any], attempt: Attempt) -> Settled:
    return Settled(
        outbox_id=row.id,
        page_id=row.page_id,
        order_id=row.order_id,
        staff_id=row.staff_id,
        kind=row.kind,
        state=TextState.SENT,
        provider_status=_status(attempt),
        error_code=None,
        is_unreachable=False,
    )
