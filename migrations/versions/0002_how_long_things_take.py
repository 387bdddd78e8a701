"""How long things took, and what was learned from it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "observations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("branch_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=True),
        sa.Column("line_id", sa.Integer(), nullable=True),
        sa.Column("supplier_id", sa.Integer(), nullable=True),
        sa.Column("distance_km", sa.Double(), nullable=True),
        sa.Column("is_given", sa.Boolean(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("minutes", sa.Double(), nullable=False),
        sa.Column("default_minutes", sa.Double(), nullable=False),
        sa.Column("likely_minutes", sa.Double(), nullable=False),
        sa.Column("cautious_minutes", sa.Double(), nullable=False),
        sa.CheckConstraint("cautious_minutes >= likely_minutes", name=op.f("ck_observations_cautious_is_more")),
        sa.CheckConstraint("default_minutes > 0", name=op.f("ck_observations_default_minutes_sane")),
        sa.CheckConstraint(
            "kind IN ('procure', 'pack', 'travel', 'handover')", name=op.f("ck_observations_kind_known")
        ),
        sa.CheckConstraint("minutes > 0", name=op.f("ck_observations_minutes_sane")),
        sa.CheckConstraint("source IN ('events', 'import')", name=op.f("ck_observations_source_known")),
        sa.ForeignKeyConstraint(["branch_id"], ["branches.id"], name=op.f("fk_observations_branch_id_branches")),
        sa.ForeignKeyConstraint(["line_id"], ["lines.id"], name=op.f("fk_observations_line_id_lines")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_observations_order_id_orders")),
        sa.ForeignKeyConstraint(["supplier_id"], ["suppliers.id"], name=op.f("fk_observations_supplier_id_suppliers")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_observations")),
        sa.UniqueConstraint("branch_id", "key", name=op.f("uq_observations_branch_id_key")),
    )
    with op.batch_alter_table("observations", schema=None) as batch_op:
        batch_op.create_index("ix_observations_recent", ["branch_id", "kind", "ended_at"], unique=False)

    op.create_table(
        "estimates",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("branch_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("supplier_id", sa.Integer(), nullable=True),
        sa.Column("distance_band", sa.Integer(), nullable=True),
        sa.Column("hour_band", sa.Integer(), nullable=True),
        sa.Column("is_given", sa.Boolean(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("likely_log", sa.Double(), nullable=False),
        sa.Column("cautious_log", sa.Double(), nullable=False),
        sa.Column("computed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("cautious_log >= likely_log", name=op.f("ck_estimates_cautious_is_more")),
        sa.CheckConstraint("kind IN ('procure', 'pack', 'travel', 'handover')", name=op.f("ck_estimates_kind_known")),
        sa.ForeignKeyConstraint(["branch_id"], ["branches.id"], name=op.f("fk_estimates_branch_id_branches")),
        sa.ForeignKeyConstraint(["supplier_id"], ["suppliers.id"], name=op.f("fk_estimates_supplier_id_suppliers")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_estimates")),
        sa.UniqueConstraint("branch_id", "key", name=op.f("uq_estimates_branch_id_key")),
    )
    op.create_table(
        "learnings",
        sa.Column("branch_id", sa.Integer(), nullable=False),
        sa.Column("learned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seen_event_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["branch_id"], ["branches.id"], name=op.f("fk_learnings_branch_id_branches")),
        sa.PrimaryKeyConstraint("branch_id", name=op.f("pk_learnings")),
    )
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.create_index(
            "ix_orders_delivered",
            ["branch_id", "delivered_at"],
            unique=False,
            sqlite_where=sa.text("delivered_at IS NOT NULL"),
            postgresql_where=sa.text("delivered_at IS NOT NULL"),
        )


def downgrade() -> None:
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_orders_delivered",
            sqlite_where=sa.text("delivered_at IS NOT NULL"),
            postgresql_where=sa.text("delivered_at IS NOT NULL"),
        )

    op.drop_table("learnings")
    op.drop_table("estimates")
    with op.batch_alter_table("observations", schema=None) as batch_op:
        batch_op.drop_index("ix_observations_recent")

    op.drop_table("observations")
