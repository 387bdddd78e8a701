"""What the plan says: who does each step, by when, and why not sooner; pure."""

from __future__ import annotations

from .rules import Task


def leaves_by(who: str, at: str) -> str:
    """Whom the plan counts on to bring it."""
    return f"{who} leaves with it by {at}"


def goes_by(who: str, title: str, shop: str, at: str) -> str:
    """Whom the plan counts on to buy something."""
    return f"{who} goes to {shop} for {title} by {at}" if shop else f"{who} goes to find {title} by {at}"


def packed_by(at: str) -> str:
    """Packing needs nobody in particular."""
    return f"packing starts by {at}"


def has_left(who: str, at: str) -> str:
    """On the way to the customer."""
    return f"{who} left with it at {at}"


def is_out(who: str, title: str, at: str) -> str:
    """On an errand for it."""
    return f"{who} has been getting {title} since {at}"


def has_taken_it(who: str) -> str:
    """Too late by the clock, but somebody does it."""
    return f"{who} has taken it"


def nobody_in_time(task: Task | None) -> str:
    """The plan has no place for it."""
    what = {None: "pack it", Task.PROCURE: "buy what is missing", Task.DELIVER: "deliver it"}[task]
    return f"nobody can be counted on to {what} in time"


def not_sooner(words: str, why: str, *, is_free: bool) -> str:
    """A step of the plan as one sentence."""
    said = f"{words[:1].upper()}{words[1:]}"
    return f"{said}; {why}." if is_free else f"{said}; not sooner: {why}."


def could_be_now(task: Task | None) -> str:
    """Nothing keeps a step from beginning."""
    return "it could leave now" if task is Task.DELIVER else "that could be now"


def is_back(who: str, ref: str, at: str) -> str:
    """Another order comes before."""
    return f"{who} is back from {ref} at {at}"


def pause_ends(who: str, at: str) -> str:
    """Paused until then."""
    return f"{who}'s pause ends at {at}"


def shift_begins(who: str, at: str) -> str:
    """Not here before."""
    return f"{who}'s shift begins at {at}"


def shop_opens(name: str, at: str) -> str:
    """Ours, or another one."""
    return f"{name or 'the shop'} opens at {at}"


def is_here(title: str, at: str) -> str:
    """What must be bought before."""
    return f"{title} can be here at {at}"


def is_packed(at: str) -> str:
    """Packing comes before."""
    return f"it can be packed by {at}"


def nobody_before(at: str) -> str:
    """People are free only then."""
    return f"nobody is free before {at}"
