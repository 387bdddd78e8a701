"""The page of an order: the one next move, news about its goods, changes; a stale save is refused with what changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, flash, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from ..foundation.errors import Conflict, Invalid, MoveNotAllowed, StaleVersion
from ..orders.rules import Move, Sourcing
from ..orders.service import ProcurementNews, check_version, find_order, timeline
from ..promise import service as promise
from . import words
from .auth import current_runtime as runtime
from .forms import Complaints, local_field, local_instant, number
from .line_forms import TypedChange, field_names, is_changed, shown_rows, typed_rows, wanted_lines
from .order_view import order_page
from .recovery_view import FORM_FIELDS, recovery_part
from .sessions import me, now, signed_in
from .stale_save import differences, fields_now, merged
from .tables import Access
from .undo_pages import NO_UNDO, said, undo_of

Refusal = Invalid | StaleVersion | MoveNotAllowed | Conflict
# In the order in which they stand on the page.
FIELDS = (
    "staff_id", "pin_on", "pin", "kept_until", "supplier", "ready_at", "by", "why_not", "note", "reason", "address",
    "travel", "promised_by", "why", *FORM_FIELDS,
)  # fmt: skip
NAMES = {"address.text": "address", "travel_minutes": "travel", "lines": "item-0"}


def register(app: Flask) -> None:
    """Hang the page of an order and what it posts to."""
    app.add_url_rule("/orders/<ref>", view_func=show_order)
    app.add_url_rule("/orders/<ref>/news", view_func=order_news)
    app.add_url_rule("/orders/<ref>", view_func=change_order, methods=["POST"])
    app.add_url_rule("/orders/<ref>/lines", view_func=change_lines, methods=["POST"])
    app.add_url_rule("/orders/<ref>/moves", view_func=move_order, methods=["POST"])
    app.add_url_rule("/orders/<ref>/lines/<int:line_id>/procurement", view_func=news_of_line, methods=["POST"])


@signed_in(Access.READER)
def show_order(ref: str) -> ResponseReturnValue:
    """Where the order stands."""
    return _page(ref)


@signed_in(Access.READER)
def order_news(ref: str) -> ResponseReturnValue:
    """What happened since the asker's page was made; nothing when nothing did."""
    seen = number(request.args.get("seen"), field="seen", default=0) or 0
    with runtime().db.snapshot() as session:
        fresh = timeline(session, ref)[seen:]
    if not fresh:
        return "", 204
    return render_template("_order_news.html", ref=ref, fresh=fresh)


def _page(ref: str, refusal: Refusal | None = None, *, more: bool = False) -> ResponseReturnValue:
    errors, changes, mine, status = Complaints(), [], [], 200
    with runtime().db.snapshot() as session:
        page = order_page(session, ref, now(), runtime().links)
        page |= recovery_part(session, find_order(session, ref), page["place"], runtime().links)
    stands = fields_now(page["order"], page["zone"])
    rows = typed_rows(request.form) if "item" in request.form else shown_rows(page["order"]["lines"])
    if isinstance(refusal, Invalid):
        errors, status = Complaints.of(refusal.errors, [*FIELDS, *field_names(rows)], NAMES), 422
    elif isinstance(refusal, StaleVersion):
        changes, mine, status = _since(page), differences(request.form, stands), 412
    elif refusal:
        errors, status = Complaints(other=[str(refusal)]), 409
    page |= {
        "errors": errors,
        "is_stale": isinstance(refusal, StaleVersion),
        "changes": changes,
        "mine": mine,
        "rows": [*rows, TypedChange()] if more else rows,
        "typed": merged(request.form, stands) if refusal else {},
        "stands": stands,
        "typed_line": str((request.view_args or {}).get("line_id", "")) if refusal else "",
        "can_act": me().may(Access.OPS),
        "local": lambda at: local_field(words.instant(at), page["zone"]),
    }
    return make_response(render_template("order.html", **page), status)


def _since(page: dict[str, Any]) -> list[dict[str, Any]]:
    """Events that the page, when it was made, could not show; oldest first."""
    fresh = page["seen"] - (number(request.form.get("seen"), field="seen", default=page["seen"]) or 0)
    return list(reversed(page["events"][:fresh])) if fresh > 0 else list(page["events"][:1])


def save(ref: str, work: Callable[[Session], str], *, place: str = "") -> ResponseReturnValue:
    """Do it and say so, back at a `place` of the order's page like "#lines"; or show the page again with what was typed
    and why not. `work` answers what to say."""
    try:
        with runtime().db.transaction() as session:
            done = work(session)
            undo = undo_of(session, find_order(session, ref))
    except (Invalid, StaleVersion, MoveNotAllowed, Conflict) as error:
        return _refused(ref, error)
    if request.form.get("from") == "board":
        return said(done, undo=undo, is_board=True)
    flash(done, undo or NO_UNDO)
    return redirect(f"/orders/{ref}{place}", 303)


