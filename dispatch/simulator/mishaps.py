"""Carries out the faults that strike a request: slow answers, refusals, broken pages and cut connections."""

from __future__ import annotations

import socket
from collections.abc import Callable

from flask import Response, jsonify, request

from .core import Simulator
from .faults import Fault, Kind, Stage, Target
from .handler import CUT
from .records import Json
from .rules import TwilioError

HTML_503 = "<html><body><h1>503 Service Temporarily Unavailable</h1></body></html>"
CODES = {Kind.RATE_LIMITED: 20429, Kind.SERVER_ERROR: 20500}


def with_faults(
    simulator: Simulator, on: Target, to: str | None, handle: Callable[[], Json], *, status: int = 200
) -> Response:
    """The answer of `handle` as JSON, unless a fault is on order for this request.

    `accepted_then_dropped` and `junk` strike after `handle` has done its work, everything else before.
    Raises TwilioError for the refusals.
    """
    slow = simulator.state.take_fault(Stage.SLOW, on, to)
    if slow is not None:
        simulator.timetable.pause(slow.seconds)
    fault = simulator.state.take_fault(Stage.ANSWER, on, to)
    if fault is not None:
        refusal = _refuse(fault)
        if refusal is not None:
            return refusal
    response = jsonify(handle())
    response.status_code = status
    if fault is None:
        return response
    if fault.kind is Kind.JUNK:
        return Response("<!doctype html><p>Welcome to the hotel's wireless network", status=status)
    return cut_connection()


def _refuse(fault: Fault) -> Response | None:
    """The answer that replaces all work, or None for the faults that strike later."""
    match fault.kind:
        case Kind.RATE_LIMITED | Kind.SERVER_ERROR:
            raise TwilioError(CODES[fault.kind])
        case Kind.REFUSED:
            raise TwilioError(fault.code or 21614)
        case Kind.UNAVAILABLE:
            return Response(HTML_503, status=503, mimetype="text/html")
        case Kind.DROPPED:
            return cut_connection()
        case _:
            return None


def cut_connection() -> Response:
    """Close the caller's connection under it. The response is for form's sake, it can't be written any more."""
    connection = request.environ.get("werkzeug.socket")
    if connection is None:
        raise ConnectionAbortedError("only a real connection can be cut")
    request.environ[CUT] = True
    connection.shutdown(socket.SHUT_RDWR)
    return Response(status=502)
