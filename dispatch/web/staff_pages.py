"""The page behind a text: five seconds on a phone. GET changes nothing, POST answers; the token is the proof."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, Response, make_response, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from ..escalation.answers import answer_page
from ..escalation.case import AnswerResult, Outcome
from ..escalation.page_view import PageView, other_open_pages, page_view
from ..escalation.rules import Verb
from ..escalation.tables import Escalation, Page
from ..foundation import tokens
from ..foundation.db import once_more
from ..foundation.errors import Invalid, NotFound
from ..orders.proofs import keep_proof, proof_of
from ..orders.service import find_order
from .auth import current_runtime as runtime
from .errand_view import Errand, errand_of
from .forms import sentence
from .order_pages import save, text
from .proof_form import Shown, may_send_photos, read_proof
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
    app.add_url_rule("/orders/<ref>/proof", view_func=show_proof)
    app.add_url_rule("/orders/<ref>/pages/<int:page_id>", view_func=answer_by_phone, methods=["POST"])
    app.extensions["csrf"].exempt(answer)
    may_send_photos(app, "answer")


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
    """What is asked of one person, or who has it; and below that what else they are asked."""
    token = request.args.get("t", "")
    seen = _look(token)
    return _render(seen, token, status=200 if seen.view.state in {"open", "yours"} else 410)


@dataclass(frozen=True)
class _Seen:
    """The page as it stands, what is needed on the way, and what else the same person is asked."""

    view: PageView
    errand: Errand
    others: list[tuple[PageView, str]]


def _look(token: str) -> _Seen:
    with runtime().db.snapshot() as session:
        view = _view(session, token)
        return _Seen(view, errand_of(session, _page_id(token), now()), _others(session, token))


def _others(session: Session, token: str) -> list[tuple[PageView, str]]:
    """Each with a token of its own: whoever holds the one text was asked for all of them."""
    secret = runtime().settings.secret_key
    return [
        (view, tokens.sign(secret, PURPOSE, view.page_id)) for view in other_open_pages(session, _page_id(token), now())
    ]


def _render(seen: _Seen, token: str, *, said: str = "", wrong: str = "", status: int) -> Response:
    page = render_template(
        "page.html",
        page=seen.view,
        errand=seen.errand,
        token=token,
        others=seen.others,
        said=said,
        wrong=wrong,
        typed=request.form,
    )
    answer = make_response(page, status)
    answer.headers["X-Robots-Tag"] = "noindex"
    # The link is the key: the map that is opened from here must not get it.
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


@signed_link
def answer() -> ResponseReturnValue:
    """Take it, pass it on, say how it goes. The same tap twice is one."""
    token = request.form.get("t", "")
    said = request.form.get("answer", "")
    page_id = _page_id(token)
    note = request.form.get("note", "").replace("\x00", "").strip()[:LONGEST_NOTE] or None
    seen = _look(token)
    if seen.view.state == "expired":
        return _render(seen, token, status=410)
    try:
        shown = read_proof(request, seen.errand.proof, note) if said == Verb.DELIVERED else Shown(note=note)
    except Invalid as error:
        return _render(seen, token, wrong=sentence(error.errors[0].message), status=422)
    # Once more: a race that a text would run again must not be this person's to repeat.
    result = once_more(runtime().db, lambda session: _answered(session, page_id, said, shown))
    seen = _look(token)
    is_theirs = seen.view.state == "yours" and result.outcome in WELL
    text = f"{IN_SHORT[said]} {result.warning}".strip() if is_theirs and said in IN_SHORT else result.text
    return _render(seen, token, said=text, status=410 if result.outcome in TOO_LATE else 200)


def _answered(session: Session, page_id: int, said: str, shown: Shown) -> AnswerResult:
    """The answer with its proof, in one transaction: what is kept was delivered."""
    result = answer_page(session, page_id, said, now(), note=shown.note)
    if result.outcome in WELL and (shown.taken_by or shown.photo):
        order_id = session.get_one(Page, page_id).escalation.order_id
        is_first = result.outcome is Outcome.DONE
        keep_proof(session, order_id, now(), taken_by=shown.taken_by, photo=shown.photo, is_first=is_first)
    return result


@signed_in(Access.READER)
def show_proof(ref: str) -> ResponseReturnValue:
    """The photo that was taken at the door."""
    with runtime().db.snapshot() as session:
        order = find_order(session, ref)
        proof = proof_of(session, order.id)
        if proof is None or proof.photo is None:
            raise NotFound(f"There is no photo of the delivery of order {order.ref}.")
        answer = Response(proof.photo, mimetype=proof.media_type)
    # It came from outside: shown as a picture, and never run as anything else.
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return answer


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
