"""What the clock says, in the shop's words; pure. The same words stand on the board, in texts and in the API."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from .rules import Task, Verdict

# More than these are counted, not named.
MOST_NAMED = 3
DAYS_IN_WEEK = 7
ANOTHER_SHOP = "another shop"


def clock_time(instant: datetime, timezone: str, *, promise: datetime, now: datetime) -> str:
    """A local time of an order's clock: "18:00" when it, the promise and now are of one day, else
    "18:00 on Tue", or "18:00 on Tue 24 Nov" where a day of the week could be another week's.

    What is written down the evening before is read in the morning: without its day it would say something else then.
    """
    tz = ZoneInfo(timezone)
    there, today = instant.astimezone(tz), now.astimezone(tz).date()
    if there.date() == today == promise.astimezone(tz).date():
        return f"{there:%H:%M}"
    is_near = abs((there.date() - today).days) < DAYS_IN_WEEK
    return f"{there:%H:%M} on {there:%a}" if is_near else f"{there:%H:%M} on {there:%a} {there.day} {there:%b}"


def supplier_closes(name: str, at: str) -> str:
    """The other shop's closing binds."""
    return f"{name} closes at {at}"


def bought_before(title: str, name: str, at: str) -> str:
    """The other shop's closing binds a search that is under way."""
    return f"{name} closes at {at}, and {title} must be bought by then"


def shift_ends(who: str, at: str) -> str:
    """The end of somebody's shift binds."""
    return f"{who}'s shift ends at {at}"


def is_paused(who: str, until: str) -> str:
    """A pause binds."""
    return f"{who} is paused until {until}"


def shop_closes(at: str) -> str:
    """Our own closing time binds packing."""
    return f"the shop closes at {at}, and it must be packed by then"


def way_takes(minutes: int) -> str:
    """Nothing but the way is left."""
    return f"handing over and the way there take {minutes} min"


def packing_takes(minutes: int, then: str = ", then comes the way there") -> str:
    """Packing comes next."""
    return f"packing takes {minutes} min{then}"


def buying_takes(title: str, minutes: int) -> str:
    """Buying comes next."""
    return f"buying {title} can take {minutes} min"


def being_bought(title: str, since: str, minutes: int) -> str:
    """Buying is under way."""
    return f"{title} has been looked for since {since}, which can take {minutes} min"


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
    who = _listed(names) if len(names) <= MOST_NAMED else f"all {len(names)} people"
    what = _listed(refs) if len(refs) <= MOST_NAMED else f"{len(refs)} other orders"
    return f"{who} {'is' if len(names) == 1 else 'are'} needed for {what}, and nobody is left for this"


def _listed(names: Sequence[str]) -> str:
    """ "Ravi", "Ravi and Pia", "Ravi, Pia and Max"."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def nobody_to_buy(title: str) -> str:
    """No available person may buy."""
    return nobody_for(f"buy {title}")


def nobody_for(what: str) -> str:
    """No available person may do a step."""
    return f"nobody is here who could {what}"


def leaves_for(name: str, at: str) -> str:
    """A condition of a promise: an errand that must begin in time."""
    return f"if somebody leaves for {name} by {at}"


def goes_to_look(title: str, at: str) -> str:
    """The same where no shop is known."""
    return f"if somebody goes to look for {title} by {at}"


def leaves_the_shop(at: str) -> str:
    """A condition of a promise that is tight."""
    return f"if it leaves the shop by {at}"


def by_when(instant: datetime, timezone: str, now: datetime) -> str:
    """A promise as it is said on the phone: "20:00 today", "12:00 tomorrow", "12:00 on Thu 26 Nov"."""
    tz = ZoneInfo(timezone)
    there = instant.astimezone(tz)
    days = (there.date() - now.astimezone(tz).date()).days
    day = {0: "today", 1: "tomorrow"}.get(days, f"on {there:%a} {there.day} {there:%b}")
    return f"{there:%H:%M} {day}"


def on_the_phone(verdict: Verdict, *, asked: str, earliest: str, shops: Sequence[str]) -> str:
    """One sentence to say to the customer. `asked`, `earliest`: promises in words; empty when there is none."""
    if verdict is Verdict.NO:
        return f"I can promise it by {earliest}." if earliest else "I can't promise it: I don't see how we could do it."
    if shops:
        return f"You will have it by {asked}: we get it from {' and '.join(shops)}."
    return f"You will have it by {asked}."


# --- who is to do what, and what counted on them ---------------------------------------------------------------------

TASKS = {Task.PROCURE: "buys what is missing", Task.DELIVER: "delivers it"}


def would_break(refs: Sequence[str]) -> str:
    """A change was refused."""
    named = ", ".join(refs[:MOST_NAMED]) if len(refs) <= MOST_NAMED else f"{len(refs)} orders"
    them = "the promise" if len(refs) == 1 else "the promises"
    return f"This takes the last way to keep {them} of {named}. To do it all the same, send force: true and a reason."


def with_reason(event: str, reason: str | None) -> str:
    """An event and why."""
    why = (reason or "").strip().rstrip(".")
    return f"{event}: {why}." if why else f"{event}."


def paused_although(who: str) -> str:
    """A forced pause, in the history of an order at stake."""
    return f"{who} paused although this counted on them"


def changed_although(who: str) -> str:
    """Forced: other shifts, another role or branch, or gone for good."""
    return f"{who}'s shifts or tasks were changed although this counted on them"


# A forced file of staff or shifts.
IMPORTED_ALTHOUGH = "A new roster came in although this counted on the old one"


def pinned_although(who: str, ref: str) -> str:
    """A forced pin, in the history of another order."""
    return f"{who} was pinned to {ref} although this counted on them"


def pinned(who: str, task: Task) -> str:
    """An operator has said who does it."""
    return f"Pinned: {who} {TASKS[task]}"


def unpinned(task: Task) -> str:
    """The operator has taken it back."""
    return f"Not pinned any more: whoever is free {TASKS[task]}."


def pin_dropped(who: str, task: Task) -> str:
    """Somebody has left, or does something else now."""
    return f"Not pinned any more, {who} can't be counted on for it: whoever is free {TASKS[task]}."


def sentence(words: str, *, promise: str, act_by: str | None, is_past: bool) -> str:
    """The binding clock as one sentence: why, and by when to act."""
    start = words[:1].upper() + words[1:] if words else f"Promised by {promise}"
    if act_by is None:
        return f"{start}."
    return f"{start}: it had to start by {act_by}." if is_past else f"{start}: start by {act_by}."
