"""The page behind a text: five seconds on a phone. GET changes nothing, POST answers; the token is the proof."""

from __future__ import annotations

from flask import Flask, make_response, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from ..escalation.answers import answer_page
from ..escalation.case import Outcome
from ..escalation.page_view import PageView, page_view
from ..escalation.tables import Escalation, Page
from ..foundation import tokens
from ..foundation.db import once_more
from ..foundation.errors import NotFound
from ..orders.service import find_order
from .auth import current_runtime as runtime
from .order_pages import save, text
from .sessions import now, signed_in, signed_link
from .tables import Access

PURPOSE = "page"
TOO_LATE = (Outcome.TAKEN, Outcome.OVER)
WELL = (Outcome.DONE, Outcome.ALREADY)
# A text spells out the codes for what comes next; here the buttons say it.
IN_SHORT = {"accept": "It is yours. Thank you.", "picked_up": "Noted, thank you."}
LONGEST_NOTE = 300


def register(app: Flask) -> None:
    """Hang the page behind a text. No CSRF token there: whoever holds the signed token may answer, from anywhere."""
    app.add_url_rule("/a", view_func=show_page)
    app.add_url_rule("/a", view_func=answer, methods=["POST"])
    app.add_url_rule("/orders/<ref>/pages/<int:page_id>", view_func=answer_by_phone, methods=["POST"])
    app.extensions["csrf"].exempt(answer)


def _page_id(token: str) -> int:
    page_id = tokens.read(runtime().settings.secret_key, PURPOSE, token)
    if page_id is None:
        raise NotFound("This link is not one of ours. Open it again from the text.")
    return page_id


def _view(session: Session, token: str) -> PageView:
    view = page_view(session, _page_id(token), now())
    if view is None:
        raise NotFound("This link is not one of ours. Open it again from the text.")
    return view


@signed_link
def show_page() -> ResponseReturnValue:
    """What is asked of one person, or who has it."""
    token = request.args.get("t", "")
    with runtime().db.snapshot() as session:
        view = _view(session, token)
    status = 200 if view.state in {"open", "yours"} else 410
    return _render(view, token, status=status)


def _render(view: PageView, token: str, *, said: str = "", status: int) -> ResponseReturnValue:
    answer = make_response(render_template("page.html", page=view, token=token, said=said), status)
    answer.headers["X-Robots-Tag"] = "noindex"
    return answer


@signed_link
def answer() -> ResponseReturnValue:
    """Take it, pass it on, say how it goes. The same tap twice is one."""
    token = request.form.get("t", "")
    said = request.form.get("answer", "")
    page_id = _page_id(token)
    note = request.form.get("note", "").replace("\x00", "").strip()[:LONGEST_NOTE] or None
    with runtime().db.snapshot() as session:
        view = _view(session, token)
    if view.state == "expired":
        return _render(view, token, status=410)
    # Once more: a race that a text would run again must not be this person's to repeat.
    result = once_more(runtime().db, lambda session: answer_page(session, page_id, said, now(), note=note))
    with runtime().db.snapshot() as session:
        view = _view(session, token)
    is_theirs = view.state == "yours" and result.outcome in WELL
    text = IN_SHORT.get(said, result.text) if is_theirs else result.text
    return _render(view, token, said=text, status=410 if result.outcome in TOO_LATE else 200)


@signed_in(Access.OPS)
def answer_by_phone(ref: str, page_id: int) -> ResponseReturnValue:
    """Somebody rang and said it: the operator answers for them."""

    def work(session: Session) -> str:
        said = request.form.get("answer", "")
        order = find_order(session, ref)
        theirs = select(Page.id).join(Escalation, Escalation.id == Page.escalation_id)
        if session.scalar(theirs.where(Page.id == page_id, Escalation.order_id == order.id)) is None:
            raise NotFound(f"Nobody was asked that about order {order.ref}.")
        return answer_page(session, page_id, said, now(), note=text("note")).text

    return save(ref, work)
