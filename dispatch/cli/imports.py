"""`dispatch import`: a CSV file goes in as a whole, or not at all and with everything that is wrong with it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import click
from rich.console import Console
from rich.progress import Progress
from sqlalchemy.orm import Session

from ..foundation.errors import Invalid
from . import import_history, import_orders, import_shop
from .common import Shop, open_shop
from .csv_rows import BadCell, Reader, Row, read_rows
from .import_run import Effect, Import, begin

# Shorter files are through before anybody could read a bar.
LONG_FILE = 200


def _each(rows: Sequence[Row]) -> list[list[Row]]:
    return [[row] for row in rows]


def _here(rows: Sequence[Row], path: str) -> tuple[int, str]:
    return rows[0].line, "lat" if path == "body" else path.partition(".")[0]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of file.

    `units`: which rows are written together. `write`: one unit, raises Invalid. `finish`: once, after all of them;
    answers how the counts must be put right. `place_of`: the line and heading that a field of a complaint stands for.
    """

    columns: dict[str, Reader]
    required: tuple[str, ...]
    write: Callable[[Import, Sequence[Row]], Effect]
    units: Callable[[Sequence[Row]], list[list[Row]]] = _each
    finish: Callable[[Import, Sequence[Row]], Counter[Effect]] | None = None
    place_of: Callable[[Sequence[Row], str], tuple[int, str]] = _here


KINDS = {
    "staff": Kind(columns=import_shop.STAFF, required=("name", "phone", "role"), write=import_shop.write_person),
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


class _NothingWritten(Exception):
    """Takes the whole transaction back."""


def load_file(
    shop: Shop, kind: Kind, raw: bytes, *, dry_run: bool, branch: str, advance: Callable[[int, int], None]
) -> tuple[Counter[Effect], list[BadCell]]:
    """What became of the rows, and every complaint; with any complaint, or in a dry run, nothing is written.

    `advance` is told how many of how many are done.
    """
    rows, bad = read_rows(raw, kind.columns, kind.required)
    counts: Counter[Effect] = Counter()
    try:
        with shop.db.transaction() as session:
            run = begin(session, shop.now, region=shop.settings.default_region)
            run.bad += bad
            run.branch_code = branch
            counts = _write(session, run, kind, rows, advance)
            bad = run.bad
            if bad or dry_run:
                raise _NothingWritten
    except _NothingWritten:
        pass
    return counts, sorted(set(bad))


def _write(
    session: Session, run: Import, kind: Kind, rows: Sequence[Row], advance: Callable[[int, int], None]
) -> Counter[Effect]:
    counts: Counter[Effect] = Counter()
    units = kind.units(rows)
    for done, unit in enumerate(units, start=1):
        try:
            # So that a bad row leaves nothing behind that would make the next one look bad.
            with session.begin_nested():
                counts[kind.write(run, unit)] += 1
        except Invalid as error:
            for each in error.errors:
                run.complain(*kind.place_of(unit, each.field), each.message)
        advance(done, len(units))
    if kind.finish is not None:
        counts.update(kind.finish(run, rows))
    return counts


def _import(name: str, file: BinaryIO, *, dry_run: bool, branch: str = "main") -> None:
    raw = file.read()
    is_long = raw.count(b"\n") > LONG_FILE
    console = Console(stderr=True)
    with open_shop() as shop, Progress(
        console=console, transient=True, disable=not (is_long and console.is_terminal)
    ) as progress:  # fmt: skip
        bar = progress.add_task(name)
        counts, bad = load_file(
            shop,
            KINDS[name],
            raw,
            dry_run=dry_run,
            branch=branch,
            advance=lambda done, total: progress.update(bar, completed=done, total=total),
        )
    for cell in bad:
        click.echo(str(cell), err=True)
    if bad:
        rows = len({cell.line for cell in bad})
        click.echo(f"Nothing was imported: {rows} {'line is' if rows == 1 else 'lines are'} bad.", err=True)
        sys.exit(1)
    usual = set(Effect) - {Effect.LEFT_OUT}
    said = ", ".join(f"{counts[effect]} {effect.value}" for effect in Effect if effect in usual or counts[effect])
    click.echo(f"{said} (dry run: nothing was written)" if dry_run else said)


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
    def command(file: BinaryIO, *, dry_run: bool, branch: str = "main") -> None:
        _import(name, file, dry_run=dry_run, branch=branch)

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
