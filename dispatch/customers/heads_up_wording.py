"""What customers are told while a promise is in danger, and in answer to what they choose; pure.

Facts, what we are doing, a choice; no apology, for nothing is broken yet. "Cancel" is a word that stops all texts: it
is never asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..messaging.phrase_rules import Language, Said
from ..procurement.substitution_rules import written
from ..procurement.substitution_wording import fitted
from ..promise.rules import ClockName
from .heads_up_rules import Preference
from .phrases import HEADS_UP

# Why, as somebody who is waiting would say it: no names of staff, no other customers.
BECAUSE = {
    Language.EN: {
        ClockName.SUPPLIER_CLOSING: "the shop that has it is about to close",
        ClockName.PROCUREMENT: "getting it from another shop takes longer than planned",
        ClockName.PACKING: "it is not packed yet",
        ClockName.TRAVEL: "the way to you is longer than the time left",
        ClockName.SHIFT_END: "there may be nobody left to bring it",
        ClockName.NOBODY_AVAILABLE: "nobody is free to bring it just now",
        ClockName.DEADLINE: "time is getting short",
    },
    Language.HI: {
        ClockName.SUPPLIER_CLOSING: "दूसरी दुकान बंद होगी",
        ClockName.PROCUREMENT: "दूसरी दुकान में देर लगी",
        ClockName.PACKING: "पैकिंग बाकी है",
        ClockName.TRAVEL: "रास्ता लंबा है",
        ClockName.SHIFT_END: "लाने वाले घर जाने को हैं",
        ClockName.NOBODY_AVAILABLE: "अभी कोई लाने वाला नहीं",
        ClockName.DEADLINE: "समय कम है",
    },
}
# Of what can't be had: of the one thing they ordered, or of some of several.
NOT_FOUND = {Language.EN: "we have not found it yet", Language.HI: "यह अभी नहीं मिला"}
NOT_ALL_FOUND = {Language.EN: "we have not found all of it yet", Language.HI: "सब कुछ अभी नहीं मिला"}


@dataclass(frozen=True, kw_only=True)
class Told:
    """What may be said. Times are local, like "19:30"; `later`: the time we propose, `taker`: a first name. `missing`:
    how many of their `count` things can't be had."""

    shop: str
    name: str
    what: str
    promised: str
    link: str
    cause: ClockName
    choices: Sequence[Preference]
    later: str = ""
    taker: str = ""
    takes_replies: bool = True
    missing: int = 0
    count: int = 1


def because(told: Told, language: Language) -> str:
    """Why it is in danger; what nobody has found outweighs what the clock says of it."""
    if told.missing:
        return (NOT_FOUND if told.missing == told.count == 1 else NOT_ALL_FOUND)[language]
    return BECAUSE[language][told.cause]


def heads_up(told: Told, language: Language = Language.EN) -> Said:
    """The facts, what we are doing, and what they may choose, by number and by link."""
    if language is Language.HI:
        doing = f"{told.taker} इसमें लगे हैं" if told.taker else "हम मदद ढूँढ रहे हैं"
        how = "आप क्या चाहेंगे, बताएँ"
    else:
        doing = f"{told.taker} is on it" if told.taker else "We are asking everybody who can help"
        ways = f"Reply {numbered(told.choices, told.later)}. Or" if told.takes_replies else ""
        how = ways or "Tell us what you prefer"
    parts = {
        "name": told.name,
        "shop": told.shop,
        "what": told.what,
        "promised": told.promised,
        "because": because(told, language),
        "doing": doing,
        "how": how,
        "link": told.link,
    }
    return Said(HEADS_UP, parts)


def numbered(choices: Sequence[Preference], later: str) -> str:
    """The choices with their numbers: "1 to wait, 2 for 20:30, 3 to collect it, 4 if not needed"."""
    words = {
        Preference.WAIT: "to wait",
        Preference.LATER: f"for {later}",
        Preference.COLLECT: "to collect it",
        Preference.CANCEL: "if not needed",
    }
    return ", ".join(f"{written(number)} {words[choice]}" for number, choice in enumerate(choices, 1))


def which(asked: Sequence[tuple[str, str, str]]) -> str:
    """Several orders are in danger and the answer fits more than one: (code, what, promised) of each. The same book
    twice is told apart by its code alone."""
    code = asked[0][0]

    def text(*things: str) -> str:
        named = zip(asked, things, strict=True)
        each = (f"{code} ({f'{what}, ' if what else ''}by {by})" for (code, _, by), what in named)
        return (
            f"Which one do you mean: {' or '.join(each)}? Reply with its code and the number, like {code} {written(1)}"
        )

    return fitted(text, *(what for _, what, _ in asked))


def waits(link: str) -> str:
    """They wait."""
    return f"Thank you. We go on doing what we can. See where it is: {link}"


def has_later(later: str) -> str:
    """They took the later time."""
    return f"Thank you. You will have it by {later}."


def collects(shop: str, address: str, link: str) -> str:
    """They come for it."""

    def text(address: str, shop: str) -> str:
        where = ", ".join(part for part in (shop or "our shop", address) if part)
        return f"Thank you. We keep it for you at {where}. Before you leave, see here whether it is ready: {link}"

    return fitted(text, address, shop)


def is_cancelled() -> str:
    """They don't need it any more."""
    return "It is cancelled, as you wish. Thank you for telling us."


def already(choice: Preference) -> str:
    """They chose before."""
    words = {
        Preference.WAIT: "to wait",
        Preference.LATER: "a later time",
        Preference.COLLECT: "to collect it",
        Preference.CANCEL: "not to have it any more",
    }
    return f"You chose {words[choice]}, and that stands. If it is wrong, please call us."


def over(*, delivered: str = "", is_cancelled: bool = False, arrives: str = "") -> str:
    """There is nothing left to choose: how it stands instead."""
    if delivered:
        return f"No need to choose any more: it is with you since {delivered}."
    if is_cancelled:
        return "No need to choose any more: the order is cancelled."
    about = f", there at about {arrives}" if arrives else ""
    return f"It is on its way to you already{about}."


def too_late(later: str) -> str:
    """The proposed time has passed before they chose it."""
    return f"{later} has passed meanwhile. We will phone you."
