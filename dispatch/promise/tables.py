"""What the clock last said of each order; how long things took, and what was learned from it."""

from __future__ import annotations

import enum
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ..foundation.db import Base, one_of, partial_index
from ..foundation.types import ByValue, UtcDateTime
from .estimates import Kind
from .rules import ClockName, Level, Task, Verdict


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
    """When a branch last learned, and up to which event. Its row is the lock of those who do it at the same time."""

    __tablename__ = "learnings"

    branch_id: Mapped[int] = mapped_column(ForeignKey("branches.id"), primary_key=True)
    learned_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    seen_event_id: Mapped[int] = mapped_column(default=0)


class Assignment(Base):
    """The plan: who leaves the shop for an order, or for a quote that is being held, by when and until when.

    `ends_at` is when they are free again. `stop`: where the trip leads. `is_under_way`: they have left.
    """

    __tablename__ = "assignments"
    __table_args__ = (
        one_of("task", Task),
        CheckConstraint("(order_id IS NULL) <> (quote_id IS NULL)", name="for_one"),
        CheckConstraint("start_by <= ends_at", name="not_backwards"),
        Index("ix_assignments_staff", "staff_id", "ends_at"),
        Index("ix_assignments_order_id", "order_id"),
        Index("ix_assignments_quote_id", "quote_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id"))
    quote_id: Mapped[int | None] = mapped_column(ForeignKey("quotes.id"))
    line_id: Mapped[int | None] = mapped_column(ForeignKey("lines.id", ondelete="CASCADE"))
    task: Mapped[Task] = mapped_column(ByValue(Task))
    stop: Mapped[str] = mapped_column(String(220))
    supplier: Mapped[str | None] = mapped_column(String(200))
    start_by: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
    is_under_way: Mapped[bool]


class Pin(Base):
    """An operator says who does a task of an order."""

    __tablename__ = "pins"
    __table_args__ = (one_of("task", Task),)

    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    task: Mapped[Task] = mapped_column(ByValue(Task), primary_key=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    pinned_at: Mapped[datetime] = mapped_column(UtcDateTime)
    pinned_by: Mapped[str] = mapped_column(String(100))


class Quote(Base):
    """What was answered to "can you?", and until when the goods and the people it counts on are held for it.

    `code` is its public name. It ends when it becomes an order, or at `expires_at`; `released_at` is then set.
    """

    __tablename__ = "quotes"
    __table_args__ = (
        one_of("verdict", Verdict),
        CheckConstraint("made_at <= expires_at", name="not_backwards"),
        partial_index("ix_quotes_held", "expires_at", where="released_at IS NULL"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    branch_id: Mapped[int] = mapped_column(ForeignKey("branches.id"))
    verdict: Mapped[Verdict] = mapped_column(ByValue(Verdict))
    promised_by: Mapped[datetime] = mapped_column(UtcDateTime)
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    made_by: Mapped[str] = mapped_column(String(100))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id"))
    released_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
