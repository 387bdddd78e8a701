"""Escalations and their pages."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..foundation.db import Base, one_of, partial_index
from ..foundation.types import ByValue, UtcDateTime
from ..messaging.rules import Channel
from ..staff.tables import Staff
from .rules import Answer, EscalationState, Need


class Escalation(Base):
    """The open call for help about one order; at most one that is open or accepted, per order.

    But for one that somebody has taken to buy what is missing: when nobody is left to carry it, a second one asks for
    that alone.

    `beside_at`: since when others are asked beside whoever took it, because they went quiet.
    """

    __tablename__ = "escalations"
    __table_args__ = (
        one_of("state", EscalationState),
        one_of("need", Need),
        CheckConstraint("(state <> 'accepted') OR (accepted_by_id IS NOT NULL)", name="accepted_by_known"),
        partial_index("uq_escalations_live", "order_id", "need", unique=True, where="state IN ('open', 'accepted')"),
        Index("ix_escalations_order_id", "order_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    state: Mapped[EscalationState] = mapped_column(ByValue(EscalationState), default=EscalationState.OPEN)
    need: Mapped[Need] = mapped_column(ByValue(Need))
    why: Mapped[str] = mapped_column(Text)
    cause: Mapped[str] = mapped_column(String(40))
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    rung: Mapped[int] = mapped_column(default=0)
    round: Mapped[int] = mapped_column(default=1)
    rung_asked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    next_step_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    accepted_by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    accepted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    check_in_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reminded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    beside_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(default=1)

    pages: Mapped[list[Page]] = relationship(order_by="Page.id", back_populates="escalation")
    accepted_by: Mapped[Staff | None] = relationship()

    __mapper_args__ = {"version_id_col": version}


class Page(Base):
    """One person asked, and `repeats` times again. `code` is the person's for ever: no old reply takes a new job."""

    __tablename__ = "pages"
    __table_args__ = (
        one_of("channel", Channel),
        one_of("answer", Answer),
        UniqueConstraint("staff_id", "code"),
        UniqueConstraint("escalation_id", "round", "staff_id", "channel"),
        partial_index("ix_pages_unanswered", "staff_id", where="answer IS NULL"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    escalation_id: Mapped[int] = mapped_column(ForeignKey("escalations.id"))
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    rung: Mapped[int]
    round: Mapped[int] = mapped_column(default=1)
    code: Mapped[int]
    channel: Mapped[Channel] = mapped_column(ByValue(Channel), default=Channel.SMS)
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    repeats: Mapped[int] = mapped_column(default=0, server_default="0")
    answer: Mapped[Answer | None] = mapped_column(ByValue(Answer))
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    note: Mapped[str | None] = mapped_column(String(500))
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    escalation: Mapped[Escalation] = relationship(back_populates="pages")
    staff: Mapped[Staff] = relationship()
