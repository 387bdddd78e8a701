"""`dispatch backtest`: how good the lessons of a history would have been, had we learned from it day by day."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, BinaryIO

import click
from rich.console import Console
from rich.progress import Progress

from ..foundation.errors import Invalid
from ..orders.policy import Policy
from ..promise.backtest import Guess, Score, by_week, score, walk
from ..promise.estimates import Kind
from ..promise.lessons import LONGEST_MINUTES, SHORTEST_MINUTES, TARGET, Seen, is_absurd
from ..web.csv_rows import BadCell, read_rows
from .import_history import HISTORY, NEEDED, PastStep, read_step
from .imports import LONG_FILE

LEAST_TARGET, MOST_TARGET = 0.5, 0.99
HEADINGS = ("", "n", "kept", "extra min", "loss", "average kept", "average loss")
WIDTHS = (10, 7, 9, 11, 9, 14, 14)


def read_history(raw: bytes) -> tuple[list[PastStep], list[BadCell]]:
    """The steps of a file, and every complaint about it."""
    rows, bad = read_rows(raw, HISTORY, NEEDED)
    steps: list[PastStep] = []
    for row in rows:
        try:
            steps.append(read_step(row))
        except Invalid as error:
            bad += [BadCell(row.line, each.field, each.message) for each in error.errors]
    return steps, sorted(set(bad))


def as_seen(steps: Sequence[PastStep]) -> list[Seen]:
    """Steps as a shop without any settings of its own would see them; suppliers are told apart by their text."""
    policy = Policy()
    defaults = {
        Kind.PROCURE: policy.procure_minutes,
        Kind.PACK: policy.pack_minutes,
        Kind.TRAVEL: policy.travel_minutes,
        Kind.HANDOVER: policy.handover_minutes,
    }
    numbers = {name: number for number, name in enumerate(sorted({step.supplier for step in steps if step.supplier}))}
    return [
        Seen(
            kind=step.kind,
            minutes=step.minutes,
            default=defaults[step.kind],
            started_at=step.started_at,
            ended_at=step.ended_at,
            hour=step.hour,
            supplier_id=numbers.get(step.supplier),
            distance_km=step.distance_km,
        )
        for step in steps
    ]


def _row(name: str, of: Score) -> str:
    average = (f"{of.average_kept:.1%}", f"{of.average_pinball:.2f}")
    cells = (name, str(of.n), f"{of.kept:.1%}", f"{of.extra_minutes:.1f}", f"{of.pinball:.2f}", *average)
    return _line(cells)


def _line(cells: Sequence[str]) -> str:
    return "".join(
        cell.ljust(width) if place == 0 else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(cells, WIDTHS, strict=True))
    ).rstrip()


def in_words(overall: Score, target: float) -> str:
    """The whole table in a sentence or two."""
    said = (
        f"Of {overall.n} lengths called {target:.0%} sure, {overall.kept:.1%} were kept, "
        f"at {overall.extra_minutes:.1f} minutes more than needed on average."
    )
    if overall.average_pinball <= 0:
        return said
    gain = 1 - overall.pinball / overall.average_pinball
    than = f"{abs(gain):.0%} {'less' if gain >= 0 else 'more'} loss than the running average"
    return f"{said} That is {than}, which kept {overall.average_kept:.1%}."


def table(guesses: Sequence[Guess], target: float) -> str:
    """Per week and overall, then the last line in words."""
    lines = [_line(HEADINGS)]
    lines += [_row(week, score(some, target=target)) for week, some in by_week(guesses).items()]
    overall = score(guesses, target=target)
    return "\n".join([*lines, _row("overall", overall), in_words(overall, target)])


def as_json(guesses: Sequence[Guess], target: float, left_out: int) -> dict[str, Any]:
    """The same figures for programs; shares from 0 to 1, the rest in minutes."""
    kinds = {kind.value: [g for g in guesses if g.seen.kind is kind] for kind in Kind}
    return {
        "target": target,
        "left_out": left_out,
        "weeks": [{"week": week, **asdict(score(some, target=target))} for week, some in by_week(guesses).items()],
        "kinds": {kind: asdict(score(some, target=target)) for kind, some in kinds.items() if some},
        "overall": asdict(score(guesses, target=target)),
        "words": in_words(score(guesses, target=target), target),
    }


def _walk(steps: Sequence[Seen], target: float) -> list[Guess]:
    console = Console(stderr=True)
    is_shown = len(steps) > LONG_FILE and console.is_terminal
    with Progress(console=console, transient=True, disable=not is_shown) as progress:
        bar = progress.add_task("backtest", total=len(steps))
        return walk(steps, target=target, on_day=lambda count: progress.advance(bar, count))


def _target(context: click.Context, _: click.Parameter, value: float) -> float:
    # Said this way round, "not a number" is refused too.
    if not LEAST_TARGET < value <= MOST_TARGET:
        raise click.BadParameter(f"give a share above {LEAST_TARGET} and up to {MOST_TARGET}, like 0.9", ctx=context)
    return value


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option("--target", default=TARGET, show_default=True, callback=_target, help="The share that is to be kept.")
@click.option("--json", "is_json", is_flag=True, help="For programs.")
def backtest(file: BinaryIO, *, target: float, is_json: bool) -> None:
    """Walk through a history (as `dispatch import history` reads it), guessing each day from the days before.

    Nothing is written, and no database is needed. Per ISO week (UTC) and overall: n steps, the share that took no
    longer than was said at the target, how many minutes more than needed that was on average, the pinball loss
    (minutes, less is better), and what the running average of the kind would have kept and lost.
    """
    steps, bad = read_history(file.read())
    for cell in bad:
        click.echo(str(cell), err=True)
    if bad:
        rows = len({cell.line for cell in bad})
        click.echo(f"Nothing was tried: {rows} {'line is' if rows == 1 else 'lines are'} bad.", err=True)
        sys.exit(1)
    seen = as_seen(steps)
    left_out = sum(is_absurd(step.minutes) for step in seen)
    if left_out:
        limits = f"shorter than {SHORTEST_MINUTES} or longer than {LONGEST_MINUTES:.0f} minutes"
        click.echo(f"{left_out} left out: {limits}.", err=True)
    guesses = _walk(seen, target)
    if not guesses:
        click.echo("There is nothing in this file to learn from.", err=True)
        sys.exit(1)
    click.echo(json.dumps(as_json(guesses, target, left_out), indent=2) if is_json else table(guesses, target))
