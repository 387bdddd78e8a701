"""The page that says whether the clock can be believed: what it called sure, and what of that was kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from flask import render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from ..orders.branches import get_branch
from ..orders.tables import Branch
from ..promise.calibration import Kept, Learned, learned, promises_kept, steps_kept, weeks_kept
from ..promise.estimates import DISTANCE_BANDS_KM, Kind
from .auth import current_runtime as runtime
from .sessions import now, signed_in
from .tables import Access

MAIN = "main"
WEEKS = 12
KINDS = {
    Kind.PROCURE: "Buying elsewhere",
    Kind.PACK: "Packing",
    Kind.TRAVEL: "The way to the customer",
    Kind.HANDOVER: "Handing over",
}
HOURS = ("at night", "in the morning", "at midday", "in the afternoon", "in the evening")
# How sure a promise was called when it was given, and how that is said.
CALLED = {
    0.9: "we called 90 %",
    0.5: "that only the likely lengths would have kept",
    0.0: "that were given although the clock said no",
}


@signed_in(Access.READER)
def clock_report() -> ResponseReturnValue:
    """What was called sure and what was kept, of promises and of steps, and what the clock reckons with now."""
    with runtime().db.snapshot() as session:
        branch = get_branch(session, request.args.get("branch", MAIN))
        weeks = weeks_kept(session, branch, since=now() - timedelta(weeks=WEEKS))
        return render_template(
            "report_clock.html",
            branch=branch.code,
            branches=[(row.code, row.name) for row in session.scalars(select(Branch).order_by(Branch.id))],
            promises=promise_words(promises_kept(session, branch.id, now())),
            kinds=kind_views(steps_kept(session, branch.id), learned(session, branch)),
            weeks=[(week, [week_cell(kinds.get(kind)) for kind in KINDS]) for week, kinds in weeks.items()],
            kind_names=list(KINDS.values()),
        )


def percent(share: float) -> str:
    """ "91 %"; what is not all is not said to be all, and what is not nothing not nothing."""
    return f"{min(max(round(share * 100), int(share > 0)), 99 if share < 1 else 100)} %"


def promise_words(kept: Mapping[float, Kept]) -> list[str]:
    """ "Of the promises we called 90 %, we kept 91 % (41 of 45)." """
    return [
        f"Of the promises {words}, we kept {percent(kept[called].share)} ({kept[called].kept} of {kept[called].total})."
        for called, words in CALLED.items()
        if called in kept
    ]


def week_cell(kept: Kept | None) -> dict[str, Any] | None:
    """A week's share of one kind; None when there was nothing."""
    if kept is None:
        return None
    return {"share": percent(kept.share), "width": round(kept.share * 100), "of": f"{kept.kept} of {kept.total}"}


def kind_views(kept: Mapping[Kind, Kept], groups: Iterable[Learned]) -> list[dict[str, Any]]:
    """For each kind that was ever seen: how often its lengths were kept, and what is reckoned with now."""
    rows: dict[Kind, list[dict[str, Any]]] = {}
    for group in groups:
        mine = rows.setdefault(group.kind, [])
        if group.hour_band is None:
            mine.append({"name": group_name(group), **_minutes(group), "hours": []})
        elif mine and mine[-1]["name"] == group_name(group):
            mine[-1]["hours"].append({"when": HOURS[group.hour_band], **_minutes(group)})
    return [
        {
            "name": words,
            "kept": f"{percent(kept[kind].share)} ({kept[kind].kept} of {kept[kind].total})",
            "rows": rows.get(kind, []),
        }
        for kind, words in KINDS.items()
        if kind in kept
    ]


def _minutes(group: Learned) -> dict[str, Any]:
    if group.is_given:
        said = [f"{length:.1f} times" for length in (group.spread.likely, group.spread.cautious)]
    else:
        said = [f"{max(round(length), 1)} min" for length in (group.spread.likely, group.spread.cautious)]
    return {"likely": said[0], "cautious": said[1], "n": group.n}


def group_name(group: Learned) -> str:
    """What tells a group from the others of its kind."""
    if group.is_given:
        return "as somebody said, times"
    if group.supplier is not None:
        return group.supplier
    if group.distance_band is None:
        return "all of them"
    limits = (0.0, *DISTANCE_BANDS_KM)
    start = limits[group.distance_band]
    if group.distance_band == len(DISTANCE_BANDS_KM):
        return f"{start:g} km and more"
    return f"{start:g} to {limits[group.distance_band + 1]:g} km"
