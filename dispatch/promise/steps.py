"""From the facts of an order to the steps that are left, with the windows in which each may begin; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..foundation.hours import Span
from ..orders.policy import Policy
from ..orders.rules import IN_HAND, Sourcing, Status
from ..staff.rules import Person, Skill
from . import wording
from .rules import ClockName, Option, Plan, Step, Window

# Until it is learned from what happened, the likely length of a step as a share of the cautious one.
LIKELY = 0.7


@dataclass(frozen=True, kw_only=True)
class SupplierFacts:
    """Another shop: when it is open, how far it is and how long finding and buying takes there (minutes)."""

    name: str
    open: tuple[Span, ...]
    travel_minutes: int | None
    procure_minutes: int | None


@dataclass(frozen=True, kw_only=True)
class LineFacts:
    """One line: where its goods are, since when, and who may have it."""

    title: str
    sourcing: Sourcing
    since: datetime
    ready_at: datetime | None
    suppliers: tuple[SupplierFacts, ...]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything the clock needs to know of one order. `horizon`: how far people and hours were looked up."""

    promised_by: datetime
    status: Status
    lines: tuple[LineFacts, ...]
    branch_open: tuple[Span, ...]
    timezone: str
    policy: Policy
    travel_minutes: int
    people: tuple[Person, ...]
    horizon: Span
    handed_over_at: datetime | None = None
    taker_id: int | None = None
    accepted_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class View:
    """How the facts are read. Cautious: full lengths and available people only; hopeful: likely lengths, somebody
    for every step, whoever that will be, and a way to find what the usual shops don't have."""

    facts: Facts
    is_hopeful: bool

    def minutes(self, value: float) -> timedelta:
        """A length as this view sees it, whole seconds."""
        return timedelta(seconds=round(value * 60 * (LIKELY if self.is_hopeful else 1)))

    def windows(self, skill: Skill) -> list[tuple[Span, str]]:
        """When each person who may do it can be counted on, with their name.

        Nobody here puts a promise at risk. It is not late for that: somebody may still be found, or come back.
        """
        if self.is_hopeful:
            return [(self.facts.horizon, "")]
        found: list[tuple[Span, str]] = []
        for person in self.facts.people:
            if person.can(skill):
                found += [(span, person.name) for span in self._spans(person)]
        return found

    def _spans(self, person: Person) -> Iterable[Span]:
        facts = self.facts
        if person.id == facts.taker_id and facts.accepted_at:
            # Whoever took it does it, shift or no shift.
            return [Span(min(facts.accepted_at, facts.horizon.start), facts.horizon.end)]
        return person.windows()

    def local(self, instant: datetime) -> str:
        """A time as the branch says it."""
        return wording.clock_time(instant, self.facts.timezone, self.facts.promised_by)


def plan_of(view: View) -> Plan:
    """The steps that are left."""
    facts = view.facts
    if facts.status is Status.OUT_FOR_DELIVERY:
        return Plan(parallel=(), chain=(_on_the_way(view),))
    buying = tuple(_buy(view, line) for line in facts.lines if line.sourcing not in IN_HAND or line.ready_at)
    chain = (_carry(view),) if facts.status is Status.READY else (_pack(view), _carry(view))
    return Plan(parallel=() if facts.status is Status.READY else buying, chain=chain)


def _step(view: View, clock: ClockName, words: str, options: Sequence[Option], *, skill: Skill, nobody: str) -> Step:
    people = tuple(span for span, _ in view.windows(skill))
    return Step(clock=clock, words=words, options=tuple(options), people=people, nobody=nobody)


def _shift_window(view: View, span: Span, who: str, length: timedelta) -> Window:
    words = wording.shift_ends(who, view.local(span.end))
    return Window(span.start, span.end - length, ClockName.SHIFT_END, words)


def _within(shift: Window, start: datetime, end: datetime, clock: ClockName, words: str) -> Window:
    """A person's window, cut to the hours of a shop."""
    first = max(shift.start, start)
    return Window(first, end, clock, words) if end <= shift.end else Window(first, shift.end, shift.clock, shift.words)


def _usable(windows: Iterable[Window]) -> tuple[Window, ...]:
    return tuple(sorted({w for w in windows if w.start <= w.end}, key=lambda w: (w.start, w.end)))


def _carry(view: View) -> Step:
    """Hand over and go: the same person from the shop to the customer, there before the shift ends."""
    facts = view.facts
    length = view.minutes(facts.policy.handover_minutes + facts.travel_minutes)
    windows = _usable(_shift_window(view, span, who, length) for span, who in view.windows(Skill.DELIVER))
    return _step(
        view,
        ClockName.TRAVEL,
        wording.way_takes(facts.policy.handover_minutes + facts.travel_minutes),
        [Option(duration=length, windows=windows)],
        skill=Skill.DELIVER,
        nobody=wording.nobody_for("deliver it"),
    )


def _pack(view: View) -> Step:
    """Pack: somebody on a shift, within opening hours until somebody has accepted the order (or may yet)."""
    facts = view.facts
    length = view.minutes(facts.policy.pack_minutes)
    shifts = [_shift_window(view, span, who, length) for span, who in view.windows(Skill.PACK)]
    if facts.taker_id is None and not view.is_hopeful:
        shifts = [
            _within(shift, span.start, span.end - length, ClockName.PACKING, wording.shop_closes(view.local(span.end)))
            for shift in shifts
            for span in facts.branch_open
        ]
    return _step(
        view,
        ClockName.PACKING,
        wording.packing_takes(facts.policy.pack_minutes),
        [Option(duration=length, windows=_usable(shifts))],
        skill=Skill.PACK,
        nobody=wording.nobody_for("pack it"),
    )


