"""What a call says: a page in short spoken sentences, and the document that the provider reads them from; pure.

Only a key that somebody presses is an answer: a voicemail presses none. The customer's address and phone number are
never spoken; whoever takes it gets them by text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from xml.etree import ElementTree

from ..messaging.wording import plain
from .rules import Need, Verb
from .wording import Job

KEYS = {"1": Verb.ACCEPT, "2": Verb.DECLINE}
# How often the question is read, and how many seconds the keys have after its last word.
READINGS = 2
LISTENS_SECONDS = 8
LONGEST_PART = 90
HINDI = "hi-IN"
ENGLISH = "en-GB"
ENGLISH_BY_PREFIX = {"+91": "en-IN", "+1": "en-US", "+61": "en-AU"}
DEVANAGARI = re.compile(r"[\u0900-\u097F]")
# What an English or a Hindi voice can say; emoji and other scripts would be silence, or spelled out by name.
UNSPEAKABLE = re.compile(r"[^\x20-\x7E\u00C0-\u024F\u0900-\u097F]+")
PHONE = re.compile(r"\+?\d(?:[\s().-]{0,2}\d){8,}")


@dataclass(frozen=True, kw_only=True)
class Speech:
    """What is said next, sentence by sentence. `asks`: then a key is waited for, and all of it is said once more."""

    sentences: tuple[str, ...]
    english: str = ENGLISH
    asks: bool = False


def english_of(prefix: str) -> str:
    """The English that is spoken to phones of a country, like "+91"."""
    return ENGLISH_BY_PREFIX.get(prefix, ENGLISH)


def spelled(ref: str) -> str:
    """A code as it is read out: "K7Q2" is "K 7 Q 2"."""
    return " ".join(char for char in ref if char.isalnum())


def speakable(text: str) -> str:
    """Somebody's words as part of a sentence: one line, without what no voice can say and without phone numbers."""
    known = PHONE.sub(" ", UNSPEAKABLE.sub(" ", plain(text)))
    words = " ".join(known.split())
    if len(words) <= LONGEST_PART:
        return words
    return words[:LONGEST_PART].rsplit(" ", 1)[0]


def question(job: Job, *, shop: str) -> tuple[str, ...]:
    """The page as it is spoken: who calls, what, for whom and why, by when, and which keys answer it."""
    what, whom = speakable(job.what) or "an order", speakable(job.for_whom) or "a customer"
    where = speakable(job.from_where) or "a shop in town"
    goods = f"{what} at {where}{f', {speakable(job.further)}' if job.further else ''}"
    fetch = f", fetch the rest at {speakable(job.home) or 'the shop'}," if job.rest else ","
    doing = {
        Need.PROCURE: f"Please buy {goods}, for {whom}, and bring it to the shop.",
        Need.DELIVER: f"Please take {what} from {where} to {whom}.",
        Need.PROCURE_AND_DELIVER: f"Please buy {goods}{fetch} and take it to {whom}.",
    }[job.need]
    reason = speakable(job.reason)
    start = f"{job.start[:1].upper()}{job.start[1:]}."
    return (
        f"This is {speakable(shop) or 'the shop'}, about order {spelled(job.ref)}.",
        doing,
        *((f"Why it matters: {reason}.",) if reason else ()),
        f"Promised by {job.promised}. {'Now as early as you can.' if job.is_late else start}",
        "Press 1 to take it. Press 2 if you can't.",
    )


def not_a_key(sentences: Sequence[str]) -> tuple[str, ...]:
    """After another key: the question once more."""
    return ("Sorry, only 1 and 2 mean something here.", *sentences)


def yours(ref: str, *, is_news: bool) -> tuple[str, ...]:
    """To the one who took it."""
    if not is_news:
        return (f"Order {spelled(ref)} is yours already, thank you. Goodbye.",)
    return (f"Thank you, order {spelled(ref)} is yours.", "A text with the address and the codes comes now. Goodbye.")


def passed(ref: str) -> tuple[str, ...]:
    """To somebody who can't."""
    return (f"All right, order {spelled(ref)} goes to somebody else. Goodbye.",)


def taken(ref: str, *, who: str) -> tuple[str, ...]:
    """To somebody who comes after another."""
    return (
        f"{speakable(who) or 'Somebody'} has order {spelled(ref)} already.",
        "Nothing more to do. Thank you, goodbye.",
    )


def over(ref: str) -> tuple[str, ...]:
    """To somebody who picks up, or presses a key, when nobody is needed any more."""
    return (f"Order {spelled(ref)} needs nobody any more.", "Nothing more to do. Thank you, goodbye.")


def goodbye() -> tuple[str, ...]:
    """When no key was pressed: a voicemail may be all that has listened."""
    return ("The text that we sent has the link to answer. Goodbye.",)


def stranger() -> tuple[str, ...]:
    """When a call is about nothing that we know of."""
    return ("Nobody listens on this line. Please phone the shop. Goodbye.",)


def sorry() -> tuple[str, ...]:
    """When a key could not be given its effect."""
    return ("Sorry, that did not work. Please answer by the link in the text that we sent. Goodbye.",)


def document(speech: Speech, *, ask_url: str) -> bytes:
    """What the provider reads out, as TwiML in UTF-8. The pressed key is posted to `ask_url`."""
    response = ElementTree.Element("Response")
    if not speech.asks:
        _say(response, speech.sentences, speech.english)
        return _written(response)
    keys = {"input": "dtmf", "numDigits": "1", "timeout": str(LISTENS_SECONDS), "action": ask_url, "method": "POST"}
    for _ in range(READINGS):
        _say(ElementTree.SubElement(response, "Gather", keys), speech.sentences, speech.english)
    _say(response, goodbye(), speech.english)
    return _written(response)


def _say(parent: ElementTree.Element, sentences: Sequence[str], english: str) -> None:
    """Neighbours in one language are said in one breath; a sentence with Hindi letters in it by a Hindi voice."""
    for language, group in groupby(sentences, lambda words: HINDI if DEVANAGARI.search(words) else english):
        ElementTree.SubElement(parent, "Say", {"language": language}).text = " ".join(group)


def _written(response: ElementTree.Element) -> bytes:
    return bytes(ElementTree.tostring(response, encoding="utf-8", xml_declaration=True))
