"""Kinds and states of texts, and what the provider's statuses and codes mean, as tables; pure."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta


class Outcome(enum.StrEnum):
    """What became of an attempt to send, as far as we can know."""

    ACCEPTED = "accepted"  # the provider has it; `sid` is its name there
    RETRY = "retry"  # certainly not sent: 429, or the connection was never made
    UNKNOWN = "unknown"  # it may or may not have been sent: ask before sending again
    RECIPIENT = "recipient"  # will never reach this number
    CONTENT = "content"  # this text will never be taken
    CONFIGURATION = "configuration"  # nothing will be sent until somebody mends the account


@dataclass(frozen=True, kw_only=True)
class SentText:
    """A text as the provider remembers it; for a call the body is empty."""

    sid: str
    to: str
    body: str
    status: str
    error_code: int | None
    created_at: datetime | None


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


class Hold(enum.StrEnum):
    """Why a text is held back until somebody, or something, releases it."""

    CONFIGURATION = "configuration"  # the account can't send: nothing is wrong with the text
    OPTED_OUT = "opted_out"  # the number does not want texts
    UNSURE = "unsure"  # it may have been sent, and a second one would be worse than none


# Kinds that are sent again when the provider has no trace of a send whose outcome we never learnt. A page that comes
# twice is a nuisance, one that never comes breaks a promise; a customer who is told the same thing twice thinks less
# of the shop, so a notice is held and a person decides.
RESENT_WHEN_ABSENT = frozenset(Kind) - {Kind.NOTICE}
# Kinds that try again by themselves while the account can't send; the others wait for `release_held`.
RETRIED_WHEN_HELD = frozenset({Kind.PAGE, Kind.REPLY, Kind.STAND_DOWN, Kind.REMINDER, Kind.ALARM})


@dataclass(frozen=True)
class Standing:
    """Where a status of the provider puts a text. News of a lower or equal rank changes nothing."""

    rank: int
    state: TextState

    @property
    def is_final(self) -> bool:
        return self.state is not TextState.SENT


# Receipts come late, doubled and in any order: only a higher rank counts, so that nothing leaves a final state, except
# that a text that was read was delivered, whatever was said before. The second part is the statuses of calls:
# "completed" means that something picked up, which may have been a voicemail; it is no answer.
STANDINGS: dict[str, Standing] = {
    "accepted": Standing(1, TextState.SENT),
    "scheduled": Standing(1, TextState.SENT),
    "queued": Standing(2, TextState.SENT),
    "sending": Standing(3, TextState.SENT),
    "sent": Standing(4, TextState.SENT),
    "partially_delivered": Standing(5, TextState.SENT),
    "delivered": Standing(6, TextState.DELIVERED),
    "undelivered": Standing(6, TextState.UNDELIVERED),
    "failed": Standing(6, TextState.FAILED),
    "canceled": Standing(6, TextState.FAILED),
    "read": Standing(7, TextState.DELIVERED),
    "initiated": Standing(3, TextState.SENT),
    "ringing": Standing(3, TextState.SENT),
    "in-progress": Standing(4, TextState.SENT),
    "completed": Standing(6, TextState.DELIVERED),
    "busy": Standing(6, TextState.UNDELIVERED),
    "no-answer": Standing(6, TextState.UNDELIVERED),
}


def standing(status: str | None) -> Standing | None:
    """Where a status puts a text; None for one we have never heard of, which the caller must say loudly."""
    return STANDINGS.get((status or "").lower())


def is_news(status: str, *, after: str | None) -> bool:
    """Whether `status` changes anything for a text whose last status was `after`. An unknown one never does."""
    new, old = standing(status), standing(after)
    return new is not None and (old is None or new.rank > old.rank)


def latest(news: Iterable[tuple[str, int | None]]) -> tuple[str, int | None]:
    """Of some (status, error code), the one that counts. Raises ValueError for none at all."""
    known = [(standing(status), (status, code)) for status, code in news]
    return max(known, key=lambda pair: pair[0].rank if pair[0] else 0)[1]


OPTED_OUT_CODE = 21610
# For texts that we hold back ourselves, as the provider says the same.
OTHER_COUNTRY_CODE = 21408
TOO_MANY_CODE = 20429

CODES: dict[int, Outcome] = {
    **dict.fromkeys((20429, 21611, 30001, 30022, 30023, 30027, 63018, 14107), Outcome.RETRY),
    **dict.fromkeys((20500, 20503, 30410, 30500), Outcome.UNKNOWN),
    # Bad number, opted out, not a mobile, landline, blocked, unknown handset.
    **dict.fromkeys((21211, OPTED_OUT_CODE, 21614, 21635, 30004, 30005, 30006, 63003, 63024), Outcome.RECIPIENT),
    # Handset off, unknown, expired in the provider's queue, held for pumping: this person can't be had now.
    **dict.fromkeys((30003, 30008, 30036, 30450), Outcome.RECIPIENT),
    # Calls: the number is not valid, not allowed, or blocked.
    **dict.fromkeys((21214, 21216, 21217), Outcome.RECIPIENT),
    **dict.fromkeys((20003, 20005, 20404, 21210, 21212, 21215, 21408, 21606, 21607, 21608), Outcome.CONFIGURATION),
    **dict.fromkeys((21612, 21609, 21703, 21704, 21705, 21708, 21709, 13227, 90007), Outcome.CONFIGURATION),
    **dict.fromkeys((30002, 30018, 30024, 30032, 30033, 30034, 30035, 63007), Outcome.CONFIGURATION),
    **dict.fromkeys((21602, 21603, 21604, 21617, 21618, 30007, 63016), Outcome.CONTENT),
}

# Configuration errors that stop every text, not this number's alone: asking the next person would fail the same way.
WHOLE_ACCOUNT = frozenset({20003, 20005, 20404, 21212, 21210, 21607, 21703, 21704, 21705, 30002, 30032})


def outcome_of(code: int | None, *, http_status: int) -> Outcome:
    """What a refused send means.

    The HTTP status goes first where it is certain: 429 was never processed, and after 408 or 5xx nobody knows. Then the
    provider's code. An unknown code of 401, 403, 404, 405, 407 or a redirect is a matter of set-up; any other unknown
    refusal is laid to the text, so that it fails at once and the next person is asked.
    """
    if http_status == 429:
        return Outcome.RETRY
    if http_status == 408 or http_status >= 500:
        return Outcome.UNKNOWN
    if code in CODES:
        return CODES[code]
    if http_status < 400 or http_status in {401, 403, 404, 405, 407}:
        return Outcome.CONFIGURATION
    return Outcome.CONTENT


def is_unreachable(state: TextState, error_code: int | None, *, hold: Hold | None = None) -> bool:
    """Whether the text will not reach this person, so that the next one should be asked now.

    True for every text that failed or was not delivered, with an unknown code too, and for an opted-out number. False
    while the whole account can't send: nobody else would be reached either, and the board says so.
    """
    if hold is Hold.OPTED_OUT:
        return True
    if state in {TextState.FAILED, TextState.UNDELIVERED}:
        return error_code not in WHOLE_ACCOUNT
    return state is TextState.HELD and CODES.get(error_code or 0) is not None and error_code not in WHOLE_ACCOUNT


LONGEST_BACKOFF_SECONDS = 30.0
LONGEST_RETRY_AFTER_SECONDS = 120.0


def backoff_seconds(attempts: int, *, random: float, retry_after_seconds: float | None = None) -> float:
    """How long to wait after attempt number `attempts`: 1, 2, 4 … at most 30 s, and down to half of it by chance.

    `random` is in [0, 1). What the provider asks for wins when it is longer, up to two minutes.
    """
    longest = min(LONGEST_BACKOFF_SECONDS, 2.0 ** min(max(attempts - 1, 0), 10))
    return max(longest * (0.5 + random / 2), min(retry_after_seconds or 0.0, LONGEST_RETRY_AFTER_SECONDS))


LOOKS = 8


def look_after(looks: int, *, now: datetime) -> datetime | None:
    """When to ask again about a text that has no final receipt: after 1, 2, 4 … at most 60 minutes; None after three
    hours, for some carriers never send one.
    """
    return now + timedelta(minutes=min(60, 2**looks)) if looks < LOOKS else None


def validity_seconds(useful_until: datetime | None, *, now: datetime) -> int | None:
    """How long the provider may keep a text in its queue: what is left of its use, within 1 s and 10 h."""
    return None if useful_until is None else int(min(max((useful_until - now).total_seconds(), 1), 36000))


# A trial account puts this before every text.
TRIAL_PREFIX = "Sent from your Twilio trial account - "


def is_same_text(ours: str, theirs: str) -> bool:
    """Whether the provider's copy of a text is ours; white space counts as one space."""
    return " ".join(ours.split()) == " ".join(theirs.removeprefix(TRIAL_PREFIX).split())


def our_text(body: str, *, among: Iterable[SentText], not_sids: frozenset[str]) -> SentText | None:
    """The text with this body that belongs to nobody yet, the earliest of several; `among` is newest first."""
    mine = [text for text in among if text.sid not in not_sids and is_same_text(body, text.body)]
    return mine[-1] if mine else None


# Countries whose phones can't answer a text to Twilio ("Two-way SMS supported: No"): they get the link alone.
ONE_WAY_PREFIXES = frozenset({"+91"})


def takes_replies(prefix: str) -> bool:
    """Whether phones of a country, like "+44", can answer our texts."""
    return prefix not in ONE_WAY_PREFIXES
