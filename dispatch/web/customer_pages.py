"""What a customer sees behind the link in a text: where the order stands, in their words, nothing of others."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from flask import Flask, Response, make_response, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from ..customers.heads_up import heads_up_of, is_open
from ..customers.heads_up_answers import answer_heads_up
from ..customers.heads_up_rules import Outcome as Preferred
from ..customers.heads_up_rules import Preference
from ..foundation import tokens
from ..foundation.db import once_more
from ..foundation.errors import Invalid, NotFound
from ..orders.rules import Sourcing, Status
from ..orders.tables import Order
from ..orders.wording import first_name
from ..procurement.offer_answers import GIVEN_UP, Answered, Outcome
from ..procurement.offers import Asked, asked
from ..procurement.substitution_rules import OfferState
from ..promise.offers import answer_offer
from ..recovery.answers import answer as answer_question
from ..recovery.answers import asked_case
from ..recovery.rules import Stage
from ..staff.tables import Staff
from . import words
from .auth import current_runtime as runtime
from .sessions import now, signed_link

PURPOSE = "tracking"
SHOWN_AFTER_END = timedelta(days=14)
STEPS = ("We have your order", "It is in our hands", "On its way", "With you")
STEP_OF = {
    Status.PROCURING: 0,
    Status.PACKING: 1,
    Status.READY: 1,
    Status.OUT_FOR_DELIVERY: 2,
    Status.DELIVERED: 3,
}
SAID = {
    Status.PROCURING: "We are getting it for you from another shop in town.",
    Status.PACKING: "We have it here and are packing it.",
    Status.READY: "It is packed and about to leave.",
    Status.OUT_FOR_DELIVERY: "{name} is on the way to you.",
    Status.DELIVERED: "It is with you since {at}. Thank you for counting on us.",
    Status.CANCELLED: "This order was cancelled. If that surprises you, please call us.",
}
NOT_OURS = "This link is not one of ours. Open it again from our text."
CHANGED = "That has changed meanwhile: please choose again."
MISSING = "We could not find everything in time."
PREFERRED = {Preferred.LATE: 410, Preferred.OVER: 410}
PREFERENCES = {
    Preference.WAIT: "I wait",
    Preference.LATER: "Bring it by {later}",
    Preference.COLLECT: "I come and collect it",
    Preference.CANCEL: "I don't need it any more",
}
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
    """What they choose, of what we asked: something else instead, what to do about a delay, or whether it is good now.

    The same tap twice is one.
    """
    key = request.form.get("k", "")
    order_id = _order_id(key)
    if "heads_up" in request.form:
        return _prefer(key, order_id, request.form["heads_up"])
    if "good" in request.form:
        return _say(key, order_id, request.form["good"])
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
            return _unlisted(render_template("track.html", shop=order.branch.name, is_over=True), 410)
        page = _shown(session, order, now()) | {"key": key, "answer": said}
        return _unlisted(render_template("track.html", **page), status)


def _unlisted(page: str, status: int) -> Response:
    answer = make_response(page, status)
    answer.headers["X-Robots-Tag"] = "noindex"
    # The link is the key: it must not travel to other sites.
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


def _shown(session: Session, order: Order, at: datetime) -> dict[str, object]:
    timezone = order.branch.timezone
    carrier = session.get(Staff, order.carrier_id) if order.carrier_id else None
    name = first_name(carrier.name) if carrier else "Somebody of ours"
    ended = words.when_words(order.delivered_at, timezone, now=at) if order.delivered_at else ""
    is_under_way = order.closed_at is None
    # Somebody may be looking once more: until it is found, a choice that is open stays open.
    given_up = {line.id for line in order.lines if line.sourcing in GIVEN_UP} if is_under_way else set()
    offers = _offers(asked(session, [order.id]), given_up, timezone, at)
    is_missing = is_under_way and any(line.sourcing is Sourcing.UNAVAILABLE for line in order.lines)
    recovery = asked_case(session, order.id)
    moved = order.first_promised_by != order.promised_by
    return {
        "shop": order.branch.name,
        "is_over": False,
        "name": first_name(order.customer_name),
        "things": [
            (f"{line.quantity} × {line.title}" if line.quantity > 1 else line.title, line.instead_of)
            for line in order.lines
        ],
        "said": MISSING if is_missing else SAID[order.status].format(name=name, at=ended),
        "offers": [offer for offer in offers if is_missing or offer["is_open"]],
        "heads_up": _heads_up(session, order, at),
        "asks_whether_good": recovery is not None and recovery.stage is Stage.FIXED,
        "steps": STEPS,
        "step": STEP_OF.get(order.status),
        "is_open": is_under_way,
        "is_late": is_under_way and at > order.promised_by,
        "promise": words.when_words(order.promised_by, timezone, now=at),
        "first_promise": words.when_words(order.first_promised_by, timezone, now=at) if moved else "",
    }


def _heads_up(session: Session, order: Order, at: datetime) -> list[tuple[str, str]]:
    """What they may choose while the promise is at risk: (value, words); empty when nothing is asked."""
    row = heads_up_of(session, order.id)
    if row is None or not is_open(row, order):
        return []
    later = words.when_words(row.proposed_at, order.branch.timezone, now=at) if row.proposed_at else ""
    is_past = row.proposed_at is not None and row.proposed_at <= at
    can = [wish for wish in map(Preference, row.choices) if not (wish is Preference.LATER and is_past)]
    return [(wish.value, PREFERENCES[wish].format(later=later)) for wish in can]


def _offers(offers: Sequence[Asked], missing: Collection[int], timezone: str, at: datetime) -> list[dict[str, object]]:
    """What they may still choose, or what came of it: the newest question about each thing that is missing."""
    newest = {offer.line_id: offer for offer in offers if offer.line_id in missing}
    return [
        {
            "id": offer.id,
            "missing": offer.title,
            "choices": list(zip(offer.skus, offer.titles, strict=True)),
            "is_open": offer.state is OfferState.OPEN and at <= offer.reply_by,
            "is_declined": offer.state is OfferState.DECLINED,
            "until": words.when_words(offer.reply_by, timezone, now=at),
        }
        for offer in newest.values()
    ]
