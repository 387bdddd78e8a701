"""Opens every doorway of the house on a Flask app: pages, the API, webhooks, health; headers and limits for all."""

from __future__ import annotations

from flask import Flask, Response, request
from flask_wtf import CSRFProtect

from . import health, pages, twilio_hooks
from .api import PREFIX, make_blueprint
from .api_calls import calls, texts
from .api_offers import substitutions
from .api_orders import orders
from .api_pins import pinned
from .api_quotes import quotes
from .api_recoveries import recoveries
from .api_reports import reports
from .api_shop import branches, goods, people
from .api_suppliers import suppliers
from .auth import current_runtime, limiter
from .errors import handle_errors
from .openapi import make_docs_blueprint

REGISTRIES = (
    branches, people, goods, quotes, orders, pinned, suppliers, substitutions, calls, recoveries, reports, texts,
)  # fmt: skip

CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "font-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ]
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
# Between two pieces of a body; one that trickles is for the proxy in front to gather.
SILENCE_SECONDS = 5.0
A_YEAR = "max-age=31536000"


def _hurry() -> None:
    """A sender (or a reader) that stops in the middle gives its thread back: there are few, and Twilio needs them."""
    connection = request.environ.get("gunicorn.socket")
    if connection is not None:
        connection.settimeout(SILENCE_SECONDS)


def _protect(response: Response) -> Response:
    """Headers for every answer. Names and addresses of customers are in most of them: nothing is kept by caches."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if current_runtime().settings.is_https:
        response.headers.setdefault("Strict-Transport-Security", A_YEAR)
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def open_all(app: Flask) -> None:
    """Register blueprints, error handlers, security headers, CSRF protection and rate limits."""
    # A form on a board that stays open all day must still work in the evening; the token is tied to the session.
    app.config.setdefault("WTF_CSRF_TIME_LIMIT", None)
    # First of all: the check for forged forms reads the body.
    app.before_request(_hurry)
    csrf = CSRFProtect(app)
    limiter.init_app(app)
    handle_errors(app)
    app.after_request(_protect)
    operations = [operation for registry in REGISTRIES for operation in registry.operations]
    api = make_blueprint(operations)
    app.register_blueprint(api)
    app.register_blueprint(make_docs_blueprint(operations, prefix=PREFIX))
    # Programs carry a token or a signature, and no cookie that a foreign page could ride on.
    csrf.exempt(api)
    csrf.exempt(twilio_hooks.register(app))
    health.register(app)
    pages.register(app)
