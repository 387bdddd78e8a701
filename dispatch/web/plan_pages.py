"""Pins as they are set and taken back on the page of an order."""

from __future__ import annotations

from flask import Flask, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from ..foundation.errors import Invalid, PromisesAtStake
from ..promise import pins, wording
from ..promise.rules import Task
from .forms import number
from .order_pages import save, version
from .sessions import me, now, signed_in
from .stake_page import ask_again, typed_say
from .tables import Access


def register(app: Flask) -> None:
    """Hang what the plan of an order posts to."""
    app.add_url_rule("/orders/<ref>/pins/<any(procure, deliver):task>", view_func=set_pin, methods=["POST"])


@signed_in(Access.OPS)
def set_pin(ref: str, task: str) -> ResponseReturnValue:
    """Somebody and nobody else does it; or, with no field for a name, whoever is free."""
    what = Task(task)

    def work(session: Session) -> str:
        if "pin_on" not in request.form:
            pins.unpin(session, ref, what, now(), actor=me().actor, if_version=version())
            return wording.unpinned(what)
        staff_id = number(request.form["pin_on"], field="pin_on")
        if staff_id is None:
            raise Invalid("pin_on", "choose one")
        pins.pin(session, ref, what, staff_id, now(), say=typed_say(), if_version=version())
        return "Pinned: the plan counts on nobody else for it."

    try:
        return save(ref, work, place="#plan")
    except PromisesAtStake as refusal:
        return ask_again(refusal, title=f"Pin it on one person for {ref}?", deed="Pin", back=f"/orders/{ref}")
