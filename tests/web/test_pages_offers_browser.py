"""The question to a customer in a real browser, on a phone: readable for everybody, one tap."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.web.test_pages_browser import PHONE, check, served
from tests.web.test_pages_kit import Desk, desk
from tests.web.test_pages_offers import asked, key, line

__all__ = ["asked", "desk"]
pytestmark = pytest.mark.browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_customer_chooses_with_one_tap(desk: Desk, asked: str, page: Page, scheme: str) -> None:
    page.set_viewport_size(PHONE)
    page.emulate_media(color_scheme=scheme)
    with served(desk.app) as base:
        page.goto(f"{base}/t?k={key(desk, asked)}")
        check(page, "the question")
        page.get_by_role("button", name="Physics 2, 2nd ed.").click()
        expect(page.locator("#state .note")).to_have_text("Thank you! You get Physics 2, 2nd ed. instead.")
        check(page, "the answer")
        # The page goes on by itself from here: the order, live as before.
        expect(page.locator("#state")).to_contain_text("instead of Physics 2")
        page.close()
    assert line(desk, asked) == ("substituted", "old")
