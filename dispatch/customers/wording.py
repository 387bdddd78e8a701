"""What customers are told: few, true, kind; pure. Two segments at most, the link always whole."""

from __future__ import annotations

from dataclasses import dataclass

from ..messaging.wording import plain, segments
from .rules import NoticeKind

MOST_SEGMENTS = 2
SHORTENED = ("what", "carrier", "shop", "name")


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a notice may say. Times are local, like "20:00"; `carrier` is a first name, `about` a time of arrival."""

    shop: str
    name: str
    what: str
    promised: str
    link: str
    carrier: str = ""
    about: str = ""
    pin: str = ""


def notice(kind: NoticeKind, told: Told) -> str:
    """The text of one notice; what was ordered is shortened until it fits, then names."""
    parts = {name: plain(getattr(told, name)) for name in SHORTENED}
    for name in SHORTENED:
        while parts[name] and segments(_text(kind, told=told, **parts)).count > MOST_SEGMENTS:
            cut = parts[name].removesuffix("...").rstrip()[:-8]
            parts[name] = f"{cut}..." if cut else ""
    return _text(kind, told=told, **parts)


def _text(kind: NoticeKind, *, shop: str, name: str, what: str, carrier: str, told: Told) -> str:
    goods = f": {what}" if what else ""
    shop, name, carrier = shop or "the shop", name or "there", carrier or "somebody"
    if kind is NoticeKind.CONFIRMED:
        return (
            f"Hello {name}, {shop} has your order{goods}. You will have it by {told.promised}. "
            f"See where it is: {told.link}"
        )
    if kind is NoticeKind.ON_ITS_WAY:
        pin = f" Please give {carrier} these 4 digits at the door: {told.pin}." if told.pin else ""
        about = f", there at about {told.about}" if told.about else ""
        return f"Hello {name}, {carrier} from {shop} is on the way to you{about}.{pin} {told.link}"
    return f"Hello {name}, your order from {shop} has been delivered{goods}. Thank you!"
