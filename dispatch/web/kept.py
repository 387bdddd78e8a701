"""A form that was sent after the session had ended: carried through the login page and offered again, not lost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from werkzeug.datastructures import MultiDict

from ..foundation.errors import Invalid
from . import words
from .forms import local_instant
from .stale_save import WAS

# The token of the old session is of no use in the new one, and a password stands on no page; what a page keeps for
# itself is not shown to people.
NOT_KEPT = {"csrf_token", "password", "old_password"}
HIDDEN = {
    "version",
    "seen",
    "from",
    "line",
    "was",
    "move",
    "state",
    "answer",
    "save",
    "once",
    "step",
    "last",
    "username",
}
LABELS = {
    "item": "what",
    "substitution": "another edition",
    "when": "by when",
    "promise": "promised by",
    "travel": "minutes to get there",
}
CHOICES: dict[str, Mapping[str, str]] = {
    "substitution": {wish.value: text for wish, text in words.SUBSTITUTIONS.items()},
    "proof": {proof.value: text for proof, text in words.PROOFS.items()},
}
TIMES = {"promise", "when", "promised_by", "ready_at", "kept_until", "offer_fix_by"}
MOST = 60_000


def safe_path(target: str) -> str:
    """A path of ours to go back to; anything else is the board."""
    is_ours = target.startswith("/") and not target.startswith("//") and "\\" not in target and target.isprintable()
    return target if is_ours else "/"


def _is_hidden(name: str, value: str) -> bool:
    # "Another time" says which in a field of its own.
    return name in HIDDEN or name.startswith(WAS) or (name, value) == ("promise", "other")


def _label(name: str) -> str:
    return LABELS.get(name, name.replace("_", " ")).capitalize()


def _value_words(name: str, value: str, timezone: str, now: datetime) -> str:
    """A value as the form that was filled in showed it; what was typed by hand stays as it is."""
    if name in CHOICES:
        return CHOICES[name].get(value, value)
    if name not in TIMES:
        return value
    try:
        return words.when_words(local_instant(value, timezone, field=name), timezone, now=now)
    except Invalid:
        return value


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Where a form was sent, and its fields in their order."""

    path: str
    fields: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, path: str, form: MultiDict[str, str]) -> Kept:
        """What was just sent."""
        fields = tuple((name, value) for name, value in form.items(multi=True) if name not in NOT_KEPT)
        return cls(path=path, fields=fields)

    @classmethod
    def read(cls, form: Mapping[str, str]) -> Kept | None:
        """What the login page carries along; None when it carries nothing that can be read."""
        text = form.get("kept_fields", "")
        if not text or len(text) > MOST:
            return None
        try:
            fields = tuple((str(name), str(value)) for name, value in json.loads(text))
        except (ValueError, TypeError):
            return None
        return cls(path=safe_path(form.get("kept_path", "/")), fields=fields)

    @property
    def text(self) -> str:
        """For a hidden field of the login page."""
        return json.dumps(self.fields)

    def shown(self, timezone: str, now: datetime) -> list[tuple[str, str]]:
        """What was typed, in words, to look at before it is sent again; times as that place says them."""
        typed = [(name, value) for name, value in self.fields if value.strip() and not _is_hidden(name, value)]
        return [(_label(name), _value_words(name, value, timezone, now)) for name, value in typed]
