"""An empty shop becomes one that can start: the first admin, the shop, and the people with their numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import available_timezones

from flask import Flask, make_response, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from ..foundation.errors import FieldError, Invalid
from ..foundation.hours import checked_hours, open_spans, zone
from ..orders.branches import BranchValues, get_branch, put_branch
from ..staff.rules import Role
from ..staff.service import NewStaff, add_staff
from . import words
from .auth import current_runtime as runtime
from .auth import public
from .forms import Complaints
from .login import welcome
from .people_pages import role_of
from .sessions import create_user, has_users, now, read_link, sign_in, use_link
from .tables import Access

MAIN = "main"
SHOP = ("email", "password", "shop_name", "timezone", "opening_hours")
MOST_PEOPLE = 200
DAYS_SHOWN = 7
EXAMPLES = (
    ("Mo-Sa 10:00-19:00", "Monday to Saturday, ten to seven"),
    ("Mo-Fr 09:00-13:00,15:00-20:00; Sa 10:00-14:00", "with a long lunch, and shorter on Saturday"),
    ("Mo-Su 08:00-22:00; PH off", "every day, closed on public holidays"),
    ("24/7", "always"),
)
PERSON_NAMES = ("name", "phone", "role", "shifts")


@dataclass(frozen=True, kw_only=True)
class TypedPerson:
    """One row of people as it was typed."""

    name: str = ""
    phone: str = ""
    role: str = Role.STAFF.value
    shifts: str = ""
    on_call: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing was typed; such rows are passed over."""
        return not (self.name or self.phone)


class GoneLink(Exception):
    """The one-time link was used by somebody else a moment ago."""


def register(app: Flask) -> None:
    """Hang the setup."""
    app.add_url_rule("/setup", view_func=setup_page)
    app.add_url_rule("/setup", view_func=set_up, methods=["POST"])
    app.add_url_rule("/setup/hours", view_func=read_hours, methods=["POST"])


def _is_open(session: Session, secret: str) -> bool:
    """An old link in somebody's console must not make a second first admin."""
    link = read_link(session, secret, now())
    return link is not None and link.user_id is None and not has_users(session)


@public
def setup_page() -> ResponseReturnValue:
    """The questions."""
    with runtime().db.snapshot() as session:
        if not _is_open(session, request.args.get("s", "")):
            return render_template("link.html", link=None), 410
        branch = get_branch(session, MAIN)
        shop = dict.fromkeys(SHOP, "") | {"timezone": branch.timezone}
    people = [TypedPerson(role=Role.FOUNDER.value, on_call=True), TypedPerson()]
    return _form(shop, people, Complaints(), status=200)


def _form(
    shop: Mapping[str, str], people: list[TypedPerson], errors: Complaints, *, status: int
) -> ResponseReturnValue:
    page = render_template(
        "setup.html",
        shop=shop,
        people=people,
        errors=errors,
        secret=request.values.get("s", ""),
        zones=sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/")),
        roles=[(role.value, words.ROLES[role]) for role in Role],
        examples=EXAMPLES,
        hours=hours_words(shop["opening_hours"], shop["timezone"], now()),
        is_first=request.method == "GET",
        region=runtime().settings.default_region,
    )
    return make_response(page, status)


def _typed_people(form: MultiDict[str, str]) -> list[TypedPerson]:
    columns = [form.getlist(f"person_{name}") for name in PERSON_NAMES]
    calls = form.getlist("person_on_call")
    rows = [
        TypedPerson(name=name.strip(), phone=phone.strip(), role=role, shifts=shifts.strip(), on_call=call == "yes")
        for (name, phone, role, shifts), call in zip(zip(*columns, strict=False), calls, strict=False)
    ]
    return rows[:MOST_PEOPLE]


