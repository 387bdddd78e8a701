"""Kinds and states of texts as tables, what the provider's codes mean, and what a reply says; pure."""

from __future__ import annotations

import enum


class Kind(enum.StrEnum):
    """Why a text is sent."""

    PAGE = "page"
    REPLY = "reply"
    STAND_DOWN = "stand_down"
    REMINDER = "reminder"
    ALARM = "alarm"
    NOTICE = "notice"
    TEST = "test"


class Channel(enum.StrEnum):
    """How it reaches somebody."""

    SMS = "sms"
    CALL = "call"


class TextState(enum.StrEnum):
    """Where an outgoing text stands with us."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    HELD = "held"
    EXPIRED = "expired"


# Smaller goes first when the sender's pace is the bottleneck.
PRIORITY = {
    Kind.PAGE: 0,
    Kind.REPLY: 1,
    Kind.STAND_DOWN: 1,
    Kind.ALARM: 1,
    Kind.REMINDER: 2,
    Kind.NOTICE: 3,
    Kind.TEST: 4,
}
