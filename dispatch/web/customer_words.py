"""What the customer's page says, in each language that we have words in; pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from ..customers.heads_up_rules import Preference
from ..messaging.phrase_rules import Language
from ..orders.rules import Status


@dataclass(frozen=True, kw_only=True)
class PageWords:
    """The sentences of the page. Gaps in braces are filled in by whoever shows them."""

    days: tuple[str, str, str]
    steps: tuple[str, str, str, str]
    said: dict[Status, str]
    preferences: dict[Preference, str]
    title: str
    hello: str
    kept: str
    missing: str
    somebody: str
    between: str
    any_minute: str
    closed: str
    closed_why: str
    stale: str
    catches_up: str
    offer: str
    offer_ask: str
    offer_no: str
    offer_none: str
    offer_declined: str
    offer_past: str
    offer_phone: str
    may_be_late: str
    will_be_late: str
    not_there: str
    prefer: str
    good: str
    good_yes: str
    good_missing: str
    good_no: str
    tight: str
    doing: str
    doing_by: str
    late: str
    lost: str
    came_late: str
    promised: str
    first: str
    order: str
    instead: str
    reply: str
    call: str
    stop: str
    stopped: str
    start: str
    started: str


EN = PageWords(
    days=("yesterday", "today", "tomorrow"),
    steps=("We have your order", "It is in our hands", "On its way", "With you"),
    said={
        Status.PROCURING: "We are getting it for you from another shop in town.",
        Status.PACKING: "We have it here and are packing it.",
        Status.READY: "It is packed and about to leave.",
        Status.OUT_FOR_DELIVERY: "{name} is on the way to you.",
        Status.DELIVERED: "It is with you since {at}. Thank you for counting on us.",
        Status.CANCELLED: "This order was cancelled. If that surprises you, please call us.",
    },
    preferences={
        Preference.WAIT: "I wait",
        Preference.LATER: "Bring it by {later}",
        Preference.COLLECT: "I come and collect it",
        Preference.CANCEL: "I don't need it any more",
    },
    title="Your order from {shop}",
    hello="Hello {name},",
    kept="It is ready for you at {shop}.",
    missing="We have not found everything yet.",
    somebody="Somebody of ours",
    between="Probably there between {early} and {late}.",
    any_minute="It should be there any minute.",
    closed="This page is closed",
    closed_why="The order ended more than two weeks ago. If something is not right, please call us.",
    stale="We can't reach the shop just now. This may be old",
    catches_up="It catches up by itself.",
    offer="We can't get {missing} in time",
    offer_ask="Would one of these do instead? Please choose by",
    offer_no="No, thank you",
    offer_none="None of these",
    offer_declined="You want nothing else instead.",
    offer_past="You could choose something else until {until}.",
    offer_phone="We will phone you about it. If you would rather not wait, please call {shop}.",
    may_be_late="It may not be there by {promise}",
    will_be_late="It will not be there by {promise}",
    not_there="It is not with you yet",
    prefer="What would you prefer?",
    good="Is everything good now?",
    good_yes="Yes, it is good",
    good_missing="If not, what is missing?",
    good_no="No, not yet",
    tight="It is tight.",
    doing="We are asking everybody who can help.",
    doing_by="{name} has taken it on.",
    late="We promised it by {promise}, and it is not there yet. We are on it.",
    lost="We promised it by {promise}, and we will not make it. We are sorry that we let you down.",
    came_late="It is with you since {at}. We know that it came later than we promised.",
    promised="We promised it by",
    first="We first said {first}.",
    order="Your order",
    instead="instead of {first}",
    reply="Something to tell us? Just reply to our text, or call {shop}.",
    call="Something to tell us? Please call {shop}.",
    stop="No more texts from you, please",
    stopped="We don't text you any more. This page still shows how it stands, and we phone you if we must.",
    start="Text me again",
    started="We text you again.",
)
HI = PageWords(
    days=("कल (बीता)", "आज", "कल"),
    steps=("ऑर्डर मिला", "सामान हमारे पास है", "रास्ते में", "आपके पास"),
    said={
        Status.PROCURING: "हम इसे शहर की दूसरी दुकान से आपके लिए ला रहे हैं।",
        Status.PACKING: "यह हमारे पास है, हम पैक कर रहे हैं।",
        Status.READY: "यह पैक है और निकलने वाला है।",
        Status.OUT_FOR_DELIVERY: "{name} इसे लेकर आपके पास आ रहे हैं।",
        Status.DELIVERED: "यह {at} से आपके पास है। हम पर भरोसा करने के लिए धन्यवाद।",
        Status.CANCELLED: "यह ऑर्डर रद्द हो गया। अगर आपको यह पता नहीं था, तो कृपया हमें फ़ोन करें।",
    },
    preferences={
        Preference.WAIT: "मैं रुकूँगा/रुकूँगी",
        Preference.LATER: "{later} तक ले आइए",
        Preference.COLLECT: "मैं खुद आकर ले लूँगा/लूँगी",
        Preference.CANCEL: "अब मुझे इसकी ज़रूरत नहीं",
    },
    title="{shop} से आपका ऑर्डर",
    hello="नमस्ते {name} जी,",
    kept="यह {shop} पर आपके लिए तैयार है।",
    missing="हमें अभी सब कुछ नहीं मिला है।",
    somebody="हमारे साथी",
    between="शायद {early} और {late} के बीच पहुँचेगा।",
    any_minute="अब किसी भी पल पहुँचेगा।",
    closed="यह पेज बंद हो चुका है",
    closed_why="ऑर्डर दो हफ़्ते से ज़्यादा पहले पूरा हुआ। अगर कुछ ठीक नहीं है, तो कृपया हमें फ़ोन करें।",
    stale="अभी दुकान से संपर्क नहीं हो रहा। यह जानकारी पुरानी हो सकती है",
    catches_up="संपर्क होते ही यह अपने आप नया हो जाएगा।",
    offer="{missing} समय पर नहीं मिल पाएगा",
    offer_ask="क्या इनमें से कुछ चलेगा? कृपया चुनें, समय:",
    offer_no="नहीं, धन्यवाद",
    offer_none="इनमें से कुछ नहीं",
    offer_declined="आपको इसके बदले कुछ और नहीं चाहिए।",
    offer_past="आप {until} तक कुछ और चुन सकते थे।",
    offer_phone="हम इस बारे में आपको फ़ोन करेंगे। रुकना न चाहें तो {shop} को फ़ोन करें।",
    may_be_late="यह शायद {promise} तक न पहुँचे",
    will_be_late="यह {promise} तक नहीं पहुँचेगा",
    not_there="यह अभी आपके पास नहीं पहुँचा",
    prefer="आप क्या चाहेंगे?",
    good="क्या अब सब ठीक है?",
    good_yes="हाँ, सब ठीक है",
    good_missing="अगर नहीं, तो क्या कमी है?",
    good_no="नहीं, अभी नहीं",
    tight="समय कम है।",
    doing="जो भी मदद कर सकता है, हम उससे पूछ रहे हैं।",
    doing_by="{name} ने इसे अपने हाथ में लिया है।",
    late="हमने {promise} तक का वादा किया था, और यह अभी नहीं पहुँचा। हम इसमें लगे हैं।",
    lost="हमने {promise} तक का वादा किया था, और हम नहीं पहुँचा पाएँगे। हमें खेद है।",
    came_late="यह {at} से आपके पास है। हम जानते हैं, यह वादे से देर में आया।",
    promised="हमारा वादा",
    first="पहले हमने {first} कहा था।",
    order="आपका ऑर्डर",
    instead="{first} के बदले",
    reply="कुछ बताना है? हमारे मैसेज का जवाब दें, या {shop} को फ़ोन करें।",
    call="कुछ बताना है? कृपया {shop} को फ़ोन करें।",
    stop="कृपया मुझे और मैसेज न भेजें",
    stopped="अब हम आपको मैसेज नहीं भेजते। यह पेज फिर भी हाल बताता है, और ज़रूरत हुई तो हम फ़ोन करेंगे।",
    start="मुझे फिर से मैसेज भेजें",
    started="हम आपको फिर से मैसेज भेजेंगे।",
)
PAGE_WORDS = {Language.EN: EN, Language.HI: HI}
HINDI_MONTHS = ("जन", "फ़र", "मार्च", "अप्रै", "मई", "जून", "जुल", "अग", "सित", "अक्टू", "नव", "दिस")


def when(at: datetime, timezone: str, language: Language, *, now: datetime) -> str:
    """An instant as people of that place say it: "today 20:00", "आज 20:00", "Tue 24 Nov 20:00", "24 नव 20:00"."""
    zone = ZoneInfo(timezone)
    there, today = at.astimezone(zone), now.astimezone(zone).date()
    days = (there.date() - today).days
    if -1 <= days <= 1:
        return f"{PAGE_WORDS[language].days[days + 1]} {there:%H:%M}"
    day = (
        f"{there.day} {HINDI_MONTHS[there.month - 1]}"
        if language is Language.HI
        else f"{there:%a} {there.day} {there:%b}"
    )
    return f"{day} {there:%H:%M}"
