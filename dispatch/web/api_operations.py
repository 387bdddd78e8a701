"""How an operation of the JSON API is declared; serving it and describing it both start from here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import BaseModel
from sqlalchemy.orm import Session

from ..foundation.errors import Invalid, NotFound
from ..foundation.tokens import Links
from ..runtime import Runtime
from .auth import Caller
from .schemas import LARGEST_ID, Body, Query
from .tables import Access

B = TypeVar("B", bound=Body)
Q = TypeVar("Q", bound=Query)
H = TypeVar("H", bound=Callable[..., "Answer"])


class Nothing(Body):
    """No body is expected."""


class NoQuery(Query):
    """No parameters are expected."""


@dataclass(frozen=True, kw_only=True)
class PathPart:
    """What may stand in a path. `is_chosen`: the caller makes it up with PUT, so that a bad one is invalid there."""

    pattern: str
    words: str
    max_length: int
    is_number: bool = False
    is_chosen: bool = False

    def read(self, name: str, text: str, *, is_put: bool) -> str | int:
        """The value. Raises Invalid where something would be made under it, else NotFound."""
        is_good = len(text) <= self.max_length and re.fullmatch(self.pattern, text) is not None
        if is_good and not (self.is_number and int(text) > LARGEST_ID):
            return int(text) if self.is_number else text
        if is_put and self.is_chosen:
            raise Invalid(name, f"give {self.words}")
        raise NotFound("There is no such thing here.")


REF = PathPart(pattern="[0-9A-Za-z]{4,6}", max_length=6, words="the reference of an order")
NUMBER = PathPart(pattern="[0-9]{1,10}", max_length=10, words="an id", is_number=True)
CODE = PathPart(
    pattern="[A-Za-z0-9][A-Za-z0-9._-]*",
    max_length=40,
    words="letters, digits, dots, dashes and underscores, at most 40",
    is_chosen=True,
)
SKU = PathPart(
    pattern=r"[^\s/\x00-\x1f\x7f]+( [^\s/\x00-\x1f\x7f]+)*",
    max_length=100,
    words="1 to 100 characters, without slashes",
    is_chosen=True,
)


@dataclass(frozen=True, kw_only=True)
class Call(Generic[B, Q]):
    """One call as its handler sees it: checked, with a transaction open."""

    runtime: Runtime
    session: Session
    now: datetime
    caller: Caller
    body: B
    query: Q
    if_version: int | None

    @property
    def region(self) -> str | None:
        """Where phone numbers without a country code are from."""
        return self.runtime.settings.default_region

    @property
    def links(self) -> Links:
        """Builds the addresses that go out."""
        return self.runtime.links


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a handler answers. `body` is drawn last thing before the commit, when everything has been written."""

    body: Callable[[], Mapping[str, Any]] | Mapping[str, Any] | None
    status: int = 200
    # Of what was made; left out where nothing was.
    location: str | None = None
    version: int | None = None


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method of one path, as declared."""

    method: str
    path: str
    access: Access
    tag: str
    body: type[Body] = Nothing
    query: type[Query] = NoQuery
    answers: Mapping[int, type[BaseModel] | None] = field(default_factory=dict)
    parts: Mapping[str, PathPart] = field(default_factory=dict)
    refusals: tuple[int, ...] = ()
    has_version: bool = False
    takes_if_match: bool = False
    handler: Callable[..., Answer]

    @property
    def name(self) -> str:
        """The operation's id."""
        return self.handler.__name__

    @property
    def summary(self) -> str:
        """What it does: the handler's docstring."""
        return (self.handler.__doc__ or "").strip().rstrip(".")

    @property
    def is_writing(self) -> bool:
        return self.method != "GET"

    @property
    def has_body(self) -> bool:
        return self.body is not Nothing

    @property
    def url_rule(self) -> str:
        """The path as Flask writes it."""
        return self.path.replace("{", "<").replace("}", ">")


class Registry:
    """Operations of one subject, in the order in which they are declared."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.operations: list[Operation] = []

    def operation(self, method: str, path: str, access: Access, **more: Any) -> Callable[[H], H]:
        """Declare a handler. `more`: further fields of Operation."""

        def declare(handler: H) -> H:
            self.operations.append(
                Operation(method=method, path=path, access=access, tag=self.tag, handler=handler, **more)
            )
            return handler

        return declare
