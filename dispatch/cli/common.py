"""What commands on a shop's data start with: settings, an open database at head, and the time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.exc import ArgumentError, DBAPIError

import config

from ..foundation import migrate
from ..foundation.clock import SystemClock
from ..foundation.db import Database
from ..foundation.errors import ConfigurationError, Conflict, Unavailable
from ..foundation.settings import Settings


@dataclass(frozen=True)
class Shop:
    """What a command works with."""

    settings: Settings
    db: Database
    now: datetime


def open_database(url: str) -> Database:
    """The database, not connected yet. Raises ConfigurationError when its address makes no sense."""
    try:
        return Database(url)
    except (ArgumentError, ValueError) as error:
        raise ConfigurationError(["DISPATCH_DATABASE_URL: can't be read as an address of a database"]) from error
    except OSError as error:
        raise ConfigurationError([f"DISPATCH_DATABASE_URL: its folder can't be made ({error.strerror})"]) from error


def schema_of(db: Database) -> str | None:
    """The revision the database is at, None when it is empty. Raises Unavailable when it can't be reached."""
    if db.is_sqlite and not Path(db.url.database or "").is_file():
        return None
    try:
        return migrate.current(db)
    except DBAPIError as error:
        raise Unavailable("The database can't be reached: is DISPATCH_DATABASE_URL right?") from error


@contextmanager
def open_shop() -> Iterator[Shop]:
    """Settings, the database and the time. Raises ConfigurationError, Unavailable, or Conflict for an old schema."""
    settings = config.load()
    db = open_database(settings.database_url)
    try:
        if schema_of(db) != migrate.head():
            raise Conflict("The database is not at the newest schema: run `dispatch migrate` first.")
        yield Shop(settings, db, SystemClock().now())
    finally:
        db.dispose()
