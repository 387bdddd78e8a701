"""Who may come in: console users with their roles and links, and the programs' tokens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask, flash, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from ..foundation.errors import Conflict, Invalid, NotFound
from ..orders.branches import get_branch
from . import accounts, words
from .auth import create_token, list_tokens, revoke_token
from .auth import current_runtime as runtime
from .forms import complaints_of
from .sessions import me, now, signed_in
from .tables import Access

MAIN = "main"
FIELDS = ("email", "name")
MAY = {
    Access.READER: "looks at everything",
    Access.OPS: "works on orders and people's pauses",
    Access.ADMIN: "changes the shop itself",
}


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A secret that is seen this once: what it is, and the thing itself."""

    what: str
    secret: str


def register(app: Flask) -> None:
    """Hang the page and what it posts to."""
    app.add_url_rule("/settings/access", view_func=access_page)
    app.add_url_rule("/settings/access/users", view_func=invite_user, methods=["POST"])
    app.add_url_rule("/settings/access/users/<int:user_id>", view_func=change_user, methods=["POST"])
    app.add_url_rule("/settings/access/tokens", view_func=make_token, methods=["POST"])
    app.add_url_rule("/settings/access/tokens/revoke", view_func=end_token, methods=["POST"])


@signed_in(Access.ADMIN)
def access_page() -> ResponseReturnValue:
    """Everybody and everything that may come in."""
    return _page()


def _page(refusal: Invalid | Conflict | None = None, *, shown: Shown | None = None) -> ResponseReturnValue:
    errors, status = complaints_of(refusal, FIELDS)
    with runtime().db.snapshot() as session:
        timezone = get_branch(session, MAIN).timezone
        people = accounts.list_accounts(session, now())
        tokens = [
            {
                "name": token.name,
                "role": token.role.value,
                "used": token.last_used_at and words.clock_words(token.last_used_at, timezone, now=now()),
                "made": words.clock_words(token.created_at, timezone, now=now()),
                "revoked": token.revoked_at and words.clock_words(token.revoked_at, timezone, now=now()),
            }
            for token in list_tokens(session)
        ]
    page = render_template(
        "settings_access.html",
        people=people,
        tokens=sorted(tokens, key=lambda token: bool(token["revoked"])),
        roles=[(role.value, f"{role.value}: {MAY[role]}") for role in Access],
        errors=errors,
        typed=request.form,
        shown=shown,
    )
    return make_response(page, status)


def _do(work: Callable[[Session], str | Shown]) -> ResponseReturnValue:
    """What came of it; a secret is shown in the answer itself, for it can't be fetched again."""
    try:
        with runtime().db.transaction() as session:
            said = work(session)
    except NotFound as error:
        return _page(Conflict(str(error)))
    except (Invalid, Conflict) as error:
        return _page(error)
    if isinstance(said, Shown):
        return _page(shown=said)
    flash(said)
    return redirect("/settings/access", 303)


def _role() -> Access:
    chosen = request.form.get("role", "")
    if chosen not in set(Access):
        raise Invalid("role", "choose one")
    return Access(chosen)


def _link(email: str, secret: str) -> Shown:
    what = f"A link that lets {email} in, once, within three days. Send it to them and to nobody else"
    return Shown(what=what, secret=f"{runtime().settings.public_url}/login/link?s={secret}")


@signed_in(Access.ADMIN)
def invite_user() -> ResponseReturnValue:
    """Somebody who may sign in."""

    def work(session: Session) -> Shown:
        user, secret = accounts.invite(session, request.form.get("email", ""), _role(), now())
        return _link(user.email, secret)

    return _do(work)


@signed_in(Access.ADMIN)
def change_user(user_id: int) -> ResponseReturnValue:
    """Another role, a new link, or gone."""

    def work(session: Session) -> str | Shown:
        deed = request.form.get("deed", "role")
        if deed == "remove":
            return f"{accounts.remove(session, user_id, now()).email} can't come in any more."
        if deed == "link":
            user, secret = accounts.renew_link(session, user_id, now(), by=me().user_id)
            return _link(user.email, secret)
        user = accounts.change_role(session, user_id, _role())
        return f"{user.email} is {user.role.value} now: {MAY[user.role]}."

    return _do(work)


@signed_in(Access.ADMIN)
def make_token() -> ResponseReturnValue:
    """A key for a program."""

    def work(session: Session) -> Shown:
        name = request.form.get("name", "").strip()
        secret = create_token(session, name, _role(), now())
        return Shown(what=f"The token {name}. Keep it safe: it is not shown again", secret=secret)

    return _do(work)


@signed_in(Access.ADMIN)
def end_token() -> ResponseReturnValue:
    """Useless from now on."""

    def work(session: Session) -> str:
        name = request.form.get("name", "")
        revoke_token(session, name, now())
        return f"The token {name} is of no more use."

    return _do(work)
