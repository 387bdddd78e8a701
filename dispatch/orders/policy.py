"""A branch's policy: how long things take here and how hard the ladder knocks. Frozen values with their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import lru_cache

from ..foundation.errors import FieldError, Invalid

BOUNDS = {
    "watch_minutes": (0, 1440),
    "step_min_seconds": (1, 86400),
    "step_max_seconds": (1, 86400),
    "check_in_grace_seconds": (1, 86400),
    "pack_minutes": (0, 1440),
    "travel_minutes": (0, 1440),
    "procure_minutes": (0, 1440),
    "handover_minutes": (0, 1440),
    "apology_grace_minutes": (0, 1440),
    "page_cap_per_hour": (1, 1000),
}


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Minutes are cautious: nine times in ten it takes no longer."""

    watch_minutes: int = 30
    step_min_seconds: int = 120
    step_max_seconds: int = 600
    check_in_grace_seconds: int = 300
    pack_minutes: int = 10
    travel_minutes: int = 40
    procure_minutes: int = 90
    handover_minutes: int = 5
    apology_grace_minutes: int = 10
    page_cap_per_hour: int = 30

    def stay(self, procure_minutes: int | None) -> int:
        """Finding and buying at another shop: its own minutes, or the policy's where it has none."""
        return self.procure_minutes if procure_minutes is None else procure_minutes

    def errand(self, travel_minutes: int | None, procure_minutes: int | None) -> int:
        """A whole errand to another shop: there, finding and buying, and back; an unknown way counts as none."""
        return 2 * (travel_minutes or 0) + self.stay(procure_minutes)

    def to_dict(self) -> dict[str, int]:
        """Every value, by name."""
        return asdict(self)


@lru_cache(maxsize=1000)
def policy_of(stored: frozenset[tuple[str, int]]) -> Policy:
    """A policy that was checked when it was stored; lists ask for the same one for each of their rows."""
    return read_policy(dict(stored))


def read_policy(values: Mapping[str, object] | None, *, field: str = "policy") -> Policy:
    """A policy from what was given, defaults for the rest. Raises Invalid naming each field at fault."""
    given = dict(values or {})
    known = {f.name for f in fields(Policy)}
    complaints = [
        FieldError(f"{field}.{name}", f"no such setting; there are {', '.join(sorted(known))}")
        for name in given
        if name not in known
    ]
    numbers: dict[str, int] = {}
    for name in known & given.keys():
        value, (least, most) = given[name], BOUNDS[name]
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            complaints.append(FieldError(f"{field}.{name}", f"give a whole number from {least} to {most}"))
        else:
            numbers[name] = value
    if complaints:
        raise Invalid.of(complaints)
    policy = Policy(**numbers)
    if policy.step_min_seconds > policy.step_max_seconds:
        raise Invalid(f"{field}.step_min_seconds", "is more than step_max_seconds: make it smaller")
    return policy
