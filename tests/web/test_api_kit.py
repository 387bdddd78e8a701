"""What tests of the web share: an app on a real database, and a caller with a token."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from dispatch.app import create_app
from dispatch.foundation.clock import ManualClock
from dispatch.foundation.db import Database
from dispatch.foundation.settings import Settings
from dispatch.messaging.twilio_gateway import build_gateway
from dispatch.runtime import Runtime
from dispatch.web.auth import create_token
from dispatch.web.tables import Access

RAVI, MEENA, CUSTOMER = "+919812345678", "+919812345679", "+919812345670"


@dataclass
class Api:
    """One caller. Answers are checked to be problems where they should be."""

    app: Flask
    db: Database
    clock: ManualClock
    token: str
    headers: dict[str, str] = field(default_factory=dict)

    def call(
        self, method: str, path: str, body: object = None, *, raw: bytes | None = None, **headers: str
    ) -> TestResponse:
        given = {"Authorization": f"Bearer {self.token}", **self.headers}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        if raw is not None:
            answer = self.app.test_client().open(
                f"/api/v1{path}", method=method, data=raw, headers={"Content-Type": "application/json", **given}
            )
        else:
            answer = self.app.test_client().open(f"/api/v1{path}", method=method, json=body, headers=given)
        assert answer.status_code != 500, answer.text
        if answer.status_code >= 400:
            assert answer.mimetype == "application/problem+json", answer.text
            assert answer.json is not None
            assert answer.json["status"] == answer.status_code
        return answer

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: object = None, **headers: str) -> TestResponse:
        return self.call("POST", path, body, **headers)

    def put(self, path: str, body: object = None, **headers: str) -> TestResponse:
        return self.call("PUT", path, body, **headers)

    def patch(self, path: str, body: object = None, **headers: str) -> TestResponse:
        return self.call("PATCH", path, body, **headers)

    def delete(self, path: str) -> TestResponse:
        return self.call("DELETE", path)

    def ok(self, answer: TestResponse, status: int = 200) -> Any:
        assert answer.status_code == status, answer.text
        return answer.json

    def as_(self, role: Access) -> Api:
        """The same app, called with a token of that role."""
        return replace(self, token=make_token(self.db, self.clock, f"another {role.value}", role))

    # --- a shop in a few words ---

    def hire(self, name: str = "Ravi", phone: str = RAVI, role: str = "staff", **more: Any) -> str:
        body = {"name": name, "phone": phone, "role": role, "shifts": "24/7", **more}
        return str(self.ok(self.post("/staff", body), 201)["id"])

    def order(self, *, minutes: float = 300, **more: Any) -> Any:
        return self.ok(self.post("/orders", new_order(self.clock.now(), minutes=minutes, **more)), 201)


def new_order(now: datetime, *, minutes: float = 300, **more: Any) -> dict[str, Any]:
    """The body of an order that is promised in so many minutes."""
    return {
        "customer": {"name": "Asha", "phone": CUSTOMER},
        "address": {"text": "12 MG Road"},
        "promised_by": (now + timedelta(minutes=minutes)).isoformat(),
        "lines": [{"title": "Physics, part 2"}],
        **more,
    }


def make_token(db: Database, clock: ManualClock, name: str, role: Access) -> str:
    with db.transaction() as session:
        return create_token(session, name, role, clock.now())


def make_app(db: Database, settings: Settings, clock: ManualClock) -> Flask:
    assert settings.twilio is not None
    texts = build_gateway(settings.twilio, concurrency=1)
    app = create_app(settings, runtime=Runtime(settings=settings, db=db, clock=clock, texts=texts))
    # Limits have a test of their own.
    app.config["RATELIMIT_ENABLED"] = False
    return app


def make_api(db: Database, settings: Settings, clock: ManualClock, *, role: Access = Access.ADMIN) -> Api:
    app = make_app(db, settings, clock)
    return Api(app=app, db=db, clock=clock, token=make_token(db, clock, "till", role))
