"""The pages in a real browser: readable for everybody, live without jumping, honest when they are old."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Page, expect
from werkzeug.serving import make_server

from dispatch.orders.service import find_order
from dispatch.promise.rules import ClockName
from dispatch.recovery.rules import Cause, Stage
from dispatch.recovery.watching import open_case
from dispatch.web import sessions
from tests import factories
from tests.web.test_pages_kit import Desk, desk
from tests.web.test_pages_links import another_page, at_risk, pages, token

__all__ = ["desk"]
pytestmark = pytest.mark.browser
SHAPES = [(1440, 900, "light"), (820, 1180, "light"), (390, 844, "dark")]
PHONE = {"width": 390, "height": 844}
THUMB = 44
# Buttons, and whatever stands on a line of its own; links inside a sentence may be as high as the sentence.
TOO_SMALL = """least => [...document.querySelectorAll("button, .button, select, summary, nav a, input")]
  .map(part => [part.closest("label.check, .chips label") || part, part])
  .filter(([part]) => part.checkVisibility() && part.getBoundingClientRect().height < least - 0.5)
  .map(([, part]) => part.id || part.textContent.trim())"""


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


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """The app on a free port; its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def screen(desk: Desk, page: Page) -> Iterator[Screen]:
    cookie = desk.browser.get_cookie(sessions.COOKIE)
    assert cookie is not None
    with served(desk.app) as base:
        page.context.add_cookies([{"name": sessions.COOKIE, "value": cookie.value, "url": base}])
        yield Screen(desk, page, base)
        page.close()


def check(page: Page, what: str) -> None:
    """Readable for everybody: nothing serious to complain of, nothing sideways, nothing too small for a thumb."""
    bad = [v["id"] for v in Axe().run(page).response["violations"] if v["impact"] in {"serious", "critical"}]
    assert bad == [], what
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), what
    assert page.evaluate(TOO_SMALL, THUMB) == [], what


@pytest.mark.parametrize(("width", "height", "scheme"), SHAPES)
def test_everybody_can_read_every_page(screen: Screen, width: int, height: int, scheme: str) -> None:
    screen.page.set_viewport_size({"width": width, "height": height})
    screen.page.emulate_media(color_scheme=scheme)
    for path in (
        "/",
        "/orders/new",
        f"/orders/{screen.desk.ref}",
        "/people",
        "/stock",
        "/texts",
        "/reports/clock",
        "/orders?q=physics",
        "/orders/ZZZZ",
    ):
        screen.open(path)
        for details in screen.page.locator("details").all():
            details.evaluate("part => { part.open = true }")
        check(screen.page, path)


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


