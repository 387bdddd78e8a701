"""How texts are made to fit: segments, and customers' words without forgeries, links and costly characters; pure."""

from __future__ import annotations

import enum
import re
import unicodedata
from dataclasses import dataclass

GSM7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM7_DOUBLE = frozenset("^{}\\[~]|€\f")
LOOK_ALIKES = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′`´ʼ", "'"),
        **dict.fromkeys("“”„‟″«»", '"'),
        **dict.fromkeys("‐‑‒–—―−•", "-"),
        **dict.fromkeys("。｡", ". "),
        "…": "...",
        "₹": "Rs ",
        "×": "x",
    }
)


class Encoding(enum.StrEnum):
    """The two ways a text travels."""

    GSM7 = "GSM-7"
    UCS2 = "UCS-2"


@dataclass(frozen=True)
class Segments:
    """What a text takes: `units` of its encoding, and `count` parts that are paid for and sent one by one."""

    encoding: Encoding
    units: int
    count: int


def segments(text: str) -> Segments:
    """How a text is cut: GSM-7 160 or 153 units each, UCS-2 70 or 67; a character of two units is never cut in half."""
    is_gsm = all(char in GSM7 or char in GSM7_DOUBLE for char in text)
    encoding, single, part = (Encoding.GSM7, 160, 153) if is_gsm else (Encoding.UCS2, 70, 67)
    costs = [1 + (char in GSM7_DOUBLE if is_gsm else char > "\uffff") for char in text]
    units, count, used = sum(costs), 1, 0
    if units <= single:
        return Segments(encoding, units, 1)
    for cost in costs:
        if used + cost > part:
            count, used = count + 1, 0
        used += cost
    return Segments(encoding, units, count)


def plain(text: str) -> str:
    """Somebody's words as one line that can stand inside our text.

    GSM-7 where there is a likeness (quotes, dashes, accents, "₹" as "Rs"); what has none, Hindi for one, stays. Line
    breaks and control characters become spaces, so that a name can't forge a second text. No phone makes a link of
    what is left: "://" goes, and a dot before a letter gets a space ("bit.ly/x" reads "bit. ly/x"), as the first of an
    IP address does. Doing it twice changes nothing.
    """
    known = unicodedata.normalize("NFKC", text.translate(LOOK_ALIKES)).translate(LOOK_ALIKES)
    line = "".join(_likeness(char) for char in known)
    line = re.sub(r":\s*/\s*/[\s/]*", " ", line)
    line = re.sub(r"(?<=[^\s.])\.(?=[^\W\d_])", ". ", line)
    line = re.sub(r"\b(\d{1,3})\.(?=\d{1,3}\.\d{1,3}\.\d{1,3}\b)", r"\1. ", line)
    return " ".join(line.split())


def without_signs(text: str) -> str:
    """One line without the signs that GSM-7 has no room for, as emojis; as it is where letters or figures would go."""
    costly = {char for char in text if char not in GSM7 and char not in GSM7_DOUBLE}
    if any(unicodedata.category(char)[0] in "LN" for char in costly):
        return text
    kept = " ".join("".join(" " if char in costly else char for char in text).split())
    return re.sub(r" +(?=[.,!?;:])", "", kept) if any(char.isalnum() for char in kept) else ""


def _likeness(char: str) -> str:
    category = unicodedata.category(char)
    if category in {"Cc", "Zl", "Zp", "Zs"}:
        return " "
    if category in {"Cf", "Cs", "Co"}:
        return ""  # zero width, reversed writing, halves: only good for disguises
    if char in GSM7 or char in GSM7_DOUBLE:
        return char
    base = "".join(part for part in unicodedata.normalize("NFKD", char) if unicodedata.category(part) != "Mn")
    return base if base and all(part in GSM7 for part in base) else char
