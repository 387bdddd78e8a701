"""What is said to somebody who answers an offer, by text and on the page; pure. One segment or two."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..messaging.phrase_rules import MOST_SEGMENTS, numbered, tidy
from ..messaging.wording import Encoding, plain, segments, without_signs
from .substitution_rules import numbers_written

CUT = 8
# Where nothing is left of a title.
THING, IT, ONE = "what you ordered", "what you chose", "one"


def fitted(make: Callable[..., str], *parts: str) -> str:
    """A text of `make(*parts)` that takes two segments at most: the longest part is shortened first.

    One word in a script that needs UCS-2 more than halves what fits: then emojis go first, and the parts in such a
    script are shortened before others.
    `make` says something sensible for a part of which nothing is left.
    """
    shown = [plain(part) for part in parts]
    if segments(make(*shown)).count > MOST_SEGMENTS:
        shown = [without_signs(part) for part in shown]
    while segments(make(*shown)).count > MOST_SEGMENTS and any(shown):
        costly = [n for n, part in enumerate(shown) if segments(part).encoding is Encoding.UCS2]
        longest = max(costly or range(len(shown)), key=lambda n: len(shown[n]))
        cut = shown[longest].removesuffix("...").rstrip()[:-CUT]
        shown[longest] = f"{cut}..." if cut else ""
    return tidy(make(*shown))


def ways_to_answer(count: int) -> str:
    """How to choose by text: "Reply 1 or 2, or 0 for neither"."""
    no = "no" if count == 1 else "neither" if count == 2 else "none"
    return f"Reply {numbers_written(count)}, or 0 for {no}"


def taken(title: str, *, is_here: bool) -> str:
    """They chose, and it is theirs."""
    if is_here:
        return fitted(lambda title: f"Thank you! You get {title or IT} instead.", title)
    return fitted(lambda title: f"Thank you! We are getting {title or IT} for you instead.", title)


def declined(missing: str) -> str:
    """They want none of it."""
    return fitted(lambda missing: f"Thank you for telling us. We will phone you about {missing or THING}.", missing)


def already(title: str) -> str:
    """They chose before."""
    return fitted(
        lambda title: f"You get {title or IT} instead, as you chose. If that is wrong, please call us.", title
    )


def late(missing: str, *, until: str) -> str:
    """The answer comes after its time."""
    return fitted(lambda missing: f"That was until {until}. We will phone you about {missing or THING}.", missing)


def gone(title: str, left: Sequence[str], *, until: str) -> str:
    """Somebody else got the last one at the same moment."""
    if not left:
        return fitted(lambda title: f"We are sorry, the last {title or ONE} has just gone. We will phone you.", title)
    ways = f"{ways_to_answer(len(left))}, by {until}."
    return fitted(
        lambda title, *others: (
            f"We are sorry, the last {title or ONE} has just gone. Still there: {numbered(others)} {ways}"
        ),
        title,
        *left,
    )


def over(missing: str, *, reason: str) -> str:
    """There is nothing to choose any more. `reason`: found, cancelled, or anything else."""
    if reason == "found":
        return fitted(
            lambda missing: f"No need to choose any more: we have {missing or THING} for you after all.", missing
        )
    if reason == "cancelled":
        return "No need to choose any more: the order is cancelled."
    return "No need to choose any more, thank you."


def which(titles: Sequence[str]) -> str:
    """Two offers are open and the answer fits both. Where their titles don't tell them apart their page does."""
    if len({title.casefold() for title in titles}) < len(titles):
        return "Which one do you mean? Please open the link in our text about it, and choose there."
    return fitted(
        lambda *open_: (
            f"Which one do you mean: {' or '.join(open_)}? Reply with its name and the number, like {open_[0]}: 1"
        ),
        *titles,
    )
