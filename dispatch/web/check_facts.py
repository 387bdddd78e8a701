"""What `dispatch check` and the settings page look at: the shop's own data, read once."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from ..foundation.errors import Invalid
from ..foundation.hours import has_holiday_calendar
from ..foundation.settings import Settings
from ..foundation.types import can_be_texted, country_prefix, mask_phone
from ..messaging.health import OUTAGE_AFTER_SECONDS
from ..messaging.limit_rules import prefixes_of
from ..messaging.rules import Hold, TextState
from ..messaging.service import opted_out
from ..messaging.tables import OutgoingText
from ..orders.tables import Branch, Heartbeat
from ..staff.tables import ExtraShift, Pause, Staff
from .check_rules import BranchFacts, DataFacts, StaffFacts, Stuck

WATCH = "watch"


def load_facts(session: Session, now: datetime, settings: Settings) -> DataFacts:
    """What the database says that pages depend on."""
    late = now - timedelta(seconds=OUTAGE_AFTER_SECONDS)
    waiting = OutgoingText.state.in_((TextState.QUEUED, TextState.SENDING))
    return DataFacts(
        branches=[_branch(row) for row in session.scalars(select(Branch).order_by(Branch.id))],
        staff=_staff(session, now, prefixes_of(settings.countries)),
        held=_stuck(session, OutgoingText.state == TextState.HELD, OutgoingText.hold == Hold.CONFIGURATION),
        failing=_stuck(session, waiting, OutgoingText.failing_since <= late),
        last_round_at=session.scalars(select(Heartbeat.at).where(Heartbeat.name == WATCH)).first(),
    )


def _branch(row: Branch) -> BranchFacts:
    policy_error = None
    try:
        _ = row.policy
    except Invalid as error:
        policy_error = str(error)
    return BranchFacts(
        code=row.code,
        name=row.name,
        timezone=row.timezone,
        opening_hours=row.opening_hours,
        country=row.country,
        has_calendar=has_holiday_calendar(row.country),
        policy_error=policy_error,
    )


def _staff(session: Session, now: datetime, prefixes: frozenset[str]) -> list[StaffFacts]:
    people = session.scalars(select(Staff).where(Staff.is_active).order_by(Staff.id)).all()
    silent = opted_out(session, [row.phone for row in people])
    extra = set(session.scalars(select(ExtraShift.staff_id).where(ExtraShift.ends_at > now)))
    paused = set(session.scalars(select(Pause.staff_id).where(Pause.ended_at.is_(None), Pause.until > now)))
    return [
        StaffFacts(
            name=row.name,
            phone=mask_phone(row.phone),
            role=row.role,
            branch=row.branch.code,
            shifts=row.shifts,
            is_on_roster=bool(row.shifts) or row.id in extra,
            can_be_texted=can_be_texted(row.phone),
            is_opted_out=row.phone in silent,
            is_paused=row.id in paused,
            is_allowed_country=not prefixes or country_prefix(row.phone) in prefixes,
        )
        for row in people
    ]


def _stuck(session: Session, *conditions: ColumnElement[bool]) -> Stuck | None:
    rows = select(func.count(), func.min(OutgoingText.error)).where(*conditions)
    waiting, error = session.execute(rows).one()
    return Stuck(waiting=waiting, error=(error or "no answer").rstrip(".")) if waiting else None
