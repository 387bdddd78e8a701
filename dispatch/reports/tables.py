"""Which branches want the morning's report as a text to the founder."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from ..foundation.db import Base
from ..foundation.types import UtcDateTime


class MorningText(Base):
    """A branch whose founder is texted each morning; no row, no text. `wanted_by`: who asked for it."""

    __tablename__ = "morning_texts"

    branch_id: Mapped[int] = mapped_column(ForeignKey("branches.id"), primary_key=True)
    wanted_by: Mapped[str] = mapped_column(String(100))
    wanted_at: Mapped[datetime] = mapped_column(UtcDateTime)
