"""API tokens: made, listed, revoked, and the check of who is calling; failures are counted per address."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar, cast

from flask import current_app, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from limits import parse
from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from ..foundation.errors import Conflict, FieldError, Invalid, NotAllowed, NotFound, Unavailable
from ..runtime import Runtime
from .errors import NoToken, TooMany
from .tables import Access, ApiToken

PREFIX = "dsp_"
LONGEST_NAME = 80
STANDING = {Access.READER: 0, Access.OPS: 1, Access.ADMIN: 2}
FAILED_TOKENS = "60/minute"
FAILED_LOGINS = "20/minute"
GUESSES = "10/minute"
USE_NOTED_EVERY = timedelta(hours=1)

# Counted in this process: with several the limit is that many times higher, which does for what it protects.
limiter = Limiter(get_remote_address, storage_uri="memory://")

V = TypeVar("V", bound=Callable[..., object])


def current_runtime() -> Runtime:
    """What comes from outside, for this application."""
    return cast(Runtime, current_app.extensions["dispatch"])


def public(view: V) -> V:
    """Mark: for everybody (health, the API's description)."""
    view.access = "public"  # type: ignore[attr-defined]
    return view


def _limits_are_on() -> bool:
    return bool(current_app.config.get("RATELIMIT_ENABLED", True))


@limiter.request_filter
def _is_unlimited() -> bool:
    # Asked per request, so that one app of a process can do without limits.
    return not _limits_are_on()


def count_failure(kind: str, allowed: str) -> None:
    """Count a failure of the caller's address. Raises TooMany beyond `allowed` (like "60/minute").

    Only failures count, so that one bad client behind a proxy can't lock the good ones out.
    """
    if _limits_are_on() and not limiter.limiter.hit(parse(allowed), kind, get_remote_address()):
        raise TooMany


def _guesses(email: str) -> tuple[str, str, str]:
    # Hashed, because somebody else chooses how long it is and it is remembered for a minute.
    return "guess", get_remote_address(), _digest(email.strip().lower())


def refuse_guesses(email: str) -> None:
    """Raises TooMany when this address has failed too often with this account, before any password is looked at.

    Otherwise the right one would still be let in after a thousand wrong ones, and each would cost its hash.
    """
    if _limits_are_on() and not limiter.limiter.test(parse(GUESSES), *_guesses(email)):
        raise TooMany


def count_guess(email: str) -> None:
    """Count a wrong password. Raises TooMany when the address has failed too often, with whomever."""
    if _limits_are_on():
        limiter.limiter.hit(parse(GUESSES), *_guesses(email))
    count_failure("login", FAILED_LOGINS)


# --- tokens ----------------------------------------------------------------------------------------------------------


def _digest(secret: str) -> str:
    # A plain hash does: the secret is 192 random bits, there is nothing to guess.
    return hashlib.sha256(secret.encode()).hexdigest()


def create_token(session: Session, name: str, role: Access, now: datetime) -> str:
    """Make a token; the answer is the only time it can be seen. A revoked name may be used again.

    Raises Invalid naming `name`, or Conflict when a token of that name is in use.
    """
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise Invalid.of([FieldError("name", f"give a name of 1 to {LONGEST_NAME} characters, like till-2")])
    token = session.scalars(select(ApiToken).where(ApiToken.name == name).with_for_update()).first()
    if token is not None and token.revoked_at is None:
        raise Conflict(f"There is a token {name!r} already: revoke it first, or take another name.")
    if token is None:
        token = ApiToken(name=name)
        session.add(token)
    secret = PREFIX + secrets.token_urlsafe(24)
    token.role, token.secret_hash, token.created_at, token.revoked_at = role, _digest(secret), now, None
    session.flush()
    return secret


def list_tokens(session: Session) -> list[ApiToken]:
    """Every token there ever was, by name."""
    return list(session.scalars(select(ApiToken).order_by(ApiToken.name)))


def revoke_token(session: Session, name: str, now: datetime) -> None:
    """Make a token useless from now on; twice is once. Raises NotFound."""
    token = session.scalars(select(ApiToken).where(ApiToken.name == name.strip()).with_for_update()).first()
    if token is None:
        raise NotFound(f"There is no token {name[:LONGEST_NAME]!r}.")
    token.revoked_at = token.revoked_at or now


# --- who is calling --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Caller:
    """The program that calls."""

    token_id: int
    name: str
    role: Access

    @property
    def actor(self) -> str:
        """The name that goes into histories."""
        return f"api:{self.name}"

    def may(self, least: Access) -> bool:
        """Whether this role covers `least`."""
        return STANDING[self.role] >= STANDING[least]


def authenticate(least: Access) -> Caller:
    """Whoever calls, by the bearer token of the request.

    Raises NoToken (401), NotAllowed (403) when its role does not cover `least`, TooMany (429).
    """
    caller = _find_caller(request.headers.get("Authorization", ""))
    if caller is None:
        count_failure("bearer", FAILED_TOKENS)
        raise NoToken
    if not caller.may(least):
        raise NotAllowed(f"This needs the role {least.value}; the token {caller.name} has {caller.role.value}.")
    return caller


def _find_caller(header: str) -> Caller | None:
    scheme, _, secret = header.partition(" ")
    secret = secret.strip()
    if scheme.lower() != "bearer" or not secret.startswith(PREFIX) or not secret.isascii():
        return None
    query = select(ApiToken.id, ApiToken.name, ApiToken.role, ApiToken.last_used_at).where(
        ApiToken.secret_hash == _digest(secret), ApiToken.revoked_at.is_(None)
    )
    with current_runtime().db.snapshot() as session:
        row = session.execute(query).first()
    if row is not None:
        _note_use(row.id, row.last_used_at)
    return Caller(token_id=row.id, name=row.name, role=row.role) if row else None


def _note_use(token_id: int, last_used_at: datetime | None) -> None:
    """So that people see which tokens nobody needs; once an hour, for a write with every call would cost its time."""
    now = current_runtime().clock.now()
    if last_used_at is not None and now - last_used_at < USE_NOTED_EVERY:
        return
    older = or_(ApiToken.last_used_at.is_(None), ApiToken.last_used_at <= now - USE_NOTED_EVERY)
    try:
        with current_runtime().db.transaction() as session:
            session.execute(update(ApiToken).where(ApiToken.id == token_id, older).values(last_used_at=now))
    except (Unavailable, Conflict):
        # The database is busy: the call itself matters, and the next one notes it.
        return
