"""Recoveries at the desk: sorry first, then the fix, then whether it is good; and the list of whom we still owe."""

from __future__ import annotations

import enum
from typing import TypeVar

from flask import Flask, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from ..customers.heads_up_answers import answer_for_customer
from ..customers.heads_up_rules import Preference
from ..foundation.errors import FieldError, Invalid, MoveNotAllowed, NotFound, StaleVersion
from ..messaging.rules import Channel
from ..orders.branches import get_branch
from ..orders.service import find_order
from ..recovery.rules import Fault, State, Step
from ..recovery.service import Taken, complain, lock_case, take_step
from .auth import current_runtime as runtime
from .forms import local_instant, number
from .order_pages import save, text
from .order_view import Place
from .recovery_view import DEEDS, MOST, allowed_words, closed_cases, danger_of_fix, open_cases, stamp
from .sessions import me, now, signed_in
from .tables import Access

MAIN = "main"
PLACE = "#recovery"
T = TypeVar("T", bound=enum.StrEnum)


class Form(enum.StrEnum):
    """The forms of a case: one for each step, and one for an apology that was said on the phone."""

    EMPATHISE = "empathise"
    CALL = "call"
    OFFER_FIX = "offer_fix"
    FIXED = "fixed"
    CONFIRM = "confirm"
    REOPEN = "reopen"


SAID = {
    Form.EMPATHISE: "Our apology is on its way. Now the fix.",
    Form.CALL: "Noted: you phoned and said sorry. Now the fix.",
    Form.OFFER_FIX: "The fix is offered.",
    Form.FIXED: "Noted as made good. They are asked whether it is.",
    Form.CONFIRM: "Noted: they say it is good.",
    Form.REOPEN: "Open again: offer another fix, and phone them.",
}


def register(app: Flask) -> None:
    """Hang the list, and what the forms on the page of an order post to."""
    app.add_url_rule("/recoveries", view_func=recoveries)
    app.add_url_rule("/orders/<ref>/recoveries", view_func=open_recovery, methods=["POST"])
    app.add_url_rule("/orders/<ref>/recoveries/<int:recovery_id>", view_func=go_on, methods=["POST"])
    app.add_url_rule("/orders/<ref>/heads-up", view_func=answer_heads_up, methods=["POST"])


@signed_in(Access.READER)
def recoveries() -> ResponseReturnValue:
    """Whom we still owe something, soonest next step first; those that are over behind a filter."""
    is_closed = request.args.get("state") == State.CLOSED
    cursor = number(request.args.get("cursor"), field="cursor")
    with runtime().db.snapshot() as session:
        place = Place(timezone=get_branch(session, MAIN).timezone, now=now())
        cases, following = closed_cases(session, place, cursor) if is_closed else (open_cases(session, place), None)
    page = {"cases": cases, "is_closed": is_closed, "next": following, "is_full": len(cases) == MOST, "most": MOST}
    return render_template("recoveries.html", **page)


@signed_in(Access.OPS)
def open_recovery(ref: str) -> ResponseReturnValue:
    """A customer complained: a case opens by hand."""

    def work(session: Session) -> str:
        what = text("complaint")
        if what is None:
            raise Invalid("complaint", "is empty: what is wrong, in words that the customer may read?")
        complain(session, ref, what[:500], now(), actor=me().actor, fault=_one_of(Fault, "fault"))
        return "Written down. Say sorry first, then the fix."

    return save(ref, work, place=PLACE)


@signed_in(Access.OPS)
def go_on(ref: str, recovery_id: int) -> ResponseReturnValue:
    """The next step of a case. One that is not allowed yet is refused with what is."""

    def work(session: Session) -> str:
        form = _one_of(Form, "step")
        if form is None:
            raise Invalid("step", "is missing: reload the page")
        taken = _taken(session, ref, form)
        _check_unchanged(session, ref, recovery_id)
        _take(session, recovery_id, taken, form)
        order = find_order(session, ref)
        if taken.by_at == order.promised_by:
            # The fix is the new promise: whoever gave its time can still do something about it.
            return f"{SAID[form]} {danger_of_fix(session, order, Place(timezone=order.branch.timezone, now=now()))}"
        return SAID[form]

    return save(ref, work, place=PLACE)


def _take(session: Session, recovery_id: int, taken: Taken, form: Form) -> None:
    try:
        take_step(session, recovery_id, taken, now(), links=runtime().links)
    except MoveNotAllowed as error:
        words = f"Too early, or too late, to {DEEDS[taken.step]}. {allowed_words(error.allowed)}"
        raise MoveNotAllowed(words, allowed=error.allowed) from error
    except Invalid as error:
        # From the names of the API to those of the form that was sent.
        names = {"by": Form.CALL, "channel": Form.CALL} if taken.step is Step.EMPATHISE else {}
        raise Invalid.of([_named(one, names.get(one.field, form)) for one in error.errors]) from error


def _named(one: FieldError, form: Form) -> FieldError:
    field = f"{form.value}_{'by' if one.field == 'channel' else one.field}"
    return FieldError(field, one.message)


def _check_unchanged(session: Session, ref: str, recovery_id: int) -> None:
    """Whoever typed into an older page sees first what happened; the second tap of an impatient finger ends here too.

    Under the order's lock, so that of two who say sorry at once the second is told. Raises StaleVersion.
    """
    order, recovery = lock_case(session, recovery_id)
    if order.id != find_order(session, ref).id:
        raise NotFound("This order has no such recovery.")
    was = request.form.get("was")
    if was is None:
        raise Invalid("was", "is missing: reload the page")
    if was != stamp(recovery):
        raise StaleVersion("Somebody went on with it before you.", current=recovery.version)


def _taken(session: Session, ref: str, form: Form) -> Taken:
    is_call = form is Form.CALL
    by_at = text("offer_fix_by") if form is Form.OFFER_FIX else None
    fault = _one_of(Fault, "fault")
    given = text("goodwill") or (text(f"goodwill_{fault.value}") if fault else None)
    zone = find_order(session, ref).branch.timezone
    return Taken(
        step=Step.EMPATHISE if is_call else Step(form.value),
        actor=me().actor,
        text=(text(f"{form.value}_text") or "")[:1000] or None,
        staff_id=number(request.form.get("call_by"), field="call_by") if is_call else None,
        by_at=local_instant(by_at, zone, field="offer_fix_by") if by_at else None,
        channel=Channel.CALL if is_call else Channel.SMS,
        fault=fault,
        goodwill=given[:500] if given else None,
    )


def _one_of(kind: type[T], name: str) -> T | None:
    """What was chosen. Raises Invalid for what was not on offer."""
    value = text(name)
    if value is not None and value not in set(kind):
        raise Invalid(name, "is not one of ours: reload the page")
    return kind(value) if value else None


@signed_in(Access.OPS)
def answer_heads_up(ref: str) -> ResponseReturnValue:
    """What a customer who was told early chose on the phone; it moves the order."""

    def work(session: Session) -> str:
        choice = _one_of(Preference, "choice")
        if choice is None:
            raise Invalid("choice", "is missing: what do they want?")
        answer_for_customer(session, ref, choice, now(), links=runtime().links, actor=me().actor)
        return "Noted: that is what they want."

    return save(ref, work, place=PLACE)
