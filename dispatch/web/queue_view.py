"""What waits to leave, what is held back, and whether the sender pauses, in words for the board and the texts."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..foundation.settings import Settings
from ..messaging.limit_rules import ALARM_AT
from ..messaging.rules import OTHER_COUNTRY_CODE, TOO_MANY_CODE, Kind, TextState
from ..messaging.service import Queue, outage, queue, read_circuit, used_this_month
from ..messaging.tables import OutgoingText
from . import words

# A queue that is gone within a minute is nobody's business.
LONG_SECONDS = 60
DAY = timedelta(days=1)
KINDS = {
    Kind.PAGE: ("call for help", "calls for help"),
    Kind.REPLY: ("answer", "answers"),
    Kind.STAND_DOWN: ("stand-down", "stand-downs"),
    Kind.REMINDER: ("reminder", "reminders"),
    Kind.ALARM: ("alarm", "alarms"),
    Kind.NOTICE: ("text to a customer", "texts to customers"),
    Kind.TEST: ("test", "tests"),
}


def waiting_words(session: Session, now: datetime, settings: Settings) -> str:
    """ "12 texts wait: 3 calls for help, 9 texts to customers. The last leaves in about 9 min."; empty when none do."""
    found = queue(session, now, per_second=settings.texts_per_second)
    return queue_words(found, now) if found.total else ""


def long_queue_words(session: Session, now: datetime, settings: Settings) -> str:
    """The same, when the sender's pace keeps the last of them for a minute or more."""
    found = queue(session, now, per_second=settings.texts_per_second)
    is_long = found.empty_at is not None and (found.empty_at - now).total_seconds() >= LONG_SECONDS
    return queue_words(found, now) if is_long else ""


def queue_words(found: Queue, now: datetime) -> str:
    """A queue in words."""
    kinds = ", ".join(f"{count} {KINDS[kind][count > 1]}" for kind, count in found.waiting.items())
    head = "1 text waits" if found.total == 1 else f"{found.total} texts wait"
    if found.empty_at is None:
        return f"{head}: {kinds}."
    minutes = max(1, round((found.empty_at - now) / words.MINUTE))
    return f"{head}: {kinds}. The last leaves in about {words.span_words(minutes)}."


def held_words(session: Session, now: datetime) -> str:
    """Texts of this day that we hold back for their number's sake, and the month's budget from 80 % on."""
    mine = (OutgoingText.error_code.in_((OTHER_COUNTRY_CODE, TOO_MANY_CODE)), OutgoingText.created_at > now - DAY)
    held = session.scalar(select(func.count()).where(OutgoingText.state == TextState.HELD, *mine)) or 0
    if not held:
        return ""
    return f"{held} {'text is' if held == 1 else 'texts are'} held back, the list says why. Phone them."


def budget_words(session: Session, now: datetime, settings: Settings) -> str:
    """How much of the month's budget is used, once that is much."""
    most = settings.texts_per_month
    used = used_this_month(session, now) if most else 0
    if not most or used < most * ALARM_AT:
        return ""
    remedy = "Customers' texts are held from 90 % on: raise DISPATCH_TEXTS_PER_MONTH."
    return f"{used} of this month's {most} texts are used, {used * 100 // most} %. {remedy}"


def trouble_words(session: Session, now: datetime) -> str:
    """Why texts don't go out and what to do; empty while they do."""
    trouble, circuit = outage(session, now), read_circuit(session)
    if trouble is not None and trouble.is_account:
        waited = words.span_words((now - trouble.since) / words.MINUTE)
        mend = "Mend that (dispatch check says more), and call people yourself."
        return f"Texts are not going out, for {waited} now: {trouble.error}. {mend}"
    if circuit.opened_at is not None:
        since = min(circuit.opened_at, trouble.since) if trouble else circuit.opened_at
        waited = words.span_words((now - since) / words.MINUTE)
        said = f": {trouble.error}" if trouble else ""
        again = "All wait while one at a time is tried, at least once a minute; they leave by themselves."
        return f"Texts are not going out, for {waited} now{said}. {again} Call people yourself."
    if trouble is not None:
        waited = words.span_words((now - trouble.since) / words.MINUTE)
        return f"Texts are not going out, for {waited} now: {trouble.error}. Call people yourself."
    return ""
