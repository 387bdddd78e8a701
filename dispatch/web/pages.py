"""The pages for people, hung on the app, and what every one of them can use."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from flask import Flask, Response
from flask.typing import ResponseReturnValue

from . import (
    access_pages,
    board,
    call_pages,
    customer_pages,
    desk_pages,
    import_pages,
    intake,
    login,
    me_doors,
    me_pages,
    offer_pages,
    order_pages,
    password_page,
    people_pages,
    plan_pages,
    recovery_pages,
    report_pages,
    search_page,
    settings_pages,
    setup,
    staff_pages,
    stock_pages,
    texts_page,
    together,
    undo_pages,
    wording_pages,
    words,
)
from .auth import public
from .sessions import current_user
from .tables import Access

A_DAY = 86_400
# In order: `/orders/new` and `/orders/preview` are words, not references.
ROOMS = (
    login, setup, board, search_page, intake, together, order_pages, desk_pages, undo_pages, offer_pages, call_pages,
    plan_pages, recovery_pages, people_pages, stock_pages, texts_page, report_pages, staff_pages, customer_pages,
    settings_pages, access_pages, password_page, import_pages, me_doors, me_pages, wording_pages,
)  # fmt: skip


def register(app: Flask) -> None:
    """Hang every page, and tell the templates who is signed in."""
    app.add_url_rule("/static/vendor/htmx.js", view_func=htmx)
    for room in ROOMS:
        room.register(app)
    app.context_processor(_who)
    app.add_template_filter(words.upfirst)


def _who() -> dict[str, Any]:
    me = current_user()
    return {"me": me, "may_act": me is not None and me.may(Access.OPS)}


@public
def htmx() -> ResponseReturnValue:
    """The script library, straight from its package: no copy of it lives in this repository."""
    script = files("js_lib_htmx").joinpath("static/htmx/htmx.min.js").read_bytes()
    answer = Response(script, mimetype="text/javascript")
    answer.headers["Cache-Control"] = f"public, max-age={A_DAY}"
    return answer
