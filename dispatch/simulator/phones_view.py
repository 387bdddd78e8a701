"""What the page of simulated phones shows: whose phone it is, its bubbles, and the replies that fit the last page."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

CODE = re.compile(r"\b(\d{1,5})([AXPDR])\b")
LINK = re.compile(r"https?://\S+")
MEANINGS = {"A": "take it", "X": "can't", "P": "I have it", "D": "delivered", "R": "hand back"}
STATUS_WORDS = {
    "accepted": "on its way",
    "scheduled": "scheduled",
    "queued": "on its way",
    "sending": "on its way",
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "canceled": "canceled",
}
CALL_WORDS = {
    "queued": "about to ring",
    "ringing": "ringing",
    "in-progress": "on the phone",
    "completed": "ended",
    "busy": "declined",
    "no-answer": "not answered",
    "failed": "failed",
    "canceled": "canceled by the shop",
}
MAX_CHIPS = 6


@dataclass(frozen=True)
class PhoneOwner:
    """Whose phone a number is: a name and a role to show, like ("Ravi", "rider")."""

    name: str
    role: str


@dataclass(frozen=True)
class Chip:
    """A reply that can be sent with one tap."""

    text: str
    meaning: str


@dataclass(frozen=True)
class PhoneView:
    """One phone as shown. `revision` changes whenever anything in it looks different."""

    phone: str
    owner: PhoneOwner | None
    is_opted_out: bool = False
    entries: tuple[Mapping[str, Any], ...] = ()
    chips: tuple[Chip, ...] = ()
    revision: str = field(default="")

    @property
    def anchor(self) -> str:
        """The id of its card."""
        return f"p-{self.phone.removeprefix('+')}"

    @property
    def name(self) -> str:
        return self.owner.name if self.owner else self.phone

    @property
    def initials(self) -> str:
        """At most two letters for the round badge."""
        words = self.owner.name.split() if self.owner else []
        return "".join(word[0] for word in words[:2]).upper() or "#"


def chips_of(entries: Sequence[Mapping[str, Any]]) -> tuple[Chip, ...]:
    """The reply codes in the last text from the shop that holds any, in the order they are written."""
    for entry in reversed(entries):
        if entry["direction"] != "out" or entry["kind"] != "text":
            continue
        codes = dict.fromkeys(CODE.findall(LINK.sub(" ", entry["body"])))
        if codes:
            chips = [Chip(number + letter, MEANINGS[letter]) for number, letter in codes]
            return tuple(chips[:MAX_CHIPS])
    return ()


def views_of(threads: Mapping[str, Any], names: Mapping[str, PhoneOwner]) -> list[PhoneView]:
    """Every phone: those with texts first, the most recently active first; then the quiet ones by role and name."""
    live = [_view(phone, names.get(phone["phone"])) for phone in threads["phones"] if phone["entries"]]
    seen = {view.phone for view in live}
    quiet = [PhoneView(phone, owner, revision="quiet") for phone, owner in names.items() if phone not in seen]
    return live + sorted(quiet, key=lambda view: (view.owner.role if view.owner else "", view.name))


def _view(phone: Mapping[str, Any], owner: PhoneOwner | None) -> PhoneView:
    entries = tuple(_entry(entry) for entry in phone["entries"])
    shown = repr((owner, phone["is_opted_out"], entries))
    return PhoneView(
        phone=phone["phone"],
        owner=owner,
        is_opted_out=phone["is_opted_out"],
        entries=entries,
        chips=chips_of(phone["entries"]),
        revision=f"{zlib.crc32(shown.encode()):08x}",
    )


def _entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    words = _call_words(entry) if entry["kind"] == "call" else _text_words(entry)
    return {**entry, **words, "clock": _clock(entry["at"])}


def _call_words(entry: Mapping[str, Any]) -> dict[str, Any]:
    status = entry["status"]
    is_bad = status in {"failed", "busy", "no-answer"}
    return {"status_words": CALL_WORDS.get(status, status), "is_bad": is_bad}


def _text_words(entry: Mapping[str, Any]) -> dict[str, Any]:
    if entry["direction"] == "in":
        webhook = entry["webhook"] or {}
        if not webhook.get("error_code"):
            return {"status_words": "heard by the shop" if webhook else "sent", "is_bad": False}
        answered = f"answered {webhook['status']}" if webhook.get("status") else "did not answer"
        return {"status_words": f"the shop's webhook {answered}", "is_bad": True}
    if entry["error_code"]:
        words = f"{entry['status']}: {entry['error_message']} ({entry['error_code']})"
        return {"status_words": words, "is_bad": True}
    return {"status_words": STATUS_WORDS.get(entry["status"], entry["status"]), "is_bad": False}


def _clock(instant: str) -> str:
    return datetime.fromisoformat(instant).astimezone(UTC).strftime("%H:%M UTC")
