"""What is offered instead of a line that can't be had, and what the customer is told of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BEFORE = "kind IN ('confirmed', 'on_its_way', 'delivered')"
AFTER = "kind IN ('confirmed', 'on_its_way', 'delivered', 'offer', 'substituted', 'offer_withdrawn')"


def upgrade() -> None:
    op.add_column("lines", sa.Column("instead_of", sa.String(length=300), nullable=True))
    op.create_table(
        "offers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("line_id", sa.Integer(), nullable=True),
        sa.Column("item_id", sa.Integer(), nullable=True),
        sa.Column("sku", sa.String(length=100), nullable=True),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("choices", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("agreed", sa.String(length=32), nullable=True),
        sa.Column("chosen_sku", sa.String(length=100), nullable=True),
        sa.Column("reply_by", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("agreed IN ('listed', 'asked', 'phone')", name=op.f("ck_offers_agreed_known")),
        sa.CheckConstraint("(state = 'chosen') = (chosen_sku IS NOT NULL)", name=op.f("ck_offers_chosen_known")),
        sa.CheckConstraint("(state = 'open') = (closed_at IS NULL)", name=op.f("ck_offers_closed_at_known")),
        sa.CheckConstraint(
            "state IN ('open', 'chosen', 'declined', 'expired', 'withdrawn')", name=op.f("ck_offers_state_known")
        ),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_offers_item_id_items")),
        sa.ForeignKeyConstraint(["line_id"], ["lines.id"], name=op.f("fk_offers_line_id_lines"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_offers_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offers")),
    )
    with op.batch_alter_table("offers", schema=None) as batch_op:
        batch_op.create_index("ix_offers_line_id", ["line_id"], unique=False)
        batch_op.create_index("ix_offers_order_id", ["order_id"], unique=False)
        batch_op.create_index(
            "uq_offers_open",
            ["line_id"],
            unique=True,
            sqlite_where=sa.text("state = 'open'"),
            postgresql_where=sa.text("state = 'open'"),
        )
    _allow(before=BEFORE, after=AFTER)


def downgrade() -> None:
    # The texts themselves stay in the outbox; the older rules just don't know what they were.
    op.execute("DELETE FROM notices WHERE kind IN ('offer', 'substituted', 'offer_withdrawn')")
    _allow(before=AFTER, after=BEFORE)
    with op.batch_alter_table("offers", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_offers_open",
            sqlite_where=sa.text("state = 'open'"),
            postgresql_where=sa.text("state = 'open'"),
        )
        batch_op.drop_index("ix_offers_order_id")
        batch_op.drop_index("ix_offers_line_id")

    op.drop_table("offers")
    # Not in a batch: that would copy the table, which others point to.
    op.drop_column("lines", "instead_of")


def _allow(*, before: str, after: str) -> None:
    """Other kinds of notices. SQLite can only do it by a copy of the table, which nothing points to."""
    notices = sa.Table(
        "notices",
        sa.MetaData(),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("outbox_id", sa.Integer(), nullable=True),
        sa.Column("withheld", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(before, name=op.f("ck_notices_kind_known")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_notices_order_id_orders")),
        sa.ForeignKeyConstraint(["outbox_id"], ["outbox.id"], name=op.f("fk_notices_outbox_id_outbox")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
        sa.UniqueConstraint("order_id", "kind", "round", name=op.f("uq_notices_order_id_kind_round")),
    )
    with op.batch_alter_table("notices", copy_from=notices) as batch_op:
        batch_op.drop_constraint(op.f("ck_notices_kind_known"), type_="check")
        batch_op.create_check_constraint(op.f("ck_notices_kind_known"), after)
