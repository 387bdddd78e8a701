"""The people: who is here, paused or on call; pausing them, their shifts, and somebody new."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from flask import Flask, flash, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from ..foundation.errors import Conflict, FieldError, Invalid, PromisesAtStake
from ..orders.branches import get_branch
from ..promise import absence
from ..staff import service as staff
from ..staff.rules import Role
from ..staff.service import NewStaff
from ..staff.tables import Staff
from . import words
from .auth import current_runtime as runtime
from .day_view import days
from .forms import complaints_of, local_instant
from .people_view import everybody, state_words
from .sessions import me, now, signed_in
from .stake_page import ask_again, typed_say
from .tables import Access
from .undo_pages import NO_UNDO

MAIN = "main"
FIELDS = ("name", "phone", "role", "shifts", "until", "reason", "starts_at", "ends_at")
SPANS = {"30": "30 minutes", "60": "1 hour", "120": "2 hours", "rest": "the rest of today"}
ASKS = {"Pause": "Pause", "Go home": "Going home:", "Save": "Change", "End the shift": "End the shift of"}
Refusal = Invalid | Conflict


def register(app: Flask) -> None:
    """Hang the people page and what it posts to."""
    app.add_url_rule("/people", view_func=people)
    app.add_url_rule("/people", view_func=add_person, methods=["POST"])
    app.add_url_rule("/people/<int:staff_id>", view_func=change_person, methods=["POST"])
    app.add_url_rule("/people/<int:staff_id>/pause", view_func=pause_person, methods=["POST"])
    app.add_url_rule("/people/<int:staff_id>/home", view_func=go_home, methods=["POST"])
    app.add_url_rule("/people/<int:staff_id>/back", view_func=end_pause, methods=["POST"])
    app.add_url_rule("/people/<int:staff_id>/shifts", view_func=add_shift, methods=["POST"])
    app.add_url_rule("/people/<int:staff_id>/shifts/<int:shift_id>/end", view_func=end_shift, methods=["POST"])


@signed_in(Access.READER)
def people() -> ResponseReturnValue:
    """Everybody, those who are here first."""
    return _page()


def _page(refusal: Refusal | None = None, *, staff_id: int | None = None) -> ResponseReturnValue:
    errors, status = complaints_of(refusal, FIELDS)
    with runtime().db.snapshot() as session:
        timezone = get_branch(session, MAIN).timezone
        shapes = everybody(session, now())
        strips = days(session, now())
    page = render_template(
        "people.html",
        people=[
            {**shape, "state": state_words(shape, timezone, now()), "day": strips[int(shape["id"])]} for shape in shapes
        ],
        roles=[(role.value, words.ROLES[role]) for role in Role],
        spans=SPANS.items(),
        zone=timezone,
        errors=errors,
        at_fault=str(staff_id) if staff_id else "new" if refusal else "",
        deed=request.path.rpartition("/")[2],
        typed=request.form,
        can_act=me().may(Access.OPS),
        can_change=me().may(Access.ADMIN),
    )
    return make_response(page, status)


def _save(work: Callable[[Session], str], *, staff_id: int | None = None, undo: str = NO_UNDO) -> ResponseReturnValue:
    try:
        with runtime().db.transaction() as session:
            said = work(session)
    except (Invalid, Conflict) as error:
        return _page(error, staff_id=staff_id)
    flash(said, undo)
    return redirect("/people", 303)


def _guarded(work: Callable[[Session], str], staff_id: int, *, deed: str) -> ResponseReturnValue:
    """The same for what may take the last way to keep a promise: that is asked about first."""
    try:
        # A pause is taken back by ending it, also later than in ten seconds.
        undo = f"/people/{staff_id}/back" if deed in ("Pause", "Go home") else NO_UNDO
        return _save(work, staff_id=staff_id, undo=undo)
    except PromisesAtStake as refusal:
        with runtime().db.snapshot() as session:
            name = session.get_one(Staff, staff_id).name
        return ask_again(refusal, title=f"{ASKS[deed]} {name}?", deed=deed, back="/people")


def _typed(name: str) -> str:
    return request.form.get(name, "").strip()


def role_of(text: str, *, field: str = "role") -> Role:
    """The role that was chosen. Raises Invalid."""
    if text not in set(Role):
        raise Invalid(field, "choose one")
    return Role(text)


@signed_in(Access.ADMIN)
def add_person() -> ResponseReturnValue:
    """Somebody new."""

    def work(session: Session) -> str:
        new = NewStaff(
            name=_typed("name"),
            phone=_typed("phone"),
            role=role_of(_typed("role")),
            shifts=_typed("shifts") or None,
            on_call="on_call" in request.form,
        )
        return f"{staff.add_staff(session, new, now(), region=runtime().settings.default_region).name} is on the team."

    return _save(work)


@signed_in(Access.ADMIN)
def change_person(staff_id: int) -> ResponseReturnValue:
    """Another name, number, role or roster; or somebody who left."""

    def work(session: Session) -> str:
        changes: dict[str, object] = {
            "name": _typed("name"),
            "phone": _typed("phone"),
            "role": role_of(_typed("role")),
            "shifts": _typed("shifts") or None,
            "on_call": "on_call" in request.form,
        }
        if "left" in request.form:
            changes["is_active"] = False
        if not changes["name"]:
            raise Invalid("name", "is empty: who is it?")
        region = runtime().settings.default_region
        person = absence.change(session, staff_id, changes, now(), region=region, say=typed_say())
        return f"{person.name} is saved."

    return _guarded(work, staff_id, deed="Save")


def typed_until(timezone: str) -> datetime:
    """When a pause is to end, as it was chosen or typed. Raises Invalid."""
    span = _typed("span")
    if _typed("until"):
        return local_instant(_typed("until"), timezone, field="until")
    if span == "rest":
        there = now().astimezone(ZoneInfo(timezone))
        return (there + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    if span in SPANS:
        return now() + timedelta(minutes=int(span))
    raise Invalid.of([FieldError("until", "until when?")])


@signed_in(Access.OPS)
def pause_person(staff_id: int) -> ResponseReturnValue:
    """Not to be asked for a while."""

    def work(session: Session) -> str:
        timezone = get_branch(session, MAIN).timezone
        until = typed_until(timezone)
        person = absence.pause(session, staff_id, now(), until=until, say=typed_say())
        return f"{person.name} is not asked until {words.clock_words(until, timezone, now=now())}."

    return _guarded(work, staff_id, deed="Pause")


@signed_in(Access.OPS)
def go_home(staff_id: int) -> ResponseReturnValue:
    """One tap: not to be asked until the end of the shift."""

    def work(session: Session) -> str:
        return f"{absence.go_home(session, staff_id, now(), say=typed_say()).name} goes home."

    return _guarded(work, staff_id, deed="Go home")


@signed_in(Access.OPS)
def end_pause(staff_id: int) -> ResponseReturnValue:
    """Back again."""
    return _save(lambda session: f"{staff.end_pause(session, staff_id, now()).name} is back.", staff_id=staff_id)


@signed_in(Access.OPS)
def add_shift(staff_id: int) -> ResponseReturnValue:
    """One shift on top of the roster."""

    def work(session: Session) -> str:
        timezone = get_branch(session, MAIN).timezone
        starts_at = local_instant(_typed("starts_at"), timezone, field="starts_at")
        ends_at = local_instant(_typed("ends_at"), timezone, field="ends_at")
        shift = staff.add_shift(session, staff_id, now(), starts_at=starts_at, ends_at=ends_at)
        return f"The shift until {words.clock_words(shift.ends_at, timezone, now=now())} is added."

    return _save(work, staff_id=staff_id)


@signed_in(Access.OPS)
def end_shift(staff_id: int, shift_id: int) -> ResponseReturnValue:
    """An extra shift ends now, or does not take place."""

    def work(session: Session) -> str:
        return f"The extra shift of {absence.end_shift(session, shift_id, now(), say=typed_say()).name} is ended."

    return _guarded(work, staff_id, deed="End the shift")
