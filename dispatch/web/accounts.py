"""Console users looked after at the console: invited by a link, given another role, sent a new link, removed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from ..foundation.errors import Conflict, Invalid, NotFound
from .sessions import NO_PASSWORD, checked_email, hash_password, make_one_time_link
from .tables import Access, OneTimeLink, User, UserSession

LINK_LIVES = timedelta(days=3)


@dataclass(frozen=True, kw_only=True)
class Account:
    """One console user. `is_waiting`: invited, and has not chosen a password yet. `browsers`: signed in just now."""

    id: int
    email: str
    role: Access
    is_waiting: bool
    browsers: int


def list_accounts(session: Session, now: datetime) -> list[Account]:
    """Everybody who may sign in, by e-mail address; two queries."""
    live = (UserSession.ended_at.is_(None), UserSession.expires_at > now)
    query = select(UserSession.user_id, func.count()).where(*live).group_by(UserSession.user_id)
    browsers = {row[0]: row[1] for row in session.execute(query)}
    return [
        Account(
            id=user.id,
            email=user.email,
            role=user.role,
            is_waiting=user.password_hash == NO_PASSWORD,
            browsers=browsers.get(user.id, 0),
        )
        for user in session.scalars(select(User).where(User.is_active).order_by(User.email))
    ]


def invite(session: Session, email: str, role: Access, now: datetime) -> tuple[User, str]:
    """Somebody who may sign in, and the secret of the link that lets them in, once. Raises Invalid naming `email`.

    Whoever was removed before comes back as they were known, without their old password.
    """
    address = checked_email(email)
    user = session.scalars(select(User).where(User.email == address).with_for_update()).first()
    if user is not None and user.is_active:
        raise Invalid("email", "has an account already: change its role in the list")
    if user is None:
        user = User(email=address, created_at=now, role=role, password_hash=NO_PASSWORD)
        session.add(user)
    user.role, user.password_hash, user.is_active = role, NO_PASSWORD, True
    session.flush()
    return user, _new_link(session, user, now)


def renew_link(session: Session, user_id: int, now: datetime, *, by: int) -> tuple[User, str]:
    """A new link for somebody who forgot their password: the old one, old links and open browsers are of no more use.

    Raises NotFound, or Conflict for one's own: whoever closes that window before the link is used is shut out.
    """
    user = _locked(session, user_id)
    if user.id == by:
        raise Conflict("Not for yourself: ask another admin, or sign out and in again.")
    _keep_an_admin(session, user)
    user.password_hash = NO_PASSWORD
    end_sessions(session, user.id, now)
    return user, _new_link(session, user, now)


def change_role(session: Session, user_id: int, role: Access) -> User:
    """Another role, from the next click on. Raises NotFound, or Conflict when it is the last admin."""
    user = _locked(session, user_id)
    if role is not Access.ADMIN:
        _keep_an_admin(session, user)
    user.role = role
    session.flush()
    return user


def remove(session: Session, user_id: int, now: datetime) -> User:
    """Nobody comes in by that address any more; their browsers are signed out at once.

    Raises NotFound, or Conflict when it is the last admin.
    """
    user = _locked(session, user_id)
    _keep_an_admin(session, user)
    user.is_active = False
    end_sessions(session, user.id, now)
    return user


def has_no_password(session: Session, user_id: int) -> bool:
    """Whether they were invited and have not chosen one yet."""
    return session.scalar(select(User.password_hash).where(User.id == user_id)) == NO_PASSWORD


def choose_password(session: Session, user_id: int, password: str) -> None:
    """Their password from now on. Raises Invalid naming `password`."""
    session.get_one(User, user_id).password_hash = hash_password(password)
    session.flush()


def end_sessions(session: Session, user_id: int, now: datetime) -> None:
    """Sign somebody out everywhere; unused links die with it."""
    open_sessions = (UserSession.user_id == user_id, UserSession.ended_at.is_(None))
    session.execute(update(UserSession).where(*open_sessions).values(ended_at=now))
    unused = (OneTimeLink.user_id == user_id, OneTimeLink.used_at.is_(None))
    session.execute(update(OneTimeLink).where(*unused).values(used_at=now))


def _locked(session: Session, user_id: int) -> User:
    # All who could be the last admin, in one order: two admins who remove each other at the same moment would leave
    # none, each having seen the other.
    session.execute(select(User.id).where(User.role == Access.ADMIN).order_by(User.id).with_for_update()).all()
    query = select(User).where(User.id == user_id, User.is_active).with_for_update()
    user = session.scalars(query.execution_options(populate_existing=True)).first()
    if user is None:
        raise NotFound("They have been removed already.")
    return user


def _keep_an_admin(session: Session, user: User) -> None:
    """Somebody who is invited but never came does not count: they may have lost the link."""
    able = (User.role == Access.ADMIN, User.is_active, User.password_hash != NO_PASSWORD)
    others = session.scalar(select(func.count()).where(*able, User.id != user.id))
    if user.role is Access.ADMIN and not others:
        raise Conflict(f"{user.email} is the only admin who can sign in: make somebody else one first.")


def _new_link(session: Session, user: User, now: datetime) -> str:
    minutes = int(LINK_LIVES.total_seconds() // 60)
    return make_one_time_link(session, now, user_id=user.id, minutes=minutes)
