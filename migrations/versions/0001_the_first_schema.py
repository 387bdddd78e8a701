"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("role IN ('reader', 'ops', 'admin')", name=op.f("ck_api_tokens_role_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("name", name=op.f("uq_api_tokens_name")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_api_tokens_secret_hash")),
    )
    op.create_table(
        "branches",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("opening_hours", sa.String(length=500), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=True),
        sa.Column("address", sa.String(length=500), nullable=True),
        sa.Column("lat", sa.Double(), nullable=True),
        sa.Column("lon", sa.Double(), nullable=True),
        sa.Column("policy", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_branches")),
        sa.UniqueConstraint("code", name=op.f("uq_branches_code")),
    )
    op.create_table(
        "consents",
        sa.Column("phone", sa.String(length=20), nullable=False),
        sa.Column("opted_out_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opted_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("phone", name=op.f("pk_consents")),
    )
    op.create_table(
        "heartbeats",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_heartbeats")),
    )
    op.create_table(
        "items",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sku", sa.String(length=100), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_items")),
        sa.UniqueConstraint("sku", name=op.f("uq_items_sku")),
    )
    op.create_table(
        "suppliers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("phone", sa.String(length=20), nullable=True),
        sa.Column("opening_hours", sa.String(length=500), nullable=False),
        sa.Column("travel_minutes", sa.Integer(), nullable=True),
        sa.Column("procure_minutes", sa.Integer(), nullable=True),
        sa.Column("lat", sa.Double(), nullable=True),
        sa.Column("lon", sa.Double(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppliers")),
        sa.UniqueConstraint("code", name=op.f("uq_suppliers_code")),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("role IN ('reader', 'ops', 'admin')", name=op.f("ck_users_role_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("headers", sa.Text(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["token_id"], ["api_tokens.id"], name=op.f("fk_idempotency_keys_token_id_api_tokens")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_idempotency_keys")),
        sa.UniqueConstraint("token_id", "key", name=op.f("uq_idempotency_keys_token_id_key")),
    )
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.create_index("ix_idempotency_keys_created_at", ["created_at"], unique=False)

    op.create_table(
        "item_substitutes",
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("substitute_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_item_substitutes_item_id_items")),
        sa.ForeignKeyConstraint(["substitute_id"], ["items.id"], name=op.f("fk_item_substitutes_substitute_id_items")),
        sa.PrimaryKeyConstraint("item_id", "substitute_id", name=op.f("pk_item_substitutes")),
    )
    op.create_table(
        "item_suppliers",
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("supplier_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_item_suppliers_item_id_items")),
        sa.ForeignKeyConstraint(
            ["supplier_id"], ["suppliers.id"], name=op.f("fk_item_suppliers_supplier_id_suppliers")
        ),
        sa.PrimaryKeyConstraint("item_id", "supplier_id", name=op.f("pk_item_suppliers")),
    )
    op.create_table(
        "one_time_links",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_one_time_links_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_one_time_links")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_one_time_links_secret_hash")),
    )
    op.create_table(
        "staff",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("branch_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("phone", sa.String(length=20), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("shifts", sa.String(length=500), nullable=True),
        sa.Column("on_call", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("next_code", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "role IN ('rider', 'buyer', 'staff', 'manager', 'founder')", name=op.f("ck_staff_role_known")
        ),
        sa.ForeignKeyConstraint(["branch_id"], ["branches.id"], name=op.f("fk_staff_branch_id_branches")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff")),
        sa.UniqueConstraint("phone", name=op.f("uq_staff_phone")),
    )
    op.create_table(
        "stock",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("branch_id", sa.Integer(), nullable=False),
        sa.Column("on_hand", sa.Integer(), nullable=False),
        sa.CheckConstraint("on_hand >= 0", name=op.f("ck_stock_on_hand_sane")),
        sa.ForeignKeyConstraint(["branch_id"], ["branches.id"], name=op.f("fk_stock_branch_id_branches")),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_stock_item_id_items")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock")),
        sa.UniqueConstraint("item_id", "branch_id", name=op.f("uq_stock_item_id_branch_id")),
    )
    op.create_table(
        "user_sessions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_user_sessions_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_sessions")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_user_sessions_secret_hash")),
    )
    op.create_table(
        "extra_shifts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_extra_shifts_not_empty")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_extra_shifts_staff_id_staff")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_extra_shifts")),
        sa.UniqueConstraint(
            "staff_id", "starts_at", "ends_at", name=op.f("uq_extra_shifts_staff_id_starts_at_ends_at")
        ),
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ref", sa.String(length=6), nullable=False),
        sa.Column("external_id", sa.String(length=100), nullable=True),
        sa.Column("branch_id", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("customer_name", sa.String(length=200), nullable=False),
        sa.Column("customer_phone", sa.String(length=20), nullable=False),
        sa.Column("customer_language", sa.String(length=10), nullable=False),
        sa.Column("address", sa.String(length=500), nullable=False),
        sa.Column("lat", sa.Double(), nullable=True),
        sa.Column("lon", sa.Double(), nullable=True),
        sa.Column("travel_minutes", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("first_promised_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column("promised_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column("proof", sa.String(length=32), nullable=False),
        sa.Column("pin", sa.String(length=8), nullable=True),
        sa.Column("carrier_id", sa.Integer(), nullable=True),
        sa.Column("taker_id", sa.Integer(), nullable=True),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("packed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("handed_over_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(status = 'delivered') = (delivered_at IS NOT NULL)", name=op.f("ck_orders_delivered_at_known")
        ),
        sa.CheckConstraint(
            "(status IN ('delivered', 'cancelled')) = (closed_at IS NOT NULL)", name=op.f("ck_orders_closed_at_known")
        ),
        sa.CheckConstraint("proof IN ('none', 'pin', 'name', 'photo')", name=op.f("ck_orders_proof_known")),
        sa.CheckConstraint(
            "status IN ('procuring', 'packing', 'ready', 'out_for_delivery', 'delivered', 'cancelled')",
            name=op.f("ck_orders_status_known"),
        ),
        sa.CheckConstraint("travel_minutes IS NULL OR travel_minutes >= 0", name=op.f("ck_orders_travel_minutes_sane")),
        sa.ForeignKeyConstraint(["branch_id"], ["branches.id"], name=op.f("fk_orders_branch_id_branches")),
        sa.ForeignKeyConstraint(["carrier_id"], ["staff.id"], name=op.f("fk_orders_carrier_id_staff")),
        sa.ForeignKeyConstraint(["taker_id"], ["staff.id"], name=op.f("fk_orders_taker_id_staff")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.UniqueConstraint("external_id", name=op.f("uq_orders_external_id")),
        sa.UniqueConstraint("ref", name=op.f("uq_orders_ref")),
    )
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.create_index("ix_orders_customer_phone", ["customer_phone"], unique=False)
        batch_op.create_index(
            "ix_orders_open",
            ["branch_id", "promised_by"],
            unique=False,
            sqlite_where=sa.text("status NOT IN ('delivered', 'cancelled')"),
            postgresql_where=sa.text("status NOT IN ('delivered', 'cancelled')"),
        )

    op.create_table(
        "pauses",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("starts_at <= until", name=op.f("ck_pauses_not_backwards")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_pauses_staff_id_staff")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pauses")),
    )
    with op.batch_alter_table("pauses", schema=None) as batch_op:
        batch_op.create_index(
            "uq_pauses_open",
            ["staff_id"],
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    op.create_table(
        "escalations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("need", sa.String(length=32), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("cause", sa.String(length=40), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rung", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("rung_asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_step_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted_by_id", sa.Integer(), nullable=True),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("check_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "(state <> 'accepted') OR (accepted_by_id IS NOT NULL)", name=op.f("ck_escalations_accepted_by_known")
        ),
        sa.CheckConstraint(
            "need IN ('procure', 'deliver', 'procure_and_deliver')", name=op.f("ck_escalations_need_known")
        ),
        sa.CheckConstraint(
            "state IN ('open', 'accepted', 'resolved', 'cancelled', 'unanswered')",
            name=op.f("ck_escalations_state_known"),
        ),
        sa.ForeignKeyConstraint(["accepted_by_id"], ["staff.id"], name=op.f("fk_escalations_accepted_by_id_staff")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_escalations_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_escalations")),
    )
    with op.batch_alter_table("escalations", schema=None) as batch_op:
        batch_op.create_index("ix_escalations_order_id", ["order_id"], unique=False)
        batch_op.create_index(
            "uq_escalations_live",
            ["order_id"],
            unique=True,
            sqlite_where=sa.text("state IN ('open', 'accepted')"),
            postgresql_where=sa.text("state IN ('open', 'accepted')"),
        )

    op.create_table(
        "inbound_texts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("provider_sid", sa.String(length=40), nullable=False),
        sa.Column("from_phone", sa.String(length=40), nullable=False),
        sa.Column("to_phone", sa.String(length=40), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("opt_out_type", sa.String(length=10), nullable=True),
        sa.Column("order_id", sa.Integer(), nullable=True),
        sa.Column("staff_id", sa.Integer(), nullable=True),
        sa.Column("understood_as", sa.String(length=40), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_inbound_texts_order_id_orders")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_inbound_texts_staff_id_staff")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbound_texts")),
        sa.UniqueConstraint("provider_sid", name=op.f("uq_inbound_texts_provider_sid")),
    )
    with op.batch_alter_table("inbound_texts", schema=None) as batch_op:
        batch_op.create_index("ix_inbound_texts_from_phone", ["from_phone", "received_at"], unique=False)
        batch_op.create_index("ix_inbound_texts_received_at", ["received_at", "id"], unique=False)
        batch_op.create_index(
            "ix_inbound_texts_unhandled",
            ["id"],
            unique=False,
            sqlite_where=sa.text("handled_at IS NULL"),
            postgresql_where=sa.text("handled_at IS NULL"),
        )

    op.create_table(
        "lines",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=True),
        sa.Column("sku", sa.String(length=100), nullable=True),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("substitution", sa.String(length=32), nullable=False),
        sa.Column("sourcing", sa.String(length=32), nullable=False),
        sa.Column("sourcing_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("supplier_id", sa.Integer(), nullable=True),
        sa.Column("buyer_id", sa.Integer(), nullable=True),
        sa.Column("ready_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.String(length=500), nullable=True),
        sa.CheckConstraint(
            "sourcing IN ('in_stock', 'to_procure', 'searching', 'reserved', 'bought', 'unavailable', 'substituted')",
            name=op.f("ck_lines_sourcing_known"),
        ),
        sa.CheckConstraint("substitution IN ('never', 'ask', 'listed')", name=op.f("ck_lines_substitution_known")),
        sa.CheckConstraint("quantity BETWEEN 1 AND 10000", name=op.f("ck_lines_quantity_sane")),
        sa.ForeignKeyConstraint(["buyer_id"], ["staff.id"], name=op.f("fk_lines_buyer_id_staff")),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_lines_item_id_items")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_lines_order_id_orders")),
        sa.ForeignKeyConstraint(["supplier_id"], ["suppliers.id"], name=op.f("fk_lines_supplier_id_suppliers")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lines")),
    )
    with op.batch_alter_table("lines", schema=None) as batch_op:
        batch_op.create_index(
            "ix_lines_missing",
            ["item_id"],
            unique=False,
            sqlite_where=sa.text("sourcing IN ('to_procure', 'searching', 'reserved', 'unavailable')"),
            postgresql_where=sa.text("sourcing IN ('to_procure', 'searching', 'reserved', 'unavailable')"),
        )
        batch_op.create_index("ix_lines_order_id", ["order_id"], unique=False)

    op.create_table(
        "order_events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("relayed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_events_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_events")),
    )
    with op.batch_alter_table("order_events", schema=None) as batch_op:
        batch_op.create_index("ix_order_events_order_id", ["order_id", "id"], unique=False)
        batch_op.create_index(
            "ix_order_events_unrelayed",
            ["id"],
            unique=False,
            sqlite_where=sa.text("relayed_at IS NULL"),
            postgresql_where=sa.text("relayed_at IS NULL"),
        )

    op.create_table(
        "promises",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("promised_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.String(length=100), nullable=False),
        sa.Column("why", sa.String(length=500), nullable=True),
        sa.Column("is_agreed", sa.Boolean(), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_promises_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promises")),
        sa.UniqueConstraint("order_id", "number", name=op.f("uq_promises_order_id_number")),
    )
    op.create_table(
        "timetable",
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("next_check_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_timetable_order_id_orders")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_timetable")),
    )
    with op.batch_alter_table("timetable", schema=None) as batch_op:
        batch_op.create_index(
            "ix_timetable_due",
            ["next_check_at"],
            unique=False,
            sqlite_where=sa.text("next_check_at IS NOT NULL"),
            postgresql_where=sa.text("next_check_at IS NOT NULL"),
        )

    op.create_table(
        "watches",
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("level", sa.String(length=32), nullable=False),
        sa.Column("act_by", sa.DateTime(timezone=True), nullable=True),
        sa.Column("late_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("projected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("clock", sa.String(length=32), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("assessed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("level_since", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "clock IN ('supplier_closing', 'procurement', 'packing', 'travel', 'shift_end', 'nobody_available', 'deadline')",
            name=op.f("ck_watches_clock_known"),
        ),
        sa.CheckConstraint("level IN ('on_track', 'watch', 'at_risk', 'late')", name=op.f("ck_watches_level_known")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_watches_order_id_orders")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_watches")),
    )
    op.create_table(
        "pages",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("escalation_id", sa.Integer(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("rung", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("code", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answer", sa.String(length=32), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.String(length=500), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "answer IN ('accepted', 'declined', 'handed_back', 'lost', 'unreachable')",
            name=op.f("ck_pages_answer_known"),
        ),
        sa.CheckConstraint("channel IN ('sms', 'call')", name=op.f("ck_pages_channel_known")),
        sa.ForeignKeyConstraint(["escalation_id"], ["escalations.id"], name=op.f("fk_pages_escalation_id_escalations")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_pages_staff_id_staff")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pages")),
        sa.UniqueConstraint(
            "escalation_id", "round", "staff_id", "channel", name=op.f("uq_pages_escalation_id_round_staff_id_channel")
        ),
        sa.UniqueConstraint("staff_id", "code", name=op.f("uq_pages_staff_id_code")),
    )
    with op.batch_alter_table("pages", schema=None) as batch_op:
        batch_op.create_index(
            "ix_pages_unanswered",
            ["staff_id"],
            unique=False,
            sqlite_where=sa.text("answer IS NULL"),
            postgresql_where=sa.text("answer IS NULL"),
        )

    op.create_table(
        "reservations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("stock_id", sa.Integer(), nullable=False),
        sa.Column("line_id", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("reserved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_reservations_quantity_sane")),
        sa.ForeignKeyConstraint(["line_id"], ["lines.id"], name=op.f("fk_reservations_line_id_lines")),
        sa.ForeignKeyConstraint(["stock_id"], ["stock.id"], name=op.f("fk_reservations_stock_id_stock")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reservations")),
    )
    with op.batch_alter_table("reservations", schema=None) as batch_op:
        batch_op.create_index(
            "ix_reservations_stock",
            ["stock_id"],
            unique=False,
            sqlite_where=sa.text("released_at IS NULL AND taken_at IS NULL"),
            postgresql_where=sa.text("released_at IS NULL AND taken_at IS NULL"),
        )
        batch_op.create_index(
            "uq_reservations_line",
            ["line_id"],
            unique=True,
            sqlite_where=sa.text("released_at IS NULL"),
            postgresql_where=sa.text("released_at IS NULL"),
        )

    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("to_phone", sa.String(length=20), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=True),
        sa.Column("staff_id", sa.Integer(), nullable=True),
        sa.Column("page_id", sa.Integer(), nullable=True),
        sa.Column("after_id", sa.Integer(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("useful_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.String(length=32), nullable=True),
        sa.Column("provider_sid", sa.String(length=40), nullable=True),
        sa.Column("provider_status", sa.String(length=20), nullable=True),
        sa.Column("error_code", sa.Integer(), nullable=True),
        sa.Column("error", sa.String(length=300), nullable=True),
        sa.Column("hold", sa.String(length=32), nullable=True),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("look_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(state = 'held') = (hold IS NOT NULL)", name=op.f("ck_outbox_held_for_a_reason")),
        sa.CheckConstraint("channel IN ('sms', 'call')", name=op.f("ck_outbox_channel_known")),
        sa.CheckConstraint("hold IN ('configuration', 'opted_out', 'unsure')", name=op.f("ck_outbox_hold_known")),
        sa.CheckConstraint(
            "kind IN ('page', 'reply', 'stand_down', 'reminder', 'alarm', 'notice', 'test')",
            name=op.f("ck_outbox_kind_known"),
        ),
        sa.CheckConstraint("state <> 'sending' OR lease_until IS NOT NULL", name=op.f("ck_outbox_sending_is_leased")),
        sa.CheckConstraint(
            "state IN ('queued', 'sending', 'sent', 'delivered', 'undelivered', 'failed', 'held', 'expired')",
            name=op.f("ck_outbox_state_known"),
        ),
        sa.ForeignKeyConstraint(["after_id"], ["outbox.id"], name=op.f("fk_outbox_after_id_outbox")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_outbox_order_id_orders")),
        sa.ForeignKeyConstraint(["page_id"], ["pages.id"], name=op.f("fk_outbox_page_id_pages")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_outbox_staff_id_staff")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("key", name=op.f("uq_outbox_key")),
        sa.UniqueConstraint("provider_sid", name=op.f("uq_outbox_provider_sid")),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index("ix_outbox_created_at", ["created_at", "id"], unique=False)
        batch_op.create_index(
            "ix_outbox_due",
            ["due_at", "priority"],
            unique=False,
            sqlite_where=sa.text("state = 'queued'"),
            postgresql_where=sa.text("state = 'queued'"),
        )
        batch_op.create_index(
            "ix_outbox_held",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("state = 'held'"),
            postgresql_where=sa.text("state = 'held'"),
        )
        batch_op.create_index(
            "ix_outbox_leased",
            ["lease_until"],
            unique=False,
            sqlite_where=sa.text("state = 'sending'"),
            postgresql_where=sa.text("state = 'sending'"),
        )
        batch_op.create_index(
            "ix_outbox_looked",
            ["look_at"],
            unique=False,
            sqlite_where=sa.text("look_at IS NOT NULL"),
            postgresql_where=sa.text("look_at IS NOT NULL"),
        )
        batch_op.create_index("ix_outbox_order_id", ["order_id"], unique=False)
        batch_op.create_index("ix_outbox_page_id", ["page_id"], unique=False)
        batch_op.create_index("ix_outbox_to_phone", ["to_phone", "created_at"], unique=False)

    op.create_table(
        "notices",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("outbox_id", sa.Integer(), nullable=True),
        sa.Column("withheld", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('confirmed', 'on_its_way', 'delivered')", name=op.f("ck_notices_kind_known")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_notices_order_id_orders")),
        sa.ForeignKeyConstraint(["outbox_id"], ["outbox.id"], name=op.f("fk_notices_outbox_id_outbox")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
        sa.UniqueConstraint("order_id", "kind", "round", name=op.f("uq_notices_order_id_kind_round")),
    )
    op.create_table(
        "receipts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("provider_sid", sa.String(length=40), nullable=False),
        sa.Column("outbox_id", sa.Integer(), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("error_code", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["outbox_id"], ["outbox.id"], name=op.f("fk_receipts_outbox_id_outbox")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipts")),
        sa.UniqueConstraint("provider_sid", "status", name=op.f("uq_receipts_provider_sid_status")),
    )
    with op.batch_alter_table("receipts", schema=None) as batch_op:
        batch_op.create_index("ix_receipts_outbox_id", ["outbox_id"], unique=False)

    # The branch that every shop starts with; its facts are asked for at set-up.
    branches = sa.table(
        "branches",
        *(sa.column(name) for name in ("code", "name", "timezone", "opening_hours", "version")),
        sa.column("policy", sa.JSON),
    )
    op.bulk_insert(
        branches,
        [{"code": "main", "name": "Our shop", "timezone": "UTC", "opening_hours": "24/7", "policy": {}, "version": 1}],
    )


def downgrade() -> None:
    with op.batch_alter_table("receipts", schema=None) as batch_op:
        batch_op.drop_index("ix_receipts_outbox_id")

    op.drop_table("receipts")
    op.drop_table("notices")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index("ix_outbox_to_phone")
        batch_op.drop_index("ix_outbox_page_id")
        batch_op.drop_index("ix_outbox_order_id")
        batch_op.drop_index(
            "ix_outbox_looked",
            sqlite_where=sa.text("look_at IS NOT NULL"),
            postgresql_where=sa.text("look_at IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_outbox_leased", sqlite_where=sa.text("state = 'sending'"), postgresql_where=sa.text("state = 'sending'")
        )
        batch_op.drop_index(
            "ix_outbox_held", sqlite_where=sa.text("state = 'held'"), postgresql_where=sa.text("state = 'held'")
        )
        batch_op.drop_index(
            "ix_outbox_due", sqlite_where=sa.text("state = 'queued'"), postgresql_where=sa.text("state = 'queued'")
        )
        batch_op.drop_index("ix_outbox_created_at")

    op.drop_table("outbox")
    with op.batch_alter_table("reservations", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_reservations_line",
            sqlite_where=sa.text("released_at IS NULL"),
            postgresql_where=sa.text("released_at IS NULL"),
        )
        batch_op.drop_index(
            "ix_reservations_stock",
            sqlite_where=sa.text("released_at IS NULL AND taken_at IS NULL"),
            postgresql_where=sa.text("released_at IS NULL AND taken_at IS NULL"),
        )

    op.drop_table("reservations")
    with op.batch_alter_table("pages", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_pages_unanswered", sqlite_where=sa.text("answer IS NULL"), postgresql_where=sa.text("answer IS NULL")
        )

    op.drop_table("pages")
    op.drop_table("watches")
    with op.batch_alter_table("timetable", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_timetable_due",
            sqlite_where=sa.text("next_check_at IS NOT NULL"),
            postgresql_where=sa.text("next_check_at IS NOT NULL"),
        )

    op.drop_table("timetable")
    op.drop_table("promises")
    with op.batch_alter_table("order_events", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_order_events_unrelayed",
            sqlite_where=sa.text("relayed_at IS NULL"),
            postgresql_where=sa.text("relayed_at IS NULL"),
        )
        batch_op.drop_index("ix_order_events_order_id")

    op.drop_table("order_events")
    with op.batch_alter_table("lines", schema=None) as batch_op:
        batch_op.drop_index("ix_lines_order_id")
        batch_op.drop_index(
            "ix_lines_missing",
            sqlite_where=sa.text("sourcing IN ('to_procure', 'searching', 'reserved', 'unavailable')"),
            postgresql_where=sa.text("sourcing IN ('to_procure', 'searching', 'reserved', 'unavailable')"),
        )

    op.drop_table("lines")
    with op.batch_alter_table("inbound_texts", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_inbound_texts_unhandled",
            sqlite_where=sa.text("handled_at IS NULL"),
            postgresql_where=sa.text("handled_at IS NULL"),
        )
        batch_op.drop_index("ix_inbound_texts_received_at")
        batch_op.drop_index("ix_inbound_texts_from_phone")

    op.drop_table("inbound_texts")
    with op.batch_alter_table("escalations", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_escalations_live",
            sqlite_where=sa.text("state IN ('open', 'accepted')"),
            postgresql_where=sa.text("state IN ('open', 'accepted')"),
        )
        batch_op.drop_index("ix_escalations_order_id")

    op.drop_table("escalations")
    with op.batch_alter_table("pauses", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_pauses_open", sqlite_where=sa.text("ended_at IS NULL"), postgresql_where=sa.text("ended_at IS NULL")
        )

    op.drop_table("pauses")
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_orders_open",
            sqlite_where=sa.text("status NOT IN ('delivered', 'cancelled')"),
            postgresql_where=sa.text("status NOT IN ('delivered', 'cancelled')"),
        )
        batch_op.drop_index("ix_orders_customer_phone")

    op.drop_table("orders")
    op.drop_table("extra_shifts")
    op.drop_table("user_sessions")
    op.drop_table("stock")
    op.drop_table("staff")
    op.drop_table("one_time_links")
    op.drop_table("item_suppliers")
    op.drop_table("item_substitutes")
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.drop_index("ix_idempotency_keys_created_at")

    op.drop_table("idempotency_keys")
    op.drop_table("users")
    op.drop_table("suppliers")
    op.drop_table("items")
    op.drop_table("heartbeats")
    op.drop_table("consents")
    op.drop_table("branches")
    op.drop_table("api_tokens")
