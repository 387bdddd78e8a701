"""The API's description, OpenAPI 3.1, made from the declarations that serve it; and a page for people to read it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from http import HTTPStatus
from importlib.metadata import version
from importlib.resources import files
from typing import Any

from flask import Blueprint, Response, render_template, send_from_directory
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from .api_operations import NoQuery, Operation
from .auth import public
from .idempotency import FIELD, LONGEST_KEY
from .schemas import ABSENT, Shape, write_json

PROBLEM = "application/problem+json"
ASSETS = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png")
INTRODUCTION = (
    "Times are ISO 8601 with an offset; phone numbers come back as E.164; unknown fields are errors. Lists are paged: "
    "pass `next` as `cursor`. Every POST takes an Idempotency-Key: the same request again gives the first answer."
)


class FieldProblem(Shape):
    """A field at fault, and what to do about it."""

    field: str
    message: str


class PromiseAtStake(Shape):
    """A promise that could not be kept any more."""

    ref: str
    promised_by: str
    binding: Any


class Problem(Shape):
    """Why not (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = ABSENT
    allowed: list[str] = ABSENT
    current: int = ABSENT
    promises_at_stake: list[PromiseAtStake] = ABSENT
    id: str = ABSENT


def describe(operations: Iterable[Operation], *, prefix: str) -> dict[str, Any]:
    """The whole document."""
    operations = list(operations)
    definitions = _definitions(operations)
    paths: dict[str, Any] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, definitions)
    queries = {operation.query.__name__ for operation in operations}
    return {
        "openapi": "3.1.0",
        "info": {"title": "dispatch", "version": version("dispatch"), "description": INTRODUCTION},
        "servers": [{"url": prefix}],
        "security": [{"token": []}],
        "tags": [{"name": tag} for tag in dict.fromkeys(operation.tag for operation in operations)],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "`dispatch token create`"}
            },
            "schemas": {name: schema for name, schema in definitions.items() if name not in queries},
        },
    }


def _definitions(operations: Iterable[Operation]) -> dict[str, Any]:
    incoming = {model for operation in operations for model in (operation.body, operation.query)}
    outgoing = {model for operation in operations for model in operation.answers.values() if model} | {Problem}
    models: list[tuple[type[BaseModel], Any]] = [(model, "validation") for model in incoming]
    models += [(model, "serialization") for model in outgoing]
    models.sort(key=lambda pair: pair[0].__name__)
    _, document = models_json_schema(models, ref_template="#/components/schemas/{model}")
    found: dict[str, Any] = document["$defs"]
    return found


def _operation(operation: Operation, definitions: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": f"Needs the role `{operation.access.value}`.",
        "tags": [operation.tag],
        "parameters": [*_path(operation), *_query(operation, definitions), *_headers(operation)],
        "responses": {
            **{str(status): _answer(operation, status, model) for status, model in operation.answers.items()},
            **{str(status): _refusal(status) for status in _refusals(operation)},
        },
    }
    if operation.has_body:
        content = {"application/json": {"schema": _ref(operation.body)}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _path(operation: Operation) -> Iterable[dict[str, Any]]:
    for name, part in operation.parts.items():
        schema = {"type": "string", "pattern": f"^(?:{part.pattern})$", "minLength": 1, "maxLength": part.max_length}
        yield {"name": name, "in": "path", "required": True, "description": part.words, "schema": schema}


def _query(operation: Operation, definitions: dict[str, Any]) -> Iterable[dict[str, Any]]:
    if operation.query is NoQuery:
        return
    for name, schema in definitions[operation.query.__name__]["properties"].items():
        yield {"name": name, "in": "query", "required": False, "schema": _without_null(schema)}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter is left out or has a value; there is no null in a query."""
    choices = [choice for choice in schema.get("anyOf", []) if choice != {"type": "null"}]
    rest = {key: value for key, value in schema.items() if key not in {"anyOf", "default", "title"}}
    if not choices:
        return {**rest, "default": schema["default"]} if schema.get("default") is not None else rest
    return {**rest, **choices[0]} if len(choices) == 1 else {**rest, "anyOf": choices}


def _headers(operation: Operation) -> Iterable[dict[str, Any]]:
    if operation.method == "POST":
        schema = {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[!-~]+$"}
        words = "The same key and request again give the first answer, with `Idempotent-Replay: true`."
        yield {"name": FIELD, "in": "header", "required": False, "description": words, "schema": schema}
    if operation.takes_if_match:
        words = "The ETag of the copy the change was made from, or `*`."
        schema = {"type": "string", "pattern": r'^(\*|(W/)?"[0-9]{1,10}")$'}
        yield {"name": "If-Match", "in": "header", "required": False, "description": words, "schema": schema}


def _answer(operation: Operation, status: int, model: type[BaseModel] | None) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if model:
        answer["content"] = {"application/json": {"schema": _ref(model)}}
    if operation.has_version:
        answer["headers"] = {"ETag": {"description": "The version, for If-Match", "schema": {"type": "string"}}}
    return answer


def _refusals(operation: Operation) -> list[int]:
    found = {401, 403, 413, 422, 429, 503, *operation.refusals}
    found |= {400, 415} if operation.has_body else set()
    found |= {404} if operation.parts else set()
    found |= {409} if operation.is_writing else set()
    found |= {412} if operation.takes_if_match else set()
    return sorted(found)


def _refusal(status: int) -> dict[str, Any]:
    return {"description": HTTPStatus(status).phrase, "content": {PROBLEM: {"schema": _ref(Problem)}}}


def make_docs_blueprint(operations: Iterable[Operation], *, prefix: str) -> Blueprint:
    """The document and its page, for everybody."""
    operations = list(operations)
    blueprint = Blueprint("api_docs", __name__, url_prefix=prefix)

    @cache
    def document() -> bytes:
        # Only when somebody asks: it takes longer than all the rest of the start.
        return write_json(describe(operations, prefix=prefix))

    @public
    def read_document() -> Response:
        return Response(document(), mimetype="application/json")

    @public
    def read_docs() -> str:
        return render_template("api_docs.html", document=f"{prefix}/openapi.json", assets=f"{prefix}/docs")

    @public
    def read_asset(name: str) -> Response:
        # The page's own files lie in the library's wheel, so that none is copied into ours.
        return send_from_directory(str(files("flask_swagger_ui").joinpath("dist")), name, max_age=86400)

    blueprint.add_url_rule("/openapi.json", view_func=read_document)
    blueprint.add_url_rule("/docs", view_func=read_docs)
    blueprint.add_url_rule(f"/docs/<any({', '.join(repr(name) for name in ASSETS)}):name>", view_func=read_asset)
    return blueprint
