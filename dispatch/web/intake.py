"""Taking an order: the form, and the verdict before it is saved."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import replace
from typing import Any

from flask import Flask, flash, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from ..foundation.errors import Invalid
from ..foundation.types import parse_phone
from ..messaging.phrase_rules import LANGUAGE_NAMES, Language, language_of
from ..orders.branches import get_branch
from ..orders.callers import Caller, known_caller
from ..orders.rules import Proof, Substitution
from ..orders.tables import Branch
from ..procurement.tables import Item
from ..promise import quotes, wording
from ..promise import service as promise
from ..promise.rules import Level, Verdict
from ..promise.verdict import Finding, shops
from . import words
from .auth import current_runtime as runtime
from .forms import Complaints, local_field, sentence
from .order_forms import (
    TypedOrder,
    empty_order,
    presets,
    read_order,
    read_question,
    typed_order,
    with_caller,
    with_promise,
)
from .sessions import me, now, signed_in
from .tables import Access

MAIN = "main"
# Before the external ids that our own form makes: nobody's number, and not shown.
FORM = "form-"
MOST_ITEMS = 500
VERDICTS = {
    Verdict.YES: "Yes, this can be promised",
    Verdict.YES_IF: "Yes, if …",
    Verdict.NO: "No, not by then",
}
# The colours of the levels, and a refusal has the level's own.
LOOKS = {Verdict.YES: Level.ON_TRACK, Verdict.YES_IF: Level.WATCH}
NEVER = "No way to promise it"

# Known customers keep theirs, unless it is said.
LANGUAGES = [("", "as last time, else English"), *((one.value, name) for one, name in LANGUAGE_NAMES.items())]

WAITING = {
    "level": "waiting",
    "title": "Can we promise it?",
    "message": "Say what and by when: the answer appears here. Without a time it says how soon it can be there.",
}


def register(app: Flask) -> None:
    """Hang the form of a new order."""
    app.add_url_rule("/orders/new", view_func=new_order)
    app.add_url_rule("/orders/new", view_func=take_order, methods=["POST"])
    app.add_url_rule("/orders/preview", view_func=preview_order, methods=["POST"])
    app.add_url_rule("/orders/caller", view_func=who_calls, methods=["POST"])


@signed_in(Access.OPS)
def new_order() -> ResponseReturnValue:
    """An empty form."""
    with runtime().db.snapshot() as session:
        return _form(session, empty_order())


def _form(
    session: Session, typed: TypedOrder, *, errors: Complaints | None = None, status: int = 200
) -> ResponseReturnValue:
    branch = get_branch(session, request.form.get("branch", MAIN))
    caller = caller_view(_caller(session, branch), branch.timezone)
    if request.method == "POST" and errors is None:
        typed = with_caller(typed, caller)
    branches = session.scalars(select(Branch).order_by(Branch.id)).all()
    items = session.execute(select(Item.title, Item.sku).order_by(Item.title).limit(MOST_ITEMS)).all()
    page = render_template(
        "order_new.html",
        typed=typed,
        plain=typed.plain,
        once=request.form.get("once") or secrets.token_urlsafe(12),
        errors=errors or Complaints(),
        presets=presets(branch, now(), typed.plain["promise"]),
        branch=branch.code,
        branches=[(b.code, b.name) for b in branches],
        items=items,
        zone=branch.timezone,
        least=local_field(now(), branch.timezone),
        wishes=[(wish.value, words.SUBSTITUTIONS[wish]) for wish in Substitution],
        proofs=[(proof.value, words.PROOFS[proof]) for proof in Proof],
        languages=LANGUAGES,
        caller=caller,
        verdict=verdict(session, typed, branch) if request.method == "POST" else WAITING,
    )
    return make_response(page, status)


@signed_in(Access.OPS)
def take_order() -> ResponseReturnValue:
    """Save it, whatever the clock says: the person on the phone decides. Or ask for the verdict, or add a line."""
    typed = typed_order(request.form)
    if "check" in request.form or "instead" in request.form:
        with runtime().db.snapshot() as session:
            return _form(session, with_promise(typed, request.form.get("instead")))
    if "more" in request.form:
        with runtime().db.snapshot() as session:
            return _form(session, TypedOrder(plain=typed.plain, lines=(*typed.lines, empty_order().lines[0])))
    region = runtime().settings.default_region
    try:
        with runtime().db.transaction() as session:
            branch = get_branch(session, request.form.get("branch", MAIN))
            new = read_order(session, typed, branch, now(), region=region)
            spoken = _language(typed, _caller(session, branch))
            new = replace(new, external_id=_mark(typed), customer_language=spoken)
            order, is_new = promise.place(session, new, now(), actor=me().actor, region=region)
            ref = order.ref
    except Invalid as error:
        errors = Complaints.of(error.errors, typed.fields(), typed.names())
        with runtime().db.snapshot() as session:
            return _form(session, typed, errors=errors, status=422)
    flash(f"{ref} is taken. The clock runs." if is_new else f"{ref} was taken a moment ago; it is not taken twice.")
    return redirect(f"/orders/{ref}", 303)


def _language(typed: TypedOrder, caller: Caller | None) -> str:
    """What was chosen; else what this customer was spoken to in the last time, or English."""
    chosen = typed.plain["language"]
    if chosen in set(Language):
        return chosen
    return caller.language if caller else Language.EN.value


def _mark(typed: TypedOrder) -> str | None:
    """The same form with the same words, sent twice by an impatient hand, is one order."""
    once = request.form.get("once", "")
    said = hashlib.sha256(repr((once, sorted(typed.plain.items()), typed.lines)).encode()).hexdigest()
    return f"{FORM}{said[:32]}" if once else None


@signed_in(Access.OPS)
def preview_order() -> ResponseReturnValue:
    """The verdict alone, while somebody types."""
    with runtime().db.snapshot() as session:
        branch = get_branch(session, request.form.get("branch", MAIN))
        return render_template("_verdict.html", verdict=verdict(session, typed_order(request.form), branch))


@signed_in(Access.OPS)
def who_calls() -> ResponseReturnValue:
    """What we know of whoever has this number. In the body, never in an address: it is nobody's business but theirs."""
    with runtime().db.snapshot() as session:
        branch = get_branch(session, request.form.get("branch", MAIN))
        return render_template("_caller.html", caller=caller_view(_caller(session, branch), branch.timezone))


