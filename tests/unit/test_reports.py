"""What became of a promise, why it was broken, which days a report covers, and the founder's text: tables of cases."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from dispatch.messaging.wording import segments
from dispatch.promise.rules import ClockName
from dispatch.recovery.rules import Fault
from dispatch.reports.rules import Days, Known, Outcome, Span, Where, Why, cause_of, days_of, outcome_of, where_at
from dispatch.reports.wording import WHY, Morning, morning

AT = datetime(2026, 11, 23, 19, tzinfo=UTC)
HOUR = timedelta(hours=1)
LINK = "https://shop.example/reports"


@pytest.mark.parametrize(
    ("last", "delivered", "closed", "now", "became"),
    [
        (AT, AT, AT, AT + HOUR, Outcome.KEPT),
        (AT, AT + HOUR, AT + HOUR, AT + HOUR, Outcome.BROKEN),
        (AT + HOUR, AT + HOUR, AT + HOUR, AT + HOUR, Outcome.REPROMISED),
        (AT + HOUR, AT + 2 * HOUR, AT + 2 * HOUR, AT + 3 * HOUR, Outcome.BROKEN),
        # Promised again for an earlier hour: the first promise counts.
        (AT - HOUR, AT, AT, AT, Outcome.KEPT),
        (AT, None, None, AT, Outcome.OPEN),
        (AT + HOUR, None, None, AT + timedelta(seconds=1), Outcome.BROKEN),
        (AT, None, AT, AT + HOUR, None),
        (AT, None, AT + HOUR, AT + HOUR, Outcome.BROKEN),
    ],
)
def test_outcomes(
    last: datetime, delivered: datetime | None, closed: datetime | None, now: datetime, became: Outcome | None
) -> None:
    assert outcome_of(AT, last, delivered_at=delivered, closed_at=closed, now=now) is became


UNSEEN = AT + 2 * HOUR


@pytest.mark.parametrize(
    ("goods", "packed", "left", "where"),
    [
        (None, None, None, Where.BUYING),
        (AT + HOUR, None, None, Where.BUYING),
        (AT, None, None, Where.PACKING),
        (AT, AT + HOUR, None, Where.PACKING),
        (AT - HOUR, AT, None, Where.READY),
        (AT - HOUR, AT, AT + HOUR, Where.READY),
        (AT - HOUR, AT - HOUR, AT, Where.ON_THE_WAY),
        # Filled in when it was delivered: nobody knows when it happened.
        (UNSEEN, UNSEEN, UNSEEN, None),
        (AT - HOUR, UNSEEN, UNSEEN, None),
        (AT - HOUR, AT - HOUR, UNSEEN, None),
        (AT + HOUR, UNSEEN, UNSEEN, Where.BUYING),
    ],
)
def test_where_it_was(
    goods: datetime | None, packed: datetime | None, left: datetime | None, where: Where | None
) -> None:
    unseen = UNSEEN if left == UNSEEN else None
    assert where_at(AT, goods_at=goods, packed_at=packed, left_at=left, unseen_at=unseen) is where


@pytest.mark.parametrize(
    ("known", "why"),
    [
        (Known(where=Where.READY, fault=Fault.CUSTOMER, events=("attempt_failed",)), Why.CUSTOMER),
        (Known(where=Where.PACKING, fault=Fault.SUPPLIER), Why.SHOP_FAILED),
        (Known(where=None, fault=Fault.NOBODY), Why.NOBODYS_FAULT),
        # That it was ours says nothing of how.
        (Known(where=Where.PACKING, fault=Fault.OURS), Why.PACKING),
        (Known(where=Where.READY, events=("attempt_failed",), called=0.0), Why.DOOR),
        (Known(where=Where.BUYING, events=("line_unavailable",), called=0.0), Why.TOO_TIGHT),
        (Known(where=Where.BUYING, events=("line_unavailable",), called=0.5), Why.NOT_TO_BE_HAD),
        # What was missing first and found in time was not the reason.
        (Known(where=Where.ON_THE_WAY, events=("line_unavailable",)), Why.WAY),
        (Known(where=Where.BUYING, events=("line_lost",)), Why.SHELF),
        (Known(where=Where.BUYING, events=("line_kept_no_longer",)), Why.SHOP_FAILED),
        (Known(where=Where.BUYING, events=("call_closed",)), Why.SHOP_FAILED),
        (Known(where=Where.BUYING, events=("line_reserved", "call_no")), Why.SHOP_FAILED),
        (Known(where=Where.BUYING, events=("call_no", "line_reserved")), Why.BUYING),
        (Known(where=Where.BUYING, clock=ClockName.SUPPLIER_CLOSING), Why.SHOP_CLOSED),
        (Known(where=Where.BUYING, events=("unanswered",)), Why.NOBODY_TO_BUY),
        (Known(where=Where.BUYING, clock=ClockName.SHIFT_END), Why.NOBODY_TO_BUY),
        (Known(where=Where.BUYING, events=("accepted", "taker_quiet")), Why.TAKER_QUIET),
        (Known(where=Where.BUYING), Why.BUYING),
        (Known(where=Where.PACKING, clock=ClockName.NOBODY_AVAILABLE), Why.PACKING),
        (Known(where=Where.READY, events=("accepted", "handed_back", "unanswered")), Why.TAKER_QUIET),
        (Known(where=Where.READY, events=("accepted", "handed_back", "accepted")), Why.LEFT_LATE),
        (Known(where=Where.READY, events=("taker_quiet", "taker_heard")), Why.LEFT_LATE),
        (Known(where=Where.READY, events=("unanswered",)), Why.NOBODY_TO_CARRY),
        (Known(where=Where.READY, clock=ClockName.NOBODY_AVAILABLE), Why.NOBODY_TO_CARRY),
        (Known(where=Where.READY), Why.LEFT_LATE),
        (Known(where=Where.ON_THE_WAY, clock=ClockName.SHIFT_END), Why.WAY),
        (Known(where=None, events=("unanswered",)), Why.NOBODY_TO_CARRY),
        (Known(where=None), Why.NOT_KNOWN),
    ],
)
def test_causes(known: Known, why: Why) -> None:
    assert cause_of(known) is why


def test_every_cause_has_words_of_its_own() -> None:
    assert set(WHY) == set(Why)
    assert len(set(WHY.values())) == len(Why)


@pytest.mark.parametrize(
    ("span", "on", "first", "last"),
    [
        (Span.DAY, date(2026, 2, 28), date(2026, 2, 28), date(2026, 2, 28)),
        (Span.WEEK, date(2026, 11, 29), date(2026, 11, 23), date(2026, 11, 29)),
        (Span.WEEK, date(2026, 1, 1), date(2025, 12, 29), date(2026, 1, 4)),
        (Span.MONTH, date(2026, 12, 31), date(2026, 12, 1), date(2026, 12, 31)),
        (Span.MONTH, date(2028, 2, 1), date(2028, 2, 1), date(2028, 2, 29)),
    ],
)
def test_days(span: Span, on: date, first: date, last: date) -> None:
    days = days_of(span, on)
    assert (days.first, days.last) == (first, last)
    assert [*days.each()][-1] == last


def test_days_of_a_week() -> None:
    assert len(Days(date(2026, 11, 23), date(2026, 11, 29)).each()) == 7


def told(total: int, broken: list[tuple[str, str]], **more: object) -> Morning:
    given = {"shop": "Kala Books", "since": "Yesterday", "repromised": 0, "open_today": 0, "link": LINK, **more}
    return Morning(total=total, kept=total - len(broken), broken=broken, **given)


def test_the_morning_text() -> None:
    one = told(12, [("K7Q2", WHY[Why.NOBODY_TO_CARRY])], repromised=1, open_today=3)
    assert morning(one) == (
        "Kala Books. Yesterday: 12 promises, 11 kept. Broken: K7Q2 (nobody to carry it). "
        f"1 of them kept as promised again. Today: 3 open. {LINK}"
    )
    assert morning(told(1, [])) == f"Kala Books. Yesterday: 1 promise, all kept. {LINK}"


@pytest.mark.parametrize("shop", ["Kala Books", "कला पुस्तक भंडार", "x" * 200])
@pytest.mark.parametrize("count", [0, 1, 9, 300])
def test_the_morning_text_is_two_segments_at_most_and_its_link_whole(shop: str, count: int) -> None:
    broken = [(f"K7Q{number}", WHY[Why.TAKER_QUIET]) for number in range(count)]
    text = morning(told(400, broken, shop=shop, since="Since Sat 21 Nov", repromised=count, open_today=99))
    assert segments(text).count <= 2
    assert text.endswith(f" {LINK}")
    assert f"{400 - count} kept" in text or not count
