"""Staff, their extra shifts and their pauses. The weekly roster is opening-hours text on the person."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..foundation.db import Base, one_of, partial_index
from ..foundation.types import ByValue, UtcDateTime
from ..orders.tables import Branch
from .rules import Role


class Staff(Base):
    """One member of staff. `next_code` numbers the pages sent to this person; a number is never used again."""

    __tablename__ = "staff"
    __table_args__ = (one_of("role", Role),)

    id: Mapped[int] = mapped_column(primary_key=True)
    branch_id: Mapped[int] = mapped_column(ForeignKey("branches.id"))
    name: Mapped[str] = mapped_column(String(200))
    phone: Mapped[str] = mapped_column(String(20), unique=True)
    role: Mapped[Role] = mapped_column(ByValue(Role))
    shifts: Mapped[str | None] = mapped_column(String(500))
    on_call: Mapped[bool] = mapped_column(default=False)
    is_active: Mapped[bool] = mapped_column(default=True)
    next_code: Mapped[int] = mapped_column(default=11)
    version: Mapped[int] = mapped_column(default=1)

    branch: Mapped[Branch] = relationship()

    __mapper_args__ = {"version_id_col": version}


class ExtraShift(Base):
    """One shift on top of the roster."""

    __tablename__ = "extra_shifts"
    __table_args__ = (
        UniqueConstraint("staff_id", "starts_at", "ends_at"),
        CheckConstraint("starts_at < ends_at", name="not_empty"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    starts_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Pause(Base):
    """Not to be asked from `starts_at` to `until`; at most one that has not been ended, per person."""

    __tablename__ = "pauses"
    __table_args__ = (
        CheckConstraint("starts_at <= until", name="not_backwards"),
        partial_index("uq_pauses_open", "staff_id", unique=True, where="ended_at IS NULL"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    starts_at: Mapped[datetime] = mapped_column(UtcDateTime)
    until: Mapped[datetime] = mapped_column(UtcDateTime)
    reason: Mapped[str | None] = mapped_column(String(300))
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
