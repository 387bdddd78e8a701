"""Several pages of one person as one text: short parts, each with its own code, and one link; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .wording import Encoding, plain, segments

MOST_SEGMENTS = 2
# More than anybody decides on from one text, and more than ever fit.
MOST_PARTS = 8
MORE = "..."
# What is shortened and down to how many letters, in this order. Why it matters first, but not to nothing while
# something else can go; what it is about keeps enough to know it by.
ELASTIC = (("reason", 20), ("place", 0), ("what", 25), ("shop", 0), ("reason", 0), ("whom", 0), ("what", 15))
NAMES = ("what", "shop", "whom", "reason", "place")
WHOLE = frozenset({"shop", "whom", "place"})


@dataclass(frozen=True, kw_only=True)
class Part:
    """What a page says of itself beside others: "K7Q2: take Physics 2 to Arjun (exam), 12 Park Road, by 18:40", or
    "K7Q2: buy Physics 2 at City Books, take to Arjun (exam), 12 Park Road, by 18:40".

    `doing` is "buy", `shop` "at City Books", `then` "take", `whom` "to Arjun", `by` "by 18:40". `code` is None where
    phones can't answer; `link` is the page's own.
    """

    ref: str
    doing: str
    what: str
    whom: str
    reason: str
    place: str
    by: str
    code: int | None
    link: str
    shop: str = ""
    then: str = ""


@dataclass(frozen=True)
class Bundle:
    """One text for the first `count` of the parts."""

    text: str
    count: int


def bundle(parts: Sequence[Part]) -> Bundle | None:
    """The text for as many of the parts, in this order, as two segments can hold; None when that is not even two.

    A code, a time, a ref and the link, which is the first part's, are never cut.
    """
    for count in range(min(len(parts), MOST_PARTS), 1, -1):
        text = _fitted(parts[:count])
        if segments(text).count <= MOST_SEGMENTS:
            return Bundle(text, count)
    return None


def _fitted(parts: Sequence[Part]) -> str:
    """The text with everything, or with as little as may be where that is too much."""
    shown = [{name: plain(getattr(part, name)) for name in NAMES} for part in parts]
    if _is_long(parts, shown):
        # One Hindi letter halves the room; it stands behind the link.
        shown = [{name: text if _is_cheap(text) else "" for name, text in each.items()} for each in shown]
    for name, least in ELASTIC:
        while _is_long(parts, shown):
            longest = max(shown, key=lambda each: len(each[name]))
            if len(longest[name]) <= least:
                break
            longest[name] = _shorter(name, longest[name], least)
    return _text(parts, shown)


def _is_long(parts: Sequence[Part], shown: Sequence[dict[str, str]]) -> bool:
    return segments(_text(parts, shown)).count > MOST_SEGMENTS


def _is_cheap(text: str) -> bool:
    return segments(text).encoding is Encoding.GSM7


def _shorter(name: str, text: str, least: int) -> str:
    """One word less, or nothing: half an address, or half a name, is of no use."""
    if name in WHOLE:
        return ""
    room = len(text) - 1 - len(MORE)
    cut = text.removesuffix(MORE)[: room + 1].rpartition(" ")[0].rstrip(" ,.;:")
    if len(cut) < least / 2:
        cut = text[: max(least - len(MORE), 0)]
    return f"{cut}{MORE}" if cut else ""


def _text(parts: Sequence[Part], shown: Sequence[dict[str, str]]) -> str:
    listed = " ".join(_part(part, each) for part, each in zip(parts, shown, strict=True))
    first = parts[0]
    how = f"Reply {first.code}A to take the first, {first.code}X if you can't" if first.code else "Take them or pass"
    return f"{len(parts)} orders need somebody. {listed} {how}: {first.link}"


def _part(part: Part, shown: dict[str, str]) -> str:
    doing, whom = part.doing, f" {shown['whom']}" if shown["whom"] else ""
    if part.then and whom:
        whom = f", {part.then}{whom}"
    elif part.then:
        doing = f"{doing} and {part.then}"
    shop = f" {shown['shop']}" if shown["shop"] else ""
    why = f" ({shown['reason']})" if shown["reason"] not in {"", MORE} else ""
    place = f", {shown['place']}" if shown["place"] not in {"", MORE} else ""
    code = f": {part.code}A/{part.code}X" if part.code else ""
    return f"{part.ref}: {doing} {shown['what'] or 'an order'}{shop}{whom}{why}{place}, {part.by}{code}."
