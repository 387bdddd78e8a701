"""The texts of a case: sorry, the fix, and whether it was made good."""

from __future__ import annotations

from datetime import timedelta

from ..messaging.reachable import why_unreachable
from ..messaging.rules import Channel
from . import wording
from .case import CLOCK, Case
from .rules import Step, awake
from .tables import RecoveryStep

APOLOGY = "apology"
NOT_ARRIVED = "the one that we sent did not arrive: phone them"
AT_ONCE = timedelta(0)
# Whoever holds it for the first time looks at it first.
AFTER_DELIVERY = timedelta(minutes=10)


def why_unsaid(case: Case) -> str | None:
    """Why no text can say sorry, if so: somebody must phone then."""
    return NOT_ARRIVED if case.was_lost else why_unreachable(case.session, case.order.customer_phone)


def apologise(case: Case) -> bool:
    """The shop's own words, as nobody has said sorry in time; False when nothing can be sent, and somebody must phone.

    The key of the text is the guard: there is one apology per case, whoever else is at it.
    """
    withheld = why_unsaid(case)
    if withheld is not None:
        case.recovery.next_step_at = None
        case.somebody_must_phone(f"Nobody has said sorry, and no text can: {withheld}.")
        return False
    say_sorry(case, case.worded(wording.apology(case.told(), case.language)), actor=CLOCK)
    return True


def say_sorry(case: Case, text: str, *, actor: str, staff_id: int | None = None) -> None:
    """Empathy, by text."""
    was_fixed = any(step.step is Step.FIXED for step in case.recovery.steps)
    outbox_id = case.send(APOLOGY, text)
    row = case.write(Step.EMPATHISE, actor=actor, text=text, channel=Channel.SMS, staff_id=staff_id)
    row.outbox_id = outbox_id
    case.record("empathised", f"Said sorry: “{text}”", actor=actor)
    case.go(Step.EMPATHISE)
    if was_fixed:
        fixed = next(step for step in case.recovery.steps if step.step is Step.FIXED)
        ask_whether_good(case, fixed)


def ask_whether_good(case: Case, fixed: RecoveryStep, own: str = "", *, after: timedelta = AT_ONCE) -> None:
    """Ask the customer whether it was made good; a question that can wait till the morning does."""
    if why_unreachable(case.session, case.order.customer_phone) is not None:
        case.somebody_must_phone("Nobody has asked whether it is good now.")
        return
    body = case.worded(wording.question(case.told(), own, case.language))
    due_at = awake(case.now + after, case.order.branch.timezone)
    # With its instant: SQLite gives the number of a step that was taken back to the next one. A question that went
    # behind an apology that never arrived was not asked.
    key = f"good:{fixed.id}:{fixed.at:%d%H%M%S}{':again' if case.was_lost else ''}"
    fixed.outbox_id = case.send(key, body, due_at=due_at)
