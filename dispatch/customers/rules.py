"""Which order event earns the customer which notice, as a table; pure."""

from __future__ import annotations

import enum
from datetime import timedelta


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
# News that makes earlier news pointless. What was promised, offered or chosen is never overtaken.
OVERTAKES = {
    NoticeKind.ON_ITS_WAY: frozenset({NoticeKind.CONFIRMED, NoticeKind.ON_ITS_WAY}),
    NoticeKind.DELIVERED: frozenset({NoticeKind.CONFIRMED, NoticeKind.ON_ITS_WAY}),
}
# Events after which notices are no longer true, and why.
UNSAYS = {
    "cancelled": (frozenset({NoticeKind.CONFIRMED, NoticeKind.ON_ITS_WAY}), "the order was cancelled meanwhile"),
    "attempt_failed": (frozenset({NoticeKind.ON_ITS_WAY}), "it is not on its way any more"),
}
# Texts that wait longer than this wait for a provider, or for many others: then the customer hears the newest alone.
STALE_AFTER = timedelta(minutes=1)


def is_overtaken(earlier: NoticeKind, *, by: NoticeKind, waited: timedelta) -> bool:
    """Whether a notice that has waited so long without leaving is pointless once the order has earned another."""
    return earlier in OVERTAKES.get(by, frozenset()) and waited >= STALE_AFTER
