"""Who asked not to be texted: recorded at once, asked before every send."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from .rows import consents, insert_into

STOPPED = select(consents.c.phone).where(
    consents.c.phone.in_(bindparam("phones", expanding=True)), consents.c.opted_out_at.is_not(None)
)


def opt_out(session: Session, phone: str, now: datetime, why: str) -> None:
    """No more texts to this number. `why`: what they wrote, or what the provider said."""
    _record(session, phone, opted_out_at=now, details={"why": why[:200]})


def opt_in(session: Session, phone: str, now: datetime, why: str) -> None:
    """Texts to this number are welcome again."""
    _record(session, phone, opted_out_at=None, opted_in_at=now, details={"why": why[:200]})


def opted_out(session: Session, phones: Collection[str]) -> set[str]:
    """Which of these numbers must not be texted."""
    if not phones:
        return set()
    return set(session.scalars(STOPPED, {"phones": list(phones)}))


def _record(session: Session, phone: str, **values: object) -> None:
    # One statement: a STOP and a provider's refusal can arrive together.
    statement = insert_into(session, consents).values(phone=phone, **values)
    session.execute(statement.on_conflict_do_update(index_elements=["phone"], set_=values))
