"""The doorway to cases of broken promises: steps that people take, complaints, and what happens by itself in time.

Whatever writes a case locks its order first, so that a rider's "delivered", a manager's apology and the round that
sends the shop's own words see one after another what the one before did.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ..foundation.errors import Conflict, FieldError, Invalid, MoveNotAllowed, NotFound
from ..foundation.hours import local_text
from ..foundation.tokens import Links
from ..messaging.reachable import why_unreachable
from ..messaging.rules import Channel
from ..orders.rules import CLOSED
from ..orders.service import FARTHEST_PROMISE, lock_order
from ..orders.tables import Order
from ..promise import service as promise
from ..promise.queries import level_now, readings
from ..promise.rules import ClockName, Level
from ..promise.tables import Watch
from ..staff.service import active_person
from . import wording
from .asking import apologise, ask_whether_good, say_sorry, why_unsaid
from .case import CLOCK, Case, live_case
from .rules import UNHEARD, Cause, Fact, Fault, Stage, Step, allowed_steps, next_stage
from .surveys import plan_survey
from .tables import Recovery
from .watching import note_facts, note_lost_apology, open_case

SAID_BY_CUSTOMERS = (Step.CONFIRM, Step.REOPEN)


@dataclass(frozen=True, kw_only=True)
class Taken:
    """A step as somebody takes it. `text`: what the customer reads (of a call: what was said). `by_at`: of an offered
    fix, when it is to be there. `staff_id`: who phoned, or did it. `actor`: who wrote it down."""

    step: Step
    actor: str
    text: str | None = None
    staff_id: int | None = None
    by_at: datetime | None = None
    channel: Channel = Channel.SMS
    fault: Fault | None = None
    goodwill: str | None = None


def complain(
    session: Session, ref: str, what: str, now: datetime, *, actor: str, fault: Fault | None = None
) -> Recovery:
    """Somebody says what a customer complained of: a case opens by hand. Raises NotFound, or Conflict when one is open.

    `what` may stand in a text to the customer.
    """
    order = lock_order(session, ref)
    live = live_case(session, order.id)
    if live is not None:
        raise Conflict(f"Order {order.ref} has an open recovery already: go on with {live.id}.")
    watch = session.get(Watch, order.id)
    clock = watch.clock if watch else ClockName.DEADLINE
    recovery = open_case(session, order, Cause.COMPLAINT, now, clock=clock, actor=actor, what=what)
    recovery.fault = fault
    return recovery


def take_step(session: Session, recovery_id: int, taken: Taken, now: datetime, *, links: Links) -> Recovery:
    """Go on with a case. Raises NotFound, MoveNotAllowed naming the steps that are allowed, Invalid or Conflict.

    A fix before anybody has said sorry is refused here, and so everywhere.
    """
    order, recovery = lock_case(session, recovery_id)
    note_facts(session, order, recovery, now, links=links)
    # What customers say themselves stands, whatever they have heard from us.
    if taken.step not in SAID_BY_CUSTOMERS:
        note_lost_apology(session, order, recovery, now)
    # The goods, or somebody else, were faster: saying it as well changes only what is known of it.
    is_known = taken.step is Step.FIXED and recovery.stage is Stage.FIXED
    if not is_known and next_stage(recovery.stage, taken.step) is None:
        raise _not_allowed(recovery, taken.step)
    case = Case(session=session, order=order, recovery=recovery, now=now, links=links)
    _check(case, taken)
    recovery.fault, recovery.goodwill = taken.fault or recovery.fault, taken.goodwill or recovery.goodwill
    if not is_known:
        STEPS[taken.step](case, taken)
    elif taken.text:
        case.record("fixed", f"Made good.{_words(taken)}", actor=taken.actor)
    session.flush()
    return recovery


def lock_case(session: Session, recovery_id: int) -> tuple[Order, Recovery]:
    """A case and its order, which is locked. Raises NotFound."""
    order_id = session.scalars(select(Recovery.order_id).where(Recovery.id == recovery_id)).first()
    if order_id is None:
        raise NotFound(f"There is no recovery {recovery_id}.")
    order = lock_order(session, order_id=order_id)
    return order, session.get_one(Recovery, recovery_id, populate_existing=True)


def _not_allowed(recovery: Recovery, step: Step) -> MoveNotAllowed:
    allowed = [one.value for one in allowed_steps(recovery.stage)]
    is_cold = recovery.stage in UNHEARD and step is not Step.EMPATHISE
    why = "nobody has said sorry yet" if is_cold else f"it is {recovery.stage.value.replace('_', ' ')}"
    can = f"It can now: {', '.join(allowed)}." if allowed else "It is closed."
    return MoveNotAllowed(f"No {step.value} now: {why}. {can}", allowed=allowed)


def _check(case: Case, taken: Taken) -> None:
    """Everything that can be wrong with a step, before it has any effect. Raises Invalid naming each field at fault."""
    now = case.now
    if taken.staff_id is not None:
        active_person(case.session, taken.staff_id, field="by")
    complaints = _word_complaints(taken)
    if taken.step is Step.EMPATHISE:
        complaints += _apology_complaints(case, taken)
    if taken.by_at is not None and taken.step is not Step.OFFER_FIX:
        complaints.append(FieldError("by", "is a time only of offer_fix: give the id of who did it, or leave it out"))
    elif taken.by_at is not None and not now < taken.by_at <= now + FARTHEST_PROMISE:
        complaints.append(FieldError("by", "give a time to come, within 60 days"))
    if taken.step is Step.OFFER_FIX and not (taken.text or taken.by_at):
        complaints.append(FieldError("by", "is missing: by when will it be made good?"))
    if complaints:
        raise Invalid.of(complaints)


def _word_complaints(taken: Taken) -> list[FieldError]:
    text = wording.complaint_about(taken.text, taken.step) if taken.text and _is_sent(taken) else None
    # A gift stands in the text about the fix.
    gift = wording.complaint_about(taken.goodwill, Step.OFFER_FIX) if taken.goodwill else None
    return [FieldError(field, why) for field, why in (("text", text), ("goodwill", gift)) if why]


def _is_sent(taken: Taken) -> bool:
    """Whether its text goes to the customer. What they say themselves is never found fault with: "never again!"."""
    return taken.step not in SAID_BY_CUSTOMERS and not _is_call(taken)


def _is_call(taken: Taken) -> bool:
    return taken.channel is Channel.CALL


def _apology_complaints(case: Case, taken: Taken) -> list[FieldError]:
    if _is_call(taken):
        return [] if taken.staff_id is not None else [FieldError("by", "is missing: who phoned? Give that person's id")]
    if not taken.text:
        return [FieldError("text", "is missing: write your apology, or say who phoned (`by` and `channel`: call)")]
    withheld = why_unsaid(case)
    return [FieldError("channel", f"can't be sms: {withheld}, then say who did")] if withheld else []


# --- the steps -------------------------------------------------------------------------------------------------------


def _words(taken: Taken) -> str:
    return f" “{taken.text}”" if taken.text else ""


def _empathise(case: Case, taken: Taken) -> None:
    if not _is_call(taken):
        say_sorry(case, taken.text or "", actor=taken.actor, staff_id=taken.staff_id)
        return
    person = active_person(case.session, taken.staff_id, field="by") if taken.staff_id is not None else None
    fixed = next((step for step in case.recovery.steps if step.step is Step.FIXED), None)
    case.write(Step.EMPATHISE, actor=taken.actor, text=taken.text, channel=Channel.CALL, staff_id=taken.staff_id)
    said = f"{person.name if person else 'Somebody'} phoned to say sorry.{_words(taken)}"
    case.record("empathised", said, actor=taken.actor)
    case.go(Step.EMPATHISE)
    if fixed is not None:
        ask_whether_good(case, fixed)


def _offer_fix(case: Case, taken: Taken) -> None:
    """The fix and its time. Of an order that is still under way it is a new promise, and the ladder works for it."""
    row = case.write(
        Step.OFFER_FIX,
        actor=taken.actor,
        text=taken.text,
        channel=taken.channel,
        staff_id=taken.staff_id,
        by_at=taken.by_at,
    )
    # Of two that could not leave the customer hears the newer one alone.
    case.unsay(Step.OFFER_FIX, "another fix was offered")
    told = case.told(by=taken.by_at)
    body = wording.own_fix(told, taken.text) if taken.text else case.worded(wording.fix(told, case.language))
    case.record("fix_offered", f"Offered a fix: “{body}”", actor=taken.actor)
    case.go(Step.OFFER_FIX, fix_by=taken.by_at)
    if not _is_call(taken) and why_unreachable(case.session, case.order.customer_phone) is None:
        row.outbox_id = case.send(f"fix:{row.id}", body, useful_until=taken.by_at)
    order = case.order
    is_late = case.recovery.cause is not Cause.COMPLAINT and order.status not in CLOSED
    if is_late and taken.by_at is not None and taken.by_at != order.promised_by:
        changes = {"promised_by": taken.by_at, "why": "what we offered to make it good"}
        promise.change(case.session, order.ref, changes, case.now, actor=taken.actor)


def _fixed(case: Case, taken: Taken) -> None:
    row = case.write(Step.FIXED, actor=taken.actor, text=taken.text, channel=taken.channel, staff_id=taken.staff_id)
    case.record("fixed", f"Made good.{_words(taken)}", actor=taken.actor)
    case.go(Step.FIXED)
    ask_whether_good(case, row, taken.text or "")


def _confirm(case: Case, taken: Taken) -> None:
    case.write(Step.CONFIRM, actor=taken.actor, text=taken.text, channel=taken.channel, staff_id=taken.staff_id)
    case.record("confirmed", f"The customer says it is good.{_words(taken)}", actor=taken.actor)
    case.take_back_questions()
    case.go(Step.CONFIRM)
    plan_survey(case.session, case.order, case.now)


def _reopen(case: Case, taken: Taken) -> None:
    others = live_case(case.session, case.order.id)
    if others is not None and others.id != case.recovery.id:
        raise Conflict(f"Order {case.order.ref} has an open recovery: go on with {others.id}.")
    case.write(Step.REOPEN, actor=taken.actor, text=taken.text, channel=taken.channel, staff_id=taken.staff_id)
    case.record("recovery_reopened", f"Not good yet.{_words(taken)}", actor=taken.actor)
    case.take_back_questions()
    case.go(Step.REOPEN)


STEPS: dict[Step, Callable[[Case, Taken], None]] = {
    Step.EMPATHISE: _empathise,
    Step.OFFER_FIX: _offer_fix,
    Step.FIXED: _fixed,
    Step.CONFIRM: _confirm,
    Step.REOPEN: _reopen,
}


# --- by itself -------------------------------------------------------------------------------------------------------


def tend_case(session: Session, recovery_id: int, now: datetime, *, links: Links) -> bool:
    """What is due of one case, by itself; False when it was done meanwhile. Doing it twice changes nothing."""
    order, recovery = lock_case(session, recovery_id)
    if recovery.next_step_at is None or recovery.next_step_at > now:
        return False
    note_facts(session, order, recovery, now, links=links)
    if note_lost_apology(session, order, recovery, now) or recovery.next_step_at is None or recovery.next_step_at > now:
        return True
    case = Case(session=session, order=order, recovery=recovery, now=now, links=links)
    if recovery.stage in UNHEARD:
        if _is_safe_again(session, order, recovery, now):
            case.record("recovery_averted", "The promise can be kept after all: nobody needs to say sorry.")
            case.go(Fact.SAFE)
        else:
            apologise(case)
    elif recovery.stage is Stage.FIX_OFFERED and recovery.fix_by is not None:
        _fix_is_late(case, recovery.fix_by)
    else:
        what = "No word from the customer" if recovery.stage is Stage.FIXED else "Nothing was made good"
        case.record("recovery_lapsed", f"{what} within 48 hours.")
        case.go(Fact.LAPSED)
    return True


def put_case_off(session: Session, recovery_id: int, at: datetime) -> None:
    """What is due of a case could not be done: try again later, unless somebody has gone on with it meanwhile."""
    waiting = (Recovery.id == recovery_id, Recovery.next_step_at.is_not(None), Recovery.next_step_at <= at)
    session.execute(update(Recovery).where(*waiting).values(next_step_at=at, version=Recovery.version + 1))


def _is_safe_again(session: Session, order: Order, recovery: Recovery, now: datetime) -> bool:
    """Whether it was only feared to be late, and is not any more: asked before anybody says sorry for it."""
    if recovery.cause is not Cause.LATE or order.status in CLOSED:
        return False
    watch = timedelta(minutes=order.branch.policy.watch_minutes)
    reading = readings(session, [order.id]).get(order.id)
    is_late = now > order.promised_by or level_now(order, reading, now, watch=watch) is Level.LATE
    return order.waits_in_time or not is_late


def _fix_is_late(case: Case, fix_by: datetime) -> None:
    by = local_text(fix_by, case.order.branch.timezone, now=case.now)
    text = f"The fix was to be there by {by}."
    case.write(Step.REOPEN, actor=CLOCK, text=text)
    case.record("recovery_reopened", f"{text} Offer another, and phone them.")
    case.go(Step.REOPEN)
