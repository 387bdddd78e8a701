"""Cases of broken promises, every step of each, and whom we ask how it was."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..foundation.db import Base, one_of, partial_index
from ..foundation.types import ByValue, UtcDateTime
from ..messaging.rules import Channel
from ..orders.tables import Order
from ..promise.rules import ClockName
from .rules import LIVE, Cause, Fault, Stage, Step

IS_LIVE = f"stage IN ({', '.join(repr(stage.value) for stage in LIVE)})"


class Recovery(Base):
    """One case: a promise that broke, or something a customer complained of. At most one that is live, per order.

    `clock`: which clock bound when it broke. `what`: the complaint, in words that the customer may read. `fix_by`:
    when the offered fix is to be there. `next_step_at`: when something happens by itself; the timetable of the round.
    """

    __tablename__ = "recoveries"
    __table_args__ = (
        one_of("cause", Cause),
        one_of("stage", Stage),
        one_of("fault", Fault),
        one_of("clock", ClockName),
        CheckConstraint(f"({IS_LIVE}) = (closed_at IS NULL)", name="closed_at_known"),
        CheckConstraint("(cause = 'complaint') = (what IS NOT NULL)", name="what_of_a_complaint"),
        partial_index("uq_recoveries_live", "order_id", unique=True, where="closed_at IS NULL"),
        partial_index("ix_recoveries_due", "next_step_at", where="next_step_at IS NOT NULL"),
        Index("ix_recoveries_order_id", "order_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    cause: Mapped[Cause] = mapped_column(ByValue(Cause))
    what: Mapped[str | None] = mapped_column(String(500))
    clock: Mapped[ClockName] = mapped_column(ByValue(ClockName))
    stage: Mapped[Stage] = mapped_column(ByValue(Stage))
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    opened_by: Mapped[str] = mapped_column(String(100))
    fault: Mapped[Fault | None] = mapped_column(ByValue(Fault))
    goodwill: Mapped[str | None] = mapped_column(String(500))
    fix_by: Mapped[datetime | None] = mapped_column(UtcDateTime)
    next_step_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(default=1)

    order: Mapped[Order] = relationship()
    steps: Mapped[list[RecoveryStep]] = relationship(order_by="RecoveryStep.id", back_populates="recovery")

    __mapper_args__ = {"version_id_col": version}


class RecoveryStep(Base):
    """One step of a case. Never taken back: the endings are computed from these rows alone.

    `staff_id`: who phoned, or did it. `by_at`: of an offered fix, when it is to be there. `outbox_id`: the text that
    went to the customer with it, and `lost_at` when we heard that it will not arrive.
    """

    __tablename__ = "recovery_steps"
    __table_args__ = (
        one_of("step", Step),
        one_of("channel", Channel),
        Index("ix_recovery_steps_recovery_id", "recovery_id", "id"),
        Index("ix_recovery_steps_outbox_id", "outbox_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    recovery_id: Mapped[int] = mapped_column(ForeignKey("recoveries.id"))
    step: Mapped[Step] = mapped_column(ByValue(Step))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(String(100))
    text: Mapped[str | None] = mapped_column(Text)
    channel: Mapped[Channel | None] = mapped_column(ByValue(Channel))
    staff_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    by_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    outbox_id: Mapped[int | None] = mapped_column(ForeignKey("outbox.id"))
    lost_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    recovery: Mapped[Recovery] = relationship(back_populates="steps")

    @property
    def is_lost_apology(self) -> bool:
        """An apology that never arrived was none."""
        return self.step is Step.EMPATHISE and self.lost_at is not None


class Survey(Base):
    """Whom we ask how it was: one per order, for ever. `due_at` is empty once it was asked, or given up."""

    __tablename__ = "surveys"
    __table_args__ = (partial_index("ix_surveys_due", "due_at", where="due_at IS NOT NULL"),)

    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    asked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    outbox_id: Mapped[int | None] = mapped_column(ForeignKey("outbox.id"))
    withheld: Mapped[str | None] = mapped_column(String(200))
    said: Mapped[str | None] = mapped_column(String(500))
    said_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
