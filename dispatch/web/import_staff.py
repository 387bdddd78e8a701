"""Files of staff: rows checked by the schemas of the API, written by the services, and what each changes in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select

from ..foundation.hours import checked_hours
from ..promise import absence
from ..staff.service import NewStaff, add_staff
from ..staff.tables import Staff
from .csv_rows import Reader, Row, flag, text
from .import_run import Change, Check, Effect, Import, read_row, values_of
from .schemas_shop import StaffIn

COLUMNS: dict[str, Reader] = {
    "name": text,
    "phone": text,
    "role": text,
    "branch": text,
    "shifts": text,
    "on_call": flag,
}
NEEDED = ("name", "phone", "role")


def write_person(run: Import, rows: Sequence[Row]) -> Effect:
    """Add somebody, or bring them up to date: the phone number says who it is. Raises Invalid.

    Whose absence it may be is for the guard around the whole file to say.
    """
    row = rows[0]
    checks: dict[str, Check] = {"phone": run.phone, "shifts": checked_hours, "branch": run.branch}
    body = read_row(StaffIn, values_of(row, COLUMNS), row, checks)
    phone = run.phone(body.phone)
    run.once("phone", row.line, phone)
    person = run.session.scalars(select(Staff).where(Staff.phone == phone)).first()
    if person is None:
        add_staff(run.session, NewStaff(**dict(body)), run.now, region=run.region)
        run.changes.append(Change(row.line, body.name, Effect.ADDED, (_said("shifts", body.shifts),)))
        return Effect.ADDED
    # A heading that is not there changes nothing; somebody on the list works here.
    wanted = {name: getattr(body, name) for name in row.cells if name != "phone"} | {"is_active": True}
    there = {name: person.branch.code if name == "branch" else getattr(person, name) for name in wanted}
    if wanted == there:
        run.changes.append(Change(row.line, person.name, Effect.ALREADY))
        return Effect.ALREADY
    run.changes.append(Change(row.line, person.name, Effect.UPDATED, _differences(there, wanted)))
    absence.write_change(run.session, person.id, wanted, run.now, region=run.region, actor=run.actor)
    return Effect.UPDATED


def _differences(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(
        f"{_said(name, value)}, until now {_said(name, there[name])}"
        for name, value in wanted.items()
        if there[name] != value
    )


def _said(name: str, value: object) -> str:
    if name == "shifts":
        return f"works {value}" if value else "no regular hours"
    if name == "on_call":
        return "on call" if value else "not on call"
    if name == "is_active":
        return "works here" if value else "does not work here"
    return f"{name} {value}"
