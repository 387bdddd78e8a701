"""Several calls for help in one text, and a second call for an order that is being bought: somebody to carry it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# Written out, because SQLite takes constraints with a new column only there, and a batch would copy a table that others
# point to.
LEAD = """
ALTER TABLE outbox ADD COLUMN lead_id INTEGER
CONSTRAINT fk_outbox_lead_id_outbox REFERENCES outbox (id)
CONSTRAINT ck_outbox_led_while_it_leaves
CHECK (lead_id IS NULL OR state IN ('sending', 'sent', 'delivered', 'undelivered', 'failed'))
"""


LIVE = sa.text("state IN ('open', 'accepted')")
# Of two live calls the older schema can only keep one: the buying, which has begun.
ONE_CALL = """
UPDATE escalations SET state = 'cancelled', closed_at = opened_at, next_step_at = NULL
WHERE need = 'deliver' AND state IN ('open', 'accepted') AND EXISTS (
    SELECT 1 FROM escalations AS other
    WHERE other.order_id = escalations.order_id AND other.id <> escalations.id AND other.state IN ('open', 'accepted')
)
"""


def upgrade() -> None:
    _one_live_call_for("order_id", "need")
    op.add_column("outbox", sa.Column("part", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("outbox", sa.Column("bundle", sa.Text(), nullable=True))
    op.execute(LEAD)
    op.create_index(
        "ix_outbox_lead_id",
        "outbox",
        ["lead_id"],
        unique=False,
        sqlite_where=sa.text("lead_id IS NOT NULL"),
        postgresql_where=sa.text("lead_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.execute(ONE_CALL)
    _one_live_call_for("order_id")
    op.drop_index(
        "ix_outbox_lead_id",
        "outbox",
        sqlite_where=sa.text("lead_id IS NOT NULL"),
        postgresql_where=sa.text("lead_id IS NOT NULL"),
    )
    # Not in a batch, for the same reason.
    op.drop_column("outbox", "lead_id")
    op.drop_column("outbox", "bundle")
    op.drop_column("outbox", "part")


def _one_live_call_for(*columns: str) -> None:
    name = "uq_escalations_live"
    op.drop_index(name, "escalations", sqlite_where=LIVE, postgresql_where=LIVE)
    op.create_index(name, "escalations", list(columns), unique=True, sqlite_where=LIVE, postgresql_where=LIVE)
