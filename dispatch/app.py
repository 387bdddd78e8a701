"""Hangs the doorways on a Flask app."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from flask import Flask

from .foundation.settings import Settings
from .runtime import Runtime, build_runtime
from .simulator.phones import create_phones_blueprint
from .simulator.phones_view import PhoneOwner
from .web import doorways
from .web.phone_book import phone_book
from .web.sessions import signed_in
from .web.tables import Access


def create_app(settings: Settings, *, runtime: Runtime | None = None) -> Flask:
    """The web application. `runtime` is built from the settings when it is not given."""
    app = Flask("dispatch", root_path=None, template_folder="web/templates", static_folder="web/static")
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SESSION_COOKIE_SECURE=settings.is_https,
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=256 * 1024,
        PERMANENT_SESSION_LIFETIME=timedelta(days=14),
    )
    runtime = runtime or build_runtime(settings)
    app.extensions["dispatch"] = runtime
    doorways.open_all(app)
    _add_phones(app, runtime)
    return app


def _add_phones(app: Flask, runtime: Runtime) -> None:
    """The page of simulated phones; with Twilio settings it does not exist."""
    twilio = runtime.settings.twilio
    if twilio is None or not twilio.is_simulated or not twilio.api_url:
        return

    def owners() -> Mapping[str, PhoneOwner]:
        with runtime.db.snapshot() as session:
            return {phone: PhoneOwner(name, role) for phone, name, role in phone_book(session)}

    app.register_blueprint(
        create_phones_blueprint(
            simulator_url=twilio.api_url,
            account_sid=twilio.account_sid,
            auth_token=twilio.auth_token,
            names=owners,
            guard=signed_in(Access.OPS),
        )
    )
