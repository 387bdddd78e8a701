"""What a customer sees behind the link in a text: where the order stands, in their words, nothing of others."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask, Response, make_response, render_template, request
from flask.typing import ResponseReturnValue

from ..customers.heads_up_answers import answer_heads_up
from ..customers.heads_up_rules import Outcome as Preferred
from ..customers.heads_up_rules import Preference
from ..foundation import tokens
from ..foundation.db import once_more
from ..foundation.errors import Invalid, NotFound
from ..messaging.consent import opt_in, opt_out
from ..orders.tables import Order
from ..orders.telling import language
from ..procurement.offer_answers import Answered, Outcome
from ..procurement.offers import asked
from ..promise.offers import answer_offer
from ..recovery.answers import answer as answer_question
from .auth import current_runtime as runtime
from .customer_view import shown
from .customer_words import PAGE_WORDS
from .sessions import now, signed_link

PURPOSE = "tracking"
SHOWN_AFTER_END = timedelta(days=14)
NOT_OURS = "This link is not one of ours. Open it again from our text."
CHANGED = "That has changed meanwhile: please choose again."
PREFERRED = {Preferred.LATE: 410, Preferred.OVER: 410}
# Too late is gone, and what somebody else got is a conflict; both pages say what happens next.
STATUS = {Outcome.LATE: 410, Outcome.OVER: 410, Outcome.GONE: 409}


def register(app: Flask) -> None:
    """Hang the page behind a customer's link. No CSRF token there: whoever holds the signed key may choose."""
    app.add_url_rule("/t", view_func=track)
    app.add_url_rule("/t", view_func=choose, methods=["POST"])
    app.extensions["csrf"].exempt(choose)


@signed_link
def track() -> ResponseReturnValue:
    """Where the order stands; 404 for a link that is not ours, 410 for one whose time is over."""
    key = request.args.get("k", "")
    return _page(key, _order_id(key))


@signed_link
def choose() -> ResponseReturnValue:
    """What they choose, of what we asked: something else instead, what to do about a delay, whether it is good now.

    Or no more texts. The same tap twice is one.
    """
    key = request.form.get("k", "")
    order_id = _order_id(key)
    if "heads_up" in request.form:
        return _prefer(key, order_id, request.form["heads_up"])
    if "good" in request.form:
        return _say(key, order_id, request.form["good"])
    if "texts" in request.form:
        return _texts(key, order_id, is_wanted=request.form["texts"] == "on")
    return _take(key, order_id)


def _prefer(key: str, order_id: int, wish: str) -> Response:
    """What to do about a promise that is at risk."""
    if wish not in set(Preference):
        return _page(key, order_id, said=CHANGED, status=409)
    try:
        answered = once_more(
            runtime().db,
            lambda session: answer_heads_up(session, order_id, Preference(wish), now(), links=runtime().links),
        )
    except Invalid:
        return _page(key, order_id, said=CHANGED, status=409)
    return _page(key, order_id, said=answered.text, status=PREFERRED.get(answered.outcome, 200))


def _say(key: str, order_id: int, said: str) -> Response:
    """Whether it was made good."""
    if said not in ("yes", "no"):
        return _page(key, order_id, said=CHANGED, status=409)
    note = request.form.get("note", "").strip()[:500] or None
    answered = once_more(
        runtime().db,
        lambda session: answer_question(
            session, order_id, now(), is_good=said == "yes", links=runtime().links, said=note
        ),
    )
    return _page(key, order_id, said=answered.text)


def _texts(key: str, order_id: int, *, is_wanted: bool) -> Response:
    """No more texts, or texts again; for their number, as if they had written so. Doing it twice changes nothing."""
    with runtime().db.transaction() as session:
        order = session.get(Order, order_id)
        if order is None:
            raise NotFound(NOT_OURS)
        words = PAGE_WORDS[language(order)]
        (opt_in if is_wanted else opt_out)(session, order.customer_phone, now(), "on their page")
    return _page(key, order_id, said=words.started if is_wanted else words.stopped)


def _take(key: str, order_id: int) -> Response:
    """What they take instead of something that can't be had."""
    with runtime().db.snapshot() as session:
        offers = {str(offer.id): offer for offer in asked(session, [order_id])}
    offer = offers.get(request.form.get("offer", ""))
    if offer is None:
        raise NotFound("We have asked nothing like that. Open the link in our text again.")
    # Empty is the button for none of them; a form without the field chose nothing at all.
    sku = request.form.get("choice")
    if sku is None:
        return _page(key, order_id, said=CHANGED, status=409)
    try:
        # Once more: a race that a text would run again must not be this person's to repeat.
        answered: Answered = once_more(
            runtime().db, lambda session: answer_offer(session, order_id, offer.id, sku or None, now())
        )
    except Invalid:
        # The page is older than the offer: what they tapped is not among the choices any more.
        return _page(key, order_id, said=CHANGED, status=409)
    return _page(key, order_id, said=answered.text, status=STATUS.get(answered.outcome, 200))


def _order_id(key: str) -> int:
    order_id = tokens.read(runtime().settings.secret_key, PURPOSE, key)
    if order_id is None:
        raise NotFound(NOT_OURS)
    return order_id


def _page(key: str, order_id: int, *, said: str = "", status: int = 200) -> Response:
    with runtime().db.snapshot() as session:
        order = session.get(Order, order_id)
        if order is None:
            raise NotFound(NOT_OURS)
        if order.closed_at and now() > order.closed_at + SHOWN_AFTER_END:
            words = PAGE_WORDS[language(order)]
            over = {"shop": order.branch.name, "is_over": True, "words": words, "language": language(order)}
            return _unlisted(render_template("track.html", **over), 410)
        page = shown(session, order, now()) | {"key": key, "answer": said}
        return _unlisted(render_template("track.html", **page), status)


def _unlisted(page: str, status: int) -> Response:
    answer = make_response(page, status)
    answer.headers["X-Robots-Tag"] = "noindex"
    # The link is the key: it must not travel to other sites.
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer
