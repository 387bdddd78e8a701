"""What the customer takes instead, as the desk hears it on the phone; the buttons stand on the page of the order."""

from __future__ import annotations

from flask import Flask, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from ..promise import offers
from .order_pages import save, text, version
from .sessions import me, now, signed_in
from .tables import Access


def register(app: Flask) -> None:
    """Hang what the buttons post to."""
    app.add_url_rule("/orders/<ref>/lines/<int:line_id>/substitution", view_func=settle_line, methods=["POST"])
    app.add_url_rule("/orders/<ref>/lines/<int:line_id>/offers", view_func=ask_customer, methods=["POST"])


@signed_in(Access.OPS)
def settle_line(ref: str, line_id: int) -> ResponseReturnValue:
    """They rang, or were rung up, and said what they want."""

    def work(session: Session) -> str:
        sku = request.form.get("choice") or None
        order = offers.settle_line(
            session, ref, line_id, sku, now(), actor=me().actor, note=text("note"), if_version=version()
        )
        line = next(line for line in order.lines if line.id == line_id)
        return f"{line.title} it is." if sku else f"Noted: nothing else instead of {line.title}."

    return save(ref, work)


@signed_in(Access.OPS)
def ask_customer(ref: str, line_id: int) -> ResponseReturnValue:
    """Ask them by text, once more."""

    def work(session: Session) -> str:
        offers.ask_customer(session, ref, line_id, now(), actor=me().actor, if_version=version())
        return "The customer is being asked."

    return save(ref, work)
