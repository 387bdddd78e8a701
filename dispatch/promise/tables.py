"""What the clock last said of each order; how long things took, and what was learned from it."""

from __future__ import annotations

import enum
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ..foundation.db import Base, one_of
from ..foundation.types import ByValue, UtcDateTime
from .estimates import Kind
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


class Source(enum.StrEnum):
    """Where we know from how long something took."""

    EVENTS = "events"
    IMPORT = "import"


class Observation(Base):
    """How long one step took, and what we would have said before we saw it. Rows are never changed.

    `key` names the event or the imported row: seen again, it is not counted again.
    """

    __tablename__ = "observations"
    __table_args__ = (
        one_of("kind", Kind),
        one_of("source", Source),
        CheckConstraint("minutes > 0", name="minutes_sane"),
        CheckConstraint("default_minutes > 0", name="default_minutes_sane"),
        CheckConstraint("cautious_minutes >= likely_minutes", name="cautious_is_more"),
        UniqueConstraint("branch_id", "key"),
        Index("ix_observations_recent", "branch_id", "kind", "ended_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    branch_id: Mapped[int] = mapped_column(ForeignKey("branches.id"))
    key: Mapped[str] = mapped_column(String(80))
    kind: Mapped[Kind] = mapped_column(ByValue(Kind))
    source: Mapped[Source] = mapped_column(ByValue(Source))
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id"))
    line_id: Mapped[int | None] = mapped_column(ForeignKey("lines.id"))
    supplier_id: Mapped[int | None] = mapped_column(ForeignKey("suppliers.id"))
    distance_km: Mapped[float | None]
    is_given: Mapped[bool] = mapped_column(default=False)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime] = mapped_column(UtcDateTime)
    minutes: Mapped[float]
    default_minutes: Mapped[float]
    likely_minutes: Mapped[float]
    cautious_minutes: Mapped[float]


class Estimate(Base):
    """What was learned of one group of steps: two logs of minutes taken / default minutes. Written anew each night."""

    __tablename__ = "estimates"
    __table_args__ = (
        one_of("kind", Kind),
        CheckConstraint("cautious_log >= likely_log", name="cautious_is_more"),
        UniqueConstraint("branch_id", "key"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    branch_id: Mapped[int] = mapped_column(ForeignKey("branches.id"))
    key: Mapped[str] = mapped_column(String(60))
    kind: Mapped[Kind] = mapped_column(ByValue(Kind))
    supplier_id: Mapped[int | None] = mapped_column(ForeignKey("suppliers.id"))
    distance_band: Mapped[int | None]
    hour_band: Mapped[int | None]
    is_given: Mapped[bool] = mapped_column(default=False)
    n: Mapped[int]
    likely_log: Mapped[float]
    cautious_log: Mapped[float]
    computed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Learning(Base):
    """When a branch last learned. Its row is the lock of those who do it at the same time."""

    __tablename__ = "learnings"

    branch_id: Mapped[int] = mapped_column(ForeignKey("branches.id"), primary_key=True)
    learned_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
