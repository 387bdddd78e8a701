"""The ladder as a decision: facts in, actions out; pure.

Rungs: whoever is available now (1), on call (2), managers on call (3), the founder (4). A rung with nobody to ask is
not there, so that it costs no time. The step between rungs is what is left until the promise can no longer be kept,
shared by the rungs still to come, within the policy's bounds; when even the shortest steps would not reach the last
rung in time, everybody is asked at once. The founder is asked again, ever more slowly, until the promise has passed.

Whoever takes an order has it on a lease: silence past the check-in gets one reminder, and then others are asked beside
them, while they keep the right to finish.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from ..orders.rules import CLOSED, Status
from ..promise.rules import Level
from ..staff.rules import Person
from .rules import LIVE, SAID_NO, SKILLS, Decision, EscalationState, LadderFacts, PageFacts, Rung, rung_of

# A call for help that is open ends only with so much slack, so that an order that hovers at its last instant does not
# stand people down and ask them again by turns; never more than half of what the policy calls watching.
CALM = timedelta(minutes=5)
# The last rung is asked again after a step, then after twice as long, and so on up to this.
SLOWEST_REPEAT = timedelta(minutes=30)


def decide(facts: LadderFacts, now: datetime) -> Decision:
    """The next act of the ladder. Deciding twice on what the first decision led to changes nothing."""
    if facts.status in CLOSED:
        end = EscalationState.RESOLVED if facts.status is Status.DELIVERED else EscalationState.CANCELLED
        return Decision(ends=end if facts.state in LIVE else None)
    if facts.state is EscalationState.ACCEPTED:
        return _accepted(facts, now)
    is_safe = facts.level in (Level.ON_TRACK, Level.WATCH) or facts.status is Status.OUT_FOR_DELIVERY
    # Nobody has to bring what waits at the counter, however late it got there.
    if is_safe or (facts.status is Status.READY and facts.is_to_be_collected):
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
    """Somebody has it: remind once when they go quiet, then ask others beside them; end it when the need is met."""
    if facts.is_need_met:
        return Decision(ends=EscalationState.RESOLVED, rung=facts.rung)
    if facts.check_in_at is None or facts.status is Status.OUT_FOR_DELIVERY or now > facts.promised_by:
        return Decision(rung=facts.rung)
    waiting = None if facts.is_taker_gone else _wait_for_taker(facts, facts.check_in_at, now)
    if waiting is not None:
        return waiting
    if facts.is_beside:
        return _climb(facts, now)
    return replace(_climb(replace(facts, rung=0, next_step_at=None, pages=_who_said_no(facts)), now), goes_on=True)


def _wait_for_taker(facts: LadderFacts, check_in_at: datetime, now: datetime) -> Decision | None:
    """Until they must be heard of, then for an answer to the one reminder; None when the wait is over."""
    if facts.reminded_at is None:
        is_quiet = now >= check_in_at
        return Decision(rung=facts.rung, reminds=is_quiet, next_check_at=now + facts.grace if is_quiet else check_in_at)
    end = facts.reminded_at + facts.grace
    return Decision(rung=facts.rung, next_check_at=end) if now < end else None


def _who_said_no(facts: LadderFacts) -> tuple[PageFacts, ...]:
    """Others are asked anew, as after a handing back; whoever said no is not."""
    return tuple(page for page in facts.pages if page.answer in SAID_NO)


def _climb(facts: LadderFacts, now: datetime) -> Decision:
    asked = {page.staff_id for page in facts.pages} | {facts.taker_id}
    fresh = [
        (person, on)
        for person in sorted(facts.people, key=lambda person: _turn(facts, person))
        if person.id not in asked and (on := _rung_here(facts, person, now)) is not None
    ]
    is_due = _is_step_due(facts, now) or (_is_cut_off(facts) and any(r > facts.rung for _, r in fresh))
    rung = _next_rung(facts, fresh, now) if is_due else facts.rung
    later = {int(r) for _, r in fresh if r > rung}
    ask = tuple((person.id, r) for person, r in fresh if r <= rung)
    waiting = _waiting_founders(facts) if rung == Rung.FOUNDER else ()
    silent = _asked_again(facts, waiting, now)
    next_step_at = facts.next_step_at
    repeat: tuple[int, ...] = ()
    if is_due and later:
        next_step_at = now + _step(facts, len(later), now)
    elif is_due:
        # Nobody is left above. The founder is not asked in vain: again, as long as they have not said a word.
        is_over = facts.next_step_at is not None and now >= facts.next_step_at
        repeat = silent if is_over else ()
        has_news = silent or any(r is Rung.FOUNDER for _, r in ask)
        # A founder who pauses is asked again when they are back.
        next_step_at = now + _pause(facts, now) if has_news else _next_arrival(facts, now) if waiting else None
    elif later and next_step_at is None:
        # Somebody has come within reach above the rung that was the last one.
        next_step_at = now + _step(facts, 1, now)
    return Decision(
        opens=facts.state is None,
        ask=ask,
        rung=rung,
        next_step_at=next_step_at,
        repeat=repeat,
        ring=_to_ring(facts, repeat, now),
        next_check_at=min(
            (at for at in (next_step_at, _next_arrival(facts, now), _next_receipt(facts, ask, now)) if at), default=None
        ),
    )


def _is_cut_off(facts: LadderFacts) -> bool:
    """Texts don't leave at all: waiting for answers to them would be silence."""
    return facts.has_voice and any(page.is_open and page.reach.is_held for page in facts.pages)


