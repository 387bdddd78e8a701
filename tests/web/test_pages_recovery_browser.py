"""Saying sorry in a real browser: readable for everybody, on a phone and on a large screen, with the keyboard alone."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.web.test_pages_browser import SHAPES, Screen, check, screen
from tests.web.test_pages_kit import desk
from tests.web.test_pages_recovery import broken, deliver, step, told_early

__all__ = ["desk", "screen"]
pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("width", "height", "scheme"), SHAPES)
def test_sorry_then_the_fix(screen: Screen, width: int, height: int, scheme: str) -> None:
    page = screen.page
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=scheme)
    desk, early = screen.desk, told_early(screen.desk)
    screen.open(f"/orders/{early}")
    check(page, "told early")
    broken(desk, customer_phone="+447700900778", customer_language="hi")
    ref = broken(desk, reason="exam tomorrow")
    screen.open("/")
    page.get_by_role("link", name="Who waits").click()
    check(page, "the list")
    page.locator(f"a[href='/orders/{ref}#recovery']").click()
    check(page, "nobody has said sorry")
    page.get_by_label("What Dev Rao reads").press("Tab")
    page.keyboard.press("Enter")
    page.get_by_label("By when is it made good?").fill("2026-11-24T16:30")
    page.get_by_label("theirs", exact=True).focus()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("group", name="What we give, when it was the other shop's")).to_be_visible()
    expect(page.get_by_role("group", name="What we give, when it was ours")).to_be_hidden()
    page.locator("#recovery details").evaluate_all("parts => parts.forEach(part => { part.open = true })")
    check(page, "the fix")
    page.get_by_role("button", name="Offer this fix").click()
    expect(page.locator("#recovery")).to_contain_text("To be there by today 16:30")
    deliver(desk, ref)
    step(desk, ref, "confirm")
    page.reload()
    expect(page.get_by_role("heading", name="How this story ended R5")).to_be_visible()
    check(page, "how it ended")
