"""Twilio's Calls resource over HTTP, and the account and number look-ups that belong to a connection check."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, Response, jsonify, request

from .core import Simulator
from .faults import Target
from .mishaps import with_faults
from .records import Call, Json, account_path, call_json, rfc2822
from .rules import E164, MAGIC_CALL_FROM, MAGIC_CALL_TO, TwilioError, magic
from .voice import CallOrder, NotNow
from .webhooks import is_valid_url


def create_calls_blueprint(simulator: Simulator) -> Blueprint:
    """The routes under /2010-04-01/Accounts/{sid}/Calls."""
    base = account_path(simulator.config.account_sid)
    blueprint = Blueprint("calls", __name__, url_prefix=base)
    account_sid = simulator.config.account_sid

    def shown(call: Call) -> Json:
        return call_json(call, account_sid)

    @blueprint.post("/Calls.json")
    def create() -> Response:
        return with_faults(
            simulator,
            Target.CALLS,
            request.form.get("To"),
            lambda: shown(simulator.switchboard.place(order_of(simulator, request.form))),
            status=201,
        )

    @blueprint.get("/Calls.json")
    def list_() -> Response:
        return jsonify(list_all(simulator, request.args))

    @blueprint.get("/Calls/<sid>.json")
    def fetch(sid: str) -> Response:
        call = _found(simulator, sid)
        return with_faults(simulator, Target.READS, call.to, lambda: shown(call))

    @blueprint.post("/Calls/<sid>.json")
    def update(sid: str) -> Response:
        status = request.form.get("Status", "")
        if status not in {"completed", "canceled"}:
            raise TwilioError(20001, "Status can only be changed to completed or canceled")
        _found(simulator, sid)
        try:
            return jsonify(shown(simulator.switchboard.end(sid, status)))
        except NotNow as error:
            raise TwilioError(21220) from error

    return blueprint


def create_account_blueprint(simulator: Simulator) -> Blueprint:
    """The account itself, and Lookups v2 without paid fields."""
    config = simulator.config
    blueprint = Blueprint("account", __name__)
    created_at = rfc2822(simulator.state.now())

    @blueprint.get(f"{account_path(config.account_sid)}.json")
    def account() -> Response:
        # Twilio's standard API keys may not read the account, only its auth token may.
        if request.authorization is None or request.authorization.username != config.account_sid:
            raise TwilioError(20003)
        return jsonify(account_json(config.account_sid, created_at))

    @blueprint.get("/v2/PhoneNumbers/<number>")
    def look_up(number: str) -> Response:
        return jsonify(lookup_json(number))

    return blueprint


def account_json(account_sid: str, created_at: str | None) -> Json:
    """The account resource; the token stays hidden."""
    base = account_path(account_sid)
    return {
        "sid": account_sid,
        "friendly_name": "Simulated account: nothing is really sent",
        "owner_account_sid": account_sid,
        "status": "active",
        "type": "Full",
        "auth_token": None,
        "date_created": created_at,
        "date_updated": created_at,
        "uri": f"{base}.json",
        "subresource_uris": {"messages": f"{base}/Messages.json", "calls": f"{base}/Calls.json"},
    }


def lookup_json(number: str) -> Json:
    """The look-up of a number: whether it is shaped like one, nothing that Twilio charges for."""
    is_valid = bool(E164.fullmatch(number))
    return {
        "phone_number": number,
        "national_format": number,
        "valid": is_valid,
        "validation_errors": [] if is_valid else ["NOT_A_NUMBER"],
        "country_code": None,
        "calling_country_code": None,
        "url": f"https://lookups.twilio.com/v2/PhoneNumbers/{number}",
    }


def list_all(simulator: Simulator, args: Mapping[str, str]) -> Json:
    """Every call that fits To, From and Status, newest first, on one page."""
    account_sid = simulator.config.account_sid
    wanted = {name: args.get(name) for name in ("To", "From", "Status")}
    calls = [call for call in simulator.state.calls() if _matches(call, wanted)]
    uri = f"{account_path(account_sid)}/Calls.json"
    return {
        "first_page_uri": uri,
        "next_page_uri": None,
        "previous_page_uri": None,
        "page": 0,
        "page_size": max(len(calls), 50),
        "start": 0,
        "end": max(len(calls) - 1, 0),
        "uri": uri,
        "calls": [call_json(call, account_sid) for call in calls],
    }


def order_of(simulator: Simulator, form: Mapping[str, str]) -> CallOrder:
    """The call that a form asks for. Raises TwilioError in Twilio's words."""
    _check_numbers(simulator, form.get("To", ""), form.get("From", ""))
    url, twiml = form.get("Url") or None, form.get("Twiml") or None
    if (url is None and twiml is None) or (url is not None and not is_valid_url(url)):
        raise TwilioError(21205)
    if len(twiml or "") > 4000:
        raise TwilioError(21218)
    ring = form.get("Timeout", "60")
    return CallOrder(
        to=form["To"],
        from_number=form["From"],
        twiml=twiml,
        url=url,
        status_callback=form.get("StatusCallback") or None,
        events=tuple(request.form.getlist("StatusCallbackEvent")) or ("completed",),
        ring_seconds=min(float(ring), 600.0) if ring.isdecimal() else 60.0,
        wants_machine_detection=bool(form.get("MachineDetection")),
    )


def _check_numbers(simulator: Simulator, to: str, sender: str) -> None:
    if not to:
        raise TwilioError(21201)
    if not sender:
        raise TwilioError(21213)
    code = magic(sender, MAGIC_CALL_FROM) or magic(to, MAGIC_CALL_TO)
    if code is not None:
        raise TwilioError(code)
    if sender not in simulator.config.own_numbers:
        raise TwilioError(21210)
    if not E164.fullmatch(to):
        raise TwilioError(21211)


def _found(simulator: Simulator, sid: str) -> Call:
    call = simulator.state.call(sid)
    if call is None:
        raise TwilioError(20404, f"The requested resource {request.path} was not found")
    return call


def _matches(call: Call, wanted: Mapping[str, str | None]) -> bool:
    shown = {"To": call.to, "From": call.from_number, "Status": call.status}
    return all(value is None or shown[name] == value for name, value in wanted.items())
