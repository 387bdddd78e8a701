"""How an order and its people are spoken of in a few words; pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

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
    """What somebody is called."""
    return name.split(maxsplit=1)[0] if name.strip() else name


def collecting(name: str, shop: str) -> str:
    """Where an order goes that nobody brings: "Arjun collects it at Kala Books"."""
    return f"{first_name(name)}{COLLECTS}{shop}"
