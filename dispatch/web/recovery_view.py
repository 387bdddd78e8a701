"""What the screens say of broken promises: what broke and since when, who said sorry, and what comes next."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, ScalarSelect, case, func, not_, select
from sqlalchemy.orm import Session, selectinload

from ..customers.heads_up import heads_up_of, is_open
from ..customers.heads_up_rules import Preference
from ..foundation.tokens import Links
from ..messaging.reachable import why_unreachable
from ..messaging.rules import Channel
from ..orders.rules import CLOSED
from ..orders.tables import Order
from ..promise.rules import IN_DANGER
from ..promise.tables import Watch
from ..recovery import wording
from ..recovery.case import CLOCK, Case
from ..recovery.endings import Ending
from ..recovery.queries import care_of, lateness, list_recoveries, recovery_shapes
from ..recovery.rules import UNHEARD, Cause, Fault, Stage, State, Step, size_of, suggestions
from ..recovery.tables import Recovery
from . import words
from .order_view import Place
from .safe_again import is_safe_again, safe_again

T = TypeVar("T")
MOST = 200
CALL = "call"
# What every form of a case asks for, in the order in which they stand on the page.
FORM_FIELDS = (
    "empathise_text", "call_by", "call_text", "offer_fix_text", "offer_fix_by", "fixed_text", "confirm_text",
    "reopen_text", "complaint",
)  # fmt: skip
TITLES = {
    Cause.LATE: "The promise can't be kept any more",
    Cause.BROKEN: "The promise is broken",
    Cause.COMPLAINT: "The customer complained",
}
FEARED = "It looked as if the promise could not be kept"
HAD_FEARED = "It had looked as if the promise could not be kept"
OVER = (Stage.FIXED, Stage.CONFIRMED, Stage.UNCONFIRMED)
BEFORE = {Cause.LATE.value: "a promise that we could not keep", Cause.BROKEN.value: "a broken promise"}
STRIP = {
    Step.EMPATHISE: "Sorry said",
    Step.OFFER_FIX: "Fix offered",
    Step.FIXED: "Made good",
    Step.CONFIRM: "Confirmed",
}
# What each form does, in words for the one that is refused.
DEEDS = {
    Step.EMPATHISE: "say sorry",
    Step.OFFER_FIX: "offer a fix",
    Step.FIXED: "write down that it is made good",
    Step.CONFIRM: "write down that they say it is good",
    Step.REOPEN: "write down that it is not good",
}
FAULTS = {Fault.OURS: "ours", Fault.SUPPLIER: "the other shop's", Fault.CUSTOMER: "theirs", Fault.NOBODY: "nobody's"}
STAGES = {
    Stage.OPENED: "nobody has said sorry yet",
    Stage.FIXED_FIRST: "it came, and nobody has said sorry yet",
    Stage.EMPATHISED: "sorry said, no fix yet",
    Stage.FIX_OFFERED: "fix offered",
    Stage.FIXED: "made good, not confirmed yet",
    Stage.CONFIRMED: "confirmed",
    Stage.UNCONFIRMED: "closed without a word from the customer",
    Stage.AVERTED: "averted: nobody needed to say sorry",
}
CHOICES = {
    Preference.WAIT: "wait for it",
    Preference.LATER: "have it by {later}",
    Preference.COLLECT: "collect it",
    Preference.CANCEL: "do without it",
}


def recovery_part(session: Session, order: Order, place: Place, links: Links) -> dict[str, Any]:
    """What the page of an order says of danger and of broken promises; a case that was averted stands in the history
    alone."""
    cases = select(Recovery).options(selectinload(Recovery.steps)).where(Recovery.order_id == order.id)
    query = cases.where(Recovery.stage != Stage.AVERTED).order_by(Recovery.id.desc())
    rows = session.scalars(query.execution_options(populate_existing=True)).all()
    shapes = recovery_shapes(session, rows, place.now)
    told = care_of(session, order, place.now)
    safe = safe_again(session, [row.id for row in rows], place.now)
    views = [_case(shape, place, is_safe=shape["id"] in safe) for shape in shapes]
    if rows:
        # The newest alone goes on: what is open, or what may be opened again.
        newest = Case(session=session, order=order, recovery=rows[0], now=place.now, links=links)
        views[0] |= _forms(newest, shapes[0])
    return {
        "heads_up": _heads_up(session, order, place),
        "cases": views,
        "ending": told["ending"],
        "ending_why": told["ending_why"],
        "is_sad": told["ending"] in (Ending.R3, Ending.R4),
        "may_complain": not any(view["is_open"] for view in views),
        "faults": [(fault.value, FAULTS[fault]) for fault in Fault],
    }


def _heads_up(session: Session, order: Order, place: Place) -> dict[str, Any] | None:
    row = heads_up_of(session, order.id)
    if row is None:
        return None
    later = place.long(row.proposed_at)
    named = [(choice, CHOICES[Preference(choice)].format(later=later)) for choice in row.choices]
    return {
        "at": place.long(row.made_at),
        "by": place.long(row.promised_by),
        "withheld": row.withheld,
        "choices": named,
        "answer": CHOICES[row.answer].format(later=later) if row.answer else "",
        "answered": place.long(row.answered_at),
        "is_open": is_open(row, order),
    }


def _case(shape: Mapping[str, Any], place: Place, *, is_safe: bool = False) -> dict[str, Any]:
    stage = Stage(shape["stage"])
    return {
        "id": shape["id"],
        "is_open": shape["state"] == State.OPEN,
        "is_safe": is_safe,
        "is_cold": stage in UNHEARD and not is_safe,
        "title": FEARED if is_safe else _title(shape),
        "what": shape["what"] or "",
        "since": place.long(shape["opened_at"]),
        "closed": place.long(shape["closed_at"]),
        "stage": "it is safe again" if is_safe else STAGES[stage],
        "reason": shape["reason"] or "",
        "earlier": [{**one, "what": BEFORE.get(one["what"], f"“{one['what']}”")} for one in shape["earlier"]],
        "strip": _strip(shape),
        "taken": [_taken(step, place) for step in shape["steps"]],
        "comes": "Nothing will be sent." if is_safe else comes_next(shape, place),
        "goodwill": shape["goodwill"] or "",
        "fault": FAULTS[Fault(shape["fault"])] if shape["fault"] else "",
    }


def _title(shape: Mapping[str, Any]) -> str:
    """What it is about; of goods that came in time after all the promise was not broken."""
    cause = Cause(shape["cause"])
    return HAD_FEARED if cause is Cause.LATE and Stage(shape["stage"]) in OVER else TITLES[cause]


def _strip(shape: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The steps in order: which are done since it was last opened again, and which comes next."""
    names = [step["step"] for step in shape["steps"]]
    last = max((number for number, name in enumerate(names) if name == Step.REOPEN), default=-1)
    done = {*names[last + 1 :], *(name for name in names if name == Step.EMPATHISE)}
    # A fix that came needs no offer any more.
    skipped = {Step.OFFER_FIX} if Step.FIXED in done else set()
    following = next((step for step in STRIP if step not in done and step not in skipped), None)
    is_open = shape["state"] == State.OPEN
    return [
        {"text": text, "is_done": step in done, "is_next": is_open and step is following}
        for step, text in STRIP.items()
    ]


