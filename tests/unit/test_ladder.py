"""The ladder as a table: every state and level, who is there, how long a step is, and when it ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dispatch.escalation.ladder import decide
from dispatch.escalation.rules import (
    Answer,
    Decision,
    EscalationState,
    LadderFacts,
    Need,
    PageFacts,
    Reach,
    Rung,
    need_of,
    rung_of,
    with_voice,
)
from dispatch.foundation.hours import Span
from dispatch.orders.rules import Status
from dispatch.promise.rules import Assessment, ClockName, Level
from dispatch.staff.rules import Person, Role

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = Span(NOW - timedelta(hours=2), NOW + timedelta(hours=7))
RAVI, SITA, TARIQ, ANAND = 1, 2, 3, 4


def somebody(number: int, role: Role = Role.RIDER, **changes: Any) -> Person:
    given: dict[str, Any] = {"name": f"P{number}", "phone": f"+4477009000{number:02d}", "shifts": (), **changes}
    return Person(id=number, role=role, **given)


ravi = somebody(RAVI, shifts=(DAY,))
sita = somebody(SITA, shifts=(DAY,))
tariq = somebody(TARIQ, Role.STAFF, on_call=True)
anand = somebody(ANAND, Role.FOUNDER)
EVERYBODY = (ravi, sita, tariq, anand)


def ladder(**changes: Any) -> LadderFacts:
    given: dict[str, Any] = {
        "status": Status.READY,
        "level": Level.AT_RISK,
        "need": Need.DELIVER,
        "promised_by": NOW + 120 * MINUTE,
        "late_at": NOW + 60 * MINUTE,
        "people": EVERYBODY,
        "step_min": 2 * MINUTE,
        "step_max": 10 * MINUTE,
    }
    return LadderFacts(**{**given, **changes})


def page(staff_id: int, answer: Answer | None = None, rung: int = 1) -> PageFacts:
    return PageFacts(staff_id=staff_id, rung=rung, answer=answer)


def ids(decision: Decision) -> list[int]:
    return [staff_id for staff_id, _ in decision.ask]


# What happens with no page answered yet, one asked: escalation state (rows) by level.
# opens: a new call for help · - nothing · resolved / unanswered: it ends so · climbs: it goes on
BY_LEVEL = """
none        -         -         opens  opens
open        resolved  resolved  climbs climbs
accepted    -         -         -      -
unanswered  -         -         -      -
resolved    -         -         opens  opens
cancelled   -         -         opens  opens
"""
STATE_ROWS = [
    pytest.param(None if row[0] in ("none", "resolved", "cancelled") else EscalationState(row[0]), level, said,
                 id=f"{row[0]}-{level}")
    for row in (line.split() for line in BY_LEVEL.strip().splitlines())
    for level, said in zip(Level, row[1:], strict=True)
]  # fmt: skip


@pytest.mark.parametrize(("state", "level", "said"), STATE_ROWS)
def test_every_state_and_level(state: EscalationState | None, level: Level, said: str) -> None:
    begun = {"rung": 1, "pages": (page(RAVI), page(SITA)), "next_step_at": NOW + MINUTE} if state else {}
    decision = decide(ladder(state=state, level=level, **begun), NOW)
    assert decision.opens is (said == "opens")
    assert decision.ends == (EscalationState.RESOLVED if said == "resolved" else None)
    if said == "opens":
        assert decision.ask
    if said == "climbs":
        assert (decision.rung, decision.next_step_at, decision.ask) == (1, NOW + MINUTE, ())


@pytest.mark.parametrize("state", [None, EscalationState.OPEN, EscalationState.ACCEPTED, EscalationState.UNANSWERED])
@pytest.mark.parametrize("status", [Status.DELIVERED, Status.CANCELLED])
@pytest.mark.parametrize("level", Level)
def test_a_closed_order_ends_it(state: EscalationState | None, status: Status, level: Level) -> None:
    decision = decide(ladder(state=state, status=status, level=level, rung=1, pages=(page(RAVI),)), NOW)
    is_live = state in (EscalationState.OPEN, EscalationState.ACCEPTED)
    end = EscalationState.RESOLVED if status is Status.DELIVERED else EscalationState.CANCELLED
    assert decision == Decision(ends=end if is_live else None)


@pytest.mark.parametrize("level", Level)
def test_on_the_way_nobody_is_asked(level: Level) -> None:
    assert decide(ladder(status=Status.OUT_FOR_DELIVERY, level=level), NOW) == Decision()
    open_one = ladder(status=Status.OUT_FOR_DELIVERY, level=level, state=EscalationState.OPEN, rung=1)
    assert decide(open_one, NOW).ends is EscalationState.RESOLVED


@pytest.mark.parametrize(
    ("slack", "watch", "ends"),
    [(0, 30, False), (4, 30, False), (5, 30, True), (29, 30, True), (1, 4, False), (2, 4, True), (0, 0, True)],
)
def test_an_order_that_hovers_keeps_its_call_until_there_is_some_slack(slack: int, watch: int, ends: bool) -> None:
    facts = ladder(
        state=EscalationState.OPEN,
        level=Level.WATCH,
        act_by=NOW + slack * MINUTE,
        watch=watch * MINUTE,
        rung=1,
        pages=(page(RAVI), page(SITA)),
        next_step_at=NOW,
    )
    decision = decide(facts, NOW)
    assert decision.ends == (EscalationState.RESOLVED if ends else None)
    # Nobody new is asked meanwhile, also when the next step would be due.
    assert decision.ask == ()
    # Without a call there is none to be made.
    assert decide(replace(facts, state=None), NOW) == Decision()


# --- whom, and in which order ----------------------------------------------------------------------------------------


def test_those_who_are_here_are_asked_first_together() -> None:
    decision = decide(ladder(), NOW)
    assert decision.ask == ((RAVI, Rung.AVAILABLE), (SITA, Rung.AVAILABLE))
    assert decision.rung == Rung.AVAILABLE
    # An hour left, shared by this rung and the two to come, is twenty minutes: no longer than the longest.
    assert decision.next_step_at == NOW + 10 * MINUTE
    assert decision.next_check_at == NOW + 10 * MINUTE


def test_whoever_was_asked_least_today_comes_first() -> None:
    tired = somebody(RAVI, shifts=(DAY,), asked_today=3)
    assert ids(decide(ladder(people=(tired, sita)), NOW)) == [SITA, RAVI]


@pytest.mark.parametrize(
    ("people", "asked", "rung"),
    [
        ((ravi, tariq, anand), [RAVI], 1),
        ((tariq, anand), [TARIQ], 2),
        ((anand,), [ANAND], 4),
        ((somebody(9, Role.MANAGER, on_call=True), anand), [9], 3),
        ((tariq, somebody(9, Role.MANAGER, on_call=True)), [TARIQ], 2),
        ((ravi, anand), [RAVI], 1),
        ((), [], 0),
    ],
    ids=[
        "all rungs",
        "nobody here",
        "nobody but the founder",
        "managers before the founder",
        "others before managers",
        "nobody on call",
        "nobody at all",
    ],
)
def test_an_empty_rung_costs_no_time(people: tuple[Person, ...], asked: list[int], rung: int) -> None:
    decision = decide(ladder(people=people), NOW)
    assert decision.opens
    assert (ids(decision), decision.rung) == (asked, rung)
    # The founder alone is asked again, and where a rung is left to come there is a next step.
    assert (decision.next_step_at is None) is (rung == 0)


@pytest.mark.parametrize(
    ("person", "need", "rung"),
    [
        (ravi, Need.DELIVER, Rung.AVAILABLE),
        (ravi, Need.PROCURE, None),
        (ravi, Need.PROCURE_AND_DELIVER, None),
        (somebody(9, Role.BUYER, shifts=(DAY,)), Need.PROCURE, Rung.AVAILABLE),
        (somebody(9, Role.BUYER, shifts=(DAY,)), Need.DELIVER, None),
        (somebody(9, Role.STAFF, shifts=(DAY,)), Need.PROCURE_AND_DELIVER, Rung.AVAILABLE),
        (tariq, Need.PROCURE_AND_DELIVER, Rung.ON_CALL),
        (somebody(9, Role.MANAGER, on_call=True, shifts=(DAY,)), Need.DELIVER, Rung.AVAILABLE),
        (somebody(9, Role.MANAGER), Need.DELIVER, None),
        (anand, Need.PROCURE, Rung.FOUNDER),
        (somebody(9, Role.FOUNDER, shifts=(DAY,)), Need.DELIVER, Rung.FOUNDER),
        (somebody(9, Role.FOUNDER, pauses=(DAY,)), Need.DELIVER, None),
        (somebody(9, Role.FOUNDER, reachable=False), Need.DELIVER, None),
    ],
)
def test_on_which_rung_somebody_stands(person: Person, need: Need, rung: Rung | None) -> None:
    assert rung_of(person, need, NOW) == rung


def clock_says(*, needs_buying: bool, can_be_bought: bool = False, can_be_carried: bool = False) -> Assessment:
    return Assessment(
        level=Level.AT_RISK,
        act_by=None,
        late_at=None,
        projected_at=None,
        clock=ClockName.NOBODY_AVAILABLE,
        message="",
        needs_buying=needs_buying,
        can_be_bought=can_be_bought,
        can_be_carried=can_be_carried,
        next_check_at=None,
        promised_by=NOW,
    )


@pytest.mark.parametrize(
    ("needs_buying", "can_be_carried", "need"),
    [
        (False, True, Need.DELIVER),
        (False, False, Need.DELIVER),
        (True, True, Need.PROCURE),
        (True, False, Need.PROCURE_AND_DELIVER),
    ],
)
def test_what_is_asked_for(needs_buying: bool, can_be_carried: bool, need: Need) -> None:
    said = clock_says(needs_buying=needs_buying, can_be_carried=can_be_carried)
    assert need_of(said, EVERYBODY, NOW) is need


@pytest.mark.parametrize(
    ("can_be_bought", "people", "need"),
    [
        (False, (somebody(SITA, Role.BUYER, on_call=True), somebody(RAVI, on_call=True), anand), Need.PROCURE),
        (True, (somebody(SITA, Role.BUYER, shifts=(DAY,)), somebody(RAVI, on_call=True), anand), Need.DELIVER),
        # Nobody but the founder could do the part that is missing.
        (False, (somebody(RAVI, on_call=True), anand), Need.PROCURE_AND_DELIVER),
        (True, (somebody(SITA, Role.BUYER, shifts=(DAY,)), anand), Need.PROCURE_AND_DELIVER),
        (False, (anand,), Need.PROCURE_AND_DELIVER),
        (False, (), Need.PROCURE_AND_DELIVER),
    ],
)
def test_the_founder_alone_is_not_asked_for_what_others_could_do_in_parts(
    can_be_bought: bool, people: tuple[Person, ...], need: Need
) -> None:
    assert need_of(clock_says(needs_buying=True, can_be_bought=can_be_bought), people, NOW) is need


# --- how fast --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "step"),
    [(60, 10), (30, 10), (24, 8), (9, 3), (6, 2), (4, 2)],
)
def test_a_step_is_a_share_of_what_is_left_within_bounds(left: int, step: int) -> None:
    """Two rungs are still to come, so that what is left is shared by three."""
    decision = decide(ladder(late_at=NOW + left * MINUTE), NOW)
    assert decision.next_step_at == NOW + step * MINUTE


def test_the_promise_ends_what_is_left_too() -> None:
    decision = decide(ladder(late_at=NOW + 60 * MINUTE, promised_by=NOW + 9 * MINUTE), NOW)
    assert decision.next_step_at == NOW + 3 * MINUTE


def test_without_a_last_instant_the_promise_counts() -> None:
    decision = decide(ladder(late_at=None, promised_by=NOW + 9 * MINUTE), NOW)
    assert decision.next_step_at == NOW + 3 * MINUTE


def test_everybody_at_once_when_the_steps_would_not_fit() -> None:
    decision = decide(ladder(late_at=NOW + 4 * MINUTE - timedelta(seconds=1)), NOW)
    assert ids(decision) == [RAVI, SITA, TARIQ, ANAND]
    assert [rung for _, rung in decision.ask] == [1, 1, 2, 4]
    # There is nobody above: they are asked again as soon as the policy allows.
    assert (decision.rung, decision.next_step_at) == (4, NOW + 2 * MINUTE)


def test_everybody_at_once_when_it_is_late() -> None:
    assert ids(decide(ladder(level=Level.LATE), NOW)) == [RAVI, SITA, TARIQ, ANAND]


def test_nothing_before_the_step_is_over_and_the_next_rung_then() -> None:
    asked = {"state": EscalationState.OPEN, "rung": 1, "pages": (page(RAVI), page(SITA))}
    waiting = ladder(**asked, next_step_at=NOW + timedelta(seconds=1))
    assert decide(waiting, NOW).ask == ()
    over = decide(ladder(**asked, next_step_at=NOW), NOW)
    assert over.ask == ((TARIQ, Rung.ON_CALL),)
    assert (over.rung, over.next_step_at) == (2, NOW + 10 * MINUTE)


def test_the_founder_is_the_last_rung() -> None:
    pages = (page(RAVI), page(SITA), page(TARIQ, rung=2))
    decision = decide(ladder(state=EscalationState.OPEN, rung=2, pages=pages, next_step_at=NOW), NOW)
    assert decision.ask == ((ANAND, Rung.FOUNDER),)
    assert decision.next_step_at == NOW + 10 * MINUTE


@pytest.mark.parametrize(("repeats", "pause"), [(0, 20), (1, 30), (2, 30), (50, 30)])
def test_the_founder_is_asked_again_ever_more_slowly(repeats: int, pause: int) -> None:
    founder = replace(page(ANAND, rung=4), repeats=repeats)
    pages = (page(RAVI), page(SITA), page(TARIQ, Answer.DECLINED, rung=2), founder)
    facts = ladder(state=EscalationState.OPEN, rung=4, pages=pages, next_step_at=NOW, late_at=NOW + 119 * MINUTE)
    decision = decide(facts, NOW)
    assert (decision.repeat, decision.ask) == ((ANAND,), ())
    assert decision.next_step_at == NOW + pause * MINUTE
    # Not before its time, and nothing more a second time.
    assert decide(facts, NOW - timedelta(seconds=1)).repeat == ()
    assert decide(replace(facts, next_step_at=decision.next_step_at), NOW).repeat == ()


def test_a_founder_who_pauses_is_asked_again_when_they_are_back() -> None:
    away = replace(anand, pauses=(Span(NOW - MINUTE, NOW + 25 * MINUTE),))
    asked = {"state": EscalationState.OPEN, "rung": 4, "pages": (page(RAVI, Answer.DECLINED), page(ANAND, rung=4))}
    decision = decide(ladder(people=(ravi, away), next_step_at=NOW, **asked), NOW)
    assert (decision.repeat, decision.next_step_at) == ((), NOW + 25 * MINUTE)
    back = NOW + 25 * MINUTE
    assert decide(ladder(people=(ravi, away), next_step_at=back, **asked), back).repeat == (ANAND,)


def test_whoever_has_left_the_shop_is_not_waited_for() -> None:
    asked = {"state": EscalationState.OPEN, "rung": 1, "next_step_at": NOW + 8 * MINUTE}
    gone = ladder(people=(tariq, anand), pages=(replace(page(RAVI), is_gone=True),), **asked)
    assert decide(gone, NOW).ask == ((TARIQ, Rung.ON_CALL),)


@pytest.mark.parametrize(("was_rung", "rung_now"), [(False, (ANAND,)), (True, ())])
@pytest.mark.parametrize("has_voice", [True, False])
def test_the_founder_is_asked_again_by_phone_and_by_text_in_turns(
    was_rung: bool, rung_now: tuple[int, ...], has_voice: bool
) -> None:
    pages = (page(RAVI, Answer.DECLINED), page(ANAND, rung=4))
    facts = ladder(state=EscalationState.OPEN, rung=4, people=(ravi, anand), pages=pages, next_step_at=NOW)
    if has_voice:
        facts = with_voice(facts, {RAVI: Reach(rings_at=NOW), ANAND: Reach(was_rung=was_rung)})
    decision = decide(facts, NOW)
    assert (decision.repeat, decision.ring) == ((ANAND,), rung_now if has_voice else ())


# How far Ravi's page has come, who is paused, and then: who is rung, and when the ladder looks next (in minutes).
REACHES = [
    (Reach(), ravi, (), 8),
    (Reach(rings_at=NOW), ravi, (RAVI,), 8),
    (Reach(rings_at=NOW - MINUTE), ravi, (RAVI,), 8),
    (Reach(rings_at=NOW + MINUTE), ravi, (), 1),
    (Reach(is_unsent=True), ravi, (), 1.5),
    (Reach(was_rung=True), ravi, (), 8),
    (Reach(rings_at=NOW), replace(ravi, reachable=False), (), 8),
]


@pytest.mark.parametrize(("reach", "person", "rung_now", "minutes"), REACHES)
def test_whoever_has_no_receipt_in_time_is_rung(
    reach: Reach, person: Person, rung_now: tuple[int, ...], minutes: float
) -> None:
    at = NOW + 8 * MINUTE
    facts = ladder(state=EscalationState.OPEN, rung=1, people=(person, anand), pages=(page(RAVI),), next_step_at=at)
    decision = decide(with_voice(facts, {RAVI: reach}), NOW)
    assert (decision.ring, decision.ask, decision.repeat) == (rung_now, (), ())
    assert decision.next_step_at == at
    assert min(decision.next_check_at or at, at) == NOW + minutes * MINUTE


def test_the_wait_for_a_receipt_is_never_longer_than_a_step() -> None:
    assert (ladder().silence, ladder(step_min=MINUTE).silence) == (1.5 * MINUTE, MINUTE)
    first = decide(with_voice(ladder(), {}), NOW)
    assert (first.ask[0][0], first.next_check_at) == (RAVI, NOW + 1.5 * MINUTE)


def test_when_texts_do_not_leave_everybody_up_to_the_founder_is_asked_at_once() -> None:
    at = NOW + 8 * MINUTE
    asked = ladder(state=EscalationState.OPEN, rung=1, pages=(page(RAVI), page(SITA)), next_step_at=at)
    held = Reach(rings_at=NOW - MINUTE, is_held=True)
    decision = decide(with_voice(asked, {RAVI: held, SITA: held}), NOW)
    assert (decision.ask, decision.rung) == (((TARIQ, Rung.ON_CALL), (ANAND, Rung.FOUNDER)), 4)
    assert decision.ring == (RAVI, SITA)
    # Once: the pauses go on as they were.
    everybody = (*asked.pages, page(TARIQ, rung=2), page(ANAND, rung=4))
    after = replace(asked, rung=4, pages=everybody, next_step_at=at)
    again = decide(
        with_voice(after, dict.fromkeys((RAVI, SITA, TARIQ, ANAND), Reach(is_held=True, was_rung=True))), NOW
    )
    assert (again.ask, again.ring, again.repeat, again.next_step_at) == ((), (), (), at)


def test_only_the_founder_is_asked_again() -> None:
    facts = ladder(state=EscalationState.OPEN, rung=1, people=(ravi,), pages=(page(RAVI),), next_step_at=NOW)
    assert decide(facts, NOW) == Decision(rung=1)


def test_nobody_is_asked_again_who_said_no() -> None:
    pages = (page(RAVI, Answer.DECLINED), page(ANAND, Answer.DECLINED, rung=4))
    facts = ladder(state=EscalationState.OPEN, rung=4, people=(ravi, anand), pages=pages, next_step_at=NOW)
    decision = decide(facts, NOW)
    assert (decision.repeat, decision.ask, decision.next_step_at) == ((), (), None)


def test_whoever_goes_the_same_way_is_asked_first_and_whoever_is_out_for_too_long_later() -> None:
    assert ids(decide(ladder(near=frozenset({SITA})), NOW)) == [SITA, RAVI]
    decision = decide(ladder(away=frozenset({RAVI})), NOW)
    assert decision.ask == ((SITA, Rung.AVAILABLE),)
    # Nobody better: then at once.
    assert decide(ladder(people=(ravi, anand), away=frozenset({RAVI})), NOW).ask == ((RAVI, Rung.ON_CALL),)


@pytest.mark.parametrize("answer", [Answer.DECLINED, Answer.UNREACHABLE, Answer.HANDED_BACK])
def test_when_all_who_were_asked_said_no_the_next_rung_is_asked_at_once(answer: Answer) -> None:
    pages = (page(RAVI, answer), page(SITA, Answer.DECLINED))
    decision = decide(ladder(state=EscalationState.OPEN, rung=1, pages=pages, next_step_at=NOW + 9 * MINUTE), NOW)
    assert decision.ask == ((TARIQ, Rung.ON_CALL),)
    assert decision.rung == 2


def test_one_who_can_still_say_yes_is_waited_for() -> None:
    pages = (page(RAVI, Answer.DECLINED), page(SITA))
    decision = decide(ladder(state=EscalationState.OPEN, rung=1, pages=pages, next_step_at=NOW + 9 * MINUTE), NOW)
    assert decision.ask == ()
    assert decision.next_step_at == NOW + 9 * MINUTE


def test_all_have_said_no_and_nobody_is_left() -> None:
    pages = tuple(page(person.id, Answer.DECLINED) for person in EVERYBODY)
    decision = decide(ladder(state=EscalationState.OPEN, rung=3, pages=pages), NOW)
    assert decision == Decision(rung=3)


# --- newcomers -------------------------------------------------------------------------------------------------------


def test_somebody_who_comes_later_is_asked_on_a_rung_that_was_passed() -> None:
    pages = (page(RAVI), page(TARIQ, rung=2))
    facts = ladder(state=EscalationState.OPEN, rung=2, pages=pages, next_step_at=NOW + 5 * MINUTE)
    decision = decide(facts, NOW)
    assert decision.ask == ((SITA, Rung.AVAILABLE),)
    assert (decision.rung, decision.next_step_at) == (2, NOW + 5 * MINUTE)


def test_the_next_arrival_is_waited_for() -> None:
    late = somebody(9, shifts=(Span(NOW + 25 * MINUTE, NOW + 90 * MINUTE),))
    buyer = somebody(8, Role.BUYER, shifts=(Span(NOW + 5 * MINUTE, NOW + 90 * MINUTE),))
    facts = ladder(people=(ravi, late, buyer), state=EscalationState.OPEN, rung=1, pages=(page(RAVI),))
    assert decide(facts, NOW).next_check_at == NOW + 25 * MINUTE
    assert ids(decide(facts, NOW + 25 * MINUTE)) == [9]


@pytest.mark.parametrize("who", [{"on_call": True}, {"role": Role.FOUNDER}])
def test_the_end_of_a_pause_is_waited_for(who: dict[str, Any]) -> None:
    back = somebody(9, who.get("role", Role.RIDER), on_call=who.get("on_call", False),
                    pauses=(Span(NOW - MINUTE, NOW + 7 * MINUTE),))  # fmt: skip
    facts = ladder(people=(back,))
    assert decide(facts, NOW).next_check_at == NOW + 7 * MINUTE
    assert ids(decide(facts, NOW + 7 * MINUTE)) == [9]


def test_a_rung_that_appears_above_gets_its_step() -> None:
    facts = ladder(people=(ravi, tariq), state=EscalationState.OPEN, rung=1, pages=(page(RAVI),), next_step_at=None)
    decision = decide(facts, NOW)
    assert decision.ask == ()
    assert decision.next_step_at == NOW + 10 * MINUTE


# --- how it ends -----------------------------------------------------------------------------------------------------


def test_it_is_unanswered_just_past_the_promise() -> None:
    facts = ladder(state=EscalationState.OPEN, level=Level.LATE, rung=3, pages=(page(RAVI), page(SITA)),
                   people=(ravi, sita), promised_by=NOW)  # fmt: skip
    assert decide(facts, NOW).ends is None
    assert decide(facts, NOW + timedelta(seconds=1)).ends is EscalationState.UNANSWERED


def test_unanswered_it_stays_so_past_the_promise() -> None:
    facts = ladder(state=EscalationState.UNANSWERED, level=Level.LATE, rung=3, promised_by=NOW - MINUTE)
    assert decide(facts, NOW) == Decision(rung=3)


@pytest.mark.parametrize("state", [None, EscalationState.OPEN])
def test_past_the_promise_everybody_is_asked_once_and_the_next_look_ends_it(state: EscalationState | None) -> None:
    """An order first seen past its promise, or handed back then."""
    facts = ladder(state=state, level=Level.LATE, promised_by=NOW - MINUTE, late_at=None)
    decision = decide(facts, NOW)
    assert ids(decision) == [RAVI, SITA, TARIQ, ANAND]
    assert (decision.opens, decision.ends, decision.next_check_at) == (state is None, None, NOW)
    pages = tuple(page(person.id) for person in EVERYBODY)
    over = decide(replace(facts, state=EscalationState.OPEN, rung=decision.rung, pages=pages), NOW)
    assert over.ends is EscalationState.UNANSWERED


def test_past_the_promise_and_nobody_to_ask() -> None:
    facts = ladder(level=Level.LATE, promised_by=NOW - MINUTE, people=())
    assert decide(facts, NOW).opens
    assert decide(replace(facts, state=EscalationState.OPEN), NOW).ends is EscalationState.UNANSWERED


TAKEN: dict[str, Any] = {
    "state": EscalationState.ACCEPTED,
    "rung": 1,
    "pages": (page(RAVI, Answer.ACCEPTED), page(SITA, Answer.LOST), page(TARIQ, Answer.DECLINED, rung=2)),
    "taker_id": RAVI,
    "grace": 5 * MINUTE,
}


def test_whoever_accepted_is_reminded_once_and_then_others_are_asked_beside_them() -> None:
    before = decide(ladder(**TAKEN, check_in_at=NOW + MINUTE), NOW)
    assert before == Decision(rung=1, next_check_at=NOW + MINUTE)
    reminding = decide(ladder(**TAKEN, check_in_at=NOW), NOW)
    assert reminding == Decision(rung=1, reminds=True, next_check_at=NOW + 5 * MINUTE)
    waiting = decide(ladder(**TAKEN, check_in_at=NOW - 4 * MINUTE, reminded_at=NOW - 4 * MINUTE), NOW)
    assert waiting == Decision(rung=1, next_check_at=NOW + MINUTE)
    on = decide(ladder(**TAKEN, check_in_at=NOW - 5 * MINUTE, reminded_at=NOW - 5 * MINUTE), NOW)
    # Sita was only stood down; Tariq said no, and Ravi has it.
    assert (on.goes_on, on.ask, on.ends) == (True, ((SITA, Rung.AVAILABLE),), None)


def test_beside_a_quiet_taker_the_ladder_climbs_as_ever() -> None:
    quiet = {**TAKEN, "check_in_at": NOW - 9 * MINUTE, "reminded_at": NOW - 9 * MINUTE, "is_beside": True}
    facts = ladder(**{**quiet, "pages": (page(SITA), page(TARIQ, Answer.DECLINED, rung=2))}, next_step_at=NOW)
    decision = decide(facts, NOW)
    assert (decision.goes_on, decision.ask) == (False, ((ANAND, Rung.FOUNDER),))
    assert decide(replace(facts, promised_by=NOW - MINUTE), NOW) == Decision(rung=1)


def test_nobody_on_the_way_is_reminded() -> None:
    facts = ladder(state=EscalationState.ACCEPTED, status=Status.OUT_FOR_DELIVERY, check_in_at=NOW - MINUTE)
    assert not decide(facts, NOW).reminds


def test_it_ends_when_what_was_asked_for_is_done() -> None:
    facts = ladder(state=EscalationState.ACCEPTED, is_need_met=True, check_in_at=NOW)
    assert decide(facts, NOW).ends is EscalationState.RESOLVED


def test_nobody_else_is_asked_while_somebody_has_it() -> None:
    facts = ladder(state=EscalationState.ACCEPTED, level=Level.LATE, pages=(page(RAVI, Answer.ACCEPTED),))
    assert decide(facts, NOW).ask == ()


def test_deciding_twice_changes_nothing() -> None:
    first = decide(ladder(), NOW)
    pages = tuple(page(staff_id, rung=int(rung)) for staff_id, rung in first.ask)
    again = decide(
        ladder(state=EscalationState.OPEN, rung=first.rung, next_step_at=first.next_step_at, pages=pages), NOW
    )
    assert (again.opens, again.ask, again.rung, again.next_step_at) == (False, (), first.rung, first.next_step_at)
