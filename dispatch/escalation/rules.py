"""The ladder as a decision: facts in, actions out; pure.

Rungs: whoever is available now (1), on call (2), the founder (3). A rung with nobody to ask is not there, so that it
costs no time. The step between rungs is what is left until the promise can no longer be kept, shared by the rungs
still to come, within the policy's bounds; when even the shortest steps would not reach the last rung in time,
everybody is asked at once.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ..orders.rules import CLOSED, Status
from ..promise.rules import Assessment, Level
from ..staff.rules import Person, Skill


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
    """The groups that are asked, one after another."""

    AVAILABLE = 1
    ON_CALL = 2
    FOUNDER = 3


LIVE = (EscalationState.OPEN, EscalationState.ACCEPTED)
# States in which somebody may still say yes: also after the promise has passed.
TAKEABLE = (EscalationState.OPEN, EscalationState.UNANSWERED)
SOONEST_CHECK_IN = timedelta(minutes=5)
# A call for help that is open ends only with so much slack, so that an order that hovers at its last instant does not
# stand people down and ask them again by turns; never more than half of what the policy calls watching.
CALM = timedelta(minutes=5)
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
    return any(rung_of(person, need, now) in (Rung.AVAILABLE, Rung.ON_CALL) for person in people)


def rung_of(person: Person, need: Need, now: datetime) -> Rung | None:
    """The rung on which somebody is asked; None when they are not to be asked at all just now."""
    if not all(person.can(skill) for skill in SKILLS[need]) or not person.may_be_asked(now):
        return None
    if person.can_always_be_asked:
        return Rung.FOUNDER
    return Rung.AVAILABLE if person.is_available(now) else Rung.ON_CALL


@dataclass(frozen=True, kw_only=True)
class PageFacts:
    """One page of the round that is under way. `is_open`: it can still be answered."""

    staff_id: int
    rung: int
    answer: Answer | None

    @property
    def is_open(self) -> bool:
        return self.answer is None


@dataclass(frozen=True, kw_only=True)
class LadderFacts:
    """What the ladder needs to know. `late_at`: from then on the promise can't be kept, whoever helps.

    `act_by`: the clock's last instant for the next step; `watch`: how much slack the policy calls on track.
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
    is_reminded: bool = False
    is_need_met: bool = False
    pages: tuple[PageFacts, ...] = ()
    act_by: datetime | None = None
    watch: timedelta = timedelta(0)


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What to do now, and when to look again. `ask`: (staff id, rung) pairs, whoever was asked least first."""

    opens: bool = False
    ends: EscalationState | None = None
    ask: tuple[tuple[int, Rung], ...] = ()
    rung: int = 0
    next_step_at: datetime | None = None
    reminds: bool = False
    next_check_at: datetime | None = None


def decide(facts: LadderFacts, now: datetime) -> Decision:
    """The next act of the ladder. Deciding twice on what the first decision led to changes nothing."""
    if facts.status in CLOSED:
        end = EscalationState.RESOLVED if facts.status is Status.DELIVERED else EscalationState.CANCELLED
        return Decision(ends=end if facts.state in LIVE else None)
    if facts.state is EscalationState.ACCEPTED:
        return _accepted(facts, now)
    is_safe = facts.level in (Level.ON_TRACK, Level.WATCH) or facts.status is Status.OUT_FOR_DELIVERY
    if is_safe:
        return _safe(facts, now)
    if facts.state is EscalationState.UNANSWERED:
        return Decision(rung=facts.rung)
    return _climb(facts, now) if now <= facts.promised_by else _past_the_promise(facts, now)


def _safe(facts: LadderFacts, now: datetime) -> Decision:
    """Nobody is needed; those who were asked are stood down once there is some slack again, not at its first second."""
    if facts.state is not EscalationState.OPEN:
        return Decision()
    calm = min(CALM, facts.watch / 2)
    hovers = facts.level is Level.WATCH and facts.act_by is not None and facts.act_by - now < calm
    if hovers and facts.status is not Status.OUT_FOR_DELIVERY:
        return Decision(rung=facts.rung, next_step_at=facts.next_step_at)
    return Decision(ends=EscalationState.RESOLVED)


def _past_the_promise(facts: LadderFacts, now: datetime) -> Decision:
    """Opened or handed back only now: everybody is asked once, and the next look says that it is unanswered."""
    decision = _climb(facts, now)
    is_new_round = facts.rung == 0 and bool(decision.ask)
    if facts.state is EscalationState.OPEN and not is_new_round:
        return Decision(ends=EscalationState.UNANSWERED, rung=facts.rung)
    return replace(decision, next_check_at=now)


def _accepted(facts: LadderFacts, now: datetime) -> Decision:
    """Somebody has it: remind once when they go quiet, and end it when what was asked for is done."""
    if facts.is_need_met:
        return Decision(ends=EscalationState.RESOLVED, rung=facts.rung)
    if facts.check_in_at is None or facts.is_reminded or facts.status is Status.OUT_FOR_DELIVERY:
        return Decision(rung=facts.rung)
    if now >= facts.check_in_at:
        return Decision(rung=facts.rung, reminds=True)
    return Decision(rung=facts.rung, next_check_at=facts.check_in_at)


def _climb(facts: LadderFacts, now: datetime) -> Decision:
    asked = {page.staff_id for page in facts.pages}
    fresh = [
        (person, on)
        for person in sorted(facts.people, key=lambda person: (person.asked_today, person.id))
        if person.id not in asked and (on := rung_of(person, facts.need, now)) is not None
    ]
    rung, next_step_at = facts.rung, facts.next_step_at
    if _is_step_due(facts, now):
        rung = _next_rung(facts, fresh, now)
        later = {int(r) for _, r in fresh if r > rung}
        next_step_at = now + _step(facts, len(later), now) if later else None
    elif next_step_at is None and any(r > rung for _, r in fresh):
        # Somebody has come within reach above the rung that was the last one.
        next_step_at = now + _step(facts, 1, now)
    return Decision(
        opens=facts.state is None,
        ask=tuple((person.id, r) for person, r in fresh if r <= rung),
        rung=rung,
        next_step_at=next_step_at,
        next_check_at=min((at for at in (next_step_at, _next_arrival(facts, now)) if at), default=None),
    )


def _is_step_due(facts: LadderFacts, now: datetime) -> bool:
    """At the start, when the step's time is over, or when nobody who was asked can still say yes."""
    if facts.rung == 0 or not any(page.is_open for page in facts.pages):
        return True
    return facts.next_step_at is not None and now >= facts.next_step_at


