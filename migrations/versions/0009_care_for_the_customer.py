"""Heads-ups, cases of broken promises with every step of each, and whom we ask how it was."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

CLOCKS = "'supplier_closing', 'procurement', 'packing', 'travel', 'shift_end', 'nobody_available', 'deadline'"
STAGES = "'opened', 'fixed_first', 'empathised', 'fix_offered', 'fixed', 'confirmed', 'unconfirmed', 'averted'"
LIVE = "stage IN ('opened', 'fixed_first', 'empathised', 'fix_offered', 'fixed')"


def upgrade() -> None:
    _heads_ups()
    _recoveries()
    _steps()
    _surveys()


def _heads_ups() -> None:
    op.create_table(
        "heads_ups",
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("promised_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("choices", sa.JSON(), nullable=False),
        sa.Column("outbox_id", sa.Integer(), nullable=True),
        sa.Column("withheld", sa.String(), nullable=True),
        sa.Column("answer", sa.String(length=32), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("answer IN ('wait', 'later', 'collect', 'cancel')", name=op.f("ck_heads_ups_answer_known")),
        sa.CheckConstraint("(answer IS NULL) = (answered_at IS NULL)", name=op.f("ck_heads_ups_answered_at_known")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_heads_ups_order_id_orders")),
        sa.ForeignKeyConstraint(["outbox_id"], ["outbox.id"], name=op.f("fk_heads_ups_outbox_id_outbox")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_heads_ups")),
    )
    op.create_index("ix_heads_ups_outbox_id", "heads_ups", ["outbox_id"])


def _recoveries() -> None:
    op.create_table(
        "recoveries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("cause", sa.String(length=32), nullable=False),
        sa.Column("what", sa.String(length=500), nullable=True),
        sa.Column("clock", sa.String(length=32), nullable=False),
        sa.Column("stage", sa.String(length=32), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_by", sa.String(length=100), nullable=False),
        sa.Column("fault", sa.String(length=32), nullable=True),
        sa.Column("goodwill", sa.String(length=500), nullable=True),
        sa.Column("fix_by", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_step_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("cause IN ('late', 'broken', 'complaint')", name=op.f("ck_recoveries_cause_known")),
        sa.CheckConstraint(f"stage IN ({STAGES})", name=op.f("ck_recoveries_stage_known")),
        sa.CheckConstraint(
            "fault IN ('ours', 'supplier', 'customer', 'nobody')", name=op.f("ck_recoveries_fault_known")
        ),
        sa.CheckConstraint(f"clock IN ({CLOCKS})", name=op.f("ck_recoveries_clock_known")),
        sa.CheckConstraint(f"({LIVE}) = (closed_at IS NULL)", name=op.f("ck_recoveries_closed_at_known")),
        sa.CheckConstraint(
            "(cause = 'complaint') = (what IS NOT NULL)", name=op.f("ck_recoveries_what_of_a_complaint")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_recoveries_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recoveries")),
    )
    op.create_index("ix_recoveries_order_id", "recoveries", ["order_id"])
    _partial("ix_recoveries_due", "recoveries", "next_step_at", where="next_step_at IS NOT NULL")
    _partial("uq_recoveries_live", "recoveries", "order_id", where="closed_at IS NULL", unique=True)


def _steps() -> None:
    op.create_table(
        "recovery_steps",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("recovery_id", sa.Integer(), nullable=False),
        sa.Column("step", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("channel", sa.String(length=32), nullable=True),
        sa.Column("staff_id", sa.Integer(), nullable=True),
        sa.Column("by_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outbox_id", sa.Integer(), nullable=True),
        sa.Column("lost_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "step IN ('empathise', 'offer_fix', 'fixed', 'confirm', 'reopen')",
            name=op.f("ck_recovery_steps_step_known"),
        ),
        sa.CheckConstraint("channel IN ('sms', 'call')", name=op.f("ck_recovery_steps_channel_known")),
        sa.ForeignKeyConstraint(["outbox_id"], ["outbox.id"], name=op.f("fk_recovery_steps_outbox_id_outbox")),
        sa.ForeignKeyConstraint(
            ["recovery_id"], ["recoveries.id"], name=op.f("fk_recovery_steps_recovery_id_recoveries")
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_recovery_steps_staff_id_staff")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_steps")),
    )
    op.create_index("ix_recovery_steps_recovery_id", "recovery_steps", ["recovery_id", "id"])
    op.create_index("ix_recovery_steps_outbox_id", "recovery_steps", ["outbox_id"])


def _surveys() -> None:
    op.create_table(
        "surveys",
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outbox_id", sa.Integer(), nullable=True),
        sa.Column("withheld", sa.String(length=200), nullable=True),
        sa.Column("said", sa.String(length=500), nullable=True),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_surveys_order_id_orders")),
        sa.ForeignKeyConstraint(["outbox_id"], ["outbox.id"], name=op.f("fk_surveys_outbox_id_outbox")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_surveys")),
    )
    _partial("ix_surveys_due", "surveys", "due_at", where="due_at IS NOT NULL")


def _partial(name: str, table: str, column: str, *, where: str, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(name, table, [column], unique=unique, sqlite_where=condition, postgresql_where=condition)


def downgrade() -> None:
    # The texts themselves stay in the outbox; the older rules just don't know what they were.
    for table in ("surveys", "recovery_steps", "recoveries", "heads_ups"):
        op.drop_table(table)
