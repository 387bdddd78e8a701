"""The settings: the shop and its policy, a test text, who may come in, and the programs' tokens."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page as Tab
from playwright.sync_api import expect
from sqlalchemy import select

from dispatch.foundation.db import Database
from dispatch.foundation.errors import Conflict
from dispatch.messaging.rules import Kind
from dispatch.messaging.tables import OutgoingText
from dispatch.orders.branches import get_branch
from dispatch.web import accounts, sessions
from dispatch.web.settings_view import NUMBERS
from dispatch.web.tables import Access, User
from tests.conftest import START
from tests.web.test_pages_browser import SHAPES, check, served
from tests.web.test_pages_kit import PASSWORD, Desk, desk, let_in, prefilled

__all__ = ["desk"]
LINK = re.compile(r"/login/link\?s=([\w-]+)")
SECRET = re.compile(r"dsp_[\w-]+")


def shop(desk: Desk, **changes: str) -> dict[str, str]:
    form = {"branch": "main", "name": "Kala Books", "timezone": "Asia/Kolkata", "opening_hours": "Mo-Su 09:00-21:00"}
    return form | {f"policy.{each.name}": str(each.default) for each in NUMBERS} | changes


def user_id(desk: Desk, role: Access) -> int:
    with desk.db.snapshot() as session:
        return session.scalars(select(User.id).where(User.role == role)).one()


# --- the shop --------------------------------------------------------------------------------------------------------


def test_the_shop_and_its_policy_are_saved_as_the_api_would(desk: Desk) -> None:
    form = shop(desk, name="Kala and Sons", lat="22.57", lon="88.36", **{"policy.pack_minutes": "7"})
    assert desk.post("/settings", form, page="/settings").status_code == 303
    with desk.db.snapshot() as session:
        branch = get_branch(session, "main")
        assert (branch.name, branch.lat, branch.policy.pack_minutes) == ("Kala and Sons", 22.57, 7)
        # The rest goes on following the defaults.
        assert branch.policy_values == {"pack_minutes": 7}
    assert 'value="Kala and Sons"' in desk.get("/settings").text


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"policy.pack_minutes": "2000"}, "policy.pack_minutes"),
        ({"policy.step_min_seconds": "soon"}, "policy.step_min_seconds"),
        ({"policy.step_min_seconds": "700"}, "policy.step_min_seconds"),
        ({"lat": "22.57"}, "lat"),
        ({"opening_hours": "whenever"}, "opening_hours"),
        ({"timezone": "Mars"}, "timezone"),
        ({"name": ""}, "name"),
        ({"branch": "", "code": "main"}, "code"),
        ({"branch": "", "code": "Nord Süd"}, "code"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(desk: Desk, changes: dict[str, str], field: str) -> None:
    answer = desk.post("/settings", shop(desk, **changes), page="/settings")
    assert answer.status_code == 422
    assert re.findall(r'id="([\w.]+)"[^>]*aria-invalid', answer.text) == [field]
    with desk.db.snapshot() as session:
        assert get_branch(session, "main").policy_values == {}


def test_the_second_of_two_who_save_is_told(desk: Desk) -> None:
    old = prefilled(desk.browser, "/settings")
    assert desk.post("/settings", shop(desk, name="First"), page="/settings").status_code == 303
    answer = desk.browser.post("/settings", data=old | shop(desk, name="Second"))
    assert (answer.status_code, "Somebody else has saved" in answer.text) == (409, True)
    assert 'value="Second"' in answer.text


def test_a_policy_that_can_t_be_read_is_mended_here(desk: Desk) -> None:
    with desk.db.transaction() as session:
        get_branch(session, "main").policy_values = {"pack_minutes": "ten"}
    assert "The policy of branch main can&#39;t be read" in desk.get("/settings").text
    assert desk.post("/settings", shop(desk), page="/settings").status_code == 303
    with desk.db.snapshot() as session:
        assert get_branch(session, "main").policy_values == {}


def test_another_branch_is_opened(desk: Desk) -> None:
    form = shop(desk, branch="", code="north", name="Kala North")
    assert desk.post("/settings", form, page="/settings?branch=").headers["Location"] == "/settings?branch=north"
    assert 'value="Kala North"' in desk.get("/settings?branch=north").text


def test_what_stops_texts_is_said_and_no_secret_is_shown(desk: Desk) -> None:
    page = desk.get("/settings").text
    assert "Phones are simulated" in page
    settings = desk.app.extensions["dispatch"].settings
    assert settings.twilio.auth_token not in page
    assert settings.secret_key not in page
    assert settings.twilio.account_sid not in page


def test_a_test_text_goes_through_the_outbox_once_a_minute(desk: Desk) -> None:
    assert desk.post("/settings/test", {"to": "98123 00001"}, page="/settings").status_code == 303
    assert desk.post("/settings/test", {"to": "+919812300001"}, page="/settings").status_code == 409
    assert "aria-invalid" in desk.post("/settings/test", {"to": "12"}, page="/settings").text
    with desk.db.snapshot() as session:
        (row,) = session.scalars(select(OutgoingText).where(OutgoingText.kind == Kind.TEST)).all()
        assert (row.to_phone, "A test from Kala Books" in row.body) == ("+919812300001", True)
    for number in range(2, 11):
        answer = desk.post("/settings/test", {"to": f"98123000{number:02d}"}, page="/settings")
        assert answer.status_code == 303
    assert desk.post("/settings/test", {"to": "9812300099"}, page="/settings").status_code == 409


@pytest.mark.parametrize("path", ["/settings", "/settings/test", "/settings/access/users", "/settings/access/tokens"])
def test_only_admins_change_anything(desk: Desk, path: str) -> None:
    let_in(desk.db, desk.clock, desk.browser, Access.OPS)
    assert 'fieldset class="card stack" disabled' in desk.get("/settings").text
    assert desk.get("/settings/access").status_code == 403
    assert desk.post(path, shop(desk), page="/people").status_code == 403


# --- people and programs ---------------------------------------------------------------------------------------------


def invite(desk: Desk, email: str = "New@shop.example", role: str = "ops") -> str:
    answer = desk.post("/settings/access/users", {"email": email, "role": role}, page="/settings/access")
    assert answer.status_code == 200, answer.text
    found = LINK.search(answer.text)
    assert found
    return found.group(1)


def test_somebody_invited_chooses_a_password_by_the_link_once(desk: Desk) -> None:
    secret = invite(desk)
    guest = desk.app.test_client()
    path = f"/login/link?s={secret}"
    token = prefilled(guest, path)
    short = guest.post("/login/link", data=token | {"s": secret, "password": "short"})
    assert (short.status_code, "at least 10 characters" in short.text) == (422, True)
    assert guest.post("/login/link", data=token | {"s": secret, "password": PASSWORD}).status_code == 303
    assert guest.get("/settings").status_code == 200
    assert guest.post("/login/link", data=token | {"s": secret, "password": PASSWORD}).status_code == 410
    assert sessions.check_password(desk.db, "new@shop.example", PASSWORD)


def test_nobody_signs_in_without_a_password(desk: Desk) -> None:
    invite(desk)
    assert sessions.check_password(desk.db, "new@shop.example", "") is None


def test_a_new_link_ends_the_old_password_and_open_windows(desk: Desk) -> None:
    other = desk.app.test_client()
    let_in(desk.db, desk.clock, other, Access.OPS)
    path = f"/settings/access/users/{user_id(desk, Access.OPS)}"
    assert LINK.search(desk.post(path, {"deed": "link"}, page="/settings/access").text)
    assert other.get("/people").status_code == 303
    assert sessions.check_password(desk.db, "ops@shop.example", PASSWORD) is None


def test_somebody_removed_is_out_at_once_and_may_come_back(desk: Desk) -> None:
    other = desk.app.test_client()
    let_in(desk.db, desk.clock, other, Access.OPS)
    path = f"/settings/access/users/{user_id(desk, Access.OPS)}"
    assert desk.post(path, {"deed": "remove"}, page="/settings/access").status_code == 303
    assert other.get("/people").status_code == 303
    assert "<strong>ops@shop.example" not in desk.get("/settings/access").text
    assert desk.post(path, {"deed": "remove"}, page="/settings/access").status_code == 409
    invite(desk, "ops@shop.example")


@pytest.mark.parametrize("form", [{"deed": "remove"}, {"deed": "role", "role": "ops"}])
def test_the_last_admin_stays(desk: Desk, form: dict[str, str]) -> None:
    # Somebody who was invited and never came is no help.
    invite(desk, "late@shop.example", "admin")
    path = f"/settings/access/users/{user_id_of(desk, 'admin@shop.example')}"
    answer = desk.post(path, form, page="/settings/access")
    assert (answer.status_code, "only admin" in answer.text) == (409, True)


def user_id_of(desk: Desk, email: str) -> int:
    with desk.db.snapshot() as session:
        return session.scalars(select(User.id).where(User.email == email)).one()


def test_two_admins_who_remove_each_other_leave_one(db: Database) -> None:
    from tests.world import at_once

    with db.transaction() as session:
        ids = [sessions.create_user(session, f"{n}@x.example", Access.ADMIN, PASSWORD, START).id for n in "ab"]

    def act(number: int) -> Any:
        try:
            with db.transaction() as session:
                return accounts.remove(session, number, START).email
        except Conflict as error:
            return error

    answers = at_once([lambda number=number: act(number) for number in ids])
    assert sorted(isinstance(answer, Conflict) for answer in answers) == [False, True]


def test_a_token_is_shown_once_and_revoked(desk: Desk) -> None:
    made = desk.post("/settings/access/tokens", {"name": "till-2", "role": "reader"}, page="/settings/access")
    secret = SECRET.search(made.text)
    assert secret
    headers = {"Authorization": f"Bearer {secret.group()}"}
    assert desk.app.test_client().get("/api/v1/staff", headers=headers).status_code == 200
    page = desk.get("/settings/access").text
    assert ("till-2" in page, secret.group() in page, "last used 14:00" in page) == (True, False, True)
    again = desk.post("/settings/access/tokens", {"name": "till-2", "role": "reader"}, page="/settings/access")
    assert again.status_code == 409
    desk.post("/settings/access/tokens/revoke", {"name": "till-2"}, page="/settings/access")
    assert desk.app.test_client().get("/api/v1/staff", headers=headers).status_code == 401


@pytest.mark.browser
@pytest.mark.parametrize(("width", "height", "scheme"), SHAPES)
def test_everybody_can_read_them(desk: Desk, page: Tab, width: int, height: int, scheme: str) -> None:
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=scheme)
    cookie = desk.browser.get_cookie(sessions.COOKIE)
    assert cookie is not None
    with served(desk.app) as base:
        page.context.add_cookies([{"name": sessions.COOKIE, "value": cookie.value, "url": base}])
        page.goto(base + "/settings")
        page.fill("#lat", "22")
        page.get_by_role("button", name="Save").click()
        expect(page.locator("#lat")).to_be_focused()
        check(page, "settings, with a complaint")
        page.goto(base + "/settings/access")
        page.fill("#email", "new@shop.example")
        page.get_by_role("button", name="Make the link").click()
        check(page, "who may come in, with a link")
        page.goto(base + "/people/import")
        roster = b"name,phone,role,shifts\nZoe,+919812300077,buyer,Mo-Fr 10:00-18:00\n"
        page.set_input_files("#file", {"name": "roster.csv", "mimeType": "text/csv", "buffer": roster})
        page.get_by_role("button", name="Show what it would do").click()
        check(page, "a roster")
        page.get_by_role("button", name="Import these").click()
        expect(page.locator("#said")).to_contain_text("1 added")
        page.close()
