"""`dispatch check`: everything that would stop a page from being sent, before it has to be sent."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta

import click
from sqlalchemy import func, select
from sqlalchemy.orm import Session

import config

from ..foundation import migrate
from ..foundation.clock import SystemClock
from ..foundation.db import Database
from ..foundation.errors import ConfigurationError, Invalid, Unavailable
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
from . import rules
from .common import open_database, schema_of
from .rules import BranchFacts, Complaint, DataFacts, Severity, StaffFacts, Stuck

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


def _stuck(session: Session, *conditions: object) -> Stuck | None:
    rows = select(func.count(), func.min(OutgoingText.error)).where(*conditions)  # type: ignore[arg-type]
    waiting, error = session.execute(rows).one()
    return Stuck(waiting=waiting, error=(error or "no answer").rstrip(".")) if waiting else None


def complaints(now: datetime) -> Iterator[Complaint]:
    """Every complaint, as far as can be looked: settings first, then the database, then what is in it."""
    try:
        settings = config.load()
        db = open_database(settings.database_url)
    except ConfigurationError as error:
        yield from rules.of_configuration(error.complaints)
        return
    yield from rules.of_settings(settings)
    try:
        yield from _of_database(db, now, settings)
    except Unavailable as error:
        yield rules.fatal("database-unreachable", str(error), "Check DISPATCH_DATABASE_URL, and that it runs.")
    finally:
        db.dispose()


def _of_database(db: Database, now: datetime, settings: Settings) -> Iterator[Complaint]:
    schema, head = schema_of(db), migrate.head()
    if schema != head:
        where = f"at {schema}, not at {head}" if schema else "not there yet"
        yield rules.fatal("schema-not-at-head", f"The database's schema is {where}.", "Run `dispatch migrate`.")
        return
    with db.snapshot() as session:
        facts = load_facts(session, now, settings)
    yield from rules.of_data(facts, now)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="The same for programs.")
def check(*, as_json: bool) -> None:
    """Say everything that would stop a page from being sent; exit 1 if anything is fatal."""
    found = sorted(complaints(SystemClock().now()), key=lambda each: each.severity is not Severity.FATAL)
    stops = sum(each.severity is Severity.FATAL for each in found)
    if as_json:
        counts = {"fatal": stops, "warnings": len(found) - stops}
        click.echo(json.dumps(counts | {"complaints": [asdict(each) for each in found]}, ensure_ascii=False, indent=2))
    else:
        for each in found:
            click.echo(f"{each.severity.value}: {each.id}\n  {each.sentence}\n  {each.hint}")
        click.echo(_sum(stops, len(found) - stops))
    sys.exit(1 if stops else 0)


def _sum(stops: int, warnings: int) -> str:
    if not stops and not warnings:
        return "Nothing stops a page from being sent."
    return f"{stops} fatal, {warnings} {'warning' if warnings == 1 else 'warnings'}."
