"""Who may have a missing line, and whom to ring first: chances, ways and closing times; pure.

The chance that a shop has a thing is learned from what it answered, from the general to the particular: what it had of
all we asked for, then of things of this kind, then of this very thing. Each step is the mean of a Beta distribution
that starts from the step before, worth a few pseudo-answers: (k * before + had) / (k + had + had not). Little was
heard: little changes. An answer counts half after 60 days and not at all after a year.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ..foundation.hours import Span


class Outcome(enum.StrEnum):
    """What a supplier said of one line, or that nobody said anything."""

    HAS_IT = "has_it"
    NO = "no"
    CLOSED = "closed"
    NO_ANSWER = "no_answer"
    BOUGHT = "bought"


class Scope(enum.IntEnum):
    """How near to the thing an answer is; each answer counts at one scope only, the nearest."""

    SHOP = 0
    KIND = 1
    ITEM = 2


class Why(enum.StrEnum):
    """What put a shop in its place on the list."""

    KEEPS = "keeps"
    SAID_NO = "said_no"
    FOUND_CLOSED = "found_closed"
    SHUT = "shut"
    CLOSES_FIRST = "closes_first"
    TOO_FAR = "too_far"
    NO_ANSWER = "no_answer"
    HAD_IT = "had_it"
    LEARNED = "learned"
    TIED = "tied"
    UNTRIED = "untried"


HAD = frozenset({Outcome.HAS_IT, Outcome.BOUGHT})
# What says something about the goods; a closed door and a silent telephone don't.
TELLING = HAD | {Outcome.NO}
HALF_LIFE = timedelta(days=60)
WEIGHT_STEP = timedelta(days=30)
LONGEST_MEMORY = timedelta(days=360)
# Before anybody was asked: a shop that is tied to the item, and any other shop of the list.
TIED_PRIOR, OTHER_PRIOR = 0.6, 0.15
PSEUDO_ANSWERS = {Scope.SHOP: 8.0, Scope.KIND: 4.0, Scope.ITEM: 2.0}
# Hours are right nineteen times in twenty until somebody finds the door closed.
HOURS_PRIOR, HOURS_PSEUDO = 0.95, 20.0
# Whoever didn't pick up just now hardly does at once.
SILENT_FOR, SILENT_FACTOR = timedelta(minutes=30), 0.5
LETTERS = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Answers at one scope. `yes` and `no` are weighed by age, `n_yes` of `n` are plain counts."""

    yes: float = 0.0
    no: float = 0.0
    n_yes: int = 0
    n: int = 0


