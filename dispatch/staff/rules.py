"""Who may do what, who is here when, and who may be asked; pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from ..foundation.hours import Span, merged, without


class Role(enum.StrEnum):
    """What somebody is in the shop."""

    RIDER = "rider"
    BUYER = "buyer"
    STAFF = "staff"
    MANAGER = "manager"
    FOUNDER = "founder"


class Skill(enum.StrEnum):
    """What a step of an order asks for."""

    PROCURE = "procure"
    PACK = "pack"
    DELIVER = "deliver"


ALL_ROUND = frozenset({Role.STAFF, Role.MANAGER, Role.FOUNDER})
MAY_DO = {
    Skill.PROCURE: ALL_ROUND | {Role.BUYER},
    Skill.DELIVER: ALL_ROUND | {Role.RIDER},
    Skill.PACK: frozenset(Role),
}


@dataclass(frozen=True, kw_only=True)
class Person:
    """One member of staff as the clock and the ladder see them.

    `shifts`: roster and extra shifts around now. `pauses`: spans not to be counted on. `reachable`: can be sent a
    text at all (a mobile number, not opted out).
    """

    id: int
    name: str
    role: Role
    phone: str
    shifts: tuple[Span, ...]
    pauses: tuple[Span, ...] = ()
    on_call: bool = False
    reachable: bool = True
    asked_today: int = 0

    def windows(self) -> tuple[Span, ...]:
        """When this person is available: on a shift, not paused, and can be texted."""
        return self._windows

    @cached_property
    def _windows(self) -> tuple[Span, ...]:
        # The clock asks for them several times per order, and fifty orders share the same people.
        return tuple(without(merged(self.shifts), self.pauses)) if self.reachable else ()

    @cached_property
    def _skills(self) -> frozenset[Skill]:
        return frozenset(skill for skill, roles in MAY_DO.items() if self.role in roles)

    def can(self, skill: Skill) -> bool:
        """Whether this person may do a kind of step."""
        return skill in self._skills

    @property
    def can_always_be_asked(self) -> bool:
        """Founders can, shift or no shift."""
        return self.role is Role.FOUNDER

    def is_paused(self, now: datetime) -> bool:
        """Whether they asked to be left alone just now."""
        return any(pause.start <= now < pause.end for pause in self.pauses)

    def paused_until(self, at: datetime) -> datetime | None:
        """When the pause ends that they are in, or that begins at that instant; None when they are in none."""
        return max((pause.end for pause in self.pauses if pause.start <= at < pause.end), default=None)

    def is_available(self, now: datetime) -> bool:
        """On a shift, not paused, reachable: at this instant."""
        return any(span.start <= now < span.end for span in self.windows())

    def may_be_asked(self, now: datetime) -> bool:
        """Available, or on call, or the founder; never while paused or unreachable."""
        if not self.reachable or self.is_paused(now):
            return False
        return self.can_always_be_asked or self.on_call or self.is_available(now)
