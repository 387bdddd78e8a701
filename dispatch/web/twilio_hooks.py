"""Twilio's webhooks: signed, stored and committed before the answer; what they mean is found out after that.

A captured request validates for ever, so each can come twice: the unique keys of what is stored see to one effect.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

from flask import Blueprint, Flask, Response, request
from sqlalchemy.orm import Session

from .. import care
from ..escalation.inbound import handle_inbound
from ..escalation.on_the_phone import pick_up, press
from ..escalation.voice import Speech, document, sorry
from ..foundation.db import once_more
from ..foundation.errors import Invalid, NotAllowed
from ..foundation.log import get_logger
from ..messaging.rules import standing
from ..messaging.service import record_inbound, record_receipt
from ..runtime import Runtime
from .auth import count_failure, current_runtime
from .schemas import LARGEST_ID

log = get_logger("web.twilio")

BAD_SIGNATURES = "600/minute"
EMPTY = b'<?xml version="1.0" encoding="UTF-8"?><Response/>'
LONGEST_BODY = 10_000
# Where the address of a callback names the row of the outbox.
OUTBOX = "o"
# And which of its sends it is about.
ATTEMPT = "n"
# And that a question on the phone has been asked once more.
AGAIN = "again"
# One answer at a time is given its effect within its own request.
_hands = threading.Lock()


def check_signature() -> None:
    """Refuse whatever Twilio did not sign. Raises NotAllowed; nothing has been stored then.

    The address is put together from the public URL and the raw query: Flask's own has the proxy's scheme and host,
    and percent-decodes what Twilio signed encoded.
    """
    runtime = current_runtime()
    query = request.query_string.decode("latin-1")
    url = f"{runtime.settings.public_url}{request.path}" + (f"?{query}" if query else "")
    signature = request.headers.get("X-Twilio-Signature", "")
    form = list(request.form.items(multi=True))
    if not signature or not runtime.texts.is_signed(url=url, form=form, signature=signature):
        count_failure("webhook", BAD_SIGNATURES)
        raise NotAllowed("This was not signed by Twilio for this address.")


def _field(*names: str, most: int = 40) -> str:
    """The first of these that was sent; without NULs, which PostgreSQL refuses."""
    value = next((request.form[name] for name in names if request.form.get(name)), "")
    return value.replace("\x00", "")[:most]


def _required(*names: str) -> str:
    value = _field(*names)
    if not value:
        raise Invalid(names[0], "is missing")
    return value


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and int(text) <= LARGEST_ID else None


def message() -> Response:
    """A text somebody sent: kept first, then given its effect. When that fails the relay round does it."""
    check_signature()
    runtime, sid = current_runtime(), _required("MessageSid", "SmsSid")
    now = runtime.clock.now()
    # Twenty answers at once would wait for one order's lock, and the provider for us: what comes while another one is
    # at it the worker, who is woken, does in the order of arrival.
    has_hands = _hands.acquire(blocking=False)
    try:
        with runtime.db.transaction() as session:
            inbound_id = record_inbound(
                session,
                sid=sid,
                from_phone=_field("From"),
                to_phone=_field("To"),
                body=_field("Body", most=LONGEST_BODY),
                opt_out_type=_field("OptOutType", most=10) or None,
                now=now,
                wakes=not has_hands,
            )
        if inbound_id is not None and has_hands:
            _handle(runtime, inbound_id, now)
    finally:
        if has_hands:
            _hands.release()
    return Response(EMPTY, mimetype="text/xml")


def _handle(runtime: Runtime, inbound_id: int, now: datetime) -> None:
    """Give a stored text its effect."""
    listeners = care.listeners(runtime.links)
    try:
        once_more(runtime.db, lambda session: handle_inbound(session, inbound_id, now, listeners=listeners))
    except Exception as error:
        # It is stored; a 500 would only make the provider send it to nobody.
        log.error("a text could not be handled yet", inbound_id=inbound_id, exc_info=error)


def status() -> Response:
    """A receipt, with what it means for the ladder, in one transaction. Late, doubled and unordered ones are fine."""
    check_signature()
    runtime = current_runtime()
    sid = _required("MessageSid", "SmsSid", "CallSid")
    said = _required("MessageStatus", "SmsStatus", "CallStatus")
    now, error_code = runtime.clock.now(), _number(_field("ErrorCode"))
    outbox_id, attempt = _number(request.args.get(OUTBOX)), _number(request.args.get(ATTEMPT))

    def work(session: Session) -> None:
        settled = record_receipt(
            session, sid=sid, status=said, error_code=error_code, outbox_id=outbox_id, attempt=attempt, now=now
        )
        if settled is not None:
            care.heard(session, settled, now)

    once_more(runtime.db, work)
    return Response(status=204)


def voice() -> Response:
    """What a call says: the page when it is picked up, and what came of a key that was pressed.

    That it was picked up is stored as a receipt, which also names the call where the answer to its making was lost.
    """
    check_signature()
    runtime, sid = current_runtime(), _field("CallSid")
    now, outbox_id = runtime.clock.now(), _number(request.args.get(OUTBOX)) if sid else None

    def work(session: Session) -> Speech:
        if "Digits" in request.form:
            return press(session, outbox_id, _field("Digits"), now, sid=sid, is_again=AGAIN in request.args)
        status = _field("CallStatus")
        if standing(status) is not None and outbox_id is not None:
            record_receipt(session, sid=sid, status=status, error_code=None, outbox_id=outbox_id, now=now)
        return pick_up(session, outbox_id, now)

    try:
        speech = once_more(runtime.db, work)
    except Exception as error:
        # A 500 would be read out as an error of the provider's; the page has its link all the same.
        log.error("a call could not be answered", outbox_id=outbox_id, exc_info=error)
        speech = Speech(sentences=sorry())
    more = f"&{AGAIN}=1" if "Digits" in request.form else ""
    ask_url = f"{runtime.settings.public_url}{request.path}?{OUTBOX}={outbox_id}{more}"
    return Response(document(speech, ask_url=ask_url), mimetype="text/xml")


def _signed(view: Callable[[], Response]) -> Callable[[], Response]:
    view.access = "twilio"  # type: ignore[attr-defined]
    return view


def register(app: Flask) -> Blueprint:
    """Hang the webhooks on the app."""
    blueprint = Blueprint("twilio", __name__, url_prefix="/webhooks/twilio")
    for view in (message, status, voice):
        blueprint.add_url_rule(f"/{view.__name__}", view_func=_signed(view), methods=["POST"])
    app.register_blueprint(blueprint)
    return blueprint
