"""The call list under a thumb: one tap, readable for everybody, without a script too."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from dispatch.procurement.call_log import Told
from dispatch.procurement.calls import Outcome
from dispatch.promise import calls
from dispatch.web import sessions
from tests import factories
from tests.web.test_pages_browser import PHONE, SHAPES, Screen, check, served
from tests.web.test_pages_kit import Desk, desk

__all__ = ["desk"]
pytestmark = pytest.mark.browser


def furnish(desk: Desk) -> str:
    """Seven shops, two of which have been asked, and a second order for the same book; answers the first order."""
    now = desk.clock.now()
    with desk.db.transaction() as session:
        for n, name in enumerate(("Crossword", "Higginbothams", "Gangarams", "Blossom", "Sapna", "Bookworm")):
            factories.make_supplier(
                session, now, name.lower(), "Mo-Su 10:00-18:00", travel_minutes=5 * n, phone=factories.fresh_phone()
            )
        shops = ("city-books", "crossword", "gangarams")
        factories.make_item(session, now, "physics-2", suppliers=shops)
        ref = factories.make_order(session, now, factories.when(now, "19:30"), sku="physics-2", reason="exam").ref
        order = calls.orders.find_order(session, ref)
        for shop, outcome in (("crossword", Outcome.NO), ("gangarams", Outcome.CLOSED)):
            told = Told(supplier=shop, outcome=outcome)
            calls.hear(session, ref, order.lines[0].id, told, now, actor="desk")
    return ref


@pytest.fixture
def plain(desk: Desk, browser: Browser) -> Iterator[Screen]:
    """A browser that runs no scripts."""
    cookie = desk.browser.get_cookie(sessions.COOKIE)
    assert cookie is not None
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    with served(desk.app) as base:
        context.add_cookies([{"name": sessions.COOKIE, "value": cookie.value, "url": base}])
        yield Screen(desk, context.new_page(), base)
        context.close()


@pytest.fixture
def screen(desk: Desk, page: Page) -> Iterator[Screen]:
    cookie = desk.browser.get_cookie(sessions.COOKIE)
    assert cookie is not None
    with served(desk.app) as base:
        page.context.add_cookies([{"name": sessions.COOKIE, "value": cookie.value, "url": base}])
        yield Screen(desk, page, base)
        page.close()


@pytest.mark.parametrize(("width", "height", "scheme"), SHAPES)
def test_everybody_can_read_the_list(screen: Screen, width: int, height: int, scheme: str) -> None:
    ref = furnish(screen.desk)
    screen.page.set_viewport_size({"width": width, "height": height})
    screen.page.emulate_media(color_scheme=scheme)
    screen.open(f"/orders/{ref}")
    for details in screen.page.locator("#lines details").all():
        details.evaluate("part => { part.open = true }")
    check(screen.page, ref)
    # Three stand open, the others are folded away.
    expect(screen.page.locator("#lines ol.calls > li")).to_have_count(7)


def test_the_keyboard_reaches_every_answer(screen: Screen) -> None:
    ref = furnish(screen.desk)
    screen.page.set_viewport_size(PHONE)
    screen.open(f"/orders/{ref}")
    screen.page.get_by_role("button", name=re.compile("No answer.*City-Books")).focus()
    screen.page.keyboard.press("Enter")
    expect(screen.page.locator("#said")).to_contain_text("Nobody answers at City-Books. Next:")
    assert screen.page.url.endswith(f"#line-{_line(screen.desk, ref)}")
    expect(screen.page.locator("#lines")).to_contain_text("Didn't answer just now: try again.")


def test_one_tap_without_a_script(plain: Screen) -> None:
    ref = furnish(plain.desk)
    plain.open(f"/orders/{ref}")
    plain.page.get_by_role("button", name=re.compile("Has it.*City-Books")).click()
    expect(plain.page.locator("#lines")).to_contain_text("kept for us")
    first = plain.page.locator("#lines ol.calls > li").first
    expect(first).to_contain_text("Keeps it for us.")
    first.get_by_role("button", name="Bought").click()
    expect(plain.page.locator("#lines")).to_contain_text("bought")
    expect(plain.page.locator("#lines ol.calls")).to_have_count(0)


def _line(desk: Desk, ref: str) -> int:
    with desk.db.snapshot() as session:
        return calls.orders.find_order(session, ref).lines[0].id
