"""Public holidays of countries that the opening-hours library does not know: `PH` is written out as dates.

It knows some hundred countries by itself; India, for one, is not among them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from holidays import country_holidays
from holidays.utils import list_supported_countries

# "Mo-Fr,PH 10:00-14:00": days and holidays before the first blank that is followed by something else.
DAY = r"(?:PH|SH|Mo|Tu|We|Th|Fr|Sa|Su)"
RULE = re.compile(rf"^(?P<days>{DAY}(?:\s*[-,]\s*{DAY})*)(?P<rest>\s.*|)$")
HOLIDAY = re.compile(r"\bPH\b")


@lru_cache(maxsize=256)
def is_known(country: str) -> bool:
    """Whether this country's public holidays can be looked up here; two letters."""
    return country.upper() in list_supported_countries()


@lru_cache(maxsize=256)
def _dates(country: str, years: tuple[int, ...]) -> str:
    # Months in English whatever the machine speaks: they are words of the syntax.
    names = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    days = sorted(country_holidays(country.upper(), years=years)) if is_known(country) else []
    return ",".join(f"{day.year} {names[day.month - 1]} {day.day:02d}" for day in days)


@lru_cache(maxsize=2048)
def written_out(text: str, country: str, years: tuple[int, ...]) -> str:
    """Opening hours with `PH` replaced by the dates of these years; what can't be replaced is left, and never matches.

    "Mo-Sa 10:00-19:00; PH off" becomes "Mo-Sa 10:00-19:00; 2026 Jan 26,2026 Aug 15 off".
    """
    dates = _dates(country, years)
    if not dates or not HOLIDAY.search(text):
        return text
    return "; ".join(part for rule in text.split(";") for part in _rules(rule.strip(), dates))


def _rules(rule: str, dates: str) -> Iterable[str]:
    found = RULE.match(rule)
    if found is None or not HOLIDAY.search(found["days"]):
        return [rule]
    days = [day.strip() for day in found["days"].split(",")]
    others = ",".join(day for day in days if day != "PH")
    # Later rules win: the holidays come after the days of the week that they fall on.
    return ([f"{others}{found['rest']}"] if others else []) + [f"{dates}{found['rest']}"]
