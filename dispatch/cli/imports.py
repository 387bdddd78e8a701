"""`dispatch import`: a CSV file goes in as a whole, or not at all and with everything that is wrong with it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import BinaryIO, NoReturn

import click
from rich.console import Console
from rich.progress import Progress

from ..foundation.errors import PromisesAtStake
from ..promise.guard import Say
from ..web.import_files import STAFF, Kind, Loaded, Terms, load_file
from ..web.import_run import Effect
from . import import_history, import_orders, import_shop
from .common import open_shop

# Shorter files are through before anybody could read a bar.
LONG_FILE = 200


KINDS = {
    "staff": STAFF,
    "suppliers": Kind(
        columns=import_shop.SUPPLIERS, required=("code", "name", "opening_hours"), write=import_shop.write_supplier
    ),
    "stock": Kind(
        columns=import_shop.STOCK,
        required=("sku", "title", "on_hand"),
        write=import_shop.write_item,
        finish=import_shop.link_items,
    ),
    "orders": Kind(
        columns=import_orders.ORDERS,
        required=("customer_name", "customer_phone", "address", "promised_by", "title"),
        write=import_orders.write_order,
        units=import_orders.orders_of,
        place_of=import_orders.place_of,
    ),
    "history": Kind(
        columns=import_history.HISTORY,
        required=import_history.NEEDED,
        write=import_history.write_step,
        finish=import_history.learn_from,
    ),
}


def _import(name: str, file: BinaryIO, *, dry_run: bool, branch: str = "main", force: bool = False) -> None:
    raw = file.read()
    is_long = raw.count(b"\n") > LONG_FILE
    console = Console(stderr=True)
    with open_shop() as shop, Progress(
        console=console, transient=True, disable=not (is_long and console.is_terminal)
    ) as progress:  # fmt: skip
        bar = progress.add_task(name)
        terms = Terms(
            now=shop.now,
            region=shop.settings.default_region,
            say=Say(actor="import", force=force, reason="imported with --force" if force else None),
            dry_run=dry_run,
            branch=branch,
            advance=lambda done, total: progress.update(bar, completed=done, total=total),
        )
        try:
            loaded = load_file(shop.db, KINDS[name], raw, terms)
        except PromisesAtStake as refusal:
            _refuse([*_stakes(refusal), "Nothing was imported: do it all the same with --force."])
    _say(loaded, dry_run=dry_run)


def _say(loaded: Loaded, *, dry_run: bool) -> None:
    if loaded.bad:
        rows = len({cell.line for cell in loaded.bad})
        count = f"Nothing was imported: {rows} {'line is' if rows == 1 else 'lines are'} bad."
        _refuse([*map(str, loaded.bad), count])
    counts, usual = loaded.counts, {Effect.ADDED, Effect.UPDATED, Effect.ALREADY}
    said = ", ".join(f"{counts[effect]} {effect.value}" for effect in Effect if effect in usual or counts[effect])
    click.echo(f"{said} (dry run: nothing was written)" if dry_run else said)
    if loaded.at_stake:
        _refuse([*_stakes(loaded.at_stake), "It would be refused without --force."])


def _stakes(refusal: PromisesAtStake) -> list[str]:
    return [str(refusal), *(f"{dict(promise)['ref']}: {_message(promise)}" for promise in refusal.promises)]


def _message(promise: Mapping[str, object]) -> object:
    binding = promise["binding"]
    return binding["message"] if isinstance(binding, Mapping) else binding


def _refuse(lines: Sequence[str]) -> NoReturn:
    for line in lines:
        click.echo(line, err=True)
    sys.exit(1)


@click.group("import")
def import_group() -> None:
    """Load a CSV file (UTF-8, `-` for stdin): all of it, or nothing and every bad row with its line."""


def _command(name: str, words: str) -> click.Command:
    kind = KINDS[name]
    headings = ",".join(kind.columns)
    needed = ", ".join(kind.required)

    @click.command(name, help=f"{words}\n\nHeadings: {headings}. Needed: {needed}; the others may be left out.")
    @click.argument("file", type=click.File("rb"))
    @click.option("--dry-run", is_flag=True, help="Check everything, write nothing.")
    def command(file: BinaryIO, *, dry_run: bool, branch: str = "main", force: bool = False) -> None:
        _import(name, file, dry_run=dry_run, branch=branch, force=force)

    return command


for _name, _words in {
    "staff": "Staff; somebody whose phone is known is brought up to date.",
    "suppliers": "Other shops, by their code.",
    "stock": "Items and how many are on a branch's shelf, by their sku.",
    "orders": "Orders; rows with one external_id are lines of one order, and one that is known is left alone.",
    "history": "How long things took before there was dispatch: procure, pack, travel, handover; it learns from it.",
}.items():
    import_group.add_command(_command(_name, _words))

# The other files name a branch in each row; a history is one branch's past.
import_group.commands["history"].params.append(
    click.Option(["--branch"], default="main", show_default=True, metavar="CODE", help="Whose past it is.")
)
import_group.commands["staff"].params.append(
    click.Option(["--force"], is_flag=True, help="Also when it takes the last way to keep an open promise.")
)
