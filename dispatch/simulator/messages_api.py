"""Twilio's Messages resource over HTTP: create, list, fetch, update, delete, feedback."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from urllib.parse import urlencode

from flask import Blueprint, Response, jsonify, request

from .core import Simulator
from .faults import Target
from .mishaps import with_faults
from .records import Json, Message, account_path, message_json, rfc2822
from .rules import (
    E164,
    FINAL,
    MAGIC_TEXT_FROM,
    MAGIC_TEXT_TO,
    TwilioError,
    magic,
    smart_encoded,
)
from .webhooks import is_valid_url

Form = Mapping[str, str]
MAX_PAGE = 1000


def create_messages_blueprint(simulator: Simulator) -> Blueprint:
    """The routes under /2010-04-01/Accounts/{sid}/Messages."""
    base = account_path(simulator.config.account_sid)
    blueprint = Blueprint("messages", __name__, url_prefix=base)

    @blueprint.post("/Messages.json")
    def create() -> Response:
        return with_faults(simulator, Target.MESSAGES, request.form.get("To"), lambda: _create(simulator), status=201)

    @blueprint.get("/Messages.json")
    def list_() -> Response:
        return with_faults(simulator, Target.READS, request.args.get("To"), lambda: list_page(simulator, request.args))

    @blueprint.get("/Messages/<sid>.json")
    def fetch(sid: str) -> Response:
        message = _found(simulator, sid)
        return with_faults(simulator, Target.READS, message.to, lambda: _shown(simulator, message))

    @blueprint.post("/Messages/<sid>.json")
    def update(sid: str) -> Response:
        return jsonify(_shown(simulator, _update(simulator, _found(simulator, sid), request.form)))

    @blueprint.delete("/Messages/<sid>.json")
    def delete(sid: str) -> Response:
        if _found(simulator, sid).status not in FINAL:
            raise TwilioError(20009)
        simulator.state.delete_message(sid)
        return Response(status=204)

    @blueprint.post("/Messages/<sid>/Feedback.json")
    def feedback(sid: str) -> tuple[Response, int]:
        return jsonify(_feedback(simulator, _found(simulator, sid), request.form)), 201

    return blueprint


def _found(simulator: Simulator, sid: str) -> Message:
    message = simulator.state.message(sid)
    if message is None or message.kind != "text":
        raise TwilioError(20404, f"The requested resource {request.path} was not found")
    return message


def _shown(simulator: Simulator, message: Message) -> Json:
    return message_json(message, simulator.config.account_sid)


def _create(simulator: Simulator) -> Json:
    form = request.form
    for check in CHECKS:
        check(simulator, form)
    wait_seconds = _wait_seconds(simulator, form)
    service = form.get("MessagingServiceSid")
    first = "scheduled" if wait_seconds else "accepted" if service else "queued"
    body = form.get("Body", "")
    message = simulator.state.add_message(
        direction="outbound-api",
        from_number=form.get("From"),
        to=form["To"],
        body=smart_encoded(body) if form.get("SmartEncoded", "").lower() == "true" else body,
        status=first,
        media=tuple(request.form.getlist("MediaUrl")),
        service_sid=service,
        status_callback=form.get("StatusCallback") or None,
        validity_seconds=int(form.get("ValidityPeriod", "36000")),
    )
    simulator.carrier.send(message, wait_seconds=wait_seconds)
    return _shown(simulator, message)


def _check_fields(_: Simulator, form: Form) -> None:
    if not form.get("To"):
        raise TwilioError(21604)
    if not (form.get("From") or form.get("MessagingServiceSid")):
        raise TwilioError(21603)
    if not (form.get("Body") or form.get("MediaUrl") or form.get("ContentSid")):
        raise TwilioError(21602)
    if len(form.get("Body", "")) > 1600:
        raise TwilioError(21617)


def _check_recipient(_: Simulator, form: Form) -> None:
    to = form["To"].removeprefix("whatsapp:")
    code = magic(to, MAGIC_TEXT_TO)
    if code is not None:
        raise TwilioError(code)
    if not E164.fullmatch(to) or form["To"] == form.get("From"):
        raise TwilioError(21211, "The 'To' number is not a valid phone number.")


def _check_sender(simulator: Simulator, form: Form) -> None:
    sender, service = form.get("From"), form.get("MessagingServiceSid")
    if service is not None and service != simulator.config.messaging_service_sid:
        raise TwilioError(21705)
    if not sender:
        return
    code = magic(sender, MAGIC_TEXT_FROM)
    if code is not None:
        raise TwilioError(code)
    if sender.removeprefix("whatsapp:") not in simulator.config.own_numbers:
        raise TwilioError(21606)


def _check_options(_: Simulator, form: Form) -> None:
    callback = form.get("StatusCallback")
    if callback and not is_valid_url(callback):
        raise TwilioError(21609)
    period = form.get("ValidityPeriod", "36000")
    if not (period.isdecimal() and 1 <= int(period) <= 36000):
        raise TwilioError(90007)


def _check_opt_out(simulator: Simulator, form: Form) -> None:
    if simulator.state.is_blocked(form.get("From") or simulator.config.sender, form["To"]):
        simulator.state.count("refused_21610")
        raise TwilioError(21610)


CHECKS: tuple[Callable[[Simulator, Form], None], ...] = (
    _check_fields,
    _check_recipient,
    _check_sender,
    _check_options,
    _check_opt_out,
)


def _wait_seconds(simulator: Simulator, form: Form) -> float:
    """Seconds until a scheduled text is due; 0 for one that goes at once."""
    # Twilio drops the scheduling parameters, and sends at once, unless a Messaging Service is named.
    if form.get("ScheduleType") != "fixed":
        return 0.0
    if not form.get("MessagingServiceSid"):
        raise TwilioError(35118)
    try:
        due = datetime.fromisoformat(form.get("SendAt", ""))
    except ValueError:
        raise TwilioError(35111) from None
    if due.tzinfo is None:
        raise TwilioError(35111)
    wait = due - simulator.state.now()
    if not timedelta(seconds=300) < wait <= timedelta(days=35):
        raise TwilioError(35114)
    return wait.total_seconds()


def _update(simulator: Simulator, message: Message, form: Form) -> Message:
    if "Status" in form:
        if form["Status"] != "canceled":
            raise TwilioError(20001, "Status can only be changed to canceled")
        if message.status != "scheduled":
            raise TwilioError(30409)
        moved = simulator.state.advance_message(message.sid, "canceled")
        if moved is None:
            raise TwilioError(30409)
        simulator.timetable.after(0, lambda: simulator.carrier.post(moved))
        return moved
    if form.get("Body") == "":
        return simulator.state.change_message(message.sid, body="") or message
    return message


def _feedback(simulator: Simulator, message: Message, form: Form) -> Json:
    outcome = form.get("Outcome", "confirmed")
    if outcome not in {"confirmed", "unconfirmed"}:
        raise TwilioError(20001, "Outcome must be confirmed or unconfirmed")
    simulator.state.count(f"feedback_{outcome}")
    now = rfc2822(simulator.state.now())
    account_sid = simulator.config.account_sid
    return {
        "account_sid": account_sid,
        "message_sid": message.sid,
        "outcome": outcome,
        "date_created": now,
        "date_updated": now,
        "uri": f"{account_path(account_sid)}/Messages/{message.sid}/Feedback.json",
    }


def list_page(simulator: Simulator, args: Form) -> Json:
    """One page of the list, newest first. A page token names the last text seen, so new ones shift nothing."""
    size = _whole(args, "PageSize", 50)
    page = _whole(args, "Page", 0)
    found = [m for m in simulator.state.messages(args.get("To")) if _matches(m, args)]
    token = args.get("PageToken", "")
    if token:
        last_seen = int(token[2:]) if re.fullmatch(r"PA\d+", token) else 0
        found = [m for m in found if m.sequence < last_seen]
    shown, left = found[:size], found[size:]
    path = f"{account_path(simulator.config.account_sid)}/Messages.json"
    query = {k: v for k, v in args.items() if k not in {"Page", "PageToken", "PageSize"}} | {"PageSize": str(size)}

    def uri(number: int, **more: str) -> str:
        return f"{path}?{urlencode({**query, 'Page': str(number), **more})}"

    return {
        "first_page_uri": uri(0),
        "next_page_uri": uri(page + 1, PageToken=f"PA{shown[-1].sequence}") if left else None,
        "previous_page_uri": None,
        "page": page,
        "page_size": size,
        "start": page * size,
        "end": page * size + max(len(shown) - 1, 0),
        "uri": uri(page),
        "messages": [_shown(simulator, message) for message in shown],
    }


def _whole(args: Form, name: str, default: int) -> int:
    text = args.get(name, str(default))
    if not text.isdecimal() or (name == "PageSize" and not int(text) >= 1):
        raise TwilioError(20001, f"{name} must be a whole number")
    return min(int(text), MAX_PAGE) if name == "PageSize" else int(text)


def _matches(message: Message, args: Form) -> bool:
    sender = args.get("From")
    if sender and message.from_number != sender:
        return False
    return all(
        _is_in_time(message.sent_at, args[name], name)
        for name in ("DateSent", "DateSent<", "DateSent>")
        if args.get(name)
    )


def _is_in_time(sent_at: datetime | None, text: str, name: str) -> bool:
    # A text that was not sent yet has no DateSent, and no filter by date finds it.
    if sent_at is None:
        return False
    try:
        bound = datetime.fromisoformat(text)
    except ValueError:
        raise TwilioError(20001, f"{name} must be a GMT date or time") from None
    mine = sent_at.replace(tzinfo=None, microsecond=0)
    limit = bound.replace(tzinfo=None)
    if len(text) == len("2026-01-31"):
        mine = datetime.combine(mine, datetime.min.time())
    if name == "DateSent":
        return mine.date() == limit.date() if len(text) == len("2026-01-31") else mine == limit
    return mine <= limit if name.endswith("<") else mine >= limit
