"""What a customer sees behind the link in a text: where the order stands, in their words, nothing of others."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import Flask, Response, make_response, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from ..foundation import tokens
from ..foundation.errors import NotFound
from ..orders.rules import Status
from ..orders.tables import Order
from ..orders.wording import first_name
from ..staff.tables import Staff
from . import words
from .auth import current_runtime as runtime
from .sessions import now, signed_link

PURPOSE = "tracking"
SHOWN_AFTER_END = timedelta(days=14)
STEPS = ("We have your order", "It is in our hands", "On its way", "With you")
STEP_OF = {
    Status.PROCURING: 0,
    Status.PACKING: 1,
    Status.READY: 1,
    Status.OUT_FOR_DELIVERY: 2,
    Status.DELIVERED: 3,
}
SAID = {
    Status.PROCURING: "We are getting it for you from another shop in town.",
    Status.PACKING: "We have it here and are packing it.",
    Status.READY: "It is packed and about to leave.",
    Status.OUT_FOR_DELIVERY: "{name} is on the way to you.",
    Status.DELIVERED: "It is with you since {at}. Thank you for counting on us.",
    Status.CANCELLED: "This order was cancelled. If that surprises you, please call us.",
}


def register(app: Flask) -> None:
    """Hang the page behind a customer's link."""
    app.add_url_rule("/t", view_func=track)


@signed_link
def track() -> ResponseReturnValue:
    """Where the order stands; 404 for a link that is not ours, 410 for one whose time is over."""
    order_id = tokens.read(runtime().settings.secret_key, PURPOSE, request.args.get("k", ""))
    with runtime().db.snapshot() as session:
        order = session.get(Order, order_id) if order_id is not None else None
        if order is None:
            raise NotFound("This link is not one of ours. Open it again from our text.")
        if order.closed_at and now() > order.closed_at + SHOWN_AFTER_END:
            return _unlisted(render_template("track.html", shop=order.branch.name, is_over=True), 410)
        return _unlisted(render_template("track.html", **_shown(session, order, now())), 200)


def _unlisted(page: str, status: int) -> Response:
    answer = make_response(page, status)
    answer.headers["X-Robots-Tag"] = "noindex"
    # The link is the key: it must not travel to other sites.
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


def _shown(session: Session, order: Order, at: datetime) -> dict[str, object]:
    timezone = order.branch.timezone
    carrier = session.get(Staff, order.carrier_id) if order.carrier_id else None
    name = first_name(carrier.name) if carrier else "Somebody of ours"
    ended = words.when_words(order.delivered_at, timezone, now=at) if order.delivered_at else ""
    is_open = order.closed_at is None
    moved = order.first_promised_by != order.promised_by
    return {
        "shop": order.branch.name,
        "is_over": False,
        "name": first_name(order.customer_name),
        "things": [f"{line.quantity} × {line.title}" if line.quantity > 1 else line.title for line in order.lines],
        "said": SAID[order.status].format(name=name, at=ended),
        "steps": STEPS,
        "step": STEP_OF.get(order.status),
        "is_open": is_open,
        "is_late": is_open and at > order.promised_by,
        "promise": words.when_words(order.promised_by, timezone, now=at),
        "first_promise": words.when_words(order.first_promised_by, timezone, now=at) if moved else "",
        "key": request.args.get("k", ""),
    }
