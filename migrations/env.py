"""Runs migrations on the connection that `dispatch.foundation.migrate` hands over."""

from __future__ import annotations

from alembic import context

connection = context.config.attributes["connection"]
target = context.config.attributes.get("target_metadata")

if connection.dialect.name == "postgresql":
    # A migration that waits long for a lock holds up everybody behind it: rather fail and be run again.
    connection.exec_driver_sql("SET lock_timeout = '5s'")
    connection.commit()

context.configure(connection=connection, target_metadata=target, render_as_batch=True, transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
