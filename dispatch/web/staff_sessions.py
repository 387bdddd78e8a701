"""Staff on their own phones: a link that is texted to their number, the session behind it, and the guard for it."""

from __future__ import annotations

import functools
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ParamSpec, cast

from flask import Response, g, make_response, redirect, request
from flask.typing import ResponseReturnValue
from sqlalchemy import ColumnElement, CursorResult, func, select, update
from sqlalchemy.orm import Session

from ..foundation import tokens
from ..foundation.errors import NotAllowed
from ..foundation.types import can_be_texted
from ..messaging.rules import Kind
from ..messaging.service import Draft, enqueue, opted_out
from ..staff.tables import Staff
from .auth import current_runtime as runtime
from .sessions import now
from .tables import StaffSession

COOKIE, PURPOSE, PATH = "dispatch_me", "me", "/me"
LINK_LIVES, SESSION_LIVES = timedelta(minutes=30), timedelta(hours=12)
# Whoever types a number must not fill somebody's phone with texts.
MOST_LINKS_AN_HOUR = 3

P = ParamSpec("P")


@dataclass(frozen=True, kw_only=True)
class Member:
    """Somebody on the staff, at their own phone."""

    staff_id: int
    name: str


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def text_link(session: Session, person: Staff, now: datetime) -> bool:
    """Text somebody a link to their own page; False when they can't be texted, or have had several within the hour.

    The text alone holds the key: whoever asked for it, only the phone with that number gets it.
    """
    if not person.is_active or not can_be_texted(person.phone) or opted_out(session, [person.phone]):
        return False
    recent = (StaffSession.staff_id == person.id, StaffSession.created_at > now - timedelta(hours=1))
    if (session.scalar(select(func.count()).select_from(StaffSession).where(*recent)) or 0) >= MOST_LINKS_AN_HOUR:
        return False
    row = StaffSession(staff_id=person.id, phone=person.phone, created_at=now, link_until=now + LINK_LIVES)
    session.add(row)
    session.flush()
    settings = runtime().settings
    link = f"{settings.public_url}/me/in?t={tokens.sign(settings.secret_key, PURPOSE, row.id)}"
    draft = Draft(
        key=f"me:{row.id}",
        kind=Kind.REPLY,
        to_phone=person.phone,
        body=f"{person.branch.name}: your day is behind this link. It works once, for 30 minutes: {link}",
        staff_id=person.id,
        useful_until=row.link_until,
    )
    enqueue(session, draft, now)
    return True


def link_id(token: str) -> int | None:
    """The number inside a texted link, when it is ours."""
    return tokens.read(runtime().settings.secret_key, PURPOSE, token)


def is_usable(session: Session, number: int, now: datetime) -> bool:
    """Whether a link can still be opened; looking does not use it up."""
    return session.scalar(select(StaffSession.id).where(StaffSession.id == number, *_unopened(now))) is not None


def is_of(session: Session, number: int, staff_id: int) -> bool:
    """Whether a link was texted to this person, however long ago."""
    mine = (StaffSession.id == number, StaffSession.staff_id == staff_id)
    return session.scalar(select(StaffSession.id).where(*mine)) is not None


def _unopened(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return StaffSession.secret_hash.is_(None), StaffSession.ended_at.is_(None), StaffSession.link_until > now


def open_link(session: Session, number: int, now: datetime) -> str | None:
    """The secret for the phone's cookie; None when the link was used or is too old.

    The conditions are in the UPDATE: of two taps at the same moment one opens it.
    """
    secret = secrets.token_urlsafe(32)
    statement = (
        update(StaffSession)
        .where(StaffSession.id == number, *_unopened(now))
        .values(secret_hash=_digest(secret), expires_at=now + SESSION_LIVES)
    )
    result = cast("CursorResult[object]", session.execute(statement))
    return secret if result.rowcount == 1 else None


def close(session: Session, secret: str, now: datetime) -> None:
    """Sign that phone out."""
    mine = (StaffSession.secret_hash == _digest(secret), StaffSession.ended_at.is_(None))
    session.execute(update(StaffSession).where(*mine).values(ended_at=now))


def give_cookie(response: Response, secret: str) -> Response:
    """Hand the phone its session; it goes to their own page and nowhere else."""
    response.set_cookie(
        COOKIE,
        secret,
        max_age=int(SESSION_LIVES.total_seconds()),
        httponly=True,
        samesite="Lax",
        secure=runtime().settings.is_https,
        path=PATH,
    )
    return response


def current_member() -> Member | None:
    """Who is at this phone; looked up once per request. Whoever left, or has another number now, is nobody."""
    if "member" not in g:
        secret = request.cookies.get(COOKIE)
        g.member = _find(secret) if secret else None
    return cast("Member | None", g.member)


def _find(secret: str) -> Member | None:
    query = (
        select(Staff.id, Staff.name)
        .join(StaffSession, StaffSession.staff_id == Staff.id)
        .where(
            StaffSession.secret_hash == _digest(secret),
            StaffSession.ended_at.is_(None),
            StaffSession.expires_at > now(),
            StaffSession.phone == Staff.phone,
            Staff.is_active,
        )
    )
    with runtime().db.snapshot() as session:
        row = session.execute(query).first()
    return Member(staff_id=row.id, name=row.name) if row else None


def myself() -> Member:
    """Who is at this phone, in a view that is guarded. Raises NotAllowed."""
    member = current_member()
    if member is None:
        raise NotAllowed("Ask for a new link first.")
    return member


def staff_only(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
    """Guard: somebody on the staff, by the link that was texted to them; others are asked for their number."""

    @functools.wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        if current_member() is None:
            return redirect(PATH, 303)
        answer = make_response(view(*args, **kwargs))
        answer.headers["Cache-Control"] = "no-store"
        return answer

    guarded.access = "staff"  # type: ignore[attr-defined]
    return guarded
