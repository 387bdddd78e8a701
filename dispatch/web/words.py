"""What the screens say: times, slack, states and moves in the shop's words; pure."""

from __future__ import annotations

import enum
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from ..escalation.rules import Answer, EscalationState, Need
from ..messaging.rules import Hold, TextState
from ..orders.rules import Move, Proof, Sourcing, Status, Substitution
from ..procurement.calls import Outcome
from ..promise.rules import Level
from ..staff.rules import Role


class WhyNot(enum.StrEnum):
    """The usual reasons why something can't be had."""

    NOBODY = "nobody"
    OUT_OF_PRINT = "out_of_print"
    TOO_DEAR = "too_dear"
    TOO_FAR = "too_far"


LEVELS = {Level.ON_TRACK: "On track", Level.WATCH: "Watch", Level.AT_RISK: "At risk", Level.LATE: "Late"}
STATUSES = {
    Status.PROCURING: "to be bought",
    Status.PACKING: "to be packed",
    Status.READY: "ready to go",
    Status.OUT_FOR_DELIVERY: "on its way",
    Status.DELIVERED: "delivered",
    Status.CANCELLED: "cancelled",
}
MOVES = {
    Move.PACK: "Mark packed",
    Move.HAND_OVER: "Hand over",
    Move.DELIVER: "Mark delivered",
    Move.FAIL: "Could not be delivered",
    Move.CANCEL: "Cancel the order",
}
DONE = {
    Move.PACK: "is packed",
    Move.HAND_OVER: "is on its way",
    Move.DELIVER: "is delivered",
    Move.FAIL: "came back; it waits for another try",
    Move.CANCEL: "is cancelled",
}
SOURCINGS = {
    Sourcing.IN_STOCK: "in stock",
    Sourcing.TO_PROCURE: "to be bought",
    Sourcing.SEARCHING: "being looked for",
    Sourcing.RESERVED: "kept for us",
    Sourcing.BOUGHT: "bought",
    Sourcing.UNAVAILABLE: "not to be had",
    Sourcing.SUBSTITUTED: "replaced by another edition",
}
NEWS = {
    Sourcing.SEARCHING: "Somebody is looking",
    Sourcing.RESERVED: "A shop keeps it for us",
    Sourcing.BOUGHT: "Bought",
    Sourcing.UNAVAILABLE: "Not to be had there",
}
WHY_NOT = {
    WhyNot.NOBODY: "nobody has it",
    WhyNot.OUT_OF_PRINT: "out of print",
    WhyNot.TOO_DEAR: "too dear",
    WhyNot.TOO_FAR: "too far",
}
OUTCOMES = {
    Outcome.HAS_IT: "Has it",
    Outcome.NO: "No",
    Outcome.CLOSED: "Closed",
    Outcome.NO_ANSWER: "No answer",
    Outcome.BOUGHT: "Bought",
}
AGREED = {True: "the customer agreed", False: "the customer did not agree", None: ""}
SUBSTITUTIONS = {
    Substitution.ASK: "ask first",
    Substitution.LISTED: "the usual substitutes are fine",
    Substitution.NEVER: "only exactly this",
}
PROOFS = {
    Proof.NONE: "none",
    Proof.PIN: "a PIN that the customer says",
    Proof.NAME: "the name of who took it",
    Proof.PHOTO: "a photo",
}
NEEDS = {Need.PROCURE: "buy", Need.DELIVER: "deliver", Need.PROCURE_AND_DELIVER: "buy and deliver"}
ESCALATIONS = {
    EscalationState.OPEN: "asking",
    EscalationState.ACCEPTED: "taken",
    EscalationState.RESOLVED: "done",
    EscalationState.CANCELLED: "no longer needed",
    EscalationState.UNANSWERED: "nobody took it",
}
ANSWERS = {
    Answer.ACCEPTED: "took it",
    Answer.DECLINED: "can't",
    Answer.HANDED_BACK: "gave it back",
    Answer.LOST: "not needed any more",
    Answer.UNREACHABLE: "could not be reached",
}
TEXT_STATES = {
    TextState.QUEUED: "waiting",
    TextState.SENDING: "going out",
    TextState.SENT: "sent",
    TextState.DELIVERED: "delivered",
    TextState.UNDELIVERED: "not delivered",
    TextState.FAILED: "failed",
    TextState.HELD: "held back",
    TextState.EXPIRED: "too old to send",
}
# What to do about a text that is held back.
REMEDIES = {
    Hold.CONFIGURATION: "phone them meanwhile",
    Hold.OPTED_OUT: "phone them",
    Hold.UNSURE: "ask them, or phone them",
}
ROLES = {
    Role.RIDER: "rider",
    Role.BUYER: "buyer",
    Role.STAFF: "staff",
    Role.MANAGER: "manager",
    Role.FOUNDER: "founder",
}
# The bar is full at two hours: beyond, nobody hurries.
BAR_MINUTES = 120
MINUTE = timedelta(minutes=1)


def span_words(minutes: float) -> str:
    """A span as people say it: "12 min", "2 h 05 min", "3 days"."""
    whole = int(abs(minutes))
    if whole < 60:
        return f"{whole} min"
    if whole < 24 * 60:
        return f"{whole // 60} h {whole % 60:02d} min"
    days = whole // (24 * 60)
    return f"{days} day" if days == 1 else f"{days} days"


def slack_words(slack_minutes: float | None, *, promised_by: datetime, now: datetime) -> str:
    """How much time is left to act, in three words at most."""
    if now > promised_by:
        return f"late by {span_words((now - promised_by) / MINUTE)}"
    if slack_minutes is None:
        return "no way yet"
    if slack_minutes < 0:
        return f"{span_words(slack_minutes)} behind"
    return f"{span_words(slack_minutes)} left"


def bar_width(slack_minutes: float | None) -> int:
    """How full the slack bar is, 0 to 100."""
    return max(0, min(100, round((slack_minutes or 0) / BAR_MINUTES * 100)))


def when_words(at: datetime, timezone: str, *, now: datetime) -> str:
    """An instant as people of that place say it: "today 20:00", "tomorrow 09:30", "Tue 24 Nov 20:00"."""
    zone = ZoneInfo(timezone)
    there, today = at.astimezone(zone), now.astimezone(zone).date()
    names = {0: "today", 1: "tomorrow", -1: "yesterday"}
    days = (there.date() - today).days
    day = names.get(days) or f"{there:%a} {there.day} {there:%b}"
    return f"{day} {there:%H:%M}"


def clock_words(at: datetime, timezone: str, *, now: datetime) -> str:
    """The short form for lists: "14:05" today, "24 Nov 14:05" on other days."""
    zone = ZoneInfo(timezone)
    there = at.astimezone(zone)
    if there.date() == now.astimezone(zone).date():
        return f"{there:%H:%M}"
    return f"{there.day} {there:%b %H:%M}"


def instant(value: str | datetime | None) -> datetime | None:
    """An instant out of a shape: aware, or nothing."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def upfirst(text: str) -> str:
    """The beginning of a sentence. Jinja's own `capitalize` makes the rest small: "Mo-Sa" is then no day any more."""
    return f"{text[:1].upper()}{text[1:]}"
