"""Coming in and going out: the login page, one-time links, signing out."""

from __future__ import annotations

from flask import Flask, Response, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from ..foundation.errors import Invalid
from ..orders.branches import get_branch
from .accounts import choose_password, has_no_password
from .auth import count_guess, public, refuse_guesses
from .auth import current_runtime as runtime
from .forms import sentence
from .kept import Kept, safe_path
from .sessions import (
    COOKIE,
    check_password,
    current_user,
    give_cookie,
    has_users,
    now,
    read_link,
    sign_in,
    sign_out,
    signed_in,
    use_link,
)
from .tables import Access

MAIN = "main"
GENERIC = "That e-mail address and password do not belong together. Try again."


def register(app: Flask) -> None:
    """Hang the doors of the house."""
    app.add_url_rule("/login", view_func=login_page)
    app.add_url_rule("/login", view_func=login, methods=["POST"])
    app.add_url_rule("/login/link", view_func=link_page)
    app.add_url_rule("/login/link", view_func=use_link_page, methods=["POST"])
    app.add_url_rule("/logout", view_func=logout, methods=["POST"])


def welcome(secret: str, target: str) -> Response:
    """Send somebody who has just signed in to where they wanted to go."""
    return give_cookie(make_response(redirect(target, 303)), secret)


@public
def login_page() -> ResponseReturnValue:
    """The form, or the board for somebody who is signed in."""
    if current_user():
        return redirect(safe_path(request.args.get("next", "/")), 303)
    with runtime().db.snapshot() as session:
        is_new = not has_users(session)
    return render_template("login.html", next=request.args.get("next", "/"), email="", error=None, is_new=is_new)


@public
def login() -> ResponseReturnValue:
    """Sign in, or say that it did not work, without saying what was wrong. A form that waits is offered, not sent."""
    email, target, kept = request.form.get("email", ""), request.form.get("next", "/"), Kept.read(request.form)
    refuse_guesses(email)
    user_id = check_password(runtime().db, email, request.form.get("password", ""))
    if user_id is None:
        count_guess(email)
        page = render_template("login.html", next=target, email=email, error=GENERIC, is_new=False, kept=kept)
        return page, 401
    with runtime().db.transaction() as session:
        secret = sign_in(session, user_id, now())
        timezone = get_branch(session, MAIN).timezone if kept else ""
    if kept:
        page = render_template("kept.html", kept=kept, shown=kept.shown(timezone, now()))
        return give_cookie(make_response(page), secret)
    return welcome(secret, safe_path(target))


@signed_in(Access.READER)
def logout() -> ResponseReturnValue:
    """Close this browser's session."""
    with runtime().db.transaction() as session:
        sign_out(session, request.cookies.get(COOKIE, ""), now())
    answer = make_response(redirect("/login", 303))
    answer.delete_cookie(COOKIE)
    return answer


@public
def link_page() -> ResponseReturnValue:
    """A one-time link shows a button and uses nothing up: previews of chat programs open links too."""
    return _link_page(request.args.get("s", ""))


def _link_page(secret: str, complaint: str = "", *, status: int = 200) -> ResponseReturnValue:
    with runtime().db.snapshot() as session:
        link = read_link(session, secret, now())
        if link is None:
            return render_template("link.html", link=None), 410
        asks = link.user_id is not None and has_no_password(session, link.user_id)
        page = render_template("link.html", link=link, secret=secret, asks_password=asks, complaint=complaint)
        return page, status


@public
def use_link_page() -> ResponseReturnValue:
    """Sign in, once; or go on to the setup of an empty shop, where the link is used up at the end."""
    secret = request.form.get("s", "")
    try:
        with runtime().db.transaction() as session:
            link = read_link(session, secret, now())
            user_id = link.user_id if link else None
            # Reading is not proof: of two clicks at the same moment only one uses the link up.
            cookie = _come_in(session, user_id) if user_id and use_link(session, secret, now()) else None
    except Invalid as error:
        # The link is as good as before: all of it was taken back.
        return _link_page(secret, sentence(error.errors[0].message), status=422)
    if cookie:
        return welcome(cookie, "/")
    if link and user_id is None:
        return redirect(f"/setup?s={secret}", 303)
    return render_template("link.html", link=None), 410


def _come_in(session: Session, user_id: int) -> str:
    """A session; whoever comes for the first time chooses a password on the way. Raises Invalid."""
    if has_no_password(session, user_id):
        choose_password(session, user_id, request.form.get("password", ""))
    return sign_in(session, user_id, now())
