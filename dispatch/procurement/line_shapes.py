"""Lines as programs and pages see them: where their goods are, and what was offered instead; two queries in all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..orders.tables import Line
from .offers import offer_shapes
from .tables import Supplier


def line_shapes(session: Session, order_ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    """The lines of these orders as the contract shows them, by order id."""
    what = (Line.id, Line.sku, Line.title, Line.instead_of, Line.quantity, Line.substitution)
    where = (Line.sourcing, Line.ready_at, Line.kept_until, Line.note)
    query = (
        select(Line.order_id, *what, *where, Supplier.code.label("supplier"))
        .outerjoin(Supplier, Supplier.id == Line.supplier_id)
        .where(Line.order_id.in_(order_ids))
        .order_by(Line.id)
    )
    offers = offer_shapes(session, order_ids)
    lines: dict[int, list[dict[str, Any]]] = {}
    for row in session.execute(query):
        lines.setdefault(row.order_id, []).append(_line(row, offers))
    return lines


def _line(line: Any, offers: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "id": str(line.id),
        "sku": line.sku,
        "title": line.title,
        "instead_of": line.instead_of,
        "quantity": line.quantity,
        "substitution": line.substitution.value,
        "substitution_offer": offers.get(line.id),
        "sourcing": line.sourcing.value,
        "supplier": line.supplier,
        "ready_at": _at(line.ready_at),
        "kept_until": _at(line.kept_until),
        "note": line.note,
    }


def _at(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None
