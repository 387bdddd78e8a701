"""The walk forward: honest, sure as often as it says, and better than a sheet of paper."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache

import pytest

from dispatch.cli.backtest import as_json, as_seen, in_words, read_history, table
from dispatch.promise.backtest import Guess, by_week, pinball, score, walk
from dispatch.promise.estimates import Kind, by_default
from dispatch.promise.lessons import Seen
from tests.history import as_csv, history


@cache
def made_up(drift: float = 1.5, seed: int = 7, days: int = 120) -> tuple[Seen, ...]:
    steps, bad = read_history(as_csv(history(drift=drift, seed=seed, days=days)).encode())
    assert bad == []
    return tuple(as_seen(steps))


@cache
def usual_walk(days: int = 120) -> list[Guess]:
    return walk(made_up(days=days))


@pytest.mark.parametrize(("drift", "seed"), [(1.0, 7), (1.5, 11), (2.5, 7), (0.5, 11)])
def test_as_sure_as_it_says_and_better_than_the_average(drift: float, seed: int) -> None:
    result = score(walk(made_up(drift, seed)))
    assert result.kept == pytest.approx(0.9, abs=0.03)
    assert result.pinball < 0.7 * result.average_pinball
    assert result.average_kept < 0.85


@pytest.mark.parametrize("target", [0.6, 0.95, 0.99])
def test_any_target(target: float) -> None:
    result = score(walk(made_up(), target=target), target=target)
    assert result.kept == pytest.approx(target, abs=0.03)
    assert result.pinball < result.average_pinball


def test_each_kind_is_as_sure_as_it_says() -> None:
    guesses = usual_walk()
    for kind in Kind:
        assert score([g for g in guesses if g.seen.kind is kind]).kept == pytest.approx(0.9, abs=0.04), kind


def said(guesses: list[Guess], until: int) -> dict[int, tuple[float, float, float]]:
    return {g.number: (g.said.likely, g.said.cautious, g.average) for g in guesses if g.number < until}


def test_what_is_still_to_come_changes_no_guess() -> None:
    """Everything from day 30 on is made ten times as long, or taken away: what was said until then stays."""
    steps = sorted(made_up(days=60), key=lambda seen: seen.started_at)
    morning = steps[0].started_at.replace(hour=0, minute=0) + timedelta(days=30)
    first = next(number for number, seen in enumerate(steps) if seen.started_at >= morning)
    other = [
        replace(seen, minutes=seen.minutes * 10, ended_at=seen.started_at + 10 * (seen.ended_at - seen.started_at))
        if seen.started_at >= morning
        else seen
        for seen in steps
    ]
    honest = said(walk(steps), first)
    assert len(honest) == first
    assert said(walk(other), first) == honest
    assert said(walk(steps[:first]), first) == honest
    assert said(walk(other), len(steps)) != said(walk(steps), len(steps))


def test_what_had_not_ended_by_the_morning_is_not_known() -> None:
    begun = made_up()[0].started_at.replace(hour=23, minute=0)
    late = [
        Seen(kind=Kind.PACK, minutes=m, default=10, started_at=begun, ended_at=begun + timedelta(minutes=m))
        for m in (59.0, 90.0)
    ]
    next_day = replace(late[0], started_at=begun + timedelta(hours=3), ended_at=begun + timedelta(hours=4))
    both = {g.number: g for g in walk([*late, next_day])}
    alone = {g.number: g for g in walk([late[0], next_day])}
    assert both[2].said == alone[1].said != by_default(10)
    assert both[2].average == 59


def test_the_order_of_the_rows_means_nothing() -> None:
    steps = list(made_up(days=20))
    forth = {g.seen.order: g.said for g in walk(steps)}
    assert {g.seen.order: g.said for g in walk(steps[::-1])} == forth


def test_before_there_is_a_past_the_default_is_said() -> None:
    first = walk(made_up(days=1))
    assert {g.said for g in first} == {by_default(g.seen.default) for g in first}
    assert {g.average for g in first} == {g.seen.default for g in first}


@pytest.mark.parametrize(("took", "told", "loss"), [(10, 20, 1), (20, 10, 9), (10, 10, 0)])
def test_pinball(took: float, told: float, loss: float) -> None:
    assert pinball(took, told, 0.9) == pytest.approx(loss)


def test_the_table() -> None:
    guesses = usual_walk(20)
    lines = table(guesses, 0.9).splitlines()
    assert lines[0].split() == ["n", "kept", "extra", "min", "loss", "average", "kept", "average", "loss"]
    assert [text.split()[0] for text in lines[1:-1]] == [*by_week(guesses), "overall"]
    assert lines[-1] == in_words(score(guesses), 0.9)
    assert lines[-1].startswith(f"Of {len(guesses)} lengths called 90% sure, ")
    told = as_json(guesses, 0.9, 3)
    assert (told["left_out"], told["overall"]["n"], list(told["kinds"])) == (3, len(guesses), [k.value for k in Kind])
    assert sum(week["n"] for week in told["weeks"]) == len(guesses)