def _taken(step: Mapping[str, Any], place: Place) -> dict[str, Any]:
    is_call = step["channel"] == Channel.CALL
    name = Step(step["step"])
    by = f", by {place.long(step['fix_by'])}" if step["fix_by"] else ""
    what = {
        Step.EMPATHISE: "Phoned and said sorry" if is_call else "Said sorry by text",
        Step.OFFER_FIX: f"Offered a fix{by}",
        Step.FIXED: "Made good",
        Step.CONFIRM: "The customer says it is good",
        Step.REOPEN: "Not good yet",
    }[name]
    return {
        "at": place.short(step["at"]),
        "iso": step["at"],
        "what": what,
        "text": step["text"] or "",
        "who": (step["by"] or {}).get("name") or ("by itself" if step["actor"] == CLOCK else step["actor"]),
        "is_lost": step["is_lost"],
    }


def comes_next(shape: Mapping[str, Any], place: Place) -> str:
    """What happens by itself, and when; or what only people can do now."""
    stage, at = Stage(shape["stage"]), words.instant(shape["next_step_at"])
    if shape["state"] != State.OPEN:
        return ""
    if stage in UNHEARD:
        return _unsaid_words(at, place)
    if stage is Stage.FIX_OFFERED and shape["fix_by"]:
        return f"To be there by {place.long(shape['fix_by'])}. If it is not, the case opens again by itself."
    if stage is Stage.FIXED:
        return f"We ask whether it is good. Without a word it closes {place.long(at)}." if at else ""
    return "Now the fix, with a time."


def _unsaid_words(at: datetime | None, place: Place) -> str:
    if at is None:
        return "No text of ours will say it: somebody must phone them."
    if at <= place.now:
        return "Our own words go out by themselves just now."
    span = words.span_words(max(1, (at - place.now) / words.MINUTE))
    return f"Our own words go out by themselves at {place.short(at)}, in {span}, unless you are faster."


