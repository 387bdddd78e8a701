"""The API's description: valid, complete, and true of what is served. Schemathesis plays the caller who reads it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis.strategies import one_of
from openapi_spec_validator import validate
from schemathesis.specs.openapi.checks import positive_data_acceptance
from sqlalchemy import select

from dispatch.escalation.rules import EscalationState, Need
from dispatch.escalation.tables import Escalation, Page
from dispatch.foundation.clock import ManualClock
from dispatch.foundation.db import Database
from dispatch.foundation.settings import Settings
from dispatch.orders.tables import Order
from dispatch.web.auth import create_token
from dispatch.web.doorways import REGISTRIES
from dispatch.web.tables import Access
from tests.web.test_api_kit import Api, make_api, make_app

DOCUMENT = "/api/v1/openapi.json"
# What the contract names, as far as it is built.
CALLS = """
PUT /branches/{code}  GET /branches/{code}  POST /staff  GET /staff  PATCH /staff/{staff_id}
PUT /staff/{staff_id}/pause  DELETE /staff/{staff_id}/pause  POST /shifts  PUT /suppliers/{code}  GET /suppliers
PUT /items/{sku}  GET /items/{sku}  POST /quotes  POST /orders  GET /orders  GET /orders/{ref}  PATCH /orders/{ref}
POST /orders/{ref}/moves  POST /orders/{ref}/lines/{line_id}/procurement  GET /orders/{ref}/timeline
GET /escalations  GET /escalations/{escalation_id}  POST /escalations/{escalation_id}/answers  GET /messages
"""
OPERATIONS = [operation for registry in REGISTRIES for operation in registry.operations]


@pytest.fixture
def app(sqlite_db: Database, settings: Settings, clock: ManualClock) -> Flask:
    return make_app(sqlite_db, settings, clock)


def document(app: Flask) -> Any:
    answer = app.test_client().get(DOCUMENT)
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    return answer.json


def test_the_document_is_valid(app: Flask) -> None:
    validate(document(app))


def test_the_document_names_every_call_of_the_contract(app: Flask) -> None:
    found = {f"{method.upper()} {path}" for path, methods in document(app)["paths"].items() for method in methods}
    assert set(re.split(r"\s{2,}|\n", CALLS.strip())) <= found


def test_every_route_of_the_api_is_described(app: Flask) -> None:
    described = {
        (method.upper(), f"/api/v1{path}") for path, methods in document(app)["paths"].items() for method in methods
    }
    served = {
        (method, re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("api.")
        for method in (rule.methods or set()) - {"HEAD"}
    }
    assert described == served


def test_everything_is_said_in_words(app: Flask) -> None:
    for methods in document(app)["paths"].values():
        for operation in methods.values():
            assert operation["summary"]
            assert {"401", "403", "422", "429"} <= operation["responses"].keys()


def test_the_page_works_under_the_strict_policy(app: Flask) -> None:
    client = app.test_client()
    page = client.get("/api/v1/docs")
    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert not re.search(r"<script(?![^>]*\bsrc=)|\bon\w+=|style=|<style", page.text)
    for address in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        with client.get(address) as answer:
            assert answer.status_code == 200, address
    for name in ("index.html", "..%2f__init__.py", "swagger-ui.js"):
        assert client.get(f"/api/v1/docs/{name}").status_code == 404


# --- the caller who reads it -----------------------------------------------------------------------------------------


def furnish(api: Api) -> None:
    """A shop in which the numbers 1 and a few codes exist, so that guesses can hit."""
    ravi = api.hire()
    api.ok(api.put("/suppliers/0", {"name": "City Books", "opening_hours": "24/7"}), 201)
    api.ok(api.put("/items/0", {"title": "Physics", "on_hand": 3, "suppliers": ["0"]}), 201)
    api.order()
    with api.db.transaction() as session:
        order = session.scalars(select(Order)).one()
        order.ref = "0000"
        escalation = Escalation(
            order_id=order.id,
            state=EscalationState.OPEN,
            need=Need.DELIVER,
            why="x",
            cause="x",
            opened_at=api.clock.now(),
        )
        session.add(Page(escalation=escalation, staff_id=int(ravi), rung=1, code=11, asked_at=api.clock.now()))


@pytest.mark.parametrize("operation", OPERATIONS, ids=[operation.name for operation in OPERATIONS])
def test_no_caller_who_reads_it_is_surprised(
    operation: Any, sqlite_db: Database, settings: Settings, clock: ManualClock
) -> None:
    api = make_api(sqlite_db, settings, clock)
    furnish(api)
    with sqlite_db.transaction() as session:
        token = create_token(session, "schemathesis", Access.ADMIN, clock.now())
    # Without its security: a caller that leaves the token out is not what is tried here, and we add one to every call.
    described_to_all = {name: part for name, part in document(api.app).items() if name != "security"}
    schema = schemathesis.openapi.from_dict(described_to_all)
    schema.app = api.app
    described = schema[operation.path][operation.method]
    cases = [described.as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode]

    @hypothesis_settings(
        max_examples=hypothesis_settings().max_examples // 2,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(case=one_of(cases))
    def ask(case: Any) -> None:
        # What a schema can't say (which numbers are phones, which names exist) may be refused all the same.
        case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, excluded_checks=[positive_data_acceptance])

    ask()


def test_the_repository_holds_no_copy(app: Flask) -> None:
    root = Path(app.root_path).parent
    copies = [path for path in root.rglob("*") if path.name.startswith(("openapi.json", "openapi.y", "swagger-ui"))]
    assert [path for path in copies if "dispatch" in path.parts[-4:]] == []
