"""What people answer: parsing a reply to a page; pure."""

from __future__ import annotations

import enum
import re
import unicodedata
from dataclasses import dataclass, field

from .doubt_rules import APOSTROPHES, is_no_refusal, is_not_delivered, is_not_had, takes_back_yes


class ReplyKind(enum.StrEnum):
    """What somebody means."""

    ACCEPT = "accept"
    DECLINE = "decline"
    PICKED_UP = "picked_up"
    DELIVERED = "delivered"
    HAND_BACK = "hand_back"
    STOP = "stop"
    START = "start"
    HELP = "help"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Reply:
    """One answer. `code` is the page's number, if it was given; `note` what else was said, at most 500 characters.

    `is_loose`: an "ok" or the like without a code, which may as well be thanks for what came last.
    """

    kind: ReplyKind
    code: int | None = None
    note: str | None = None
    is_loose: bool = field(default=False, compare=False)


LETTERS = {
    ReplyKind.ACCEPT: "A",
    ReplyKind.DECLINE: "X",
    ReplyKind.PICKED_UP: "P",
    ReplyKind.DELIVERED: "D",
    ReplyKind.HAND_BACK: "R",
}
BY_LETTER = {letter.lower(): kind for kind, letter in LETTERS.items()}
WORDS = {
    ReplyKind.ACCEPT: r"i accept|accept(?:ed)?|i(?: wi|')ll take|take|taking|ok(?:ay)?|yes|👍|👌",
    ReplyKind.DECLINE: r"i can'?t|can ?'?t|can ?not|i'm busy|busy|no|decline|👎",
    ReplyKind.PICKED_UP: r"picked ?up|pick ?up|bought",
    ReplyKind.DELIVERED: r"delivered",
    ReplyKind.HAND_BACK: r"hand(?:ed)? ?back",
}
# What the provider itself acts upon, when it is the whole message. A bare YES is an acceptance here; the service
# takes it for START when the number is opted out.
STOP_WORDS = frozenset({"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"})
START_WORDS = frozenset({"start", "unstop"})
HELP_WORDS = frozenset({"help", "info"})
KEYWORDS = {
    **dict.fromkeys(STOP_WORDS, ReplyKind.STOP),
    **dict.fromkeys(START_WORDS, ReplyKind.START),
    **dict.fromkeys(HELP_WORDS, ReplyKind.HELP),
}

# One number, at most six digits: a telephone number is not a code. Nor is a span or a time ("ok 10 min").
CODE = r"\#?\s*(?P<code>\d{1,6})(?!\s*(?:[:.]\d|%|(?:mins?|minutes?|h|hrs?|hours?|secs?|seconds?|m|km|[ap]\.?m|rs)\b))"
GAP = r"[\W_]*"
VERB = "|".join(f"(?P<{kind}>{words})" for kind, words in WORDS.items())
END = r"(?![^\W_])"
REST = r"(?P<rest>.*)"
COURTESY = r"(?:please|pls|thanks|thank you|thx|sir|ma'?am|madam|ji)"


def _grammar(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.DOTALL)


NUMBER_LETTER = _grammar(rf"{CODE}{GAP}(?P<letter>[axpdr])(?!\.?m\b){END}{REST}")
LETTER_NUMBER = _grammar(rf"(?P<letter>[axpdr]){GAP}{CODE}{END}{GAP}")
LETTER_NUMBER_NOTE = _grammar(rf"(?P<letter>[axpdr])(?=\d){CODE}{END}{REST}")
VERB_NUMBER = _grammar(rf"(?:{VERB}){GAP}{CODE}(?P<letter>[axpdr])?{END}{REST}")
NUMBER_VERB = _grammar(rf"{CODE}{GAP}(?:{VERB}){END}{REST}")
BARE = _grammar(rf"(?:(?P<letter>[axpdr])|{VERB})(?:{GAP}\b{COURTESY})*{GAP}")
NUMBER = _grammar(rf"{CODE}{GAP}")
# Several codes and nothing else, all written the same way round: "17A 18X", "a17, a18 and x19".
AND = r"(?:[\W_]|\band\b)*"
NUMBERED = re.compile(r"(?P<code>\d{1,6})\s*(?P<letter>[axpdr])(?![^\W\d_])", re.IGNORECASE)
LETTERED = re.compile(r"(?P<letter>[axpdr])\s*(?P<code>\d{1,6})(?!\d)", re.IGNORECASE)
SEVERAL = tuple(
    (_grammar(rf"(?:(?:ok(?:ay)?|yes)\b)?{AND}(?:{strip}{AND}){{2,}}(?:{COURTESY}{AND})*"), token)
    for token, strip in (
        (NUMBERED, r"\d{1,6}\s*[axpdr](?![^\W\d_])"),
        (LETTERED, r"[axpdr]\s*\d{1,6}(?!\d)"),
    )
)
NEVER_BOTH = frozenset({ReplyKind.DECLINE, ReplyKind.HAND_BACK})
LOOSE = frozenset({"ok", "okay", "yes", "👍", "👌"})
# News beside an "ok" or a letter before it: "ok 17 delivered", "yes 17 is bought", "ok 17 d".
NEWS = _grammar(
    r"\W*(?:(?:is|was|has been|just|already|now)\s+)*"
    r"(?:(?P<delivered>delivered)|(?P<picked_up>picked ?up|bought)|(?P<hand_back>hand(?:ed)? ?back)|"
    rf"(?P<letter>[pdr])\W*$){END}{REST}"
)
LATER = {
    ReplyKind.ACCEPT: {ReplyKind.PICKED_UP, ReplyKind.DELIVERED, ReplyKind.HAND_BACK},
    ReplyKind.PICKED_UP: {ReplyKind.DELIVERED},
}

