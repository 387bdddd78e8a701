"""From the facts of an order to the steps that are left, with the windows in which each may begin; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from ..orders.rules import IN_HAND, Sourcing, Status
from ..staff.rules import Skill
from . import wording
from .errands import share_out, trips_of
from .known import THE_DOOR, Facts, LineFacts, SupplierFacts, seconds
from .rules import ClockName, Option, Plan, Said, Step, Task, Window, Words, last_starts
from .searches import closed_until_after, parts, search_step, usual_shops
from .view import Cover, Free, Leave, View, window_of

MUST_BE_FETCHED = (Sourcing.TO_PROCURE, Sourcing.RESERVED)


def plan_of(view: View) -> Plan:
    """The steps that are left."""
    facts = view.facts
    if facts.status is Status.OUT_FOR_DELIVERY:
        return Plan(parallel=(), chain=(_on_the_way(view),))
    if facts.status is Status.READY:
        return Plan(parallel=(), chain=(_waits(view) if facts.is_to_be_collected else _carry(view),))
    chain = (_pack(view),) if facts.is_to_be_collected else (_pack(view), _carry(view))
    lines = {n: line for n, line in enumerate(facts.lines) if line.sourcing not in IN_HAND or line.ready_at}
    errands = [n for n, line in lines.items() if line.sourcing in MUST_BE_FETCHED]
    if view.is_hopeful or not _must_be_shared_out(facts, errands):
        return Plan(parallel=tuple(_numbered(view, n) for n in lines), chain=chain)
    each = replace(view, is_each=True)
    here = last_starts(Plan(parallel=(), chain=chain), facts.promised_by)[0][1]
    beside, row = share_out(trips_of([_numbered(each, n) for n in errands]), here)
    waiting = tuple(_numbered(view, n) for n in lines if n not in errands)
    return Plan(parallel=(*waiting, *beside), serial=row, chain=chain)


def _must_be_shared_out(facts: Facts, errands: Sequence[int]) -> bool:
    """Whether several lines may lead to several places: the same person can't be at two of them at once."""
    places = [frozenset(shop.stop for shop in facts.lines[n].suppliers) for n in errands]
    return len(errands) > 1 and (len(set(places)) > 1 or len(places[0]) > 1)


def _numbered(view: View, n: int) -> Step:
    return replace(_buy(view, view.facts.lines[n]), line=n)


class _Opening(NamedTuple):
    """A shop's hours as instants at which a step may begin, and what closes them."""

    first: datetime
    last: datetime
    clock: ClockName
    words: Words


def _windows(
    view: View,
    skill: Skill,
    length: timedelta,
    *,
    openings: Sequence[_Opening] | None = None,
    back: timedelta = timedelta(0),
    stop: str = "",
) -> tuple[Window, ...]:
    """Windows in which anything can begin, cut to a shop's hours; their order says whose turn it is.

    Most windows lie within another's whose turn comes first: they would never be taken, and are left out.
    """
    cover, found = Cover(), []
    leaves = view.leaves(skill, length, back=back, stop=stop)
    if openings is None:
        found = [window_of(leave, length) for leave in leaves if view.is_each or cover.adds(leave[0], leave[1])]
        return tuple(dict.fromkeys(found))
    for leave in leaves:
        begin, until, _ = leave
        for opening in openings:
            first, last, _, _ = opening
            if last < begin or first > until:
                continue
            start, end = (begin if begin > first else first), (until if until < last else last)
            if start <= end and (view.is_each or cover.adds(start, end)):
                found.append(_cut(leave, opening, start, length))
    return tuple(dict.fromkeys(found))


def _cut(leave: Leave, opening: _Opening, start: datetime, length: timedelta) -> Window:
    _, until, free = leave
    if until < opening.last:
        return window_of(leave, length)._replace(start=start)
    return Window(start, opening.last, opening.clock, opening.words, staff_id=free.person.id if free.person else None)


def _step(
    clock: ClockName,
    words: Words,
    options: Sequence[Option],
    *,
    free: Sequence[Free],
    nobody: Words,
    task: Task | None = None,
) -> Step:
    people = tuple(each.span for each in free)
    return Step(clock=clock, words=words, options=tuple(options), people=people, nobody=nobody, task=task)


def _carry(view: View) -> Step:
    """Hand over and go: the same person from the shop to the customer, there before the shift ends."""
    facts = view.facts
    way = view.minutes(facts.way_length)
    minutes = view.minutes(facts.handover_length) + way
    length, back = seconds(minutes), seconds(way)
    free = view.free(Skill.DELIVER, stop=THE_DOOR)
    windows = _windows(view, Skill.DELIVER, length, back=back, stop=THE_DOOR)
    return _step(
        ClockName.TRAVEL,
        Said(wording.way_takes, (round(minutes),)),
        [Option(duration=length, windows=windows, back=back, stop=THE_DOOR)],
        free=free,
        nobody=wording.nobody_for("deliver it"),
        task=Task.DELIVER,
    )


