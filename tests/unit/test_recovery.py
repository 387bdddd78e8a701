"""Recoveries: every stage with everything that can happen, what is due when, goodwill, and what customers read."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dispatch.messaging.phrase_rules import Language
from dispatch.messaging.wording import segments
from dispatch.recovery import wording
from dispatch.recovery.rules import (
    ACTS,
    GOODWILL,
    LIVE,
    NEXT,
    Cause,
    Fact,
    Fault,
    Size,
    Stage,
    State,
    Step,
    allowed_steps,
    awake,
    next_stage,
    next_step_at,
    night_after,
    size_of,
    state_of,
    suggestions,
)
from dispatch.recovery.wording import Told

NOW = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
LINK = "https://dispatch.some-bookshop.example/t?k=123456-abcdefghijklmnop"
OP, FF, E, FO, F = Stage.OPENED, Stage.FIXED_FIRST, Stage.EMPATHISED, Stage.FIX_OFFERED, Stage.FIXED
C, U, A = Stage.CONFIRMED, Stage.UNCONFIRMED, Stage.AVERTED
# Each stage, and where everything leads in this order: empathise, offer_fix, fixed, confirm, reopen; delivered,
# lapsed, safe, lost. None: a step is refused, a fact changes nothing.
TABLE = {
    OP: (E, None, None, None, None, FF, None, A, None),
    FF: (F, None, None, None, None, None, None, None, None),
    E: (None, FO, F, None, None, F, U, None, OP),
    FO: (None, FO, F, None, E, F, U, None, OP),
    F: (None, None, None, C, E, None, U, None, FF),
    C: (None, None, None, None, E, None, None, None, None),
    U: (None, None, None, C, E, None, None, None, None),
    A: (None,) * 9,
}


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize(("column", "what"), list(enumerate([*Step, *Fact])))
def test_every_stage_and_everything_that_can_happen(stage: Stage, column: int, what: Step | Fact) -> None:
    assert next_stage(stage, what) is TABLE[stage][column]


def test_nothing_but_sorry_comes_first_and_it_is_said_once() -> None:
    for stage in (OP, FF):
        assert allowed_steps(stage) == [Step.EMPATHISE]
    for stage, what in NEXT:
        assert what is not Step.EMPATHISE or stage in (OP, FF)


def test_what_is_closed_is_on_nobody_s_list() -> None:
    assert {stage: state_of(stage) for stage in Stage} == {
        stage: State.OPEN if stage in LIVE else State.CLOSED for stage in Stage
    }
    assert set(Stage) - set(LIVE) == {C, U, A}


GRACE = timedelta(minutes=10)


@pytest.mark.parametrize(
    ("stage", "fix_by", "after"),
    [
        (OP, None, GRACE),
        (FF, None, GRACE),
        (E, None, timedelta(hours=48, seconds=1)),
        (FO, NOW + timedelta(hours=1), timedelta(hours=1, seconds=1)),
        (FO, None, timedelta(hours=48, seconds=1)),
        (F, None, timedelta(hours=48, seconds=1)),
        (C, None, None),
        (U, None, None),
        (A, None, None),
    ],
)
def test_what_happens_by_itself_and_when(stage: Stage, fix_by: datetime | None, after: timedelta | None) -> None:
    assert next_step_at(stage, NOW, grace=GRACE, fix_by=fix_by) == (None if after is None else NOW + after)


@pytest.mark.parametrize(
    ("at", "then"),
    [
        # Half past is 5:30 ahead there.
        ("2026-11-24T03:29", "2026-11-24T03:30"),
        ("2026-11-24T03:30", "2026-11-24T03:30"),
        ("2026-11-24T15:29", "2026-11-24T15:29"),
        ("2026-11-24T15:30", "2026-11-25T03:30"),
        ("2026-11-24T20:00", "2026-11-25T03:30"),
    ],
)
def test_nobody_is_woken(at: str, then: str) -> None:
    instant, expected = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (at, then))
    assert awake(instant, "Asia/Kolkata") == expected
    assert night_after(expected, "Asia/Kolkata") == expected.replace(hour=15, minute=30)


def test_goodwill_grows_with_the_harm_and_is_never_asked_of_the_customer() -> None:
    minutes = [(m, size_of(Cause.BROKEN, late=timedelta(minutes=m), earlier=0)) for m in (1, 29, 30, 179, 180)]
    assert [size for _, size in minutes] == [Size.SMALL, Size.SMALL, Size.MEDIUM, Size.MEDIUM, Size.LARGE]
    assert size_of(Cause.BROKEN, late=None, earlier=0) is Size.LARGE
    assert size_of(Cause.COMPLAINT, late=timedelta(0), earlier=0) is Size.MEDIUM
    # Whom we failed before is worth more.
    assert size_of(Cause.BROKEN, late=timedelta(minutes=1), earlier=2) is Size.MEDIUM
    assert size_of(Cause.BROKEN, late=None, earlier=2) is Size.LARGE
    assert {fault: set(sizes) for fault, sizes in GOODWILL.items()} == {fault: set(Size) for fault in Fault}
    assert suggestions(None, Size.SMALL) == suggestions(Fault.OURS, Size.SMALL)
    assert suggestions(Fault.CUSTOMER, Size.SMALL) == ()


@pytest.mark.parametrize(
    "idea", sorted({idea for sizes in GOODWILL.values() for ideas in sizes.values() for idea in ideas})
)
def test_what_we_suggest_to_give_is_said_to_the_customer_and_a_call_is_made(idea: str) -> None:
    assert not re.search(r"\b(they|their|them)\b", idea)
    given = told(by="21:00", goodwill=idea)
    english, hindi = wording.fix(given).ours(), wording.fix(given, Language.HI).ours(Language.HI)
    is_gift = idea not in ACTS
    assert (f"And from us: {idea}." in english, "हमारी ओर से: " in hindi) == (is_gift, is_gift)
    assert "call" not in english
    assert idea not in hindi
    assert (segments(english).count, segments(hindi).count <= 2) == (1, True)


# --- what they read --------------------------------------------------------------------------------------------------


def told(**changes: Any) -> Told:
    given: dict[str, Any] = {
        "shop": "Kala Books",
        "name": "Arjun",
        "what": "Physics 2",
        "promised": "19:30",
        "link": LINK,
        "cause": Cause.BROKEN,
        "reason": "exam tomorrow",
        "signed": "Anand",
    }
    return Told(**{**given, **changes})


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {},
            "Hello Arjun, "
            "we promised you Physics 2 by 19:30, and it is not with you. You had told us what it is for: exam "
            "tomorrow. We are sorry that we let you down. Anand, Kala Books",
        ),
        (
            {"came": "20:10", "reason": ""},
            "Hello Arjun, "
            "we promised you Physics 2 by 19:30, and it came only at 20:10. You were counting on it. We are "
            "sorry that we let you down. Anand, Kala Books",
        ),
        (
            {"cause": Cause.LATE, "signed": "", "reason": "my son's birthday!"},
            "Hello Arjun, "
            "we promised you Physics 2 by 19:30, and we will not make it. You had told us what it is for: my "
            "son's birthday! We are sorry that we let you down. Kala Books",
        ),
        (
            {"cause": Cause.COMPLAINT, "wrong": "the cover is torn"},
            "Hello Arjun, "
            "something went wrong with your order: the cover is torn. You had told us what it is for: exam "
            "tomorrow. We are sorry that we let you down. Anand, Kala Books",
        ),
    ],
    ids=["not there", "came late", "will be late", "complaint"],
)
def test_the_apology_names_what_it_does_to_them_and_who_says_so(changes: dict[str, Any], text: str) -> None:
    assert wording.apology(told(**changes)).ours() == text


def test_no_fix_and_no_gift_in_the_apology_and_nothing_that_nobody_can_keep() -> None:
    text = wording.apology(told(by="21:00", goodwill="no charge for the delivery")).ours()
    for word in ("21:00", "charge", "again", "never", LINK):
        assert word not in text


def test_the_fix_has_a_time() -> None:
    assert wording.fix(told(by="21:00", goodwill="no charge")).ours() == (
        "Hello Arjun, you will have Physics 2 by 21:00. And from us: no charge. Anand, Kala Books"
    )
    assert (
        wording.fix(told(by="21:00", cause=Cause.COMPLAINT)).ours()
        == "Hello Arjun, we put it right by 21:00. Anand, Kala Books"
    )
    assert wording.own_fix(told(by="21:00"), "Sita brings a new one") == "Sita brings a new one. By 21:00."
    assert wording.own_fix(told(by="21:00"), "A new one by 21:00!") == "A new one by 21:00!"


def test_the_question_asks_one_thing() -> None:
    assert wording.question(told()).ours() == (
        f"Hello Arjun. Is everything good now? Reply YES, or NO and what is missing: {LINK} Kala Books"
    )
    assert "Reply" not in wording.question(told(takes_replies=False)).ours()
    assert (
        wording.question(told(), "The new one is at your door")
        .ours()
        .startswith("Hello Arjun. The new one is at your door. Is")
    )


def test_how_was_it() -> None:
    assert (
        wording.survey(told()).ours()
        == "Hello Arjun, how was it with Kala Books? Reply in your own words, we read every one."
    )
    assert LINK in wording.survey(told(takes_replies=False)).ours()


MONSTERS = {"huge": "A very long title of a book " * 30, "hindi": "भौतिकी की किताब " * 30, "unbroken": "x" * 900}


@pytest.mark.parametrize("monster", MONSTERS.values(), ids=MONSTERS)
@pytest.mark.parametrize("field", ["what", "name", "shop", "signed", "reason", "wrong", "goodwill"])
@pytest.mark.parametrize("make", [wording.apology, wording.fix, wording.question, wording.survey])
def test_every_text_fits(make: Any, monster: str, field: str) -> None:
    for cause in Cause:
        text = make(told(cause=cause, by="21:00", **{field: monster})).ours()
        assert segments(text).count <= 2, text
        assert make is not wording.question or LINK in text


@pytest.mark.parametrize(
    ("text", "is_refused"),
    [
        ("We are so sorry, it won't happen again.", True),
        ("We are so sorry, it will not happen again", True),
        ("I promise this won’t ever happen again!", True),
        ("Never again will we be late", True),
        ("This was the last time this happens", True),
        ("हमें खेद है। ऐसा फिर कभी नहीं होगा।", True),
        ("हमें खेद है कि आपकी शाम खराब हुई।", False),
        ("We are sorry that your exam evening was spoilt.", False),
        ("We will not make you wait again tonight without a word.", False),
        ("Sorry!", False),
        ("... 1 !", True),
    ],
)
def test_people_s_own_apology_is_read_over(text: str, is_refused: bool) -> None:
    assert (wording.complaint_about(text, Step.EMPATHISE) is not None) is is_refused
