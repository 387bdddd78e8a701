"""What people type: read from forms, complained about beside the field, never lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from ..foundation.errors import Conflict, FieldError, Invalid


class Complaints(dict[str, str]):
    """Messages by form field; `first` has the focus, `other` belong to no field of this form."""

    def __init__(self, messages: Mapping[str, str] | None = None, *, other: Sequence[str] = ()) -> None:
        super().__init__(messages or {})
        self.other = list(other)

    @property
    def first(self) -> str | None:
        """The first field at fault, in the order of the form."""
        return next(iter(self), None)

    @classmethod
    def of(
        cls, errors: Iterable[FieldError], fields: Sequence[str], names: Mapping[str, str] | None = None
    ) -> Complaints:
        """Complaints of a service, sorted like the form. `names`: from the service's field names to the form's."""
        found: dict[str, str] = {}
        other: list[str] = []
        for error in errors:
            name = (names or {}).get(error.field, error.field)
            if name in fields:
                found.setdefault(name, sentence(error.message))
            else:
                other.append(f"{name.replace('_', ' ').replace('.', ' ').capitalize()} {error.message}")
        return cls({name: found[name] for name in fields if name in found}, other=other)


def complaints_of(refusal: Invalid | Conflict | None, fields: Sequence[str]) -> tuple[Complaints, int]:
    """What to say beside the fields of a form that was refused, and the status of the answer; 200 without one."""
    if refusal is None:
        return Complaints(), 200
    if isinstance(refusal, Invalid):
        return Complaints.of(refusal.errors, fields), 422
    return Complaints(other=[str(refusal)]), 409


def sentence(message: str) -> str:
    """A service's complaint ("is empty: write it down") as a sentence beside its field."""
    text = message.strip()
    if text.startswith(("is ", "has ", "was ", "makes ")):
        text = f"This {text}"
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "?", "!")) else f"{text}."


def number(text: str | None, *, field: str, default: int | None = None) -> int | None:
    """A whole number, or the default when nothing was typed. Raises Invalid."""
    cleaned = (text or "").strip()
    if not cleaned:
        return default
    if not cleaned.isascii() or not cleaned.isdigit() or len(cleaned) > 9:
        raise Invalid(field, "give a whole number")
    return int(cleaned)


def local_instant(text: str, timezone: str, *, field: str) -> datetime:
    """What a `datetime-local` field holds. Raises Invalid, also for an hour that a change of clocks skips."""
    try:
        typed = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise Invalid(field, "give a date and a time") from error
    there = typed if typed.tzinfo else typed.replace(tzinfo=ZoneInfo(timezone))
    try:
        at = there.astimezone(UTC)
    except OverflowError as error:
        raise Invalid(field, "give a date of this century") from error
    if typed.tzinfo is None and at.astimezone(ZoneInfo(timezone)).replace(tzinfo=None) != typed:
        raise Invalid(field, "that hour does not exist: clocks go forward then")
    return at


def local_field(at: datetime | None, timezone: str) -> str:
    """An instant as a `datetime-local` field wants it."""
    return f"{at.astimezone(ZoneInfo(timezone)):%Y-%m-%dT%H:%M}" if at else ""
