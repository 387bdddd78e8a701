"""The plan of everybody's work, pins, quotes with what they hold, and how sure a promise was called."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pins",
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("task", sa.String(length=32), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("pinned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("pinned_by", sa.String(length=100), nullable=False),
        sa.CheckConstraint("task IN ('procure', 'deliver')", name=op.f("ck_pins_task_known")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_pins_order_id_orders")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_pins_staff_id_staff")),
        sa.PrimaryKeyConstraint("order_id", "task", name=op.f("pk_pins")),
    )
    op.create_table(
        "quotes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("branch_id", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.String(length=32), nullable=False),
        sa.Column("promised_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.String(length=100), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=True),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("verdict IN ('yes', 'yes_if', 'no')", name=op.f("ck_quotes_verdict_known")),
        sa.CheckConstraint("made_at <= expires_at", name=op.f("ck_quotes_not_backwards")),
        sa.ForeignKeyConstraint(["branch_id"], ["branches.id"], name=op.f("fk_quotes_branch_id_branches")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_quotes_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quotes")),
        sa.UniqueConstraint("code", name=op.f("uq_quotes_code")),
    )
    with op.batch_alter_table("quotes", schema=None) as batch_op:
        batch_op.create_index(
            "ix_quotes_held",
            ["expires_at"],
            unique=False,
            sqlite_where=sa.text("released_at IS NULL"),
            postgresql_where=sa.text("released_at IS NULL"),
        )

    op.create_table(
        "assignments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=True),
        sa.Column("quote_id", sa.Integer(), nullable=True),
        sa.Column("line_id", sa.Integer(), nullable=True),
        sa.Column("task", sa.String(length=32), nullable=False),
        sa.Column("stop", sa.String(length=220), nullable=False),
        sa.Column("supplier", sa.String(length=200), nullable=True),
        sa.Column("start_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_under_way", sa.Boolean(), nullable=False),
        sa.CheckConstraint("task IN ('procure', 'deliver')", name=op.f("ck_assignments_task_known")),
        sa.CheckConstraint("(order_id IS NULL) <> (quote_id IS NULL)", name=op.f("ck_assignments_for_one")),
        sa.CheckConstraint("start_by <= ends_at", name=op.f("ck_assignments_not_backwards")),
        sa.ForeignKeyConstraint(
            ["line_id"], ["lines.id"], name=op.f("fk_assignments_line_id_lines"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_assignments_order_id_orders")),
        sa.ForeignKeyConstraint(["quote_id"], ["quotes.id"], name=op.f("fk_assignments_quote_id_quotes")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_assignments_staff_id_staff")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignments")),
    )
    with op.batch_alter_table("assignments", schema=None) as batch_op:
        batch_op.create_index("ix_assignments_order_id", ["order_id"], unique=False)
        batch_op.create_index("ix_assignments_quote_id", ["quote_id"], unique=False)
        batch_op.create_index("ix_assignments_staff", ["staff_id", "ends_at"], unique=False)

    op.create_table(
        "holds",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("stock_id", sa.Integer(), nullable=False),
        sa.Column("quote_id", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_holds_quantity_sane")),
        sa.ForeignKeyConstraint(["quote_id"], ["quotes.id"], name=op.f("fk_holds_quote_id_quotes")),
        sa.ForeignKeyConstraint(["stock_id"], ["stock.id"], name=op.f("fk_holds_stock_id_stock")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holds")),
    )
    with op.batch_alter_table("holds", schema=None) as batch_op:
        batch_op.create_index("ix_holds_quote_id", ["quote_id"], unique=False)
        batch_op.create_index(
            "ix_holds_stock",
            ["stock_id"],
            unique=False,
            sqlite_where=sa.text("released_at IS NULL"),
            postgresql_where=sa.text("released_at IS NULL"),
        )

    op.add_column("promises", sa.Column("called", sa.Double(), nullable=True))


def downgrade() -> None:
    op.drop_column("promises", "called")

    with op.batch_alter_table("holds", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_holds_stock",
            sqlite_where=sa.text("released_at IS NULL"),
            postgresql_where=sa.text("released_at IS NULL"),
        )
        batch_op.drop_index("ix_holds_quote_id")

    op.drop_table("holds")
    with op.batch_alter_table("assignments", schema=None) as batch_op:
        batch_op.drop_index("ix_assignments_staff")
        batch_op.drop_index("ix_assignments_quote_id")
        batch_op.drop_index("ix_assignments_order_id")

    op.drop_table("assignments")
    with op.batch_alter_table("quotes", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_quotes_held",
            sqlite_where=sa.text("released_at IS NULL"),
            postgresql_where=sa.text("released_at IS NULL"),
        )

    op.drop_table("quotes")
    op.drop_table("pins")
