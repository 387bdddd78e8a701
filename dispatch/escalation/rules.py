"""The ladder as a decision: facts in, actions out; pure."""

from __future__ import annotations

import enum


class EscalationState(enum.StrEnum):
    """Where a call for help stands."""

    OPEN = "open"
    ACCEPTED = "accepted"
    RESOLVED = "resolved"
    CANCELLED = "cancelled"
    UNANSWERED = "unanswered"


class Need(enum.StrEnum):
    """What help is needed."""

    PROCURE = "procure"
    DELIVER = "deliver"
    PROCURE_AND_DELIVER = "procure_and_deliver"


class Answer(enum.StrEnum):
    """How a page ended."""

    ACCEPTED = "accepted"
    DECLINED = "declined"
    HANDED_BACK = "handed_back"
    LOST = "lost"
    UNREACHABLE = "unreachable"
