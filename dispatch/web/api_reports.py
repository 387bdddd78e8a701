"""The API on what became of promises: the same figures as the morning report, added up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from ..escalation.figures import Figures, call_figures, quantile
from ..foundation.errors import Invalid
from ..orders.branches import get_branch
from ..orders.tables import Branch
from ..promise.rules import ClockName
from ..recovery.endings import Ending
from ..reports.queries import Row, counts, promise_rows, today
from ..reports.rules import LONGEST_DAYS, Days, Outcome
from . import schemas_recoveries as shapes
from .api_operations import Answer, Call, Nothing, Registry
from .tables import Access

reports = Registry("reports")


@reports.operation(
    "GET",
    "/reports/promises",
    Access.READER,
    query=shapes.ReportQuery,
    answers={200: shapes.PromiseReport},
    refusals=(404,),
)
def report_promises(call: Call[Nothing, shapes.ReportQuery]) -> Answer:
    """Kept and broken promises, by binding clock and by ending, and how calls for help went."""
    asked, session = call.query, call.session
    if asked.branch is not None:
        branches = [get_branch(session, asked.branch)]
    else:
        branches = list(session.scalars(select(Branch).order_by(Branch.id)))
    this_day = today(branches[0], call.now)
    first, last = asked.from_ or asked.to or this_day, asked.to or max(asked.from_ or this_day, this_day)
    return Answer(body=promise_report(session, branches, _days(first, last), call.now))


def _days(first: date, last: date) -> Days:
    if last < first:
        raise Invalid("to", "is before `from`: give the later day")
    if (last - first).days >= LONGEST_DAYS:
        raise Invalid("to", f"makes it more than {LONGEST_DAYS} days: ask for fewer")
    return Days(first, last)


def promise_report(session: Session, branches: Sequence[Branch], days: Days, now: datetime) -> dict[str, Any]:
    """The figures of some branches, each with the days of its own time zone; a fixed number of queries per branch."""
    rows = [row for branch in branches for row in promise_rows(session, branch, days, now)]
    return figures_of(days, rows, call_figures(session, or_(*(counts(branch, days) for branch in branches))))


def figures_of(days: Days, rows: Sequence[Row], calls: Figures) -> dict[str, Any]:
    """The figures of promises that were read already, and of the calls for help about them."""
    return {
        "from": days.first.isoformat(),
        "to": days.last.isoformat(),
        **_promises(rows),
        "escalations": _calls(calls),
    }


def _promises(rows: Sequence[Row]) -> dict[str, Any]:
    outcomes = Counter(row.outcome for row in rows)
    broken = [row for row in rows if row.is_broken]
    clocks = Counter(row.clock or ClockName.DEADLINE for row in broken)
    endings = Counter(row.told.ending for row in rows)
    return {
        "promises": {
            "total": len(rows),
            "kept": outcomes[Outcome.KEPT],
            "kept_as_repromised": outcomes[Outcome.REPROMISED],
            "broken": len(broken),
            "open": outcomes[Outcome.OPEN],
        },
        "by_clock": {clock.value: clocks[clock] for clock in ClockName},
        "endings": {ending.value: endings[ending] for ending in Ending},
    }


def _calls(figures: Figures) -> dict[str, Any]:
    def both(values: Sequence[float]) -> dict[str, float | None]:
        return {"p50": quantile(values, 0.5), "p95": quantile(values, 0.95)}

    return {
        "opened": figures.opened,
        "accepted": figures.accepted,
        "unanswered": figures.unanswered,
        "first_page_seconds": both(figures.first_page),
        "acceptance_seconds": both(figures.acceptance),
    }
