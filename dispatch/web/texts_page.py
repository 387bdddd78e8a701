"""Every text, out and in, newest first, and what became of it."""

from __future__ import annotations

from flask import Flask, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from ..messaging.queries import RECEIVED, list_messages
from ..messaging.rules import TextState
from ..orders.branches import get_branch
from ..orders.tables import Order
from ..staff.tables import Staff
from . import queue_view, words
from .auth import current_runtime as runtime
from .order_view import Place, text_view
from .sessions import now, signed_in
from .tables import Access

MAIN = "main"
FILTERS = [("", "all"), *((state.value, words.TEXT_STATES[state]) for state in TextState), (RECEIVED, "received")]


def register(app: Flask) -> None:
    """Hang the list of texts."""
    app.add_url_rule("/texts", view_func=texts)


@signed_in(Access.READER)
def texts() -> ResponseReturnValue:
    """A page of them."""
    state = request.args.get("state") or None
    with runtime().db.snapshot() as session:
        place = Place(timezone=get_branch(session, MAIN).timezone, now=now())
        page = list_messages(session, state=state, limit=50, cursor=request.args.get("cursor") or None)
        ids = {order_id for message in page.items for order_id in message.order_ids}
        refs = {row.id: row.ref for row in session.execute(select(Order.id, Order.ref).where(Order.id.in_(ids)))}
        notes = [
            queue_view.trouble_words(session, now()),
            queue_view.waiting_words(session, now(), runtime().settings),
        ]
        names = {row.phone: row.name for row in session.execute(select(Staff.phone, Staff.name))}
    shown = [
        {**text_view(message, place), "refs": [refs[order_id] for order_id in message.order_ids]}
        for message in page.items
    ]
    for text in shown:
        text["name"] = names.get(text["who"], "")
    lists = {"texts": shown, "notes": [note for note in notes if note], "filters": FILTERS}
    return render_template("texts.html", **lists, state=state or "", next=page.next)
