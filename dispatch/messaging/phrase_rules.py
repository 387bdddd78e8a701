"""Sentences with gaps that a shop can make its own: filled, made to fit, and checked before they are kept; pure.

`{shop}` is a gap. What stands in `[...]` is left out whole when one of its gaps is empty: "your order[: {what}]".
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from .wording import Encoding, plain, segments, without_signs

MOST_SEGMENTS = 2
LONGEST = 500
CUT = 4
GAP = re.compile(r"\{(\w+)\}")
OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
TWO_DOTS, DOTS = re.compile(r"(?<!\.)\.\.(?!\.)"), re.compile(r"\.{4,}")
ENDED_TWICE = re.compile(r"(?<=[?!।])\.(?!\.)|(?<=[.?!।])।")


# What goes into a gap: one piece, or several choices that are numbered.
Part = str | tuple[str, ...]


class Language(enum.StrEnum):
    """Languages that we have words in."""

    EN = "en"
    HI = "hi"


# A wording: in which language, and the sentence with its gaps.
Wording = tuple[Language, str]
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
    """Something that a phrase may say. `sample` is a long one; what `can_shrink` is cut when the text is too long.

    What `matters` is cut after all else. `frame`: the sentence around it, never cut, whose {} it takes. `otherwise`
    stands there, outside [ ], when there is nothing to say.
    """

    meaning: str
    sample: Part
    can_shrink: bool = False
    matters: bool = False
    frame: Mapping[Language, str] = field(default_factory=dict)
    otherwise: Mapping[Language, str] = field(default_factory=dict)
    hindi: str = ""

    def sample_in(self, language: Language) -> Part:
        """The sample as that language has it."""
        return self.hindi if self.hindi and language is Language.HI else self.sample


@dataclass(frozen=True, kw_only=True)
class Phrase:
    """One kind of text: the gaps it may have, those it must have, and our own words for it in each language."""

    key: str
    title: str
    gaps: Mapping[str, Gap]
    needs: frozenset[str]
    words: Mapping[Language, str]
    tone: Tone = Tone.FACTS

    def ours(self, language: Language) -> list[Wording]:
        """Our own words, in English last."""
        return [(language, self.words[language]), (Language.EN, self.words[Language.EN])]


@dataclass(frozen=True)
class Said:
    """What is to be said: which phrase, and what goes into its gaps."""

    phrase: Phrase
    parts: Mapping[str, Part]

    def ours(self, language: Language = Language.EN) -> str:
        """In our own words; English where that language has no room."""
        return compose(self.phrase, self.phrase.ours(language), self.parts)


def language_of(code: str) -> Language:
    """The language we have words in that comes nearest to a code like "hi-IN"; English where we have none."""
    short = re.split(r"[-_]", code.strip().lower())[0]
    return Language(short) if short in {language.value for language in Language} else Language.EN


def fill(text: str, parts: Mapping[str, str], otherwise: Mapping[str, str] | None = None) -> str:
    """The sentence with its gaps filled; full stops don't double where a title brings its own."""
    others = otherwise or {}

    def optional(match: re.Match[str]) -> str:
        inner = match.group(1)
        return inner if all(parts.get(name) or others.get(name) for name in GAP.findall(inner)) else ""

    kept = OPTIONAL.sub(optional, text)
    filled = GAP.sub(lambda match: parts.get(match.group(1)) or others.get(match.group(1), ""), kept)
    return tidy(" ".join(filled.split()))


def tidy(text: str) -> str:
    """One end where a title brings its own ("2nd ed..", "Who Moved My Cheese?."); three dots stay three."""
    return ENDED_TWICE.sub("", DOTS.sub("...", TWO_DOTS.sub(".", text)))


def numbered(titles: Sequence[str]) -> str:
    """Choices with their numbers: "1 Physics 2, 2nd ed. 2 Exam Pack."; one that did not fit is on the page."""
    return " ".join(tidy(f"{number} {title or '(see our page)'}.") for number, title in enumerate(titles, 1))


def compose(phrase: Phrase, wordings: Sequence[Wording], parts: Mapping[str, Part]) -> str:
    """The first of several wordings that can be made to fit two segments, the shop's own first.

    One sign that GSM-7 has no room for more than halves what fits: of a wording that has none itself, emojis go before
    anything is cut. What can shrink loses its end, the longest part first, of such a wording those in another script
    before others. Links, times and numbers stay whole. Where nothing fits it is the shortest of all.
    """
    drafts = [_fitted(phrase, language, text, parts) for language, text in wordings]
    fits = (draft.said() for draft in drafts if not draft.is_too_long and not draft.has_holes)
    return next(fits, min((draft.said() for draft in drafts), key=lambda text: segments(text).units))


