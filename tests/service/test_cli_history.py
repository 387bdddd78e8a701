"""`dispatch import history` and `dispatch backtest` as people call them."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from dispatch.cli import main
from dispatch.orders.tables import Timetable
from dispatch.promise.estimates import Kind, by_default
from dispatch.promise.learning import load_lengths
from dispatch.promise.tables import Estimate, Observation, Source
from tests import factories
from tests.conftest import START
from tests.history import SHOPS, as_csv, history
from tests.service.test_cli_imports import count, refused, take
from tests.service.test_cli_kit import Console, open_console, stand_still  # noqa: F401 - fixtures

HEADING = "kind,started_at,ended_at,supplier,distance_km\n"
PACKED = "pack,2026-11-23T10:00:00+05:30,2026-11-23T10:20:00+05:30,,\n"


def add_shops(console: Console) -> None:
    with console.db.transaction() as session:
        for code in SHOPS:
            factories.make_supplier(session, START, code, travel_minutes=10, procure_minutes=40)


# --- import history --------------------------------------------------------------------------------------------------


def test_a_history_warms_the_clock_up_at_once(console: Console) -> None:
    add_shops(console)
    text = as_csv(history(days=30))
    assert take(console, "history", text) == "600 added, 0 updated, 0 already there"
    with console.db.snapshot() as session:
        rows = session.scalars(select(Observation)).all()
        assert {row.source for row in rows} == {Source.IMPORT}
        said = {(row.likely_minutes, row.cautious_minutes) for row in rows if row.kind is Kind.PACK}
        assert (7.0, 10.0) in said
        assert len(said) > 10
        city = next(row.supplier_id for row in rows if row.supplier_id)
        lengths = load_lengths(session, 1, supplier_ids=[city])
        assert lengths.spread(Kind.PROCURE, 60, supplier_id=city) != by_default(60)
        assert lengths.spread(Kind.HANDOVER, 5) != by_default(5)


def test_the_same_file_again_adds_nothing(console: Console) -> None:
    add_shops(console)
    text = as_csv(history(days=10))
    take(console, "history", text)
    with console.db.snapshot() as session:
        before = [(row.key, row.likely_log, row.cautious_log) for row in session.scalars(select(Estimate))]
    assert take(console, "history", text) == "0 added, 0 updated, 200 already there"
    more = as_csv(history(days=10)) + PACKED
    assert take(console, "history", more) == "1 added, 0 updated, 200 already there"
    with console.db.snapshot() as session:
        after = [(row.key, row.likely_log, row.cautious_log) for row in session.scalars(select(Estimate))]
    assert before != after


def test_two_rows_that_say_the_same_are_two_steps(console: Console) -> None:
    assert take(console, "history", HEADING + PACKED * 2) == "2 added, 0 updated, 0 already there"
    assert take(console, "history", HEADING + PACKED * 3) == "1 added, 0 updated, 2 already there"


def test_a_dry_run_writes_nothing(console: Console) -> None:
    said = take(console, "history", HEADING + PACKED, "--dry-run")
    assert said == "1 added, 0 updated, 0 already there (dry run: nothing was written)"
    assert (count(console, Observation), count(console, Estimate)) == (0, 0)


@pytest.mark.parametrize(
    ("word", "kind"),
    [("buy", Kind.PROCURE), ("Procurement", Kind.PROCURE), ("packing", Kind.PACK), ("delivery", Kind.TRAVEL),
     ("deliver", Kind.TRAVEL), ("hand_over", Kind.HANDOVER), ("hand over", Kind.HANDOVER), ("HANDOVER", Kind.HANDOVER)],
)  # fmt: skip
def test_kinds_by_other_names(console: Console, word: str, kind: Kind) -> None:
    take(console, "history", HEADING + PACKED.replace("pack", word, 1))
    with console.db.snapshot() as session:
        assert session.scalars(select(Observation.kind)).all() == [kind]


def test_every_bad_row_is_told_and_nothing_is_written(console: Console) -> None:
    rows = [
        PACKED,
        "nap,2026-11-23T10:00:00+05:30,2026-11-23T10:20:00+05:30,,\n",
        "pack,2026-11-23T10:00:00,2026-11-23T10:20:00+05:30,,\n",
        "pack,2026-11-23T10:20:00+05:30,2026-11-23T10:00:00+05:30,,\n",
        "travel,2026-11-23T10:00:00+05:30,2026-11-23T10:20:00+05:30,,far\n",
        "buy,2026-11-23T10:00:00+05:30,2026-11-23T10:20:00+05:30,nowhere,\n",
        "pack,2026-11-24T13:00:00+05:30,2026-11-24T14:20:00+05:30,,\n",
    ]
    assert refused(console, "history", HEADING + "".join(rows)) == [
        "line 3, kind: 'nap' is not a kind of step: use procure, pack, travel, handover",
        "line 4, started_at: give a time with an offset like 2026-11-24T20:00:00+05:30",
        "line 5, ended_at: is before started_at: were they swapped?",
        "line 6, distance_km: give kilometres like 3.5, or leave it empty",
        "line 7, supplier: there is no supplier 'nowhere': add it first, or leave it empty",
        "line 8, ended_at: is still to come: only what has ended can be learned from",
        "Nothing was imported: 6 lines are bad.",
    ]
    assert count(console, Observation) == 0


def test_absurd_lengths_are_left_out_and_said(console: Console) -> None:
    long = PACKED.replace("2026-11-23T10:00", "2026-11-20T10:00")
    said = take(console, "history", HEADING + PACKED + long)
    assert said.startswith("1 added, 0 updated, 0 already there, 1 left out: shorter than half a minute")
    assert count(console, Observation) == 1


def test_a_shop_by_its_name(console: Console) -> None:
    add_shops(console)
    take(console, "history", HEADING + PACKED.replace("pack", "buy", 1).replace(",,\n", ",Harbour,\n"))
    with console.db.snapshot() as session:
        row = session.scalars(select(Observation)).one()
        assert row.supplier_id is not None
        assert row.default_minutes == 60


def test_a_branch_of_its_own(console: Console) -> None:
    with console.db.transaction() as session:
        north = factories.make_shop(session, START, code="north")
    take(console, "history", HEADING + PACKED, "--branch", "north")
    with console.db.snapshot() as session:
        assert session.scalars(select(Observation.branch_id)).all() == [north]
    result = console.run("import", "history", "-", "--branch", "south", text=HEADING + PACKED)
    assert (result.exit_code, result.stderr.strip()) == (1, "There is no branch 'south'.")


def test_open_orders_are_looked_at(console: Console) -> None:
    with console.db.transaction() as session:
        order = factories.make_order(session, START, START + timedelta(hours=3)).id
    with console.db.snapshot() as session:
        before = session.get_one(Timetable, order).generation
    take(console, "history", HEADING + PACKED)
    with console.db.snapshot() as session:
        assert session.get_one(Timetable, order).generation == before + 1


# --- backtest --------------------------------------------------------------------------------------------------------


def backtest(*arguments: str, text: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, ["backtest", "-", *arguments], input=text)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result.exit_code, result.stdout, result.stderr


def test_backtest_needs_no_database() -> None:
    """No settings at all, and shops that nobody has heard of."""
    code, said, told = backtest(text=as_csv(history(days=30)))
    lines = said.splitlines()
    assert (code, told) == (0, "")
    assert [line.split()[0] for line in lines[1:-1]] == [f"2026-W{week:02d}" for week in range(2, 7)] + ["overall"]
    assert lines[-2].split()[1] == "600"
    assert lines[-1].startswith("Of 600 lengths called 90% sure, ")
    assert "less loss than the running average" in lines[-1]


def test_backtest_for_programs() -> None:
    code, said, _ = backtest("--json", "--target", "0.8", text=as_csv(history(days=30)))
    told = json.loads(said)
    assert (code, told["target"], told["overall"]["n"]) == (0, 0.8, 600)
    assert told["overall"]["pinball"] < told["overall"]["average_pinball"]
    assert 0.7 < told["overall"]["kept"] < 0.9


@pytest.mark.parametrize("target", ["0.5", "0", "1", "0.991", "90", "-0.9", "nan", "inf", "most"])
def test_targets_that_make_no_sense(target: str) -> None:
    code, said, told = backtest("--target", target, text=HEADING + PACKED)
    assert (code, said) == (2, "")
    assert "--target" in told


@pytest.mark.parametrize("target", ["0.51", "0.99"])
def test_targets_at_the_edge(target: str) -> None:
    assert backtest("--target", target, text=HEADING + PACKED * 9)[0] == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEADING + PACKED + PACKED.replace("pack", "nap", 1), "line 3, kind: 'nap' is not a kind of step"),
        ("kind,started_at\n", "line 1, heading: the heading 'ended_at' is missing"),
        ("", "line 1, file: is empty"),
        (HEADING, "There is nothing in this file to learn from."),
        (HEADING + PACKED.replace("10:20", "10:00"), "1 left out: shorter than 0.5 or longer than 1440 minutes."),
    ],
    ids=["a bad row", "no end", "nothing", "no rows", "only absurd ones"],
)
def test_files_that_make_no_sense(text: str, said: str) -> None:
    code, told, complaint = backtest(text=text)
    assert (code, told) == (1, "")
    assert complaint.startswith(said)
