"""Promises found by their day, and which branches tell their founder each morning how yesterday went."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "morning_texts",
        sa.Column("branch_id", sa.Integer(), nullable=False),
        sa.Column("wanted_by", sa.String(length=100), nullable=False),
        sa.Column("wanted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["branch_id"], ["branches.id"], name=op.f("fk_morning_texts_branch_id_branches")),
        sa.PrimaryKeyConstraint("branch_id", name=op.f("pk_morning_texts")),
    )
    # Not in a batch: that would copy a table that others point to.
    op.create_index("ix_orders_first_promised_by", "orders", ["branch_id", "first_promised_by"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_orders_first_promised_by", "orders")
    op.drop_table("morning_texts")