def _on_the_way(view: View) -> Step:
    """It has left: the only thing that can still happen to it is to arrive."""
    facts = view.facts
    left = facts.handed_over_at or facts.horizon.start
    window = Window(facts.horizon.start, facts.horizon.end, ClockName.DEADLINE, "")
    return Step(
        clock=ClockName.DEADLINE,
        words=wording.left_at(view.local(left), facts.travel_minutes),
        options=(Option(duration=timedelta(0), windows=(window,)),),
        people=(facts.horizon,),
        not_before=left + view.minutes(facts.travel_minutes),
    )


def _buy(view: View, line: LineFacts) -> Step:
    """Get one line into the shop, from wherever it is now."""
    if line.sourcing in IN_HAND:
        return _arrives(view, line)
    if line.sourcing is Sourcing.SEARCHING:
        return _search(view, line)
    facts = view.facts
    if line.sourcing is Sourcing.UNAVAILABLE and not view.is_hopeful:
        return Step(
            clock=ClockName.PROCUREMENT,
            words="",
            options=(),
            people=(facts.horizon,),
            closed=wording.cannot_be_had(line.title),
        )
    # Somebody asked for help may find what the usual shops don't have.
    suppliers = () if line.sourcing is Sourcing.UNAVAILABLE else line.suppliers
    is_kept = line.sourcing is Sourcing.RESERVED
    people = view.windows(Skill.PROCURE)
    if not suppliers:
        length = view.minutes(facts.policy.procure_minutes / (2 if is_kept else 1))
        options = [Option(duration=length, windows=_usable(_shift_window(view, s, who, length) for s, who in people))]
    else:
        options = [_trip(view, shop, people, is_kept=is_kept) for shop in suppliers]
    return Step(
        clock=ClockName.PROCUREMENT,
        words=wording.buying_takes(line.title, _longest(facts, suppliers)),
        options=tuple(options),
        people=tuple(span for span, _ in people),
        nobody=wording.nobody_for(f"buy {line.title}"),
        not_before=line.ready_at,
        closed=wording.closed_shops([shop.name for shop in suppliers]) if suppliers else "",
    )


def _longest(facts: Facts, suppliers: Sequence[SupplierFacts]) -> int:
    lengths = [
        2 * (shop.travel_minutes or 0) + (shop.procure_minutes or facts.policy.procure_minutes) for shop in suppliers
    ]
    return max(lengths, default=facts.policy.procure_minutes)


def _trip(view: View, shop: SupplierFacts, people: Sequence[tuple[Span, str]], *, is_kept: bool) -> Option:
    """There, buy before it closes, and back within one shift; what is put aside is only collected."""
    policy = view.facts.policy
    way = view.minutes(shop.travel_minutes or 0)
    stay = view.minutes(shop.procure_minutes if shop.procure_minutes is not None else policy.procure_minutes)
    if is_kept:
        known = shop.travel_minutes is not None
        stay = view.minutes(policy.handover_minutes) if known else stay / 2
    length = way + stay + way
    windows = [
        _within(
            _shift_window(view, span, who, length),
            open_.start - way,
            open_.end - way - stay,
            ClockName.SUPPLIER_CLOSING,
            wording.supplier_closes(shop.name, view.local(open_.end)),
        )
        for span, who in people
        for open_ in shop.open
    ]
    return Option(duration=length, windows=_usable(windows))


def _search(view: View, line: LineFacts) -> Step:
    """Somebody is looking for it: it ends when it usually ends, and no later than the last shop closes."""
    facts = view.facts
    length = view.minutes(_longest(facts, line.suppliers))
    closings = [
        Window(
            facts.horizon.start,
            open_.end,
            ClockName.SUPPLIER_CLOSING,
            wording.bought_before(line.title, shop.name, view.local(open_.end)),
            is_under_way=True,
        )
        for shop in line.suppliers
        for open_ in shop.open
        if open_.end > line.since
    ]
    # A shop that opens again tomorrow doesn't let today's search run on overnight: the first closing counts.
    windows = (
        sorted(closings, key=lambda w: w.end)[-1:] if view.is_hopeful else sorted(closings, key=lambda w: w.end)[:1]
    )
    if not line.suppliers:
        windows = [Window(facts.horizon.start, facts.horizon.end, ClockName.PROCUREMENT, "")]
    return Step(
        clock=ClockName.PROCUREMENT,
        words=wording.being_bought(line.title, view.local(line.since), _longest(facts, line.suppliers)),
        options=(Option(duration=timedelta(0), windows=_usable(windows)),),
        people=(facts.horizon,),
        not_before=max(line.since + length, line.ready_at) if line.ready_at else line.since + length,
        closed=wording.closed_shops([shop.name for shop in line.suppliers]),
    )


def _arrives(view: View, line: LineFacts) -> Step:
    """Bought, and here at a known time."""
    window = Window(view.facts.horizon.start, view.facts.horizon.end, ClockName.PROCUREMENT, "")
    return Step(
        clock=ClockName.PROCUREMENT,
        words=wording.arrives(line.title, view.local(line.ready_at) if line.ready_at else ""),
        options=(Option(duration=timedelta(0), windows=(window,)),),
        people=(view.facts.horizon,),
        not_before=line.ready_at,
    )
