"""How an order and its people are spoken of in a few words; pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

# What comes before a name, in small letters and without a dot.
TITLES = frozenset(
    {"dr", "doctor", "prof", "professor", "mr", "mrs", "ms", "miss", "mx", "sir", "madam", "rev", "capt", "col", "adv"}
    | {"er", "shri", "shree", "sri", "smt", "kumari", "md", "mohd", "श्री", "श्रीमती", "सुश्री", "डॉ", "प्रो"}
)
# A customer who comes for it has no other address: what says so is looked for by these words.
COLLECTS = " collects it at "


class Thing(Protocol):
    """So many of something: a line, for one."""

    quantity: int
    title: str


def things(lines: Iterable[Thing]) -> str:
    """What an order is: "Physics 2, 3x Pencil"."""
    return ", ".join(f"{line.quantity}x {line.title}" if line.quantity > 1 else line.title for line in lines)


def first_name(name: str) -> str:
    """What somebody is called; the whole name where it begins with a title, or with an initial."""
    words = name.split()
    if not words:
        return name
    return " ".join(words) if _is_no_name(words[0]) else words[0]


def _is_no_name(word: str) -> bool:
    bare = word.rstrip(".").casefold()
    return bare in TITLES or (len(bare) == 1 and word.endswith("."))


def is_collected(address: str) -> bool:
    """Whether an order goes nowhere: the customer comes for it."""
    return COLLECTS in address


def collecting(name: str, shop: str) -> str:
    """Where an order goes that nobody brings: "Arjun collects it at Kala Books"."""
    return f"{first_name(name)}{COLLECTS}{shop}"
