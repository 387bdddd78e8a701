"""One tap on the page of an order: what another shop answered about a line, and what else was bought there."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from flask import Flask, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from ..foundation.errors import Invalid
from ..orders.service import find_order, get_line
from ..procurement.call_log import Told
from ..procurement.calls import Outcome
from ..procurement.service import find_supplier
from ..promise import calls
from .call_view import next_shop
from .forms import local_instant, number
from .order_pages import save, text
from .sessions import me, now, signed_in
from .tables import Access

SAID = {
    Outcome.HAS_IT: "{shop} keeps {title} for us.",
    Outcome.NO: "{shop} doesn't have {title}.",
    Outcome.CLOSED: "{shop} is closed.",
    Outcome.NO_ANSWER: "Nobody answers at {shop}.",
    Outcome.BOUGHT: "{title} is bought at {shop}.",
}


def register(app: Flask) -> None:
    """Hang what the call lists post to."""
    rule = "/orders/<ref>/lines/<int:line_id>/calls"
    app.add_url_rule(rule, view_func=answer_of_supplier, methods=["POST"])


@signed_in(Access.OPS)
def answer_of_supplier(ref: str, line_id: int) -> ResponseReturnValue:
    """What a shop said. Two people may ring two shops at once: an answer is a fact, and no copy is too old for it."""

    def work(session: Session) -> str:
        outcome = request.form.get("outcome", "")
        if outcome not in set(Outcome):
            raise Invalid("outcome", "is not one of ours: reload the page")
        told = Told(
            supplier=request.form.get("supplier", ""),
            outcome=Outcome(outcome),
            kept_until=_kept_until(session, ref, Outcome(outcome)),
            by=number(request.form.get("by"), field="by"),
            note=text("note"),
        )
        others = [found for each in request.form.getlist("also") if (found := number(each, field="also")) is not None]
        if told.outcome is Outcome.BOUGHT and others:
            return _bought(session, [line_id, *others], told)
        return _told(session, ref, line_id, told)

    return save(ref, work, place=f"#line-{line_id}")


def _told(session: Session, ref: str, line_id: int, told: Told) -> str:
    order = calls.hear(session, ref, line_id, told, now(), actor=me().actor)
    shop = find_supplier(session, told.supplier).name
    said = SAID[told.outcome].format(shop=shop, title=get_line(order, line_id).title)
    is_in_vain = told.outcome in (Outcome.NO, Outcome.CLOSED, Outcome.NO_ANSWER)
    return said + (next_shop(session, order, line_id, now()) if is_in_vain else "")


def _bought(session: Session, line_ids: list[int], told: Told) -> str:
    """Each line for itself; what was refused is said, and doesn't lose the others."""
    results = calls.buy_together(session, line_ids, told, now(), actor=me().actor)
    bought = [f"{result.title} ({result.ref})" for result in results if result.refusal is None]
    refused = [f"{result.title or 'One line'}: {result.refusal}" for result in results if result.refusal]
    said = f"Bought at {find_supplier(session, told.supplier).name}: {', '.join(bought)}." if bought else ""
    return " ".join(part for part in (said, *refused) if part)


def _kept_until(session: Session, ref: str, outcome: Outcome) -> datetime | None:
    """A time of today's clock in the shop; one that is past already means tomorrow's. Of other outcomes it is not read:
    the field stands beside all the buttons."""
    typed = request.form.get("kept_until", "").strip()
    if not typed or outcome is not Outcome.HAS_IT:
        return None
    try:
        clock = time.fromisoformat(typed)
    except ValueError as error:
        raise Invalid("kept_until", "give a time like 18:00") from error
    timezone = find_order(session, ref).branch.timezone
    today = now().astimezone(ZoneInfo(timezone)).date()
    at = local_instant(f"{today}T{clock:%H:%M}", timezone, field="kept_until")
    return (
        at if at > now() else local_instant(f"{today + timedelta(days=1)}T{clock:%H:%M}", timezone, field="kept_until")
    )
