"""Our own words for what customers are told, in each language, with the gaps that a shop's own words may use; pure."""

from __future__ import annotations

from ..messaging.phrase_gaps import EN, HI, PROMISED, WHAT, phrase
from ..messaging.phrase_rules import Gap

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
CHOOSE = Gap(meaning="how to choose, by reply where that works", sample="Reply 1 or 2, or 0 for neither,")
UNTIL = Gap(meaning="until when they can choose, like 17:30", sample="24 Nov 17:30")
BECAUSE = Gap(
    meaning="why it is in danger",
    sample="getting it from another shop takes longer than planned",
    hindi="दूसरी दुकान में देर लगी",
)
DOING = Gap(
    meaning="what we are doing about it",
    sample="We are asking everybody who can help",
    hindi="हम मदद ढूँढ रहे हैं",
    can_shrink=True,
)
PREFER = Gap(
    meaning="how to say what they prefer, by reply where that works",
    sample="Reply 1 to wait, 2 for 24 Nov 20:30, 3 to collect it, 4 if not needed. Or",
    hindi="जवाब दें: 1 रुकें, 2 24 Nov 20:30, 3 खुद लें, 4 नहीं चाहिए। या",
)

CONFIRMED = phrase(
    "confirmed",
    "The order is taken",
    {"what": WHAT, "promised": PROMISED},
    needs=("promised", "link"),
    en="Hello[ {name}], {shop} has your order[: {what}]. You will have it by {promised}. See where it is: {link}",
    hi="[{name} जी, ]{shop} को ऑर्डर मिला[: {what}]। {promised} तक पहुँचेगा। {link}",
)
# What is at risk from the first is not promised once more as if it were not.
CONFIRMED_TIGHT = phrase(
    "confirmed_tight",
    "The order is taken, and it is tight",
    {"what": WHAT, "promised": PROMISED},
    needs=("promised", "link"),
    en="Hello[ {name}], {shop} has your order[: {what}]. It is tight to bring it by {promised}: we do all we can, and "
    "tell you how it stands: {link}",
    hi="[{name} जी, ]{shop} को ऑर्डर मिला[: {what}]। {promised} तक मुश्किल है, पूरी कोशिश कर रहे हैं। {link}",
)
ON_ITS_WAY = phrase(
    "on_its_way",
    "On its way",
    {"carrier": CARRIER, "about": ABOUT, "pin": PIN},
    needs=("carrier",),
    en="Hello[ {name}], {carrier} from {shop} is on the way to you[, there at about {about}]."
    "[ Please give {carrier} these 4 digits at the door: {pin}.] {link}",
    hi="[{name} जी, ]{shop} से {carrier} निकल चुके हैं[, करीब {about}]।[ PIN बताएँ: {pin}।] {link}",
)
DELIVERED = phrase(
    "delivered",
    "Delivered",
    {"what": WHAT},
    needs=(),
    en="Hello[ {name}], your order from {shop} has been delivered[: {what}]. Thank you!",
    hi="[{name} जी, ]{shop} का ऑर्डर पहुँच गया[: {what}]। धन्यवाद!",
)
# Of a failure nobody is thanked for. Sorry is said once, by the recovery.
DELIVERED_LATE = phrase(
    "delivered_late",
    "Delivered, but late",
    {"what": WHAT},
    needs=(),
    en="Hello[ {name}], your order from {shop} is with you now[: {what}]. We know that it came later than we promised.",
    hi="[{name} जी, ]{shop} का ऑर्डर पहुँच गया[: {what}]। हम जानते हैं, यह वादे से देर में आया।",
)
OFFER = phrase(
    "offer",
    "Something else instead?",
    {"missing": MISSING, "choices": CHOICES, "how": CHOOSE, "until": UNTIL},
    needs=("missing", "until", "link"),
    en="Hello[ {name}], {shop}: we can't get {missing} in time.[ Instead we could bring you: {choices}]"
    " {how} by {until}: {link}",
    # Two segments of Hindi have no room for titles: their page has them.
    hi="{shop}: {missing} समय पर नहीं मिलेगा। कुछ और {until} तक चुनें: {link}",
)
SUBSTITUTED = phrase(
    "substituted",
    "Something else, as agreed",
    {"missing": MISSING, "choice": CHOICE},
    needs=("missing", "choice"),
    en="Hello[ {name}], {shop}: we can't get {missing} in time. As agreed, you get {choice} instead. "
    "See where it is: {link}",
    hi="{shop}: {missing} नहीं मिला। जैसा तय था, बदले में {choice} मिलेगा। {link}",
)
FOUND = phrase(
    "offer_found",
    "No need to choose: we have it",
    {"missing": MISSING},
    needs=("missing",),
    en="Hello[ {name}], {shop}: good news, we found {missing} after all. No need to choose. {link}",
    hi="{shop}: अच्छी खबर, {missing} मिल गया। अब चुनने की ज़रूरत नहीं। {link}",
)
OVER = phrase(
    "offer_over",
    "No need to choose any more",
    {"missing": MISSING},
    needs=("missing",),
    en="Hello[ {name}], {shop}: no need to choose instead of {missing} any more. {link}",
    hi="{shop}: {missing} के बदले अब कुछ चुनने की ज़रूरत नहीं। {link}",
)
HEADS_UP = phrase(
    "heads_up",
    "It may be late",
    {"what": WHAT, "promised": PROMISED, "because": BECAUSE, "doing": DOING, "how": PREFER},
    needs=("promised", "because", "link"),
    en="Hello[ {name}], {shop}: {what} may not be with you by {promised}: {because}. {doing}. {how}: {link}",
    hi="{shop}: {what} शायद {promised} तक न पहुँचे, {because}। चुनें: {link}",
)
ALL = (CONFIRMED, CONFIRMED_TIGHT, ON_ITS_WAY, DELIVERED, DELIVERED_LATE, OFFER, SUBSTITUTED, FOUND, OVER, HEADS_UP)
PHRASES = {each.key: each for each in ALL}