@dataclass(frozen=True)
class _Draft:
    """A wording with what is left of each piece."""

    phrase: Phrase
    language: Language
    text: str
    shown: dict[str, list[str]]
    lists: Set[str]

    def said(self) -> str:
        """The text as it would be sent."""
        said = {name: numbered(these) if name in self.lists else these[0] for name, these in self.shown.items()}
        framed = {name: self._frame(name).format(one) if one else "" for name, one in said.items()}
        return fill(self.text, framed, self._otherwise())

    def _frame(self, name: str) -> str:
        return self.phrase.gaps[name].frame.get(self.language, "{}")

    def _otherwise(self) -> dict[str, str]:
        return {name: gap.otherwise.get(self.language, "") for name, gap in self.phrase.gaps.items()}

    @property
    def is_too_long(self) -> bool:
        return segments(self.said()).count > MOST_SEGMENTS

    @property
    def has_holes(self) -> bool:
        """Whether nothing is left of a piece that it names outside [ ]: "Dear , ..."."""
        bare, otherwise = GAP.findall(OPTIONAL.sub("", self.text)), self._otherwise()
        return any(not any(self.shown.get(name, [])) and not otherwise.get(name) for name in bare)

    @property
    def is_gsm(self) -> bool:
        """Whether its own words travel as GSM-7."""
        return segments(GAP.sub("", self.text)).encoding is Encoding.GSM7

    def pieces(self) -> list[tuple[str, int]]:
        """What can be cut, by the gap's name and the piece's number."""
        elastic = [name for name in self.shown if self.phrase.gaps[name].can_shrink]
        return [(name, n) for name in elastic for n, one in enumerate(self.shown[name]) if one]

    def longest(self) -> tuple[str, int] | None:
        """Which piece is cut next, if any can be."""
        elastic = self.pieces()
        costly = [at for at in elastic if segments(self[at]).encoding is Encoding.UCS2] if self.is_gsm else []
        # Cutting others helps little while one of these is left, even if it is the one that matters.
        these = costly or elastic
        others = [at for at in these if not self.phrase.gaps[at[0]].matters]
        return max(others or these, key=lambda at: len(self[at]), default=None)

    def __getitem__(self, at: tuple[str, int]) -> str:
        return self.shown[at[0]][at[1]]

    def __setitem__(self, at: tuple[str, int], piece: str) -> None:
        self.shown[at[0]][at[1]] = piece


def _fitted(phrase: Phrase, language: Language, text: str, parts: Mapping[str, Part]) -> _Draft:
    used = set(GAP.findall(text))
    shown = {name: _pieces(phrase, name, part) for name, part in parts.items() if name in used}
    lists = {name for name, part in parts.items() if not isinstance(part, str)}
    draft = _Draft(phrase, language, text, shown, lists)
    if draft.is_gsm and draft.is_too_long:
        for at in draft.pieces():
            draft[at] = without_signs(draft[at])
    while draft.is_too_long and (longest := draft.longest()):
        cut = draft[longest].removesuffix("...").rstrip()[:-CUT]
        # Two letters and dots say less than nothing.
        draft[longest] = f"{cut}..." if len(cut) >= CUT else ""
    return draft


def _pieces(phrase: Phrase, name: str, part: Part) -> list[str]:
    pieces = [part] if isinstance(part, str) else [*part]
    return [plain(piece) for piece in pieces] if phrase.gaps[name].can_shrink else pieces


def complaints(phrase: Phrase, language: Language, text: str) -> list[str]:
    """Why a shop's own wording can't be kept, each with its remedy; nothing when it can."""
    if not text.strip():
        return ["Write something, or go back to our words."]
    if len(text) > LONGEST:
        return [f"Keep it under {LONGEST} characters."]
    return _gap_complaints(phrase, text) or [
        *_promise_complaints(language, text),
        *_tone_complaints(phrase, language, text),
        *_length_complaints(phrase, language, text),
    ]


def _gap_complaints(phrase: Phrase, text: str) -> list[str]:
    bare = OPTIONAL.sub("", text)
    unknown = sorted(set(GAP.findall(text)) - phrase.gaps.keys())
    found = [f"There is no {{{name}}} in this text. You may use {_listed(phrase.gaps)}." for name in unknown]
    missing = phrase.needs - set(GAP.findall(bare))
    if missing:
        found.append(f"{_listed(missing)} must be in it, outside [ ].")
    if re.search(r"[{}]", GAP.sub("", text)):
        found.append("A { or } stands alone: gaps are written like {name}.")
    if re.search(r"[\[\]]", bare):
        found.append("A [ or ] stands alone: what may be left out is written like [: {what}].")
    return found


def _listed(names: Iterable[str]) -> str:
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


def _length_complaints(phrase: Phrase, language: Language, text: str) -> list[str]:
    found = segments(preview(phrase, language, text))
    if found.count <= MOST_SEGMENTS:
        return []
    fits = 134 if found.encoding is Encoding.UCS2 else 306
    return [f"Too long: it must fit two parts of a text. Take out about {found.units - fits} characters."]


def preview(phrase: Phrase, language: Language, text: str) -> str:
    """The text with the samples in its gaps, as it would be sent; an unknown gap is empty."""
    samples = {name: gap.sample_in(language) for name, gap in phrase.gaps.items()}
    return _fitted(phrase, language, text, samples).said()
