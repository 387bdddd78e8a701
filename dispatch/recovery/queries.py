"""Cases as programs and the board see them: a fixed number of queries, however many are shown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from ..foundation.errors import NotFound
from ..orders.tables import Order
from ..staff.tables import Staff
from .endings import Told, tell
from .rules import Stage, State, Step, allowed_steps, size_of, state_of, suggestions
from .stories import stories
from .tables import Recovery, RecoveryStep, Survey


def _at(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None


def recovery_shapes(session: Session, recoveries: Sequence[Recovery], now: datetime) -> list[dict[str, Any]]:
    """Cases as the API shows them, in the order given. Eight queries for any number of them."""
    session.flush()
    if not recoveries:
        return []
    ids = {recovery.order_id for recovery in recoveries}
    orders = {order.id: order for order in session.scalars(select(Order).where(Order.id.in_(ids)))}
    told = {number: tell(story, now) for number, story in stories(session, Order.id.in_(ids)).items()}
    earlier = _earlier(session, {order.customer_phone for order in orders.values()})
    steps = [step for recovery in recoveries for step in recovery.steps]
    names = _names(session, steps)
    return [
        _shape(
            one,
            orders[one.order_id],
            told[one.order_id],
            earlier=_before(one, orders[one.order_id], earlier),
            names=names,
            now=now,
        )
        for one in recoveries
    ]


def _names(session: Session, steps: Sequence[RecoveryStep]) -> dict[int, str]:
    ids = {step.staff_id for step in steps if step.staff_id is not None}
    rows = session.execute(select(Staff.id, Staff.name).where(Staff.id.in_(ids))) if ids else ()
    return {row.id: row.name for row in rows}


def _earlier(session: Session, phones: set[str]) -> dict[str, list[tuple[int, str, str]]]:
    """By phone every case of its customer that was not averted: (id, order, what), oldest first."""
    query = (
        select(Recovery.id, Recovery.cause, Recovery.what, Order.ref, Order.customer_phone)
        .join(Order, Order.id == Recovery.order_id)
        .where(Order.customer_phone.in_(phones), Recovery.stage != Stage.AVERTED)
        .order_by(Recovery.id)
    )
    found: dict[str, list[tuple[int, str, str]]] = defaultdict(list)
    for row in session.execute(query):
        found[row.customer_phone].append((row.id, row.ref, row.what or row.cause.value))
    return found


def _before(recovery: Recovery, order: Order, earlier: dict[str, list[tuple[int, str, str]]]) -> list[dict[str, str]]:
    mine = earlier.get(order.customer_phone, [])
    return [{"id": str(number), "order": ref, "what": what} for number, ref, what in mine if number < recovery.id]


def _shape(
    recovery: Recovery,
    order: Order,
    told: Told,
    *,
    earlier: list[dict[str, str]],
    names: dict[int, str],
    now: datetime,
) -> dict[str, Any]:
    late = lateness(order, now)
    return {
        "id": str(recovery.id),
        "order": order.ref,
        "customer": {"name": order.customer_name, "phone": order.customer_phone, "language": order.customer_language},
        "reason": order.reason,
        "state": state_of(recovery.stage).value,
        "stage": recovery.stage.value,
        "cause": recovery.cause.value,
        "what": recovery.what,
        "clock": recovery.clock.value,
        "allowed": [step.value for step in allowed_steps(recovery.stage)],
        "fault": recovery.fault.value if recovery.fault else None,
        "goodwill": recovery.goodwill,
        "suggestions": list(suggestions(recovery.fault, size_of(recovery.cause, late=late, earlier=len(earlier)))),
        "earlier": earlier,
        "opened_at": _at(recovery.opened_at),
        "opened_by": recovery.opened_by,
        "empathised_at": _when(recovery, Step.EMPATHISE),
        "fix_by": _at(recovery.fix_by),
        "fixed_at": _when(recovery, Step.FIXED),
        "confirmed_at": _when(recovery, Step.CONFIRM),
        "next_step_at": _at(recovery.next_step_at),
        "closed_at": _at(recovery.closed_at),
        "ending": told.ending.value if told.ending else None,
        "ending_why": told.why,
        "steps": [_step(step, names) for step in recovery.steps],
    }


def _when(recovery: Recovery, step: Step) -> str | None:
    return next((_at(one.at) for one in recovery.steps if one.step is step and not one.is_lost_apology), None)


def lateness(order: Order, now: datetime) -> timedelta | None:
    """How late it was, or is by now; None for an order that will not come any more."""
    if order.delivered_at is None and order.closed_at is not None:
        return None
    return max((order.delivered_at or now) - order.first_promised_by, timedelta(0))


def _step(step: RecoveryStep, names: dict[int, str]) -> dict[str, Any]:
    return {
        "at": _at(step.at),
        "actor": step.actor,
        "step": step.step.value,
        "text": step.text,
        "channel": step.channel.value if step.channel else None,
        "by": {"id": str(step.staff_id), "name": names.get(step.staff_id)} if step.staff_id is not None else None,
        "fix_by": _at(step.by_at),
        "is_lost": step.lost_at is not None,
    }


def get_recovery(session: Session, recovery_id: int, now: datetime) -> dict[str, Any]:
    """One case. Raises NotFound."""
    recovery = session.get(Recovery, recovery_id, populate_existing=True)
    if recovery is None:
        raise NotFound(f"There is no recovery {recovery_id}.")
    return recovery_shapes(session, [recovery], now)[0]


def list_recoveries(
    session: Session,
    now: datetime,
    *,
    state: State | None = None,
    order: str | None = None,
    limit: int = 50,
    cursor: int | None = None,
) -> tuple[list[dict[str, Any]], int | None]:
    """A page of cases, the newest first, and where the next page starts. `order` is a ref."""
    query = select(Recovery).options(selectinload(Recovery.steps))
    if state is not None:
        query = query.where(Recovery.closed_at.is_(None) if state is State.OPEN else Recovery.closed_at.is_not(None))
    if order is not None:
        query = query.join(Order, Order.id == Recovery.order_id).where(Order.ref == order.upper())
    if cursor is not None:
        query = query.where(Recovery.id < cursor)
    rows = session.scalars(query.order_by(Recovery.id.desc()).limit(limit + 1)).all()
    shown = rows[:limit]
    return recovery_shapes(session, shown, now), shown[-1].id if len(rows) > limit else None


def care_of(session: Session, order: Order, now: datetime) -> dict[str, Any]:
    """What an order's page says of its story: the ending with its reason, and the newest case, if there is one."""
    session.flush()
    told = tell(stories(session, Order.id == order.id)[order.id], now)
    newest = select(Recovery).where(Recovery.order_id == order.id, Recovery.stage != Stage.AVERTED)
    recovery = session.scalars(newest.order_by(Recovery.id.desc()).limit(1)).first()
    return {
        "ending": told.ending.value if told.ending else None,
        "ending_why": told.why,
        "recovery": {"id": str(recovery.id), "state": state_of(recovery.stage).value, "stage": recovery.stage.value}
        if recovery
        else None,
    }


def next_due_at(session: Session) -> datetime | None:
    """The next instant at which something of a case, or a question how it was, is due."""
    steps = select(func.min(Recovery.next_step_at)).where(Recovery.next_step_at.is_not(None))
    surveys = select(func.min(Survey.due_at)).where(Survey.due_at.is_not(None))
    both = session.execute(select(steps.scalar_subquery(), surveys.scalar_subquery())).one()
    return min((at for at in both if at), default=None)


def due_cases(session: Session, now: datetime, *, limit: int = 100) -> list[int]:
    """Ids of cases of which something is due, the longest overdue first."""
    due = (Recovery.next_step_at.is_not(None), Recovery.next_step_at <= now)
    return list(session.scalars(select(Recovery.id).where(*due).order_by(Recovery.next_step_at).limit(limit)))


def due_surveys(session: Session, now: datetime, *, limit: int = 100) -> list[int]:
    """Ids of orders whose customers are to be asked how it was."""
    due = (Survey.due_at.is_not(None), Survey.due_at <= now)
    return list(session.scalars(select(Survey.order_id).where(*due).order_by(Survey.due_at).limit(limit)))
