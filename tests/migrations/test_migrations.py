"""The schema: up, down and up again with rows in every table; what the code says; and by several machines at once."""

from __future__ import annotations

import importlib
import pkgutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    Numeric,
    String,
    Table,
    Text,
    event,
    func,
    inspect,
    select,
    text,
)

import dispatch
from dispatch.foundation.db import Base, Database, sqlite_url
from dispatch.foundation.migrate import current, downgrade, head, upgrade
from tests.postgres import PostgresServer
from tests.world import at_once

NOW = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)
SEEDED = {"branches", "sender"}


def every_table() -> list[Table]:
    """All tables of all rooms, those that others point to first."""
    for module in pkgutil.walk_packages(dispatch.__path__, "dispatch."):
        if module.name.endswith(".tables"):
            importlib.import_module(module.name)
    return list(Base.metadata.sorted_tables)


def one_of(table: Table, column: Column[Any]) -> str | None:
    """A value that the table's CHECK on this column allows."""
    for constraint in table.constraints:
        rule = str(constraint.sqltext) if isinstance(constraint, CheckConstraint) else ""
        if rule.startswith(f"{column.name} IN ("):
            return rule.split("'")[1]
    return None


def value_of(table: Table, column: Column[Any]) -> Any:
    """Something that the column takes; rows point to row 1 of other tables."""
    if column.foreign_keys:
        return 1
    listed = one_of(table, column)
    if listed is not None:
        return listed
    kind = column.type
    implementation = getattr(kind, "impl_instance", kind)
    for types, value in (
        ((JSON,), {}),
        ((Boolean,), False),
        ((DateTime,), NOW),
        ((Date,), date(2026, 11, 24)),
        ((Integer, Numeric, Float), 1),
        ((LargeBinary,), b"x"),
        ((String, Text), "x"),
    ):
        if isinstance(implementation, types):
            return value
    raise AssertionError(f"no value for {table.name}.{column.name}: {kind!r}")


# Where a CHECK ties columns together.
TIED: dict[str, dict[str, Any]] = {
    "assignments": {"order_id": 1},
    "extra_shifts": {"ends_at": NOW + timedelta(hours=1)},
    "orders": {"status": "ready"},
    "outbox": {"state": "queued"},
}


def fill(db: Database) -> dict[str, int]:
    """A row in every table; how many rows each has."""
    with db.transaction() as session:
        if session.get_bind().dialect.name == "sqlite":
            session.execute(text("PRAGMA defer_foreign_keys=ON"))
        for table in every_table():
            if session.scalar(select(func.count()).select_from(table)):
                continue
            row = {
                column.name: value_of(table, column)
                for column in table.columns
                if not column.nullable or (column.primary_key and not column.foreign_keys)
            }
            session.execute(table.insert().values(row | TIED.get(table.name, {})))
    return counts(db)


def counts(db: Database) -> dict[str, int]:
    with db.snapshot() as session:
        return {t.name: session.scalar(select(func.count()).select_from(t)) or 0 for t in every_table()}


def names(db: Database) -> set[str]:
    with db.engine.connect() as connection:
        return set(inspect(connection).get_table_names()) - {"alembic_version"}


def test_up_down_and_up_with_rows_in_every_table(empty_db: Database) -> None:
    upgrade(empty_db)
    assert current(empty_db) == head()
    filled = fill(empty_db)
    assert set(filled) == names(empty_db)
    assert min(filled.values()) == 1
    downgrade(empty_db, "base")
    assert names(empty_db) == set()
    assert current(empty_db) is None
    upgrade(empty_db)
    assert names(empty_db) == set(filled)
    assert {name for name, count in counts(empty_db).items() if count} == SEEDED


def test_every_step_down_and_up_again(empty_db: Database) -> None:
    upgrade(empty_db)
    fill(empty_db)
    steps = 0
    while (before := current(empty_db)) is not None:
        tables = names(empty_db)
        downgrade(empty_db, "-1")
        upgrade(empty_db, "+1")
        assert (current(empty_db), names(empty_db)) == (before, tables)
        downgrade(empty_db, "-1")
        steps += 1
    assert steps >= 1


def test_upgrading_twice_changes_nothing(empty_db: Database) -> None:
    upgrade(empty_db)
    filled = fill(empty_db)
    upgrade(empty_db)
    assert counts(empty_db) == filled


MACHINE = "import sys; from dispatch.foundation import db, migrate; migrate.upgrade(db.Database(sys.argv[1]))"


def test_two_machines_upgrade_at_once(empty_url: str) -> None:
    machines = [subprocess.Popen([sys.executable, "-c", MACHINE, empty_url]) for _ in range(2)]
    assert [machine.wait(60) for machine in machines] == [0, 0]
    db = Database(empty_url)
    assert current(db) == head()
    assert counts(db)["branches"] == 1
    db.dispose()


def test_nobody_slips_in_between_two_migrations_of_sqlite(tmp_path: Path) -> None:
    """Whoever sees half an upgrade does the other half too, and one of both fails."""
    path = tmp_path / "dispatch.db"
    db = Database(sqlite_url(path))
    tables: list[int] = []

    def look(_: object) -> None:
        with closing(sqlite3.connect(path)) as other:
            tables.append(other.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])

    event.listen(db.engine, "commit", look)
    upgrade(db)
    assert set(tables) == {0}
    assert current(db) == head()
    db.dispose()


@pytest.mark.postgresql
def test_two_threads_upgrade_at_once(postgres_server: PostgresServer, worker: str) -> None:
    """Alembic keeps its context in the process: only PostgreSQL's lock keeps two threads apart."""
    url = postgres_server.create(f"threads_{worker}")
    threads = [Database(url) for _ in range(2)]
    at_once([lambda db=db: upgrade(db) for db in threads])
    assert {current(db) for db in threads} == {head()}
    assert counts(threads[0])["branches"] == 1
    for db in threads:
        db.dispose()


def test_the_schema_is_what_the_code_says(empty_db: Database) -> None:
    upgrade(empty_db)
    every_table()
    with empty_db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def checks(db: Database) -> set[tuple[str, str | None]]:
    with db.engine.connect() as connection:
        inspector = inspect(connection)
        return {(t, check["name"]) for t in names(db) for check in inspector.get_check_constraints(t)}


def test_every_check_is_in_the_schema(empty_db: Database) -> None:
    """Alembic does not compare CHECKs, so we do, by name."""
    upgrade(empty_db)
    said = {
        (table.name, str(constraint.name))
        for table in every_table()
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint) and constraint.name
    }
    assert checks(empty_db) == said


def test_every_value_of_every_enum_is_taken_by_its_check(empty_db: Database) -> None:
    """A new member that no migration has heard of is refused by the database, and only there."""
    upgrade(empty_db)
    with empty_db.engine.connect() as connection:
        inspector = inspect(connection)
        for table in every_table():
            written = {c["name"]: c["sqltext"] for c in inspector.get_check_constraints(table.name)}
            for column in table.columns:
                kind = getattr(column.type, "kind", None)
                if kind is None:
                    continue
                rule = written[f"ck_{table.name}_{column.name}_known"]
                assert all(f"'{member.value}'" in rule for member in kind), f"{table.name}.{column.name}: {rule}"


def test_a_column_that_the_code_does_not_know_is_seen(empty_db: Database) -> None:
    """The comparison can fail."""
    upgrade(empty_db)
    with empty_db.transaction() as session:
        session.execute(text("ALTER TABLE heartbeats ADD COLUMN stray INTEGER"))
    with empty_db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert [change[0] for change in compare_metadata(context, Base.metadata)] == ["remove_column"]
