"""Who may have a missing line, and whom to ring first: chances, ways and closing times; pure."""

from __future__ import annotations

import enum


class Outcome(enum.StrEnum):
    """What a supplier said of one line, or that nobody said anything."""

    HAS_IT = "has_it"
    NO = "no"
    CLOSED = "closed"
    NO_ANSWER = "no_answer"
    BOUGHT = "bought"
