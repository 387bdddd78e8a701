"""Several orders moved together: each in a transaction of its own, so that one that is refused stops no other."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from flask import Flask, render_template, request
from flask.typing import ResponseReturnValue

from ..foundation.errors import Conflict, DispatchError, Invalid, MoveNotAllowed, NotFound, StaleVersion, Unavailable
from ..orders.rules import Move
from ..orders.service import find_order
from ..orders.wording import things
from ..promise import service as promise
from . import words
from .acts import TOGETHER
from .auth import current_runtime as runtime
from .forms import number, sentence
from .sessions import me, now, signed_in
from .tables import Access
from .undo_pages import undo_of

MOST = 100
NEEDS_PIN = "It needs the PIN that the customer says: deliver it from its page."


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of one order. `undo`: where taking it back is asked for, empty when it can't be."""

    ref: str
    text: str
    what: str = ""
    is_done: bool = False
    undo: str = ""


def register(app: Flask) -> None:
    """Hang what the board's bar posts to."""
    app.add_url_rule("/orders/together", view_func=move_together, methods=["POST"])


@signed_in(Access.OPS)
def move_together() -> ResponseReturnValue:
    """Make one move for every order that was ticked, and say of each what became of it."""
    asked = request.form.get("move", "")
    if asked not in set(TOGETHER):
        raise Invalid("move", "is not one of ours: reload the page")
    staff_id = number(request.form.get("staff_id"), field="staff_id")
    results = [_move(pick, Move(asked), staff_id) for pick in dict.fromkeys(request.form.getlist("pick")[:MOST])]
    done = sum(result.is_done for result in results)
    title = f"{done} done" if done == len(results) else f"{done} done, {len(results) - done} not"
    return render_template("together.html", title=title, results=results)


def _move(pick: str, move: Move, staff_id: int | None) -> Result:
    ref, _, version = pick.partition(".")
    who = staff_id if move is Move.HAND_OVER else None
    try:
        seen = number(version, field="version")
        if seen is None:
            raise Invalid("version", "is missing: reload the board")
        with runtime().db.transaction() as session:
            order = promise.move(session, ref, move, now(), actor=me().actor, if_version=seen, staff_id=who)
            text, what, undo = words.DONE[move], things(order.lines), undo_of(session, order)
        return Result(ref=ref, what=what, text=f"{text[:1].upper()}{text[1:]}.", is_done=True, undo=undo)
    except (Invalid, StaleVersion, MoveNotAllowed, Conflict, NotFound, Unavailable) as error:
        return Result(ref=ref, what=_what(ref), text=_why_not(error))


def _why_not(error: DispatchError) -> str:
    """In the words of the buttons."""
    if isinstance(error, Invalid):
        first = error.errors[0]
        return NEEDS_PIN if first.field == "pin" else sentence(first.message)
    if isinstance(error, MoveNotAllowed) and error.allowed:
        return f"Not now. What can be done: {', '.join(words.MOVES[Move(move)] for move in error.allowed)}."
    return str(error)


def _what(ref: str) -> str:
    """What an order is that was not moved; empty when there is none."""
    with runtime().db.snapshot() as session, suppress(NotFound):
        return things(find_order(session, ref).lines)
    return ""
