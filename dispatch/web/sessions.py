"""Console users: passwords, sessions of their browsers, one-time links, and the guards that views wear."""

from __future__ import annotations

import functools
import hashlib
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ParamSpec, TypeVar, cast
from urllib.parse import urlencode

import argon2
from flask import Response, g, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import CursorResult, func, select, update
from sqlalchemy.orm import Session

from ..foundation.db import Database
from ..foundation.errors import FieldError, Invalid, NotAllowed, Unavailable
from .auth import STANDING
from .auth import current_runtime as runtime
from .kept import Kept
from .tables import Access, OneTimeLink, User, UserSession

COOKIE = "dispatch_session"
SESSION_LIFETIME = timedelta(days=14)
SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 1000
BOARD = ("/", "/board/rows")
# Somebody who has been invited and has not chosen a password: none belongs to this.
NO_PASSWORD = ""

P = ParamSpec("P")
R = TypeVar("R")

# One hash takes 64 MB and 50 ms: more than two at a time would starve everything else on a small machine.
_hashing = threading.BoundedSemaphore(2)
# And few may wait for it: the threads of this process are needed for Twilio's webhooks and for those who are in.
_at_the_door = threading.BoundedSemaphore(6)
_hasher = argon2.PasswordHasher()


@dataclass(frozen=True, kw_only=True)
class SignedIn:
    """Who is at the screen."""

    user_id: int
    email: str
    role: Access

    @property
    def actor(self) -> str:
        """The name that goes into histories."""
        return self.email.partition("@")[0][:100]

    def may(self, least: Access) -> bool:
        """Whether this role covers `least`."""
        return STANDING[self.role] >= STANDING[least]


def now() -> datetime:
    """The instant of this request: read once, the same for everything in it."""
    if "now" not in g:
        g.now = runtime().clock.now()
    return cast(datetime, g.now)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


# --- users and passwords ---------------------------------------------------------------------------------------------


def checked_email(email: str) -> str:
    """An e-mail address as accounts are known by. Raises Invalid naming `email`."""
    address = email.strip().lower()
    name, _, domain = address.partition("@")
    if not name or "." not in domain or len(address) > 254 or " " in address:
        raise Invalid("email", "is not an e-mail address: write it like name@example.com")
    return address


