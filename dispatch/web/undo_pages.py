"""Undo: for ten seconds what was just said to be done can be taken back, by whoever did it."""

from __future__ import annotations

from flask import Flask, flash, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from ..customers.offer_notices import unreachable
from ..customers.rules import EARNS
from ..escalation.queries import is_help_asked
from ..foundation.errors import Busy, Conflict, StaleVersion
from ..orders.tables import Order
from ..orders.undo import just_done
from ..promise.undo import take_back
from . import board
from .auth import current_runtime as runtime
from .forms import number
from .sessions import me, now, signed_in
from .tables import Access

NO_UNDO = "message"
ENDS_HELP = ("cancelled", "delivered", "handed_over", "line_bought")


def register(app: Flask) -> None:
    """Hang what the Undo button posts to."""
    app.add_url_rule("/orders/<ref>/undo/<int:event_id>", view_func=undo, methods=["POST"])


def undo_of(session: Session, order: Order) -> str:
    """Where taking back what was just done is asked for; empty when it can't be.

    What the customer is told of leaves at once and is never held back for this: then there is nothing to offer.
    """
    event = just_done(session, order, now(), actor=me().actor)
    if event is None or (event.kind in EARNS and unreachable(session, order) is None):
        return ""
    # So does "it is over" to those who were asked for help.
    if event.kind in ENDS_HELP and is_help_asked(session, order.id):
        return ""
    return f"/orders/{order.ref}/undo/{event.id}?version={order.version}"


def said(text: str, *, undo: str = "", is_board: bool = False) -> ResponseReturnValue:
    """Back to the board with what was done and, for a moment, a way to undo it."""
    if not is_board or not request.headers.get("HX-Request"):
        flash(text, undo or NO_UNDO)
        return redirect("/", 303)
    with runtime().db.snapshot() as session:
        return render_template("_said.html", text=text, undo=undo) + board.fragment(session)


@signed_in(Access.OPS)
def undo(ref: str, event_id: int) -> ResponseReturnValue:
    """Take it back, or say why that can't be; nothing is lost either way."""
    is_board = request.form.get("from") == "board"
    version = number(request.args.get("version"), field="version")
    try:
        with runtime().db.transaction() as session:
            take_back(session, ref, event_id, now(), actor=me().actor, if_version=version)
        text = f"{ref.upper()}: taken back."
    except (Conflict, StaleVersion, Busy) as error:
        text = f"{ref.upper()}: {error}"
    if is_board:
        return said(text, is_board=True)
    flash(text)
    return make_response(redirect(f"/orders/{ref}", 303))
