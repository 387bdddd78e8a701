"""What customers are told: few, true, kind; pure. The words are in `phrases`; here is what goes into their gaps."""

from __future__ import annotations

from dataclasses import dataclass

from ..messaging.phrase_rules import Language, Said
from ..procurement.substitution_wording import ways_to_answer
from . import phrases
from .rules import NoticeKind


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a notice may say. Times are local, like "20:00"; `carrier` is a first name, `about` a time of arrival.

    `is_tight`: it was at risk from the first. `is_late`: it came after the promise that they count on.
    """

    shop: str
    name: str
    what: str
    promised: str
    link: str
    carrier: str = ""
    about: str = ""
    pin: str = ""
    is_tight: bool = False
    is_late: bool = False


OF_KIND = {
    NoticeKind.CONFIRMED: phrases.CONFIRMED,
    NoticeKind.ON_ITS_WAY: phrases.ON_ITS_WAY,
    NoticeKind.DELIVERED: phrases.DELIVERED,
}
OF_A_FAILURE = {NoticeKind.CONFIRMED: phrases.CONFIRMED_TIGHT, NoticeKind.DELIVERED: phrases.DELIVERED_LATE}


def notice(kind: NoticeKind, told: Told) -> Said:
    """One notice."""
    is_other = {NoticeKind.CONFIRMED: told.is_tight, NoticeKind.DELIVERED: told.is_late}.get(kind, False)
    phrase = OF_A_FAILURE[kind] if is_other else OF_KIND[kind]
    return Said(phrase, {name: getattr(told, name) for name in phrase.gaps})


@dataclass(frozen=True, kw_only=True)
class ToldOffer:
    """What may be said of something else. `missing`: what can't be had; `until`: local, like "17:30".

    `why`: why they need not choose any more: found, or anything else.
    """

    shop: str
    name: str
    missing: str
    link: str
    choices: tuple[str, ...] = ()
    until: str = ""
    takes_replies: bool = True
    why: str = ""


def offer(told: ToldOffer, language: Language = Language.EN) -> Said:
    """What they could have instead, how to choose and until when. Without answers by text the link alone serves."""
    how = f"{ways_to_answer(len(told.choices))}," if told.takes_replies else "Please choose"
    if language is Language.HI:
        how = "कृपया चुनें"
    return Said(phrases.OFFER, {**_all(told), "choices": told.choices, "how": how, "until": told.until})


def substituted(told: ToldOffer) -> Said:
    """What they get instead, as they agreed when they ordered: the one choice."""
    return Said(phrases.SUBSTITUTED, {**_all(told), "choice": told.choices[0] if told.choices else ""})


def offer_withdrawn(told: ToldOffer) -> Said:
    """They need not choose any more."""
    return Said(phrases.FOUND if told.why == "found" else phrases.OVER, _all(told))


def _all(told: ToldOffer) -> dict[str, str]:
    return {"name": told.name, "shop": told.shop, "link": told.link, "missing": told.missing}
