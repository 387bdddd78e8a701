"""What we ask of a provider of texts, as a protocol; `twilio_gateway` is the one that implements it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from .rules import Outcome, SentText

__all__ = ["Attempt", "Outcome", "SentText", "TextGateway"]


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """The result of one attempt. `error` is a sentence without secrets or numbers."""

    outcome: Outcome
    sid: str | None = None
    status: str | None = None
    error_code: int | None = None
    error: str | None = None
    retry_after_seconds: float | None = None


class TextGateway(Protocol):
    """A provider of texts. Methods never raise for what the world does; they answer with values."""

    def send(self, *, to: str, body: str, status_callback: str | None, validity_seconds: int | None) -> Attempt:
        """Hand over one text. Never tries twice: a second try could be a second text."""

    def call(self, *, to: str, answer_url: str, status_callback: str | None) -> Attempt:
        """Ring a phone; when it is picked up the provider asks `answer_url` what to say."""

    def find(self, *, to: str, since: datetime) -> Sequence[SentText] | None:
        """Texts sent to a number since an instant, newest first; None when the provider can't be asked."""

    def fetch(self, sid: str) -> SentText | None:
        """One text or call by its name; None when it can't be had."""

    def is_signed(self, *, url: str, form: Sequence[tuple[str, str]], signature: str) -> bool:
        """Whether a webhook came from the provider. `url` is the public one, with its query."""