@public
def set_up() -> ResponseReturnValue:
    """Make it all, or nothing and say what is missing."""
    shop = {name: request.form.get(name, "").strip() for name in SHOP} | {"password": request.form.get("password", "")}
    people = _typed_people(request.form) or [TypedPerson()]
    if "more" in request.form:
        return _form(shop, [*people, TypedPerson()], Complaints(), status=200)
    try:
        with runtime().db.transaction() as session:
            cookie = _make(session, shop, people)
    except GoneLink:
        return render_template("link.html", link=None), 410
    except Invalid as error:
        numbered = [f"{name}-{index}" for index in range(len(people)) for name in PERSON_NAMES]
        return _form(shop, people, Complaints.of(error.errors, [*SHOP, *numbered]), status=422)
    return welcome(cookie, "/")


def _make(session: Session, shop: Mapping[str, str], people: list[TypedPerson]) -> str:
    if not _is_open(session, request.form.get("s", "")) or not use_link(session, request.form.get("s", ""), now()):
        raise GoneLink
    complaints = [*_shop_complaints(shop)]
    user_id = 0
    try:
        user_id = create_user(session, shop["email"], Access.ADMIN, shop["password"], now()).id
    except Invalid as error:
        complaints = [*error.errors, *complaints]
    if not complaints:
        values = BranchValues(
            name=shop["shop_name"],
            timezone=shop["timezone"],
            opening_hours=shop["opening_hours"],
            country=runtime().settings.default_region,
        )
        put_branch(session, MAIN, values, now())
    complaints += _add_people(session, people)
    if complaints:
        raise Invalid.of(complaints)
    return sign_in(session, user_id, now())


def _shop_complaints(shop: Mapping[str, str]) -> list[FieldError]:
    complaints = [] if shop["shop_name"] else [FieldError("shop_name", "what is the shop called?")]
    for name, check in (("timezone", zone), ("opening_hours", checked_hours)):
        try:
            check(shop[name])
        except Invalid as error:
            complaints += error.errors
    return complaints


def _add_people(session: Session, people: list[TypedPerson]) -> list[FieldError]:
    complaints: list[FieldError] = []
    for index, person in enumerate(people):
        if person.is_empty:
            continue
        try:
            new = NewStaff(
                name=person.name,
                phone=person.phone,
                role=role_of(person.role),
                shifts=person.shifts or None,
                on_call=person.on_call,
            )
            add_staff(session, new, now(), region=runtime().settings.default_region)
        except Invalid as error:
            complaints += [FieldError(f"{e.field}-{index}", e.message) for e in error.errors]
    if not any(person.role == Role.FOUNDER and not person.is_empty for person in people):
        complaints.append(FieldError("role-0", "who is the founder? The last one asked, and always reached"))
    return complaints


@public
def read_hours() -> ResponseReturnValue:
    """Opening hours read back, while somebody types."""
    return render_template(
        "_hours.html", hours=hours_words(request.form.get("opening_hours", ""), request.form.get("timezone", ""), now())
    )


def hours_words(text: str, timezone: str, at: datetime) -> list[tuple[str, str]] | str:
    """(day, hours) for the coming week, or why they can't be read; empty when nothing was typed."""
    if not text.strip():
        return ""
    try:
        here = zone(timezone)
        checked_hours(text)
    except Invalid as error:
        return error.errors[0].message
    week = []
    for offset in range(DAYS_SHOWN):
        day = at.astimezone(here).date() + timedelta(days=offset)
        start = datetime.combine(day, datetime.min.time(), here)
        end = datetime.combine(day + timedelta(days=1), datetime.min.time(), here)
        spans = open_spans(text, timezone=timezone, start=start, end=end, country=runtime().settings.default_region)
        said = [f"{s.start.astimezone(here):%H:%M}–{_until(s.end, end):%H:%M}" for s in spans]
        week.append((f"{day:%a}", ", ".join(said).replace("–00:00", "–24:00") or "closed"))
    return week


def _until(at: datetime, midnight: datetime) -> datetime:
    return at.astimezone(midnight.tzinfo)
