"""The call lists of an order's missing lines as its page shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from ..orders.tables import Order
from ..procurement import wording
from ..procurement.call_list import Listed
from ..procurement.calls import Outcome, Ranked, Why
from ..promise.calls import calls_of
from . import words

# Beyond these nobody rings at once: the others are folded away.
SHOWN = 3
# The likeliest answer of the first shop: of what is put aside, that it is in hand.
FIRST = {True: Outcome.BOUGHT, False: Outcome.HAS_IT}


def call_lists(session: Session, order: Order, now: datetime) -> dict[str, dict[str, Any]]:
    """By line id as its shape has it: the shops to ring first, and the rest."""
    timezone = order.branch.timezone
    lists = {}
    for line_id, listed in calls_of(session, order, now).items():
        rows = [_row(each, order, now, timezone) for each in listed]
        if rows:
            rows[0]["main"] = FIRST[listed[0].row.why is Why.KEEPS].value
        lists[str(line_id)] = {"first": rows[:SHOWN], "rest": rows[SHOWN:]}
    return lists


def _row(listed: Listed, order: Order, now: datetime, timezone: str) -> dict[str, Any]:
    supplier, row = listed.supplier, listed.row
    way = supplier.travel_minutes
    return {
        "code": supplier.code,
        "name": supplier.name,
        "phone": supplier.phone,
        "facts": [
            f"{round(row.chance * 100)} % likely",
            _hours(row, now, timezone),
            *([f"{way} min away"] if way is not None else []),
            *([_leave(row, now, timezone)] if row.leave_by and row.is_reachable else []),
        ],
        "reason": wording.rank_reason(row, now, timezone),
        "last": _last(row, now),
        "is_out": row.why in (Why.SAID_NO, Why.FOUND_CLOSED),
        "outcomes": [(outcome.value, words.OUTCOMES[outcome]) for outcome in Outcome],
        "main": "",
        "also": [
            {
                "id": str(other.line_id),
                "title": f"{other.quantity} × {other.title}" if other.quantity > 1 else other.title,
                "whose": "this order" if other.ref == order.ref else other.ref,
                "kept": ", kept for us" if other.is_kept else "",
            }
            for other in listed.also_there
        ],
    }


def _leave(row: Ranked, now: datetime, timezone: str) -> str:
    return f"leave by {words.clock_words(row.leave_by, timezone, now=now)}" if row.leave_by else ""


def _hours(row: Ranked, now: datetime, timezone: str) -> str:
    if row.open_until:
        return f"open until {words.clock_words(row.open_until, timezone, now=now)}"
    if row.is_open:
        return "open all day"
    return f"opens {words.when_words(row.opens_at, timezone, now=now)}" if row.opens_at else "closed"


def _last(row: Ranked, now: datetime) -> str:
    """What they said last, where the reason does not tell it already."""
    told = (Why.SAID_NO, Why.FOUND_CLOSED, Why.NO_ANSWER, Why.HAD_IT)
    return f"Last: {wording.heard(row.last, now)}." if row.last and row.why not in told else ""


def next_shop(session: Session, order: Order, line_id: int, now: datetime) -> str:
    """Whom to ring next about a line: " Next: City Books, +44…"; empty when nobody is left to ring today."""
    listed = calls_of(session, order, now).get(line_id, ())
    rows = [each for each in listed if each.row.why not in (Why.SAID_NO, Why.FOUND_CLOSED, Why.NO_ANSWER)]
    if not rows or rows[0].row.why is Why.SHUT:
        return ""
    phone = f", {rows[0].supplier.phone}" if rows[0].supplier.phone else ""
    return f" Next: {rows[0].supplier.name}{phone}."
