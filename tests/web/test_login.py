"""Coming in and going out: passwords, cookies, one-time links, guards."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from sqlalchemy import select

from dispatch.foundation.clock import ManualClock
from dispatch.foundation.db import Database
from dispatch.foundation.errors import Invalid
from dispatch.foundation.settings import Settings
from dispatch.web import sessions
from dispatch.web.login import safe_path
from dispatch.web.tables import Access, User, UserSession
from tests.web.test_pages_kit import (
    PASSWORD,
    Desk,
    desk,
    first_link,
    let_in,
    make_app,
    make_desk,
    open_shop,
    prefilled,
    sign_in,
)

__all__ = ["desk"]
PATHS = ["/", "/board/rows", "/orders/new", "/people", "/stock", "/texts", "/reports", "/reports/clock"]


@pytest.mark.parametrize("path", PATHS)
def test_strangers_are_sent_to_the_login_page(
    path: str, settings: Settings, sqlite_db: Database, clock: ManualClock
) -> None:
    answer = make_app(settings, sqlite_db, clock).test_client().get(path)
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/login?next=%2F")


def test_a_poll_without_a_session_leads_to_the_login_page_and_swaps_nothing(
    settings: Settings, sqlite_db: Database, clock: ManualClock
) -> None:
    answer = make_app(settings, sqlite_db, clock).test_client().get("/board/rows", headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/login"


def test_the_cookie_is_random_hidden_from_scripts_and_stored_as_a_hash(
    settings: Settings, sqlite_db: Database, clock: ManualClock
) -> None:
    open_shop(sqlite_db, clock)
    browser = make_app(settings, sqlite_db, clock).test_client()
    assert sign_in(browser, "admin@shop.example").headers["Location"] == "/"
    cookie = browser.get_cookie("dispatch_session")
    assert cookie is not None
    assert cookie.http_only
    assert cookie.same_site == "Lax"
    assert not cookie.secure
    with sqlite_db.snapshot() as session:
        (row,) = session.scalars(select(UserSession))
        assert cookie.value not in row.secret_hash
        assert len(row.secret_hash) == 64


def test_over_https_the_cookie_is_secure(settings: Settings, sqlite_db: Database, clock: ManualClock) -> None:
    open_shop(sqlite_db, clock)
    app = make_app(replace(settings, public_url="https://shop.example"), sqlite_db, clock)
    app.config["WTF_CSRF_SSL_STRICT"] = False
    browser = app.test_client()
    page = browser.get("/login", base_url="https://shop.example")
    token = page.text.split('name="csrf_token" value="')[1].split('"')[0]
    answer = browser.post(
        "/login",
        data={"csrf_token": token, "email": "admin@shop.example", "password": PASSWORD},
        base_url="https://shop.example",
    )
    ours = [line for line in answer.headers.getlist("Set-Cookie") if line.startswith("dispatch_session=")]
    assert len(ours) == 1
    assert "Secure" in ours[0]


def test_wrong_passwords_and_unknown_people_get_the_same_answer(
    settings: Settings, sqlite_db: Database, clock: ManualClock
) -> None:
    open_shop(sqlite_db, clock)
    browser = make_app(settings, sqlite_db, clock).test_client()
    pages = []
    for email in ("admin@shop.example", "nobody@shop.example"):
        answer = sign_in(browser, email, "not the password")
        assert answer.status_code == 401
        assert f'value="{email}"' in answer.text
        pages.append(answer.text.replace(email, "").split("csrf_token")[0])
    assert pages[0] == pages[1]


def test_too_many_failures_are_stopped(settings: Settings, sqlite_db: Database, clock: ManualClock) -> None:
    from dispatch.web.auth import limiter

    open_shop(sqlite_db, clock)
    browser = make_app(settings, sqlite_db, clock).test_client()
    limiter.reset()
    try:
        answers = [sign_in(browser, f"nobody{number}@shop.example", "guess").status_code for number in range(21)]
    finally:
        limiter.reset()
    assert answers[:20] == [401] * 20
    assert answers[20] == 429


def test_who_has_guessed_too_often_is_not_let_in_with_the_right_password_either(
    settings: Settings, sqlite_db: Database, clock: ManualClock
) -> None:
    from dispatch.web.auth import limiter

    open_shop(sqlite_db, clock)
    browser = make_app(settings, sqlite_db, clock).test_client()
    limiter.reset()
    try:
        answers = [sign_in(browser, "admin@shop.example", "guess").status_code for _ in range(10)]
        assert answers == [401] * 10
        assert sign_in(browser, "Admin@shop.example ").status_code == 429
        # Nobody else behind the same proxy is kept out.
        assert sign_in(browser, "reader@shop.example", "guess").status_code == 401
    finally:
        limiter.reset()
    assert sign_in(browser, "admin@shop.example").status_code == 303


def test_few_wait_for_their_passwords_to_be_checked_and_the_others_are_sent_away(
    settings: Settings, sqlite_db: Database, clock: ManualClock
) -> None:
    """Sixteen sign in at once, with the processor taken: threads are left for everything else."""
    from dispatch.web.auth import limiter

    open_shop(sqlite_db, clock)
    app = make_app(settings, sqlite_db, clock)
    limiter.reset()
    answers: list[int] = []

    def knock() -> None:
        answers.append(sign_in(app.test_client(), "admin@shop.example").status_code)

    knocking = [threading.Thread(target=knock) for _ in range(16)]
    with sessions._hashing, sessions._hashing:
        for thread in knocking:
            thread.start()
        for thread in knocking:
            thread.join(3)
            if len(answers) == 10:
                break
        sent_away = list(answers)
    for thread in knocking:
        thread.join(20)
    assert sent_away == [503] * 10
    assert answers == [503] * 10 + [303] * 6


def test_after_signing_in_one_is_where_one_wanted_to_go(
    settings: Settings, sqlite_db: Database, clock: ManualClock
) -> None:
    open_shop(sqlite_db, clock)
    browser = make_app(settings, sqlite_db, clock).test_client()
    form = {**prefilled(browser, "/login?next=/people"), "email": "ADMIN@shop.example ", "password": PASSWORD}
    assert browser.post("/login", data={**form, "next": "/people"}).headers["Location"] == "/people"


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example", "", "/a\nb"])
def test_the_way_back_never_leads_away(target: str) -> None:
    assert safe_path(target) == "/"


def test_signing_out_ends_the_session_for_good(desk: Desk) -> None:
    cookie = desk.browser.get_cookie("dispatch_session")
    assert cookie is not None
    assert desk.post("/logout", {}, page="/").headers["Location"] == "/login"
    desk.browser.set_cookie("dispatch_session", cookie.value)
    assert desk.get("/").status_code == 303


def test_sessions_end_after_two_weeks(desk: Desk) -> None:
    desk.clock.advance(hours=14 * 24 - 1)
    assert desk.get("/").status_code == 200
    desk.clock.advance(hours=1)
    assert desk.get("/").status_code == 303


def test_somebody_who_was_switched_off_is_out_at_once(desk: Desk) -> None:
    with desk.db.transaction() as session:
        for user in session.scalars(select(User)):
            user.is_active = False
    assert desk.get("/").status_code == 303


def test_a_post_without_its_token_is_refused(desk: Desk) -> None:
    for path in ("/logout", "/orders/new", f"/orders/{desk.ref}/moves", "/people", "/login", "/setup"):
        answer = desk.browser.post(path, data={})
        assert answer.status_code == 400, path
        assert "too old or came from elsewhere" in answer.text


@pytest.mark.parametrize(
    ("email", "password", "field"), [("nonsense", PASSWORD, "email"), ("a@b.c", "short", "password")]
)
def test_bad_users_are_refused(email: str, password: str, field: str, sqlite_db: Database, clock: ManualClock) -> None:
    with pytest.raises(Invalid) as error, sqlite_db.transaction() as session:
        sessions.create_user(session, email, Access.OPS, password, clock.now())
    assert [e.field for e in error.value.errors] == [field]


def test_one_address_one_account(sqlite_db: Database, clock: ManualClock) -> None:
    with sqlite_db.transaction() as session:
        sessions.create_user(session, "A@shop.example", Access.OPS, PASSWORD, clock.now())
        with pytest.raises(Invalid, match="has an account already"):
            sessions.create_user(session, " a@shop.example", Access.OPS, PASSWORD, clock.now())


def test_a_one_time_link_shows_a_button_and_signs_in_once(desk: Desk) -> None:
    with desk.db.transaction() as session:
        user_id = session.scalars(select(User.id).where(User.role == Access.OPS)).one()
        secret = sessions.make_one_time_link(session, desk.clock.now(), user_id=user_id, minutes=10)
    guest = desk.app.test_client()
    path = f"/login/link?s={secret}"
    # A chat program's preview looks, and looks again.
    assert [guest.get(path).status_code for _ in range(3)] == [200, 200, 200]
    form = {**prefilled(guest, path), "s": secret}
    assert guest.post("/login/link", data=form).headers["Location"] == "/"
    assert guest.get("/").status_code == 200
    assert guest.get("/people").text.count("Add somebody") == 0
    late = desk.app.test_client()
    assert late.get(path).status_code == 410
    assert late.post("/login/link", data={**prefilled(late, "/login"), "s": secret}).status_code == 410


def test_a_one_time_link_expires(desk: Desk) -> None:
    with desk.db.transaction() as session:
        secret = sessions.make_one_time_link(session, desk.clock.now(), user_id=1, minutes=10)
    desk.clock.advance(minutes=10)
    assert desk.app.test_client().get(f"/login/link?s={secret}").status_code == 410


def test_of_two_clicks_at_once_one_wins(db: Database, clock: ManualClock) -> None:
    secret = first_link(db, clock)
    gate, won = threading.Barrier(2), []

    def click() -> None:
        gate.wait(10)
        with db.transaction() as session:
            won.append(sessions.use_link(session, secret, clock.now()))

    threads = [threading.Thread(target=click) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(won) == [False, True]


def test_roles_are_kept_apart(settings: Settings, sqlite_db: Database, clock: ManualClock) -> None:
    ref = open_shop(sqlite_db, clock)
    app = make_app(settings, sqlite_db, clock)
    reader, ops = app.test_client(), app.test_client()
    let_in(sqlite_db, clock, reader, Access.READER)
    let_in(sqlite_db, clock, ops, Access.OPS)
    assert reader.get("/").status_code == 200
    assert reader.get(f"/orders/{ref}").status_code == 200
    assert reader.get("/orders/new").status_code == 403
    token = prefilled(reader, "/")
    assert reader.post(f"/orders/{ref}/moves", data={**token, "move": "cancel"}).status_code == 403
    assert ops.get("/orders/new").status_code == 200
    assert ops.post("/people", data={**prefilled(ops, "/"), "name": "Zoya"}).status_code == 403


# --- one's own password ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Access.ADMIN, Access.READER])
def test_whoever_knows_their_password_changes_it_and_is_signed_out_elsewhere(
    settings: Settings, sqlite_db: Database, clock: ManualClock, role: Access
) -> None:
    desk = make_desk(settings, sqlite_db, clock, role=role)
    other, page = desk.app.test_client(), "/settings/password"
    let_in(sqlite_db, clock, other, role)
    assert f'href="{page}"' in desk.get("/settings").text
    assert desk.post(page, {"old_password": PASSWORD, "password": "a better sentence"}, page=page).status_code == 303
    assert "Your password is changed" in desk.get("/settings").text
    assert other.get("/").status_code == 303
    email = f"{role.value}@shop.example"
    assert sign_in(desk.app.test_client(), email).status_code == 401
    assert sign_in(desk.app.test_client(), email, "a better sentence").status_code == 303


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [("guessed", "a better sentence", "is not your password"), (PASSWORD, "short", "at least 10 characters")],
)
def test_a_password_is_not_changed_without_the_old_one_or_to_a_short_one(
    desk: Desk, old: str, new: str, said: str
) -> None:
    page = "/settings/password"
    answer = desk.post(page, {"old_password": old, "password": new}, page=page)
    assert answer.status_code == 422
    assert said in answer.text
    assert f'value="{new}"' not in answer.text
    assert sign_in(desk.app.test_client(), "admin@shop.example").status_code == 303


def test_a_password_that_was_sent_after_the_session_had_ended_stands_on_no_page(desk: Desk) -> None:
    page = "/settings/password"
    fields = prefilled(desk.browser, page)
    desk.browser.delete_cookie(sessions.COOKIE)
    answer = desk.browser.post(page, data={**fields, "old_password": PASSWORD, "password": "a better sentence"})
    assert answer.status_code == 401
    assert PASSWORD not in answer.text
    assert "a better sentence" not in answer.text
