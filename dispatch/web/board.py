"""The board: today's open orders, least slack first; live by polling with a version."""

from __future__ import annotations

import re
from weakref import WeakKeyDictionary

from flask import Flask, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import generate_csrf
from sqlalchemy.orm import Session

from ..foundation.db import Database
from ..promise.rules import Level
from . import alarms, board_view, words
from .acts import TOGETHER
from .auth import current_runtime as runtime
from .sessions import me, now, signed_in
from .stock_view import has_suppliers
from .tables import Access

# Stands where the token against forged forms goes, which is each browser's own.
TOKEN = "token-of-the-browser"  # noqa: S105 - a word that stands for one
INDENT = re.compile(r"\n\s+")
# The list that polls ask for as it was made last, by database: its version, and by whether one may act on it.
_made: WeakKeyDictionary[Database, tuple[str, dict[bool, str]]] = WeakKeyDictionary()


def register(app: Flask) -> None:
    """Hang the board."""
    app.add_url_rule("/", view_func=board)
    app.add_url_rule("/board/rows", view_func=board_rows)
    app.add_url_rule("/hint", view_func=read_hint)
    app.context_processor(lambda: {"demo_hint": demo_hint})


def fragment(session: Session) -> str:
    """The list with its version, as it stands at this instant. The session is a snapshot: others get this list too."""
    bars = alarms.bars(session, now(), runtime().settings)
    return _kept(session, bars, _version(session, bars))


def _kept(session: Session, bars: list[alarms.Bar], version: str) -> str:
    """The list of that version, made once for all screens that ask for it."""
    made = _made.get(runtime().db)
    if made is None or made[0] != version:
        # Two threads may both make it: neither takes it from under the other.
        made = _made[runtime().db] = (version, {})
    can_act = me().may(Access.OPS)
    if can_act not in made[1]:
        made[1][can_act] = _render(session, bars, version)
    return _of_this_browser(made[1][can_act])


def _of_this_browser(html: str) -> str:
    return html.replace(TOKEN, generate_csrf())


def _render(session: Session, bars: list[alarms.Bar], version: str) -> str:
    found = board_view.groups(session, now(), runtime().links)
    rows = [row for group in found for row in group.rows]
    people = {person.id: person for row in rows if row.act for person in row.act.people}
    html = render_template(
        "_board.html",
        groups=found,
        count=len(rows),
        danger=sum(row.is_in_danger for row in rows),
        watch=sum(row.level is Level.WATCH for row in rows),
        bars=bars,
        version=version,
        can_act=me().may(Access.OPS),
        together=[(move.value, words.MOVES[move]) for move in TOGETHER if any(move in row.can for row in rows)],
        carriers=people.values(),
        token=TOKEN,
        is_bare=not found and not has_suppliers(session),
    )
    return INDENT.sub("\n", html)


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
        version = _version(session, bars)
        if request.args.get("v") == version:
            return "", 204
        return _kept(session, bars, version)


def demo_hint() -> str:
    """What to try next in the demo; empty elsewhere. For templates of other rooms."""
    with runtime().db.snapshot() as session:
        return alarms.hint(session)


@signed_in(Access.READER)
def read_hint() -> ResponseReturnValue:
    """The same, for a page that keeps itself up to date."""
    return render_template("_hint.html", hint=demo_hint())
