"""Which notice an order has earned, once each."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ..foundation.db import Base, one_of
from ..foundation.types import ByValue, UtcDateTime
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
