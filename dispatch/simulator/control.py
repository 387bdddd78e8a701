"""The simulated people's side, as JSON under /sim: threads, replies, calls, faults. Not part of Twilio's API."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from flask import Blueprint, Response, jsonify, request

from .core import Simulator
from .faults import Fault, Kind, Target
from .records import Call, Json, error_message
from .rules import E164
from .state import Entry
from .voice import NotNow

WARNING = "Simulated phones: nothing is really sent."


class BadOrder(ValueError):
    """The control request makes no sense; the message says why."""


def create_control_blueprint(simulator: Simulator) -> Blueprint:
    """The routes under /sim."""
    blueprint = Blueprint("control", __name__, url_prefix="/sim")
    _add_reads(blueprint, simulator)
    _add_people(blueprint, simulator)
    _add_faults(blueprint, simulator)

    @blueprint.post("/reset")
    def reset() -> Response:
        simulator.reset()
        return Response(status=204)

    @blueprint.errorhandler(BadOrder)
    def bad(error: BadOrder) -> tuple[Response, int]:
        return jsonify({"error": str(error)}), 400

    @blueprint.errorhandler(NotNow)
    def not_now(error: NotNow) -> tuple[Response, int]:
        return jsonify({"error": str(error)}), 409

    return blueprint


def _add_reads(blueprint: Blueprint, simulator: Simulator) -> None:
    state = simulator.state

    @blueprint.get("/health")
    def health() -> Response:
        return jsonify({"ok": True, "version": state.version, "warning": WARNING})

    @blueprint.get("/counts")
    def counts() -> Response:
        return jsonify(state.counts())

    @blueprint.get("/threads")
    def threads() -> Response:
        if request.args.get("version") == str(state.version):
            return Response(status=204)
        limit = request.args.get("limit", 200, type=int)
        return jsonify(threads_json(simulator, max(1, limit)))


def _add_people(blueprint: Blueprint, simulator: Simulator) -> None:
    @blueprint.post("/inbound")
    def inbound() -> Response:
        order = _body({"from", "body", "to", "deliveries", "wait"})
        received = simulator.inbox.receive(
            _number(order, "from"),
            _text(order, "body"),
            to=_number(order, "to") if order.get("to") is not None else None,
            deliveries=_whole(order, "deliveries", 1),
            wait=_waits(order),
        )
        return jsonify(
            {
                "message": entry_json(received.message),
                "webhook": received.webhooks[-1] if received.webhooks else None,
                "webhooks": list(received.webhooks),
                "replies": list(received.replies),
            }
        )

    @blueprint.post("/calls")
    def dial_in() -> tuple[Response, int]:
        return jsonify(call_entry(simulator.switchboard.dial_in(_number(_body({"from"}), "from")))), 201

    @blueprint.post("/calls/<sid>/<deed>")
    def take_part(sid: str, deed: str) -> Response | tuple[Response, int]:
        deeds = _deeds(simulator)
        if simulator.state.call(sid) is None or deed not in deeds:
            return jsonify({"error": "no such call, or nothing a person can do"}), 404
        return jsonify(call_entry(deeds[deed](sid, _body({"digits", "by", "as", "wait"}))))


def _deeds(simulator: Simulator) -> dict[str, Callable[[str, Mapping[str, object]], Call]]:
    board = simulator.switchboard
    return {
        "answer": lambda sid, order: board.answer(
            sid,
            digits=_digits(order, default=""),
            by=_one_of(order, "by", "human", "machine_start"),
            wait=_waits(order),
        ),
        "press": lambda sid, order: board.press(sid, _digits(order), wait=_waits(order)),
        "decline": lambda sid, order: board.decline(sid, _one_of(order, "as", "busy", "no-answer")),
        "hang-up": lambda sid, _: board.hang_up(sid),
    }


def _add_faults(blueprint: Blueprint, simulator: Simulator) -> None:
    faults = simulator.state.faults

    @blueprint.get("/faults")
    def show() -> Response:
        return jsonify({"faults": [fault.as_json() for fault in faults]})

    @blueprint.post("/faults")
    def add() -> tuple[Response, int]:
        return jsonify(faults.add(fault_of(_body(FAULT_FIELDS))).as_json()), 201

    @blueprint.delete("/faults")
    def clear() -> Response:
        faults.clear(request.args.get("id", type=int))
        return Response(status=204)


FAULT_FIELDS = {"kind", "on", "to", "count", "seconds", "code"}


def fault_of(order: Mapping[str, object]) -> Fault:
    """The fault that a JSON object orders. Raises BadOrder."""
    try:
        seconds, code, count = order.get("seconds", 0), order.get("code"), order.get("count")
        return Fault(
            kind=Kind(str(order.get("kind"))),
            on=Target(str(order.get("on", Target.MESSAGES.value))),
            to=_number(order, "to") if order.get("to") is not None else None,
            count=None if count is None else int(str(count)),
            seconds=float(str(seconds)),
            code=None if code is None else int(str(code)),
        )
    except ValueError as error:
        raise BadOrder(str(error)) from error


def threads_json(simulator: Simulator, limit: int) -> Json:
    """Every phone with its texts and calls, the most recently active phone first."""
    version, threads = simulator.state.threads(limit)
    sender = simulator.config.sender
    phones: list[Json] = [
        {
            "phone": phone,
            "is_opted_out": simulator.state.is_blocked(sender, phone),
            "last": entries[-1].sequence if entries else 0,
            "entries": [entry_json(entry) for entry in entries],
        }
        for phone, entries in threads.items()
    ]
    phones.sort(key=lambda phone: -int(str(phone["last"])))
    return {
        "version": version,
        "warning": WARNING,
        "sender": sender,
        "phones": phones,
        "faults": [fault.as_json() for fault in simulator.state.faults],
    }


def entry_json(entry: Entry) -> Json:
    """One bubble: a text, one of Twilio's own notices, or a call."""
    if isinstance(entry, Call):
        return call_entry(entry)
    return {
        "kind": entry.kind,
        "sid": entry.sid,
        "at": entry.created_at.isoformat(),
        "direction": "in" if entry.is_inbound else "out",
        "from": entry.from_number or entry.sender,
        "to": entry.to,
        "body": entry.body,
        "status": entry.status,
        "segments": entry.segments,
        "media": list(entry.media),
        "error_code": entry.error_code,
        "error_message": error_message(entry.error_code),
        "callbacks": list(entry.callbacks),
        "webhook": entry.webhook,
    }


