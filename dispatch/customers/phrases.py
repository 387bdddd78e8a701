"""Our own words for what customers are told, in each language, with the gaps that a shop's own words may use; pure."""

from __future__ import annotations

from collections.abc import Mapping

from ..messaging.phrase_rules import Gap, Language, Phrase

EN, HI = Language.EN, Language.HI
NAME = Gap(meaning="the customer's first name", sample="Alexandra", can_shrink=True)
SHOP = Gap(
    meaning="what the shop is called",
    sample="The Corner Bookshop",
    can_shrink=True,
    otherwise={EN: "the shop", HI: "दुकान"},
)
WHAT = Gap(meaning="what they ordered", sample="Physics, volume 2 and 2 more things", can_shrink=True)
PROMISED = Gap(meaning="the promise, like 20:00", sample="24 Nov 20:00")
LINK = Gap(meaning="the address of their page", sample="https://dispatch.example.com/t?k=12345-AbCdEfGhIjKlMnOp")
CARRIER = Gap(
    meaning="the first name of who brings it",
    sample="Alexandra",
    can_shrink=True,
    otherwise={EN: "somebody", HI: "हमारे साथी"},
)
ABOUT = Gap(meaning="about when it is there, like 19:20", sample="24 Nov 19:20")
PIN = Gap(meaning="the 4 digits for the door, where they are asked for", sample="4821")
MISSING = Gap(
    meaning="what can't be had",
    sample="Physics, volume 2, 2nd edition",
    can_shrink=True,
    otherwise={EN: "what you ordered", HI: "जो आपने मँगाया"},
)
CHOICES = Gap(
    meaning="what they could have instead, numbered",
    sample=("Physics, volume 2, 1st edition", "Exam Pack"),
    can_shrink=True,
)
CHOICE = Gap(
    meaning="what they get instead",
    sample="Physics, volume 2, 1st edition",
    can_shrink=True,
    otherwise={EN: "the usual substitute", HI: "दूसरा विकल्प"},
)
NUMBERS = Gap(meaning="the numbers to reply with, where replies work, like “1 or 2”", sample="1 or 2")
UNTIL = Gap(meaning="until when they can choose, like 17:30", sample="24 Nov 17:30")

ALL = {"name": NAME, "shop": SHOP, "link": LINK}


def _phrase(key: str, title: str, gaps: Mapping[str, Gap], *, needs: tuple[str, ...], en: str, hi: str) -> Phrase:
    words = {EN: en, HI: hi}
    return Phrase(key=key, title=title, gaps={**ALL, **gaps}, needs=frozenset(needs), words=words)


CONFIRMED = _phrase(
    "confirmed",
    "The order is taken",
    {"what": WHAT, "promised": PROMISED},
    needs=("promised", "link"),
    en="Hello[ {name}], {shop} has your order[: {what}]. You will have it by {promised}. See where it is: {link}",
    hi="[{name} जी, ]{shop} को ऑर्डर मिला[: {what}]। {promised} तक पहुँचेगा। {link}",
)
ON_ITS_WAY = _phrase(
    "on_its_way",
    "On its way",
    {"carrier": CARRIER, "about": ABOUT, "pin": PIN},
    needs=("carrier",),
    en="Hello[ {name}], {carrier} from {shop} is on the way to you[, there at about {about}]."
    "[ Please give {carrier} these 4 digits at the door: {pin}.] {link}",
    hi="[{name} जी, ]{shop} से {carrier} निकल चुके हैं[, करीब {about}]।[ PIN बताएँ: {pin}।] {link}",
)
DELIVERED = _phrase(
    "delivered",
    "Delivered",
    {"what": WHAT},
    needs=(),
    en="Hello[ {name}], your order from {shop} has been delivered[: {what}]. Thank you!",
    hi="[{name} जी, ]{shop} का ऑर्डर पहुँच गया[: {what}]। धन्यवाद!",
)
OFFER = _phrase(
    "offer",
    "Something else instead?",
    {"missing": MISSING, "choices": CHOICES, "numbers": NUMBERS, "until": UNTIL},
    needs=("missing", "until", "link"),
    en="Hello[ {name}], {shop}: we can't get {missing} in time.[ Instead we could bring you: {choices}]"
    "[ Reply {numbers}, or 0 for none, or] choose by {until}: {link}",
    # Two segments of Hindi have no room for titles: their page has them.
    hi="{shop}: {missing} समय पर नहीं मिलेगा। कुछ और {until} तक चुनें: {link}",
)
SUBSTITUTED = _phrase(
    "substituted",
    "Something else, as agreed",
    {"missing": MISSING, "choice": CHOICE},
    needs=("missing", "choice"),
    en="Hello[ {name}], {shop}: we can't get {missing} in time. As agreed, you get {choice} instead. "
    "See where it is: {link}",
    hi="{shop}: {missing} नहीं मिला। जैसा तय था, बदले में {choice} मिलेगा। {link}",
)
FOUND = _phrase(
    "offer_found",
    "No need to choose: we have it",
    {"missing": MISSING},
    needs=("missing",),
    en="Hello[ {name}], {shop}: good news, we found {missing} after all. No need to choose. {link}",
    hi="{shop}: अच्छी खबर, {missing} मिल गया। अब चुनने की ज़रूरत नहीं। {link}",
)
OVER = _phrase(
    "offer_over",
    "No need to choose any more",
    {"missing": MISSING},
    needs=("missing",),
    en="Hello[ {name}], {shop}: no need to choose instead of {missing} any more. {link}",
    hi="{shop}: {missing} के बदले अब कुछ चुनने की ज़रूरत नहीं। {link}",
)
PHRASES = {phrase.key: phrase for phrase in (CONFIRMED, ON_ITS_WAY, DELIVERED, OFFER, SUBSTITUTED, FOUND, OVER)}
