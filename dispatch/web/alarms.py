"""What must be known before the board is believed: a silent worker, texts that don't go out, people who sent STOP."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..foundation.settings import Settings
from ..messaging.service import opted_out, outage
from ..orders.tables import Heartbeat
from ..staff.tables import Staff
from . import guide, words

SILENCE = timedelta(seconds=60)
WATCH = "watch"


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A line across the top. `is_alarm`: somebody must act."""

    text: str
    link: str = ""
    link_text: str = ""
    is_alarm: bool = True
    is_hint: bool = False


def bars(session: Session, now: datetime, settings: Settings) -> list[Bar]:
    """Everything that must stand across the top just now."""
    found = [_silence(session, now), _outage(session, now), _opted_out(session), *_demo(session, settings)]
    return [bar for bar in found if bar]


def hint(session: Session) -> str:
    """What to try next in the demo; empty elsewhere."""
    return guide.next_step(session) or ""


def _silence(session: Session, now: datetime) -> Bar | None:
    at = session.scalars(select(Heartbeat.at).where(Heartbeat.name == WATCH)).first()
    if at is None:
        return Bar(text="Nobody is watching: the worker has not started. Start dispatch worker.")
    if now - at <= SILENCE:
        return None
    silent = words.span_words((now - at) / words.MINUTE)
    return Bar(
        text=f"Nobody is watching: the worker has been silent for {silent}. Times below are old; call people yourself."
    )


def _outage(session: Session, now: datetime) -> Bar | None:
    trouble = outage(session, now)
    if trouble is None:
        return None
    waited = words.span_words((now - trouble.since) / words.MINUTE)
    return Bar(text=f"Texts are not going out, for {waited} now: {trouble.error}. Call people yourself.")


def _opted_out(session: Session) -> Bar | None:
    working = session.execute(select(Staff.phone, Staff.name).where(Staff.is_active))
    names = {row.phone: row.name for row in working}
    silent = sorted(names[phone] for phone in opted_out(session, names))
    if not silent:
        return None
    verb = "has" if len(silent) == 1 else "have"
    text = f"{', '.join(silent)} {verb} sent STOP and can't be texted. Ask them to send START."
    return Bar(text=text, link="/people", link_text="People")


def _demo(session: Session, settings: Settings) -> list[Bar]:
    if settings.twilio is None or not settings.twilio.is_simulated:
        return []
    said = "Nothing is really sent: the phones are simulated."
    phones = Bar(text=said, link="/phones", link_text="See the phones", is_alarm=False)
    next_step = hint(session)
    return [phones, Bar(text=next_step, is_alarm=False, is_hint=True)] if next_step else [phones]
