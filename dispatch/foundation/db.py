"""The database: the base of all tables, names of constraints, pragmas, and the only opener of transactions."""

from __future__ import annotations

import enum
import os
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import CheckConstraint, Engine, Index, MetaData, String, create_engine, event, make_url, text
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, QueryableAttribute, Session, sessionmaker
from sqlalchemy.orm.exc import StaleDataError

from .errors import Busy, Conflict, Invalid, Unavailable
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
NEWS = "dispatch_news"
NOTIFY, NEWS_SO_FAR = text(f"NOTIFY {WAKE_CHANNEL}"), text("PRAGMA user_version")
# What PostgreSQL calls them: two that wait for each other, of whom one was let go; a row that somebody else keeps.
DEADLOCKS = {"40P01", "40001"}
LOCK_TIMEOUT = "55P03"
TRIES = 5
SAME_MOMENT = "Somebody did something to it at the same moment: look again, then repeat."

T = TypeVar("T")


class Base(DeclarativeBase):
    """The base of all tables."""

    metadata = MetaData(naming_convention=NAMES)


@event.listens_for(Base, "attribute_instrument", propagate=True)
def _measure(_: type[Base], name: str, attribute: QueryableAttribute[Any]) -> None:
    """Refuse a text that doesn't fit its column, before it is written: SQLite would keep it, PostgreSQL fail late."""
    columns = getattr(attribute.property, "columns", [])
    most = columns[0].type.length if columns and isinstance(columns[0].type, String) else None

    def fits(_: object, value: object, *__: object) -> None:
        if isinstance(value, str) and "\x00" in value:
            raise Invalid(name, "holds characters that can't be stored: leave them out")
        if most is not None and isinstance(value, str) and len(value) > most:
            raise Invalid(name, f"is too long: at most {most} characters")

    if columns and isinstance(columns[0].type, String):
        event.listen(attribute, "set", fits)


def one_of(column: str, kind: type[enum.StrEnum]) -> CheckConstraint:
    """The CHECK that keeps a column to the values of an enum."""
    listed = ", ".join(f"'{value}'" for value in values_of(kind))
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """An index over only those rows for which `where` is true; both databases know how."""
    condition = text(where)
    return Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


# What the server is told of each connection. A machine that is paused in the middle of a transaction, or that has lost
# its power, gives its locks back within a minute: others wait for them.
PROMISES = (
    "timezone=UTC",
    "lock_timeout=5000",
    "idle_in_transaction_session_timeout=60000",
    "tcp_keepalives_idle=30",
    "tcp_keepalives_interval=10",
    "tcp_keepalives_count=3",
)


