"""What suppliers answer, and until when they keep a line."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("lines", sa.Column("kept_until", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "supplier_answers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("line_id", sa.Integer(), nullable=True),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=True),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("kind", sa.String(length=100), nullable=True),
        sa.Column("supplier_id", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("kept_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.String(length=500), nullable=True),
        sa.Column("is_open_by_hours", sa.Boolean(), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('has_it', 'no', 'closed', 'no_answer', 'bought')",
            name=op.f("ck_supplier_answers_outcome_known"),
        ),
        sa.ForeignKeyConstraint(["by_id"], ["staff.id"], name=op.f("fk_supplier_answers_by_id_staff")),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_supplier_answers_item_id_items")),
        sa.ForeignKeyConstraint(
            ["line_id"], ["lines.id"], name=op.f("fk_supplier_answers_line_id_lines"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_supplier_answers_order_id_orders")),
        sa.ForeignKeyConstraint(
            ["supplier_id"], ["suppliers.id"], name=op.f("fk_supplier_answers_supplier_id_suppliers")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supplier_answers")),
    )
    with op.batch_alter_table("supplier_answers", schema=None) as batch_op:
        batch_op.create_index("ix_supplier_answers_line_id", ["line_id"], unique=False)
        batch_op.create_index("ix_supplier_answers_order_id", ["order_id"], unique=False)
        batch_op.create_index(
            "ix_supplier_answers_standing",
            ["supplier_id", "at"],
            unique=False,
            sqlite_where=sa.text("superseded_at IS NULL"),
            postgresql_where=sa.text("superseded_at IS NULL"),
        )


def downgrade() -> None:
    with op.batch_alter_table("supplier_answers", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_supplier_answers_standing",
            sqlite_where=sa.text("superseded_at IS NULL"),
            postgresql_where=sa.text("superseded_at IS NULL"),
        )
        batch_op.drop_index("ix_supplier_answers_order_id")
        batch_op.drop_index("ix_supplier_answers_line_id")

    op.drop_table("supplier_answers")
    # Not in a batch: that would copy the table, which others point to.
    op.drop_column("lines", "kept_until")
