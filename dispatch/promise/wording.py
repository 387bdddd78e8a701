"""What the clock says, in the shop's words; pure. The same words stand on the board, in texts and in the API."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from .rules import Task

# More than these are counted, not named.
MOST_NAMED = 3


def clock_time(instant: datetime, timezone: str, reference: datetime) -> str:
    """A local time: "18:00", with the day when it is not the reference's."""
    tz = ZoneInfo(timezone)
    there = instant.astimezone(tz)
    if there.date() == reference.astimezone(tz).date():
        return f"{there:%H:%M}"
    return f"{there:%a} {there:%H:%M}"


def supplier_closes(name: str, at: str) -> str:
    """The other shop's closing binds."""
    return f"{name} closes at {at}"


def bought_before(title: str, name: str, at: str) -> str:
    """The other shop's closing binds a search that is under way."""
    return f"{name} closes at {at}, and {title} must be bought by then"


def shift_ends(who: str, at: str) -> str:
    """The end of somebody's shift binds."""
    return f"{who}'s shift ends at {at}"


def shop_closes(at: str) -> str:
    """Our own closing time binds packing."""
    return f"the shop closes at {at}, and it must be packed by then"


def way_takes(minutes: int) -> str:
    """Nothing but the way is left."""
    return f"handing over and the way there take {minutes} min"


def packing_takes(minutes: int) -> str:
    """Packing comes next."""
    return f"packing takes {minutes} min, then comes the way there"


def buying_takes(title: str, minutes: int) -> str:
    """Buying comes next."""
    return f"buying {title} can take {minutes} min"


def being_bought(title: str, since: str, minutes: int) -> str:
    """Buying is under way."""
    return f"{title} is being bought since {since}, which can take {minutes} min"


def arrives(title: str, at: str) -> str:
    """Bought, on its way in."""
    return f"{title} comes in at {at}"


def left_at(at: str, minutes: int) -> str:
    """On its way."""
    return f"it left at {at}, the way takes {minutes} min"


def cannot_be_had(title: str) -> str:
    """A line is unobtainable."""
    return f"{title} can't be had where we asked"


def closed_shops(*names: str) -> str:
    """No supplier is open in time."""
    if not names:
        return "no shop that may have it is open in time"
    return f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} closed until after the promise"


def is_kept_until(name: str, title: str, at: str) -> str:
    """The other shop keeps it only so long."""
    return f"{name} keeps {title} until {at}"


def is_needed(who: str, ref: str, task: Task, at: str) -> str:
    """Somebody has another order to look after."""
    return f"{who} leaves with {ref} at {at}" if task is Task.DELIVER else f"{who} goes to buy for {ref} at {at}"


def all_are_needed(names: Sequence[str], refs: Sequence[str]) -> str:
    """More orders than hands."""
    who = " and ".join(names[:MOST_NAMED]) if len(names) <= MOST_NAMED else f"all {len(names)} people"
    what = " and ".join(refs[:MOST_NAMED]) if len(refs) <= MOST_NAMED else f"{len(refs)} other orders"
    return f"{who} {'is' if len(names) == 1 else 'are'} needed for {what}, and nobody is left for this"


def nobody_to_buy(title: str) -> str:
    """No available person may buy."""
    return nobody_for(f"buy {title}")


def nobody_for(what: str) -> str:
    """No available person may do a step."""
    return f"nobody is here who could {what}"


def sentence(words: str, *, promise: str, act_by: str | None, is_past: bool) -> str:
    """The binding clock as one sentence: why, and by when to act."""
    start = words[:1].upper() + words[1:] if words else f"Promised by {promise}"
    if act_by is None:
        return f"{start}."
    return f"{start}: it had to start by {act_by}." if is_past else f"{start}: start by {act_by}."
