"""What every doorway has in common: bodies that stop in the middle, and values that no database can keep."""

from __future__ import annotations

import io

import pytest

from tests.web.test_pages_kit import Desk, desk, prefilled

__all__ = ["desk"]
ORDER = {
    "phone": "+44 7700 900321",
    "name": "Lena",
    "address": "7 Lake View",
    "item": "Atlas",
    "quantity": "1",
    "when": "2026-11-24T20:30",
}


class Stalled(io.RawIOBase):
    """A body whose sender went quiet."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        raise TimeoutError("timed out")


class Connection:
    """A socket as the server hands it over."""

    timeout: float | None = None

    def settimeout(self, seconds: float) -> None:
        self.timeout = seconds


def test_a_body_that_stops_in_the_middle_gives_the_thread_back(desk: Desk) -> None:
    connection = Connection()
    answer = desk.app.test_client().post(
        "/webhooks/twilio/message",
        content_type="application/x-www-form-urlencoded",
        environ_overrides={"gunicorn.socket": connection, "wsgi.input": Stalled(), "CONTENT_LENGTH": "1000"},
    )
    assert connection.timeout == 5
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "x" * 201),
        ("address", "x" * 501),
        ("item", "x" * 301),
        ("reason", "x" * 501),
        ("name", "a\x00b"),
        ("item", "a\x00b"),
        ("when", "9999-12-31T23:59:59-14:00"),
        ("promise", "0001-01-01T00:00:00+14:00"),
        ("promise", "9999-12-31T23:59:59-14:00"),
    ],
)
def test_an_order_that_can_not_be_kept_is_explained(desk: Desk, field: str, value: str) -> None:
    answer = desk.browser.post("/orders/new", data={**prefilled(desk.browser, "/orders/new"), **ORDER, field: value})
    assert answer.status_code == 422


@pytest.mark.parametrize("number", [2**31, 2**63, 10**20])
def test_numbers_beyond_any_row_are_refused(desk: Desk, number: int) -> None:
    answer = desk.browser.post(f"/people/{number}/back", data=prefilled(desk.browser, "/people"))
    assert answer.status_code in {404, 422}
