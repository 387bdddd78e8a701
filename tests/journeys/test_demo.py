"""The demo as a newcomer sees it, and what a crash, a restart and an empty database make of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.shop import Shop, until

pytestmark = pytest.mark.browser
WITHIN_TWO_MINUTES = 120_000
AT_ONCE = 10_000


def test_the_story(open_shop: Callable[..., Shop], page: Page) -> None:
    shop = open_shop("--demo")
    page.goto(shop.link)
    page.get_by_role("button").first.click()
    expect(page.get_by_role("heading", name="Open promises")).to_be_visible()
    expect(page.get_by_text("Nothing is really sent").first).to_be_visible()
    phones = page.context.new_page()
    phones.goto(f"{shop.url}/phones")

    expect(page.get_by_role("heading", name="At risk")).to_be_visible(timeout=WITHIN_TWO_MINUTES)
    expect(phones.get_by_text("Please buy Physics").first).to_be_visible(timeout=AT_ONCE)
    phones.get_by_role("button", name="11A").first.click()
    expect(phones.get_by_text("is yours")).to_be_visible(timeout=AT_ONCE)
    expect(phones.get_by_text("has taken")).to_be_visible(timeout=AT_ONCE)
    expect(page.get_by_role("heading", name="At risk")).to_have_count(0, timeout=AT_ONCE)

    phones.get_by_role("button", name="11P").first.click()
    expect(phones.get_by_text("noted as bought")).to_be_visible(timeout=AT_ONCE)
    page.get_by_text("Physics, volume 2").first.click()
    page.get_by_role("button", name="Mark packed").first.click()
    page.get_by_role("button", name="Hand over").first.click()
    page.get_by_role("button", name="Mark delivered").first.click()
    expect(page.get_by_text("Delivered in time")).to_be_visible()
    expect(phones.get_by_text("has been delivered")).to_be_visible(timeout=AT_ONCE)

    sent = Counter(shop.texts())
    assert set(sent.values()) == {1}
    to_dev = [body for phone, body in sent if phone == "+447700900301"]
    assert len(to_dev) == 3
    assert any("is on the way to you" in body for body in to_dev)
    assert shop.stop() == 0


def test_a_worker_killed_in_the_middle_loses_and_doubles_nothing(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop("--demo")
    until(lambda: len(shop.texts()) >= 5, what="the customers' first texts")
    shop.ask_phones("POST", "/sim/faults", kind="slow", seconds=3, count=2)
    asked = until(
        lambda: shop.rows("SELECT id FROM outbox WHERE kind = 'page' AND state = 'sending'"), what="pages", seconds=120
    )
    shop.kill("worker")
    done = "SELECT count(*) FROM outbox WHERE kind = 'page' AND state IN ('sent', 'delivered')"
    until(lambda: shop.rows(done)[0][0] >= len(asked), what="pages settled", seconds=40)
    pages = Counter(text for text in shop.texts() if "Please buy" in text[1])
    assert len(pages) >= len(asked)
    assert set(pages.values()) == {1}


def test_an_empty_database_asks_for_what_a_shop_needs(open_shop: Callable[..., Shop], page: Page) -> None:
    shop = open_shop()
    page.goto(shop.link)
    page.get_by_role("button").first.click()
    expect(page.get_by_role("button", name="Open the shop")).to_be_visible(timeout=AT_ONCE)
    page.get_by_label("Your e-mail").fill("asha@example.com")
    page.get_by_label("A password").fill("a sentence that nobody guesses")
    page.get_by_label("Its name").fill("Corner Books")
    page.get_by_label("Its time zone").select_option("Europe/London")
    page.get_by_label("When it is open").fill("Mo-Sa 10:00-19:00")
    page.get_by_label("Name", exact=True).first.fill("Asha Rao")
    page.get_by_label("Mobile number").first.fill("+44 7700 900105")
    page.get_by_role("button", name="Open the shop").click()
    expect(page.get_by_role("heading", name="Open promises")).to_be_visible(timeout=AT_ONCE)
    assert shop.rows("SELECT name, timezone FROM branches") == [("Corner Books", "Europe/London")]
    assert shop.rows("SELECT name, phone, role FROM staff") == [("Asha Rao", "+447700900105", "founder")]
    page.goto(shop.link)
    expect(page.get_by_role("button", name="Open the shop")).to_have_count(0)


def test_it_stops_clean_and_starts_again(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop("--demo")
    assert shop.stop() == 0
    again = open_shop("--demo")
    assert again.rows("SELECT count(*) FROM orders")[0][0] == 4
