"""The people page asks before the last way to keep a promise goes; the order's page shows the plan and takes pins."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from dispatch.orders.service import timeline
from dispatch.promise.tables import Pin
from dispatch.staff.tables import Pause, Staff
from tests import factories
from tests.web.test_pages_kit import Desk, desk

__all__ = ["desk"]

FIELD = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


def ravi(desk: Desk) -> int:
    with desk.db.snapshot() as session:
        return session.scalars(select(Staff.id).where(Staff.name == "Ravi Kumar")).one()


def texts(desk: Desk, ref: str) -> list[str]:
    with desk.db.snapshot() as session:
        return [event["text"] for event in timeline(session, ref)]


def count(desk: Desk, table: type) -> int:
    return factories.count(desk.db, select(table))


def all_the_same(desk: Desk, path: str, page: str, reason: str) -> int:
    """The confirm page's own form, as a browser sends it."""
    form = dict(FIELD.findall(page)) | {"reason": reason}
    return desk.browser.post(path, data=form).status_code


@pytest.mark.parametrize(
    ("deed", "form", "button"),
    [
        ("pause", {"span": "rest", "reason": "dentist"}, "Pause all the same"),
        ("home", {}, "Go home all the same"),
        (
            "",
            {"name": "Ravi Kumar", "phone": "+447700900999", "role": "rider", "shifts": "", "on_call": "on"},
            "Save all the same",
        ),
    ],
)
def test_what_takes_the_last_way_is_asked_about_first(desk: Desk, deed: str, form: dict[str, str], button: str) -> None:
    person = ravi(desk)
    path = f"/people/{person}/{deed}".rstrip("/")
    answer = desk.post(path, form, page="/people")
    assert answer.status_code == 409
    page = answer.text
    assert button in page
    assert f'href="/orders/{desk.ref}"' in page
    assert "exam tomorrow" in page
    assert "Nobody is here who could deliver it." in page
    assert f'name="reason" required maxlength="300" value="{form.get("reason", "")}"' in page
    for name, value in form.items():
        assert name == "reason" or f'name="{name}" value="{value}"' in page
    assert count(desk, Pause) == 0
    # Without a reason it is asked again.
    assert all_the_same(desk, path, page, " ") == 409
    assert all_the_same(desk, path, page, "his son is ill") == 303
    assert any("although this counted on them: his son is ill." in text for text in texts(desk, desk.ref))


def test_what_takes_nothing_away_is_one_tap(desk: Desk) -> None:
    with desk.db.transaction() as session:
        factories.make_person(session, desk.clock.now(), "Sita Rao", role="rider")
    assert "Going home" in desk.get("/people").text
    assert desk.post(f"/people/{ravi(desk)}/home", {}, page="/people").status_code == 303
    assert "paused until 19:00" in desk.get("/people").text


def test_the_plan_stands_on_the_page_and_somebody_can_be_pinned(desk: Desk) -> None:
    with desk.db.transaction() as session:
        sita = factories.make_person(session, desk.clock.now(), "Sita Rao", role="rider")
    page = f"/orders/{desk.ref}"
    assert "goes to City-Books for Physics 2 by" in desk.get(page).text
    path = f"{page}/pins/deliver"
    assert desk.post(path, {"pin_on": "", "task": "deliver"}, page=page).status_code == 422
    answer = desk.post(path, {"pin_on": str(sita), "task": "deliver"}, page=page)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{page}#plan")
    text = desk.get(page).text
    assert "Pinned: the plan counts on nobody else for it." in text
    assert re.search(r"Sita Rao leaves with it by .*<span class=\"tag\">pinned</span>", text)
    assert desk.post(path, {"version": "1", "task": "deliver"}, page=page).status_code == 412
    assert desk.post(path, {}, page=page).status_code == 303
    assert count(desk, Pin) == 0


def test_a_pin_that_puts_a_promise_at_stake_is_asked_about_first(desk: Desk) -> None:
    with desk.db.transaction() as session:
        late = factories.make_person(session, desk.clock.now(), "Sita Rao", role="rider", shifts="Mo-Su 22:00-23:00")
    page = f"/orders/{desk.ref}"
    answer = desk.post(f"{page}/pins/deliver", {"pin_on": str(late), "task": "deliver"}, page=page)
    assert answer.status_code == 409
    assert "Pin all the same" in answer.text
    assert all_the_same(desk, f"{page}/pins/deliver", answer.text, "she stays longer") == 303
    assert "Pinned: Sita Rao delivers it: she stays longer." in texts(desk, desk.ref)


def test_a_new_promise_says_whether_the_customer_agreed(desk: Desk) -> None:
    page = f"/orders/{desk.ref}"
    assert "Promises given" not in desk.get(page).text
    form = {
        "address": "12 Lake Road",
        "reason": "exam",
        "promised_by": "2026-11-24T20:30",
        "why": "rain",
        "agreed": "no",
    }
    assert desk.post(page, form, page=page).status_code == 303
    text = desk.get(page).text
    assert "Promises given" in text
    assert "the customer did not agree" in text


def test_the_board_says_whom_the_plan_counts_on(desk: Desk) -> None:
    assert re.search(r"(Arjun|Ravi|Meena) by \d\d:\d\d", desk.get("/").text)
