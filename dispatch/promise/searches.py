"""A search that is under way: which shop it has most likely led to, when it ends, and what is left after it; pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from . import wording
from .estimates import Spread
from .known import LineFacts, SupplierFacts, seconds
from .rules import ClockName, Option, Said, Step, Window
from .view import View


class Gone(NamedTuple):
    """A search that began: how long it takes, when it ends, and the shop that it leads to, open `until` then.

    No shop, and no closing, where none is known that may have it.
    """

    length: timedelta
    end: datetime
    shop: SupplierFacts | None = None
    until: datetime | None = None


def usual_shops(suppliers: Sequence[SupplierFacts]) -> tuple[SupplierFacts, ...]:
    """Those that may have it: nobody there has said no today."""
    return tuple(shop for shop in suppliers if not shop.has_refused)


def parts(view: View, shop: SupplierFacts, errand: Spread) -> tuple[float, float]:
    """The way there and the stay, in minutes: the errand's length shared as the shop's own figures share it."""
    facts = view.facts
    way = shop.travel_minutes or 0
    stay = facts.policy.stay(shop.procure_minutes)
    total = facts.policy.errand(way, stay)
    scale = view.minutes(errand) / total if total else 0
    return way * scale, stay * scale


def gone_to(view: View, line: LineFacts) -> Gone:
    """Whoever has not said where they look is taken to be where it can be had first, as the plan would have had it."""
    shops = usual_shops(line.suppliers)
    ways = [way for shop in shops if (way := _way(view, shop, line.since))]
    if ways:
        return min(ways, key=lambda way: way[:2])[2]
    length = view.length(view.facts.search_length)
    return Gone(length, line.since + length)


def _way(view: View, shop: SupplierFacts, since: datetime) -> tuple[bool, datetime, Gone] | None:
    """Whether they come too late or much too early, when they are back, and where they have been."""
    # A shop that opens again tomorrow doesn't let today's search run on overnight: the first closing counts.
    open_ = min((span for span in shop.open if span.end > since), key=lambda span: span.end, default=None)
    if open_ is None:
        return None
    way, stay = map(seconds, parts(view, shop, view.facts.errand_length(shop)))
    length = way + stay + way
    is_bad = since + way + stay > open_.end or open_.start > since + length
    end = max(since, open_.start - way) + length
    return is_bad, end, Gone(length, end, shop, open_.end)


def search_step(view: View, line: LineFacts, *, again: Sequence[Option]) -> Step:
    """Somebody is looking for it: it ends when it usually ends, and no later than the shop closes.

    `again`: setting out once more, which is left for as long as it would have been without that search.
    """
    facts, gone = view.facts, gone_to(view, line)
    # Where every shop that may have it is closed for good nobody comes back with it.
    is_vain = gone.shop is None and bool(usual_shops(line.suppliers))
    return Step(
        clock=ClockName.PROCUREMENT,
        words=Said(wording.being_bought, (line.title, line.since, round(gone.length.total_seconds() / 60))),
        options=tuple(again) if is_vain else (_under_way(view, line, gone), *again),
        people=(facts.horizon,),
        not_before=line.ready_at,
        closed=Said(wording.closed_shops, tuple(shop.name for shop in line.suppliers)) if is_vain else "",
    )


def _under_way(view: View, line: LineFacts, gone: Gone) -> Option:
    """Nothing is left to begin: at any instant until the closing they may still come back with it."""
    horizon, end = view.facts.horizon, gone.end
    if gone.shop is None or gone.until is None:
        window = Window(end, max(end, horizon.end), ClockName.PROCUREMENT, "", is_under_way=True)
        return Option(duration=timedelta(0), windows=(window,))
    until = gone.until
    if view.is_hopeful:
        until = max([until, *(span.end for shop in line.suppliers for span in shop.open)])
    words = Said(wording.bought_before, (line.title, gone.shop.name, until))
    # Who is back only after the closing may have bought it before all the same.
    start = min(end, until)
    window = Window(start, until, ClockName.SUPPLIER_CLOSING, words, is_under_way=True)
    return Option(duration=end - start, windows=(window,))


def closed_until_after(view: View, line: LineFacts) -> Said | str:
    """Why no usual shop will do, however many people there are; empty when one is open in time."""
    facts, shops = view.facts, usual_shops(line.suppliers)
    rest = [facts.pack_length, facts.handover_length, facts.way_length]
    here = facts.promised_by - sum(map(view.length, rest), timedelta(0))
    for shop in shops:
        way, stay = map(seconds, parts(view, shop, facts.errand_length(shop)))
        if any(span.end > line.since and span.start + stay + way <= here for span in shop.open):
            return ""
    return Said(wording.closed_shops, tuple(shop.name for shop in shops)) if shops else ""
