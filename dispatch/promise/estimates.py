"""How long a step takes: a likely and a cautious length, learned as a share of its default; pure.

Groups form a chain: the kind, then the shop or the distance, then the time of day. Each leans on the one before it
until it has seen enough of its own, and the first of them on the policy's default.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

# Until it is learned from what happened, the likely length of a step as a share of the cautious one.
LIKELY = 0.7
# A length of which the policy says nothing, or zero minutes, is measured in minutes.
LEAST_DEFAULT = 1.0
# No group is ever said to take more than e^4 = 55 times its default, or less than a 55th.
WIDEST = 4.0
DISTANCE_BANDS_KM = (2.0, 5.0, 10.0, 20.0)
# Night until 7, morning until 11, midday until 15, afternoon until 19, evening until 22, then night again.
HOUR_BANDS = (7, 11, 15, 19, 22)
EARTH_RADIUS_KM = 6371.0088


class Kind(enum.StrEnum):
    """A step whose length is learned.

    PROCURE is the whole errand door to door; PACK from all goods in hand to packed; TRAVEL from handed over to
    delivered; HANDOVER is only known from imported history.
    """

    PROCURE = "procure"
    PACK = "pack"
    TRAVEL = "travel"
    HANDOVER = "handover"


@dataclass(frozen=True, slots=True)
class Spread:
    """How long a step takes, in minutes: one time in two no longer than `likely`, nine in ten than `cautious`."""

    likely: float
    cautious: float


def by_default(minutes: float) -> Spread:
    """The spread while nothing is learned; `minutes` is cautious."""
    return Spread(minutes * LIKELY, minutes)


@dataclass(frozen=True, slots=True)
class Group:
    """Steps that are alike. Bands are numbers counted from 0."""

    kind: Kind
    supplier_id: int | None = None
    distance_band: int | None = None
    hour_band: int | None = None
    is_given: bool = False

    @property
    def key(self) -> str:
        """The group in a few letters, unique within a branch."""
        parts = {"s": self.supplier_id, "d": self.distance_band, "h": self.hour_band}
        given = ["given"] if self.is_given else []
        return "/".join([self.kind.value, *given, *(f"{k}{v}" for k, v in parts.items() if v is not None)])


@dataclass(frozen=True, slots=True)
class Ratio:
    """Logs of minutes taken / default minutes, and of how many steps of the group they were learned."""

    likely: float
    cautious: float
    n: int = 0


BY_DEFAULT = Ratio(math.log(LIKELY), 0.0)


def distance_band(distance_km: float | None) -> int | None:
    """0 to 2 km is band 0, 2 to 5 is 1, 5 to 10 is 2, 10 to 20 is 3, more is 4."""
    return None if distance_km is None else sum(distance_km >= limit for limit in DISTANCE_BANDS_KM)


def hour_band(hour: int | None) -> int | None:
    """Night is band 0, then morning, midday, afternoon and evening. `hour`: 0 to 23, the branch's own time."""
    return None if hour is None else sum(hour >= limit for limit in HOUR_BANDS) % len(HOUR_BANDS)


def chain(
    kind: Kind,
    *,
    supplier_id: int | None = None,
    distance_km: float | None = None,
    hour: int | None = None,
    is_given: bool = False,
) -> tuple[Group, ...]:
    """The groups a step belongs to, the widest first. A length that a person gave has nothing to do with the others."""
    base = Group(kind, is_given=is_given)
    groups = [base]
    band = distance_band(distance_km)
    if kind is Kind.PROCURE and supplier_id is not None:
        base = Group(kind, supplier_id=supplier_id, is_given=is_given)
        groups.append(base)
    elif kind is Kind.TRAVEL and band is not None and not is_given:
        base = Group(kind, distance_band=band)
        groups.append(base)
    if hour is not None:
        groups.append(
            Group(
                kind,
                supplier_id=base.supplier_id,
                distance_band=base.distance_band,
                hour_band=hour_band(hour),
                is_given=is_given,
            )
        )
    return tuple(groups)


@dataclass(frozen=True, kw_only=True)
class Lengths:
    """What one branch has learned: a ratio for each group of which something is known."""

    ratios: Mapping[Group, Ratio] = field(default_factory=lambda: MappingProxyType({}))

    def spread(
        self,
        kind: Kind,
        default: float,
        *,
        supplier_id: int | None = None,
        distance_km: float | None = None,
        hour: int | None = None,
        is_given: bool = False,
    ) -> Spread:
        """How long a step takes. `default`: cautious minutes, as the policy or a person (`is_given`) has it.

        `hour` is the branch's own time (0 to 23) at which the step begins; what is left out is not told apart.
        """
        groups = chain(kind, supplier_id=supplier_id, distance_km=distance_km, hour=hour, is_given=is_given)
        ratio = next((self.ratios[group] for group in reversed(groups) if group in self.ratios), None)
        if ratio is None:
            return by_default(default)
        base = max(default, LEAST_DEFAULT)
        likely, cautious = (base * math.exp(min(max(log, -WIDEST), WIDEST)) for log in (ratio.likely, ratio.cautious))
        return Spread(likely, max(likely, cautious))


NOTHING_LEARNED = Lengths()


Place = tuple[float | None, float | None]


def far_apart(here: Place, there: Place) -> float | None:
    """Kilometres between two places (latitude, longitude); None when one of them is not known."""
    (lat1, lon1), (lat2, lon2) = here, there
    if lat1 is None or lon1 is None or lat2 is None or lon2 is None:
        return None
    return distance_km(lat1, lon1, lat2, lon2)


def distance_km(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Kilometres as the crow flies between two places given in degrees.

    Haversine formula, R. W. Sinnott, "Virtues of the Haversine", Sky and Telescope 68 (1984), 159; mean earth radius.
    """
    phi1, phi2 = math.radians(lat1), math.radians(lat2)
    rise = math.sin((phi2 - phi1) / 2) ** 2
    turn = math.cos(phi1) * math.cos(phi2) * math.sin(math.radians(lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, rise + turn)))
