"""One answer under way: the page with its order locked, who answers, and what came of it."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from ..orders.rules import CLOSED
from ..orders.service import record
from ..orders.tables import Order
from ..staff.tables import Staff
from .rules import Answer, Need
from .tables import Escalation, Page


class Outcome(enum.StrEnum):
    """What an answer led to."""

    DONE = "done"
    ALREADY = "already"
    TAKEN = "taken"
    OVER = "over"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True)
class AnswerResult:
    """What happened, and what to tell the person. `warning`: the part of it that no page may leave out."""

    outcome: Outcome
    text: str
    ref: str | None = None
    warning: str = ""


@dataclass(kw_only=True)
class Case:
    """One page with its order locked, and who answers."""

    session: Session
    order: Order
    escalation: Escalation
    page: Page
    staff: Staff
    now: datetime
    note: str | None
    actor: str

    def result(self, outcome: Outcome, text: str) -> AnswerResult:
        """What is said about this order."""
        return AnswerResult(outcome=outcome, text=text, ref=self.order.ref)

    def say(self, kind: str, text: str) -> None:
        """An event of the order."""
        note = f" “{self.note}”" if self.note else ""
        record(self.session, self.order, kind, text + note, at=self.now, actor=self.actor)

    @property
    def is_theirs(self) -> bool:
        """This person has it, also where the desk gave it to them, and the order is still open."""
        has_it = self.page.answer is Answer.ACCEPTED or self.order.carrier_id == self.staff.id
        return has_it and self.order.status not in CLOSED

    @property
    def has_bought(self) -> bool:
        """This person was asked to buy and no more, and something here was theirs to buy; another carries it."""
        was_buying = self.escalation.need is Need.PROCURE and self.order.carrier_id != self.staff.id
        return was_buying and any(line.buyer_id == self.staff.id for line in self.order.lines)
