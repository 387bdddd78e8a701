"""The database: the base of all tables, names of constraints, pragmas, and the only opener of transactions."""

from __future__ import annotations

import enum
import os
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import CheckConstraint, Engine, Index, MetaData, create_engine, event, make_url, text
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.orm.exc import StaleDataError

from .errors import Conflict, Unavailable
from .types import values_of

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
BUSY_TIMEOUT_MS = 5000
WAKE_CHANNEL = "dispatch_wake"
AT_END = "dispatch_at_end"


class Base(DeclarativeBase):
    """The base of all tables."""

    metadata = MetaData(naming_convention=NAMES)


def one_of(column: str, kind: type[enum.StrEnum]) -> CheckConstraint:
    """The CHECK that keeps a column to the values of an enum."""
    listed = ", ".join(f"'{value}'" for value in values_of(kind))
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """An index over only those rows for which `where` is true; both databases know how."""
    condition = text(where)
    return Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


class Database:
    """One database, opened once per process and after any fork. `with db.transaction() as session:` is the way in."""

    def __init__(self, url: str, *, pool_size: int = 20) -> None:
        self.url: URL = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine: Engine = self._open_sqlite() if self.is_sqlite else self._open_postgresql(pool_size)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)

    def _open_sqlite(self) -> Engine:
        if self.url.database and self.url.database != ":memory:":
            Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(self.url, connect_args={"isolation_level": None, "timeout": BUSY_TIMEOUT_MS / 1000})

        @event.listens_for(engine, "connect")
        def prepare(connection: Any, _: Any) -> None:
            for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=NORMAL"):
                connection.execute(f"PRAGMA {pragma}")
            connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            # A writer that starts as a reader fails with "locked" when it upgrades: take the lock at the door.
            mode = connection.get_execution_options().get("sqlite_begin", "IMMEDIATE")
            connection.exec_driver_sql(f"BEGIN {mode}")

        return engine

    def _open_postgresql(self, pool_size: int) -> Engine:
        url = self.url.set(drivername="postgresql+psycopg")
        return create_engine(
            url,
            pool_pre_ping=True,
            pool_size=pool_size,
            max_overflow=10,
            pool_timeout=5,
            connect_args={"connect_timeout": 5, "options": "-c lock_timeout=5000 -c timezone=UTC"},
        )

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A writing transaction: commits at the end, rolls back on any error.

        Raises Unavailable when the database is busy or gone; nothing was written then, or (only when the
        connection broke during the commit itself) the outcome is unknown and the caller asks again.
        """
        with self._session({}) as session:
            yield session
            session.flush()
            while work := session.info.pop(AT_END, None):
                for step in work.values():
                    step(session)
            session.flush()
            session.commit()

    @contextmanager
    def snapshot(self) -> Iterator[Session]:
        """A reading transaction: one consistent view, nothing is written."""
        options = {"sqlite_begin": "DEFERRED"} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        with self._session(options) as session:
            yield session
            session.rollback()

    @contextmanager
    def _session(self, options: dict[str, str]) -> Iterator[Session]:
        try:
            with self._sessions() as session:
                if options:
                    session.connection(execution_options=options)
                yield session
        except OperationalError as error:
            raise Unavailable("The database is busy or can't be reached. Try again in a moment.") from error
        except (IntegrityError, StaleDataError) as error:
            if isinstance(error, IntegrityError) and not _is_a_race(error):
                raise
            # Two at the same moment, and the unique key or the version column let one of them pass.
            raise Conflict("Somebody did something to it at the same moment: look again, then repeat.") from error
        except DBAPIError as error:
            if error.connection_invalidated:
                raise Unavailable("The connection to the database broke. Try again in a moment.") from error
            raise

    def dispose(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def _is_a_race(error: IntegrityError) -> bool:
    """A unique or foreign key that was fine when we looked; a broken CHECK or NOT NULL is our own mistake."""
    code = getattr(error.orig, "sqlstate", None)
    return code in {"23505", "23503"} if code else any(word in str(error.orig) for word in ("UNIQUE", "FOREIGN KEY"))


def at_end(session: Session, key: Hashable, work: Callable[[Session], None]) -> None:
    """Do `work` once per key, last thing before the commit.

    For writes that touch rows of other orders: taken last and in a fixed order they can't deadlock
    with a transaction that holds its own order and waits for ours.
    """
    session.info.setdefault(AT_END, {}).setdefault(key, work)


def wake(session: Session) -> None:
    """Tell the workers, when this commits, that something is due. Losing it costs one safety tick."""

    def notify(session: Session) -> None:
        if session.get_bind().dialect.name == "postgresql":
            session.execute(text(f"NOTIFY {WAKE_CHANNEL}"))

    at_end(session, WAKE_CHANNEL, notify)


def insert_or_update(session: Session, table: type[Base], key: dict[str, Any], values: dict[str, Any]) -> None:
    """Write a row by its unique key, whether it is there or not, in one statement: two at once can't both insert."""
    insert = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    statement = insert(table).values({**key, **values})
    session.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values))


def sqlite_url(path: os.PathLike[str] | str) -> str:
    """The URL of a SQLite file."""
    return f"sqlite:///{os.fspath(path)}"