def _refused(ref: str, error: Refusal) -> ResponseReturnValue:
    if not request.headers.get("HX-Request"):
        return _page(ref, error)
    # From the board: nothing was typed there, so the order's page explains.
    flash(str(error))
    answer = make_response("", 200)
    answer.headers["HX-Redirect"] = f"/orders/{ref}"
    return answer


def version() -> int | None:
    """The version that the form was made from. Raises Invalid when there is none: a save without one is blind."""
    found = number(request.form.get("version"), field="version")
    if found is None:
        raise Invalid("version", "is missing: reload the page")
    return found


def text(name: str) -> str | None:
    """What was typed, or None."""
    return request.form.get(name, "").strip() or None


def reason_typed() -> str:
    """Why a line can't be had: one of the usual reasons, own words, or both. Raises Invalid when there is neither."""
    chosen = request.form.get("why_not", "")
    if chosen and chosen not in set(words.WhyNot):
        raise Invalid("why_not", "is not one of ours: reload the page")
    said = [words.WHY_NOT[words.WhyNot(chosen)]] if chosen else []
    said += [text("note") or ""]
    reason = ". ".join(part.rstrip(".") for part in said if part)
    if not reason:
        raise Invalid("why_not", "choose a reason, or write your own: the customer may ask")
    return f"{reason[:1].upper()}{reason[1:]}"


# What people are asked; programs need not say.
WHY = {Move.FAIL: "what went wrong at the door?", Move.CANCEL: "why is it cancelled?"}


@signed_in(Access.OPS)
def move_order(ref: str) -> ResponseReturnValue:
    """Move it along."""

    def work(session: Session) -> str:
        asked = request.form.get("move", "")
        if asked not in set(Move):
            raise Invalid("move", "is not one of ours: reload the page")
        if asked in WHY and not text("reason"):
            raise Invalid("reason", f"is empty: {WHY[Move(asked)]}")
        order = promise.move(
            session,
            ref,
            Move(asked),
            now(),
            actor=me().actor,
            if_version=version(),
            staff_id=number(request.form.get("staff_id"), field="staff_id"),
            reason=text("reason"),
            note=text("note"),
            pin=text("pin"),
        )
        return f"{order.ref} {words.DONE[Move(asked)]}."

    return save(ref, work)


@signed_in(Access.OPS)
def news_of_line(ref: str, line_id: int) -> ResponseReturnValue:
    """What was heard about one line that is being bought."""

    def work(session: Session) -> str:
        state = request.form.get("state", "")
        if state not in words.NEWS:
            raise Invalid("state", "is not one of ours: reload the page")
        ready_at = text("ready_at")
        note = reason_typed() if state == Sourcing.UNAVAILABLE else text("note")
        timezone = find_order(session, ref).branch.timezone
        news = ProcurementNews(
            state=Sourcing(state),
            supplier=text("supplier"),
            ready_at=local_instant(ready_at, timezone, field="ready_at") if ready_at else None,
            by=number(request.form.get("by"), field="by"),
            note=note,
        )
        order = promise.procure(session, ref, line_id, news, now(), actor=me().actor, if_version=version())
        title = next((line.title for line in order.lines if line.id == line_id), "It")
        return f"{title}: {words.NEWS[Sourcing(state)].lower()}."

    return save(ref, work)


@signed_in(Access.OPS)
def change_lines(ref: str) -> ResponseReturnValue:
    """Other things than before: lines that are not bought yet are changed, taken out or added."""
    if "more" in request.form:
        return _page(ref, more=True)

    def work(session: Session) -> str:
        order = find_order(session, ref)
        wanted = wanted_lines(session, order, typed_rows(request.form))
        if not is_changed(order, wanted):
            return "Nothing was different, nothing is changed."
        promise.change(session, ref, {"lines": wanted}, now(), actor=me().actor, if_version=version())
        return f"{order.ref} is saved."

    return save(ref, work)


@signed_in(Access.OPS)
def change_order(ref: str) -> ResponseReturnValue:
    """Another address or reason, or a new promise with why."""

    def work(session: Session) -> str:
        order = find_order(session, ref)
        # Before anything else is refused: the page that is shown again carries the fresh version.
        check_version(order, version())
        address = text("address") or ""
        # Coordinates belonged to the old address.
        moved = {"lat": None, "lon": None} if address != order.address else {}
        changes: dict[str, Any] = moved | {
            "address": address,
            "reason": text("reason"),
            "travel_minutes": number(request.form.get("travel"), field="travel_minutes"),
        }
        promised_by = text("promised_by")
        # The field shows minutes: an unchanged one must not become a new promise for the sake of its seconds.
        if promised_by and promised_by != local_field(order.promised_by, order.branch.timezone):
            changes["promised_by"] = local_instant(promised_by, order.branch.timezone, field="promised_by")
            changes["why"] = text("why")
            changes["agreed"] = {"yes": True, "no": False}.get(request.form.get("agreed", ""))
        promise.change(session, ref, changes, now(), actor=me().actor, if_version=version())
        return f"{order.ref} is saved."

    return save(ref, work)
