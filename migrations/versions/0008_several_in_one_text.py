"""Several calls for help in one text: what each of them says there, and which row carries the others."""

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


def upgrade() -> None:
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