def _caller(session: Session, branch: Branch) -> Caller | None:
    try:
        phone = parse_phone(request.form.get("phone", ""), region=runtime().settings.default_region)
    except Invalid:
        return None
    return known_caller(session, phone, branch.id, now())


def caller_view(caller: Caller | None, timezone: str) -> dict[str, str]:
    """A caller as the form shows them; empty for somebody new."""
    if caller is None:
        return {}
    times = "once" if caller.orders == 1 else f"{caller.orders} times"
    failed = ""
    if caller.failed_last is not None:
        what = "that was late" if caller.orders == 1 else f"{caller.failed} of these came late, or not at all"
        failed = f"{what}, the last promised for {words.when_words(caller.failed_last, timezone, now=now())}"
    language = language_of(caller.language)
    reads = "" if language is Language.EN else f" Our texts to them are in {LANGUAGE_NAMES[language]}."
    said = f"{caller.name} has ordered {times}{'; ' if failed else ''}{failed}.{reads}"
    return {"name": caller.name, "address": caller.address, "text": said, "is_warning": "yes" if failed else ""}


def verdict(session: Session, typed: TypedOrder, branch: Branch) -> dict[str, Any]:
    """What can be said to the customer, in the shop's words. Nobody is held while somebody types."""
    try:
        question = read_question(session, typed, branch)
        found = quotes.look(session, question, now())
    except Invalid as error:
        return {**WAITING, "message": _still(typed, error)}
    return _shown(found, branch.timezone, is_asked=question.promised_by is not None)


def _still(typed: TypedOrder, error: Invalid) -> str:
    """What is missing, gently; what is wrong, as it is."""
    is_missing = not any(line.item.strip() for line in typed.lines)
    return "Still to say: what." if is_missing else " ".join(sentence(e.message) for e in error.errors)


def _shown(found: Finding, timezone: str, *, is_asked: bool) -> dict[str, Any]:
    at = now()
    asked = wording.by_when(found.promised_by, timezone, at) if found.promised_by else ""
    first = wording.by_when(found.earliest_by, timezone, at) if found.earliest_by else ""
    slack = words.slack_words(found.slack_minutes, promised_by=found.promised_by, now=at) if found.promised_by else ""
    return {
        "level": LOOKS.get(found.verdict, found.level).value,
        "title": VERDICTS[found.verdict] if found.promised_by else NEVER,
        "say": wording.on_the_phone(found.verdict, asked=asked, earliest=first, shops=shops(found)),
        "conditions": [condition[:1].upper() + condition[1:] for condition in found.conditions],
        "message": found.message,
        "slack": slack,
        "bar": words.bar_width(found.slack_minutes),
        "act_by": words.when_words(found.act_by, timezone, now=at) if found.act_by and found.act_by > at else "",
        "offer": _offer(found, is_asked=is_asked),
        "earliest": first,
        "is_instead": is_asked,
    }


def _offer(found: Finding, *, is_asked: bool) -> str:
    """The earliest time, where it is not sooner than what was asked for anyway."""
    first, asked = found.earliest_by, found.promised_by
    return first.isoformat() if first and asked and (not is_asked or first > asked) else ""
