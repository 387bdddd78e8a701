"""Every complaint of `dispatch check`: a case that shows it, and one that does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dispatch.foundation.settings import Settings, TwilioSettings
from dispatch.staff.rules import Role
from dispatch.web.check_rules import (
    BranchFacts,
    Complaint,
    DataFacts,
    Severity,
    StaffFacts,
    Stuck,
    of_configuration,
    of_data,
    of_settings,
)

NOW = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)
TWILIO = TwilioSettings(account_sid="AC" + "0a" * 16, auth_token="t", from_number="+15005550006")
SIMULATED = replace(TWILIO, api_url="http://127.0.0.1:9", is_simulated=True)
STAND_IN = replace(TWILIO, api_url="http://localhost:9")
SETTINGS = Settings(database_url="sqlite://", secret_key="k" * 20, public_url="https://shop.example", twilio=TWILIO)
LOCAL = replace(SETTINGS, public_url="http://127.0.0.1:8000")

FOUNDER = StaffFacts(
    name="Vikram", phone="+91…004", role=Role.FOUNDER, branch="main", shifts="Mo-Sa 10:00-20:00", is_on_roster=True
)
RIDER = replace(FOUNDER, name="Ravi", phone="+91…001", role=Role.RIDER)
BUYER = replace(FOUNDER, name="Meena", phone="+91…002", role=Role.BUYER)
AT_HOME = replace(FOUNDER, shifts=None, is_on_roster=False)
SHOP = BranchFacts(
    code="main",
    name="Bookshop",
    timezone="Asia/Kolkata",
    opening_hours="Mo-Sa 10:00-20:00",
    country="DE",
    has_calendar=True,
)
INDIA = replace(SHOP, country="IN", has_calendar=False)
NOWHERE = replace(SHOP, country=None, has_calendar=False)
EAST = replace(SHOP, code="east")
DATA = DataFacts(branches=[SHOP], staff=[FOUNDER], held=None, failing=None, last_round_at=NOW)
STUCK = Stuck(waiting=3, error="20003 authenticate")


def ids(found: object) -> list[str]:
    return [each.id for each in found]


# --- settings --------------------------------------------------------------------------------------------------------

SETTINGS_CASES = [
    ("twilio-missing", replace(SETTINGS, twilio=None), SETTINGS),
    ("twilio-simulated", replace(LOCAL, twilio=SIMULATED), SETTINGS),
    ("twilio-simulated", replace(LOCAL, twilio=STAND_IN), SETTINGS),
    ("calls-impossible", replace(SETTINGS, twilio=replace(TWILIO, from_number=None)), SETTINGS),
    ("calls-impossible", replace(SETTINGS, twilio=replace(TWILIO, from_number="56767")), SETTINGS),
    ("twilio-account-sid-shape", replace(SETTINGS, twilio=replace(TWILIO, account_sid="AC12")), SETTINGS),
    (
        "twilio-messaging-service-sid-shape",
        replace(SETTINGS, twilio=replace(TWILIO, messaging_service_sid="AC" + "0" * 32)),
        replace(SETTINGS, twilio=replace(TWILIO, messaging_service_sid="MG" + "0" * 32)),
    ),
    (
        "twilio-api-key-shape",
        replace(SETTINGS, twilio=replace(TWILIO, api_key="key")),
        replace(SETTINGS, twilio=replace(TWILIO, api_key="SK" + "0" * 32)),
    ),
    (
        "twilio-from-number-shape",
        replace(SETTINGS, twilio=replace(TWILIO, from_number="9812300001 x")),
        SETTINGS,
    ),
    ("public-url-loopback", LOCAL, SETTINGS),
    ("public-url-http", replace(SETTINGS, public_url="http://shop.example"), SETTINGS),
]
WARNINGS = {
    "calls-impossible",
    "twilio-simulated",
    "founder-paused",
    "staff-cannot-be-texted",
    "staff-opted-out",
    "staff-country-not-allowed",
    "branch-defaults",
    "nobody-delivers",
    "nobody-buys",
    "holidays-unknown",
    "worker-silent",
}


@pytest.mark.parametrize(("name", "bad", "good"), SETTINGS_CASES)
def test_a_complaint_about_settings(name: str, bad: Settings, good: Settings) -> None:
    found = list(of_settings(bad))
    assert ids(found) == [name]
    check_words(found[0])
    assert ids(of_settings(good)) == []


# --- data ------------------------------------------------------------------------------------------------------------

DATA_CASES = [
    ("founder-missing", {"staff": [RIDER, BUYER]}, {}),
    ("founder-cannot-be-texted", {"staff": [replace(FOUNDER, can_be_texted=False), RIDER, BUYER]}, {}),
    ("founder-opted-out", {"staff": [replace(FOUNDER, is_opted_out=True), RIDER, BUYER]}, {}),
    (
        "founder-paused",
        {"staff": [replace(FOUNDER, is_paused=True)]},
        {"staff": [FOUNDER, replace(RIDER, is_paused=True)]},
    ),
    ("staff-cannot-be-texted", {"staff": [FOUNDER, replace(RIDER, can_be_texted=False)]}, {"staff": [FOUNDER, RIDER]}),
    ("staff-opted-out", {"staff": [FOUNDER, replace(RIDER, is_opted_out=True)]}, {"staff": [FOUNDER, RIDER]}),
    ("founder-country-not-allowed", {"staff": [replace(FOUNDER, is_allowed_country=False)]}, {"staff": [FOUNDER]}),
    ("staff-country-not-allowed", {"staff": [FOUNDER, replace(RIDER, is_allowed_country=False)]}, {"staff": [FOUNDER]}),
    ("branch-defaults", {"branches": [replace(SHOP, name="Our shop")]}, {}),
    (
        "branch-defaults",
        {"branches": [replace(SHOP, timezone="UTC", opening_hours="24/7")]},
        {"branches": [replace(SHOP, opening_hours="24/7")]},
    ),
    ("policy-unreadable", {"branches": [replace(SHOP, policy_error="policy.x: no such setting")]}, {}),
    ("nobody-delivers", {"staff": [AT_HOME, BUYER]}, {"staff": [AT_HOME, BUYER, RIDER]}),
    ("nobody-delivers", {"staff": [AT_HOME, BUYER, replace(RIDER, branch="east")]}, {"staff": [AT_HOME, BUYER, RIDER]}),
    ("nobody-buys", {"staff": [AT_HOME, RIDER]}, {"staff": [AT_HOME, BUYER, RIDER]}),
    (
        "holidays-unknown",
        {"branches": [replace(INDIA, opening_hours="Mo-Sa 10:00-19:00; PH off")]},
        {"branches": [INDIA]},
    ),
    (
        "holidays-unknown",
        {"branches": [NOWHERE], "staff": [replace(FOUNDER, shifts="Mo-Sa 10:00-19:00; PH off")]},
        {"branches": [SHOP], "staff": [replace(FOUNDER, shifts="Mo-Sa 10:00-19:00; PH off")]},
    ),
    ("texts-held", {"held": STUCK}, {}),
    ("texts-failing", {"failing": STUCK}, {}),
    ("worker-silent", {"last_round_at": None}, {}),
    (
        "worker-silent",
        {"last_round_at": NOW - timedelta(seconds=60)},
        {"last_round_at": NOW - timedelta(seconds=59)},
    ),
]


@pytest.mark.parametrize(("name", "bad", "good"), DATA_CASES)
def test_a_complaint_about_data(name: str, bad: dict[str, object], good: dict[str, object]) -> None:
    found = list(of_data(replace(DATA, **bad), NOW))
    assert ids(found) == [name]
    check_words(found[0])
    assert ids(of_data(replace(DATA, **good), NOW)) == []


def test_several_at_once_and_a_founder_serves_every_branch() -> None:
    facts = replace(DATA, branches=[SHOP, EAST], staff=[AT_HOME, replace(RIDER, branch="east"), BUYER])
    assert ids(of_data(facts, NOW)) == ["nobody-delivers", "nobody-buys"]
    assert ids(of_data(replace(facts, staff=[FOUNDER]), NOW)) == []


def test_many_rosters_are_named_shortly() -> None:
    staff = [replace(FOUNDER, name=f"P{number}", shifts="PH off") for number in range(9)]
    (found,) = of_data(replace(DATA, branches=[NOWHERE], staff=staff), NOW)
    assert "P0's shifts, P1's shifts, P2's shifts, 6 more" in found.sentence


# --- configuration ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("DISPATCH_SECRET_KEY: too short", "setting-dispatch-secret-key"),
        ("TWILIO_API_KEY and TWILIO_API_SECRET: set both or neither", "setting-twilio-api-key"),
        ("DISPATCH_SECRET_KEY_FILE: can't be read", "setting-dispatch-secret-key-file"),
        ("DISPATCH_COLOUR: no such setting", "setting-dispatch-colour"),
    ],
)
def test_a_complaint_about_the_environment(line: str, name: str) -> None:
    (found,) = of_configuration([line])
    assert found.id == name
    assert found.sentence == f"{line}."
    check_words(found)


def test_no_complaint_about_the_environment() -> None:
    assert list(of_configuration([])) == []


def check_words(complaint: Complaint) -> None:
    assert complaint.severity is (Severity.WARNING if complaint.id in WARNINGS else Severity.FATAL)
    assert complaint.id == complaint.id.lower()
    for words in (complaint.sentence, complaint.hint):
        assert words[0].isupper()
        assert words.endswith(".")
