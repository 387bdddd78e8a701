"""No doorway without a guard: every view says who may come in."""

from __future__ import annotations

from typing import Any, cast

import pytest
from flask import Flask

from dispatch.foundation.clock import ManualClock
from dispatch.foundation.db import Database
from dispatch.foundation.settings import Settings

ACCESS = {"public", "token", "reader", "ops", "admin", "signed_link", "staff", "twilio"}


def unguarded(app: Flask) -> list[str]:
    """Routes whose view does not carry a known `access`."""
    found = []
    for rule in app.url_map.iter_rules():
        # Flask's own route for files; whoever puts a file there means it to be seen.
        if rule.endpoint == "static" or rule.endpoint.endswith(".static"):
            continue
        access = getattr(app.view_functions[rule.endpoint], "access", None)
        if access not in ACCESS:
            found.append(f"{rule.rule} ({rule.endpoint}): access is {access!r}")
    return sorted(found)


def test_every_route_is_guarded(settings: Settings, sqlite_db: Database, clock: ManualClock) -> None:
    from dispatch.app import create_app
    from dispatch.runtime import Runtime

    app = create_app(settings, runtime=Runtime(settings=settings, db=sqlite_db, clock=clock, texts=cast(Any, None)))
    found = unguarded(app)
    assert not found, "\n".join(found)
    # An app without doorways has none unguarded.
    assert len(list(app.url_map.iter_rules())) > 20


@pytest.mark.parametrize(
    ("access", "is_guarded"), [("ops", True), ("twilio", True), ("everybody", False), (None, False)]
)
def test_an_open_door_is_seen(access: str | None, is_guarded: bool) -> None:
    app = Flask(__name__)

    def view() -> str:
        return "come in"

    if access:
        view.access = access
    app.add_url_rule("/door", view_func=view)
    assert unguarded(app) == ([] if is_guarded else [f"/door (view): access is {access!r}"])
