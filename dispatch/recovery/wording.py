"""What a customer is told after a promise was broken: sorry once, then the fix, then the question; pure.

Every sentence a customer reads in a recovery is made here, from a frozen value of parts. Never an excuse, never that
it won't happen again, and no fix in the apology: that comes after it, in a text of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..messaging import phrase_rules
from ..messaging.phrase_rules import Language, Phrase, Said, tidy
from . import phrases
from .rules import ACTS, Cause, Step

# What people write themselves is read over once: nobody can keep this promise, and research says that it hurts.
WORD = re.compile(r"[^\W\d_]{2}")
NEVER_AGAIN = re.compile(
    r"\b(?:never|not|won'?t|will not|wo ?n.?t)\s+(?:\w+\s+){0,2}?(?:happen|occur)\w*\s+again\b|\bnever again\b|"
    r"\blast time (?:this|that) happens\b",
    re.IGNORECASE,
)
EN, HI = Language.EN, Language.HI
WHEN, SOON = {EN: "by {by}", HI: "{by} तक"}, {EN: "as soon as we can", HI: "जल्द से जल्द"}
GOOD_REPLY = {EN: "Reply YES, or NO and what is missing", HI: "जवाब दें YES, या NO और क्या कमी है"}
TELL_US = {EN: "Tell us here", HI: "यहाँ बताएँ"}
OWN_WORDS = {EN: "Reply in your own words, we read every one.", HI: "अपने शब्दों में जवाब दें, हम हर एक पढ़ते हैं।"}
# What we suggest to give, as a customer reads it in Hindi.
GIFTS_HI = {
    "a handwritten note with it": "साथ में हाथ से लिखा एक नोट",
    "no charge for the delivery": "डिलीवरी का कोई पैसा नहीं",
    "10 % off the next order": "अगले ऑर्डर पर 10 % की छूट",
    "your money back, and you keep it": "आपके पैसे वापस, सामान आपका",
    "the next order on us": "अगला ऑर्डर हमारी ओर से",
}
APOSTROPHES = str.maketrans(dict.fromkeys("’‘`´", "'"))


@dataclass(frozen=True, kw_only=True)
class Told:
    """What may be said. Times are local, like "19:30". `what`: the goods; `wrong`: what the customer complained of.

    `reason`: why it matters to them, as they said it. `came`: when the goods came, `by`: when the fix will be there;
    both empty when there is no such time. `signed`: a first name, empty when nobody can sign.
    """

    shop: str
    name: str
    what: str
    promised: str
    link: str
    cause: Cause
    reason: str = ""
    wrong: str = ""
    came: str = ""
    by: str = ""
    signed: str = ""
    goodwill: str = ""
    takes_replies: bool = True


def signature(signed: str, shop: str) -> str:
    """Who says it: "Anand, Kala Books", or the shop alone."""
    return ", ".join(part for part in (signed, shop) if part) or "The shop"


def apology(told: Told, language: Language = Language.EN) -> Said:
    """Sorry, once: what we promised, what that does to this customer, and who says so."""
    parts = {
        **_all(told),
        "wrong": _ended(told.wrong, language) if told.wrong else "",
        "came": told.came,
        "effect": told.reason,
    }
    return Said(_failed(told), parts)


def _failed(told: Told) -> Phrase:
    if told.cause is Cause.COMPLAINT:
        return phrases.COMPLAINT
    if told.came:
        return phrases.CAME_LATE
    return phrases.LATE if told.cause is Cause.LATE else phrases.BROKEN


def _all(told: Told) -> dict[str, str]:
    return {
        "name": told.name,
        "shop": told.shop,
        "what": told.what,
        "promised": told.promised,
        "link": told.link,
        "signed": signature(told.signed, told.shop),
    }


def own_fix(told: Told, own: str) -> str:
    """Somebody's own words on the fix, kept as they are and given the time."""
    by = "" if not told.by or told.by in own else f" By {told.by}."
    return tidy(f"{_ended(own)}{by}" if by else own)


def fix(told: Told, language: Language = Language.EN) -> Said:
    """How we make it good, and by when."""
    when = WHEN[language].format(by=told.by) if told.by else SOON[language]
    phrase = phrases.PUT_RIGHT if told.cause is Cause.COMPLAINT else phrases.FIX
    return Said(phrase, {**_all(told), "when": when, "goodwill": _gift(told.goodwill, language)})


def _gift(goodwill: str, language: Language) -> str:
    """What we give, in the customer's language where it is one of our suggestions; an act is done, and not given."""
    given = GIFTS_HI.get(goodwill, goodwill) if language is HI else goodwill
    return _ended(given, language) if given and given not in ACTS else ""


def question(told: Told, own: str = "", language: Language = Language.EN) -> Said:
    """Whether it was made good; `own`: what somebody says of the fix, before the question."""
    how = GOOD_REPLY[language] if told.takes_replies else TELL_US[language]
    return Said(phrases.GOOD_NOW, {**_all(told), "own": _ended(own, language) if own else "", "how": how})


def survey(told: Told, language: Language = Language.EN) -> Said:
    """How it was, once, after an ending that deserves the question."""
    how = OWN_WORDS[language] if told.takes_replies else f"{TELL_US[language]}: {told.link}"
    return Said(phrases.HOW_WAS_IT, {**_all(told), "how": how})


def thanks_confirmed() -> str:
    """They said that it is good."""
    return "Thank you for telling us. We are glad it is good."


def thanks_reopened() -> str:
    """They said that it is not good."""
    return "Thank you for telling us. Somebody of us will phone you about it."


def thanks_survey() -> str:
    """They said how it was."""
    return "Thank you for telling us. We read every word."


def complaint_about(text: str, step: Step) -> str | None:
    """What is wrong with somebody's own words to a customer, if anything: the remedy as a sentence."""
    if NEVER_AGAIN.search(text.translate(APOSTROPHES)) or phrase_rules.NEVER_AGAIN[HI].search(text):
        return "promises that it won't happen again, which nobody can keep: leave that out"
    if step is Step.EMPATHISE and not WORD.search(text):
        return "has no words: say what it did to them, and that you are sorry"
    return None


def _ended(text: str, language: Language = Language.EN) -> str:
    """With a full stop, unless it has an end of its own."""
    said = text.strip()
    return said if said.endswith((".", "!", "?", "।")) else f"{said}{'।' if language is Language.HI else '.'}"
