"""`dispatch token` and `dispatch user`: who may call the API, and who may sign in at the console."""

from __future__ import annotations

import sys

import click

from ..web import auth, sessions
from ..web.tables import Access
from .common import open_shop

ROLES = click.Choice([role.value for role in Access])
DATE = "%Y-%m-%d %H:%M UTC"


@click.group()
def token() -> None:
    """Tokens for programs that call the API."""


@token.command("create")
@click.argument("name")
@click.option("--role", type=ROLES, required=True, help="reader looks, ops works on orders, admin changes the shop.")
def create(name: str, role: str) -> None:
    """Make a token and print it, this once."""
    with open_shop() as shop, shop.db.transaction() as session:
        secret = auth.create_token(session, name, Access(role), shop.now)
    click.echo("Keep it safe: it is not shown again.", err=True)
    click.echo(secret)


@token.command("list")
def list_all() -> None:
    """Every token there ever was, without its secret."""
    with open_shop() as shop, shop.db.snapshot() as session:
        for row in auth.list_tokens(session):
            revoked = f"  revoked {row.revoked_at:{DATE}}" if row.revoked_at else ""
            click.echo(f"{row.name}  {row.role.value}  made {row.created_at:{DATE}}{revoked}")


@token.command("revoke")
@click.argument("name")
def revoke(name: str) -> None:
    """Make a token useless from now on."""
    with open_shop() as shop, shop.db.transaction() as session:
        auth.revoke_token(session, name, shop.now)
    click.echo(f"The token {name.strip()} is revoked.")


@click.group()
def user() -> None:
    """People who sign in at the console."""


@user.command("create")
@click.argument("email")
@click.option("--role", type=ROLES, required=True, help="reader looks, ops works on orders, admin changes the shop.")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of stdin.")
def create_user(email: str, role: str, *, password_stdin: bool) -> None:
    """Add somebody; asks for their password twice."""
    with open_shop() as shop:
        password = _password(from_stdin=password_stdin)
        with shop.db.transaction() as session:
            row = sessions.create_user(session, email, Access(role), password, shop.now)
        click.echo(f"{row.email} can sign in at {shop.settings.public_url}/login as {role}.")


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
