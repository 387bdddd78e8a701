"""What we ask of a provider of texts, as a protocol; `twilio_gateway` is the one that implements it."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class Outcome(enum.StrEnum):
    """What became of an attempt to send, as far as we can know."""

    ACCEPTED = "accepted"  # the provider has it; `sid` is its name there
    RETRY = "retry"  # certainly not sent: 429, or the connection was never made
    UNKNOWN = "unknown"  # it may or may not have been sent: ask before sending again
    RECIPIENT = "recipient"  # will never reach this number
    CONTENT = "content"  # this text will never be taken
    CONFIGURATION = "configuration"  # nothing will be sent until somebody mends the account


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """The result of one attempt. `error` is a sentence without secrets or numbers."""

    outcome: Outcome
    sid: str | None = None
    status: str | None = None
    error_code: int | None = None
    error: str | None = None
    retry_after_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class SentText:
    """A text as the provider remembers it."""

    sid: str
    to: str
    body: str
    status: str
    error_code: int | None
    created_at: datetime | None


class TextGateway(Protocol):
    """A provider of texts. Methods never raise for what the world does; they answer with values."""

    def send(self, *, to: str, body: str, status_callback: str | None, validity_seconds: int | None) -> Attempt: ...

    def find(self, *, to: str, since: datetime) -> Sequence[SentText] | None:
        """Texts sent to a number since an instant, newest first; None when the provider can't be asked."""

    def fetch(self, sid: str) -> SentText | None:
        """One text by its name; None when it can't be had."""

    def is_signed(self, *, url: str, form: Sequence[tuple[str, str]], signature: str) -> bool:
        """Whether a webhook came from the provider. `url` is the public one, with its query."""
