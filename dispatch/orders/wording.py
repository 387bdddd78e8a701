"""How an order and its people are spoken of in a few words; pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol


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
