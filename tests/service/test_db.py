"""The opener of transactions on both databases: real commits, real threads, real breakdowns."""

from __future__ import annotations

import os
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import ForeignKey, event, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.orm.exc import StaleDataError

from dispatch.foundation import db as foundation_db
from dispatch.foundation.db import Database, at_end, once_more, sqlite_url, wake
from dispatch.foundation.errors import Conflict, Invalid, Unavailable
from dispatch.foundation.types import UtcDateTime
from dispatch.orders.tables import Branch
from tests.postgres import PostgresServer


class Base(DeclarativeBase):
    """Tables of this file alone: what is tested here is older than any room."""


class Counter(Base):
    __tablename__ = "counters"
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[int] = mapped_column(default=0)
    version: Mapped[int] = mapped_column()
    __mapper_args__ = {"version_id_col": version}


class Mark(Base):
    __tablename__ = "marks"
    id: Mapped[int] = mapped_column(primary_key=True)
    counter: Mapped[str | None] = mapped_column(ForeignKey("counters.name"))
    at: Mapped[datetime | None] = mapped_column(UtcDateTime)


@pytest.fixture
def db(empty_db: Database) -> Database:
    """An empty database of either kind with the two tables, and the counter "a" at 0."""
    with empty_db.transaction() as session:
        Base.metadata.create_all(session.connection())
        session.add(Counter(name="a", value=0))
    return empty_db


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy SQLite gives up after a tenth of a second."""
    monkeypatch.setattr(foundation_db, "BUSY_TIMEOUT_MS", 100)


@pytest.fixture
def postgres_file_db(postgres_server: PostgresServer) -> Iterator[Database]:
    """A PostgreSQL database whose server may be stopped."""
    db = Database(postgres_server.create("breakdown"))
    with db.transaction() as session:
        Base.metadata.create_all(session.connection())
        session.add(Counter(name="a", value=0))
    yield db
    db.dispose()


def value(db: Database) -> int:
    with db.snapshot() as session:
        return session.get_one(Counter, "a").value


def increment(db: Database) -> None:
    with db.transaction() as session:
        session.get_one(Counter, "a").value += 1


# --- commit and roll back --------------------------------------------------------------------------------------------


def test_a_transaction_commits(db: Database) -> None:
    increment(db)
    assert value(db) == 1


def test_objects_stay_readable_after_the_commit(db: Database) -> None:
    with db.transaction() as session:
        counter = session.get_one(Counter, "a")
        counter.value = 7
    assert (counter.name, counter.value) == ("a", 7)


def test_any_error_rolls_back_and_goes_on(db: Database) -> None:
    class Mishap(Exception):
        pass

    with pytest.raises(Mishap), db.transaction() as session:
        session.get_one(Counter, "a").value = 7
        session.flush()
        raise Mishap
    assert value(db) == 0
    increment(db)
    assert value(db) == 1


def test_the_second_of_a_unique_key_is_a_conflict(db: Database) -> None:
    with pytest.raises(Conflict, match="look again") as caught, db.transaction() as session:
        session.add(Counter(name="a", value=1))
    assert isinstance(caught.value.__cause__, IntegrityError)
    assert value(db) == 0


def test_a_key_to_nowhere_is_not_stored(db: Database) -> None:
    """SQLite does not care unless it is told to."""
    with pytest.raises((Conflict, IntegrityError)), db.transaction() as session:
        session.add(Mark(id=1, counter="no such counter"))
    with db.snapshot() as session:
        assert session.get(Mark, 1) is None


def test_a_snapshot_writes_nothing(db: Database) -> None:
    with db.snapshot() as session:
        session.get_one(Counter, "a").value = 7
        session.flush()
        assert session.get_one(Counter, "a").value == 7
    assert value(db) == 0


def test_a_snapshot_is_one_view(db: Database) -> None:
    with db.snapshot() as session:
        before = session.scalar(text("SELECT value FROM counters"))
        increment(db)
        assert session.scalar(text("SELECT value FROM counters")) == before
    assert value(db) == 1


def test_readers_do_not_wait_for_a_writer(db: Database, impatient: None) -> None:
    with db.transaction() as session:
        session.get_one(Counter, "a").value = 7
        session.flush()
        assert value(db) == 0
    assert value(db) == 7


def test_instants_come_back_in_utc(db: Database) -> None:
    there = datetime(2026, 11, 24, 14, 0, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    with db.transaction() as session:
        session.add(Mark(id=1, at=there))
    with db.snapshot() as session:
        found = session.get_one(Mark, 1).at
    assert found is not None
    assert (found, found.tzinfo) == (there, UTC)


# --- races -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [2, 8])
def test_a_hundred_increments_lose_none(db: Database, threads: int) -> None:
    """PostgreSQL tells the loser by the version column, SQLite lets one writer in at a time."""

    def until_it_counts(_: int) -> int:
        tries = 1
        while True:
            try:
                increment(db)
            except Conflict:
                tries += 1
            else:
                return tries

    with ThreadPoolExecutor(threads) as pool:
        tries = list(pool.map(until_it_counts, range(100)))
    assert value(db) == 100
    if db.is_sqlite:
        assert sum(tries) == 100


def test_a_stale_copy_cannot_be_written(db: Database) -> None:
    """The race of above, made to happen: both have read 0 before either writes."""
    if db.is_sqlite:
        # BEGIN IMMEDIATE: the second cannot even read while the first is about to write.
        begun, done = threading.Event(), threading.Event()

        def second() -> int:
            with db.transaction() as session:
                begun.set()
                found = session.get_one(Counter, "a").value
                assert done.is_set()
                return found

        with ThreadPoolExecutor(1) as pool:
            with db.transaction() as session:
                session.get_one(Counter, "a").value = 1
                late = pool.submit(second)
                assert begun.wait(5)
                done.set()
            assert late.result(10) == 1
        return
    with pytest.raises(Conflict, match="look again") as caught, db.transaction() as session:
        mine = session.get_one(Counter, "a")
        increment(db)
        mine.value += 1
    assert isinstance(caught.value.__cause__, StaleDataError)
    assert value(db) == 1


# --- at the end ------------------------------------------------------------------------------------------------------


def test_at_end_runs_in_order_once_per_key_before_the_commit(db: Database) -> None:
    ran: list[tuple[str, int]] = []
    with db.transaction() as session:
        at_end(session, "first", lambda session: ran.append(("first", session.get_one(Counter, "a").value)))
        at_end(session, "second", lambda session: ran.append(("second", 0)))
        at_end(session, "first", lambda session: ran.append(("never", 0)))
        session.get_one(Counter, "a").value = 7
        assert ran == []
    assert ran == [("first", 7), ("second", 0)]


def test_what_at_end_writes_is_committed(db: Database) -> None:
    with db.transaction() as session:
        at_end(session, "write", lambda session: session.add(Mark(id=1)))
    with db.snapshot() as session:
        assert session.get(Mark, 1) is not None


def test_at_end_does_not_outlive_a_rollback(db: Database) -> None:
    ran: list[str] = []
    with pytest.raises(ZeroDivisionError), db.transaction() as session:
        at_end(session, "work", lambda session: ran.append("work"))
        raise ZeroDivisionError
    increment(db)
    assert ran == []


def test_at_end_may_ask_for_more(db: Database) -> None:
    ran: list[str] = []
    with db.transaction() as session:
        at_end(session, "first", lambda session: at_end(session, "second", lambda session: ran.append("second")))
    assert ran == ["second"]


def test_an_error_at_the_end_rolls_back(db: Database) -> None:
    with pytest.raises(ZeroDivisionError), db.transaction() as session:
        session.get_one(Counter, "a").value = 7
        at_end(session, "work", lambda session: print(1 // 0))
    assert value(db) == 0


def test_wake_notifies_once_when_it_commits(db: Database) -> None:
    said: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda *arguments: said.append(arguments[2]))
    with db.transaction() as session:
        wake(session)
        wake(session)
        assert not [statement for statement in said if "NOTIFY" in statement]
    assert [statement for statement in said if "NOTIFY" in statement] == (
        [] if db.is_sqlite else ["NOTIFY dispatch_wake"]
    )


# --- pragmas and breakdowns ------------------------------------------------------------------------------------------


def test_sqlite_is_set_up(tmp_path: Path) -> None:
    db = Database(sqlite_url(tmp_path / "new" / "folder" / "dispatch.db"))
    with db.snapshot() as session:
        found = {
            name: session.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "foreign_keys", "busy_timeout", "synchronous")
        }
    db.dispose()
    assert found == {"journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 5000, "synchronous": 1}


def test_a_locked_sqlite_is_unavailable(tmp_path: Path, impatient: None) -> None:
    db = Database(sqlite_url(tmp_path / "locked.db"))
    with db.transaction() as session:
        Base.metadata.create_all(session.connection())
        session.add(Counter(name="a", value=0))
    with db.transaction() as session:
        session.get_one(Counter, "a").value = 1
        with pytest.raises(Unavailable, match="Try again in a moment"):
            increment(db)
    increment(db)
    assert value(db) == 2
    db.dispose()


def test_a_file_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(Unavailable), Database(sqlite_url(tmp_path / "folder.db")).snapshot():
        pass


@pytest.mark.postgresql
class TestPostgresqlGoesAway:
    def test_gone_is_unavailable_and_back_is_fine(
        self, postgres_server: PostgresServer, postgres_file_db: Database
    ) -> None:
        increment(postgres_file_db)
        postgres_server.stop()
        for _ in range(2):
            with pytest.raises(Unavailable, match="Try again in a moment"):
                increment(postgres_file_db)
            with pytest.raises(Unavailable, match="Try again in a moment"):
                value(postgres_file_db)
        postgres_server.start()
        increment(postgres_file_db)
        assert value(postgres_file_db) == 2

    def test_gone_in_the_middle_writes_nothing(
        self, postgres_server: PostgresServer, postgres_file_db: Database
    ) -> None:
        with pytest.raises(Unavailable), postgres_file_db.transaction() as session:
            session.get_one(Counter, "a").value = 7
            session.flush()
            postgres_server.stop()
            postgres_server.start()
        assert value(postgres_file_db) == 0

    def test_no_connection_left_is_unavailable(
        self, postgres_file_db: Database, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """And no failure of what asked for one, which is given up after some of those."""
        small = Database(f"{postgres_server.url('breakdown')}", pool_size=1)
        monkeypatch.setattr(small.engine.pool, "_max_overflow", 0)
        monkeypatch.setattr(small.engine.pool, "_timeout", 0.05)
        with small.engine.connect(), pytest.raises(Unavailable, match="Try again in a moment"):
            increment(small)
        increment(small)
        small.dispose()
        assert value(postgres_file_db) == 1

    def test_a_row_somebody_holds_is_unavailable(
        self, postgres_file_db: Database, postgres_server: PostgresServer
    ) -> None:
        hasty = Database(f"{postgres_server.url('breakdown')}")
        with postgres_file_db.transaction() as session:
            session.get_one(Counter, "a").value = 7
            session.flush()
            with pytest.raises(Unavailable), hasty.transaction() as other:
                other.execute(text("SET LOCAL lock_timeout = 100"))
                other.get_one(Counter, "a").value = 8
        hasty.dispose()
        assert value(postgres_file_db) == 7

    def test_a_machine_that_sleeps_in_a_transaction_gives_its_locks_back(self, postgres_file_db: Database) -> None:
        with postgres_file_db.snapshot() as session:
            assert session.scalar(text("SHOW idle_in_transaction_session_timeout")) == "1min"
        with pytest.raises(Unavailable), postgres_file_db.transaction() as session:
            session.execute(text("UPDATE counters SET value = 7"))
            # Last: a slow machine would be thrown out before it has the row.
            session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 1"))
            # It sleeps; others wait for the row until the server has thrown it out.
            increment(postgres_file_db)
            session.execute(text("UPDATE counters SET value = 8"))
        assert value(postgres_file_db) == 1


def test_a_text_that_does_not_fit_its_column_names_it(db: Database) -> None:
    for bad, why in (("x" * 201, "too long"), ("a\x00b", "can't be stored")):
        with pytest.raises(Invalid, match=why) as caught:
            Branch(name=bad)
        assert caught.value.errors[0].field == "name"
    assert Branch(name="x" * 200).name == "x" * 200


@pytest.mark.parametrize("number", [2**63, 10**20])
def test_what_a_database_can_not_take_is_the_callers_mistake(db: Database, number: int) -> None:
    with pytest.raises(Invalid, match="can't be stored"), db.transaction() as session:
        session.get(Mark, number)


def test_what_was_written_is_not_in_the_error(db: Database) -> None:
    where = " ".join(["14", "Hill", "Road"])
    with pytest.raises(Exception) as caught, db.transaction() as session:  # noqa: PT011 - each has its own
        session.execute(text("INSERT INTO nowhere VALUES (:secret)"), {"secret": where})
    told = "".join(traceback.format_exception(caught.value))
    assert "nowhere" in told
    assert where not in told


def test_a_new_sqlite_file_is_for_its_owner_only(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        db = Database(sqlite_url(tmp_path / "new" / "a.db"))
        with db.transaction() as session:
            session.execute(text("CREATE TABLE a (b INTEGER)"))
            modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "new").iterdir()}
        db.dispose()
    finally:
        os.umask(before)
    assert set(modes.values()) == {0o600}
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


@pytest.mark.postgresql
def test_of_two_that_wait_for_each_other_one_does_it_again(postgresql_db: Database) -> None:
    """A deadlock is a race like any other: whoever was let go decides again, in a fresh transaction."""
    with postgresql_db.transaction() as session:
        Base.metadata.create_all(session.connection())
        session.add_all([Counter(name="a", value=0), Counter(name="b", value=0)])
    both_hold = threading.Barrier(2)
    tries: list[str] = []

    def cross(first: str, second: str) -> None:
        def work(session: Session) -> None:
            tries.append(first)
            for name in (first, second):
                session.execute(update(Counter).where(Counter.name == name).values(value=Counter.value + 1))
                if name == first and len(tries) <= 2:
                    both_hold.wait(10)

        once_more(postgresql_db, work)

    try:
        with ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(cross, "a", "b"), pool.submit(cross, "b", "a")]:
                done.result(20)
        with postgresql_db.snapshot() as session:
            assert session.scalars(select(Counter.value)).all() == [2, 2]
    finally:
        with postgresql_db.transaction() as session:
            Base.metadata.drop_all(session.connection())
    # Whoever tries again may meet the other a second time.
    assert len(tries) >= 3
