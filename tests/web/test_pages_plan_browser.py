"""Going home, pins and the plan in a real browser: by keyboard alone, and readable for everybody."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from dispatch.staff.tables import Pause, Staff
from tests import factories
from tests.web.test_pages_browser import SHAPES, Screen, check, screen
from tests.web.test_pages_kit import desk

__all__ = ["desk", "screen"]
pytestmark = pytest.mark.browser


def ravi(screen: Screen) -> int:
    with screen.desk.db.snapshot() as session:
        return session.scalars(select(Staff.id).where(Staff.name == "Ravi Kumar")).one()


@pytest.mark.parametrize(("width", "height", "scheme"), SHAPES)
def test_what_takes_the_last_way_is_confirmed_by_keyboard(screen: Screen, width: int, height: int, scheme: str) -> None:
    page = screen.page
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=scheme)
    screen.open("/people")
    page.locator(f"form[action='/people/{ravi(screen)}/home'] button").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Not done yet")
    expect(page.locator("#reason")).to_be_focused()
    check(page, "at stake")
    page.keyboard.type("his son is ill")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{screen.base}/people")
    assert factories.count(screen.desk.db, select(Pause)) == 1


def test_somebody_is_pinned_and_unpinned_on_the_page(screen: Screen) -> None:
    page = screen.page
    screen.open(f"/orders/{screen.desk.ref}")
    page.locator("#plan summary", has_text="Say who delivers it").click()
    page.select_option("#pin-deliver", str(ravi(screen)))
    page.locator("form:has(#pin-deliver) button").click()
    expect(page.locator("#plan .tag")).to_have_text("pinned")
    check(page, "pinned")
    page.get_by_role("button", name="Unpin").click()
    expect(page.locator("#plan .tag")).to_have_count(0)
