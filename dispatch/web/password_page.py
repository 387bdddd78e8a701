"""One's own password: changed by whoever knows the old one, whatever their role."""

from __future__ import annotations

from flask import Flask, flash, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from ..foundation.errors import Invalid
from .accounts import choose_password, end_sessions
from .auth import count_guess, refuse_guesses
from .auth import current_runtime as runtime
from .forms import complaints_of
from .sessions import check_password, give_cookie, me, now, sign_in, signed_in
from .tables import Access

FIELDS = ("old_password", "password")


def register(app: Flask) -> None:
    """Hang the page and what it posts to."""
    app.add_url_rule("/settings/password", view_func=password_page)
    app.add_url_rule("/settings/password", view_func=change_password, methods=["POST"])


@signed_in(Access.READER)
def password_page() -> ResponseReturnValue:
    """The form."""
    return _page()


def _page(refusal: Invalid | None = None) -> ResponseReturnValue:
    errors, status = complaints_of(refusal, FIELDS)
    return make_response(render_template("password.html", errors=errors), status)


@signed_in(Access.READER)
def change_password() -> ResponseReturnValue:
    """Another password, for whoever knows the old one; other browsers and unused links are of no more use."""
    # Whoever sits down at an open window could guess as at the door.
    refuse_guesses(me().email)
    if check_password(runtime().db, me().email, request.form.get("old_password", "")) != me().user_id:
        count_guess(me().email)
        return _page(Invalid("old_password", "is not your password: try again"))
    try:
        with runtime().db.transaction() as session:
            choose_password(session, me().user_id, request.form.get("password", ""))
            end_sessions(session, me().user_id, now())
            secret = sign_in(session, me().user_id, now())
    except Invalid as error:
        return _page(error)
    flash("Your password is changed. Everywhere else you are signed out.")
    return give_cookie(make_response(redirect("/settings", 303)), secret)
