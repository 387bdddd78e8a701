"""The tree of errors as HTTP, once: problem+json (RFC 9457) for programs, a plain friendly page for people."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from http import HTTPStatus

from flask import Flask, Response, current_app, render_template, request
from flask_wtf.csrf import CSRFError
from markupsafe import escape
from werkzeug.exceptions import HTTPException

from ..foundation.errors import (
    Conflict,
    DispatchError,
    Invalid,
    MoveNotAllowed,
    NotAllowed,
    NotFound,
    PromisesAtStake,
    StaleVersion,
    Unavailable,
)
from ..foundation.log import get_logger
from .schemas import Malformed, write_json

log = get_logger("web")

STATUS: dict[type[Exception], HTTPStatus] = {
    Malformed: HTTPStatus.BAD_REQUEST,
    Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    NotFound: HTTPStatus.NOT_FOUND,
    NotAllowed: HTTPStatus.FORBIDDEN,
    MoveNotAllowed: HTTPStatus.CONFLICT,
    Conflict: HTTPStatus.CONFLICT,
    PromisesAtStake: HTTPStatus.CONFLICT,
    StaleVersion: HTTPStatus.PRECONDITION_FAILED,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    CSRFError: HTTPStatus.BAD_REQUEST,
}
# What a library's own message would say is not for the caller.
OWN_WORDS: dict[type[Exception], str] = {
    CSRFError: "This form is too old or came from elsewhere. Reload the page and try again.",
}
WORDS = {
    400: "That request could not be read.",
    401: "Sign in first.",
    403: "You may not do that.",
    404: "There is nothing here.",
    405: "This address does not take that method.",
    413: "That is too large.",
    415: "Send application/json.",
    429: "Too many attempts. Wait a minute, then try again.",
    503: "Not now. Try again in a moment.",
}
FOR_PROGRAMS = ("/api/", "/webhooks/", "/health/", "/metrics")


class TooMany(HTTPException):
    """Too many failures from one address."""

    code = 429
    description = WORDS[429]

    def __init__(self, retry_after: int = 60) -> None:
        super().__init__()
        self.retry_after = retry_after


class NoToken(HTTPException):
    """No API token, or none that we know."""

    code = 401
    description = "Send an API token: `Authorization: Bearer dsp_…`. `dispatch token create` makes one."


def problem(status: int, detail: str, *, headers: Mapping[str, str] | None = None, **more: object) -> Response:
    """An answer as application/problem+json. `more`: further members, such as `errors` or `allowed`."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    return Response(write_json(body), status=status, headers=headers, mimetype="application/problem+json")


def to_problem(error: Exception) -> Response:
    """Any error as problem+json. One that nobody foresaw is logged under an id, and only the id goes out."""
    if isinstance(error, HTTPException) and error.response is None and error.code and error.code >= 400:
        return problem(error.code, _words(error), headers=_headers(error))
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), None)
    if status is None:
        return problem(500, "Something went wrong on our side; it is logged under this id.", id=_logged(error))
    return problem(status, _words(error), headers=_headers(error), **_members(error))


def _words(error: Exception) -> str:
    for kind, words in OWN_WORDS.items():
        if isinstance(error, kind):
            return words
    if isinstance(error, HTTPException):
        # Only our own classes carry words that were written for the caller.
        ours = isinstance(error, TooMany | NoToken)
        return str(error.description) if ours else WORDS.get(error.code or 0, HTTPStatus(error.code or 400).phrase)
    return str(error)


def _members(error: Exception) -> dict[str, object]:
    if isinstance(error, Invalid):
        return {"errors": [{"field": e.field, "message": e.message} for e in error.errors]}
    if isinstance(error, MoveNotAllowed):
        return {"allowed": list(error.allowed)}
    if isinstance(error, PromisesAtStake):
        return {"promises_at_stake": [dict(promise) for promise in error.promises]}
    if isinstance(error, StaleVersion):
        return {"current": error.current}
    return {}


def _headers(error: Exception) -> dict[str, str]:
    headers = {}
    if isinstance(error, HTTPException):
        headers = {name: value for name, value in error.get_headers() if name in {"Allow", "Retry-After"}}
    if isinstance(error, NoToken):
        headers["WWW-Authenticate"] = 'Bearer realm="dispatch"'
    retry_after = getattr(error, "retry_after", None)
    if isinstance(retry_after, int):
        headers["Retry-After"] = str(retry_after)
    if isinstance(error, StaleVersion):
        headers["ETag"] = f'"{error.current}"'
    return headers


def _logged(error: Exception) -> str:
    mark = secrets.token_hex(6)
    log.error("unforeseen", id=mark, path=request.path, method=request.method, exc_info=error)
    return mark


def _page(error: Exception) -> Response:
    """The same for people. Only the status and a sentence are taken over, in a page that explains itself."""
    answer = to_problem(error)
    body = answer.get_json()
    message = "; ".join(f"{e['field']}: {e['message']}" for e in body.get("errors", [])) or body["detail"]
    if "id" in body:
        message = f"{message} ({body['id']})"
    page = Response(_draw(body["title"], message, answer.status_code), status=answer.status_code)
    for name in ("Allow", "Retry-After"):
        if name in answer.headers:
            page.headers[name] = answer.headers[name]
    return page


def _draw(title: str, message: str, status: int) -> str:
    try:
        return render_template("error.html", title=title, message=message, status=status, is_by_link=_is_by_link())
    except Exception as error:
        # The page asks the database who is signed in, and that may be the very thing that is broken.
        log.warning("an error page could not be drawn", error=type(error).__name__)
        return f"<!doctype html><title>{escape(title)}</title><h1>{escape(title)}</h1><p>{escape(message)}</p>"


def _is_by_link() -> bool:
    """Whether this is a page of customers or of staff on their phones, who have nothing to look for at the board."""
    view = current_app.view_functions.get(request.endpoint or "")
    return getattr(view, "access", "") in ("signed_link", "staff")


def is_program() -> bool:
    """Whether the address is one that programs call."""
    return request.path.startswith(FOR_PROGRAMS)


def _answer(error: Exception) -> Response | HTTPException:
    if isinstance(error, HTTPException) and (error.response is not None or (error.code or 0) < 400):
        # A redirect in the clothes of an error.
        return error
    return to_problem(error) if is_program() else _page(error)


def handle_errors(app: Flask) -> None:
    """Hang the one mapping on the app; it covers what is raised and what Flask itself refuses."""
    app.register_error_handler(DispatchError, _answer)
    app.register_error_handler(Exception, _answer)
