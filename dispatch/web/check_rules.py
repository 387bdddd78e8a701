"""What would stop a page from being sent: facts in, complaints out; pure."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from ..foundation.settings import LOOPBACK, Settings, TwilioSettings
from ..staff.rules import MAY_DO, Role, Skill

SILENCE = timedelta(seconds=60)
HOLIDAYS = re.compile(r"\b[PS]H\b")
# As the first migration makes the branch `main`.
DEFAULTS = ("Our shop", "UTC", "24/7")
SHAPES = {
    "account_sid": ("TWILIO_ACCOUNT_SID", r"AC[0-9a-fA-F]{32}", "AC and 32 hexadecimal digits"),
    "messaging_service_sid": ("TWILIO_MESSAGING_SERVICE_SID", r"MG[0-9a-fA-F]{32}", "MG and 32 hexadecimal digits"),
    "api_key": ("TWILIO_API_KEY", r"SK[0-9a-fA-F]{32}", "SK and 32 hexadecimal digits"),
    "from_number": (
        "TWILIO_FROM_NUMBER",
        r"\+[1-9][0-9]{6,14}|[0-9]{3,8}",
        "a plus and the whole number, or a short code",
    ),
}
SKILLS = {Skill.DELIVER: ("nobody-delivers", "bring an order"), Skill.PROCURE: ("nobody-buys", "buy what is missing")}


class Severity(enum.StrEnum):
    """Whether pages can be sent all the same."""

    FATAL = "fatal"
    WARNING = "warning"


@dataclass(frozen=True)
class Complaint:
    """One thing that is wrong; `id` stays the same for ever."""

    id: str
    severity: Severity
    sentence: str
    hint: str


@dataclass(frozen=True, kw_only=True)
class StaffFacts:
    """One member of staff who is active. `phone` is masked. `is_on_roster`: has regular hours or a shift to come."""

    name: str
    phone: str
    role: Role
    branch: str
    shifts: str | None
    is_on_roster: bool
    can_be_texted: bool = True
    is_opted_out: bool = False
    is_paused: bool = False
    is_allowed_country: bool = True

    @property
    def can_be_reached(self) -> bool:
        return self.can_be_texted and not self.is_opted_out


@dataclass(frozen=True, kw_only=True)
class BranchFacts:
    """One branch. `policy_error`: why its stored policy can't be read. `has_calendar`: holidays are known there."""

    code: str
    name: str
    timezone: str
    opening_hours: str
    country: str | None
    has_calendar: bool
    policy_error: str | None = None


@dataclass(frozen=True, kw_only=True)
class Stuck:
    """Texts that do not leave: how many, and what the provider said."""

    waiting: int
    error: str


@dataclass(frozen=True, kw_only=True)
class DataFacts:
    """What the database says, at head."""

    branches: Sequence[BranchFacts]
    staff: Sequence[StaffFacts]
    held: Stuck | None
    failing: Stuck | None
    last_round_at: datetime | None


def fatal(name: str, sentence: str, hint: str) -> Complaint:
    """Pages can't be sent."""
    return Complaint(name, Severity.FATAL, sentence, hint)


def warning(name: str, sentence: str, hint: str) -> Complaint:
    """Pages can be sent, but not as they should be."""
    return Complaint(name, Severity.WARNING, sentence, hint)


# --- settings --------------------------------------------------------------------------------------------------------


def of_configuration(said: Sequence[str]) -> Iterator[Complaint]:
    """What `config.load` refuses: each line starts with the name of its setting."""
    for line in said:
        name = re.match(r"[A-Z_]+", line)
        setting = name.group().strip("_").lower().replace("_", "-") if name else "unknown"
        yield fatal(
            f"setting-{setting}", f"{line}.", "Nothing starts until this is mended; README.md lists every setting."
        )


def of_settings(settings: Settings) -> Iterator[Complaint]:
    """What is allowed, and would not work."""
    twilio = settings.twilio
    if twilio is None:
        yield fatal(
            "twilio-missing",
            "There are no Twilio settings, so no text can be sent.",
            "Set TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and a sender; `dispatch up` simulates phones instead.",
        )
    elif _is_stand_in(twilio):
        yield warning(
            "twilio-simulated",
            f"Phones are simulated: texts go to {twilio.api_url} on this machine, to nobody's phone.",
            "Set TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and a sender when it is for real.",
        )
    else:
        yield from _of_twilio(twilio)
        yield from _of_public_url(settings)
    is_a_number = twilio is not None and re.fullmatch(SHAPES["from_number"][1], twilio.from_number or "0000")
    if twilio is not None and is_a_number and not twilio.can_ring:
        yield warning(
            "calls-impossible",
            "No phone can be rung: only a number of ours can make a call, and none is set. Whose text does not arrive "
            "is not called.",
            "Set TWILIO_FROM_NUMBER to a number of yours that has voice, also beside a messaging service.",
        )


def _is_stand_in(twilio: TwilioSettings) -> bool:
    return twilio.is_simulated or urlsplit(twilio.api_url or "").hostname in LOOPBACK


def _of_twilio(twilio: TwilioSettings) -> Iterator[Complaint]:
    for field, (setting, shape, words) in SHAPES.items():
        value = getattr(twilio, field)
        if value and not re.fullmatch(shape, value):
            name = f"{setting.lower().replace('_', '-')}-shape"
            yield fatal(name, f"{setting} does not look like one.", f"It is {words}; copy it from Twilio's console.")


