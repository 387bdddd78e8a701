"""Which notice an order has earned, once each; and who was told early that a promise is in danger."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ..foundation.db import Base, one_of
from ..foundation.types import ByValue, UtcDateTime
from .heads_up_rules import Preference
from .rules import NoticeKind


class Notice(Base):
    """One notice to the customer of an order.

    `round` counts attempts to deliver, so that each has its own news; of a notice about an offer it is the offer's id.
    `outbox_id` is empty when nobody was texted, and `withheld` says why.
    """

    __tablename__ = "notices"
    __table_args__ = (one_of("kind", NoticeKind), UniqueConstraint("order_id", "kind", "round"))

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    kind: Mapped[NoticeKind] = mapped_column(ByValue(NoticeKind))
    round: Mapped[int] = mapped_column(default=1)
    outbox_id: Mapped[int | None] = mapped_column(ForeignKey("outbox.id"))
    withheld: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class HeadsUp(Base):
    """One per order, for ever: the key is the guard. `outbox_id` is empty when nobody was texted, `withheld` says why.

    `choices` as they were numbered; `proposed_at`: the later time among them.
    """

    __tablename__ = "heads_ups"
    __table_args__ = (
        one_of("answer", Preference),
        CheckConstraint("(answer IS NULL) = (answered_at IS NULL)", name="answered_at_known"),
        Index("ix_heads_ups_outbox_id", "outbox_id"),
    )

    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    promised_by: Mapped[datetime] = mapped_column(UtcDateTime)
    proposed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    choices: Mapped[list[Any]] = mapped_column(JSON, default=list)
    outbox_id: Mapped[int | None] = mapped_column(ForeignKey("outbox.id"))
    withheld: Mapped[str | None]
    answer: Mapped[Preference | None] = mapped_column(ByValue(Preference))
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
