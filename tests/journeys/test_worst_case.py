"""The worst day: nobody answers and promises break. One customer is won back, the other is failed twice."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.journeys.shop import Shop, until

pytestmark = pytest.mark.browser
SOON_MS = 30_000
MAYA, NOOR = "+447700900377", "+447700900378"


class Desk:
    """The shop's own program, calling the API."""

    def __init__(self, shop: Shop) -> None:
        command = [sys.executable, "-m", "dispatch", "token", "create", "desk", "--role", "admin"]
        made = subprocess.run(command, cwd=shop.home, capture_output=True, text=True, check=True)
        secret = next(word for word in made.stdout.split() if word.startswith("dsp_"))
        self.url, self.headers = f"{shop.url}/api/v1", {"Authorization": f"Bearer {secret}"}

    def ask(self, method: str, path: str, body: object = None) -> Any:
        answer = requests.request(method, f"{self.url}{path}", json=body, headers=self.headers, timeout=10)
        assert answer.ok, answer.text
        return answer.json()

    def promise(self, name: str, phone: str, reason: str) -> str:
        """An order that nobody can keep: due within seconds."""
        by = datetime.now(UTC) + timedelta(seconds=8)
        order = {
            "customer": {"name": name, "phone": phone},
            "address": {"text": "4 Mill Lane"},
            "promised_by": by.isoformat(),
            "reason": reason,
            "lines": [{"title": "Chemistry lab manual"}],
        }
        return str(self.ask("POST", "/orders", order)["ref"])

    def step(self, ref: str, **step: object) -> None:
        case = self.ask("GET", f"/recoveries?order={ref}")["items"][0]
        self.ask("POST", f"/recoveries/{case['id']}/steps", step)

    def bring(self, ref: str) -> None:
        line = self.ask("GET", f"/orders/{ref}")["lines"][0]
        self.ask("POST", f"/orders/{ref}/lines/{line['id']}/procurement", {"state": "bought"})
        self.ask("POST", f"/orders/{ref}/moves", {"move": "deliver"})

    def stage(self, ref: str) -> str:
        return str(self.ask("GET", f"/recoveries?order={ref}")["items"][0]["stage"])

    def ending(self, ref: str) -> str | None:
        ending: str | None = self.ask("GET", f"/orders/{ref}")["ending"]
        return ending


def heard(shop: Shop, phone: str, words: str) -> None:
    until(lambda: [body for to, body in shop.texts() if to == phone and words in body], what=words)


def test_nobody_answers_and_two_promises_break(open_shop: Callable[..., Shop], page: Page) -> None:
    shop = open_shop("--demo")
    desk = Desk(shop)
    page.goto(shop.link)
    page.get_by_role("button").first.click()
    won, lost = desk.promise("Maya Iyer", MAYA, "lab exam at 8"), desk.promise("Noor Ali", NOOR, "a birthday")
    expect(page.get_by_text("nobody took it: call somebody").first).to_be_visible(timeout=SOON_MS)
    expect(page.get_by_text("2 customers wait for a word of sorry")).to_be_visible(timeout=SOON_MS)

    # A fix before the sorry is refused, whoever asks for it.
    case = desk.ask("GET", f"/recoveries?order={won}")["items"][0]
    early = requests.post(
        f"{desk.url}/recoveries/{case['id']}/steps", json={"step": "fixed"}, headers=desk.headers, timeout=10
    )
    assert early.status_code == 409

    # Sorry, then the fix with its time, then the goods, then the customer's yes.
    page.goto(f"{shop.url}/orders/{won}")
    page.get_by_role("button", name="Send this apology").click()
    heard(shop, MAYA, "lab exam at 8. We are sorry")
    by = page.get_by_label("By when is it made good?")
    by.fill(f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}T12:00")
    page.get_by_role("button", name="Offer this fix").click()
    heard(shop, MAYA, "you will have Chemistry lab manual by")
    desk.bring(won)
    page.goto(str(desk.ask("GET", f"/orders/{won}")["tracking_url"]))
    page.get_by_role("button", name="Yes, it is good").click()
    expect(page.get_by_text("We are glad it is good")).to_be_visible()
    assert desk.ending(won) == "R5"

    # The other hears sorry and a time, and the time passes, too.
    desk.step(lost, step="empathise", text="Noor, we know that it was for a birthday. We are so sorry. Tara")
    heard(shop, NOOR, "We are so sorry")
    late = (datetime.now(UTC) + timedelta(seconds=3)).isoformat()
    desk.step(lost, step="offer_fix", by=late, text="It is with you in a minute.")
    until(lambda: desk.stage(lost) != "fix_offered", what="the fix is late and the case open again")
    desk.bring(lost)
    assert desk.ending(lost) == "R4"

    sorry = [body for to, body in shop.texts() if to in (MAYA, NOOR) and "sorry" in body]
    assert len(sorry) == 2, "one apology for each"
    assert shop.stop() == 0