def call_entry(call: Call) -> Json:
    """A call as a bubble: what was said, and whether it rings or listens for keys."""
    return {
        "kind": "call",
        "sid": call.sid,
        "at": call.created_at.isoformat(),
        "direction": "in" if call.is_inbound else "out",
        "from": call.from_number,
        "to": call.to,
        "status": call.status,
        "transcript": list(call.transcript),
        "is_ringing": call.status in {"queued", "ringing"},
        "is_listening": call.gather is not None,
        "duration_seconds": call.duration_seconds,
    }


def _body(known: set[str]) -> Mapping[str, object]:
    order = request.get_json(silent=True) if request.data else {}
    if not isinstance(order, dict):
        raise BadOrder("send a JSON object")
    unknown = sorted(set(order) - known)
    if unknown:
        raise BadOrder(f"unknown: {', '.join(unknown)}")
    return order


def _text(order: Mapping[str, object], name: str) -> str:
    value = order.get(name)
    if not isinstance(value, str) or not value or len(value) > 1600:
        raise BadOrder(f"{name}: a text of 1 to 1600 characters")
    return value


def _number(order: Mapping[str, object], name: str) -> str:
    value = order.get(name)
    if not isinstance(value, str) or not E164.fullmatch(value):
        raise BadOrder(f"{name}: a phone number in E.164")
    return value


def _whole(order: Mapping[str, object], name: str, default: int) -> int:
    value = order.get(name, default)
    if not isinstance(value, int) or not 0 <= value <= 20:
        raise BadOrder(f"{name}: a whole number from 0 to 20")
    return value


def _digits(order: Mapping[str, object], default: str | None = None) -> str:
    value = order.get("digits", default)
    if not isinstance(value, str) or not re.fullmatch(r"[0-9*#]{0,32}", value) or (not value and default is None):
        raise BadOrder("digits: keys of a phone, like 1 or 42#")
    return value


def _waits(order: Mapping[str, object]) -> bool:
    return order.get("wait", True) is not False


def _one_of(order: Mapping[str, object], name: str, *allowed: str) -> str:
    value = order.get(name, allowed[0])
    if value not in allowed:
        raise BadOrder(f"{name}: one of {', '.join(allowed)}")
    return str(value)
