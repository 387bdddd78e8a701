"""What is not sent although it could be: other countries, too many for one number, the month's budget; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..foundation.types import region_prefix
from .rules import OTHER_COUNTRY_CODE, TOO_MANY_CODE, Kind

# More than anybody reads: only a mistake of ours sends so many.
MOST_A_DAY = 500
# The last tenth of a month's budget is for calls for help and what belongs to them.
FOR_PAGES = 0.1
ALARM_AT = 0.8
# Short, asked for, or what lets somebody stop running: never counted against a number, never held for it.
NEVER_TOO_MANY = frozenset({Kind.STAND_DOWN, Kind.REPLY})
NEVER_HELD = frozenset({Kind.STAND_DOWN})
HELD_FIRST = frozenset({Kind.NOTICE, Kind.TEST})


@dataclass(frozen=True, kw_only=True)
class Limits:
    """`per_month`: segments, None for no budget. `per_day`: texts to one number within 24 hours.

    `prefixes`: country calling codes like "+44" that texts may go to; empty for all.
    """

    per_month: int | None = None
    per_day: int = MOST_A_DAY
    prefixes: frozenset[str] = frozenset()


def prefixes_of(regions: Iterable[str]) -> frozenset[str]:
    """Country calling codes of two-letter regions; none, which means all, for none.

    A code is finer than no list and coarser than a country: "+1" is shared by the United States and others.
    """
    return frozenset(region_prefix(region) for region in regions)


@dataclass(frozen=True)
class Refusal:
    """Why a text is held back by us. `code`: the provider's for the same, when the reason is the number's own."""

    error: str
    code: int | None = None


def refusal(kind: Kind, prefix: str, *, limits: Limits, sent_today: int, used: int) -> Refusal | None:
    """Why a text must not leave, if so; the sentence says what to do.

    `sent_today`: texts that have gone to this number within 24 hours, without those never counted. `used`: segments of
    this month. A country or a number that has had enough is that person's: the next one is asked. A used-up budget is
    nobody's fault: asking others would not help.
    """
    if limits.prefixes and prefix not in limits.prefixes:
        return Refusal(f"texts to {prefix} are not allowed: add its country to DISPATCH_COUNTRIES", OTHER_COUNTRY_CODE)
    if kind not in NEVER_TOO_MANY and sent_today >= limits.per_day:
        return Refusal(f"{limits.per_day} texts have gone to this number within a day", TOO_MANY_CODE)
    if limits.per_month is None or kind in NEVER_HELD:
        return None
    most = limits.per_month * (1 - FOR_PAGES) if kind in HELD_FIRST else limits.per_month
    if used < most:
        return None
    what = "the month's texts are used up" if used >= limits.per_month else "the rest of the month's texts is for pages"
    return Refusal(f"{what}: raise DISPATCH_TEXTS_PER_MONTH")
