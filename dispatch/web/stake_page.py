"""Before something takes the last way to keep a promise: which ones, why, and whether to do it all the same."""

from __future__ import annotations

from typing import Any

from flask import make_response, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from ..foundation.errors import PromisesAtStake
from ..orders.service import find_order
from ..orders.wording import things
from ..promise.guard import Say
from . import words
from .auth import current_runtime as runtime
from .sessions import me, now

# The page asks for these itself, or has its own.
ASKED = {"csrf_token", "force", "reason"}


def typed_say() -> Say:
    """Who posts a form, and whether it is forced: with a reason only."""
    reason = request.form.get("reason", "").strip() or None
    return Say(actor=me().actor, force="force" in request.form and reason is not None, reason=reason)


def ask_again(refusal: PromisesAtStake, *, title: str, deed: str, back: str) -> ResponseReturnValue:
    """The promises at stake and the form once more, everything typed kept, with a field for the reason."""
    with runtime().db.snapshot() as session:
        promises = [_promise(session, dict(promise)) for promise in refusal.promises]
    page = render_template(
        "stake.html",
        title=title,
        deed=deed,
        back=back,
        promises=promises,
        fields=[(name, value) for name, value in request.form.items(multi=True) if name not in ASKED],
        reason=request.form.get("reason", ""),
        lacks_reason="force" in request.form,
    )
    return make_response(page, 409)


def _promise(session: Session, promise: dict[str, Any]) -> dict[str, Any]:
    order = find_order(session, promise["ref"])
    return {
        "ref": order.ref,
        "by": words.when_words(order.promised_by, order.branch.timezone, now=now()),
        "what": things(order.lines),
        "customer": order.customer_name,
        "reason": order.reason,
        "message": promise["binding"]["message"],
    }
