"""The settings: the shop and its policy, our number and a test text, and what would stop a page from being sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from zoneinfo import available_timezones

from flask import Flask, flash, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from ..foundation.errors import Conflict, FieldError, Invalid
from ..orders.branches import BranchValues, get_branch, put_branch
from ..orders.policy import Policy
from ..orders.tables import Branch
from . import check_rules
from .auth import current_runtime as runtime
from .check_facts import load_facts
from .csv_rows import number
from .forms import complaints_of
from .schemas import Code, Query, read_json
from .schemas_shop import BranchIn
from .sessions import me, now, signed_in
from .settings_view import NUMBERS, changed_policy, sender_facts
from .setup import EXAMPLES, hours_words
from .tables import Access
from .trial_text import send_test

MAIN = "main"
WORDS = ("name", "timezone", "opening_hours", "country", "address")
PLACE = ("lat", "lon")
FIELDS = (*WORDS, *PLACE, *(f"policy.{each.name}" for each in NUMBERS), "code", "to")


class NewCode(Query):
    """The code of a branch that is to be."""

    code: Code


def register(app: Flask) -> None:
    """Hang the settings."""
    app.add_url_rule("/settings", view_func=settings_page)
    app.add_url_rule("/settings", view_func=save_settings, methods=["POST"])
    app.add_url_rule("/settings/test", view_func=send_test_text, methods=["POST"])


@signed_in(Access.READER)
def settings_page() -> ResponseReturnValue:
    """How the shop is set up, for everybody; admins may change it."""
    return _page()


def _page(refusal: Invalid | Conflict | None = None, *, typed: Mapping[str, str] | None = None) -> ResponseReturnValue:
    errors, status = complaints_of(refusal, FIELDS)
    settings = runtime().settings
    code = request.values.get("branch", MAIN)
    with runtime().db.snapshot() as session:
        branches = session.execute(select(Branch.code, Branch.name).order_by(Branch.id)).all()
        is_new = code == ""
        shop = _blank(session) if is_new else _shown(get_branch(session, code))
        facts = load_facts(session, now(), settings)
    shop |= typed or {}
    found = [*check_rules.of_settings(settings), *check_rules.of_data(facts, now())]
    page = render_template(
        "settings.html",
        shop=shop,
        code=code,
        is_new=is_new,
        branches=branches,
        groups=[(group, [each for each in NUMBERS if each.group == group]) for group in _groups()],
        zones=sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/")),
        examples=EXAMPLES,
        hours=hours_words(shop["opening_hours"], shop["timezone"], now()),
        complaints_found=sorted(found, key=lambda each: each.severity is not check_rules.Severity.FATAL),
        sender=sender_facts(
            settings,
            has_voice=runtime().has_voice,
            webhook=f"{settings.public_url}/webhooks/twilio/message",
        ),
        errors=errors,
        can_change=me().may(Access.ADMIN),
    )
    return make_response(page, status)


def _groups() -> list[str]:
    return list(dict.fromkeys(each.group for each in NUMBERS))


def _shown(branch: Branch) -> dict[str, str]:
    """A branch as its form shows it. A policy that can't be read shows the defaults: saving writes it anew."""
    try:
        policy = branch.policy
    except Invalid:
        policy = Policy()
    shown = {name: _text(getattr(branch, name)) for name in (*WORDS, *PLACE)}
    shown |= {f"policy.{name}": _text(value) for name, value in policy.to_dict().items()}
    return shown | {"version": str(branch.version)}


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _blank(session: Session) -> dict[str, str]:
    """A new branch starts as the first one is, without its name and place."""
    first = _shown(get_branch(session, MAIN))
    return first | {"name": "", "address": "", "lat": "", "lon": "", "version": "", "code": ""}


@signed_in(Access.ADMIN)
def save_settings() -> ResponseReturnValue:
    """The shop as it is from now on; the same rules as `PUT /branches`."""
    code = request.form.get("branch", MAIN)
    typed = {name: request.form.get(name, "").strip() for name in FIELDS if name in request.form}
    try:
        with runtime().db.transaction() as session:
            branch = _put(session, code, typed)
            name, code = branch.name, branch.code
    except (Invalid, Conflict) as error:
        return _page(_in_words(error), typed=typed)
    flash(f"{name} is saved.")
    return redirect("/settings" if code == MAIN else f"/settings?branch={code}", 303)


def _put(session: Session, code: str, typed: Mapping[str, str]) -> Branch:
    body = read_json(BranchIn, json.dumps(_body(typed)).encode())
    is_new = code == ""
    code = read_json(NewCode, json.dumps({"code": typed.get("code", "")}).encode()).code if is_new else code
    # Locked: of two who save at the same moment the second is told, and sees what the first wrote.
    there = session.scalars(select(Branch).where(Branch.code == code).with_for_update()).first()
    if is_new and there is not None:
        raise Invalid("code", "is another branch's already: choose another one")
    if not is_new and str(get_branch(session, code).version) != request.form.get("version", ""):
        raise Conflict("Somebody else has saved these settings meanwhile. Look at theirs before you save yours.")
    values = BranchValues(
        name=body.name,
        timezone=body.timezone,
        opening_hours=body.opening_hours,
        country=body.country.upper() if body.country else None,
        address=body.address,
        lat=body.lat,
        lon=body.lon,
        policy=changed_policy(body.policy.given()) if body.policy else None,
    )
    return put_branch(session, code, values, now())[0]


def _body(typed: Mapping[str, str]) -> dict[str, object]:
    """What was typed, as the API takes it; empty fields are left out."""
    body: dict[str, object] = {name: typed[name] for name in WORDS if typed.get(name)}
    body |= {name: number(typed[name]) for name in PLACE if typed.get(name)}
    policy = {each.name: number(typed[f"policy.{each.name}"]) for each in NUMBERS if typed.get(f"policy.{each.name}")}
    return body | {"policy": policy}


def _in_words(error: Invalid | Conflict) -> Invalid | Conflict:
    """Complaints beside the field they are about: "both or neither" belongs to the place."""
    if not isinstance(error, Invalid):
        return error
    return Invalid.of([FieldError("lat" if e.field == "body" else e.field, e.message) for e in error.errors])


@signed_in(Access.ADMIN)
def send_test_text() -> ResponseReturnValue:
    """One text to a number, on the way that all texts go."""
    typed = request.form.get("to", "").strip()
    try:
        with runtime().db.transaction() as session:
            phone = send_test(session, typed, now(), region=runtime().settings.default_region)
    except (Invalid, Conflict) as error:
        return _page(error, typed={"to": typed})
    flash(f"A test text to {phone} is on its way; it stands under Texts with its receipts.")
    return redirect("/settings", 303)
