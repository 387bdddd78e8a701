"""The commands of the console script `dispatch`, thin."""

from __future__ import annotations

import sys

import click

import config

from ..foundation.db import Database
from ..foundation.errors import ConfigurationError, DispatchError
from ..foundation.log import set_up_logs
from ..foundation.migrate import upgrade
from . import accounts, backtest, checks, explain, imports
from .serve import simulator, worker
from .up import up


class Commands(click.Group):
    """Says what is wrong in sentences, never in a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except ConfigurationError as error:
            for complaint in error.complaints:
                click.echo(complaint, err=True)
            sys.exit(2)
        except DispatchError as error:
            click.echo(str(error), err=True)
            sys.exit(1)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="dispatch")
def main() -> None:
    """Keeps a shop's promises: sees early what will break, and texts whoever can still save it."""
    set_up_logs(as_json=not sys.stderr.isatty())


@main.command()
def migrate() -> None:
    """Bring the database's schema to head; safe to run twice and by several machines at once."""
    # Nothing is signed here: a machine that only migrates needs no key.
    upgrade(Database(config.load(secret_key=config.NO_KEY).database_url))
    click.echo("The schema is at head.")


for command in (
    up,
    worker,
    simulator,
    checks.check,
    explain.explain,
    accounts.token,
    accounts.user,
    imports.import_group,
    backtest.backtest,
):
    main.add_command(command)
