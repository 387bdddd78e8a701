"""The tree of errors, drawn once; `web/errors` maps it to HTTP, once.

DispatchError
├── Invalid            a field is at fault, the message says what to write instead   422
├── NotFound           no such order, person, item …                                 404
├── NotAllowed         the caller's role does not permit it                          403
├── MoveNotAllowed     the order's state does not permit it; `allowed` lists moves   409
├── Conflict           something else is in the way; the message says what           409
├── PromisesAtStake    it would take the last way to keep a promise                  409
├── StaleVersion       somebody changed it since it was read; `current` is fresh     412
├── Unavailable        try again in a moment: the database is busy or gone           503
│   └── Busy           only this one thing is held by somebody else; the rest goes on
└── ConfigurationError the process cannot start; every complaint at once
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


class DispatchError(Exception):
    """The root: anything we say no to on purpose."""


@dataclass(frozen=True)
class FieldError:
    """One complaint: the field as the caller wrote it, and what to do about it."""

    field: str
    message: str


class Invalid(DispatchError):
    """Bad input. `errors` names every field at fault."""

    def __init__(self, field: str, message: str, *more: FieldError) -> None:
        self.errors: tuple[FieldError, ...] = (FieldError(field, message), *more)
        super().__init__("; ".join(f"{e.field}: {e.message}" for e in self.errors))

    @classmethod
    def of(cls, errors: Sequence[FieldError]) -> Invalid:
        """All complaints as one error. Raises ValueError for an empty list."""
        if not errors:
            raise ValueError("no complaint to raise")
        return cls(errors[0].field, errors[0].message, *errors[1:])


class NotFound(DispatchError):
    """There is no such thing."""


class NotAllowed(DispatchError):
    """The caller may not do this."""


class Conflict(DispatchError):
    """The request is fine, the world is not ready for it."""


class MoveNotAllowed(DispatchError):
    """The order's state does not allow this move."""

    def __init__(self, message: str, *, allowed: Sequence[str]) -> None:
        super().__init__(message)
        self.allowed = tuple(allowed)


class PromisesAtStake(DispatchError):
    """The change would take the last way to keep open promises.

    `promises`: one mapping {ref, promised_by, binding} per promise.
    """

    def __init__(self, message: str, *, promises: Sequence[Mapping[str, object]]) -> None:
        super().__init__(message)
        self.promises = tuple(promises)


class StaleVersion(DispatchError):
    """The caller's copy is old. `current` is the version now in force."""

    def __init__(self, message: str, *, current: int) -> None:
        super().__init__(message)
        self.current = current


class Unavailable(DispatchError):
    """Not now; nothing was written. `retry_after` in seconds."""

    def __init__(self, message: str, *, retry_after: int = 2) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Busy(Unavailable):
    """Somebody else holds what this needs; other work goes on meanwhile."""


class ConfigurationError(DispatchError):
    """The settings cannot be used. `complaints` are sentences that name the variable and the remedy."""

    def __init__(self, complaints: Sequence[str]) -> None:
        super().__init__("\n".join(complaints))
        self.complaints = tuple(complaints)