class Database:
    """One database, opened once per process and after any fork. `with db.transaction() as session:` is the way in."""

    def __init__(self, url: str, *, pool_size: int = 20) -> None:
        self.url: URL = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine: Engine = self._open_sqlite() if self.is_sqlite else self._open_postgresql(pool_size)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)
        self._listeners: list[Callable[[], None]] = []

    def on_news(self, listener: Callable[[], None]) -> None:
        """Call it after each transaction of this process that said `wake`, in the thread that committed."""
        self._listeners.append(listener)

    def _open_sqlite(self) -> Engine:
        if self.url.database and self.url.database != ":memory:":
            _make_private(Path(self.url.database))
        engine = create_engine(
            self.url,
            # What failed to be written is somebody's name and address, and errors end up in logs.
            hide_parameters=True,
            connect_args={"isolation_level": None, "timeout": BUSY_TIMEOUT_MS / 1000},
        )

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
            hide_parameters=True,
            pool_pre_ping=True,
            pool_size=pool_size,
            max_overflow=10,
            pool_timeout=5,
            connect_args={"connect_timeout": 5, "options": " ".join(f"-c {each}" for each in PROMISES)},
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
            has_news = session.info.pop(NEWS, False)
        for listener in self._listeners if has_news else ():
            listener()

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
        except (IntegrityError, StaleDataError) as error:
            if isinstance(error, IntegrityError) and not _is_unique_or_foreign(error):
                raise
            # Two at the same moment, and the unique key or the version column let one of them pass.
            raise Conflict(SAME_MOMENT) from error
        except (DataError, OverflowError) as error:
            raise Invalid("input", "holds something that can't be stored: too long, too large or unreadable") from error
        except DBAPIError as error:
            raise (_as_ours(error) or error) from error
        except PoolTimeout as error:
            # Every connection is in use, which passes: no reason to give a text or an order up.
            raise Unavailable("Too much at once. Try again in a moment.") from error

    def dispose(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def _make_private(path: Path) -> None:
    """The file before SQLite makes it, for our own eyes only; its journals get the same mode. What is there stays."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600, exist_ok=True)


def _sqlstate(error: DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None)


def _as_ours(error: DBAPIError) -> Exception | None:
    """What the database's refusal means to a caller; None when it is our own mistake."""
    if _sqlstate(error) in DEADLOCKS:
        return Conflict(SAME_MOMENT)
    if _sqlstate(error) == LOCK_TIMEOUT:
        return Busy("Somebody else is working on the same thing. Try again in a moment.")
    if isinstance(error, OperationalError):
        return Unavailable("The database is busy or can't be reached. Try again in a moment.")
    if error.connection_invalidated:
        return Unavailable("The connection to the database broke. Try again in a moment.")
    return None


def _is_unique_or_foreign(error: IntegrityError) -> bool:
    """A unique or foreign key that was fine when we looked; a broken CHECK or NOT NULL is our own mistake."""
    code = _sqlstate(error)
    return code in {"23505", "23503"} if code else any(word in str(error.orig) for word in ("UNIQUE", "FOREIGN KEY"))


def is_a_race(error: Conflict) -> bool:
    """Whether the database said it, of two who wrote at the same moment, and not one of our rules."""
    return isinstance(error.__cause__, DBAPIError | StaleDataError)


def once_more(db: Database, work: Callable[[Session], T]) -> T:
    """Do `work` in a transaction; when it lost a race, again in a fresh one, which sees what the winner did.

    For work that reads everything it decides by. A caller's own stale copy is refused by the services (StaleVersion)
    and not tried again. Raises whatever the last try raised.
    """
    for _ in range(TRIES - 1):
        try:
            with db.transaction() as session:
                return work(session)
        except Conflict as error:
            if not is_a_race(error):
                raise
    with db.transaction() as session:
        return work(session)


def at_end(session: Session, key: Hashable, work: Callable[[Session], None]) -> None:
    """Do `work` once per key, last thing before the commit.

    For writes that touch rows of other orders: taken last and in a fixed order they can't deadlock
    with a transaction that holds its own order and waits for ours.
    """
    session.info.setdefault(AT_END, {}).setdefault(key, work)


def wake(session: Session) -> None:
    """Tell the workers, when this commits, that something is due. Losing it costs one safety tick."""
    session.info[NEWS] = True

    def notify(session: Session) -> None:
        if session.get_bind().dialect.name == "postgresql":
            session.execute(NOTIFY)
        else:
            # A number in the file's head, which is nobody else's: whoever waits for news sees which commits bring some.
            (news,) = session.execute(NEWS_SO_FAR).one()
            session.execute(text(f"PRAGMA user_version = {(news + 1) % 2**31}"))

    at_end(session, WAKE_CHANNEL, notify)


def insert_or_update(session: Session, table: type[Base], key: dict[str, Any], values: dict[str, Any]) -> None:
    """Write a row by its unique key, whether it is there or not, in one statement: two at once can't both insert."""
    insert = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    statement = insert(table).values({**key, **values})
    session.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values))


def sqlite_url(path: os.PathLike[str] | str) -> str:
    """The URL of a SQLite file."""
    return f"sqlite:///{os.fspath(path)}"
