"""Finding an order again: open or closed, by what somebody remembers of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask, render_template, request
from flask.typing import ResponseReturnValue

from ..escalation.queries import order_shapes
from ..orders.rules import CLOSED, Status
from ..orders.search import search
from . import words
from .auth import current_runtime as runtime
from .board_view import status_words, what_words
from .sessions import now, signed_in
from .tables import Access

MOST = 50


def register(app: Flask) -> None:
    """Hang the search."""
    app.add_url_rule("/orders", view_func=search_orders)


@signed_in(Access.READER)
def search_orders() -> ResponseReturnValue:
    """What was found; `q` is what was typed."""
    asked = request.args.get("q", "").strip()
    with runtime().db.snapshot() as session:
        orders = search(session, asked, limit=MOST + 1)
        zones = {order.ref: order.branch.timezone for order in orders}
        shapes = order_shapes(session, orders[:MOST], now(), runtime().links)
    found = [_found(shape, zones[shape["ref"]]) for shape in shapes]
    return render_template("search.html", asked=asked, found=found, is_more=len(orders) > MOST, most=MOST)


def _found(shape: Mapping[str, Any], timezone: str) -> dict[str, Any]:
    ended, promised = words.instant(shape["closed_at"]), words.instant(shape["promised_by"])
    at = ended or promised
    return {
        "ref": shape["ref"],
        "what": what_words(shape),
        "customer": shape["customer"]["name"],
        "phone": shape["customer"]["phone"],
        "status": status_words(shape),
        "is_open": Status(shape["status"]) not in CLOSED,
        "when": words.when_words(at, timezone, now=now()) if at else "",
    }