def _of_public_url(settings: Settings) -> Iterator[Complaint]:
    if settings.public_host in LOOPBACK:
        yield fatal(
            "public-url-loopback",
            f"DISPATCH_PUBLIC_URL is {settings.public_url}: phones can't open links to it, and Twilio can't call back.",
            "Set it to the address under which the outside sees this service.",
        )
    elif not settings.is_https:
        yield fatal(
            "public-url-http",
            f"DISPATCH_PUBLIC_URL is {settings.public_url}: answers and customers' names would travel in the clear.",
            "Put it behind https and set the address that starts with https://.",
        )


# --- data ------------------------------------------------------------------------------------------------------------


def of_data(facts: DataFacts, now: datetime) -> Iterator[Complaint]:
    """What is missing or wrong in the shop's own data, and whether it runs."""
    yield from _of_founders(facts.staff)
    yield from _of_staff(facts.staff)
    for branch in facts.branches:
        yield from _of_branch(branch, [row for row in facts.staff if row.branch == branch.code or _is_founder(row)])
    yield from _of_texts(facts)
    silent = facts.last_round_at is None or now - facts.last_round_at >= SILENCE
    if silent:
        since = f"since {facts.last_round_at:%Y-%m-%d %H:%M} UTC" if facts.last_round_at else "so far"
        yield warning(
            "worker-silent",
            f"No worker has watched the promises {since}.",
            "Start `dispatch up`, or `dispatch worker`.",
        )


def _is_founder(row: StaffFacts) -> bool:
    return row.role is Role.FOUNDER


def _of_founders(staff: Sequence[StaffFacts]) -> Iterator[Complaint]:
    founders = [row for row in staff if _is_founder(row)]
    if not founders:
        yield fatal(
            "founder-missing",
            "There is no founder, so nobody is asked when nobody else answers.",
            "Add one on the people page or with `dispatch import staff`.",
        )
    for row in founders:
        if row.is_paused:
            yield warning(
                "founder-paused",
                f"{row.name}, the founder, is paused and is not asked at all.",
                "End the pause on the people page.",
            )


def _of_staff(staff: Sequence[StaffFacts]) -> Iterator[Complaint]:
    for row in staff:
        who, say = ("founder", fatal) if _is_founder(row) else ("staff", warning)
        if not row.can_be_texted:
            yield say(
                f"{who}-cannot-be-texted",
                f"{row.name} ({row.phone}) has a number that texts can't reach.",
                "Give a mobile number on the people page.",
            )
        if not row.is_allowed_country:
            yield say(
                f"{who}-country-not-allowed",
                f"{row.name} ({row.phone}) has a number in a country that texts may not go to.",
                "Add the country to DISPATCH_COUNTRIES.",
            )
        if row.is_opted_out:
            yield say(
                f"{who}-opted-out",
                f"{row.name} ({row.phone}) has asked not to be texted.",
                "Only they can undo it: ask them to send START to our number.",
            )


def _of_branch(branch: BranchFacts, staff: Sequence[StaffFacts]) -> Iterator[Complaint]:
    name, timezone, hours = DEFAULTS
    if branch.name == name or (branch.timezone, branch.opening_hours) == (timezone, hours):
        yield warning(
            "branch-defaults",
            f"Branch {branch.code} is still as it was made: {branch.name}, {branch.timezone}, {branch.opening_hours}.",
            "Say what it is called, its time zone and its hours: PUT /api/v1/branches/CODE, or the setup page.",
        )
    if branch.policy_error:
        yield fatal(
            "policy-unreadable",
            f"The policy of branch {branch.code} can't be read: {branch.policy_error}.",
            "Write it again: PUT /api/v1/branches/CODE.",
        )
    for skill, (complaint, doing) in SKILLS.items():
        if not any(row.is_on_roster and row.can_be_reached and row.role in MAY_DO[skill] for row in staff):
            roles = ", ".join(role.value for role in Role if role in MAY_DO[skill])
            yield warning(
                complaint,
                f"Nobody on the roster of branch {branch.code} may {doing}: every such promise is at risk at once.",
                f"Give shifts to somebody who is one of: {roles}.",
            )
    yield from _of_holidays(branch, staff)


def _of_holidays(branch: BranchFacts, staff: Sequence[StaffFacts]) -> Iterator[Complaint]:
    users = ["its opening hours"] if HOLIDAYS.search(branch.opening_hours) else []
    users += [f"{row.name}'s shifts" for row in staff if HOLIDAYS.search(row.shifts or "")]
    if users and not branch.has_calendar:
        users = [*users[:3], *([f"{len(users) - 3} more"] if len(users) > 3 else [])]
        where = f"for {branch.country}" if branch.country else "as its country is not known"
        yield warning(
            "holidays-unknown",
            f"Branch {branch.code} has no calendar of holidays {where}: PH counts as any day in {', '.join(users)}.",
            "Set the branch's country, or pause people on holidays." if not branch.country else "Pause people instead.",
        )


def _of_texts(facts: DataFacts) -> Iterator[Complaint]:
    if facts.held:
        yield fatal(
            "texts-held",
            f"Twilio refuses our account, {facts.held.waiting} texts are held: {facts.held.error}.",
            "Mend the account or its settings; pages then leave by themselves.",
        )
    if facts.failing:
        yield fatal(
            "texts-failing",
            f"Texts have not gone out for a minute or more, {facts.failing.waiting} wait: {facts.failing.error}.",
            "Is the network up, and Twilio too? They are tried again by themselves.",
        )
