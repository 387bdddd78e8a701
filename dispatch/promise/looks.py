"""What one look at an order found, for the rooms that care for its customer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy.orm import Session

from ..orders.tables import Order
from .rules import ClockName, Level


@dataclass(frozen=True, kw_only=True)
class Look:
    """`projected_at`: when it will be there if the next step begins now, None when nobody can tell. `clock`: the one
    that binds; `cause`: of an order for which help was called, the one that it was called for. `is_last_rung`: the
    founder has been asked. `taker`: the name of whoever has it, empty while nobody has. `has_called`: help was
    called for, now or before."""

    level: Level
    projected_at: datetime | None
    clock: ClockName
    cause: ClockName
    is_last_rung: bool = False
    taker: str = ""
    has_called: bool = False


class Care(Protocol):
    """What a look at an order means for its customer; when to look again, if for that alone. The order is locked.

    `look` is None for an order that is closed.
    """

    def __call__(self, session: Session, order: Order, look: Look | None, now: datetime, /) -> datetime | None:
        """Do what is due."""
