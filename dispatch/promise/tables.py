"""What the clock last said of each order."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from ..foundation.db import Base, one_of
from ..foundation.types import ByValue, UtcDateTime
from .rules import ClockName, Level


class Watch(Base):
    """One row per order. Kept apart from the order so that the clock's ticking never makes a person's copy stale."""

    __tablename__ = "watches"
    __table_args__ = (one_of("level", Level), one_of("clock", ClockName))

    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    level: Mapped[Level] = mapped_column(ByValue(Level))
    act_by: Mapped[datetime | None] = mapped_column(UtcDateTime)
    late_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    projected_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    clock: Mapped[ClockName] = mapped_column(ByValue(ClockName))
    message: Mapped[str] = mapped_column(Text)
    assessed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    level_since: Mapped[datetime] = mapped_column(UtcDateTime)
