"""What the settings page says: each number of the policy in words, and what our sender can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..foundation.settings import Settings
from ..messaging.rules import takes_replies
from ..orders.policy import BOUNDS, Policy

MINUTES, SECONDS = "minutes", "seconds"


@dataclass(frozen=True, kw_only=True)
class Number:
    """One number of the policy: what it is called, what it is counted in, and what it does."""

    name: str
    label: str
    unit: str
    meaning: str
    group: str

    @property
    def least(self) -> int:
        return BOUNDS[self.name][0]

    @property
    def most(self) -> int:
        return BOUNDS[self.name][1]

    @property
    def default(self) -> int:
        return Policy().to_dict()[self.name]


LASTS, ASKS = "How long things take", "How hard we knock"
NUMBERS = (
    Number(
        name="pack_minutes",
        label="Packing",
        unit=MINUTES,
        group=LASTS,
        meaning="From everything in hand to ready at the door; nine times in ten it takes no longer.",
    ),
    Number(
        name="procure_minutes",
        label="Finding and buying at another shop",
        unit=MINUTES,
        group=LASTS,
        meaning="Where the shop has no minutes of its own.",
    ),
    Number(
        name="travel_minutes",
        label="The way to the customer",
        unit=MINUTES,
        group=LASTS,
        meaning="Where the order does not say how long it takes.",
    ),
    Number(
        name="handover_minutes",
        label="At the door",
        unit=MINUTES,
        group=LASTS,
        meaning="Ringing, waiting and handing over.",
    ),
    Number(
        name="watch_minutes",
        label="Watch when less than this is left",
        unit=MINUTES,
        group=ASKS,
        meaning="An order with less slack than this stands under “watch” on the board.",
    ),
    Number(
        name="step_min_seconds",
        label="Shortest step of the ladder",
        unit=SECONDS,
        group=ASKS,
        meaning="However short the time is, nobody has less than this to answer before the next are asked.",
    ),
    Number(
        name="step_max_seconds",
        label="Longest step of the ladder",
        unit=SECONDS,
        group=ASKS,
        meaning="However much time is left, the next are asked after this.",
    ),
    Number(
        name="check_in_grace_seconds",
        label="Grace for whoever took it",
        unit=SECONDS,
        group=ASKS,
        meaning="After the moment when we expect to hear from them, and before they are reminded.",
    ),
    Number(
        name="page_cap_per_hour",
        label="Most calls for help to one person",
        unit="texts an hour",
        group=ASKS,
        meaning="Who has had so many is passed over, and the board says whom to phone.",
    ),
    Number(
        name="apology_grace_minutes",
        label="Wait before saying sorry",
        unit=MINUTES,
        group=ASKS,
        meaning="After a promise has passed: the parcel may be at the door this minute.",
    ),
)


def sender_facts(settings: Settings, *, has_voice: bool, webhook: str) -> list[tuple[str, str]]:
    """Our number and what it can do, as (what, how); nothing in it is secret."""
    twilio = settings.twilio
    if twilio is None:
        return [("Sender", "none: no text can be sent")]
    sender = twilio.from_number or ""
    if twilio.messaging_service_sid:
        sender = f"the messaging service {twilio.messaging_service_sid}"
    pace = settings.texts_per_second
    budget = settings.texts_per_month
    return [
        ("Sender", f"{sender}{' (simulated phones)' if twilio.is_simulated else ''}"),
        ("Account", f"ends in {twilio.account_sid[-4:]}"),
        ("Rings phones", "yes" if has_voice else "no: it all goes by text; a whole number as sender can ring"),
        ("Gets replies", _replies(sender)),
        ("Pace", f"{pace:g} texts a second" if pace else "as fast as the provider takes them"),
        ("A month", f"{budget:,} segments at most" if budget else "no limit of ours"),
        ("Countries", ", ".join(settings.countries) or "all"),
        ("Replies come in at", webhook),
    ]


def _replies(sender: str) -> str:
    one_way = sender.startswith("+") and not takes_replies(sender[:3])
    return "no: people answer by the link" if one_way else "yes, except from India: there people answer by the link"


def changed_policy(values: Mapping[str, object]) -> dict[str, object]:
    """What differs from the defaults: the rest goes on following them."""
    usual = Policy().to_dict()
    return {name: value for name, value in values.items() if usual.get(name) != value}
