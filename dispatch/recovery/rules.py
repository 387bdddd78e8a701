"""A broken promise as a state machine, when its next step is due, and what may be given as goodwill; pure."""

from __future__ import annotations

import enum
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo


class Cause(enum.StrEnum):
    """Why a case was opened."""

    LATE = "late"  # the promise can't be kept any more, and has not passed yet
    BROKEN = "broken"  # it passed, and the customer had nothing in hand
    COMPLAINT = "complaint"  # the customer said that something is wrong


class Stage(enum.StrEnum):
    """Where a case stands."""

    OPENED = "opened"  # nobody has said sorry yet
    FIXED_FIRST = "fixed_first"  # the goods came before anybody had said sorry
    EMPATHISED = "empathised"
    FIX_OFFERED = "fix_offered"
    FIXED = "fixed"
    CONFIRMED = "confirmed"
    UNCONFIRMED = "unconfirmed"
    AVERTED = "averted"  # the promise can be kept after all, and nobody had said anything


class Step(enum.StrEnum):
    """What people, or the customer, do next."""

    EMPATHISE = "empathise"
    OFFER_FIX = "offer_fix"
    FIXED = "fixed"
    CONFIRM = "confirm"
    REOPEN = "reopen"


class Fact(enum.StrEnum):
    """What happens to a case by itself: facts are never refused."""

    DELIVERED = "delivered"
    LAPSED = "lapsed"
    SAFE = "safe"
    LOST = "lost"  # the apology never arrived


class State(enum.StrEnum):
    """Whether a case is still on somebody's list."""

    OPEN = "open"
    CLOSED = "closed"


class Fault(enum.StrEnum):
    """Whose fault it was."""

    OURS = "ours"
    SUPPLIER = "supplier"
    CUSTOMER = "customer"
    NOBODY = "nobody"


class Size(enum.IntEnum):
    """How much of somebody's day it cost."""

    SMALL = 0
    MEDIUM = 1
    LARGE = 2


LIVE = (Stage.OPENED, Stage.FIXED_FIRST, Stage.EMPATHISED, Stage.FIX_OFFERED, Stage.FIXED)
UNHEARD = (Stage.OPENED, Stage.FIXED_FIRST)
# Every stage with what may follow. One apology per failure: a case that is reopened goes on behind it. Nothing is
# fixed by hand before somebody has said sorry; goods that come are a fact, and the apology is owed all the same. So it
# is when it never arrived.
NEXT: dict[tuple[Stage, Step | Fact], Stage] = {
    (Stage.OPENED, Step.EMPATHISE): Stage.EMPATHISED,
    (Stage.OPENED, Fact.DELIVERED): Stage.FIXED_FIRST,
    (Stage.OPENED, Fact.SAFE): Stage.AVERTED,
    (Stage.FIXED_FIRST, Step.EMPATHISE): Stage.FIXED,
    (Stage.EMPATHISED, Step.OFFER_FIX): Stage.FIX_OFFERED,
    (Stage.EMPATHISED, Step.FIXED): Stage.FIXED,
    (Stage.EMPATHISED, Fact.DELIVERED): Stage.FIXED,
    (Stage.EMPATHISED, Fact.LAPSED): Stage.UNCONFIRMED,
    (Stage.EMPATHISED, Fact.LOST): Stage.OPENED,
    (Stage.FIX_OFFERED, Step.OFFER_FIX): Stage.FIX_OFFERED,
    (Stage.FIX_OFFERED, Step.FIXED): Stage.FIXED,
    (Stage.FIX_OFFERED, Step.REOPEN): Stage.EMPATHISED,
    (Stage.FIX_OFFERED, Fact.DELIVERED): Stage.FIXED,
    (Stage.FIX_OFFERED, Fact.LAPSED): Stage.UNCONFIRMED,
    (Stage.FIX_OFFERED, Fact.LOST): Stage.OPENED,
    (Stage.FIXED, Step.CONFIRM): Stage.CONFIRMED,
    (Stage.FIXED, Step.REOPEN): Stage.EMPATHISED,
    (Stage.FIXED, Fact.LAPSED): Stage.UNCONFIRMED,
    (Stage.FIXED, Fact.LOST): Stage.FIXED_FIRST,
    (Stage.CONFIRMED, Step.REOPEN): Stage.EMPATHISED,
    (Stage.UNCONFIRMED, Step.CONFIRM): Stage.CONFIRMED,
    (Stage.UNCONFIRMED, Step.REOPEN): Stage.EMPATHISED,
}


def next_stage(stage: Stage, what: Step | Fact) -> Stage | None:
    """Where a step or a fact leads; None when a step is not allowed, or a fact changes nothing."""
    return NEXT.get((stage, what))


