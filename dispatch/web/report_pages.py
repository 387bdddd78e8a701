"""The morning report: what was promised, what was kept, what broke the rest; as a page and as a file."""

from __future__ import annotations

import csv
import io
from datetime import date
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from ..escalation.figures import Figures, call_figures
from ..foundation.errors import Invalid
from ..orders.branches import get_branch
from ..orders.tables import Branch
from ..promise.calibration import promises_kept
from ..reports import service
from ..reports.queries import Row, counts, open_today, promise_rows, shop_answers, today
from ..reports.rules import A_DAY, LONGEST_DAYS, Days, Outcome, Span, days_of
from . import report_view as view
from .api_reports import figures_of
from .auth import current_runtime as runtime
from .clock_page import clock_report, promise_words
from .sessions import me, now, signed_in
from .tables import Access

MAIN = "main"
EARLIEST, LATEST = date(2000, 1, 1), date(2100, 1, 1)
MOST_BROKEN = 60
COLUMNS = (
    "ref",
    "branch",
    "first_promised_by",
    "promised_by",
    "delivered_at",
    "kept",
    "kept_as_repromised",
    "ending",
    "binding_clock",
    "cause",
    "said",
)
# What a spreadsheet would take for a formula.
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")


def register(app: Flask) -> None:
    """Hang the report, its file, and the page on the clock."""
    app.add_url_rule("/reports", view_func=report)
    app.add_url_rule("/reports/text", view_func=switch_text, methods=["POST"])
    app.add_url_rule("/reports.csv", view_func=report_csv)
    app.add_url_rule("/reports/clock", view_func=clock_report)


def _day(name: str, default: date) -> date:
    """A day out of the address. Raises Invalid naming it."""
    text = request.args.get(name, "").strip()
    if not text:
        return default
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise Invalid(name, "is not a day: write it like 2026-11-24") from error
    if not EARLIEST <= day <= LATEST:
        raise Invalid(name, "is not a day of this century")
    return day


def _span() -> Span:
    text = request.args.get("span") or Span.DAY.value
    if text not in set(Span):
        raise Invalid("span", f"is none: give one of {', '.join(Span)}")
    return Span(text)


@signed_in(Access.READER)
def report() -> ResponseReturnValue:
    """A day, a week or a month; without any, yesterday and what is open today."""
    span, code = _span(), request.args.get("branch") or MAIN
    with runtime().db.snapshot() as session:
        branch = get_branch(session, code)
        yesterday = today(branch, now()) - A_DAY
        days = days_of(span, _day("on", yesterday))
        rows = promise_rows(session, branch, view.charted(span, days), now())
        calls = call_figures(session, counts(branch, days))
        shown = {
            "branch": branch.code,
            "branches": [(row.code, row.name) for row in session.scalars(select(Branch).order_by(Branch.id))],
            "open_now": open_today(session, branch, now()) if days.last == yesterday else None,
            "shops": [view.shop_view(shop) for shop in shop_answers(session, branch, days)],
            "believed": next(iter(promise_words(promises_kept(session, branch.id, now()))), ""),
            "is_texted": service.wants_text(session, branch),
            "founders": [founder.name for founder in service.founders(session)],
            "can_switch": me().may(Access.ADMIN),
            "period": view.period_view(span, days, today=yesterday + A_DAY),
        }
        zone = branch.timezone
    return render_template("report.html", **shown, **_shapes(rows, calls, span=span, days=days, timezone=zone))


def _shapes(rows: list[Row], calls: Figures, *, span: Span, days: Days, timezone: str) -> dict[str, Any]:
    """What is drawn of the promises, and of the same figures as the API answers."""
    mine = [row for row in rows if days.first <= row.day <= days.last]
    figures = figures_of(days, mine, calls)
    # The newest first: that is what one remembers, and can still make good.
    broken = [row for row in reversed(mine) if row.is_broken]
    tally = view.tally(mine)
    return {
        "promises": figures["promises"],
        "headline": view.headline(figures["promises"]),
        "parts": view.stack(tally, tally.total()),
        "days": view.day_views(rows, view.charted(span, days), about=days),
        "has_days": bool(rows),
        "outcome_names": [name for name, _ in view.OUTCOMES.values()],
        "broken": [view.broken_view(row, timezone) for row in broken[:MOST_BROKEN]],
        "more_broken": max(len(broken) - MOST_BROKEN, 0),
        "causes": view.cause_bars(broken),
        "clocks": view.clock_bars(figures["by_clock"]),
        "endings": view.ending_views(figures["endings"], mine),
        "calls": view.call_words(figures["escalations"]),
        "saved": view.saved(mine),
    }


@signed_in(Access.ADMIN)
def switch_text() -> ResponseReturnValue:
    """Whether the founder is texted each morning about a branch."""
    code, is_wanted = request.form.get("branch") or MAIN, request.form.get("wanted") == "yes"
    with runtime().db.transaction() as session:
        service.want_text(session, get_branch(session, code), now(), is_wanted=is_wanted, actor=me().actor)
    flash("The founder is texted each morning, at opening." if is_wanted else "The founder is not texted any more.")
    return redirect("/reports" if code == MAIN else f"/reports?{urlencode({'branch': code})}", 303)


@signed_in(Access.READER)
def report_csv() -> ResponseReturnValue:
    """One row for each first promise of these days, times in UTC."""
    code = request.args.get("branch") or MAIN
    with runtime().db.snapshot() as session:
        branch = get_branch(session, code)
        yesterday = today(branch, now()) - A_DAY
        days = Days(_day("from", yesterday), _day("to", yesterday))
        if days.last < days.first:
            raise Invalid("to", "is before from: give a later day")
        if (days.last - days.first).days >= LONGEST_DAYS:
            raise Invalid("to", "is more than a year after from: ask for one year at a time")
        rows = [cells(row, branch.code) for row in promise_rows(session, branch, days, now())]
    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows([safe_cell(cell) for cell in row] for row in rows)
    answer = Response(sheet.getvalue(), mimetype="text/csv")
    name = f"promises-{days.first}-{days.last}.csv"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def cells(row: Row, branch: str) -> list[str]:
    """A promise as a row of the file; what is not known is empty."""
    again = row.promised_by if row.promised_by != row.first_promised_by else None
    is_kept = {Outcome.OPEN: "", Outcome.KEPT: "yes"}.get(row.outcome, "no")
    return [
        row.ref,
        branch,
        row.first_promised_by.isoformat(),
        again.isoformat() if again else "",
        row.delivered_at.isoformat() if row.delivered_at else "",
        is_kept,
        "yes" if row.outcome is Outcome.REPROMISED else "",
        row.told.ending.value if row.told.ending else "",
        row.clock.value if row.clock else "",
        row.why.value if row.why else "",
        row.said,
    ]


def safe_cell(text: str) -> str:
    """A cell that no spreadsheet runs: a quote before what looks like a formula."""
    return f"'{text}" if text.startswith(FORMULAS) else text
