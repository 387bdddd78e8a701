"""What must be known before the board is believed: a silent worker, texts that don't go out, people who sent STOP."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from ..foundation.settings import Settings
from ..foundation.types import can_be_texted
from ..messaging.rules import TextState
from ..messaging.service import opted_out
from ..messaging.tables import OutgoingText
from ..orders.tables import Heartbeat
from ..staff.rules import Role
from ..staff.tables import Staff
from . import guide, queue_view, recovery_view, words

SILENCE = timedelta(seconds=60)
A_DAY = timedelta(hours=24)
WATCH = "watch"
WATCHED_AT = select(Heartbeat.at).where(Heartbeat.name == WATCH).scalar_subquery()


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A line across the top. `is_alarm`: somebody must act. `is_to_act`: its link is for those who may act alone."""

    text: str
    link: str = ""
    link_text: str = ""
    is_alarm: bool = True
    is_hint: bool = False
    is_to_act: bool = False


def bars(session: Session, now: datetime, settings: Settings) -> list[Bar]:
    """Everything that must stand across the top just now."""
    watched_at, unsaid, due_at = session.execute(select(WATCHED_AT, *recovery_view.unsaid(now))).one()
    found = [
        _silence(watched_at, now),
        _outage(session, now),
        _unsorry(unsaid, due_at, now),
        _queue(session, now, settings),
        _held(session, now),
        _budget(session, now, settings),
        _founder(session),
        _opted_out(session),
        _not_reached(session, now),
        *_demo(session, settings),
    ]
    return [bar for bar in found if bar]


def hint(session: Session) -> str:
    """What to try next in the demo; empty elsewhere."""
    return guide.next_step(session) or ""


def _silence(at: datetime | None, now: datetime) -> Bar | None:
    if at is None:
        return Bar(text="Nobody is watching: the worker has not started. Start dispatch worker.")
    if now - at <= SILENCE:
        return None
    silent = words.span_words((now - at) / words.MINUTE)
    return Bar(
        text=f"Nobody is watching: the worker has been silent for {silent}. Times below are old; call people yourself."
    )


def _outage(session: Session, now: datetime) -> Bar | None:
    trouble = queue_view.trouble_words(session, now)
    return Bar(text=trouble, link="/texts?state=queued", link_text="What waits") if trouble else None


def _unsorry(count: int, at: datetime | None, now: datetime) -> Bar | None:
    waiting = recovery_view.waiting_words(count, at, now)
    return Bar(text=waiting, link="/recoveries", link_text="Who waits") if waiting else None


def _queue(session: Session, now: datetime, settings: Settings) -> Bar | None:
    waiting = queue_view.long_queue_words(session, now, settings)
    return Bar(text=waiting, link="/texts?state=queued", link_text="What waits", is_alarm=False) if waiting else None


def _held(session: Session, now: datetime) -> Bar | None:
    held = queue_view.held_words(session, now)
    return Bar(text=held, link="/texts?state=held", link_text="What is held") if held else None


def _budget(session: Session, now: datetime, settings: Settings) -> Bar | None:
    used = queue_view.budget_words(session, now, settings)
    return Bar(text=used) if used else None


def _opted_out(session: Session) -> Bar | None:
    working = session.execute(select(Staff.phone, Staff.name).where(Staff.is_active))
    names = {row.phone: row.name for row in working}
    silent = sorted(names[phone] for phone in opted_out(session, names))
    if not silent:
        return None
    verb = "has" if len(silent) == 1 else "have"
    text = f"{', '.join(silent)} {verb} sent STOP and can't be texted. Ask them to send START."
    return Bar(text=text, link="/people", link_text="People")


def _founder(session: Session) -> Bar | None:
    """The last rung must reach somebody: said every day until it does."""
    founders = session.execute(select(Staff.phone).where(Staff.is_active, Staff.role == Role.FOUNDER)).scalars().all()
    reachable = [phone for phone in founders if can_be_texted(phone)]
    if reachable and len(opted_out(session, reachable)) < len(reachable):
        return None
    what = "The founder can't be texted" if founders else "There is no founder"
    text = f"{what}: a call for help that nobody else takes reaches nobody. Give a founder's mobile number."
    return Bar(text=text, link="/people", link_text="People")


def _not_reached(session: Session, now: datetime) -> Bar | None:
    """Whose texts of the last day did not arrive, none of them: their number may be wrong."""
    bad = case((OutgoingText.state.in_((TextState.UNDELIVERED, TextState.FAILED)), 1), else_=0)
    query = (
        select(Staff.name)
        .join(OutgoingText, OutgoingText.staff_id == Staff.id)
        .where(Staff.is_active, OutgoingText.created_at > now - A_DAY, OutgoingText.settled_at.is_not(None))
        .where(OutgoingText.state.in_((TextState.UNDELIVERED, TextState.FAILED, TextState.DELIVERED)))
        .group_by(Staff.id, Staff.name)
        .having(func.sum(bad) == func.count())
        .order_by(Staff.name)
    )
    names = session.scalars(query).all()
    if not names:
        return None
    text = f"No text of the last day reached {', '.join(names)}: check the number, or ask them."
    return Bar(text=text, link="/people", link_text="People")


def _demo(session: Session, settings: Settings) -> list[Bar]:
    if settings.twilio is None or not settings.twilio.is_simulated:
        return []
    said = "Nothing is really sent: the phones are simulated."
    phones = Bar(text=said, link="/phones", link_text="See the phones", is_alarm=False, is_to_act=True)
    next_step = hint(session)
    return [phones, Bar(text=next_step, is_alarm=False, is_hint=True)] if next_step else [phones]
