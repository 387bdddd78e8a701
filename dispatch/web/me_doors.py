"""In and out of "my day": by a link that is texted to somebody's own number, and opens once."""

from __future__ import annotations

from flask import Flask, flash, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from ..foundation.errors import Invalid
from ..foundation.types import parse_phone
from ..staff import service as staff
from ..staff.tables import Staff
from .auth import count_failure, public
from .auth import current_runtime as runtime
from .sessions import now, signed_in, signed_link
from .staff_sessions import (
    COOKIE,
    PATH,
    close,
    current_member,
    give_cookie,
    is_of,
    is_usable,
    link_id,
    open_link,
    staff_only,
    text_link,
)
from .tables import Access

# The same for a number that is ours and for one that is not.
ASKED = "If this number belongs to one of us, a link is on its way to it. It works once, for 30 minutes."
ASKING = "10/minute"


def register(app: Flask) -> None:
    """Hang the doors, and the operator's button that sends a link."""
    app.add_url_rule("/me/ask", view_func=ask_for_link, methods=["POST"])
    app.add_url_rule("/me/in", view_func=my_link_page)
    app.add_url_rule("/me/in", view_func=come_in, methods=["POST"])
    app.add_url_rule("/me/out", view_func=go_out, methods=["POST"])
    app.add_url_rule("/people/<int:staff_id>/link", view_func=send_link, methods=["POST"])


@public
def ask_for_link() -> ResponseReturnValue:
    """Always the same answer: it does not tell whose number it is. Raises TooMany for one address."""
    count_failure("me", ASKING)
    try:
        phone = parse_phone(request.form.get("phone", ""), region=runtime().settings.default_region)
    except Invalid:
        phone = ""
    with runtime().db.transaction() as session:
        # Locked: of many who ask at the same moment each counts the links of those before.
        query = select(Staff).where(Staff.phone == phone, Staff.is_active)
        person = session.scalars(query.with_for_update()).first()
        if person is not None:
            text_link(session, person, now())
    return render_template("me_ask.html", said=ASKED)


@signed_in(Access.OPS)
def send_link(staff_id: int) -> ResponseReturnValue:
    """An operator sends somebody the link to their own page."""
    with runtime().db.transaction() as session:
        person = staff.lock_staff(session, staff_id)
        name, is_sent = person.name, text_link(session, person, now())
    flash(
        f"{name} gets a link by text." if is_sent else f"No link for {name}: no texts reach them, or several just did."
    )
    return redirect("/people", 303)


@signed_link
def my_link_page() -> ResponseReturnValue:
    """A button, and nothing is used up: a phone that shows a preview opens links too."""
    token = request.args.get("t", "")
    number = link_id(token)
    with runtime().db.snapshot() as session:
        can_open = number is not None and is_usable(session, number, now())
    if not can_open:
        return _no_longer(number)
    return render_template("me_in.html", token=token)


@signed_link
def come_in() -> ResponseReturnValue:
    """In, once."""
    number = link_id(request.form.get("t", ""))
    with runtime().db.transaction() as session:
        secret = open_link(session, number, now()) if number is not None else None
    if secret is None:
        return _no_longer(number)
    return give_cookie(make_response(redirect(PATH, 303)), secret)


def _no_longer(number: int | None) -> ResponseReturnValue:
    """Whoever taps the text once more is still in: their day is what they want."""
    member = current_member()
    if member is not None and number is not None:
        with runtime().db.snapshot() as session:
            if is_of(session, number, member.staff_id):
                return redirect(PATH, 303)
    return make_response(render_template("me_ask.html", said="This link no longer works. Ask for a new one."), 410)


@staff_only
def go_out() -> ResponseReturnValue:
    """This phone is nobody's again."""
    with runtime().db.transaction() as session:
        close(session, request.cookies.get(COOKIE, ""), now())
    answer = make_response(redirect(PATH, 303))
    answer.delete_cookie(COOKIE, path=PATH)
    return answer