def test_the_board_with_the_keyboard_alone(screen: Screen) -> None:
    ref = screen.take_order()
    page = screen.page
    screen.open("/")
    page.keyboard.press("p")
    expect(page.locator("#said")).to_contain_text("Choose an order first")
    for ref_, said in ((screen.desk.ref, "Next for this order: Start looking"), (ref, f"{ref} is packed.")):
        while page.evaluate("document.activeElement.id") != f"open-{ref_}":
            page.keyboard.press("ArrowDown")
        page.keyboard.press("p")
        expect(page.locator("#said")).to_contain_text(said)
    # The row stays under the hand, and so does the focus.
    expect(page.locator(f"#open-{ref}")).to_be_focused()
    page.keyboard.press("h")
    expect(page.locator("#said")).to_contain_text(f"{ref} is on its way")
    expect(page.locator(f"#open-{ref}")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{screen.base}/orders/{ref}")


def test_keys_are_listed_can_be_turned_off_and_leave_typing_alone(screen: Screen) -> None:
    page = screen.page
    screen.open(f"/orders/{screen.desk.ref}")
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type("n? p")
    expect(page.locator("#search")).to_have_value("n? p")
    page.locator("#keys-open").focus()
    page.keyboard.press("?")
    check(page, "help")
    page.get_by_label("Letters are keys here").uncheck()
    page.keyboard.press("Escape")
    expect(page.locator("#keys-open")).to_be_focused()
    page.keyboard.press("n")
    page.reload()
    page.keyboard.press("n")
    expect(page).to_have_url(f"{screen.base}/orders/{screen.desk.ref}")
    # Off for letters only: a button always brings the list back.
    page.locator("#keys-open").click()
    page.get_by_label("Letters are keys here").check()
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    expect(page).to_have_url(f"{screen.base}/orders/new")


def test_the_risk_appears_while_typing(screen: Screen) -> None:
    screen.open("/orders/new")
    screen.page.fill("#item-0", "Atlas")
    screen.page.fill("#when", "2026-11-24T20:00")
    expect(screen.page.locator("#verdict")).to_contain_text("Yes, this can be promised")
    screen.page.get_by_role("button", name="One more thing").click()
    expect(screen.page.locator("#item-1")).to_be_focused()


def test_somebody_we_know_is_filled_in_but_never_over_what_was_typed(screen: Screen) -> None:
    with screen.desk.db.snapshot() as session:
        phone = find_order(session, screen.desk.ref).customer_phone
    screen.open("/orders/new")
    screen.page.fill("#phone", phone)
    screen.page.fill("#address", "Hostel 4")
    expect(screen.page.locator("#name")).to_have_value("Arjun Mehta")
    expect(screen.page.locator("#address")).to_have_value("Hostel 4")
    expect(screen.page.locator("#caller")).to_contain_text("has ordered once")


def test_who_is_about_to_type_types_over_what_is_filled_in(screen: Screen) -> None:
    with screen.desk.db.snapshot() as session:
        phone = find_order(session, screen.desk.ref).customer_phone
    screen.open("/orders/new")
    screen.page.fill("#phone", phone)
    screen.page.focus("#address")
    expect(screen.page.locator("#address")).to_have_value("12 Lake Road")
    screen.page.keyboard.type("Hostel 4")
    expect(screen.page.locator("#address")).to_have_value("Hostel 4")


def test_several_orders_are_ticked_and_moved_and_one_is_taken_back(screen: Screen) -> None:
    refs = [screen.take_order(), screen.take_order()]
    page = screen.page
    screen.open("/")
    expect(page.locator("#together")).to_be_hidden()
    for ref in refs:
        page.locator(f"#open-{ref}").focus()
        page.keyboard.press("x")
    expect(page.locator("#together")).to_contain_text("2 selected:")
    expect(page.locator("#together").get_by_role("button", name="Mark packed")).to_be_visible()
    expect(page.locator("#together").get_by_role("button", name="Mark delivered")).to_be_visible()
    check(page, "ticked")
    # News does not untick them.
    other = screen.take_order()
    page.mouse.move(1, 1)
    expect(page.locator(f"#row-{other}")).to_be_visible(timeout=15_000)
    expect(page.locator("#together")).to_contain_text("2 selected:")
    page.locator(f"#open-{refs[0]}").focus()
    page.keyboard.press("p")
    expect(page.get_by_role("heading", level=1)).to_have_text("2 done")
    check(page, "what became of them")
    # A key that comes before the page's script is nobody's.
    with page.expect_navigation():
        page.keyboard.press("b")
    page.locator(f"#open-{other}").focus()
    page.keyboard.press("p")
    expect(page.locator("#undo")).to_contain_text(f"{other} is packed.")
    page.keyboard.press("u")
    expect(page.locator("#said")).to_contain_text(f"{other}: taken back.")
    expect(page.locator(f"#row-{other}")).to_contain_text("to be packed")


@pytest.mark.parametrize("path", ["/", "/orders/{ref}"])
def test_a_page_that_is_old_says_so(screen: Screen, path: str) -> None:
    screen.page.clock.install()
    screen.open(path.format(ref=screen.desk.ref))
    stale = screen.page.locator("#stale")
    screen.page.route(re.compile(r"/(board/rows|orders/)"), lambda route: route.abort())
    screen.page.clock.run_for(15_000)
    expect(stale).to_be_visible()
    expect(stale).to_contain_text("The connection is gone")
    screen.page.unroute_all()
    screen.page.clock.run_for(6_000)
    expect(stale).to_be_hidden(timeout=10_000)


def test_a_page_that_is_signed_out_says_so_and_keeps_what_was_typed(screen: Screen) -> None:
    screen.open("/orders/new")
    screen.page.fill("#name", "Lena")
    screen.page.context.clear_cookies(name=sessions.COOKIE)
    screen.page.fill("#item-0", "Atlas")
    expect(screen.page.locator("#signed-out")).to_be_visible()
    expect(screen.page.locator("#name")).to_have_value("Lena")


def test_an_impatient_second_click_sends_nothing(screen: Screen) -> None:
    sent = []
    screen.page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    screen.open("/people")
    screen.page.locator("summary", has_text="Pause").first.click()
    screen.page.get_by_role("button", name="Pause").first.dblclick()
    expect(screen.page.locator("#said")).to_contain_text("is not asked until")
    assert len(sent) == 1


def test_another_line_is_added_on_the_page_of_an_order(screen: Screen) -> None:
    screen.page.set_viewport_size(PHONE)
    screen.open(f"/orders/{screen.desk.ref}")
    screen.page.get_by_text("Change, add or take out").click()
    screen.page.fill("#item-1", "Atlas")
    screen.page.get_by_role("button", name="One more thing").click()
    expect(screen.page.locator("#item-2")).to_be_focused()
    screen.page.fill("#item-2", "Blue paper")
    screen.page.get_by_role("button", name="Save what they need").click()
    expect(screen.page.get_by_role("heading", level=1)).to_have_text("Physics 2, Atlas, Blue paper")


# --- on a phone ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_behind_a_text_is_readable_on_a_phone(screen: Screen, scheme: str) -> None:
    screen.page.set_viewport_size(PHONE)
    screen.page.emulate_media(color_scheme=scheme)
    (page_id, *_) = pages(screen.desk, at_risk(screen.desk))
    other_id = another_page(screen.desk, page_id, "Anil")
    screen.open(f"/a?t={token(screen.desk, 'page', page_id)}")
    check(screen.page, "asked")
    take = screen.page.get_by_role("button", name="I take it")
    box = take.bounding_box()
    assert box is not None
    # Seen without scrolling: it takes five seconds.
    assert box["y"] + box["height"] < PHONE["height"]
    take.click()
    expect(screen.page.get_by_text("It is yours. Thank you.")).to_be_visible()
    check(screen.page, "taken")
    screen.open(f"/a?t={token(screen.desk, 'page', other_id)}")
    expect(screen.page.get_by_role("heading", level=1)).to_contain_text("has it")
    check(screen.page, "somebody else's")


def test_what_a_customer_is_typing_stays_when_the_page_catches_up(screen: Screen) -> None:
    screen.page.clock.install()
    with screen.desk.db.transaction() as session:
        order = find_order(session, screen.desk.ref)
        case = open_case(session, order, Cause.COMPLAINT, screen.desk.clock.now(), clock=ClockName.DEADLINE, what="x")
        case.stage = Stage.FIXED
        order_id = order.id
    screen.open(f"/t?k={token(screen.desk, 'tracking', order_id)}")
    screen.page.fill("#note", "the second boo")
    with screen.desk.db.transaction() as session:
        find_order(session, screen.desk.ref).customer_name = "Arun"
    screen.page.clock.run_for(21_000)
    expect(screen.page.locator("#state")).to_contain_text("Hello Arun")
    expect(screen.page.locator("#note")).to_have_value("the second boo")
    expect(screen.page.locator("#note")).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_customer_can_read_where_it_stands_on_a_phone(screen: Screen, scheme: str) -> None:
    screen.page.set_viewport_size(PHONE)
    screen.page.emulate_media(color_scheme=scheme)
    with screen.desk.db.snapshot() as session:
        order_id = find_order(session, screen.desk.ref).id
    screen.page.context.clear_cookies()
    screen.open(f"/t?k={token(screen.desk, 'tracking', order_id)}")
    expect(screen.page.get_by_role("heading", level=1)).to_contain_text("We are getting it for you")
    check(screen.page, "on its way")
    assert screen.page.locator("#stale").get_attribute("data-after") == "60"
    expect(screen.page.locator("#signed-out")).to_have_count(0)
