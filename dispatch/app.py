"""Hangs the doorways on a Flask app."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask

from .foundation.settings import Settings
from .runtime import Runtime, build_runtime
from .web import doorways


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
    app.extensions["dispatch"] = runtime or build_runtime(settings)
    doorways.open_all(app)
    return app
