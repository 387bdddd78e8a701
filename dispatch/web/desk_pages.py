"""What the desk writes down on the page of an order: a note, that somebody was phoned, that a text was read."""

from __future__ import annotations

from flask import Flask, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from ..orders import desk
from .forms import number
from .order_pages import save, text
from .sessions import me, now, signed_in
from .tables import Access


def register(app: Flask) -> None:
    """Hang what the forms post to."""
    app.add_url_rule("/orders/<ref>/notes", view_func=add_note, methods=["POST"])
    app.add_url_rule("/orders/<ref>/phoned", view_func=tick_phoned, methods=["POST"])
    app.add_url_rule("/orders/<ref>/read", view_func=tick_read, methods=["POST"])


@signed_in(Access.OPS)
def add_note(ref: str) -> ResponseReturnValue:
    """A note in the history."""

    def work(session: Session) -> str:
        desk.add_note(session, ref, text("note") or "", now(), actor=me().actor)
        return "Noted."

    return save(ref, work, place="#history")


@signed_in(Access.OPS)
def tick_phoned(ref: str) -> ResponseReturnValue:
    """The call that was asked for has been made."""

    def work(session: Session) -> str:
        is_news = desk.phoned(session, ref, text("note") or "", now(), actor=me().actor)
        return "Ticked off: they were phoned." if is_news else "That was ticked off already."

    return save(ref, work)


@signed_in(Access.OPS)
def tick_read(ref: str) -> ResponseReturnValue:
    """What the customer wrote has been read."""

    def work(session: Session) -> str:
        last = number(request.form.get("last"), field="last", default=0) or 0
        is_news = desk.mark_read(session, ref, last, text("note") or "", now(), actor=me().actor)
        return "Ticked off: it was read." if is_news else "That was ticked off already."

    return save(ref, work)
