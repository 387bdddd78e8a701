"""Tokens and console users, made at the command line."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from dispatch.foundation.db import Database
from dispatch.web.sessions import check_password
from dispatch.web.tables import Access, ApiToken, User
from tests.service.test_cli_kit import Console, open_console, point_at, stand_still  # noqa: F401 - fixtures


def test_a_token_is_printed_once_and_stored_hashed(console: Console) -> None:
    made = console.run("token", "create", "till-2", "--role", "ops")
    assert made.exit_code == 0
    secret = made.stdout.strip()
    assert secret.startswith("dsp_")
    with console.db.snapshot() as session:
        token = session.scalars(select(ApiToken)).one()
        assert token.role is Access.OPS
        assert secret not in token.secret_hash
    listed = console.run("token", "list").stdout
    assert "till-2  ops" in listed
    assert secret not in listed


def test_a_revoked_token_is_shown_as_such_and_its_name_is_free_again(console: Console) -> None:
    console.run("token", "create", "till-2", "--role", "ops")
    assert console.run("token", "create", "till-2", "--role", "ops").exit_code == 1
    assert console.run("token", "revoke", "till-2").exit_code == 0
    assert "revoked 2026-11-24" in console.run("token", "list").stdout
    assert console.run("token", "create", "till-2", "--role", "reader").exit_code == 0
    assert "revoked" not in console.run("token", "list").stdout


def test_a_token_that_never_was_cannot_be_revoked(console: Console) -> None:
    result = console.run("token", "revoke", "nothing")
    assert (result.exit_code, result.stderr.strip()) == (1, "There is no token 'nothing'.")


@pytest.mark.parametrize("arguments", [["token", "create", "x"], ["token", "create", "x", "--role", "king"]])
def test_a_role_is_needed(console: Console, arguments: list[str]) -> None:
    assert console.run(*arguments).exit_code == 2


def test_a_user_with_a_password_from_stdin(console: Console) -> None:
    made = console.run(
        "user", "create", "Asha@Example.com", "--role", "admin", "--password-stdin", text="a long sentence\nmore"
    )
    assert made.exit_code == 0, made.stderr
    assert "asha@example.com" in made.stdout
    assert "a long sentence" not in made.output
    with console.db.snapshot() as session:
        number, role = session.execute(select(User.id, User.role)).one()
    assert role is Access.ADMIN
    assert check_password(console.db, "asha@example.com", "a long sentence") == number


def test_a_user_is_asked_twice(console: Console) -> None:
    made = console.run(
        "user",
        "create",
        "a@example.com",
        "--role",
        "ops",
        text="first words\nother words\nsame words\nsame words\n",
    )
    assert made.exit_code == 0, made.output
    assert check_password(console.db, "a@example.com", "same words") is not None


@pytest.mark.parametrize(
    ("email", "password", "complaint"),
    [("a@example.com", "short", "password: give at least 10"), ("nobody", "long enough words", "email: is not")],
)
def test_what_is_wrong_is_said(console: Console, email: str, password: str, complaint: str) -> None:
    made = console.run("user", "create", email, "--role", "ops", "--password-stdin", text=password)
    assert made.exit_code == 1
    assert complaint in made.stderr
    with console.db.snapshot() as session:
        assert session.scalars(select(User)).all() == []


@pytest.mark.parametrize("arguments", [["token", "list"], ["explain", "K7Q2"], ["import", "staff", "-"]])
def test_an_empty_database_is_named(empty_url: str, monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    point_at(empty_url, monkeypatch)
    result = Console(Database(empty_url)).run(*arguments, text="")
    assert result.exit_code == 1
    assert "run `dispatch migrate` first" in result.stderr


@pytest.mark.parametrize(
    ("url", "code", "complaint"),
    [
        ("postgresql://nobody@127.0.0.1:9/x", 1, "can't be reached"),
        ("postgresql://nobody@127.0.0.1:port/x", 2, "DISPATCH_DATABASE_URL: can't be read"),
        ("mysql://x", 2, "DISPATCH_DATABASE_URL: start it with"),
        ("sqlite:////proc/nowhere/x.db", 2, "DISPATCH_DATABASE_URL: its folder can't be made"),
    ],
)
def test_no_database(monkeypatch: pytest.MonkeyPatch, url: str, code: int, complaint: str) -> None:
    point_at(url, monkeypatch)
    result = Console(None).run("token", "list")
    assert result.exit_code == code
    assert complaint in result.stderr
