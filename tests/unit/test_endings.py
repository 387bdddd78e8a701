"""The five endings: from what happened, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dispatch.recovery.endings import Ending, Failure, Happened, Story, tell
from dispatch.recovery.rules import Cause, Step

PROMISE = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
STEPS = {"e": Step.EMPATHISE, "o": Step.OFFER_FIX, "f": Step.FIXED, "c": Step.CONFIRM, "r": Step.REOPEN}


def at(minutes: float) -> datetime:
    return PROMISE + timedelta(minutes=minutes)


def failure(text: str, cause: Cause = Cause.BROKEN, opened: float = 0) -> Failure:
    """ "e10 o20>60 f50": sorry after 10 minutes, a fix offered after 20 for minute 60, fixed after 50."""
    steps = []
    for word in text.split():
        when, _, by = word[1:].partition(">")
        steps.append(Happened(STEPS[word[0]], at(float(when)), at(float(by)) if by else None))
    return Failure(cause=cause, opened_at=at(opened), steps=tuple(steps))


def story(delivered: float | None = None, *texts: str, **more: Any) -> Story:
    failures = tuple(failure(text) for text in texts)
    delivered_at = None if delivered is None else at(delivered)
    return Story(**{"first_promised_by": PROMISE, "delivered_at": delivered_at, "failures": failures, **more})


def twice(late: str, complaint: str) -> Story:
    """Late by half an hour, and then a complaint."""
    failures = (failure(late), failure(complaint, Cause.COMPLAINT, 90))
    return Story(first_promised_by=PROMISE, delivered_at=at(30), failures=failures)


DAYS = 3 * 24 * 60
CASES: dict[str, tuple[Story, float, Ending | None]] = {
    "on its way": (story(), -10, None),
    "late, and not there yet": (story(None, "e10"), 30, None),
    "on time": (story(0), 1, Ending.R1),
    "on time, with something else": (story(-5, is_substituted=True), 1, Ending.R2),
    "a minute late, before anybody looked": (story(1), 2, Ending.R3),
    "late, and nobody has said sorry yet": (story(5, ""), 6, Ending.R3),
    "sorry after it came is too late": (story(5, "f5 e10 c20"), 30, Ending.R3),
    "sorry first, delivered, no word yet": (story(30, "e10"), 40, None),
    "sorry first, delivered, confirmed": (story(30, "e10 c60"), 70, Ending.R5),
    "sorry at the same instant as the goods": (story(10, "e10 c60"), 70, Ending.R5),
    "the goods at the same instant, written down first": (story(10, "f10 e10 c60"), 70, Ending.R3),
    "the fix in time": (story(50, "e10 o20>60 f50 c70"), 80, Ending.R5),
    "the fix after its time": (story(61, "e10 o20>60 r60 f61 c70"), 80, Ending.R4),
    "a later time for the fix does not save the first": (story(80, "e10 o20>60 o50>90 f80 c95"), 99, Ending.R4),
    "reopened": (story(30, "e10 f30 r40"), 50, Ending.R4),
    "reopened, and good in the end": (story(30, "e10 f30 r40 f60 c70"), 80, Ending.R4),
    "confirmed within two days": (story(30, "e10 f30 c2900"), DAYS, Ending.R5),
    "confirmed after two days": (story(30, "e10 f30 c2911"), DAYS, Ending.R4),
    "no word for two days": (story(30, "e10 f30"), DAYS, Ending.R4),
    "agreed to a later time, which was kept": (story(60, agreed_by=at(90)), 61, None),
    "agreed to a later time, which was broken as well": (story(95, "e94 c99", agreed_by=at(90)), 100, Ending.R5),
    "cancelled before the promise": (story(cancelled_at=at(-5)), 0, None),
    "cancelled after it broke, sorry said, nothing more": (story(None, "e10", cancelled_at=at(20)), 30, None),
    "cancelled, their money back, confirmed": (story(None, "e10 f20 c30", cancelled_at=at(15)), 40, Ending.R5),
    "two failures, the worse one counts": (twice("e10 c60", "e100 f110 r120"), 130, Ending.R4),
    "two failures, one not over": (twice("e10 c60", "e100"), 130, None),
    "two failures, both made good": (twice("e10 c60", "e100 f110 c120"), 130, Ending.R5),
    "feared to be late, and came in time": (
        Story(first_promised_by=PROMISE, delivered_at=at(-1), failures=(failure("e-20 f-1", Cause.LATE, -30),)),
        1,
        Ending.R1,
    ),
    "on time, and a complaint that was put right": (
        Story(first_promised_by=PROMISE, delivered_at=at(-1), failures=(failure("e30 f40 c50", Cause.COMPLAINT, 20),)),
        60,
        Ending.R5,
    ),
    "late, and sorry was said only for the wrapping, afterwards": (
        story(30, failures=(failure("e60 f70 c80", Cause.COMPLAINT, 50),)),
        90,
        Ending.R3,
    ),
    "late, and sorry was said for something else before it came": (
        story(30, failures=(failure("e10 f40 c50", Cause.COMPLAINT, -5),)),
        90,
        Ending.R5,
    ),
    "on time, and a complaint nobody has answered": (
        Story(first_promised_by=PROMISE, delivered_at=at(-1), failures=(failure("", Cause.COMPLAINT, 20),)),
        60,
        None,
    ),
}


@pytest.mark.parametrize(("told", "now", "ending"), CASES.values(), ids=CASES)
def test_endings(told: Story, now: float, ending: Ending | None) -> None:
    found = tell(told, at(now))
    assert found.ending is ending, found.why
    # One sentence that a person can read.
    assert found.why.endswith(".")
    assert len(found.why) <= 120


def test_what_is_certain_stays_so() -> None:
    """Time alone turns only what is open into R4."""
    for told, now, ending in CASES.values():
        later = tell(told, at(now) + timedelta(days=9)).ending
        assert later is ending or (ending is None and later is Ending.R4)
