"""What the report says: causes in the shop's words, and the founder's text of the morning; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..messaging.wording import Encoding, plain, segments
from .rules import Why

MOST_SEGMENTS = 2
WHY = {
    Why.CUSTOMER: "the customer could not take it",
    Why.DOOR: "the first try at the door failed",
    Why.NOBODYS_FAULT: "nobody's fault",
    Why.TOO_TIGHT: "promised although the clock said no",
    Why.NOT_TO_BE_HAD: "no shop had it",
    Why.SHELF: "the shelf was short",
    Why.SHOP_FAILED: "the other shop let us down",
    Why.SHOP_CLOSED: "the other shop was closing",
    Why.NOBODY_TO_BUY: "nobody to buy it",
    Why.BUYING: "buying took too long",
    Why.PACKING: "not packed in time",
    Why.TAKER_QUIET: "whoever had it gave it back or went quiet",
    Why.NOBODY_TO_CARRY: "nobody to carry it",
    Why.LEFT_LATE: "ready, but left too late",
    Why.WAY: "the way took too long",
    Why.NOT_KNOWN: "not known why",
}


@dataclass(frozen=True, kw_only=True)
class Morning:
    """What the founder is told. `since`: "Yesterday", or "Since Sat 21 Nov"; `broken`: (ref, why) of each broken
    promise, `repromised` of them kept as promised again; `open_today`: promises for today that are still open."""

    shop: str
    since: str
    total: int
    kept: int
    broken: Sequence[tuple[str, str]]
    repromised: int
    open_today: int
    link: str


def morning(told: Morning) -> str:
    """The text: figures first, then as many broken promises by name as two segments hold, the link always whole.

    A shop's name that no GSM-7 text can hold goes before a broken promise does: it halves the room.
    """
    shop = plain(told.shop)[:40].strip()
    names = (shop,) if segments(shop).encoding is Encoding.GSM7 else (shop, "")
    texts = (_morning(told, name, shown) for shown in range(len(told.broken), -1, -1) for name in names)
    return next((text for text in texts if segments(text).count <= MOST_SEGMENTS), _morning(told, "", 0))


def _morning(told: Morning, shop: str, shown: int) -> str:
    kept = "all kept" if told.kept == told.total else f"{told.kept} kept"
    parts = [f"{shop}." if shop else "", f"{told.since}: {told.total} {_promises(told.total)}, {kept}."]
    if told.broken:
        named = [f"{ref} ({why})" for ref, why in told.broken[:shown]]
        rest = len(told.broken) - shown
        if rest:
            named.append(f"{rest} more" if shown else str(rest))
        parts.append(f"Broken: {', '.join(named)}.")
    if told.repromised:
        parts.append(f"{told.repromised} of them kept as promised again.")
    if told.open_today:
        parts.append(f"Today: {told.open_today} open.")
    return " ".join([*(part for part in parts if part), told.link])


def _promises(count: int) -> str:
    return "promise" if count == 1 else "promises"
