"""A calendar file goes in as extra shifts: whose they are is found by name or number, all of it or nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..foundation.db import Database
from ..foundation.errors import Invalid
from ..foundation.types import parse_phone
from ..orders.branches import get_branch
from ..orders.wording import first_name
from ..staff.calendars import Event, read_calendar
from ..staff.shifts import Put, put_shift
from ..staff.tables import Staff
from . import words
from .csv_rows import BadCell
from .import_files import Loaded, NothingWritten, Terms, write_all
from .import_run import Change, Effect

WEEKS = 8
EFFECTS = {
    Put.ADDED: Effect.ADDED,
    Put.CHANGED: Effect.UPDATED,
    Put.TAKEN_OUT: Effect.TAKEN_OUT,
    Put.SAME: Effect.ALREADY,
}


@dataclass(frozen=True)
class _Wanted:
    """One person's shift of one event."""

    staff_id: int
    who: str
    event: Event


def load_calendar(db: Database, raw: bytes, terms: Terms) -> Loaded:
    """What became of the shifts of the coming weeks. Raises PromisesAtStake unless forced, or only tried."""
    loaded = Loaded()

    def write(session: Session) -> None:
        timezone = get_branch(session, terms.branch).timezone
        wanted, loaded.bad = _wanted(session, raw, terms, timezone)
        if not loaded.bad:
            _write(session, wanted, terms.now, timezone, loaded)
        if loaded.bad:
            raise NothingWritten

    write_all(db, write, loaded, terms, is_guarded=True)
    return loaded


def _wanted(session: Session, raw: bytes, terms: Terms, timezone: str) -> tuple[list[_Wanted], list[BadCell]]:
    """Whose shifts they are, and complaints; the staff in the order of their ids, as everybody locks them."""
    end = terms.now + timedelta(weeks=WEEKS)
    try:
        events, bad_events = read_calendar(raw, timezone=timezone, start=terms.now, end=end)
    except Invalid as error:
        return [], [BadCell(1, "file", each.message) for each in error.errors]
    bad = {BadCell(each.line, "event", each.message) for each in bad_events}
    known = _known(session)
    wanted: dict[tuple[int, datetime], _Wanted] = {}
    for event in events:
        for names in event.names:
            person = _find(known, (*names, event.summary), terms.region)
            if person is None:
                bad.add(BadCell(event.line, "event", f"“{event.summary}”: nobody here is called {' or '.join(names)}"))
            elif (problem := _clash(wanted, person, event)) is not None:
                bad.add(BadCell(event.line, "event", problem))
            else:
                wanted[person.id, event.start] = _Wanted(person.id, person.name, event)
    return [wanted[key] for key in sorted(wanted)], sorted(bad)


def _known(session: Session) -> dict[str, Staff | None]:
    """Who is meant by a name or a number; None where it could be several."""
    known: dict[str, Staff | None] = {}
    staff = session.scalars(select(Staff).where(Staff.is_active).order_by(Staff.id)).all()
    for person in staff:
        for key in {_key(person.name), person.phone}:
            known[key] = None if key in known else person
    firsts = Counter(_key(first_name(person.name)) for person in staff)
    for person in staff:
        first = _key(first_name(person.name))
        if firsts[first] == 1:
            known.setdefault(first, person)
    return known


def _key(name: str) -> str:
    return " ".join(name.split()).casefold()


def _find(known: Mapping[str, Staff | None], names: Sequence[str], region: str | None) -> Staff | None:
    for name in names:
        found = known.get(_key(name)) or known.get(_number(name, region))
        if found is not None:
            return found
    return None


def _number(text: str, region: str | None) -> str:
    try:
        return parse_phone(text, region=region)
    except Invalid:
        return ""


def _clash(wanted: Mapping[tuple[int, datetime], _Wanted], person: Staff, event: Event) -> str | None:
    other = wanted.get((person.id, event.start))
    if other is None or (other.event.end, other.event.is_cancelled) == (event.end, event.is_cancelled):
        return None
    return f"“{event.summary}”: {person.name} has another shift that begins then, in line {other.event.line}"


def _write(session: Session, wanted: Sequence[_Wanted], now: datetime, timezone: str, loaded: Loaded) -> None:
    loaded.counts, loaded.changes = Counter(), []
    for each in wanted:
        event = each.event
        ends_at = None if event.is_cancelled else event.end
        try:
            put = put_shift(session, each.staff_id, now, starts_at=event.start, ends_at=ends_at)
        except Invalid as error:
            loaded.bad.append(BadCell(event.line, "event", f"“{event.summary}” {error.errors[0].message}"))
            continue
        effect = EFFECTS[put]
        loaded.counts[effect] += 1
        loaded.changes.append(Change(event.line, each.who, effect, (_said(event, timezone, now),)))


def _said(event: Event, timezone: str, now: datetime) -> str:
    start, end = (words.clock_words(at, timezone, now=now) for at in (event.start, event.end))
    return f"{start} to {end}"
