"""Something else instead: which of the substitutes can still come in time, by when to answer, what an answer says; pure."""

from __future__ import annotations

import enum


class OfferState(enum.StrEnum):
    """What became of an offer. Silence past its time means no."""

    OPEN = "open"
    CHOSEN = "chosen"
    DECLINED = "declined"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class Agreed(enum.StrEnum):
    """How the customer agreed: at intake, in answer to our text, or on the telephone."""

    LISTED = "listed"
    ASKED = "asked"
    PHONE = "phone"
