"""Which order event earns the customer which notice, as a table; pure."""

from __future__ import annotations

import enum


class NoticeKind(enum.StrEnum):
    """What a customer is told."""

    CONFIRMED = "confirmed"
    ON_ITS_WAY = "on_its_way"
    DELIVERED = "delivered"
    OFFER = "offer"
    SUBSTITUTED = "substituted"
    OFFER_WITHDRAWN = "offer_withdrawn"


EARNS = {
    "placed": NoticeKind.CONFIRMED,
    "handed_over": NoticeKind.ON_ITS_WAY,
    "delivered": NoticeKind.DELIVERED,
}
# Events of an offer of something else; None: nobody is told, but a text about it that has not left is taken back.
OF_AN_OFFER = {
    "substitution_offered": NoticeKind.OFFER,
    "line_substituted": NoticeKind.SUBSTITUTED,
    "substitution_withdrawn": NoticeKind.OFFER_WITHDRAWN,
    "substitution_declined": None,
    "substitution_expired": None,
}