DENIED = {
    ReplyKind.ACCEPT: takes_back_yes,
    ReplyKind.PICKED_UP: is_not_had,
    ReplyKind.DELIVERED: is_not_delivered,
}


def written(kind: ReplyKind, code: int) -> str:
    """How an answer is written in a text: "17A". Raises KeyError for kinds that are not answers to a page."""
    return f"{code}{LETTERS[kind]}"


def parse_reply(text: str) -> Reply:
    """What a text says, in any case, with any spaces and punctuation. Never raises.

    An answer starts the message. What follows a number and its letter ("17D left with the guard"), or a word and its
    number ("ok 17 on my way", "A17 on my way"), is the note. A wrong acceptance would silence the ladder, and asking
    again costs seconds, so these are not understood: a code further inside a sentence ("I am at 17 A Park Street"); a
    letter apart from its number with more words ("A-17 Green Park" is an address); an answer whose note denies it
    ("17A but I'm busy", "17D not yet", see `doubt_rules`); one that is a question ("17D?"); a bare word with others
    ("no problem", "ok 10 min"), courtesies apart ("ok sir"). A number alone is UNKNOWN with its code. News says more
    than the yes before it: "ok 17 delivered" is delivered.
    STOP, START and HELP words count as the whole message only.
    """
    said = _plainly(text)
    keyword = KEYWORDS.get(re.sub(r"[\W_]+$", "", said).lower())
    if keyword:
        return Reply(keyword)
    for pattern in (LETTER_NUMBER, BARE, NUMBER_LETTER, LETTER_NUMBER_NOTE, VERB_NUMBER, NUMBER_VERB, NUMBER):
        match = pattern.fullmatch(said)
        if match:
            return _answer(match.groupdict(), is_question=said.endswith("?"))
    return Reply(ReplyKind.UNKNOWN)


def parse_replies(text: str) -> tuple[Reply, ...]:
    """Every answer of a text, at least one. Never raises.

    Several where the text is several codes and nothing else ("17A 18X", "A17, A18 please"), each once, in the order
    written: more words could be an address ("17A 12D Park Street"), and then it is one answer with a note. A code that
    is said both yes and no to leaves the whole text not understood.
    """
    said = unicodedata.normalize("NFKC", text.translate(APOSTROPHES)).strip()
    for whole, token in SEVERAL:
        if whole.fullmatch(said):
            found = [Reply(BY_LETTER[each["letter"].lower()], int(each["code"])) for each in token.finditer(said)]
            answers = tuple(dict.fromkeys(found))
            return (Reply(ReplyKind.UNKNOWN),) if _contradict(answers) else answers
    return (parse_reply(text),)


def beside_code(text: str) -> str | None:
    """What is said beside a code and its answer ("17D not yet"). None where a text gives no such answer."""
    said = _plainly(text)
    for pattern in (NUMBER_LETTER, LETTER_NUMBER_NOTE, VERB_NUMBER, NUMBER_VERB):
        match = pattern.fullmatch(said)
        if match:
            return match["rest"]
    return None


def is_no_answer(text: str) -> bool:
    """Whether nobody who types this has answered anything, or named a code."""
    return parse_replies(text) == (Reply(ReplyKind.UNKNOWN),)


def _plainly(text: str) -> str:
    said = unicodedata.normalize("NFKC", text.translate(APOSTROPHES)).strip()
    return re.sub(r"^[^\w#👍👌👎]+|\s+$", "", said)


def _contradict(answers: tuple[Reply, ...]) -> bool:
    """Whether one code is given up and something else as well. Picked up and delivered is no contradiction."""
    given_up = {reply.code for reply in answers if reply.kind in NEVER_BOTH}
    return any(sum(reply.code == code for reply in answers) > 1 for code in given_up)


def _answer(found: dict[str, str | None], *, is_question: bool) -> Reply:
    digits = found.get("code")
    code = int(digits) if digits else None
    kind, rest = _with_news(_kind(found), found.get("rest") or "")
    has_words = bool(re.search(r"\w", rest))
    if is_question and not has_words:
        return Reply(ReplyKind.UNKNOWN, code)
    if _is_denied(kind, rest, found):
        return Reply(ReplyKind.UNKNOWN)
    note = re.sub(r"^[\W_]+(?=\w)", "", rest) if has_words else ""
    is_loose = code is None and (found.get("accept") or "").lower() in LOOSE
    return Reply(kind, code, note[:500].rstrip() or None, is_loose)


def _kind(found: dict[str, str | None]) -> ReplyKind:
    """The word says it, except that "ok 17D" says no more than 17D."""
    letter, word = found.get("letter"), next((kind for kind in WORDS if found.get(kind)), None)
    if letter and word in {None, ReplyKind.ACCEPT}:
        return BY_LETTER[letter.lower()]
    return word or ReplyKind.UNKNOWN


def _with_news(kind: ReplyKind, rest: str) -> tuple[ReplyKind, str]:
    """What is meant and what is left of the note, when the note begins with an answer that says more."""
    match = NEWS.match(rest)
    if match is None:
        return kind, rest
    news = _kind(match.groupdict())
    return (news, match["rest"]) if news in LATER.get(kind, ()) else (kind, rest)


def _is_denied(kind: ReplyKind, rest: str, found: dict[str, str | None]) -> bool:
    if kind is ReplyKind.DECLINE:
        return is_no_refusal(rest, word=found.get("decline"))
    return kind in DENIED and DENIED[kind](rest)
