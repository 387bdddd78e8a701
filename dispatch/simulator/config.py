"""What a simulator is told before it starts, checked at the door; it never leaves this machine."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from dispatch.foundation.clock import SystemClock
from dispatch.foundation.settings import LOOPBACK

# Twilio's own "always works" sender; it also plays the pooled number of a Messaging Service.
GOOD_SENDER = "+15005550006"


def system_now() -> datetime:
    """The machine's time, aware, in UTC. A named function, so that a config can be sent to a child process."""
    return SystemClock().now()


def is_loopback(host: str | None) -> bool:
    """Whether a host name or address can only mean this machine."""
    return host in LOOPBACK


@dataclass(frozen=True, kw_only=True)
class SimulatorConfig:
    """One simulated account. Spans are in seconds.

    `inbound_url` and every StatusCallback are the public addresses that signatures are computed over.
    `post_via` is where their requests really go: a base address on loopback. Without it they go to the
    public address itself, which must then be on loopback too: nothing leaves this machine.
    `api_keys` are (SK sid, secret) pairs. `clock` answers aware UTC; waits use a monotonic clock.
    Raises ValueError for a malformed sid and for a `post_via` that is not on loopback.
    """

    account_sid: str
    auth_token: str = field(repr=False)
    from_number: str | None = None
    messaging_service_sid: str | None = None
    inbound_url: str | None = None
    inbound_fallback_url: str | None = None
    voice_url: str | None = None
    post_via: str | None = None
    delivery_delay_seconds: float = 0.2
    seconds_per_word: float = 0.3
    webhook_timeout_seconds: float = 15.0
    advanced_opt_out: bool = False
    api_keys: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    clock: Callable[[], datetime] = system_now

    def __post_init__(self) -> None:
        if not re.fullmatch(r"AC[0-9a-fA-F]{32}", self.account_sid):
            raise ValueError("account_sid: AC and 32 hexadecimal digits")
        service = self.messaging_service_sid
        if service is not None and not re.fullmatch(r"MG[0-9a-fA-F]{32}", service):
            raise ValueError("messaging_service_sid: MG and 32 hexadecimal digits")
        if self.post_via is not None and not is_loopback(urlsplit(self.post_via).hostname):
            raise ValueError("post_via: only an address on this machine (127.0.0.1, ::1, localhost)")

    @property
    def sender(self) -> str:
        """The number that texts come from, and that replies go to."""
        return self.from_number or GOOD_SENDER

    @property
    def own_numbers(self) -> frozenset[str]:
        """Numbers that may be given as From."""
        return frozenset({self.sender, GOOD_SENDER})

    def opt_out_scope(self, number: str) -> str:
        """What a STOP blocks: the whole Messaging Service where there is one, else one number."""
        return self.messaging_service_sid or number
