"""`dispatch check` on real databases: what it finds in them, and how it says so."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from dispatch.foundation.db import Database
from dispatch.messaging.rules import Hold, Kind, TextState
from dispatch.messaging.service import opt_out
from dispatch.messaging.tables import OutgoingText
from dispatch.orders.branches import get_branch
from dispatch.orders.tables import Heartbeat
from dispatch.staff.rules import Role
from dispatch.staff.service import NewStaff, add_shift, add_staff, pause
from tests.service.test_cli_kit import (  # noqa: F401 - two are fixtures
    ASHA,
    MEENA,
    RAVI,
    VIKRAM,
    Console,
    open_console,
    point_at,
    stand_still,
)

LANDLINE = "+913322110000"


@pytest.fixture
def real(console: Console, monkeypatch: pytest.MonkeyPatch) -> Console:
    """The same with complete Twilio settings."""
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", "AC" + "0" * 32)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "1" * 32)
    monkeypatch.setenv("TWILIO_FROM_NUMBER", "+15005550006")
    monkeypatch.setenv("DISPATCH_PUBLIC_URL", "https://shop.example")
    return console


def found(console: Console) -> dict[str, Any]:
    result = console.run("check", "--json")
    said: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == (1 if said["fatal"] else 0)
    return said


def ids(console: Console) -> list[str]:
    return [each["id"] for each in found(console)["complaints"]]


def add(console: Console, now: datetime, name: str, phone: str, role: Role, *, shifts: str | None = None) -> int:
    with console.db.transaction() as session:
        return add_staff(session, NewStaff(name=name, phone=phone, role=role, shifts=shifts), now, region=None).id


def beat(console: Console, at: datetime) -> None:
    with console.db.transaction() as session:
        session.merge(Heartbeat(name="watch", at=at))


def stuck(console: Console, now: datetime, key: str, **values: Any) -> None:
    with console.db.transaction() as session:
        session.add(
            OutgoingText(
                key=key, kind=Kind.PAGE, to_phone=RAVI, body="x", due_at=now, created_at=now, error="no", **values
            )
        )


def test_all_is_well(real: Console, frozen: datetime) -> None:
    add(real, frozen, "Vikram", VIKRAM, Role.FOUNDER, shifts="Mo-Sa 10:00-20:00")
    beat(real, frozen)
    result = real.run("check")
    assert (result.exit_code, result.stdout.strip()) == (0, "Nothing stops a page from being sent.")
    assert found(real) == {"fatal": 0, "warnings": 0, "complaints": []}


def test_an_empty_shop(console: Console) -> None:
    assert ids(console) == ["twilio-missing", "founder-missing", "nobody-delivers", "nobody-buys", "worker-silent"]
    result = console.run("check")
    assert result.exit_code == 1
    assert result.stdout.startswith("fatal: twilio-missing\n  There are no Twilio settings")
    assert result.stdout.strip().endswith("2 fatal, 3 warnings.")


def test_warnings_alone_are_no_failure(real: Console, frozen: datetime) -> None:
    add(real, frozen, "Vikram", VIKRAM, Role.FOUNDER, shifts="Mo-Sa 10:00-20:00")
    beat(real, frozen - timedelta(seconds=90))
    assert ids(real) == ["worker-silent"]
    assert real.run("check").exit_code == 0


def test_people_and_branch_as_the_database_has_them(real: Console, frozen: datetime) -> None:
    beat(real, frozen)
    vikram = add(real, frozen, "Vikram", VIKRAM, Role.FOUNDER)
    ravi = add(real, frozen, "Ravi", RAVI, Role.RIDER)
    add(real, frozen, "Asha", LANDLINE, Role.STAFF, shifts="Mo-Sa 10:00-19:00; PH off")
    add(real, frozen, "Meena", MEENA, Role.BUYER, shifts="Mo-Sa 10:00-19:00")
    with real.db.transaction() as session:
        opt_out(session, MEENA, frozen, "STOP")
        opt_out(session, VIKRAM, frozen, "STOP")
        pause(session, vikram, frozen, until=frozen + timedelta(hours=1))
        add_shift(session, ravi, frozen, starts_at=frozen, ends_at=frozen + timedelta(hours=2))
        get_branch(session, "main").country = "XX"
    said = found(real)
    assert sorted(each["id"] for each in said["complaints"]) == [
        "founder-opted-out",
        "founder-paused",
        "holidays-unknown",
        "nobody-buys",
        "staff-cannot-be-texted",
        "staff-opted-out",
    ]
    assert LANDLINE not in json.dumps(said)
    assert "Asha (+91…000)" in json.dumps(said, ensure_ascii=False)
    with real.db.transaction() as session:
        get_branch(session, "main").country = "DE"
        get_branch(session, "main").policy_values = {"speed": 1}
    assert {"policy-unreadable"} == set(ids(real)) - {each["id"] for each in said["complaints"]}
    assert "holidays-unknown" not in ids(real)


def test_texts_that_do_not_leave(real: Console, frozen: datetime) -> None:
    add(real, frozen, "Vikram", VIKRAM, Role.FOUNDER, shifts="Mo-Sa 10:00-20:00")
    beat(real, frozen)
    recent = frozen - timedelta(seconds=30)
    stuck(real, frozen, "a", state=TextState.QUEUED, failing_since=recent)
    stuck(real, frozen, "b", state=TextState.HELD, hold=Hold.OPTED_OUT)
    assert ids(real) == []
    stuck(real, frozen, "c", state=TextState.QUEUED, failing_since=frozen - timedelta(seconds=60))
    stuck(real, frozen, "d", state=TextState.HELD, hold=Hold.CONFIGURATION)
    assert ids(real) == ["texts-held", "texts-failing"]


def test_simulated_phones_are_said_to_be_so(
    console: Console, frozen: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPATCH_SIMULATOR_URL", "http://127.0.0.1:9")
    add(console, frozen, "Asha", ASHA, Role.FOUNDER, shifts="24/7")
    beat(console, frozen)
    assert ids(console) == ["twilio-simulated"]


def test_settings_that_make_no_sense_are_listed(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPATCH_COLOUR", "red")
    monkeypatch.setenv("DISPATCH_SECRET_KEY", "short")
    assert ids(console) == ["setting-dispatch-colour", "setting-dispatch-secret-key"]


def test_a_schema_that_is_not_at_head(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    point_at(empty_url, monkeypatch)
    assert ids(Console(Database(empty_url))) == ["twilio-missing", "schema-not-at-head"]


def test_no_database_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    point_at("postgresql://nobody@127.0.0.1:9/x", monkeypatch)
    assert ids(Console(None)) == ["twilio-missing", "database-unreachable"]
