"""Others beside a taker who went quiet, pages asked again, and a rung for managers below the founder's."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("escalations", sa.Column("beside_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("pages", sa.Column("repeats", sa.Integer(), server_default="0", nullable=False))
    op.execute("UPDATE pages SET rung = 4 WHERE rung = 3")
    op.execute("UPDATE escalations SET rung = 4 WHERE rung = 3")


def downgrade() -> None:
    op.execute("UPDATE escalations SET rung = 3 WHERE rung = 4")
    op.execute("UPDATE pages SET rung = 3 WHERE rung = 4")
    op.drop_column("pages", "repeats")
    op.drop_column("escalations", "beside_at")
