"""The pages in a real browser: readable for everybody, live without jumping, honest when they are old."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from werkzeug.serving import make_server

from dispatch.orders.rules import Move
from dispatch.promise import service as promise
from dispatch.web import sessions
from tests import factories
from tests.web.test_pages_kit import Desk, desk

__all__ = ["desk"]
pytestmark = pytest.mark.browser
SHAPES = [(1440, 900, "light"), (390, 844, "dark")]


@dataclass
class Screen:
    """A browser at the desk."""

    desk: Desk
    page: Page
    base: str

    def open(self, path: str) -> None:
        self.page.goto(self.base + path)

    def take_order(self) -> str:
        now = self.desk.clock.now()
        with self.desk.db.transaction() as session:
            return factories.make_order(session, now, factories.when(now, "19:00"), sku="atlas").ref


@pytest.fixture
def screen(desk: Desk, page: Page) -> Iterator[Screen]:
    server = make_server("127.0.0.1", 0, desk.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    base = f"http://127.0.0.1:{server.port}"
    cookie = desk.browser.get_cookie(sessions.COOKIE)
    assert cookie is not None
    page.context.add_cookies([{"name": sessions.COOKIE, "value": cookie.value, "url": base}])
    yield Screen(desk, page, base)
    page.close()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(("width", "height", "scheme"), SHAPES)
def test_everybody_can_read_every_page(screen: Screen, width: int, height: int, scheme: str) -> None:
    screen.page.set_viewport_size({"width": width, "height": height})
    screen.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    for path in ("/", "/orders/new", f"/orders/{screen.desk.ref}", "/people", "/texts", "/orders/ZZZZ"):
        screen.open(path)
        for details in screen.page.locator("details").all():
            details.evaluate("part => { part.open = true }")
        bad = [v["id"] for v in Axe().run(screen.page).response["violations"] if v["impact"] in {"serious", "critical"}]
        assert bad == [], path
        assert screen.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


def test_the_list_is_live_but_does_not_jump_under_a_hand(screen: Screen) -> None:
    screen.open("/")
    rows = screen.page.locator(".row")
    expect(rows).to_have_count(1)
    ref = screen.take_order()
    expect(screen.page.locator(f"#row-{ref}")).to_be_visible()
    rows.first.hover()
    screen.take_order()
    expect(screen.page.locator("#catch-up")).to_be_visible()
    expect(rows).to_have_count(2)
    screen.page.click("#catch-up")
    expect(rows).to_have_count(3)


def test_arrow_keys_and_enter_make_the_next_move(screen: Screen) -> None:
    ref = screen.take_order()
    with screen.desk.db.transaction() as session:
        promise.move(session, screen.desk.ref, Move.CANCEL, screen.desk.clock.now(), actor="desk", reason="x")
    screen.open("/")
    screen.page.keyboard.press("ArrowDown")
    expect(screen.page.locator(f"#act-{ref}")).to_be_focused()
    screen.page.keyboard.press("Enter")
    expect(screen.page.locator("#said")).to_contain_text(f"{ref} is packed.")
    expect(screen.page.locator(f"#who-{ref}")).to_be_visible()


def test_the_risk_appears_while_typing(screen: Screen) -> None:
    screen.open("/orders/new")
    screen.page.fill("#item-0", "Atlas")
    screen.page.fill("#when", "2026-11-24T20:00")
    expect(screen.page.locator("#verdict")).to_contain_text("Yes, this can be promised")
    screen.page.get_by_role("button", name="One more thing").click()
    expect(screen.page.locator("#item-1")).to_be_focused()


def test_a_list_that_is_old_says_so(screen: Screen) -> None:
    screen.open("/")
    screen.page.route("**/board/rows*", lambda route: route.abort())
    expect(screen.page.locator("#stale")).to_be_visible(timeout=20_000)
    screen.page.unroute_all()
    expect(screen.page.locator("#stale")).to_be_hidden(timeout=10_000)
