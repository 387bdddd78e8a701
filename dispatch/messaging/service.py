"""Texts: ask for one, take it back, and everything else that other rooms may do with them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import case, literal, or_, select, update
from sqlalchemy.orm import Session

from ..foundation.db import wake
from .bundle_wording import Part
from .bundles import BREATH
from .consent import opt_in, opt_out, opted_out
from .health import Outage, Queue, next_due_at, oldest_unsent_seconds, outage, queue
from .inbound import Inbound, mark_handled, record_failure, record_inbound, unhandled
from .receipts import Look, missing_receipts, record_receipt
from .rows import INSERT, Claimed, Settled, columns, literally, outbox
from .rules import PRIORITY, Channel, Kind, TextState
from .sender import read_circuit, used_this_month
from .sending import claim, claim_expired, give_back, release_held, settle, settle_found, sweep

__all__ = [
    "BREATH",
    "Claimed",
    "Draft",
    "Inbound",
    "Look",
    "Outage",
    "Part",
    "Queue",
    "Settled",
    "claim",
    "claim_expired",
    "enqueue",
    "enqueue_all",
    "give_back",
    "hold_open_texts",
    "mark_handled",
    "missing_receipts",
    "next_due_at",
    "oldest_unsent_seconds",
    "opt_in",
    "opt_out",
    "opted_out",
    "outage",
    "queue",
    "read_circuit",
    "record_failure",
    "record_inbound",
    "record_receipt",
    "release_held",
    "settle",
    "settle_found",
    "sweep",
    "unhandled",
    "used_this_month",
    "withdraw",
]


# By dialect, and built once.
ENQUEUE = {name: insert(outbox).on_conflict_do_nothing(index_elements=["key"]) for name, insert in INSERT.items()}
ENQUEUE_ONE = {name: statement.returning(columns.id) for name, statement in ENQUEUE.items()}


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A text to be sent. `key` names its purpose: a second draft with the same key is dropped.

    `to_phone` is E.164. Without `due_at` it is due at once. Past `useful_until` it is not sent any more. It waits for
    the text `after_id` to go out, and is dropped when that one never does. A page with a `part` may leave in one text
    with others to the same person. `failing_since`: when the first of the copies it takes the place of failed.
    """

    key: str
    kind: Kind
    to_phone: str
    body: str
    channel: Channel = Channel.SMS
    order_id: int | None = None
    staff_id: int | None = None
    page_id: int | None = None
    after_id: int | None = None
    due_at: datetime | None = None
    useful_until: datetime | None = None
    part: Part | None = None
    failing_since: datetime | None = None


def enqueue(session: Session, draft: Draft, now: datetime) -> int | None:
    """Put a text into the outbox; its id, or None when one with this key is there already.

    The unique key is the guard: of two that write the same purpose at once, the second waits and then gets None.
    """
    made: int | None = session.scalar(ENQUEUE_ONE[session.get_bind().dialect.name], _row(draft, now))
    if made is not None:
        wake(session)
    return made


def enqueue_all(session: Session, drafts: Sequence[Draft], now: datetime) -> None:
    """The same for many at once, in one statement; those whose key is there already are passed over."""
    if drafts:
        session.execute(ENQUEUE[session.get_bind().dialect.name], [_row(draft, now) for draft in drafts])
        wake(session)


def _row(draft: Draft, now: datetime) -> dict[str, object]:
    return {
        "key": draft.key,
        "kind": draft.kind,
        "channel": draft.channel,
        "state": TextState.QUEUED,
        "to_phone": draft.to_phone,
        "body": draft.body,
        "priority": PRIORITY[draft.kind],
        "order_id": draft.order_id,
        "staff_id": draft.staff_id,
        "page_id": draft.page_id,
        "after_id": draft.after_id,
        "due_at": draft.due_at or now,
        "useful_until": draft.useful_until,
        "part": asdict(draft.part) if draft.part else None,
        "failing_since": draft.failing_since,
        "attempts": 0,
        "looks": 0,
        "created_at": now,
    }


def hold_open_texts(session: Session, order_id: int) -> None:
    """Lock an order's texts that have not left, before any of its pages is written.

    A receipt locks its text and then writes the page: whoever writes the page first and withdraws the text after
    that would wait for it crosswise.
    """
    is_open = literally(columns.state, TextState.QUEUED, TextState.HELD, TextState.SENDING)
    mine = select(columns.id).where(columns.order_id == order_id, is_open).order_by(columns.id)
    session.execute(mine.with_for_update()).all()


def withdraw(
    session: Session,
    *,
    now: datetime,
    page_ids: Collection[int] = (),
    order_ids: Collection[int] = (),
    text_ids: Collection[int] = (),
    kinds: Collection[Kind] | None = None,
    why: str,
) -> int:
    """Take back these texts, or those of pages or orders (of these kinds), that have not left; how many were stopped.

    A claim that runs at the same time holds the row: then we find it "sending" and can't stop it, but it will not be
    tried a second time, for it is no longer of use. One statement for both, because a row that changes between two
    statements would slip past them. What must be said to somebody who may have got the text is said by one that
    follows it (`Draft.after_id`).
    """
    whose = or_(columns.page_id.in_(page_ids), columns.order_id.in_(order_ids), columns.id.in_(text_ids))
    mine = whose if kinds is None else whose & columns.kind.in_(kinds)
    is_leaving = literally(columns.state, TextState.SENDING)
    is_open = literally(columns.state, TextState.QUEUED, TextState.HELD, TextState.SENDING)
    values = {
        "state": case((is_leaving, columns.state), else_=literal(TextState.EXPIRED, columns.state.type)),
        "useful_until": case((is_leaving, literal(now, columns.due_at.type)), else_=columns.useful_until),
        "settled_at": case((is_leaving, columns.settled_at), else_=literal(now, columns.due_at.type)),
        "failing_since": case((is_leaving, columns.failing_since), else_=None),
        "hold": None,
        "error": why[:300],
    }
    after = session.scalars(update(outbox).where(mine, is_open).values(values).returning(columns.state)).all()
    return sum(state is TextState.EXPIRED for state in after)