def _pack(view: View) -> Step:
    """Pack: somebody on a shift, within opening hours until somebody has accepted the order (or may yet)."""
    facts = view.facts
    length, minutes = view.length(facts.pack_length), round(view.minutes(facts.pack_length))
    free = view.free(Skill.PACK)
    openings = None
    if facts.taker_id is None and not view.is_hopeful:
        openings = [
            _Opening(span.start, span.end - length, ClockName.PACKING, Said(wording.shop_closes, (span.end,)))
            for span in facts.branch_open
        ]
    windows = _windows(view, Skill.PACK, length, openings=openings)
    return _step(
        ClockName.PACKING,
        Said(wording.packing_takes, (minutes, "") if facts.is_to_be_collected else (minutes,)),
        [Option(duration=length, windows=windows)],
        free=free,
        nobody=wording.nobody_for("pack it"),
    )


def _always(view: View, clock: ClockName, words: Words = "") -> Window:
    """Nothing is left to begin: any instant will do."""
    return Window(view.facts.horizon.start, view.facts.horizon.end, clock, words)


def _waits(view: View) -> Step:
    """It is packed, and the customer comes for it: nobody has to do anything."""
    always = Option(duration=timedelta(0), windows=(_always(view, ClockName.DEADLINE),))
    words = "it is packed and waits to be collected"
    return Step(clock=ClockName.DEADLINE, words=words, options=(always,), people=(view.facts.horizon,))


def _on_the_way(view: View) -> Step:
    """It has left: the only thing that can still happen to it is to arrive."""
    facts = view.facts
    left = facts.handed_over_at or facts.horizon.start
    return Step(
        clock=ClockName.DEADLINE,
        words=Said(wording.left_at, (left, round(view.minutes(facts.way_length)))),
        options=(Option(duration=timedelta(0), windows=(_always(view, ClockName.DEADLINE),)),),
        people=(facts.horizon,),
        not_before=left + view.length(facts.way_length),
    )


def _buy(view: View, line: LineFacts) -> Step:
    """Get one line into the shop, from wherever it is now."""
    if line.sourcing in IN_HAND:
        return _arrives(view, line)
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
    usual = usual_shops(suppliers)
    options = [_trip(view, shop, line) for shop in suppliers]
    if not usual:
        options.append(_anywhere(view, line))
    if line.sourcing is Sourcing.SEARCHING:
        return search_step(view, line, again=options)
    step = _step(
        ClockName.PROCUREMENT,
        min(options, key=lambda option: option.duration).words,
        options,
        free=view.free(Skill.PROCURE),
        nobody=Said(wording.nobody_to_buy, (line.title,)),
        task=Task.PROCURE,
    )
    return replace(step, not_before=line.ready_at, closed=closed_until_after(view, line))


def _anywhere(view: View, line: LineFacts) -> Option:
    """No shop is known that may have it: somebody goes and looks."""
    minutes = view.minutes(view.facts.search_length) / (2 if line.sourcing is Sourcing.RESERVED else 1)
    length = seconds(minutes)
    return Option(duration=length, windows=_windows(view, Skill.PROCURE, length), words=_takes(line, length))


def _takes(line: LineFacts, length: timedelta) -> Said:
    return Said(wording.buying_takes, (line.title, round(length.total_seconds() / 60)))


def _trip(view: View, shop: SupplierFacts, line: LineFacts) -> Option:
    """There, buy before it closes, and back within one shift; what is put aside is only collected."""
    facts = view.facts
    way_minutes, stay_minutes = parts(view, shop, facts.errand_length(shop))
    kept_until = None
    if line.sourcing is Sourcing.RESERVED:
        known = shop.travel_minutes is not None
        stay_minutes = view.minutes(facts.handover_length) if known else stay_minutes / 2
        # Somebody hopeful finds it elsewhere once it is gone from there.
        kept_until = None if view.is_hopeful else line.kept_until
    way, stay = seconds(way_minutes), seconds(stay_minutes)
    length = way + stay + way
    openings = []
    # Yesterday's closing is no clock of what was asked for today.
    for open_ in (span for span in shop.open if span.end > line.since):
        end, words = open_.end, Said(wording.supplier_closes, (shop.name, open_.end))
        if kept_until and kept_until < end:
            end, words = kept_until, Said(wording.is_kept_until, (shop.name, line.title, kept_until))
        openings.append(_Opening(open_.start - way, end - way - stay, ClockName.SUPPLIER_CLOSING, words))
    windows = _windows(view, Skill.PROCURE, length, openings=openings, stop=shop.stop)
    return Option(duration=length, windows=windows, stop=shop.stop, supplier=shop.name, words=_takes(line, length))


def _arrives(view: View, line: LineFacts) -> Step:
    """Bought, and here at a known time."""
    return Step(
        clock=ClockName.PROCUREMENT,
        words=Said(wording.arrives, (line.title, line.ready_at or "")),
        options=(Option(duration=timedelta(0), windows=(_always(view, ClockName.PROCUREMENT),)),),
        people=(view.facts.horizon,),
        not_before=line.ready_at,
    )
