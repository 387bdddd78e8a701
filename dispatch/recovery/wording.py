"""What a customer is told after a promise was broken: sorry once, then the fix, then the question; pure.

Every sentence a customer reads in a recovery is made here, from a frozen value of parts. Never an excuse, never that
it won't happen again, and no fix in the apology: that comes after it, in a text of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..procurement.substitution_wording import THING, fitted, tidy
from .rules import Cause, Step

# What people write themselves is read over once: nobody can keep this promise, and research says that it hurts.
NEVER_AGAIN = re.compile(
    r"\b(?:never|not|won'?t|will not|wo ?n.?t)\s+(?:\w+\s+){0,2}?(?:happen|occur)\w*\s+again\b|\bnever again\b|"
    r"\blast time (?:this|that) happens\b",
    re.IGNORECASE,
)
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


def apology(told: Told) -> str:
    """Sorry, once: what we promised, what that does to this customer, and who says so."""

    def text(reason: str, what: str, shop: str, name: str, signed: str) -> str:
        matters = f" You had told us what it is for: {_ended(reason)}" if reason else " You were counting on it."
        sorry = f"We are sorry that we let you down. {signature(signed, shop)}"
        return f"{name or 'Hello'}, {_failed(told, what)}{matters} {sorry}"

    # A complaint is about what went wrong, a late order about the goods: never both.
    what = told.wrong if told.cause is Cause.COMPLAINT else told.what
    return fitted(text, told.reason, what, told.shop, told.name, told.signed)


def _failed(told: Told, what: str) -> str:
    if told.cause is Cause.COMPLAINT:
        return f"something went wrong with your order: {_ended(what or 'it is not as it should be')}"
    what = what or THING
    if told.came:
        return f"we promised you {what} by {told.promised}, and it came only at {told.came}."
    if told.cause is Cause.LATE:
        return f"we promised you {what} by {told.promised}, and we will not make it."
    return f"we promised you {what} by {told.promised}, and it is not with you."


def fix(told: Told, own: str = "") -> str:
    """How we make it good, and by when; `own`: somebody's own words, kept as they are and given the time."""
    if own:
        by = "" if not told.by or told.by in own else f" By {told.by}."
        return tidy(f"{_ended(own)}{by}" if by else own)

    def text(what: str, goodwill: str, shop: str, name: str, signed: str) -> str:
        when = f" by {told.by}" if told.by else " as soon as we can"
        good = f" And from us: {_ended(goodwill)}" if goodwill else ""
        does = "we put it right" if told.cause is Cause.COMPLAINT else f"you will have {what or THING}"
        return f"{name or 'Hello'}, {does}{when}.{good} {signature(signed, shop)}"

    return fitted(text, told.what, told.goodwill, told.shop, told.name, told.signed)


def question(told: Told, own: str = "") -> str:
    """Whether it was made good; `own`: what somebody says of the fix, before the question."""
    ways = "Reply YES, or NO and what is missing" if told.takes_replies else "Please tell us here"

    def text(own: str, shop: str, name: str) -> str:
        if own:
            start = f"Hello{f' {name}' if name else ''}. {_ended(own)} Is everything good now?"
        else:
            start = f"{name or 'Hello'}, is everything good now?"
        return f"{start} {ways}: {told.link} {shop or 'The shop'}"

    return fitted(text, own, told.shop, told.name)


def survey(told: Told) -> str:
    """How it was, once, after an ending that deserves the question."""
    ways = "Reply in your own words, we read every one." if told.takes_replies else f"Tell us here: {told.link}"
    return fitted(lambda shop, name: f"{name or 'Hello'}, how was it with {shop or 'us'}? {ways}", told.shop, told.name)


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
    if NEVER_AGAIN.search(text.translate(APOSTROPHES)):
        return "promises that it won't happen again, which nobody can keep: leave that out"
    if step is Step.EMPATHISE and len(text.split()) < 3:
        return "is too short to be felt: say what it did to them, and that you are sorry"
    return None


def _ended(text: str) -> str:
    """With a full stop, unless it has an end of its own."""
    said = text.strip()
    return said if said.endswith((".", "!", "?")) else f"{said}."