def hash_password(password: str) -> str:
    """What is kept of a password. Raises Invalid naming `password`."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise Invalid("password", f"give at least {SHORTEST_PASSWORD} characters; a sentence is fine")
    with _hashing:
        return _hasher.hash(password)


def create_user(session: Session, email: str, role: Access, password: str, now: datetime) -> User:
    """Add a console user, or bring one back who was removed. Raises Invalid naming `email` or `password`."""
    complaints: list[FieldError] = []
    address, hashed, user = "", "", None
    try:
        address = checked_email(email)
        user = session.scalars(select(User).where(User.email == address).with_for_update()).first()
        if user is not None and user.is_active:
            raise Invalid("email", "has an account already: sign in with it")
    except Invalid as error:
        complaints += error.errors
    try:
        hashed = hash_password(password)
    except Invalid as error:
        complaints += error.errors
    if complaints:
        raise Invalid.of(complaints)
    if user is None:
        user = User(email=address, created_at=now, role=role, password_hash=hashed)
        session.add(user)
    user.role, user.password_hash, user.is_active = role, hashed, True
    session.flush()
    return user


@functools.lru_cache(maxsize=1)
def _nobodys_hash() -> str:
    return _hasher.hash(secrets.token_urlsafe(16))


def check_password(db: Database, email: str, password: str) -> int | None:
    """The id of the user whose password this is, else None.

    Somebody unknown costs as much time as a wrong password, so that the answer does not tell who has an account.
    Raises Unavailable when too many are at it.
    """
    with db.snapshot() as session:
        row = session.execute(
            select(User.id, User.password_hash).where(User.email == email.strip().lower(), User.is_active)
        ).first()
    if not _at_the_door.acquire(blocking=False):
        raise Unavailable("Too many people are signing in at this moment. Try again in a few seconds.")
    try:
        # No transaction is open while this waits for its turn at the processor.
        with _hashing:
            _hasher.verify((row and row.password_hash) or _nobodys_hash(), password[:LONGEST_PASSWORD])
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return None
    finally:
        _at_the_door.release()
    return row.id if row and row.password_hash != NO_PASSWORD else None


def has_users(session: Session) -> bool:
    """Whether anybody can sign in at all."""
    return session.scalars(select(func.count()).select_from(User)).one() > 0


# --- sessions --------------------------------------------------------------------------------------------------------


def sign_in(session: Session, user_id: int, now: datetime) -> str:
    """Open a session for a browser; answers the secret for its cookie."""
    secret = secrets.token_urlsafe(32)
    expires_at = now + SESSION_LIFETIME
    session.add(UserSession(user_id=user_id, secret_hash=_digest(secret), created_at=now, expires_at=expires_at))
    return secret


def sign_out(session: Session, secret: str, now: datetime) -> None:
    """Close the session of that cookie, for good."""
    ours = (UserSession.secret_hash == _digest(secret), UserSession.ended_at.is_(None))
    session.execute(update(UserSession).where(*ours).values(ended_at=now))


def give_cookie(response: Response, secret: str) -> Response:
    """Hand the browser its session."""
    response.set_cookie(
        COOKIE,
        secret,
        max_age=int(SESSION_LIFETIME.total_seconds()),
        httponly=True,
        samesite="Lax",
        secure=runtime().settings.is_https,
    )
    return response


def current_user() -> SignedIn | None:
    """Who is signed in at this browser; looked up once per request."""
    if "signed_in" not in g:
        secret = request.cookies.get(COOKIE)
        g.signed_in = _find_user(secret) if secret else None
    return cast("SignedIn | None", g.signed_in)


def _find_user(secret: str) -> SignedIn | None:
    query = (
        select(User.id, User.email, User.role)
        .join(UserSession, UserSession.user_id == User.id)
        .where(
            UserSession.secret_hash == _digest(secret),
            UserSession.ended_at.is_(None),
            UserSession.expires_at > now(),
            User.is_active,
        )
    )
    with runtime().db.snapshot() as session:
        row = session.execute(query).first()
    return SignedIn(user_id=row.id, email=row.email, role=row.role) if row else None


def me() -> SignedIn:
    """Who is signed in, in a view that is guarded. Raises NotAllowed."""
    user = current_user()
    if user is None:
        raise NotAllowed("Sign in first.")
    return user


# --- one-time links --------------------------------------------------------------------------------------------------


def make_one_time_link(session: Session, now: datetime, *, user_id: int | None = None, minutes: int = 60) -> str:
    """The secret of a link that signs `user_id` in once, or, for None, lets the first admin be made."""
    secret = secrets.token_urlsafe(24)
    expires_at = now + timedelta(minutes=minutes)
    session.add(OneTimeLink(secret_hash=_digest(secret), user_id=user_id, expires_at=expires_at))
    return secret


def read_link(session: Session, secret: str, now: datetime) -> OneTimeLink | None:
    """The link of that secret while it can still be used; looking does not use it up."""
    usable = (OneTimeLink.used_at.is_(None), OneTimeLink.expires_at > now)
    return session.scalars(select(OneTimeLink).where(OneTimeLink.secret_hash == _digest(secret), *usable)).first()


def use_link(session: Session, secret: str, now: datetime) -> bool:
    """Use a link up; False when it was used, has expired or never was."""
    usable = (OneTimeLink.used_at.is_(None), OneTimeLink.expires_at > now)
    statement = update(OneTimeLink).where(OneTimeLink.secret_hash == _digest(secret), *usable).values(used_at=now)
    result = cast("CursorResult[object]", session.execute(statement))
    return result.rowcount == 1


# --- guards ----------------------------------------------------------------------------------------------------------


def _login_first() -> Response:
    if request.headers.get("HX-Request"):
        # A redirect would be followed by the script and the login page swapped into the list. Only the board is left
        # for the login page: elsewhere somebody may be typing, and the page says itself that it is signed out.
        answer = make_response("", 401)
        if request.path in BOARD or request.form.get("from") == "board":
            answer.headers["HX-Redirect"] = "/login"
        return answer
    if request.method == "POST":
        # Somebody filled in a form: it waits on the login page and is offered again behind it.
        kept = Kept.of(request.path, request.form)
        return make_response(render_template("login.html", next="/", email="", error=None, kept=kept), 401)
    back = request.full_path.rstrip("?") if request.method == "GET" else "/"
    return cast(Response, redirect("/login?" + urlencode({"next": back}), 303))


def signed_in(least: Access) -> Callable[[Callable[P, ResponseReturnValue]], Callable[P, ResponseReturnValue]]:
    """Guard: a console user whose role covers `least`; others are sent to the login page or refused."""

    def guard(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
        @functools.wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
            user = current_user()
            if user is None:
                return _login_first()
            if not user.may(least):
                raise NotAllowed(f"This needs the role {least.value}; you are signed in as {user.role.value}.")
            answer = make_response(view(*args, **kwargs))
            answer.headers["Cache-Control"] = "no-store"
            return answer

        guarded.access = least.value  # type: ignore[attr-defined]
        return guarded

    return guard


def signed_link(view: Callable[P, R]) -> Callable[P, R]:
    """Mark: the signed token in the address is the proof, and the view checks it."""
    view.access = "signed_link"  # type: ignore[attr-defined]
    return view
