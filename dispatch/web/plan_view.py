"""The plan of an order as programs and people see it: who does each step, by when, and why not sooner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..orders.rules import CLOSED, IN_HAND, Status
from ..orders.tables import Order, Promise
from ..orders.wording import first_name
from ..promise import wording
from ..promise.advice import Advice, Doing, advise
from ..promise.facts import gather
from ..promise.known import Facts
from ..promise.rules import Task
from ..promise.tables import Assignment
from ..promise.view import SKILL_OF
from ..staff.rules import MAY_DO, Role
from ..staff.tables import Staff
from . import words

TASKS = {Doing.PROCURE: Task.PROCURE, Doing.DELIVER: Task.DELIVER}


def plan_shapes(session: Session, order: Order, now: datetime) -> list[dict[str, Any]]:
    """The plan of an order as the API shows it; nothing is planned for one that is closed."""
    if order.status in CLOSED:
        return []
    return shapes_of(gather(session, order, now), now)


def shapes_of(facts: Facts, now: datetime) -> list[dict[str, Any]]:
    """The same from facts that are at hand."""
    return [_shape(each, facts) for each in advise(facts, now)]


def _shape(each: Advice, facts: Facts) -> dict[str, Any]:
    names = {person.id: person.name for person in facts.people}
    line = facts.lines[each.line] if each.line is not None else None
    # Somebody who has left meanwhile is not among the people any more.
    who = {"id": str(each.staff_id), "name": names.get(each.staff_id, "")} if each.staff_id in names else None
    return {
        "step": each.step.value,
        "by_whom": who,
        "supplier": each.supplier or None,
        "line": str(line.id) if line else None,
        "start_by": each.start_by.isoformat() if each.start_by else None,
        "not_before": each.not_before.isoformat() if each.not_before else None,
        "why_not_sooner": each.why_not_sooner,
        "is_under_way": each.is_under_way,
        "is_pinned": each.is_pinned,
        "text": each.text,
    }


def ledger(session: Session, order: Order) -> list[dict[str, Any]]:
    """Every promise that was given for an order, the first one first."""
    rows = session.scalars(select(Promise).where(Promise.order_id == order.id).order_by(Promise.number))
    return [
        {
            "number": row.number,
            "promised_by": row.promised_by.isoformat(),
            "made_at": row.made_at.isoformat(),
            "made_by": row.made_by,
            "why": row.why,
            "agreed": row.is_agreed,
        }
        for row in rows
    ]


def short_plans(session: Session, refs: Sequence[str]) -> dict[str, tuple[str, datetime]]:
    """Who leaves first for each order, and by when, in one query; those who have left are told of elsewhere."""
    query = (
        select(Order.ref, Assignment.start_by, Staff.name)
        .join(Assignment, Assignment.order_id == Order.id)
        .join(Staff, Staff.id == Assignment.staff_id)
        .where(Order.ref.in_(refs), Assignment.is_under_way.is_(False))
        .order_by(Assignment.start_by.desc(), Assignment.id)
    )
    return {ref: (first_name(name), start_by) for ref, start_by, name in session.execute(query)}


def plan_words(who: str, by: datetime, timezone: str, now: datetime) -> str:
    """The plan in as few words as a row has room for: "Ravi by 17:20"."""
    return f"{who} by {words.clock_words(by, timezone, now=now)}"


def plan_part(
    session: Session, order: Order, shape: Mapping[str, Any], people: Sequence[Mapping[str, Any]], now: datetime
) -> dict[str, Any]:
    """What the order's page shows of the plan: `plan`, and in `pins` which task can be pinned, and on whom."""
    plan = plan_shapes(session, order, now)
    pinned = {step["step"]: step["by_whom"] for step in plan if step["is_pinned"]}
    pins = [
        {
            "task": task.value,
            "does": wording.TASKS[task],
            "pinned": pinned.get(task.value),
            "people": [(each["id"], each["name"]) for each in people if _may(each, task, branch=shape["branch"])],
        }
        for task in _left(order)
    ]
    return {"plan": plan, "pins": pins}


def _left(order: Order) -> list[Task]:
    """What somebody must still leave the shop for."""
    is_missing = any(line.sourcing not in IN_HAND for line in order.lines)
    tasks = [Task.PROCURE] if order.status is Status.PROCURING and is_missing else []
    is_here = order.status not in CLOSED and order.status is not Status.OUT_FOR_DELIVERY
    return [*tasks, Task.DELIVER] if is_here else tasks


def _may(person: Mapping[str, Any], task: Task, *, branch: str) -> bool:
    role = Role(person["role"])
    return role in MAY_DO[SKILL_OF[task]] and (person["branch"] == branch or role is Role.FOUNDER)