def allowed_steps(stage: Stage) -> list[Step]:
    """The steps that a stage allows, in the order in which they are taken."""
    return [step for step in Step if (stage, step) in NEXT]


def state_of(stage: Stage) -> State:
    """Whether a case of this stage still needs somebody."""
    return State.OPEN if stage in LIVE else State.CLOSED


# --- when ------------------------------------------------------------------------------------------------------------

CONFIRM_WITHIN = timedelta(hours=48)
JUST_PAST = timedelta(seconds=1)
# A promise that broke longer ago is for a person to be sorry about: a text of ours would only be odd.
TOO_OLD = timedelta(hours=24)
DAY_BEGINS, DAY_ENDS = time(9), time(21)
SURVEY_AFTER = timedelta(hours=2)
# Nobody is asked how it was more often than this.
SURVEY_AGAIN = timedelta(days=30)


def next_step_at(stage: Stage, since: datetime, *, grace: timedelta, fix_by: datetime | None = None) -> datetime | None:
    """When something happens by itself to a case that came to its stage at `since`; None when only people can go on.

    `grace`: how long people have to say sorry themselves. `fix_by`: when the fix was to be there.
    """
    if stage in UNHEARD:
        return since + grace
    if stage is Stage.FIX_OFFERED and fix_by is not None:
        return fix_by + JUST_PAST
    return since + CONFIRM_WITHIN + JUST_PAST if stage in LIVE else None


def awake(at: datetime, timezone: str) -> datetime:
    """The first instant from `at` on at which a text that can wait may ring a phone: from 9 to 21 local."""
    there = at.astimezone(ZoneInfo(timezone))
    if DAY_BEGINS <= there.time() < DAY_ENDS:
        return at
    day = there.date() if there.time() < DAY_BEGINS else there.date() + timedelta(days=1)
    return datetime.combine(day, DAY_BEGINS, tzinfo=ZoneInfo(timezone)).astimezone(UTC)


def night_after(at: datetime, timezone: str) -> datetime:
    """Until when a text that leaves at `at`, by day, is of use: one that is held up must not ring at night."""
    zone = ZoneInfo(timezone)
    return datetime.combine(at.astimezone(zone).date(), DAY_ENDS, tzinfo=zone).astimezone(UTC)


# --- goodwill --------------------------------------------------------------------------------------------------------

MEDIUM_AFTER, LARGE_AFTER = timedelta(minutes=30), timedelta(hours=3)
# Something to do, and no gift: nobody writes to a customer that they give them a call.
FOUNDER_CALLS, KIND_CALL = "a call from the founder", "a kind call"
ACTS = frozenset({FOUNDER_CALLS, KIND_CALL})
# Ours to decide, whatever is suggested, in words that the customer may read. Nothing for what was the customer's own
# doing but kindness.
GOODWILL: dict[Fault, dict[Size, tuple[str, ...]]] = {
    Fault.OURS: {
        Size.SMALL: ("a handwritten note with it", "no charge for the delivery"),
        Size.MEDIUM: ("no charge for the delivery", "10 % off the next order"),
        Size.LARGE: ("your money back, and you keep it", FOUNDER_CALLS, "the next order on us"),
    },
    Fault.SUPPLIER: {
        Size.SMALL: ("a handwritten note with it",),
        Size.MEDIUM: ("no charge for the delivery",),
        Size.LARGE: ("no charge for the delivery", "10 % off the next order"),
    },
    Fault.CUSTOMER: {Size.SMALL: (), Size.MEDIUM: (), Size.LARGE: (KIND_CALL,)},
    Fault.NOBODY: {
        Size.SMALL: ("a handwritten note with it",),
        Size.MEDIUM: ("a handwritten note with it",),
        Size.LARGE: ("no charge for the delivery",),
    },
}


def size_of(cause: Cause, *, late: timedelta | None, earlier: int) -> Size:
    """How much it cost the customer: by how late it is, one size more for whom we failed before.

    `late`: None when it is not with them and nobody knows. A complaint is as large as a long wait.
    """
    if late is None or late >= LARGE_AFTER:
        size = Size.LARGE
    elif cause is Cause.COMPLAINT or late >= MEDIUM_AFTER:
        size = Size.MEDIUM
    else:
        size = Size.SMALL
    return Size(min(size + 1, Size.LARGE)) if earlier else size


def suggestions(fault: Fault | None, size: Size) -> tuple[str, ...]:
    """What may be given; until somebody says otherwise it was our fault."""
    return GOODWILL[fault or Fault.OURS][size]
