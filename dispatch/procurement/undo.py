"""The goods of an order as they were a moment ago: a line's news is taken back, a released copy is kept again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ..foundation.errors import Conflict
from ..orders.rules import Sourcing
from ..orders.tables import Line, Order
from .stock import available, lock_stock
from .tables import Reservation, Stock, SupplierAnswer

PLAIN = ("supplier_id", "buyer_id", "note")
INSTANTS = ("sourcing_at", "ready_at", "kept_until")


def line_before(line: Line) -> dict[str, Any]:
    """Where a line's goods are, for an event to remember; `restore_line` reads it."""
    instants = {name: at.isoformat() if (at := getattr(line, name)) else None for name in INSTANTS}
    return {"sourcing": line.sourcing.value, **{name: getattr(line, name) for name in PLAIN}, **instants}


def restore_line(session: Session, line: Line, before: dict[str, Any], at: datetime, now: datetime) -> None:
    """Put a line back to where it was before the news of `at`; what that taught about a supplier is forgotten."""
    line.sourcing = Sourcing(before["sourcing"])
    for name in PLAIN:
        setattr(line, name, before[name])
    for name in INSTANTS:
        setattr(line, name, datetime.fromisoformat(before[name]) if before[name] else None)
    mine = update(SupplierAnswer).where(SupplierAnswer.line_id == line.id)
    # First those that took others' places, then the others: one instant marks both.
    earlier = select(SupplierAnswer.id).where(SupplierAnswer.line_id == line.id, SupplierAnswer.superseded_at == at)
    again = session.scalars(earlier).all()
    session.execute(mine.where(SupplierAnswer.at == at).values(superseded_at=now))
    session.execute(mine.where(SupplierAnswer.id.in_(again), SupplierAnswer.at < at).values(superseded_at=None))


def keep_again(session: Session, order: Order, at: datetime) -> None:
    """Copies that were let go at that instant are kept for the order again, shelves locked by item as everywhere.

    Raises Conflict when somebody else has got one meanwhile.
    """
    released = select(Reservation).join(Stock, Stock.id == Reservation.stock_id).order_by(Stock.item_id)
    mine = released.where(Reservation.line_id.in_([line.id for line in order.lines]), Reservation.released_at == at)
    for kept in session.scalars(mine).all():
        stock = lock_stock(session, kept.stock_id)
        if available(session, stock) < kept.quantity:
            raise Conflict("It can't be taken back: another order has got what was kept for this one.")
        kept.released_at = None
        session.flush()
