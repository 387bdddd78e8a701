"""What tests of the pages share: an app on a real database, a browser without scripts, and a shop that is open."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import argon2
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from dispatch.app import create_app
from dispatch.foundation.clock import ManualClock
from dispatch.foundation.db import Database
from dispatch.foundation.settings import Settings
from dispatch.orders.tables import Heartbeat
from dispatch.runtime import Runtime
from dispatch.web import sessions
from dispatch.web.sessions import make_one_time_link
from dispatch.web.tables import Access, User
from tests import factories

PASSWORD = "a sentence is fine too"
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
VERSION = re.compile(r'name="version" value="(\d+)"')
SEEN = re.compile(r'name="seen" value="(\d+)"')


def make_app(settings: Settings, db: Database, clock: ManualClock) -> Flask:
    """The application as it runs, without a way to send texts: pages never send."""
    return create_app(settings, runtime=Runtime(settings=settings, db=db, clock=clock, texts=cast(Any, None)))


def prefilled(browser: FlaskClient, path: str) -> dict[str, str]:
    """The hidden fields of the forms on a page: what a browser sends along."""
    page = browser.get(path)
    assert page.status_code == 200, page.text
    fields = {}
    for name, pattern in (("csrf_token", TOKEN), ("version", VERSION), ("seen", SEEN)):
        found = pattern.search(page.text)
        if found:
            fields[name] = found.group(1)
    return fields


@dataclass
class Desk:
    """Somebody at a screen."""

    app: Flask
    db: Database
    clock: ManualClock
    browser: FlaskClient
    ref: str

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.browser.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def post(self, path: str, form: Mapping[str, Any], *, page: str, **headers: str) -> TestResponse:
        """Post a form that stands on `page`, with its hidden fields."""
        given = {**prefilled(self.browser, page), **form}
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.browser.post(path, data=given, headers=sent)


def sign_in(browser: FlaskClient, email: str, password: str = PASSWORD) -> TestResponse:
    """Through the form."""
    return browser.post("/login", data={**prefilled(browser, "/login"), "email": email, "password": password})


@functools.cache
def _hash() -> str:
    # Hashing is slow on purpose: once is enough for all tests.
    return argon2.PasswordHasher().hash(PASSWORD)


def open_shop(db: Database, clock: ManualClock) -> str:
    """A shop with people, a supplier and one order for a book that must be bought; answers its ref."""
    now = clock.now()
    with db.transaction() as session:
        factories.make_shop(session, now)
        factories.make_person(session, now, "Ravi Kumar", role="rider")
        factories.make_person(session, now, "Meena Iyer", role="founder", shifts=None)
        factories.make_person(session, now, "Arjun Das", role="buyer")
        factories.make_supplier(session, now, "city-books")
        factories.make_item(session, now, "physics-2", suppliers=("city-books",))
        factories.make_item(session, now, "atlas", on_hand=5)
        session.add(Heartbeat(name="watch", at=now))
        for role in Access:
            session.add(User(email=f"{role.value}@shop.example", role=role, password_hash=_hash(), created_at=now))
        order = factories.make_order(session, now, factories.when(now, "20:00"), sku="physics-2")
        return order.ref


def let_in(db: Database, clock: ManualClock, browser: FlaskClient, role: Access) -> None:
    """Sign somebody in without the form."""
    with db.transaction() as session:
        user_id = session.scalars(select(User.id).where(User.role == role)).one()
        secret = sessions.sign_in(session, user_id, clock.now())
    browser.set_cookie(sessions.COOKIE, secret)


def make_desk(settings: Settings, db: Database, clock: ManualClock, *, role: Access = Access.ADMIN) -> Desk:
    """A desk in an open shop, somebody signed in at it."""
    ref = open_shop(db, clock)
    app = make_app(settings, db, clock)
    browser = app.test_client()
    let_in(db, clock, browser, role)
    return Desk(app=app, db=db, clock=clock, browser=browser, ref=ref)


def first_link(db: Database, clock: ManualClock) -> str:
    """The secret of the link that makes the first admin."""
    with db.transaction() as session:
        return make_one_time_link(session, clock.now(), minutes=60)


@pytest.fixture
def desk(settings: Settings, sqlite_db: Database, clock: ManualClock) -> Desk:
    """An admin at the desk."""
    return make_desk(settings, sqlite_db, clock)
