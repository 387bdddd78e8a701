"""The sender's pace and its circuit, as tables of cases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.messaging.rules import Outcome
from dispatch.messaging.sender_rules import (
    CLOSED,
    FAILURES,
    LONGEST_PROBE_SECONDS,
    Circuit,
    Pace,
    after_failure,
    is_failure,
    probe_seconds,
)

NOW = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def failed(times: int, *, apart: timedelta = SECOND) -> Circuit:
    circuit = CLOSED
    for number in range(times):
        circuit = after_failure(circuit, NOW + number * apart, is_probe=False, random=0)
    return circuit


@pytest.mark.parametrize("outcome", Outcome)
def test_what_counts_as_trouble_of_the_provider(outcome: Outcome) -> None:
    assert is_failure(outcome) is (outcome in {Outcome.RETRY, Outcome.UNKNOWN})


@pytest.mark.parametrize(
    ("times", "apart", "is_open"),
    [
        (FAILURES - 1, SECOND, False),
        (FAILURES, SECOND, True),
        (FAILURES, timedelta(seconds=60), True),
        (FAILURES * 3, timedelta(seconds=61), False),
    ],
)
def test_it_opens_with_failures_in_a_row_and_close_together(times: int, apart: timedelta, *, is_open: bool) -> None:
    assert failed(times, apart=apart).is_open is is_open


def test_a_failure_that_left_before_it_opened_does_not_count_as_a_probe() -> None:
    circuit = failed(FAILURES)
    assert after_failure(circuit, NOW, is_probe=False, random=0.5) == circuit
    probed = after_failure(circuit, NOW, is_probe=True, random=0.5)
    assert (probed.probes, probed.opened_at) == (1, circuit.opened_at)
    assert probed.probe_at == NOW + timedelta(seconds=3)


@pytest.mark.parametrize(
    ("probes", "random", "retry_after", "useful_for", "seconds"),
    [
        (0, 0.0, None, None, 1),
        (1, 0.0, None, None, 2),
        (2, 0.5, None, None, 6),
        (9, 0.0, None, None, 30),
        (0, 0.0, 17, None, 17),
        (0, 0.0, 3600, None, 60),
        (9, 0.0, None, timedelta(seconds=10), 5),
        (9, 0.0, 60, timedelta(seconds=1), 1),
        (0, 0.0, None, timedelta(hours=1), 1),
    ],
)
def test_how_long_until_the_next_is_tried(
    probes: int, random: float, retry_after: float | None, useful_for: timedelta | None, seconds: float
) -> None:
    wait = probe_seconds(probes, random=random, retry_after_seconds=retry_after, useful_for=useful_for)
    assert wait == seconds


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True), st.none() | st.floats(0, 1e6))
def test_a_probe_never_waits_longer_than_a_minute(probes: int, random: float, retry_after: float | None) -> None:
    assert 1 <= probe_seconds(probes, random=random, retry_after_seconds=retry_after) <= LONGEST_PROBE_SECONDS


def test_without_a_rate_everything_may_leave() -> None:
    pace = Pace(per_second=None)
    assert (pace.allowance(NOW, 32), pace.ready_at(NOW), pace.spend(9, NOW)) == (32, NOW, None)


@given(
    st.sampled_from([0.5, 1.0, 3.0, 10.0, 100.0]),
    st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 3)), min_size=1, max_size=60),
)
def test_no_more_leaves_than_the_rate_allows(rate: float, steps: list[tuple[int, int]]) -> None:
    """Over any time: a second's worth at once, then the rate; one long text may go beyond, and is waited for."""
    now, pace, sent = NOW, Pace(per_second=rate), 0
    longest = max(size for _, size in steps)
    for wait, size in steps:
        now += timedelta(milliseconds=wait)
        if pace.allowance(now, 1):
            assert pace.ready_at(now) <= now + timedelta(milliseconds=1)
            pace = Pace(per_second=rate, free_at=pace.spend(size, now))
            sent += size
        else:
            assert pace.ready_at(now) > now
        most = max(1.0, rate) + rate * (now - NOW).total_seconds()
        assert sent <= most + longest + 0.01


def test_a_clock_that_is_a_minute_ahead_keeps_nobody_waiting() -> None:
    ahead = Pace(per_second=1, free_at=Pace(per_second=1).spend(1, NOW + timedelta(seconds=60)))
    assert ahead.allowance(NOW, 5) == 1
    assert ahead.ready_at(NOW) == NOW
