"""The schema: up to head, down again, and where it is; the migrations travel inside the package."""

from __future__ import annotations

from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from .db import Database
from .errors import Unavailable

# One number for all machines that migrate at once; PostgreSQL lets one of them pass.
MIGRATION_LOCK = 4_071_990


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("migrations")))
    return config


def _run(db: Database, move: str, revision: str) -> None:
    config = _config()
    with db.engine.connect() as connection:
        if not db.is_sqlite:
            # Two machines that start together: the second waits here, then finds nothing left to do.
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
            connection.commit()
        else:
            # Alembic would commit each migration by itself: a second machine that slips in between two of them does the
            # next one too, and one of both fails. In one transaction the second waits, then finds nothing left to do.
            connection.begin()
        config.attributes["connection"] = connection
        try:
            getattr(command, move)(config, revision)
            connection.commit()
        finally:
            if not db.is_sqlite:
                connection.rollback()
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK})
                connection.commit()


def upgrade(db: Database, revision: str = "head") -> None:
    """Bring the schema up; safe to run twice and by several machines at once. Raises Unavailable."""
    try:
        _run(db, "upgrade", revision)
    except OperationalError as error:
        raise Unavailable("The database is busy or can't be reached: check DISPATCH_DATABASE_URL.") from error


def downgrade(db: Database, revision: str) -> None:
    """Take the schema back to a revision ("base" for none)."""
    _run(db, "downgrade", revision)


def current(db: Database) -> str | None:
    """The revision the database is at; None when it is empty."""
    with db.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head() -> str:
    """The newest revision this program knows."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise RuntimeError("the package holds no migrations")
    return revision
