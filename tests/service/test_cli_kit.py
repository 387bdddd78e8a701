"""What the tests of the commands share: a shop on a real database, and the console script as people call it.

Import `open_console` and `stand_still` for their fixtures `console` and `frozen`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import pytest
import time_machine
from click.testing import CliRunner, Result

from dispatch.cli import main
from dispatch.foundation.db import Database
from dispatch.orders.branches import BranchValues, put_branch
from tests.conftest import START

SECRET = "a secret for tests, nothing else"
RAVI, MEENA, ASHA, VIKRAM = "+919812300001", "+919812300002", "+919812300003", "+919812300004"


@dataclass
class Console:
    """The command line of somebody who looks after the shop."""

    db: Database

    def run(self, *arguments: str, text: str | bytes | None = None) -> Result:
        """`dispatch` with these arguments; a traceback fails the test."""
        result = CliRunner().invoke(main, list(arguments), input=text)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
        return result


def point_at(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of the commands."""
    monkeypatch.setenv("DISPATCH_DATABASE_URL", url)
    monkeypatch.setenv("DISPATCH_SECRET_KEY", SECRET)
    monkeypatch.setenv("DISPATCH_DEFAULT_REGION", "IN")


@pytest.fixture(name="frozen")
def stand_still() -> Iterator[datetime]:
    """It is Tuesday, 14:00 in the shop, also for the console."""
    with time_machine.travel(START, tick=False):
        yield START


@pytest.fixture(name="console")
def open_console(db: Database, monkeypatch: pytest.MonkeyPatch, frozen: datetime) -> Console:
    """A bookshop in Kolkata that is open from ten to eight, without people or goods."""
    point_at(db.url.render_as_string(hide_password=False), monkeypatch)
    values = BranchValues(name="Bookshop", timezone="Asia/Kolkata", opening_hours="Mo-Sa 10:00-20:00")
    with db.transaction() as session:
        put_branch(session, "main", values, frozen)
    return Console(db)
