"""A save from a page that was made before somebody else's change: what nobody touched here keeps the other's value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import words
from .forms import local_field

# What a hidden field beside each is called: the value that the page was made with.
WAS = "was_"
SHOWN = {"travel": "minutes to get there", "promised_by": "promised by"}


def fields_now(shape: Mapping[str, Any], zone: str) -> dict[str, str]:
    """The fields of "Change the order" as the order stands."""
    return {
        "address": shape["address"]["text"].strip(),
        "reason": (shape["reason"] or "").strip(),
        "travel": "" if shape["travel_minutes"] is None else str(shape["travel_minutes"]),
        "promised_by": local_field(words.instant(shape["promised_by"]), zone),
    }


def merged(form: Mapping[str, str], stands: Mapping[str, str]) -> dict[str, str]:
    """The form to show again: what was typed, and how it stands now where nobody typed anything."""
    return {**form, **{name: now for name, now in stands.items() if name in form and not _is_typed(form, name)}}


def differences(form: Mapping[str, str], stands: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """(field, what stands there now, what was typed), where both changed it to something else."""
    if "address" not in form:
        # Another form of the page: its reason is not the order's.
        return []
    both = [name for name, now in stands.items() if _is_typed(form, name) and form.get(f"{WAS}{name}") != now]
    pairs = [(name, stands[name], form[name].strip()) for name in both]
    return [(SHOWN.get(name, name), _shown(name, now), _shown(name, new)) for name, now, new in pairs if now != new]


def _is_typed(form: Mapping[str, str], name: str) -> bool:
    """Whether it is not what the page was made with; of a page that does not say so everything counts as typed."""
    typed, was = form.get(name), form.get(f"{WAS}{name}")
    return typed is not None and (was is None or typed.strip() != was.strip())


def _shown(name: str, value: str) -> str:
    return value.replace("T", " ") if name == "promised_by" else value