def _next_rung(facts: LadderFacts, fresh: Sequence[tuple[Person, Rung]], now: datetime) -> int:
    rungs = sorted({int(rung) for _, rung in fresh})
    above = [rung for rung in rungs if rung > facts.rung]
    if not above:
        return max(facts.rung, *rungs, 0)
    steps = len(above) - 1
    if facts.level is Level.LATE or _time_left(facts, now) < steps * facts.step_min:
        return above[-1]
    return above[0]


def _time_left(facts: LadderFacts, now: datetime) -> timedelta:
    end = min(facts.late_at, facts.promised_by) if facts.late_at else facts.promised_by
    return max(end - now, timedelta(0))


def _step(facts: LadderFacts, rungs_to_come: int, now: datetime) -> timedelta:
    share = _time_left(facts, now) / (rungs_to_come + 1)
    return max(facts.step_min, min(facts.step_max, share))


def _next_arrival(facts: LadderFacts, now: datetime) -> datetime | None:
    """When the next person who could help comes on a shift or back from a pause."""
    arrivals = [
        span.start
        for person in facts.people
        if all(person.can(skill) for skill in SKILLS[facts.need])
        for span in person.windows()
        if span.start > now
    ]
    returns = [
        pause.end
        for person in facts.people
        if person.on_call or person.can_always_be_asked
        for pause in person.pauses
        if pause.end > now
    ]
    return min([*arrivals, *returns], default=None)


def check_in_at(now: datetime, promised_by: datetime, *, grace: timedelta) -> datetime:
    """When to expect word from somebody who has just taken it: after half of what is left, and then the grace."""
    return now + max((promised_by - now) / 2, SOONEST_CHECK_IN) + grace
