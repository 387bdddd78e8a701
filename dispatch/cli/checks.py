"""`dispatch check`: everything that would stop a page from being sent, before it has to be sent."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime

import click

import config

from ..foundation import migrate
from ..foundation.clock import SystemClock
from ..foundation.db import Database
from ..foundation.errors import ConfigurationError, Unavailable
from ..foundation.settings import Settings
from ..web import check_rules as rules
from ..web.check_facts import load_facts
from ..web.check_rules import Complaint, Severity
from .common import open_database, schema_of


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