NOTHING = Tally()


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one shop was heard to say of the thing. `is_mine`: asked for this very line."""

    outcome: Outcome
    at: datetime
    is_mine: bool = True
    kept_until: datetime | None = None
    is_open_by_hours: bool = True


@dataclass(frozen=True, kw_only=True)
class Shop:
    """One shop as the list sees it. `stay_minutes`: finding and buying; `answers` oldest first; `door`: hours kept or
    not; `is_keeping`: the line is put aside there, until `kept_until` if that was said. `stretch`: how much longer an
    errand there takes than these minutes say, as learned."""

    id: int
    name: str
    open: tuple[Span, ...]
    way_minutes: int | None = None
    stay_minutes: int = 90
    is_tied: bool = False
    tallies: Mapping[Scope, Tally] = field(default_factory=dict)
    door: Tally = NOTHING
    answers: tuple[Answer, ...] = ()
    is_keeping: bool = False
    kept_until: datetime | None = None
    stretch: float = 1.0

    @property
    def way(self) -> timedelta:
        """The way there."""
        return timedelta(seconds=round((self.way_minutes or 0) * self.stretch * 60))

    @property
    def stay(self) -> timedelta:
        """Finding and buying; what is put aside is only collected."""
        return timedelta(seconds=round(self.stay_minutes * (1 if self.is_keeping else self.stretch) * 60))


@dataclass(frozen=True, kw_only=True)
class Need:
    """When the goods must be here, at the latest (`home_by`), and what the clock says of the order (`act_by`, None
    where it says nothing about setting out). `midnight` began the day in the shop; hours are known up to `horizon`."""

    now: datetime
    midnight: datetime
    horizon: datetime
    home_by: datetime
    act_by: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """A shop in its place. `leave_by` is the last instant to set out for it; None when there is none, or no hurry."""

    shop: Shop
    chance: float
    is_open: bool
    open_until: datetime | None
    opens_at: datetime | None
    leave_by: datetime | None
    is_reachable: bool
    last: Answer | None
    why: Why


def kind_of(sku: str | None) -> str | None:
    """The kind of thing a number stands for, in small letters: what comes before its first dash, else the letters it
    begins with ("physics-2" and "PHYS102" are like others of their sort). None for numbers without letters (ISBN)."""
    head, dash, _ = (sku or "").strip().lower().partition("-")
    if dash and LETTERS.search(head):
        return head
    letters = LETTERS.match(head)
    return letters.group() if letters else None


def weight_steps() -> list[tuple[timedelta, float]]:
    """(younger than, what an answer of that age counts), youngest first; the same for the database and for us."""
    count = LONGEST_MEMORY // WEIGHT_STEP
    return [((n + 1) * WEIGHT_STEP, 0.5 ** (n * WEIGHT_STEP / HALF_LIFE)) for n in range(count)]


def chance_of(tallies: Mapping[Scope, Tally], *, is_tied: bool) -> float:
    """The chance that a shop has the thing, above 0 and below 1."""
    mean = TIED_PRIOR if is_tied else OTHER_PRIOR
    for scope, pseudo in PSEUDO_ANSWERS.items():
        mean = _mean(mean, pseudo, tallies.get(scope, NOTHING))
    return mean


def _mean(prior: float, pseudo: float, tally: Tally) -> float:
    return (pseudo * prior + tally.yes) / (pseudo + tally.yes + tally.no)


def rank(shops: Iterable[Shop], need: Need) -> list[Ranked]:
    """Whom to ring first.

    On top whoever keeps it for us, at the end whoever said today that they don't have it, or was found closed and has
    not opened since. Between them by expected usefulness: chance that they have it, times the chance that the door is
    open when their hours say so, halved while they don't pick up, and nothing when nobody could be back in time. Then
    those that open today, the likelier, the nearer, and by name.
    """
    return sorted((_ranked(shop, need) for shop in shops), key=lambda row: _place(row, need))


def _place(row: Ranked, need: Need) -> tuple[int, float, bool, int, float, str, int]:
    shop = row.shop
    group = {Why.KEEPS: 0, Why.SAID_NO: 2, Why.FOUND_CLOSED: 2}.get(row.why, 1)
    # Whole percents: what differs by less is a tie, and the nearer shop comes first.
    useful = round(row.chance * _mean(HOURS_PRIOR, HOURS_PSEUDO, shop.door), 2) if row.is_reachable else 0.0
    if _is_silent(row.last, need):
        useful *= SILENT_FACTOR
    way = float("inf") if shop.way_minutes is None else shop.way_minutes
    return group, -useful, row.why is Why.SHUT, -round(row.chance * 100), way, shop.name.lower(), shop.id


def _ranked(shop: Shop, need: Need) -> Ranked:
    current = next((span for span in shop.open if span.start <= need.now < span.end), None)
    following = next((span for span in shop.open if span.start > need.now), None)
    trip = _trip(shop, need)
    last = shop.answers[-1] if shop.answers else None
    leave_by, is_reachable = _leave_by(trip, shop, need) if trip is not None else (None, False)
    return Ranked(
        shop=shop,
        chance=chance_of(shop.tallies, is_tied=shop.is_tied),
        is_open=current is not None,
        open_until=current.end if current and current.end < need.horizon else None,
        opens_at=following.start if following and not current else None,
        leave_by=leave_by,
        is_reachable=is_reachable,
        last=last,
        why=_why(shop, last, trip, need, is_reachable=is_reachable),
    )


def _trip(shop: Shop, need: Need) -> Span | None:
    """When to set out for the first opening in which it can still be bought: from the earliest to the last instant."""
    way, stay = shop.way, shop.stay
    for span in shop.open:
        kept = min(span.end, shop.kept_until) if shop.is_keeping and shop.kept_until else span.end
        first, last = max(need.now, span.start - way), kept - way - stay
        if first <= last:
            return Span(first, last)
    return None


def _leave_by(trip: Span, shop: Shop, need: Need) -> tuple[datetime | None, bool]:
    """The last instant to set out, and whether whoever does is back in time."""
    length = 2 * shop.way + shop.stay
    in_time = need.home_by - length
    # The clock counts on the shops that are tied to the item, and knows of shifts besides.
    if shop.is_tied and need.act_by is not None:
        in_time = min(in_time, need.act_by)
    if trip.start <= in_time:
        return min(trip.end, in_time), True
    is_endless = trip.end + length >= need.horizon
    return None if is_endless else trip.end, False


def _why(shop: Shop, last: Answer | None, trip: Span | None, need: Need, *, is_reachable: bool) -> Why:
    if shop.is_keeping and (shop.kept_until is None or shop.kept_until > need.now):
        return Why.KEEPS
    obstacle = _refusal(shop, need) or (None if is_reachable else _too_late(shop, trip, need))
    if obstacle is not None:
        return obstacle
    if last is not None and last.at >= need.midnight and last.outcome in HAD:
        return Why.HAD_IT
    if _is_silent(last, need):
        return Why.NO_ANSWER
    if any(tally.n for tally in shop.tallies.values()):
        return Why.LEARNED
    return Why.TIED if shop.is_tied else Why.UNTRIED


def _too_late(shop: Shop, trip: Span | None, need: Need) -> Why:
    current = next((span for span in shop.open if span.start <= need.now < span.end), None)
    if current is None:
        return Why.SHUT
    return Why.TOO_FAR if trip is not None and trip.end <= current.end else Why.CLOSES_FIRST


def _refusal(shop: Shop, need: Need) -> Why | None:
    """What they said today that sends them to the end; a closed door only until they next open."""
    for answer in reversed(shop.answers):
        if answer.at < need.midnight or answer.outcome in HAD:
            return None
        if answer.outcome is Outcome.NO:
            return Why.SAID_NO
        if answer.outcome is Outcome.CLOSED and not any(answer.at < span.start <= need.now for span in shop.open):
            return Why.FOUND_CLOSED
    return None


def _is_silent(last: Answer | None, need: Need) -> bool:
    return last is not None and last.outcome is Outcome.NO_ANSWER and need.now - last.at < SILENT_FOR
