"""Several pages of one person leave as one text: put together in the transaction that claims them, one fate after."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import Row, and_, bindparam, select, update
from sqlalchemy.orm import Session

from .bundle_wording import MOST_PARTS, Bundle, Part, bundle
from .rows import (
    CLAIMED,
    SETTLED,
    TIME_LEFT,
    Claimed,
    Settled,
    by_urgency,
    claimed,
    columns,
    is_free,
    literally,
    outbox,
)
from .rows import settled as as_value
from .rules import Channel, Kind, TextState

# What comes in the same breath as a page to the same person: it waits so long after that page, and leaves with whatever
# has come by then. Whoever is woken by three texts in three seconds reads none of them.
BREATH = timedelta(seconds=3)
# States in which a row is by itself again.
ALONE = frozenset({TextState.QUEUED, TextState.HELD, TextState.EXPIRED})
# For `bundle` and `lead_id`: the next claim puts them together anew, from what is left by then.
APART: dict[str, Any] = {"bundle": None, "lead_id": None}

HAS_PART = and_(literally(columns.kind, Kind.PAGE), literally(columns.channel, Channel.SMS), columns.part.is_not(None))
# Due already, or within the breath: the guard against a page that was stood down is its state, read under its lock.
WAITING = (
    select(*CLAIMED)
    .where(
        is_free(),
        HAS_PART,
        columns.due_at <= bindparam("soon"),
        columns.to_phone.in_(bindparam("phones", expanding=True)),
        columns.id.not_in(bindparam("claimed", expanding=True)),
    )
    .order_by(TIME_LEFT, columns.due_at, columns.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True, of=outbox)
)


def put_together(session: Session, rows: Sequence[Row[Any]], now: datetime) -> list[Claimed]:
    """Just claimed rows as texts: pages of one person become one, with those of theirs that wait and still fit.

    The most urgent leads. What doesn't fit leaves in a text of its own, if it was due. Two workers that claim pages of
    one person at the same moment pass over each other's rows: two texts then, and each page in one of them.
    """
    phones = sorted({row.to_phone for row in rows if _can_join(row)})
    if not phones:
        return claimed(rows)
    asked = {"now": now, "soon": now + BREATH, "phones": phones, "claimed": [row.id for row in rows]}
    near = session.execute(WAITING, asked | {"most": MOST_PARTS * len(phones)}).all()
    mine = {row.id for row in rows}
    texts = [row for row in rows if not _can_join(row)]
    useful_until: dict[int, datetime | None] = {}
    pages = sorted([*(row for row in rows if _can_join(row)), *near], key=lambda row: (row.to_phone, *by_urgency(row)))
    for _, group in groupby(pages, lambda row: row.to_phone):
        for text, chunk in _bundled(list(group)):
            if not any(row.id in mine for row in chunk):
                continue
            useful_until[chunk[0].id] = max(row.useful_until or now for row in chunk)
            texts.append(_lead(session, text, chunk, rows[0], mine=mine) if text else chunk[0])
    found = claimed(texts)
    return [replace(text, useful_until=useful_until.get(text.outbox_id, text.useful_until)) for text in found]


def _can_join(row: Row[Any]) -> bool:
    return row.part is not None and row.kind is Kind.PAGE and row.channel is Channel.SMS


def _bundled(pages: list[Row[Any]]) -> list[tuple[Bundle | None, list[Row[Any]]]]:
    """One person's pages, the most urgent first, as texts: as many in each as two segments hold."""
    made = []
    while pages:
        found = bundle([Part(**row.part) for row in pages])
        count = found.count if found else 1
        made.append((found, pages[:count]))
        pages = pages[count:]
    return made


def _lead(session: Session, text: Bundle, chunk: Sequence[Row[Any]], claim: Row[Any], *, mine: set[int]) -> Row[Any]:
    """The first of them leads the others; those that were not claimed yet are, with the same lease and token."""
    more = [row.id for row in chunk if row.id not in mine]
    if more:
        values = {"state": TextState.SENDING, "lease_token": claim.lease_token, "lease_until": claim.lease_until}
        session.execute(update(outbox).where(columns.id.in_(more)).values(**values, attempts=columns.attempts + 1))
    lead, *others = (row.id for row in chunk)
    session.execute(update(outbox).where(columns.id.in_(others)).values(lead_id=lead))
    written = update(outbox).where(columns.id == lead).values(bundle=text.text).returning(*CLAIMED)
    return session.execute(written).one()


def carry_over(session: Session, rows: Sequence[Row[Any]]) -> None:
    """Claims that were taken over, with what the same texts carry: the same lease and token for all."""
    for row in rows:
        if row.bundle is not None:
            values = {"lease_token": row.lease_token, "lease_until": row.lease_until}
            session.execute(update(outbox).where(columns.lead_id == row.id).values(values))


def part_from(session: Session, lead: Row[Any]) -> Row[Any]:
    """Leave the lead, which the caller has locked, by itself: it is the news of an earlier text of its own.

    The others keep their lease, and are asked about and sent when that is over: better twice than never.
    """
    session.execute(CARRIED, {"lead": lead.id})
    session.execute(update(outbox).where(columns.lead_id == lead.id).values(lead_id=None))
    return session.execute(update(outbox).where(columns.id == lead.id).values(bundle=None).returning(outbox)).one()


def write(session: Session, row: Row[Any], change: Callable[[Row[Any]], Mapping[str, Any]]) -> Settled:
    """Write what became of a text, whose row the caller has locked, into that row and all that it carries.

    `change`: what to write into one row. The lead is locked before the others, here as in every other place.
    """
    others = [] if row.bundle is None else session.execute(CARRIED, {"lead": row.id}).all()
    with_it = tuple(_write_one(session, other, change(other)) for other in others)
    return replace(_write_one(session, row, change(row)), with_it=with_it)


CARRIED = select(outbox).where(columns.lead_id == bindparam("lead")).order_by(columns.id).with_for_update()


def _write_one(session: Session, row: Row[Any], values: Mapping[str, Any]) -> Settled:
    if values.get("state") in ALONE:
        values = {**values, **APART}
    written = update(outbox).where(columns.id == row.id).values(values).returning(*SETTLED)
    return as_value(session.execute(written).one())
