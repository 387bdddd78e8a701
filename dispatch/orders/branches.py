"""Branches: where they are, when they are open, and their policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..foundation.errors import NotFound
from ..foundation.hours import checked_hours, zone
from .policy import read_policy
from .tables import Branch
from .timetable import rearm_branch


@dataclass(frozen=True, kw_only=True)
class BranchValues:
    """What a branch is made of. `country`: two letters, for public holidays; `policy`: see `orders.policy`."""

    name: str
    timezone: str
    opening_hours: str
    country: str | None = None
    address: str | None = None
    lat: float | None = None
    lon: float | None = None
    policy: Mapping[str, object] | None = None


def get_branch(session: Session, code: str) -> Branch:
    """The branch of that code. Raises NotFound."""
    branch = session.scalars(select(Branch).where(Branch.code == code)).first()
    if branch is None:
        raise NotFound(f"There is no branch {code[:40]!r}.")
    return branch


def put_branch(session: Session, code: str, values: BranchValues, now: datetime) -> tuple[Branch, bool]:
    """Make or replace a branch; True when it is new. A policy that is not given is kept. Raises Invalid."""
    zone(values.timezone)
    checked_hours(values.opening_hours)
    read_policy(values.policy)
    branch = session.scalars(select(Branch).where(Branch.code == code).with_for_update()).first()
    is_new = branch is None
    if branch is None:
        branch = Branch(code=code, policy_values={})
        session.add(branch)
    for name in ("name", "timezone", "opening_hours", "country", "address", "lat", "lon"):
        setattr(branch, name, getattr(values, name))
    if values.policy is not None:
        branch.policy_values = dict(values.policy)
    session.flush()
    if not is_new:
        rearm_branch(session, branch.id, now)
    return branch, is_new


def branch_shape(branch: Branch) -> dict[str, Any]:
    """A branch as the API shows it."""
    return {
        "code": branch.code,
        "name": branch.name,
        "timezone": branch.timezone,
        "opening_hours": branch.opening_hours,
        "country": branch.country,
        "address": branch.address,
        "lat": branch.lat,
        "lon": branch.lon,
        "policy": branch.policy.to_dict(),
        "version": branch.version,
    }
