"""What the operator decides, as one frozen value. `config.py` at the root is the only reader of the environment."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True, kw_only=True)
class TwilioSettings:
    """How to reach Twilio. `api_url` stands in for https://api.twilio.com; http only on loopback."""

    account_sid: str
    auth_token: str = field(repr=False)
    messaging_service_sid: str | None = None
    from_number: str | None = None
    api_key: str | None = None
    api_secret: str | None = field(default=None, repr=False)
    api_url: str | None = None
    is_simulated: bool = False

    @property
    def can_ring(self) -> bool:
        """Whether phones can be rung: neither a messaging service, a short code nor a name can make a call."""
        return (self.from_number or "").startswith("+")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting, checked. Spans are in seconds unless the name says otherwise."""

    database_url: str = field(repr=False)
    secret_key: str = field(repr=False)
    public_url: str = "http://127.0.0.1:8000"
    local_url: str | None = None
    default_region: str | None = None
    twilio: TwilioSettings | None = None
    worker_concurrency: int = 8
    texts_per_second: float | None = None
    texts_per_month: int | None = None
    countries: tuple[str, ...] = ()
    heartbeat_url: str | None = field(default=None, repr=False)

    @property
    def public_host(self) -> str:
        """The host that links and webhook signatures name."""
        return urlsplit(self.public_url).hostname or ""

    @property
    def is_https(self) -> bool:
        return self.public_url.startswith("https://")
