"""When the words beside an answer take it back, or say that it is not so yet; pure.

Asking back costs seconds, doing the opposite of what somebody said costs a promise. But a plain note is no doubt: who
writes "17A no problem" or "17D nobody home, left with the guard" is not asked again.
"""

from __future__ import annotations

import re


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.DOTALL)


APOSTROPHES = str.maketrans(dict.fromkeys("’‘`´ʼ′＇", "'"))
CANNOT = r"can ?'?t|can ?not|won'?t|will not|unable|impossible"
PLACE = r"(?:address|house|flat|building|gate|door|entrance|street|place|shop|map|way|number|name|message)"
# Negations that deny nothing that matters here. They are left out before anything else is looked for.
HARMLESS = _words(
    r"\bno[ -]?(?:problem|prob|issue|worr(?:y|ies)|tension|trouble|doubt|hurry|rush|traffic|stress|parking|signal|"
    r"network|helmet|bill|receipt|change|bag)s?\b"
    r"|\bnot (?:there |here |home |delivered |done |ready )?yet\b"
    r"|\bno need(?= (?:to|of|for)\b)|\bno ?one\b|\bno\.? ?(?=\d)|\b(?:no|not) later than\b"
    r"|\bnot (?:an? |any )?(?:problem|issue|trouble)\b|\bnot (?:too |very |so |that )?(?:far|late|long|bad|heavy)\b"
    r"|\b(?:won'?t|will not) (?:be (?:late|long)|take long)\b|\bwhy not\b|\bif not\b|\bcan'?t wait\b"
    r"|\bcan(?:'?t| ?not) (?:find|see|read|open) (?:(?:the|his|her|their|your) )?" + PLACE + r"\b"
    r"|\b(?:don'?t|do not) (?:worry|bother|mind|forget)\b"
    r"|\b(?:don'?t|do not) (?:send|ask|call|ring|text|tell|let|give|close|lock|leave|wait|cancel)\b(?! me\b)"
    r"|\b(?:don'?t|do not) have (?:(?:the|his|her|their|any|a) )?(?:change|cash|key|bag|pin|bill|" + PLACE + r")\b"
    r"|\bkoi (?:problem|baat|dikkat|tension) nahi+n?\b"
)
# What a refusal begins with, after words that say nothing.
OPENING = _words(
    r"\W*(?:(?:sorry|please|pls|plz|hi|hey|oh|well|ok(?:ay)?|sir|ma'?am|actually|still|really|i'?m|i am|i|is|it'?s|it|"
    r"this|that'?s|that|we)\b\W*)*"
    r"(?:no|not|nope|nah|never|don'?t|do not|isn'?t|ain'?t|stop|cancel(?:led)?|wrong|mistake|pass|"
    r"off(?! to\b)|back(?! (?:in|at|by|from|on|to|soon)\b)|back to (?:you|shop|the shop) please|"
    r"give (?:\w+ )?to(?! (?:me|him|her)\b)|ask \w+\W*$|take (?:it|this|that) (?:back|off)(?! (?:with|to)\b))\b"
)
REFUSAL = _words(
    rf"\b(?:{CANNOT}|busy|decline|nope|nahi+n?|no longer|any ?more)\b|👎"
    r"|\bnot (?:possible|able|free|available|me|mine|today|tonight|now|going|coming|doing|taking|working|well|"
    r"in town|on (?:shift|duty)|sure if)\b"
    r"|\b(?:don'?t|do not) (?:have|want|think|feel)\b"
    r"|\bno (?:time|bike|scooter|vehicle|car|transport|petrol|fuel|way)\b"
    r"|\btoo (?:far|late|busy|tired|heavy)\b|\bsome(?:body|one) else\b|\blet (?!me\b|us\b)\w+ (?:do|take|go|have)\b"
)
CONDITION = _words(r"\b(?:but|unless|only if|depends)\b|^\W*(?:maybe|perhaps|later|tomorrow|not yet)\W*$")
# "Sorry, in class" refuses, "sorry, was driving, coming" does not.
SORRY = _words(
    r"\W*sorry\b(?!.*\b(?:for|about|late|delay(?:ed)?|was|just|coming|on my way|omw|leaving|will|i'll|taking|starting|"
    r"reach(?:ing)?|now|yes|sure|ok(?:ay)?)\b)"
)
YET = _words(r"\byet\b|^\W*(?:(?:maybe|will|it|tomorrow)\W+)*(?:later|tomorrow|soon)\b")
IN_A_WHILE = _words(
    r"^\W*(?:(?:in )?\d+ ?(?:mins?|minutes?|m|hrs?|hours?|h)\b(?! (?:ago|back|late|early|before))"
    r"|in (?:an?|half an|one|two|five|ten)\b|in \d+\W*$)"
)
NOT_DONE = _words(
    rf"\b(?:{CANNOT}|nahi+n?|nobody|no ?one|haven'?t)\b"
    r"|\b(?:sold ?out|out of stock|no stock|closed|locked|failed|wrong|missing)\b"
    r"|\bnot (?:there|here|found|ready|available|possible|received|got|picked|bought|home|at home|in|open|opening|"
    r"answering|picking|reachable)\b"
    r"|\bdidn'?t (?:open|answer|pick|come|deliver|find|get|take|accept)\b"
)
STILL_TO_BUY = _words(r"\b(?:will|i'll|going to) (?:pick|buy|collect|fetch|get (?!there\b))")
STILL_TO_BRING = _words(
    r"\b(?:will|i'll|going to) (?:be )?(?:deliver|drop|reach|give|hand|there)|\bnot (?:delivered|given|handed)\b"
    r"|\bon (?:my|the) way\b(?! (?:back|home|to)\b)|\bomw\b|\bcoming\b(?! (?:back|home|to)\b)"
    r"|\b(?:reaching|almost|nearly|about to|waiting|stuck|refused|returned)\b|^\W*by \d"
)
LEFT_THERE = _words(
    r"(?<!not )\b(?:left (?:\w+ ){0,2}(?:with|at|in|by|on|under|near|inside|outside)|gave(?! up)|given|handed)\b"
)
ROAD = (
    r"road|rd|street|st|lane|marg|nagar|colony|block|sector|flat|house|floor|park|cross|avenue|ave|phase|apartments?|"
    r"building|tower|square|gali|chowk|bazaar|gardens?|green|enclave|vihar|layout"
)
# "No. 17 Lake Road?", "no, 17 is with me", "17 no problem": a number or a small word, and no refusal.
NO_MEANS_LESS = _words(
    rf"^\W*(?:problem|prob|issue|worr(?:y|ies)|tension|doubt|trouble|need|is|was|has)\b|\?\W*$"
    rf"|^\s+(?:(?!(?:at|in|on|near|the|i|my)\b)\w+\s+){{0,3}}(?:{ROAD})\b"
)
ALL_THE_SAME = _words(
    r"\b(?:delivered|bought|picked ?up|no problem)\b|\bwill do\W*$|\bi can\W*$|\b(?:i'll|i will) (?:do|take) it\b"
    r"|\bbut (?:i can|i will|i'll|will)\b(?!'?t| ?not)"
)


