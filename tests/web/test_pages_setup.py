"""The link that makes the first admin, and what it asks for."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from dispatch.foundation.clock import ManualClock
from dispatch.foundation.db import Database
from dispatch.foundation.settings import Settings
from dispatch.orders.tables import Branch
from dispatch.staff.rules import Role
from dispatch.staff.tables import Staff
from dispatch.web.tables import Access, User
from tests.web.test_pages_kit import PASSWORD, first_link, make_app, prefilled

SHOP: dict[str, Any] = {
    "email": "meena@shop.example",
    "password": PASSWORD,
    "shop_name": "Lamplight Books",
    "timezone": "Asia/Kolkata",
    "opening_hours": "Mo-Sa 10:00-19:00",
    "person_name": ["Meena Iyer", "Ravi Kumar", ""],
    "person_phone": ["98123 00001", "98123 00002", ""],
    "person_role": ["founder", "rider", "staff"],
    "person_shifts": ["", "Mo-Sa 12:00-20:00", ""],
    "person_on_call": ["yes", "no", "no"],
}


@pytest.fixture
def browser(settings: Settings, sqlite_db: Database, clock: ManualClock) -> FlaskClient:
    return make_app(settings, sqlite_db, clock).test_client()


@pytest.fixture
def secret(sqlite_db: Database, clock: ManualClock) -> str:
    return first_link(sqlite_db, clock)


def set_up(browser: FlaskClient, secret: str, **changes: Any) -> TestResponse:
    page = f"/setup?s={secret}"
    return browser.post("/setup", data={**prefilled(browser, page), "s": secret, **SHOP, **changes})


def test_the_link_leads_to_the_questions_and_is_not_used_up_by_looking(browser: FlaskClient, secret: str) -> None:
    path = f"/login/link?s={secret}"
    for _ in range(2):
        answer = browser.post("/login/link", data={**prefilled(browser, path), "s": secret})
        assert answer.headers["Location"] == f"/setup?s={secret}"
        assert browser.get(f"/setup?s={secret}").status_code == 200


def test_a_shop_is_made(browser: FlaskClient, secret: str, sqlite_db: Database) -> None:
    assert "dispatch up" in browser.get("/login").text
    assert set_up(browser, secret).headers["Location"] == "/"
    assert browser.get("/").status_code == 200
    with sqlite_db.snapshot() as session:
        branch = session.scalars(select(Branch)).one()
        assert (branch.code, branch.name, branch.country) == ("main", "Lamplight Books", "IN")
        user = session.scalars(select(User)).one()
        assert (user.email, user.role) == ("meena@shop.example", Access.ADMIN)
        people = session.scalars(select(Staff).order_by(Staff.id)).all()
        assert [(p.name, p.phone, p.role, p.shifts, p.on_call) for p in people] == [
            ("Meena Iyer", "+919812300001", Role.FOUNDER, None, True),
            ("Ravi Kumar", "+919812300002", Role.RIDER, "Mo-Sa 12:00-20:00", False),
        ]


def test_the_link_is_used_up_and_never_makes_a_second_admin(
    browser: FlaskClient, secret: str, sqlite_db: Database, clock: ManualClock
) -> None:
    page = prefilled(browser, f"/setup?s={secret}")
    assert set_up(browser, secret).status_code == 303
    assert browser.post("/setup", data={**page, "s": secret, **SHOP, "email": "x@y.zz"}).status_code == 410
    # Not even another unused link, once somebody can sign in.
    other = first_link(sqlite_db, clock)
    assert browser.get(f"/setup?s={other}").status_code == 410


def test_without_the_link_there_is_nothing(browser: FlaskClient) -> None:
    assert browser.get("/setup").status_code == 410
    form = {**prefilled(browser, "/login"), **SHOP, "s": "guess"}
    assert browser.post("/setup", data=form).status_code == 410


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "meena"}, "email"),
        ({"password": "short"}, "password"),
        ({"shop_name": ""}, "shop_name"),
        ({"timezone": "Mars/Base"}, "timezone"),
        ({"opening_hours": "from ten"}, "opening_hours"),
        ({"person_phone": ["98123 00001", "12", ""]}, "phone-1"),
        ({"person_phone": ["98123 00001", "98123 00001", ""]}, "phone-1"),
        ({"person_shifts": ["", "whenever", ""]}, "shifts-1"),
        ({"person_name": ["Meena Iyer", "", ""]}, "name-1"),
        ({"person_role": ["manager", "rider", "founder"]}, "role-0"),
        ({"person_role": ["king", "founder", "staff"]}, "role-0"),
    ],
)
def test_a_complaint_stands_beside_its_field_and_nothing_is_made(
    browser: FlaskClient, secret: str, sqlite_db: Database, change: dict[str, Any], field: str
) -> None:
    answer = set_up(browser, secret, **change)
    assert answer.status_code == 422
    assert f'<p class="error" id="{field}-hint">' in answer.text
    assert 'value="Ravi Kumar"' in answer.text or "person_name" in change
    assert PASSWORD not in answer.text
    with sqlite_db.snapshot() as session:
        assert session.scalars(select(User)).all() == []
        assert session.scalars(select(Staff)).all() == []
    assert set_up(browser, secret).status_code == 303


def test_one_more_person_without_scripts(browser: FlaskClient, secret: str) -> None:
    text = set_up(browser, secret, more="1").text
    assert 'id="name-3"' in text
    assert 'value="Ravi Kumar"' in text


def test_hours_are_read_back(browser: FlaskClient, secret: str) -> None:
    form = {**prefilled(browser, f"/setup?s={secret}"), "timezone": "Asia/Kolkata"}

    def said(hours: str) -> str:
        return browser.post("/setup/hours", data={**form, "opening_hours": hours}).text

    assert "10:00–13:00, 15:00–24:00" in said("Mo-Su 10:00-13:00,15:00-24:00")
    assert "closed" in said("Mo 10:00-12:00")
    assert "read as opening hours" in said("ten to six")
    assert "<dt>" not in said("")
    # What is recommended can be typed as it stands there.
    assert "Mo-Sa 10:00-19:00; PH off" in said("Mon-Sun 10am-10pm")
