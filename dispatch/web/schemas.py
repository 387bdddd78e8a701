"""How values come in and go out as JSON: strict types with messages a person can act on, and one encoder."""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import ErrorDetails

from ..foundation.errors import FieldError, Invalid

HINT = "give a time with an offset like 2026-11-24T20:00:00+05:30"
INSTANT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]"
    r"([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?"
    r"([Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)"
)
# Far beyond any promise, and far from the ends of the calendar, where a change of time zone overflows.
YEARS = range(2000, 2100)
# What PostgreSQL refuses (NUL) and what no keyboard makes; line ends and tabs stay.
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
LARGEST_ID = 2**31 - 1

M = TypeVar("M", bound=BaseModel)


# --- types -----------------------------------------------------------------------------------------------------------


def read_instant(value: object) -> datetime:
    """An aware instant in UTC. Raises ValueError with a hint: no offset, no such day, or out of any sensible range."""
    match = INSTANT.fullmatch(value) if isinstance(value, str) else None
    if not match or not isinstance(value, str):
        raise ValueError(HINT)
    text = value.upper().replace(" ", "T")
    fraction = match.group(7)
    if fraction:
        text = text.replace(f".{fraction}", f".{fraction[:6]:0<6}")
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"there is no such time: {HINT}") from error
    if instant.year not in YEARS:
        raise ValueError(f"the year is {instant.year}: {HINT}")
    return instant.astimezone(UTC)


def _checked(text: str) -> str:
    if CONTROL.search(text) or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError("holds characters that can't be stored: leave them out")
    return text


def _one_line(text: str) -> str:
    joined = " ".join(_checked(text).split())
    if not joined:
        raise ValueError("is empty: write something")
    return joined


def _paragraph(text: str) -> str:
    stripped = _checked(text).strip()
    if not stripped:
        raise ValueError("is empty: write something")
    return stripped


def _whole(value: object) -> object:
    # JSON knows one kind of number: 3.0 is 3.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _digits(value: object) -> object:
    if not isinstance(value, str):
        return value
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise ValueError("give a whole number")
    return int(value)


def _true_or_false(value: object) -> object:
    if isinstance(value, str) and value not in {"true", "false"}:
        raise ValueError("give true or false")
    return value == "true" if isinstance(value, str) else value


def read_id(value: object) -> int:
    """An id as we gave it out. Raises ValueError with a hint."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]{1,10}", text) or int(text) > LARGEST_ID:
        raise ValueError('give the id as it was given to you, like "17"')
    return int(text)


def _cursor(value: object) -> int:
    try:
        return read_id(value)
    except ValueError as error:
        raise ValueError("give the value of `next` as it came, or leave it out for the first page") from error


# Placed after the bounds, so that it runs before them.
WHOLE = BeforeValidator(_whole)
Instant = Annotated[datetime, PlainValidator(read_instant), WithJsonSchema({"type": "string", "format": "date-time"})]
Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]
Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_one_line)]
Title = Annotated[str, Field(min_length=1, max_length=300), AfterValidator(_one_line)]
Sku = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_one_line)]
Phone = Annotated[str, Field(min_length=1, max_length=40), AfterValidator(_one_line)]
Hours = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_one_line)]
Words = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_paragraph)]
Latitude = Annotated[float, Field(ge=-90, le=90)]
Longitude = Annotated[float, Field(ge=-180, le=180)]
Minutes = Annotated[int, Field(ge=0, le=1440), WHOLE]
Quantity = Annotated[int, Field(ge=1, le=10_000), WHOLE]
Count = Annotated[int, Field(ge=0, le=1_000_000), WHOLE]
Id = Annotated[
    int,
    PlainValidator(read_id),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": "^[0-9]{1,10}$"}, {"type": "integer", "minimum": 0}]}),
]
# Of a query: there everything is text.
DIGITS = BeforeValidator(_digits)
Flag = Annotated[bool, BeforeValidator(_true_or_false)]
Limit = Annotated[int, Field(ge=1, le=200), DIGITS]
Cursor = Annotated[int, PlainValidator(_cursor), WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,10}$"})]

# A field of a PATCH that may be left out but may not be null; what was left out is not in `model_fields_set`.
ABSENT: Any = Field(default_factory=lambda: None)


class Body(BaseModel):
    """What a caller sends: every field known, every type exact."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True)

    def given(self) -> dict[str, Any]:
        """The fields that were sent, by name."""
        return {name: getattr(self, name) for name in self.__class__.model_fields if name in self.model_fields_set}


