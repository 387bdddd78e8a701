"""What customers are told: few, true, kind; pure. Two segments at most, the link always whole."""

from __future__ import annotations

from dataclasses import dataclass

from ..messaging.wording import plain, segments
from ..procurement.substitution_wording import THING, fitted, numbered, tidy, ways_to_answer
from .rules import NoticeKind

MOST_SEGMENTS = 2
# Titles in a costly script don't fit into two segments: the page has them.
CHOOSE_THERE = "Please choose something else, or nothing, by"
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

    def text() -> str:
        return tidy(_text(kind, told=told, **parts))

    for name in SHORTENED:
        while parts[name] and segments(text()).count > MOST_SEGMENTS:
            cut = parts[name].removesuffix("...").rstrip()[:-8]
            parts[name] = f"{cut}..." if cut else ""
    return text()


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


@dataclass(frozen=True, kw_only=True)
class ToldOffer:
    """What may be said of something else. `missing`: what can't be had; `until`: local, like "17:30"."""

    shop: str
    name: str
    missing: str
    link: str
    choices: tuple[str, ...] = ()
    until: str = ""
    takes_replies: bool = True
    is_here: bool = True
    why: str = ""


def offer(told: ToldOffer) -> str:
    """What they could have instead, how to choose and until when. Without answers by text the link alone serves."""
    ways = f"{ways_to_answer(len(told.choices))}, by" if told.takes_replies else "Please choose by"

    def text(missing: str, shop: str, name: str, *choices: str) -> str:
        bring = f"Instead we could bring you: {numbered(choices)} {ways}" if any(choices) else CHOOSE_THERE
        return f"{_bad_news(name, shop, missing)} {bring} {told.until}: {told.link}"

    return fitted(text, told.missing, told.shop, told.name, *told.choices)


def _bad_news(name: str, shop: str, missing: str) -> str:
    return f"Hello {name or 'there'}, {shop or 'the shop'}: we can't get {missing or THING} in time."


def substituted(told: ToldOffer) -> str:
    """What they get instead, as they agreed when they ordered: the one choice."""

    def text(missing: str, shop: str, name: str, title: str) -> str:
        what = title or "the usual substitute"
        get = f"you get {what} instead" if told.is_here else f"we are getting {what} for you instead"
        return f"{_bad_news(name, shop, missing)} As agreed, {get}. See where it is: {told.link}"

    return fitted(text, told.missing, told.shop, told.name, *told.choices[:1])


def offer_withdrawn(told: ToldOffer) -> str:
    """They need not choose any more. `why`: found, cancelled or anything else."""

    def text(missing: str, shop: str, name: str) -> str:
        what = missing or THING
        said = {
            "found": f"good news, we found {what} after all. No need to choose.",
            "cancelled": f"no need to choose instead of {what} any more, the order is cancelled.",
        }.get(told.why, f"no need to choose instead of {what} any more.")
        return f"Hello {name or 'there'}, {shop or 'the shop'}: {said} {told.link}"

    return fitted(text, told.missing, told.shop, told.name)
