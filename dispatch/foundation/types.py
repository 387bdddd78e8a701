"""Column types and values that more than one room uses: instants, enums by value, phone numbers."""

from __future__ import annotations

import enum
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Generic, TypeVar

import phonenumbers
from sqlalchemy import DateTime, Dialect, String
from sqlalchemy.types import TypeDecorator

from .errors import Invalid


class UtcDateTime(TypeDecorator[datetime]):
    """An instant. Refuses naive values, stores UTC, gives back aware UTC.

    SQLite drops the offset without a word, so what it holds is UTC by agreement and by this class alone.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise TypeError(f"an instant needs a time zone: {value!r}")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


E = TypeVar("E", bound=enum.StrEnum)


class ByValue(TypeDecorator[E], Generic[E]):
    """A string enum stored by its value; the table adds the CHECK constraint (see `db.one_of`)."""

    impl = String(32)
    cache_ok = True

    def __init__(self, kind: type[E]) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: E | str | None, dialect: Dialect) -> str | None:
        return None if value is None else self.kind(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> E | None:
        return None if value is None else self.kind(value)


REFUSED_KINDS = {
    phonenumbers.PhoneNumberType.PREMIUM_RATE: "a premium-rate number",
    phonenumbers.PhoneNumberType.SHARED_COST: "a shared-cost number",
    phonenumbers.PhoneNumberType.TOLL_FREE: "a toll-free number",
    phonenumbers.PhoneNumberType.UAN: "a company's service number",
    phonenumbers.PhoneNumberType.VOICEMAIL: "a voicemail number",
    phonenumbers.PhoneNumberType.PAGER: "a pager",
}
LANDLINE_KINDS = {phonenumbers.PhoneNumberType.FIXED_LINE}
# Ofcom keeps +44 7700 900000 to 900999 for fiction; people try things out with them, nobody can be reached by them.
FICTION = re.compile(r"\+447700900\d{3}")


def parse_phone(text: str, *, region: str | None = None, field: str = "phone") -> str:
    """A phone number as E.164.

    `region` (two letters) is used for numbers without a country code. Raises Invalid naming `field`.
    """
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException as error:
        hint = "write it with its country code, like +91 98123 45678"
        raise Invalid(field, f"not a phone number ({text[:20]!r}): {hint}") from error
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if number.extension:
        raise Invalid(field, "leave the extension out: a text can't be sent to one")
    if FICTION.fullmatch(e164):
        return e164
    if not phonenumbers.is_valid_number(number):
        raise Invalid(field, f"no such phone number exists ({text[:20]!r}): check the digits and the country code")
    kind = REFUSED_KINDS.get(phonenumbers.number_type(number))
    if kind:
        raise Invalid(field, f"this is {kind}: give a person's own number")
    return e164


@lru_cache(maxsize=4096)
def can_be_texted(e164: str) -> bool:
    """Whether a number can receive texts at all: landlines can't, mobiles and undecidable ones can."""
    try:
        number = phonenumbers.parse(e164, None)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.number_type(number) not in LANDLINE_KINDS


@lru_cache(maxsize=4096)
def country_prefix(e164: str) -> str:
    """The country calling code with its plus, like "+91"."""
    return f"+{phonenumbers.parse(e164, None).country_code}"


def region_prefix(region: str) -> str:
    """The country calling code of two letters like "IN", with its plus."""
    return f"+{phonenumbers.country_code_for_region(region)}"


def mask_phone(e164: str) -> str:
    """A phone number for logs: enough to recognise, too little to call."""
    return f"{e164[:3]}…{e164[-3:]}" if len(e164) > 7 else "…"


def values_of(kind: type[enum.StrEnum]) -> list[str]:
    """Every value of an enum, in order."""
    members: Any = kind
    return [member.value for member in members]
