"""Sentences with gaps that a shop can make its own: filled, made to fit, and checked before they are kept; pure.

`{shop}` is a gap. What stands in `[...]` is left out whole when one of its gaps is empty: "your order[: {what}]".
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .wording import Encoding, plain, segments

MOST_SEGMENTS = 2
LONGEST = 500
CUT = 8
GAP = re.compile(r"\{(\w+)\}")
OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
TWO_DOTS, DOTS = re.compile(r"(?<!\.)\.\.(?!\.)"), re.compile(r"\.{4,}")


class Language(enum.StrEnum):
    """Languages that we have words in."""

    EN = "en"
    HI = "hi"


LANGUAGE_NAMES = {Language.EN: "English", Language.HI: "हिन्दी"}
# What shows that a text says sorry, and what nobody can promise.
SORRY = {
    Language.EN: re.compile(r"\b(sorry|apolog\w+|forgive)\b", re.IGNORECASE),
    Language.HI: re.compile(r"क्षमा|माफ|माफ़|खेद|अफ़सोस|अफसोस"),
}
NEVER_AGAIN = {
    Language.EN: re.compile(r"(never|won['’]?t|not)\s+(\w+\s+){0,3}(happen|occur)|never again", re.IGNORECASE),
    Language.HI: re.compile(r"(फिर|दोबारा|दुबारा|आगे)\s+(से\s+)?(कभी\s+)?(ऐसा\s+)?(कभी\s+)?(नहीं|न)(?!\w)"),
}


class Tone(enum.StrEnum):
    """What a phrase is to do with an apology."""

    APOLOGY = "apology"  # says sorry, and names what it meant for this customer before any fix
    FACTS = "facts"  # nothing has failed yet, or it was said before: no apology


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Something that a phrase may say. `sample` is a long one; what `can_shrink` is cut when the text is too long."""

    meaning: str
    sample: str
    can_shrink: bool = False


@dataclass(frozen=True, kw_only=True)
class Phrase:
    """One kind of text: which gaps it must have and may have, and our own words for it in each language."""

    key: str
    title: str
    needs: frozenset[str]
    may: frozenset[str]
    words: Mapping[Language, str]
    tone: Tone = Tone.FACTS


def language_of(code: str) -> Language:
    """The language we have words in that comes nearest to a code like "hi-IN"; English where we have none."""
    short = re.split(r"[-_]", code.strip().lower())[0]
    return Language(short) if short in {language.value for language in Language} else Language.EN


def fill(text: str, parts: Mapping[str, str]) -> str:
    """The sentence with its gaps filled; full stops don't double where a title brings its own."""

    def optional(match: re.Match[str]) -> str:
        inner = match.group(1)
        return inner if all(parts.get(name) for name in GAP.findall(inner)) else ""

    kept = OPTIONAL.sub(optional, text)
    filled = GAP.sub(lambda match: parts.get(match.group(1), ""), kept)
    return DOTS.sub("...", TWO_DOTS.sub(".", " ".join(filled.split())))


def compose(texts: Sequence[str], parts: Mapping[str, str], gaps: Mapping[str, Gap]) -> str:
    """The first of several wordings that can be made to fit two segments, the shop's own first.

    What can shrink loses its end, the longest part first, those in a script that more than halves what fits before
    others. Links, times and numbers stay whole. Where nothing fits it is the shortest of all.
    """
    fitted = [_fitted(text, parts, gaps) for text in texts]
    fits = (text for text in fitted if segments(text).count <= MOST_SEGMENTS)
    return next(fits, min(fitted, key=lambda text: segments(text).units))


def _fitted(text: str, parts: Mapping[str, str], gaps: Mapping[str, Gap]) -> str:
    used = set(GAP.findall(text))
    shown = {name: plain(part) if gaps[name].can_shrink else part for name, part in parts.items() if name in used}
    elastic = [name for name in shown if gaps[name].can_shrink]
    while segments(fill(text, shown)).count > MOST_SEGMENTS and any(shown[name] for name in elastic):
        costly = [name for name in elastic if segments(shown[name]).encoding is Encoding.UCS2]
        longest = max(costly or elastic, key=lambda name: len(shown[name]))
        cut = shown[longest].removesuffix("...").rstrip()[:-CUT]
        shown[longest] = f"{cut}..." if cut else ""
    return fill(text, shown)


def complaints(phrase: Phrase, language: Language, text: str, gaps: Mapping[str, Gap]) -> list[str]:
    """Why a shop's own wording can't be kept, each with its remedy; nothing when it can."""
    if not text.strip():
        return ["Write something, or go back to our words."]
    if len(text) > LONGEST:
        return [f"Keep it under {LONGEST} characters."]
    return _gap_complaints(phrase, text) or [
        *_promise_complaints(language, text),
        *_tone_complaints(phrase, language, text),
        *_length_complaints(phrase, text, gaps),
    ]


def _gap_complaints(phrase: Phrase, text: str) -> list[str]:
    known = phrase.needs | phrase.may
    bare = OPTIONAL.sub("", text)
    found = [f"There is no {{{name}}} in this text. You may use {_listed(known)}." for name in _unknown(text, known)]
    missing = phrase.needs - set(GAP.findall(bare))
    if missing:
        found.append(f"{_listed(missing)} must be in it, outside [ ].")
    if re.search(r"[{}]", GAP.sub("", text)):
        found.append("A { or } stands alone: gaps are written like {name}.")
    if re.search(r"[\[\]]", bare):
        found.append("A [ or ] stands alone: what may be left out is written like [: {what}].")
    return found


def _unknown(text: str, known: frozenset[str]) -> list[str]:
    return sorted(set(GAP.findall(text)) - known)


def _listed(names: frozenset[str] | set[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in sorted(names))


def _promise_complaints(language: Language, text: str) -> list[str]:
    said = any(pattern.search(text) for pattern in (NEVER_AGAIN[language], NEVER_AGAIN[Language.EN]))
    return ["Don't promise that it won't happen again: nobody can keep that."] if said else []


def _tone_complaints(phrase: Phrase, language: Language, text: str) -> list[str]:
    sorry = SORRY[language].search(text) or SORRY[Language.EN].search(text)
    if phrase.tone is Tone.FACTS:
        return ["No apology here: facts and what happens next. The apology is a text of its own."] if sorry else []
    if sorry is None:
        return ["Say sorry: this is the apology."]
    fix = text.find("{fix}")
    return ["Say sorry first, then {fix}."] if 0 <= fix < sorry.start() else []


def _length_complaints(phrase: Phrase, text: str, gaps: Mapping[str, Gap]) -> list[str]:
    samples = {name: gaps[name].sample for name in phrase.needs | phrase.may}
    least = _fitted(text, samples, gaps)
    found = segments(least)
    if found.count <= MOST_SEGMENTS:
        return []
    fits = 134 if found.encoding is Encoding.UCS2 else 306
    return [f"Too long: it must fit two parts of a text. Take out about {found.units - fits} characters."]


def preview(text: str, gaps: Mapping[str, Gap]) -> str:
    """The text with the samples in its gaps, as it would be sent."""
    names = set(GAP.findall(text)) & gaps.keys()
    known = GAP.sub(lambda match: match.group() if match.group(1) in names else "", text)
    return _fitted(known, {name: gaps[name].sample for name in names}, gaps)
