"""Setting up a shop in a real browser: on a phone, and over a slow line."""

from __future__ import annotations

import pytest
from flask import Flask
from playwright.sync_api import Page, Route, expect

from dispatch.foundation.clock import ManualClock
from dispatch.foundation.db import Database
from dispatch.foundation.settings import Settings
from tests.web.test_pages_browser import PHONE, check, served
from tests.web.test_pages_kit import first_link, make_app

pytestmark = pytest.mark.browser


@pytest.fixture
def app(settings: Settings, sqlite_db: Database, clock: ManualClock) -> Flask:
    return make_app(settings, sqlite_db, clock)


@pytest.fixture
def path(sqlite_db: Database, clock: ManualClock) -> str:
    return f"/setup?s={first_link(sqlite_db, clock)}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_shop_can_be_set_up_on_a_phone(app: Flask, path: str, page: Page, scheme: str) -> None:
    page.set_viewport_size(PHONE)
    page.emulate_media(color_scheme=scheme)
    with served(app) as base:
        page.goto(base + path)
        check(page, "empty")
        page.get_by_role("button", name="Open the shop").click()
        expect(page.locator("#email")).to_be_focused()
        check(page, "with complaints")
        page.get_by_role("button", name="One more person").click()
        expect(page.locator("#name-2")).to_be_focused()
        page.fill("#opening_hours", "Mo-Sa 10:00-19:00")
        expect(page.locator("#hours")).to_contain_text("We read this as")
        check(page, "hours read back")
        page.close()


@pytest.mark.parametrize("chosen", [None, "Europe/London"])
def test_the_browser_offers_its_own_time_zone_but_overrules_nobody(
    app: Flask, path: str, page: Page, chosen: str | None
) -> None:
    held: list[Route] = []
    page.route("**/app.js*", lambda route: held.append(route))  # noqa: PLW0108 - Playwright writes a mark on what it is given
    with served(app) as base:
        # The script comes late, as over a slow line: somebody has chosen by then.
        page.goto(base + path, wait_until="commit")
        page.wait_for_selector("#timezone")
        if chosen:
            page.select_option("#timezone", chosen)
        held[0].continue_()
        page.wait_for_load_state()
        own = page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")
        expect(page.locator("#timezone")).to_have_value(chosen or own)
        page.close()
