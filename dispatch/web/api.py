"""The JSON API's one way in: whoever calls is known, what is sent is checked, and the effect and its answer are one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Response, request
from sqlalchemy.orm import Session
from werkzeug.exceptions import UnsupportedMediaType

from ..foundation.db import AT_END, at_end, is_a_race, once_more
from ..foundation.errors import Conflict, DispatchError, Invalid
from ..runtime import Runtime
from . import idempotency
from .api_operations import Answer, Call, Operation
from .auth import Caller, authenticate, current_runtime
from .errors import to_problem
from .idempotency import Claim, Reply
from .schemas import read_json, read_query, write_json

PREFIX = "/api/v1"
ANSWER = "dispatch_answer"
REPEATED_HEADERS = ("Content-Type", "Location", "ETag", "Retry-After")


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What was asked, before anything of it is believed."""

    operation: Operation
    runtime: Runtime
    now: datetime
    caller: Caller
    raw: bytes
    parts: Mapping[str, str]
    query: Mapping[str, list[str]]
    if_match: str | None


def _serve(operation: Operation, parts: Mapping[str, str]) -> Response:
    runtime = current_runtime()
    asked = _Asked(
        operation=operation,
        runtime=runtime,
        now=runtime.clock.now(),
        caller=authenticate(operation.access),
        raw=_read_body(operation),
        parts=parts,
        query=request.args.to_dict(flat=False),
        if_match=request.headers.get("If-Match") if operation.takes_if_match else None,
    )
    key = idempotency.read_key(request.headers.get(idempotency.FIELD)) if operation.method == "POST" else None
    return _response(_run(asked, None)) if key is None else _serve_once(asked, key)


def _read_body(operation: Operation) -> bytes:
    raw = request.get_data(cache=False)
    if not operation.has_body:
        return b"{}"
    if request.mimetype != "application/json" and not re.fullmatch(r"application/[\w.-]+\+json", request.mimetype):
        raise UnsupportedMediaType
    return raw


def _serve_once(asked: _Asked, key: str) -> Response:
    db = asked.runtime.db
    target = request.full_path
    claim = idempotency.claim(
        db,
        token_id=asked.caller.token_id,
        key=key,
        request_hash=idempotency.fingerprint(asked.operation.method, target, asked.raw),
        now=asked.now,
    )
    if isinstance(claim, Reply):
        answer = _response(claim)
        answer.headers["Idempotent-Replay"] = "true"
        return answer
    try:
        return _response(_run(asked, claim))
    except Exception as error:
        reply = _refusal(error)
        if reply is None:
            idempotency.release(db, claim)
            raise
        # The effect was undone; a crash before this is stored leaves a claim that runs out, and a repeat asks anew.
        with db.transaction() as session:
            idempotency.keep(session, claim, reply)
        return _response(reply)


def _refusal(error: Exception) -> Reply | None:
    """The answer to an error that a repeat would meet again; None for what passes or is our own fault."""
    if not isinstance(error, DispatchError) or isinstance(error, idempotency.UnderWay):
        return None
    if isinstance(error, Conflict) and is_a_race(error):
        return None
    answer = to_problem(error)
    return _reply(answer) if answer.status_code < 500 else None


def _run(asked: _Asked, claim: Claim | None) -> Reply:
    operation, db = asked.operation, asked.runtime.db
    path = {
        name: operation.parts[name].read(name, text, is_put=operation.method == "PUT")
        for name, text in asked.parts.items()
    }
    query, body = read_query(operation.query, asked.query), read_json(operation.body, asked.raw)
    if_version = _version_of(asked.if_match)

    def answered(session: Session) -> Answer:
        call = Call(
            runtime=asked.runtime,
            session=session,
            now=asked.now,
            caller=asked.caller,
            body=body,
            query=query,
            if_version=if_version,
        )
        return operation.handler(call, **path)

    if operation.is_writing:
        return once_more(db, lambda session: _drawn_last(session, answered(session), claim))[-1]
    with db.snapshot() as session:
        return _drawn(answered(session))


def _drawn_last(session: Session, answer: Answer, claim: Claim | None) -> list[Reply]:
    """The list will hold the reply when the transaction has ended: it is drawn after the services' own last writes."""
    replies: list[Reply] = []

    def draw(session: Session) -> None:
        if session.info.get(AT_END):
            # A last write that asked for another: the answer shows what is committed, so it comes after that.
            at_end(session, ANSWER, draw)
            return
        session.flush()
        replies.append(_drawn(answer))
        if claim:
            idempotency.keep(session, claim, replies[-1])

    at_end(session, ANSWER, draw)
    return replies


def _version_of(if_match: str | None) -> int | None:
    """The version the caller has seen; None when any will do. A tag that is none of ours matches nothing: 0."""
    if if_match is None or if_match.strip() == "*":
        return None
    match = re.fullmatch(r'\s*(?:W/)?"([0-9]{1,10})"\s*', if_match)
    if not match and "," in if_match:
        raise Invalid("If-Match", 'give one version, like "3"')
    return int(match.group(1)) if match else 0


def _drawn(answer: Answer) -> Reply:
    headers = {"Content-Type": "application/json"}
    if answer.location and answer.status == 201:
        headers["Location"] = PREFIX + answer.location
    if answer.version is not None:
        headers["ETag"] = f'"{answer.version}"'
    body = answer.body() if callable(answer.body) else answer.body
    if body is None:
        return Reply(status=204, body=b"")
    return Reply(status=answer.status, body=write_json(body), headers=headers)


def _reply(response: Response) -> Reply:
    headers = {name: response.headers[name] for name in REPEATED_HEADERS if name in response.headers}
    return Reply(status=response.status_code, body=response.get_data(), headers=headers)


def _response(reply: Reply) -> Response:
    return Response(reply.body, status=reply.status, headers=reply.headers)


def _view(operation: Operation) -> Callable[..., Response]:
    def view(**parts: str) -> Response:
        return _serve(operation, parts)

    view.__name__ = operation.name
    view.access = operation.access.value  # type: ignore[attr-defined]
    return view


def make_blueprint(operations: list[Operation]) -> Blueprint:
    """Every operation as a route."""
    blueprint = Blueprint("api", __name__, url_prefix=PREFIX)
    for operation in operations:
        blueprint.add_url_rule(
            operation.url_rule,
            endpoint=operation.name,
            view_func=_view(operation),
            methods=[operation.method],
            provide_automatic_options=False,
        )
    return blueprint
