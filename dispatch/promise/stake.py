"""Which promises a change puts at stake: those that the plan can keep before it and no longer after it; pure.

Orders that count on the same people as before stay put; the others are fitted in again beside them. Where one does not
fit, the search looks for a plan that keeps it together with the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from .assess import assess
from .known import Facts
from .rules import Assessment
from .slots import MOST_MOVED, Slots, arrange, beside_plan, place, without

Orders = Mapping[int, Facts]
# Each search can take as long as judging everything once: after so many in vain the others count as lost.
MOST_SEARCHES = 5


def at_stake(before: Orders, after: Orders, now: datetime) -> dict[int, Assessment]:
    """The promises that the change puts at stake, by order id, with what the clock would say of each.

    Both hold the facts of the same orders, beside the plan as it is written. What can't be kept before is no news.
    """
    kept = {number: slots for number, facts in before.items() if (slots := place(facts, now)) is not None}
    loose = [number for number, slots in kept.items() if place(after[number], now) != slots]
    if not loose:
        return {}
    # Two that were to share one person's hour were lost before: the plan had not been looked at again yet.
    _, lost_before = _settle(before, loose, now)
    loose = [number for number in loose if number not in lost_before]
    plan, lost = _settle(after, loose, now)
    lost = _search(after, [*kept.keys() - set(lost_before)], lost, now) if lost else []
    fixed = without(after, {*loose, *lost_before})
    return {number: assess(beside_plan(fixed[number], plan, fixed), now) for number in lost}


def _settle(orders: Orders, loose: Sequence[int], now: datetime) -> tuple[dict[int, Slots], list[int]]:
    """Fit in those that must move, the latest promise first so that it takes the far end; and who found no place."""
    fixed = without(orders, set(loose))
    plan: dict[int, Slots] = {}
    lost = []
    for number in sorted(loose, key=lambda number: orders[number].promised_by, reverse=True):
        found = place(beside_plan(fixed[number], plan, fixed), now)
        if found is None:
            lost.append(number)
        else:
            plan[number] = found
    return plan, lost


def _search(orders: Orders, kept: Sequence[int], lost: Sequence[int], now: datetime) -> list[int]:
    """Those for which there is no plan that keeps them together with the others, the most urgent first."""
    movable = sorted(kept, key=lambda number: orders[number].promised_by)
    safe = [number for number in movable if number not in lost][:MOST_MOVED]
    gone = []
    for tries, number in enumerate(sorted(lost, key=lambda number: orders[number].promised_by)):
        together = {each: orders[each] for each in (*safe, number)}
        if tries < MOST_SEARCHES and arrange(without(together, set(together)), now) is not None:
            safe.append(number)
        else:
            gone.append(number)
    return gone
