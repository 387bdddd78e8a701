"""The verdict in a real browser: it appears as one types, everybody can read it, and it offers what can be promised."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.web.test_pages_browser import SHAPES, Screen, check, screen
from tests.web.test_pages_kit import desk

__all__ = ["desk", "screen"]
pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("width", "height", "scheme"), SHAPES)
def test_the_verdict_appears_as_one_types(screen: Screen, width: int, height: int, scheme: str) -> None:
    page = screen.page
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=scheme)
    screen.open("/orders/new")
    verdict = page.locator("#verdict")
    page.fill("#item-0", "Atlas")
    expect(verdict).to_contain_text("“You will have it by 15:25 today.”")
    page.fill("#when", "2026-11-24T14:20")
    expect(verdict).to_contain_text("“I can promise it by 15:25 today.”")
    check(page, "no")
    page.fill("#item-0", "Physics 2")
    page.fill("#when", "2026-11-24T20:00")
    expect(verdict).to_contain_text("If somebody leaves for City-Books by")
    check(page, "yes if")


def test_the_earliest_time_is_one_tap_away(screen: Screen) -> None:
    page = screen.page
    screen.open("/orders/new")
    page.fill("#name", "Lena")
    page.fill("#item-0", "Atlas")
    page.fill("#when", "2026-11-24T14:20")
    page.get_by_role("button", name=re.compile("Promise 15:25 today instead")).click()
    expect(page.get_by_label("today 15:25")).to_be_checked()
    expect(page.locator("#verdict")).to_contain_text("Yes, this can be promised")
    expect(page.locator("#name")).to_have_value("Lena")
