"""What each look at an order means for its customer: a case opens by itself, goods that come are its fix, and an
apology that never arrived was none."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ..foundation.db import wake
from ..foundation.tokens import Links
from ..messaging.rules import Kind
from ..messaging.service import Settled
from ..orders.rules import CLOSED, Status
from ..orders.service import record
from ..orders.tables import Order, Promise
from ..orders.telling import counted_promise
from ..orders.wording import first_name
from ..promise.looks import Look
from ..promise.rules import ClockName, Level
from ..promise.tables import Watch
from . import asking
from .case import CLOCK, Case, live_case
from .rules import JUST_PAST, TOO_OLD, Cause, Fact, Stage, Step, next_stage, next_step_at
from .surveys import plan_survey
from .tables import Recovery, RecoveryStep

SAID = {
    Cause.LATE: "The promise can't be kept any more: {name} is owed an apology.",
    Cause.BROKEN: "The promise is broken: {name} is owed an apology.",
    Cause.COMPLAINT: "{name} complained: {what}",
}


def consider(session: Session, order: Order, look: Look | None, now: datetime, *, links: Links) -> datetime | None:
    """Open a case when the promise has passed, or can't be kept any more; when to look again, if for that alone.

    `look`: what the clock found, None for an order that is closed. The caller holds the order's lock. Nothing is read
    for an order that is in no danger: the round looks at all of them all day.
    """
    if look is None:
        _ended(session, order, now, links=links)
        return None
    if order.waits_in_time:
        return None
    if now <= order.first_promised_by and look.level is not Level.LATE:
        return order.first_promised_by + JUST_PAST
    counted = counted_promise(session, order)
    is_broken = now > counted.promised_by
    if is_broken or look.level is Level.LATE:
        cause = Cause.BROKEN if is_broken else Cause.LATE
        _open(session, order, counted, now, cause=cause, clock=look.cause)
    return None if is_broken else counted.promised_by + JUST_PAST


def open_case(
    session: Session,
    order: Order,
    cause: Cause,
    now: datetime,
    *,
    clock: ClockName,
    actor: str = CLOCK,
    what: str | None = None,
) -> Recovery:
    """A new case; the caller knows that the order has none that is live. The unique index is for two at once."""
    grace = timedelta(minutes=order.branch.policy.apology_grace_minutes)
    recovery = Recovery(
        order_id=order.id,
        cause=cause,
        what=what,
        clock=clock,
        stage=Stage.OPENED,
        opened_at=now,
        opened_by=actor[:100],
        next_step_at=next_step_at(Stage.OPENED, now, grace=grace),
        steps=[],
    )
    session.add(recovery)
    session.flush()
    text = SAID[cause].format(name=first_name(order.customer_name), what=what)
    data = {"recovery_id": recovery.id, "cause": cause.value, "clock": clock.value}
    record(session, order, "recovery_opened", text, at=now, actor=actor, data=data)
    wake(session)
    return recovery


def _open(session: Session, order: Order, counted: Promise, now: datetime, *, cause: Cause, clock: ClockName) -> None:
    """Once per promise: what was made good is not opened again because the order is still late."""
    query = select(Recovery).where(Recovery.order_id == order.id).order_by(Recovery.id.desc())
    past = session.scalars(query.execution_options(populate_existing=True)).all()
    live = next((one for one in past if one.closed_at is None), None)
    if live is not None:
        if live.cause is Cause.LATE and cause is Cause.BROKEN:
            live.cause = Cause.BROKEN
        _unfix(session, order, live, now)
        return
    if any(one.cause is not Cause.COMPLAINT and _is_of(one, counted) for one in past):
        return
    recovery = open_case(session, order, cause, now, clock=clock)
    if now - counted.promised_by > TOO_OLD:
        # Nobody looked for a day: a text of ours would only be odd now.
        recovery.next_step_at = None
        case = Case(session=session, order=order, recovery=recovery, now=now)
        case.somebody_must_phone("The promise broke more than a day ago, and nobody has said sorry.")


def _unfix(session: Session, order: Order, recovery: Recovery, now: datetime) -> None:
    """A delivery that was taken back was a slip of the hand, and no fix."""
    steps = [step for step in recovery.steps if step.step is Step.FIXED and step.actor == CLOCK]
    if recovery.stage not in (Stage.FIXED, Stage.FIXED_FIRST) or not steps:
        return
    case = Case(session=session, order=order, recovery=recovery, now=now)
    case.take_back_questions()
    for step in steps:
        recovery.steps.remove(step)
        session.delete(step)
    grace = timedelta(minutes=order.branch.policy.apology_grace_minutes)
    was_heard = recovery.stage is Stage.FIXED
    recovery.stage = Stage.EMPATHISED if was_heard else Stage.OPENED
    recovery.next_step_at = next_step_at(recovery.stage, now if was_heard else recovery.opened_at, grace=grace)
    session.flush()


def _is_of(recovery: Recovery, promise: Promise) -> bool:
    return recovery.stage is not Stage.AVERTED and recovery.opened_at >= promise.made_at


def note_facts(session: Session, order: Order, recovery: Recovery, now: datetime, *, links: Links) -> None:
    """Goods that came late are the fix of a late order, whenever we hear of it; an order that was called off before
    its promise passed needs no apology."""
    if recovery.closed_at is not None or recovery.cause is Cause.COMPLAINT or order.status not in CLOSED:
        return
    case = Case(session=session, order=order, recovery=recovery, now=now, links=links)
    if order.status is Status.CANCELLED:
        if recovery.cause is Cause.LATE:
            case.go(Fact.SAFE)
        return
    is_noted = any(step.step is Step.FIXED and step.at == order.delivered_at for step in recovery.steps)
    if order.delivered_at is None or is_noted or next_stage(recovery.stage, Fact.DELIVERED) is None:
        return
    if order.delivered_at > counted_promise(session, order).promised_by:
        recovery.cause = Cause.BROKEN
    elif recovery.stage is Stage.OPENED or _unsays_sorry(case):
        # It came in time after all, and nobody has said anything.
        case.go(Fact.SAFE)
        return
    case.unsay(Step.OFFER_FIX, "it is there already")
    row = case.write(Step.FIXED, actor=CLOCK, at=order.delivered_at, text="Delivered.")
    was_heard = recovery.stage is not Stage.OPENED
    case.go(Fact.DELIVERED)
    if was_heard:
        asking.ask_whether_good(case, row, after=asking.AFTER_DELIVERY)


def _unsays_sorry(case: Case) -> bool:
    """Take back an apology, for what came in time, that has not left; whether nobody has said sorry then."""
    said = [step for step in case.recovery.steps if step.step is Step.EMPATHISE and not step.is_lost_apology]
    is_phoned = any(step.outbox_id is None for step in said)
    if not said or is_phoned or case.unsay(Step.EMPATHISE, "it came in time") < len(said):
        return False
    for step in said:
        step.lost_at = case.now
    case.record("recovery_averted", "It came in time, and our apology had not left: nobody needs to say sorry.")
    case.go(Fact.LOST)
    return True


def note_lost_apology(session: Session, order: Order, recovery: Recovery, now: datetime) -> bool:
    """An apology that never arrived was none: the case goes back to where it was; whether it did.

    What was to follow it in words is taken back; somebody has been told to phone, and only that helps now.
    """
    said = [step for step in recovery.steps if step.step is Step.EMPATHISE]
    is_lost = bool(said) and all(step.is_lost_apology for step in said)
    if not is_lost or next_stage(recovery.stage, Fact.LOST) is None:
        return False
    case = Case(session=session, order=order, recovery=recovery, now=now)
    case.take_back_questions()
    case.go(Fact.LOST)
    recovery.next_step_at = None
    return True


def _ended(session: Session, order: Order, now: datetime, *, links: Links) -> None:
    recovery = live_case(session, order.id)
    is_late = order.delivered_at is not None and order.delivered_at > order.first_promised_by
    if recovery is None and is_late:
        counted = counted_promise(session, order)
        if order.delivered_at and order.delivered_at > counted.promised_by:
            # It broke and came between two looks.
            watch = session.get(Watch, order.id)
            clock = watch.clock if watch else ClockName.DEADLINE
            _open(session, order, counted, now, cause=Cause.BROKEN, clock=clock)
            recovery = live_case(session, order.id)
    if recovery is not None:
        note_facts(session, order, recovery, now, links=links)
    elif order.status is Status.DELIVERED:
        plan_survey(session, order, now)


def heard_of_text(session: Session, settled: Settled, now: datetime) -> None:
    """A text of a case will not arrive: a person must say it, once."""
    if settled.kind is not Kind.NOTICE or settled.order_id is None or not settled.is_unreachable:
        return
    # One conditional statement: receipts come doubled, and from two machines.
    mine = (RecoveryStep.outbox_id == settled.outbox_id, RecoveryStep.lost_at.is_(None))
    lost = update(RecoveryStep).where(*mine).values(lost_at=now).returning(RecoveryStep.step, RecoveryStep.recovery_id)
    found = session.execute(lost).first()
    if found is None:
        return
    step, recovery_id = found
    order = session.get_one(Order, settled.order_id)
    if step is Step.EMPATHISE:
        # The round takes it back, under the order's lock, which whoever settles a text must not wait for.
        live = (Recovery.id == recovery_id, Recovery.closed_at.is_(None))
        session.execute(update(Recovery).where(*live).values(next_step_at=now, version=Recovery.version + 1))
        wake(session)
    what = {Step.EMPATHISE: "The apology", Step.OFFER_FIX: "The fix"}.get(step, "The question whether it is good")
    text = f"{what} did not arrive: somebody must phone them and say it."
    record(session, order, "phone_customer", text, at=now, actor=CLOCK)