def gives_up(words: str) -> bool:
    """Whether somebody says that they can't or won't, in their own words."""
    left = HARMLESS.sub(" ", words.translate(APOSTROPHES))
    return bool(OPENING.match(left) or REFUSAL.search(left))


def takes_back_yes(note: str) -> bool:
    """Whether a note beside "I take it" says the opposite, or only perhaps."""
    return bool(gives_up(note) or CONDITION.search(note) or SORRY.match(note))


def is_not_had(note: str) -> bool:
    """Whether a note beside "I have it" says that they have not."""
    words = re.sub(r"\bnot delivered(?: yet)?\b", " ", note, flags=re.IGNORECASE)
    return _is_not_so(words) or bool(NOT_DONE.search(words) or STILL_TO_BUY.search(words))


def is_not_delivered(note: str) -> bool:
    """Whether a note beside "delivered" says that it is not: the customer would be told so. Left with somebody is."""
    if LEFT_THERE.search(note) and not YET.search(note):
        return False
    return _is_not_so(note) or bool(NOT_DONE.search(note) or STILL_TO_BRING.search(note))


def _is_not_so(note: str) -> bool:
    denied = OPENING.match(HARMLESS.sub(" ", note))
    return bool(denied or YET.search(note) or IN_A_WHILE.search(note))


def is_no_refusal(note: str, *, word: str | None) -> bool:
    """Whether what looks like a refusal is none. `word`: how it was refused, when not by the letter."""
    return bool(ALL_THE_SAME.search(note) or ((word or "").lower() == "no" and NO_MEANS_LESS.search(note)))
