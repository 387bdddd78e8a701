"""Phone numbers, instants and enums, as tables."""

from __future__ import annotations

import enum
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.dialects import postgresql, sqlite

from dispatch.foundation.errors import Invalid
from dispatch.foundation.types import (
    ByValue,
    UtcDateTime,
    can_be_texted,
    country_prefix,
    mask_phone,
    parse_phone,
    values_of,
)

DIALECTS = [pytest.param(sqlite.dialect(), id="sqlite"), pytest.param(postgresql.dialect(), id="postgresql")]


@pytest.mark.parametrize(
    ("text", "region", "e164"),
    [
        ("+91 98123 45678", None, "+919812345678"),
        ("+91 (98123) 45-678", None, "+919812345678"),
        ("098123 45678", "IN", "+919812345678"),
        ("9812345678", "IN", "+919812345678"),
        ("+49 1512 3456789", "IN", "+4915123456789"),
        ("00 49 1512 3456789", "DE", "+4915123456789"),
        ("+1 212 555 0100", None, "+12125550100"),
        ("+44 7700 900123", None, "+447700900123"),
        ("+49 30 123456", None, "+4930123456"),
    ],
    ids=["mobile", "brackets", "trunk zero", "bare", "code beats region", "00", "US", "fiction", "landline"],
)
def test_phone_numbers_become_e164(text: str, region: str | None, e164: str) -> None:
    assert parse_phone(text, region=region) == e164
    assert parse_phone(e164) == e164


@pytest.mark.parametrize(
    ("text", "region", "complaint"),
    [
        ("9812345678", None, "write it with its country code"),
        ("9812345678", "XX", "write it with its country code"),
        ("hello", "IN", "not a phone number"),
        ("", "IN", "not a phone number"),
        ("+91 12", None, "no such phone number exists"),
        ("+91 00000 00000", None, "no such phone number exists"),
        ("+91" + "1" * 300, None, "not a phone number"),
        ("+49 1512 3456789 ext 5", None, "leave the extension out"),
        ("+1 900 234 5678", None, "a premium-rate number"),
        ("+49 900 1 234567", None, "a premium-rate number"),
        ("1800 123 4567", "IN", "a toll-free number"),
        ("+800 1234 5678", None, "a toll-free number"),
        ("+49 180 1 123456", None, "a shared-cost number"),
        ("+44 345 600 7000", None, "a company's service number"),
        ("+44 7640 123456", None, "a pager"),
    ],
)
def test_numbers_nobody_can_answer_from_are_refused(text: str, region: str | None, complaint: str) -> None:
    with pytest.raises(Invalid, match=complaint) as caught:
        parse_phone(text, region=region, field="customer.phone")
    [error] = caught.value.errors
    assert error.field == "customer.phone"
    assert len(error.message) < 120


@pytest.mark.parametrize(
    ("e164", "can"), [("+919812345678", True), ("+912223456789", False), ("+4930123456", False), ("+12125550100", True)]
)
def test_landlines_cannot_be_texted(e164: str, can: bool) -> None:
    assert can_be_texted(e164) is can


@pytest.mark.parametrize(("e164", "prefix"), [("+919812345678", "+91"), ("+12125550100", "+1")])
def test_country_prefix(e164: str, prefix: str) -> None:
    assert country_prefix(e164) == prefix


@pytest.mark.parametrize(("e164", "masked"), [("+919812345678", "+91…678"), ("+1234", "…"), ("", "…")])
def test_masked_numbers_cannot_be_called(e164: str, masked: str) -> None:
    assert mask_phone(e164) == masked


@pytest.mark.parametrize("dialect", DIALECTS)
class TestUtcDateTime:
    def test_refuses_naive_values(self, dialect: sqlite.dialect) -> None:
        with pytest.raises(TypeError, match="an instant needs a time zone"):
            UtcDateTime().process_bind_param(datetime(2026, 11, 24, 14, 0), dialect)  # noqa: DTZ001

    def test_stores_utc_and_gives_back_aware_utc(self, dialect: sqlite.dialect) -> None:
        there = datetime(2026, 11, 24, 14, 0, tzinfo=timezone(timedelta(hours=5, minutes=30)))
        stored = UtcDateTime().process_bind_param(there, dialect)
        assert stored is not None
        assert stored.isoformat() == "2026-11-24T08:30:00+00:00"
        # SQLite loses the offset on the way, PostgreSQL may answer in another one.
        for answer in (stored.replace(tzinfo=None), there):
            result = UtcDateTime().process_result_value(answer, dialect)
            assert result is not None
            assert (result, result.tzinfo) == (there, UTC)

    def test_nothing_stays_nothing(self, dialect: sqlite.dialect) -> None:
        assert UtcDateTime().process_bind_param(None, dialect) is None
        assert UtcDateTime().process_result_value(None, dialect) is None


class Tone(enum.StrEnum):
    KIND = "kind"
    CURT = "curt"


class TestByValue:
    column = ByValue(Tone)
    dialect = sqlite.dialect()

    @pytest.mark.parametrize("given", [Tone.KIND, "kind"])
    def test_there_and_back(self, given: Tone | str) -> None:
        stored = self.column.process_bind_param(given, self.dialect)
        assert (stored, type(stored)) == ("kind", str)
        assert self.column.process_result_value(stored, self.dialect) is Tone.KIND

    def test_an_unknown_value_is_loud_both_ways(self) -> None:
        with pytest.raises(ValueError, match="rude"):
            self.column.process_bind_param("rude", self.dialect)
        with pytest.raises(ValueError, match="rude"):
            self.column.process_result_value("rude", self.dialect)

    def test_nothing_stays_nothing(self) -> None:
        assert self.column.process_bind_param(None, self.dialect) is None
        assert self.column.process_result_value(None, self.dialect) is None

    def test_values_in_order(self) -> None:
        assert values_of(Tone) == ["kind", "curt"]