def _to_ring(facts: LadderFacts, repeat: Sequence[int], now: datetime) -> tuple[int, ...]:
    """Whose phone rings now: of those who are asked again whoever got a text last, and whose text has not arrived."""
    if not facts.has_voice:
        return ()
    may = _who_may_be_asked(facts, now)

    def is_due(page: PageFacts) -> bool:
        again = page.staff_id in repeat and not page.reach.was_rung
        return again or (page.reach.rings_at is not None and page.reach.rings_at <= now)

    return tuple(page.staff_id for page in facts.pages if page.is_open and page.staff_id in may and is_due(page))


def _next_receipt(facts: LadderFacts, ask: Sequence[tuple[int, Rung]], now: datetime) -> datetime | None:
    """When to look whether a text has arrived; one that has not left yet has its time from when it leaves."""
    if not facts.has_voice:
        return None
    waits = ask or any(page.is_open and page.reach.is_unsent for page in facts.pages)
    later = [page.reach.rings_at for page in facts.pages if page.is_open and page.reach.rings_at]
    return min([*([now + facts.silence] if waits else []), *(at for at in later if at > now)], default=None)


def _turn(facts: LadderFacts, person: Person) -> tuple[bool, int, int]:
    return person.id not in facts.near, person.asked_today, person.id


def _rung_here(facts: LadderFacts, person: Person, now: datetime) -> Rung | None:
    """The rung on which somebody is asked; whoever is out on another order for too long comes with those on call."""
    rung = rung_of(person, facts.need, now)
    return Rung.ON_CALL if rung is Rung.AVAILABLE and person.id in facts.away else rung


def _who_may_be_asked(facts: LadderFacts, now: datetime) -> set[int]:
    return {person.id for person in facts.people if person.may_be_asked(now)}


def _asked_again(facts: LadderFacts, waiting: Sequence[int], now: datetime) -> tuple[int, ...]:
    may = _who_may_be_asked(facts, now)
    return tuple(number for number in waiting if number in may)


def _waiting_founders(facts: LadderFacts) -> tuple[int, ...]:
    """Founders who were asked and have not said a word."""
    return tuple(page.staff_id for page in facts.pages if page.is_open and page.rung == Rung.FOUNDER)


def _pause(facts: LadderFacts, now: datetime) -> timedelta:
    """How long until the founder is asked again: a step, then twice as long each time."""
    repeats = max((page.repeats + 1 for page in facts.pages if page.is_open and page.rung == Rung.FOUNDER), default=0)
    longer: int = 2 ** min(repeats, 10)
    return max(facts.step_min, min(_step(facts, 1, now) * longer, SLOWEST_REPEAT))


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
    if facts.level is Level.LATE or _is_cut_off(facts) or _time_left(facts, now) < steps * facts.step_min:
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