def _forms(one: Case, shape: Mapping[str, Any]) -> dict[str, Any]:
    """What the next step needs: our text in the customer's language, and what may be given."""
    order, recovery = one.order, one.recovery
    may_apologise = recovery.stage in UNHEARD
    size = size_of(recovery.cause, late=lateness(order, one.now), earlier=len(shape["earlier"]))
    return {
        "allowed": shape["allowed"],
        "was": stamp(recovery),
        "draft": one.worded(wording.apology(one.told(), one.language)) if may_apologise else "",
        "language": one.language.value,
        "withheld": (why_unreachable(one.session, order.customer_phone) or "") if may_apologise else "",
        "fault_value": (recovery.fault or Fault.OURS).value,
        "is_new_promise": recovery.cause is not Cause.COMPLAINT and order.status not in CLOSED,
        "goodwills": [(fault.value, FAULTS[fault], suggestions(fault, size)) for fault in Fault],
    }


def danger_of_fix(session: Session, order: Order, place: Place) -> str:
    """What the clock says against the time of a fix that was just offered; empty when it can be kept."""
    watch = session.get(Watch, order.id)
    if order.status in CLOSED or watch is None or watch.level not in IN_DANGER:
        return ""
    likely = f" It will likely be there {place.long(watch.projected_at)}." if watch.projected_at else ""
    return f"But the clock says that {place.long(order.promised_by)} is at risk: {watch.message}{likely}"


def stamp(recovery: Recovery) -> str:
    """Where a case stood when a form was made: its stage, and how many steps there were.

    Not the version: what the clock alone writes down must not refuse an apology that somebody is writing.
    """
    return f"{recovery.stage.value}.{len(recovery.steps)}"


def allowed_words(allowed: tuple[str, ...]) -> str:
    """What can be done instead, as a sentence."""
    return f"You can now {' or '.join(DEEDS[Step(name)] for name in allowed)}." if allowed else "The case is closed."


# --- the list --------------------------------------------------------------------------------------------------------


def open_cases(session: Session, place: Place) -> list[dict[str, Any]]:
    """Everybody we still owe something: whom only a phone call can reach first, then by when the next step is due."""
    needs_call = case((Recovery.next_step_at.is_(None), 0), else_=1)
    query = select(Recovery).options(selectinload(Recovery.steps)).where(Recovery.closed_at.is_(None))
    rows = session.scalars(query.order_by(needs_call, Recovery.next_step_at, Recovery.id).limit(MOST)).all()
    safe = safe_again(session, [row.id for row in rows], place.now)
    shapes = recovery_shapes(session, rows, place.now)
    return [_listed(shape, place, is_safe=shape["id"] in safe) for shape in shapes]


def closed_cases(session: Session, place: Place, cursor: int | None) -> tuple[list[dict[str, Any]], int | None]:
    """A page of what is over, the newest first."""
    shapes, following = list_recoveries(session, place.now, state=State.CLOSED, cursor=cursor)
    return [_listed(shape, place) for shape in shapes], following


def _listed(shape: Mapping[str, Any], place: Place, *, is_safe: bool = False) -> dict[str, Any]:
    return {
        **_case(shape, place, is_safe=is_safe),
        "ref": shape["order"],
        "customer": shape["customer"]["name"],
        "ending": shape["ending"] or "",
        "why": shape["ending_why"],
    }


def unsaid(now: datetime) -> tuple[ScalarSelect[int], ScalarSelect[datetime | None]]:
    """How many customers nobody has said sorry to, and when our own words go out to the first: two reads of the index
    of open cases, for the board to ask for with what it asks every two seconds anyway."""
    waiting = (Recovery.closed_at.is_(None), Recovery.stage.in_(UNHEARD), not_(is_safe_again(now)))

    def of(what: ColumnElement[T]) -> ScalarSelect[T]:
        query = select(what).select_from(Recovery).join(Order, Order.id == Recovery.order_id)
        return query.outerjoin(Watch, Watch.order_id == Order.id).where(*waiting).scalar_subquery()

    return of(func.count(Order.customer_phone.distinct())), of(func.min(Recovery.next_step_at))


def waiting_words(count: int, at: datetime | None, now: datetime) -> str:
    """The two of `unsaid` as a sentence; empty when nobody waits."""
    if not count:
        return ""
    head = "1 customer waits" if count == 1 else f"{count} customers wait"
    if at is None:
        return f"{head} for a word of sorry, and no text can say it: phone them."
    span = at - now
    if span <= timedelta(0):
        return f"{head} for a word of sorry; our own words are due now."
    return f"{head} for a word of sorry; in {words.span_words(max(1, span / words.MINUTE))} our own words go out."
