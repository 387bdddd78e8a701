"""Health: alive, ready or not and why, and figures that every process gives alike."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from dispatch import rounds
from dispatch.foundation import migrate
from dispatch.foundation.clock import ManualClock
from dispatch.foundation.db import Database
from dispatch.foundation.errors import Unavailable
from dispatch.foundation.settings import Settings
from dispatch.messaging.rules import Kind
from dispatch.messaging.service import Draft, enqueue
from tests.web.test_api_kit import RAVI, Api, make_api, make_app


@pytest.fixture
def api(db: Database, settings: Settings, clock: ManualClock) -> Api:
    return make_api(db, settings, clock)


def get(api: Api, path: str) -> tuple[int, dict[str, object]]:
    answer = api.app.test_client().get(path)
    found: dict[str, object] = answer.json or {}
    assert "Authorization" not in answer.headers
    return answer.status_code, found


def beat(api: Api) -> None:
    rounds.beat(api.app.extensions["dispatch"], "watch")


def due_text(api: Api) -> None:
    with api.db.transaction() as session:
        enqueue(session, Draft(key="t", kind=Kind.TEST, to_phone=RAVI, body="x"), api.clock.now())


def test_alive_needs_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Database, "snapshot", None)
    assert get(api, "/health/live")[0] == 200


def test_ready_while_the_rounds_run(api: Api) -> None:
    status, found = get(api, "/health/ready")
    assert (status, found["reason"]) == (503, "rounds")
    beat(api)
    status, found = get(api, "/health/ready")
    assert status == 200
    assert found == {
        "schema": migrate.head(),
        "last_round_at": "2026-11-24T08:30:00+00:00",
        "oldest_unsent_seconds": 0,
        "overdue_checks": 0,
    }
    api.clock.advance(seconds=59)
    assert get(api, "/health/ready")[0] == 200
    api.clock.advance(seconds=1)
    status, found = get(api, "/health/ready")
    assert (status, found["reason"]) == (503, "rounds")
    assert "dispatch worker" in str(found["detail"])


def test_not_ready_while_a_text_waits(api: Api) -> None:
    due_text(api)
    api.clock.advance(seconds=59)
    beat(api)
    status, found = get(api, "/health/ready")
    assert (status, found["oldest_unsent_seconds"]) == (200, 59)
    api.clock.advance(seconds=1)
    status, found = get(api, "/health/ready")
    assert (status, found["reason"], found["oldest_unsent_seconds"]) == (503, "texts", 60)


def test_checks_that_nobody_made_are_counted(api: Api) -> None:
    api.order()
    api.clock.advance(seconds=11)
    beat(api)
    assert get(api, "/health/ready")[1]["overdue_checks"] == 1


def test_not_ready_with_another_schema(api: Api) -> None:
    beat(api)
    with api.db.transaction() as session:
        before = session.scalars(text("SELECT version_num FROM alembic_version")).one()
        session.execute(text("UPDATE alembic_version SET version_num = 'older'"))
    try:
        status, found = get(api, "/health/ready")
        assert (status, found["reason"], found["schema"]) == (503, "schema", "older")
        assert "dispatch migrate" in str(found["detail"])
    finally:
        with api.db.transaction() as session:
            session.execute(text("UPDATE alembic_version SET version_num = :before"), {"before": before})


def test_not_ready_without_any_schema(empty_db: Database, settings: Settings, clock: ManualClock) -> None:
    answer = make_app(empty_db, settings, clock).test_client().get("/health/ready")
    assert (answer.status_code, (answer.json or {})["reason"]) == (503, "schema")


def test_not_ready_without_a_database(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_: Database) -> None:
        raise Unavailable("The database is busy or can't be reached.")

    monkeypatch.setattr(Database, "snapshot", gone)
    status, found = get(api, "/health/ready")
    assert (status, found["reason"]) == (503, "database")
    assert get(api, "/metrics")[0] == 503


def read_figures(text: str) -> dict[tuple[str, ...], float]:
    """Values by name and label."""
    families = text_string_to_metric_families(text)
    return {(each.name, *each.labels.values()): each.value for family in families for each in family.samples}


def test_figures(api: Api) -> None:
    api.hire()
    for minutes in (300, 500):
        api.order(minutes=minutes)
    done = api.order()
    api.ok(api.post(f"/orders/{done['ref']}/moves", {"move": "deliver"}))
    due_text(api)
    beat(api)
    api.clock.advance(seconds=30)
    answer = api.app.test_client().get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    figures = read_figures(answer.text)
    assert figures["dispatch_orders", "procuring"] == 2
    assert figures["dispatch_orders", "delivered"] == 1
    levels = {name[1]: value for name, value in figures.items() if name[0] == "dispatch_open_orders"}
    assert sum(levels.values()) == 2
    assert levels["on_track"] == 2
    assert figures["dispatch_texts", "queued"] >= 1
    assert figures["dispatch_oldest_unsent_seconds",] == 30
    # The delivered one has been re-armed too: its call for help, if any, is to be closed.
    assert figures["dispatch_overdue_checks",] == 3
    assert figures["dispatch_last_round_age_seconds", "watch"] == 30
    assert RAVI not in answer.text
    assert figures["dispatch_neglected", "unopened"] == 0
    # Both promises pass and nobody looks: two customers have heard nothing.
    api.clock.advance(minutes=510)
    assert read_figures(api.app.test_client().get("/metrics").text)["dispatch_neglected", "unopened"] == 2


def test_two_apps_give_the_same_figures(db: Database, settings: Settings, clock: ManualClock) -> None:
    first, second = (make_app(db, settings, clock).test_client().get("/metrics").text for _ in range(2))
    assert first == second


def test_instants_are_instants(api: Api) -> None:
    beat(api)
    at = datetime.fromisoformat(str(get(api, "/health/ready")[1]["last_round_at"]))
    assert api.clock.now() - at == timedelta(0)
