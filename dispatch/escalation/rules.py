"""What a call for help is made of: states, rungs, needs and answers, and the facts the ladder decides from; pure."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ..orders.rules import Status
from ..promise.rules import Assessment, Level
from ..staff.rules import Person, Role, Skill


class EscalationState(enum.StrEnum):
    """Where a call for help stands."""

    OPEN = "open"
    ACCEPTED = "accepted"
    RESOLVED = "resolved"
    CANCELLED = "cancelled"
    UNANSWERED = "unanswered"


class Need(enum.StrEnum):
    """What help is needed."""

    PROCURE = "procure"
    DELIVER = "deliver"
    PROCURE_AND_DELIVER = "procure_and_deliver"


class Answer(enum.StrEnum):
    """How a page ended."""

    ACCEPTED = "accepted"
    DECLINED = "declined"
    HANDED_BACK = "handed_back"
    LOST = "lost"
    UNREACHABLE = "unreachable"


class Verb(enum.StrEnum):
    """What somebody may answer to a page."""

    ACCEPT = "accept"
    DECLINE = "decline"
    PICKED_UP = "picked_up"
    DELIVERED = "delivered"
    HAND_BACK = "hand_back"


class Rung(enum.IntEnum):
    """The groups that are asked, one after another: a manager on a shift is available like everybody else."""

    AVAILABLE = 1
    ON_CALL = 2
    MANAGER = 3
    FOUNDER = 4


LIVE = (EscalationState.OPEN, EscalationState.ACCEPTED)
# States in which somebody may still say yes: also after the promise has passed.
TAKEABLE = (EscalationState.OPEN, EscalationState.UNANSWERED)
LATE_CHECK_IN = timedelta(minutes=5)
# Most receipts come within seconds; lost ones have been fetched from the provider once by then (after a minute).
NO_RECEIPT_AFTER = timedelta(seconds=90)
SAID_NO = (Answer.DECLINED, Answer.HANDED_BACK, Answer.UNREACHABLE)
SKILLS = {
    Need.PROCURE: (Skill.PROCURE,),
    Need.DELIVER: (Skill.DELIVER,),
    Need.PROCURE_AND_DELIVER: (Skill.PROCURE, Skill.DELIVER),
}


def need_of(assessment: Assessment, people: Sequence[Person], now: datetime) -> Need:
    """What to ask for: buying while goods are missing, and carrying too when nobody available could bring them in time.

    A help that only the founder could give whole is asked for in parts, the first one that is missing first: a buyer
    or a rider on call must not sleep while the founder drives.
    """
    if not assessment.needs_buying:
        return Need.DELIVER
    if assessment.can_be_carried:
        return Need.PROCURE
    part = Need.DELIVER if assessment.can_be_bought else Need.PROCURE
    if _anybody_below_the_founder(people, Need.PROCURE_AND_DELIVER, now):
        return Need.PROCURE_AND_DELIVER
    return part if _anybody_below_the_founder(people, part, now) else Need.PROCURE_AND_DELIVER


def _anybody_below_the_founder(people: Sequence[Person], need: Need, now: datetime) -> bool:
    return any(rung_of(person, need, now) not in (None, Rung.FOUNDER) for person in people)


def rung_of(person: Person, need: Need, now: datetime) -> Rung | None:
    """The rung on which somebody is asked; None when they are not to be asked at all just now."""
    if not all(person.can(skill) for skill in SKILLS[need]) or not person.may_be_asked(now):
        return None
    if person.can_always_be_asked:
        return Rung.FOUNDER
    if person.is_available(now):
        return Rung.AVAILABLE
    return Rung.MANAGER if person.role is Role.MANAGER else Rung.ON_CALL


@dataclass(frozen=True, kw_only=True)
class Reach:
    """How far an open page has come. `rings_at`: when the phone is to ring, as its text has no final receipt;
    `is_unsent`: it has not left yet; `is_held`: the account can't send it; `was_rung`: it went by phone last."""

    rings_at: datetime | None = None
    is_unsent: bool = False
    is_held: bool = False
    was_rung: bool = False


ARRIVED = Reach()


@dataclass(frozen=True, kw_only=True)
class PageFacts:
    """One page of the round that is under way. `is_open`: it can still be answered. `repeats`: how often it was sent
    again; `is_gone`: of somebody who does not work here any more."""

    staff_id: int
    rung: int
    answer: Answer | None
    repeats: int = 0
    reach: Reach = ARRIVED
    is_gone: bool = False

    @property
    def is_open(self) -> bool:
        return self.answer is None and not self.is_gone


@dataclass(frozen=True, kw_only=True)
class LadderFacts:
    """What the ladder needs to know. `late_at`: from then on the promise can't be kept, whoever helps.

    `act_by`: the clock's last instant for the next step; `watch`: how much slack the policy calls on track. `near`:
    people who go the same way anyway; `away`: those who are out on another order until later than would help. Of a
    call that somebody has taken: `taker_id`, when they must be heard of (`check_in_at`), when they were reminded, how
    long after that others are asked (`grace`), and whether that has begun (`is_beside`). `has_voice`: we can ring.
    """

    status: Status
    level: Level
    need: Need
    promised_by: datetime
    late_at: datetime | None
    people: tuple[Person, ...]
    step_min: timedelta
    step_max: timedelta
    state: EscalationState | None = None
    rung: int = 0
    next_step_at: datetime | None = None
    check_in_at: datetime | None = None
    reminded_at: datetime | None = None
    grace: timedelta = timedelta(minutes=5)
    is_beside: bool = False
    taker_id: int | None = None
    is_need_met: bool = False
    pages: tuple[PageFacts, ...] = ()
    act_by: datetime | None = None
    watch: timedelta = timedelta(0)
    near: frozenset[int] = frozenset()
    away: frozenset[int] = frozenset()
    has_voice: bool = False
    is_to_be_collected: bool = False

    @property
    def is_taker_gone(self) -> bool:
        """Whoever has it does not work here any more: no word of theirs is to be waited for."""
        return self.taker_id is not None and self.taker_id not in {person.id for person in self.people}

    @property
    def silence(self) -> timedelta:
        """How long a text may be without a final receipt before the phone rings: never longer than a step."""
        return min(NO_RECEIPT_AFTER, self.step_min)


def with_voice(facts: LadderFacts, reaches: Mapping[int, Reach]) -> LadderFacts:
    """The same facts where phones can be rung; `reaches`: how far the open pages have come, by staff id."""
    pages = (replace(page, reach=reaches.get(page.staff_id, ARRIVED)) if page.is_open else page for page in facts.pages)
    return replace(facts, has_voice=True, pages=tuple(pages))


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What to do now, and when to look again. `ask`: (staff id, rung) pairs, whoever is nearest and was asked least
    first; `repeat`: whom to ask again; `ring`: whose phone rings, of those in `repeat` instead of a text; `goes_on`:
    others are asked beside a taker who went quiet."""

    opens: bool = False
    ends: EscalationState | None = None
    ask: tuple[tuple[int, Rung], ...] = ()
    rung: int = 0
    next_step_at: datetime | None = None
    reminds: bool = False
    repeat: tuple[int, ...] = ()
    ring: tuple[int, ...] = ()
    goes_on: bool = False
    next_check_at: datetime | None = None


def check_in_at(now: datetime, end: datetime, *, grace: timedelta) -> datetime:
    """When to expect word from somebody who has just taken it: after half of what is left, and then the grace.

    `end`: until when there is time. Past it nothing is left to halve.
    """
    half = (end - now) / 2
    return now + (half if half > timedelta(0) else LATE_CHECK_IN) + grace
