"""What the screens say: every state has a word, times are those of the place."""

from __future__ import annotations

import enum
from datetime import UTC, datetime, timedelta

import pytest

from dispatch.escalation.rules import Answer, EscalationState, Need
from dispatch.foundation.errors import FieldError, Invalid
from dispatch.messaging.rules import Kind, TextState
from dispatch.orders.rules import PROCUREMENT, Move, Proof, Sourcing, Status, Substitution
from dispatch.promise.rules import Level, Verdict
from dispatch.staff.rules import Role
from dispatch.web import intake, order_view, words
from dispatch.web.acts import NEXT_NEWS, Carrier, next_act
from dispatch.web.forms import Complaints, local_field, local_instant, number

NOW = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)
HERE = "Asia/Kolkata"


@pytest.mark.parametrize(
    ("table", "kind"),
    [
        (words.LEVELS, Level),
        (words.STATUSES, Status),
        (words.MOVES, Move),
        (words.DONE, Move),
        (words.SOURCINGS, Sourcing),
        (words.SUBSTITUTIONS, Substitution),
        (words.PROOFS, Proof),
        (words.NEEDS, Need),
        (words.ESCALATIONS, EscalationState),
        (words.ANSWERS, Answer),
        (words.TEXT_STATES, TextState),
        (words.ROLES, Role),
        (order_view.KINDS, Kind),
        (intake.VERDICTS, Verdict),
    ],
)
def test_every_value_has_a_word(table: dict[enum.StrEnum, str], kind: type[enum.StrEnum]) -> None:
    assert set(table) == set(kind)


def test_what_can_be_said_of_a_line_is_what_may_follow() -> None:
    assert set(words.NEWS) == set().union(*PROCUREMENT.values())
    assert all(state in PROCUREMENT[before] for before, state in NEXT_NEWS.items())


@pytest.mark.parametrize(
    ("slack", "promise_in", "said"),
    [
        (12, 60, "12 min left"),
        (0, 60, "0 min left"),
        (-9, 60, "9 min behind"),
        (125, 300, "2 h 05 min left"),
        (3000, 5000, "2 days left"),
        (1500, 5000, "1 day left"),
        (None, 60, "no way yet"),
        (-70, -5, "late by 5 min"),
        (None, -5, "late by 5 min"),
    ],
)
def test_slack_in_words(slack: int | None, promise_in: int, said: str) -> None:
    assert words.slack_words(slack, promised_by=NOW + timedelta(minutes=promise_in), now=NOW) == said


def test_the_bar_stays_in_its_frame() -> None:
    assert [words.bar_width(slack) for slack in (None, -50, 0, 60, 120, 9999)] == [0, 0, 0, 50, 100, 100]


@pytest.mark.parametrize(
    ("hours", "said"),
    [(6, "today 20:00"), (10, "tomorrow 00:00"), (-15, "yesterday 23:00"), (48, "Thu 26 Nov 14:00")],
)
def test_when_is_said_in_the_time_of_the_place(hours: int, said: str) -> None:
    assert words.when_words(NOW + timedelta(hours=hours), HERE, now=NOW) == said


def test_typed_times_are_those_of_the_place() -> None:
    at = local_instant("2026-11-24T20:00", HERE, field="when")
    assert at == datetime(2026, 11, 24, 14, 30, tzinfo=UTC)
    assert local_field(at, HERE) == "2026-11-24T20:00"
    assert local_field(None, HERE) == ""


@pytest.mark.parametrize("text", ["x", "-1", "1.5", "²", "9999999999"])
def test_numbers_are_whole(text: str) -> None:
    with pytest.raises(Invalid):
        number(text, field="quantity")


def test_complaints_are_sorted_like_the_form_and_none_is_lost() -> None:
    errors = [FieldError("b", "is wrong"), FieldError("a.text", "is empty: write it"), FieldError("c_d", "is odd")]
    found = Complaints.of([*errors, FieldError("b", "again")], ["a", "b"], {"a.text": "a"})
    assert dict(found) == {"a": "This is empty: write it.", "b": "This is wrong."}
    assert list(found) == ["a", "b"]
    assert found.first == "a"
    assert found.other == ["C d is odd"]


def order(status: Status, *lines: Sourcing, proof: Proof = Proof.NONE) -> dict[str, object]:
    shown = [{"id": str(n), "title": f"Book {n}", "sourcing": state.value} for n, state in enumerate(lines)]
    address = {"text": "12 Lake Road"}
    return {"ref": "K7Q2", "status": status.value, "proof": proof.value, "lines": shown, "address": address}


RAVI = Carrier(id="1", name="Ravi Kumar", short="Ravi", state="here", is_here=True)
MEENA = Carrier(id="2", name="Meena Iyer", short="Meena", state="not here", is_here=False)


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("is_board", [True, False])
def test_every_status_has_its_next_move_or_is_closed(status: Status, is_board: bool) -> None:
    act = next_act(order(status, Sourcing.TO_PROCURE), [RAVI, MEENA], is_board=is_board)
    assert (act is None) == (status in {Status.DELIVERED, Status.CANCELLED})


def test_what_waits_for_who_collects_it_is_handed_to_nobody_else() -> None:
    waits = {**order(Status.READY), "address": {"text": "Arjun collects it at Kala Books"}}
    act = next_act(waits, [RAVI], is_board=True)
    assert act is not None
    assert (act.label, act.fields, act.people) == ("Mark collected", {"move": "deliver"}, ())


def test_what_is_not_one_tap_leads_to_the_order() -> None:
    two = order(Status.PROCURING, Sourcing.SEARCHING, Sourcing.TO_PROCURE, Sourcing.IN_STOCK)
    act = next_act(two, [], is_board=True)
    assert act is not None
    assert (act.label, act.is_link) == ("2 things to buy", True)
    act = next_act(two, [], is_board=False)
    assert act is not None
    assert (act.label, act.fields) == ("Mark bought: Book 0", {"state": "bought"})
    for shown in (order(Status.OUT_FOR_DELIVERY, proof=Proof.PIN), order(Status.READY)):
        act = next_act(shown, [MEENA], is_board=True)
        assert act is not None
        assert act.is_link


def test_on_the_board_only_those_who_are_here_are_offered() -> None:
    shown = order(Status.READY)
    on_board, on_page = (next_act(shown, [RAVI, MEENA], is_board=is_board) for is_board in (True, False))
    assert on_board is not None
    assert on_page is not None
    assert on_board.people == (RAVI,)
    assert on_page.people == (RAVI, MEENA)
