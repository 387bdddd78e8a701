"""The board: today's open orders, least slack first; live by polling with a version."""

from __future__ import annotations

from flask import Flask, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from ..promise.rules import Level
from . import alarms, board_view, words
from .acts import TOGETHER
from .auth import current_runtime as runtime
from .sessions import me, now, signed_in
from .stock_view import has_suppliers
from .tables import Access


def register(app: Flask) -> None:
    """Hang the board."""
    app.add_url_rule("/", view_func=board)
    app.add_url_rule("/board/rows", view_func=board_rows)
    app.add_url_rule("/hint", view_func=read_hint)
    app.context_processor(lambda: {"demo_hint": demo_hint})


def fragment(session: Session) -> str:
    """The list with its version, as it stands at this instant."""
    bars = alarms.bars(session, now(), runtime().settings)
    found = board_view.groups(session, now(), runtime().links)
    rows = [row for group in found for row in group.rows]
    can_act = me().may(Access.OPS)
    return render_template(
        "_board.html",
        groups=found,
        count=len(rows),
        danger=sum(row.is_in_danger for row in rows),
        watch=sum(row.level is Level.WATCH for row in rows),
        bars=bars,
        version=_version(session, bars),
        can_act=can_act,
        together=[(move.value, words.MOVES[move]) for move in TOGETHER if any(move in row.can.split() for row in rows)],
        carriers=list({person.id: person for row in rows if row.act for person in row.act.people}.values()),
        is_bare=not found and not has_suppliers(session),
    )


def _version(session: Session, bars: list[alarms.Bar]) -> str:
    return board_view.stamp(session, now(), more=[bar.text for bar in bars])


@signed_in(Access.READER)
def board() -> ResponseReturnValue:
    """The page."""
    with runtime().db.snapshot() as session:
        return render_template("board.html", fragment=fragment(session))


@signed_in(Access.READER)
def board_rows() -> ResponseReturnValue:
    """The list alone; nothing at all when the asker's version still holds."""
    with runtime().db.snapshot() as session:
        bars = alarms.bars(session, now(), runtime().settings)
        if request.args.get("v") == _version(session, bars):
            return "", 204
        return fragment(session)


def demo_hint() -> str:
    """What to try next in the demo; empty elsewhere. For templates of other rooms."""
    with runtime().db.snapshot() as session:
        return alarms.hint(session)


@signed_in(Access.READER)
def read_hint() -> ResponseReturnValue:
    """The same, for a page that keeps itself up to date."""
    return render_template("_hint.html", hint=demo_hint())