class Query(Body):
    """What stands behind the question mark."""


class Pages(Query):
    """One page of a list."""

    limit: Limit = 50
    cursor: Cursor | None = None


class Shape(BaseModel):
    """What we answer; describes it for openapi.json, where fields may be added later."""


# --- reading ---------------------------------------------------------------------------------------------------------


class Malformed(Exception):
    """Not JSON at all; the message says where it stops making sense."""


def read_json(model: type[M], raw: bytes) -> M:
    """The body as its model. Raises Malformed, or Invalid with every complaint at once."""
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        if details[0]["type"] == "json_invalid":
            raise Malformed(details[0]["msg"]) from error
        raise Invalid.of([_complaint(detail) for detail in details]) from error


def read_query(model: type[M], values: Mapping[str, list[str]]) -> M:
    """The query as its model; `values` as `request.args.to_dict(flat=False)` gives them. Raises Invalid."""
    twice = [
        FieldError(_shown(name), "is given twice: give it once") for name, given in values.items() if len(given) > 1
    ]
    if twice:
        raise Invalid.of(twice)
    try:
        return model.model_validate_strings({name: given[0] for name, given in values.items()})
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        raise Invalid.of([_complaint(detail, "no such parameter") for detail in details]) from error


MESSAGES = {
    "missing": "is missing",
    "string_type": "give text",
    "bool_type": "give true or false",
    "int_type": "give a whole number",
    "int_parsing": "give a whole number",
    "int_from_float": "give a whole number",
    "float_type": "give a number",
    "finite_number": "give a finite number",
    "list_type": "give a list",
    "tuple_type": "give a list",
    "model_type": "give an object with fields",
    "model_attributes_type": "give an object with fields",
    "string_too_short": "is empty: write something",
    "string_too_long": "is too long: at most {max_length} characters",
    "too_short": "is empty: give at least {min_length}",
    "too_long": "has too many: at most {max_length}",
    "greater_than_equal": "give {ge:g} or more",
    "less_than_equal": "give {le:g} or less",
    "enum": "give one of {expected}",
    "literal_error": "give one of {expected}",
    "string_pattern_mismatch": "use letters, digits, dots, dashes and underscores, at most 40",
}


def _shown(name: object) -> str:
    # A name from outside goes back cut short and without what a terminal or a log would act on.
    return CONTROL.sub("", str(name))[:60].encode("utf-8", "replace").decode()


def _complaint(detail: ErrorDetails, unknown: str = "no such field") -> FieldError:
    field = ".".join(_shown(part) for part in detail["loc"]) or "body"
    context = detail.get("ctx", {})
    if detail["type"] == "value_error":
        return FieldError(field, str(context["error"]))
    if detail["type"] == "extra_forbidden":
        return FieldError(field, f"{unknown}: leave it out, or check its spelling")
    words = MESSAGES.get(detail["type"])
    return FieldError(field, words.format(**context) if words else detail["msg"])


# --- writing ---------------------------------------------------------------------------------------------------------


def _encoded(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, enum.Enum):
        return value.value
    raise TypeError(f"no way to write {type(value).__name__} as JSON")


def write_json(value: object) -> bytes:
    """The one encoder: instants in UTC with their offset, enums by value. (Flask's own writes dates as HTTP does.)"""
    return json.dumps(value, default=_encoded, ensure_ascii=False, separators=(",", ":")).encode()
