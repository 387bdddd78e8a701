"""What comes from outside, in one frozen value; the only chooser of a gateway."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import text

from .foundation.clock import Clock, SharedClock, SystemClock
from .foundation.db import Database
from .foundation.errors import ConfigurationError
from .foundation.settings import Settings
from .foundation.tokens import Links
from .messaging.gateway import TextGateway


@dataclass(frozen=True)
class Runtime:
    """Settings, the database, the time and the way texts leave; made once per process, after any fork."""

    settings: Settings
    db: Database
    clock: Clock
    texts: TextGateway

    @property
    def links(self) -> Links:
        """Builds the addresses that go into texts."""
        return Links(self.settings.public_url, self.settings.secret_key)

    @property
    def has_voice(self) -> bool:
        """Whether phones can be rung."""
        return self.settings.twilio is not None and self.settings.twilio.can_ring


def build_runtime(settings: Settings) -> Runtime:
    """The real thing. Raises ConfigurationError when there is no way to send texts."""
    from .messaging.twilio_gateway import build_gateway

    if settings.twilio is None:
        raise ConfigurationError(
            ["TWILIO_ACCOUNT_SID: not set, so no text can be sent; `dispatch up` simulates phones instead"]
        )
    gateway = build_gateway(settings.twilio, concurrency=settings.worker_concurrency)
    db = Database(settings.database_url)
    return Runtime(settings=settings, db=db, clock=clock_of(db), texts=gateway)


def clock_of(db: Database, *, own: Clock | None = None) -> Clock:
    """The clock of every process that works on a database. `own`: this machine's, as far as it can be trusted.

    On PostgreSQL there may be many machines, and what one writes down (a lease, when to look, when a text is due) the
    others compare with their own time: all of them go by the database's. SQLite is on the machine itself.
    """
    if db.is_sqlite:
        return own or SystemClock()

    def ask() -> datetime:
        with db.snapshot() as session:
            at: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
        return at.astimezone(UTC)

    return SharedClock(ask, own=own)
