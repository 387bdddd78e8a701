"""The five ways a story can end, from what happened and nothing else; pure."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from .rules import CONFIRM_WITHIN, Cause, Step


class Ending(enum.StrEnum):
    """How it ended for the customer."""

    R1 = "R1"
    R2 = "R2"
    R3 = "R3"
    R4 = "R4"
    R5 = "R5"


@dataclass(frozen=True)
class Happened:
    """One step of a case, in the order of the case. `by`: of an offered fix, when it was to be there."""

    step: Step
    at: datetime
    by: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Failure:
    """One case: why it was opened, when, and every step of it, oldest first."""

    cause: Cause
    opened_at: datetime
    steps: tuple[Happened, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Story:
    """What happened to one order. `agreed_by`: the last later time that the customer agreed to before the promise
    passed; `is_substituted`: they took something else, as they agreed. Cases that were averted are no failures."""

    first_promised_by: datetime
    delivered_at: datetime | None = None
    cancelled_at: datetime | None = None
    agreed_by: datetime | None = None
    is_substituted: bool = False
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True)
class Told:
    """An ending and one sentence that says why; `ending` is None while the story is open, or when none of the five
    fits."""

    ending: Ending | None
    why: str


OPEN = "It is not over yet."


def tell(story: Story, now: datetime) -> Told:
    """How a story ended, as far as it has; of several failures the worst counts.

    R3 and R4 are said as soon as nothing can change them, once the order itself is closed.
    """
    if story.delivered_at is None and story.cancelled_at is None:
        return Told(None, OPEN)
    failures = [failure for failure in story.failures if not _came_in_time(story, failure)]
    if not failures:
        return _without_failure(story)
    told = [_of_failure(story, failure, now) for failure in failures]
    if not _is_lateness_told(story, failures):
        told.append(_without_failure(story))
    return min(told, key=lambda one: WORST_FIRST.index(one.ending))


WORST_FIRST = (Ending.R3, Ending.R4, None, Ending.R5)


def _is_lateness_told(story: Story, failures: Iterable[Failure]) -> bool:
    """Whether an order that came late has a case of its own for that, or somebody had said sorry for something else
    before it came; true for one that was not late."""
    at = story.delivered_at
    if at is None or at <= (story.agreed_by or story.first_promised_by):
        return True
    return any(
        failure.cause is not Cause.COMPLAINT
        or any(step.step is Step.EMPATHISE and step.at <= at for step in failure.steps)
        for failure in failures
    )


def _came_in_time(story: Story, failure: Failure) -> bool:
    """We feared it would be late, and it was not."""
    by = story.agreed_by or story.first_promised_by
    return failure.cause is Cause.LATE and story.delivered_at is not None and story.delivered_at <= by


def _without_failure(story: Story) -> Told:
    at = story.delivered_at
    if at is None:
        return Told(None, "It was cancelled before any promise was broken.")
    if at <= story.first_promised_by and story.is_substituted:
        return Told(Ending.R2, "Delivered by the first promise, with something else that the customer agreed to.")
    if at <= story.first_promised_by:
        return Told(Ending.R1, "Delivered by the first promise, and nothing failed.")
    if story.agreed_by is not None and at <= story.agreed_by:
        return Told(None, "The customer agreed to a later time before the first promise passed, and that one was kept.")
    return Told(Ending.R3, "Delivered late, and nobody had said sorry before it came.")


@dataclass(frozen=True, kw_only=True)
class _Course:
    """The turns of one case."""

    empathy: int | None
    fix: int | None
    fixed_at: datetime | None
    fix_by: datetime | None
    confirmed_at: datetime | None
    is_reopened: bool


def _of_failure(story: Story, failure: Failure, now: datetime) -> Told:
    course = _course(_with_delivery(story, failure))
    if course.fix is not None and (course.empathy is None or course.fix < course.empathy):
        return Told(Ending.R3, "The fix came before anybody had said sorry.")
    if course.empathy is None:
        return Told(None, "Nobody has said sorry yet.")
    return next((Told(Ending.R4, why) for is_so, why in _poor(course, now) if is_so), _so_far(course))


def _poor(course: _Course, now: datetime) -> Iterable[tuple[bool, str]]:
    fixed, by = course.fixed_at, course.fix_by
    yield course.is_reopened, "We said sorry first, but the fix was not good: the case had to be reopened."
    yield by is not None and (fixed or now) > by, "We said sorry first, but the fix came late."
    ends = fixed + CONFIRM_WITHIN if fixed else None
    is_silent = ends is not None and (course.confirmed_at or now) > ends
    yield is_silent, "We said sorry first and fixed it, but the customer did not confirm it within 48 hours."


def _so_far(course: _Course) -> Told:
    if course.fixed_at is None:
        return Told(None, "We have said sorry; it is not fixed yet.")
    if course.confirmed_at is None:
        return Told(None, "It is fixed; the customer has not confirmed it yet.")
    return Told(Ending.R5, "We said sorry first, fixed it, and the customer confirmed it.")


def _with_delivery(story: Story, failure: Failure) -> list[Happened]:
    """Of a late order the goods in the customer's hands are the fix, at their own instant, also before anybody had
    written that down."""
    steps = list(failure.steps)
    at = story.delivered_at
    if failure.cause is Cause.COMPLAINT or at is None or any(one.step is Step.FIXED for one in steps):
        return steps
    place = next((n for n, one in enumerate(steps) if one.at > at), len(steps))
    return [*steps[:place], Happened(Step.FIXED, at), *steps[place:]]


def _course(steps: list[Happened]) -> _Course:
    def first(step: Step) -> int | None:
        return next((n for n, one in enumerate(steps) if one.step is step), None)

    def at(find: Callable[[Step], int | None], step: Step) -> datetime | None:
        number = find(step)
        return None if number is None else steps[number].at

    return _Course(
        empathy=first(Step.EMPATHISE),
        fix=first(Step.FIXED),
        fixed_at=at(first, Step.FIXED),
        # The first time that was named counts, as with promises.
        fix_by=min((one.by for one in steps if one.step is Step.OFFER_FIX and one.by), default=None),
        confirmed_at=at(first, Step.CONFIRM),
        is_reopened=first(Step.REOPEN) is not None,
    )
