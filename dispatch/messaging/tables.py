"""The outbox, the provider's receipts, inbound texts, and who asked not to be texted."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ..foundation.db import Base, one_of, partial_index
from ..foundation.types import ByValue, UtcDateTime
from .phrase_rules import Language
from .rules import Channel, Hold, Kind, TextState


class OutgoingText(Base):
    """One text (or call) to one person: the row is the queue.

    `key` is unique: the same purpose never makes a second row. `lease_token` fences off a sender whose lease ran out.
    A row waits for `after_id` to be settled, so that a stand-down can't overtake its page. `hold` says why a row is
    held. `failing_since` is the first failed attempt of a row that still wants to go out. `look_at` is when to ask
    the provider what became of it, `looks` how often that was done.

    Several pages of one person leave as one text: its lead is sent, with the words in `bundle`, and the others, whose
    `lead_id` names it while they leave and ever after, share what becomes of it. `part` is what a page says there.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        one_of("kind", Kind),
        one_of("channel", Channel),
        one_of("state", TextState),
        one_of("hold", Hold),
        CheckConstraint("state <> 'sending' OR lease_until IS NOT NULL", name="sending_is_leased"),
        CheckConstraint("(state = 'held') = (hold IS NOT NULL)", name="held_for_a_reason"),
        CheckConstraint(
            "lead_id IS NULL OR state IN ('sending', 'sent', 'delivered', 'undelivered', 'failed')",
            name="led_while_it_leaves",
        ),
        partial_index("ix_outbox_due", "due_at", "priority", where="state = 'queued'"),
        partial_index("ix_outbox_leased", "lease_until", where="state = 'sending'"),
        partial_index("ix_outbox_held", "due_at", where="state = 'held'"),
        partial_index("ix_outbox_looked", "look_at", where="look_at IS NOT NULL"),
        Index("ix_outbox_created_at", "created_at", "id"),
        Index("ix_outbox_order_id", "order_id"),
        Index("ix_outbox_to_phone", "to_phone", "created_at"),
        Index("ix_outbox_page_id", "page_id"),
        partial_index("ix_outbox_lead_id", "lead_id", where="lead_id IS NOT NULL"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(120), unique=True)
    kind: Mapped[Kind] = mapped_column(ByValue(Kind))
    channel: Mapped[Channel] = mapped_column(ByValue(Channel), default=Channel.SMS)
    state: Mapped[TextState] = mapped_column(ByValue(TextState), default=TextState.QUEUED)
    to_phone: Mapped[str] = mapped_column(String(20))
    body: Mapped[str] = mapped_column(Text)
    part: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    bundle: Mapped[str | None] = mapped_column(Text)
    lead_id: Mapped[int | None] = mapped_column(ForeignKey("outbox.id"))
    priority: Mapped[int] = mapped_column(default=5)
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id"))
    staff_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    page_id: Mapped[int | None] = mapped_column(ForeignKey("pages.id"))
    after_id: Mapped[int | None] = mapped_column(ForeignKey("outbox.id"))
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    useful_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lease_token: Mapped[str | None] = mapped_column(String(32))
    provider_sid: Mapped[str | None] = mapped_column(String(40), unique=True)
    provider_status: Mapped[str | None] = mapped_column(String(20))
    error_code: Mapped[int | None]
    error: Mapped[str | None] = mapped_column(String(300))
    hold: Mapped[Hold | None] = mapped_column(ByValue(Hold))
    failing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    looks: Mapped[int] = mapped_column(default=0)
    look_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Sender(Base):
    """How our number is doing with the provider: one row, so that all workers agree.

    `free_at`: the pace, see `sender_rules.Pace`. The rest is the circuit: while `opened_at` is set nothing is sent but
    one text at each `probe_at`. `used`: segments of the `month`, like "2026-11" in UTC, while there is a budget.
    """

    __tablename__ = "sender"
    __table_args__ = (
        CheckConstraint("id = 1", name="only_one"),
        CheckConstraint("(opened_at IS NULL) = (probe_at IS NULL)", name="open_with_a_probe"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    free_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    failures: Mapped[int] = mapped_column(server_default="0")
    failed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    opened_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    probes: Mapped[int] = mapped_column(server_default="0")
    probe_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    month: Mapped[str | None] = mapped_column(String(7))
    used: Mapped[int] = mapped_column(server_default="0")


class Receipt(Base):
    """What the provider said of one text, each status once."""

    __tablename__ = "receipts"
    __table_args__ = (
        UniqueConstraint("provider_sid", "status"),
        Index("ix_receipts_outbox_id", "outbox_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    provider_sid: Mapped[str] = mapped_column(String(40))
    outbox_id: Mapped[int | None] = mapped_column(ForeignKey("outbox.id"))
    status: Mapped[str] = mapped_column(String(20))
    error_code: Mapped[int | None]
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class InboundText(Base):
    """A text somebody sent us, once per provider id. `handled_at` is empty until its effect is committed."""

    __tablename__ = "inbound_texts"
    __table_args__ = (
        partial_index("ix_inbound_texts_unhandled", "id", where="handled_at IS NULL"),
        Index("ix_inbound_texts_received_at", "received_at", "id"),
        Index("ix_inbound_texts_from_phone", "from_phone", "received_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    provider_sid: Mapped[str] = mapped_column(String(40), unique=True)
    from_phone: Mapped[str] = mapped_column(String(40))
    to_phone: Mapped[str] = mapped_column(String(40))
    body: Mapped[str] = mapped_column(Text)
    opt_out_type: Mapped[str | None] = mapped_column(String(10))
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id"))
    staff_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    understood_as: Mapped[str | None] = mapped_column(String(40))
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    handled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(default=0)


class Consent(Base):
    """A number that sent STOP, or that the provider told us is blocked; START undoes it.

    It is opted out exactly while `opted_out_at` is set. `details` says why, the last time.
    """

    __tablename__ = "consents"

    phone: Mapped[str] = mapped_column(String(20), primary_key=True)
    opted_out_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    opted_in_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class OwnWords(Base):
    """A shop's own words for one kind of text to its customers, in one language."""

    __tablename__ = "own_words"
    __table_args__ = (one_of("language", Language),)

    branch_id: Mapped[int] = mapped_column(ForeignKey("branches.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(40), primary_key=True)
    language: Mapped[Language] = mapped_column(ByValue(Language), primary_key=True)
    text: Mapped[str] = mapped_column(String(500))
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
