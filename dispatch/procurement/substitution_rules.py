"""Something else instead: what can still come in time, by when to answer, and what an answer says; pure."""

from __future__ import annotations

import enum
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..foundation.hours import Span


class OfferState(enum.StrEnum):
    """What became of an offer. Silence past its time means no."""

    OPEN = "open"
    CHOSEN = "chosen"
    DECLINED = "declined"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class Agreed(enum.StrEnum):
    """How the customer agreed: at intake, in answer to our text, or on the telephone."""

    LISTED = "listed"
    ASKED = "asked"
    PHONE = "phone"


MOST_CHOICES = 3
SHORTEST_WAIT, LONGEST_WAIT = timedelta(minutes=10), timedelta(minutes=60)
# When it is late already, something from tomorrow's shops is still better than nothing.
LATE_STILL = timedelta(hours=24)
NEITHER = 0
NO_WORDS = frozenset({"no", "none", "neither", "nope"})
YES_WORDS = frozenset({"yes", "yeah"})
COURTESIES = frozenset({"please", "pls", "thanks", "thank", "you", "thx", "sir", "madam", "ji"})
WORD = re.compile(r"[^\W_]+")


# --- what can come in time -------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Shop:
    """Another shop that usually has it: when it is open, the way there, and how long finding and buying takes."""

    open: tuple[Span, ...]
    way: timedelta
    stay: timedelta


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One listed substitute. `is_on_shelf`: enough free copies are here."""

    sku: str
    title: str
    is_on_shelf: bool
    shops: tuple[Shop, ...] = ()


def needed_by(promised_by: datetime, *, pack_minutes: int, travel_minutes: int, now: datetime) -> datetime:
    """When goods must be in the shop for the promise; for a promise that can't be kept any more, within a day."""
    at = promised_by - timedelta(minutes=pack_minutes + travel_minutes)
    return at if at > now else now + LATE_STILL


def leave_by(shop: Shop, here_by: datetime) -> datetime | None:
    """The last instant to leave for a shop, buy before it closes and be back; None when there is none."""
    starts = [
        min(span.end, here_by - shop.way) - shop.stay - shop.way
        for span in shop.open
        if span.start + shop.stay <= min(span.end, here_by - shop.way)
    ]
    return max(starts, default=None)


def start_by(candidate: Candidate, here_by: datetime) -> datetime | None:
    """The last instant at which a substitute can be begun with: packed from the shelf, else left for."""
    if candidate.is_on_shelf:
        return here_by
    found = [at for at in (leave_by(shop, here_by) for shop in candidate.shops) if at]
    return max(found, default=None)


def possible(candidates: Iterable[Candidate], here_by: datetime, *, from_: datetime) -> list[Candidate]:
    """Those that can still be had when begun with at `from_`: what is on the shelf first, then what can be bought."""
    known = list(candidates)
    to_buy = [one for one in known if not one.is_on_shelf and (start_by(one, here_by) or from_) > from_]
    return [one for one in known if one.is_on_shelf] + to_buy


def reply_by(choices: Iterable[Candidate], here_by: datetime, *, now: datetime) -> datetime:
    """Until when silence is not yet a no: while each choice can still be begun with, 10 to 60 minutes, a whole minute.

    The minute is the one that the text names; rounding never takes it below the 10.
    """
    starts = [at for at in (start_by(one, here_by) for one in choices) if at]
    least, most = now + SHORTEST_WAIT, now + LONGEST_WAIT
    at = max(least, min([most, *starts]))
    whole = at.replace(second=0, microsecond=0)
    return whole if whole >= least else whole + timedelta(minutes=1)


# --- what an answer says ---------------------------------------------------------------------------------------------


def written(choice: int) -> str:
    """How an answer is written in a text: its number, 0 for none of them."""
    return str(choice)


def numbers_written(count: int) -> str:
    """The numbers to choose from, as a sentence has them: "1", "1 or 2", "1, 2 or 3"."""
    numbers = [written(number) for number in range(1, count + 1)]
    return " or ".join([", ".join(numbers[:-1]), numbers[-1]] if numbers[1:] else numbers)


def read_choice(text: str, count: int) -> int | None:
    """Which of `count` numbered choices a text means, 0 for none of them; None when it is no choice. Never raises.

    A number, or no, in any case, script and punctuation, with courtesies; with a single choice also yes. Two different
    ones ("1 or 2", "No. 2"), a number that was not offered and any other word are no choice: a guess would be a
    present that nobody wants.
    """
    words = [word for word in _words(text) if word not in COURTESIES]
    meanings = {_meaning(word, count) for word in words}
    return meanings.pop() if len(meanings) == 1 else None


def _words(text: str) -> list[str]:
    return WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def _meaning(word: str, count: int) -> int | None:
    if len(word) == 1 and word.isdecimal():
        number = int(word)
        return number if number <= count else None
    if word in YES_WORDS:
        return 1 if count == 1 else None
    return NEITHER if word in NO_WORDS else None


def read_titled_choice(text: str, offers: Sequence[tuple[str, int]]) -> tuple[int, int] | None:
    """For several offers (title, how many choices): which one a text names first, and what it says of it.

    "Physics 2: 1" and "physics 1" both do; None when no title is named or more than one can be meant.
    """
    found = titled_choices(text, offers)
    return found[0] if len(found) == 1 else None


def titled_choices(text: str, offers: Sequence[tuple[str, int]]) -> list[tuple[int, int]]:
    """All that a text which names a title can mean, as `read_titled_choice` has them; a whole title goes before a
    part of one."""
    words = _words(text)
    found = [(number, *said) for number, (title, count) in enumerate(offers) for said in _after(words, title, count)]
    whole = [(number, said) for number, said, is_whole in found if is_whole]
    return whole or [(number, said) for number, said, _ in found]


def _after(words: list[str], title: str, count: int) -> list[tuple[int, bool]]:
    """What is said behind the title, or behind as much of it as was typed and leaves a choice; and whether it is all.

    "physics 2" is the name of Physics 2 and no choice: nothing is said behind it.
    """
    named = _words(title)
    same = next((n for n, pair in enumerate(zip(words, named, strict=False)) if pair[0] != pair[1]), None)
    most = min(len(words), len(named)) if same is None else same
    if most == len(words):
        return []
    for length in range(most, 0, -1):
        said = read_choice(" ".join(words[length:]), count)
        if said is not None:
            return [(said, length == len(named))]
    return []
