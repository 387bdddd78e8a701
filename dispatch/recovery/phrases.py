"""Our own words for a recovery: sorry, once; then the fix; then whether it is good; then how it was; pure."""

from __future__ import annotations

from ..messaging.phrase_gaps import EN, HI, PROMISED, WHAT, phrase
from ..messaging.phrase_rules import Gap, Tone

SIGNED = Gap(
    meaning="who says it: a first name and the shop",
    sample="Alexandra, The Corner Bookshop",
    can_shrink=True,
    otherwise={EN: "The shop", HI: "दुकान"},
)
EFFECT = Gap(
    meaning="what it means for them: why they needed it, in their words",
    sample="exam tomorrow",
    can_shrink=True,
    matters=True,
    frame={EN: "You had told us what it is for: {}.", HI: "आपको यह चाहिए था: {}।"},
    otherwise={EN: "You were counting on it.", HI: "आपको हम पर भरोसा था।"},
)
CAME = Gap(meaning="when it came after all, like 20:40", sample="24 Nov 20:40")
WRONG = Gap(
    meaning="what they complained of",
    sample="the wrong edition came.",
    hindi="गलत किताब आई।",
    can_shrink=True,
    matters=True,
    otherwise={EN: "it is not as it should be.", HI: "कुछ ठीक नहीं है।"},
)
WHEN = Gap(
    meaning="by when, like “by 21:30”, or “as soon as we can”", sample="by 24 Nov 21:30", hindi="24 Nov 21:30 तक"
)
GOODWILL = Gap(meaning="what we give them for it", sample="no charge for the delivery.", can_shrink=True)
OWN = Gap(meaning="what somebody of us says of the fix", sample="The new one is at your door.", can_shrink=True)
HOW = Gap(
    meaning="how to answer, by reply where that works",
    sample="Reply YES, or NO and what is missing",
    hindi="यहाँ बताएँ",
)
TELL = Gap(
    meaning="how to tell us, by reply where that works, else with the link",
    sample="Reply in your own words, we read every one.",
    hindi="यहाँ बताएँ: https://dispatch.example.com/t?k=12345-AbCdEfGhIjKlMnOp",
)

SORRY_EN = " {effect} We are sorry that we let you down. {signed}"
SORRY_HI = " {effect} हमें खेद है। {signed}"
FAILED = {"what": WHAT, "promised": PROMISED, "effect": EFFECT, "signed": SIGNED}

BROKEN = phrase(
    "apology_broken",
    "Sorry: it is not there",
    FAILED,
    needs=("promised", "effect"),
    en="Hello[ {name}], we promised you {what} by {promised}, and it is not with you." + SORRY_EN,
    hi="[{name} जी, ]{promised} तक {what} का वादा था, और वह नहीं पहुँचा।" + SORRY_HI,
    tone=Tone.APOLOGY,
)
LATE = phrase(
    "apology_late",
    "Sorry: we will not make it",
    FAILED,
    needs=("promised", "effect"),
    en="Hello[ {name}], we promised you {what} by {promised}, and we will not make it." + SORRY_EN,
    hi="[{name} जी, ]{promised} तक {what} का वादा था, और हम नहीं पहुँचा पाएँगे।" + SORRY_HI,
    tone=Tone.APOLOGY,
)
CAME_LATE = phrase(
    "apology_came_late",
    "Sorry: it came too late",
    {**FAILED, "came": CAME},
    needs=("promised", "came", "effect"),
    en="Hello[ {name}], we promised you {what} by {promised}, and it came only at {came}." + SORRY_EN,
    hi="[{name} जी, ]{promised} तक {what} का वादा था, और वह {came} पर पहुँचा।" + SORRY_HI,
    tone=Tone.APOLOGY,
)
COMPLAINT = phrase(
    "apology_complaint",
    "Sorry: something was wrong",
    {"wrong": WRONG, "effect": EFFECT, "signed": SIGNED},
    needs=("wrong", "effect"),
    en="Hello[ {name}], something went wrong with your order: {wrong}" + SORRY_EN,
    hi="[{name} जी, ]आपके ऑर्डर में गड़बड़ हुई: {wrong}" + SORRY_HI,
    tone=Tone.APOLOGY,
)
FIX = phrase(
    "fix",
    "The fix: you will have it",
    {"what": WHAT, "when": WHEN, "goodwill": GOODWILL, "signed": SIGNED},
    needs=("when",),
    en="Hello[ {name}], you will have {what} {when}.[ And from us: {goodwill}] {signed}",
    hi="[{name} जी, ]{what} {when} आपके पास होगा।[ हमारी ओर से: {goodwill}] {signed}",
)
PUT_RIGHT = phrase(
    "fix_complaint",
    "The fix: we put it right",
    {"when": WHEN, "goodwill": GOODWILL, "signed": SIGNED},
    needs=("when",),
    en="Hello[ {name}], we put it right {when}.[ And from us: {goodwill}] {signed}",
    hi="[{name} जी, ]हम इसे {when} ठीक कर देंगे।[ हमारी ओर से: {goodwill}] {signed}",
)
GOOD_NOW = phrase(
    "good_now",
    "Is it good now?",
    {"own": OWN, "how": HOW},
    needs=("link",),
    en="Hello[ {name}].[ {own}] Is everything good now? {how}: {link} {shop}",
    hi="[{own} ]क्या अब सब ठीक है? {how}: {link} {shop}",
)
HOW_WAS_IT = phrase(
    "how_was_it",
    "How was it?",
    {"how": TELL},
    needs=("how",),
    en="Hello[ {name}], how was it with {shop}? {how}",
    hi="[{name} जी, ]{shop} के साथ कैसा रहा? {how}",
)
PHRASES = {each.key: each for each in (BROKEN, LATE, CAME_LATE, COMPLAINT, FIX, PUT_RIGHT, GOOD_NOW, HOW_WAS_IT)}
