"""The API's door: who may come in, what is believed of what they say, and how a no is put."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from dispatch.foundation.clock import ManualClock
from dispatch.foundation.db import Database
from dispatch.foundation.errors import Conflict, NotFound, PromisesAtStake
from dispatch.foundation.settings import Settings
from dispatch.orders.policy import BOUNDS
from dispatch.web import api_shop, auth
from dispatch.web.auth import create_token, list_tokens, revoke_token
from dispatch.web.doorways import REGISTRIES
from dispatch.web.schemas_calls import MessageState
from dispatch.web.schemas_shop import Policy, PolicyIn
from dispatch.web.tables import Access, ApiToken
from tests.web.test_api_kit import MEENA, RAVI, Api, make_api, make_app, make_token, new_order


@pytest.fixture
def api(db: Database, settings: Settings, clock: ManualClock) -> Api:
    return make_api(db, settings, clock)


@pytest.fixture
def sqlite_api(sqlite_db: Database, settings: Settings, clock: ManualClock) -> Api:
    """For what does not depend on the database."""
    return make_api(sqlite_db, settings, clock)


def fields(answer: Any) -> list[str]:
    return [error["field"] for error in answer.json["errors"]]


# --- tokens ----------------------------------------------------------------------------------------------------------


def test_a_token_is_stored_hashed_and_shown_once(db: Database, clock: ManualClock) -> None:
    token = make_token(db, clock, "till", Access.OPS)
    assert token.startswith("dsp_")
    assert len(token) == 36
    with db.snapshot() as session:
        (kept,) = list_tokens(session)
        assert token not in repr(vars(kept))
        assert (kept.name, kept.role, kept.revoked_at) == ("till", Access.OPS, None)


def test_a_name_in_use_is_refused_and_a_revoked_one_is_free(api: Api) -> None:
    with pytest.raises(Conflict, match="revoke it first"):
        make_token(api.db, api.clock, "till", Access.OPS)
    with api.db.transaction() as session:
        revoke_token(session, "till", api.clock.now())
    assert api.get("/staff").status_code == 401
    with api.db.transaction() as session:
        token = create_token(session, "till", Access.READER, api.clock.now())
    assert api.get("/staff", Authorization=f"Bearer {token}").status_code == 200
    with api.db.transaction() as session, pytest.raises(NotFound):
        revoke_token(session, "nobody", api.clock.now())


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer dsp_", "Bearer dsp_wrong", "Basic YTpi", "Bearer dsp_\xfc", "dsp_x", "Bearer  "]
)
def test_without_a_token_nothing_is_told(sqlite_api: Api, header: str) -> None:
    answer = sqlite_api.get("/staff", Authorization=header)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_every_role_may_what_it_may(sqlite_api: Api) -> None:
    """Every operation, called by every role: refused exactly where the role is too small."""
    standing = list(Access)
    for role in Access:
        caller = sqlite_api.as_(role)
        for operation in (operation for registry in REGISTRIES for operation in registry.operations):
            path = operation.path.format(
                code="x", staff_id=1, sku="x", ref="ZZZZ", line_id=1, escalation_id=1, recovery_id=1, task="deliver"
            )
            answer = caller.call(operation.method, path, {})
            is_refused = standing.index(role) < standing.index(operation.access)
            assert (answer.status_code == 403) == is_refused, (role, operation.name, answer.text)


def test_bad_tokens_are_counted_and_good_ones_are_not(sqlite_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "FAILED_TOKENS", "3/minute")
    sqlite_api.app.config["RATELIMIT_ENABLED"] = True
    codes = [sqlite_api.get("/staff", Authorization="Bearer dsp_no").status_code for _ in range(5)]
    assert codes == [401, 401, 401, 429, 429]
    assert [sqlite_api.get("/staff").status_code for _ in range(70)] == [200] * 70


# --- what is sent ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [b"", b"{", b"nonsense", b'{"a":}', b"\xff\xfe", b"[" * 5000, b'{"name":"\\ud800"}'])
def test_what_is_not_json_is_malformed(sqlite_api: Api, raw: bytes) -> None:
    assert sqlite_api.call("POST", "/staff", raw=raw).status_code == 400


@pytest.mark.parametrize("raw", [b"[]", b'"x"', b"7", b"null", b"true"])
def test_a_body_is_an_object(sqlite_api: Api, raw: bytes) -> None:
    answer = sqlite_api.call("POST", "/staff", raw=raw)
    assert (answer.status_code, fields(answer)) == (422, ["body"])


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_only_json_is_read(sqlite_api: Api, kind: str) -> None:
    assert sqlite_api.call("POST", "/staff", raw=b"{}", Content_Type=kind).status_code == 415
    assert sqlite_api.call("POST", "/staff", raw=b"{}", Content_Type="application/vnd.x+json").status_code == 422


def test_too_much_is_too_large(sqlite_api: Api) -> None:
    raw = b'{"name":"' + b"x" * 300_000 + b'"}'
    assert sqlite_api.call("POST", "/staff", raw=raw).status_code == 413


def test_every_complaint_at_once_named_as_the_caller_wrote_it(sqlite_api: Api) -> None:
    body = {
        "customer": {"phone": 7, "language": "english please"},
        "address": {"text": "x" * 501, "lat": 91, "lng": 3},
        "promised_by": "2026-11-24T20:00:00",
        "lines": [{"title": "ok"}, {"title": " ", "quantity": 0}, {"quantity": 1.5, "substitution": "maybe"}],
        "travel_minutes": 10**30,
        "speed": "fast",
    }
    answer = sqlite_api.post("/orders", body)
    assert answer.status_code == 422
    assert set(fields(answer)) == {
        "customer.name",
        "customer.phone",
        "customer.language",
        "address.text",
        "address.lat",
        "address.lng",
        "promised_by",
        "lines.1.title",
        "lines.1.quantity",
        "lines.2.title",
        "lines.2.quantity",
        "lines.2.substitution",
        "travel_minutes",
        "speed",
    }
    said = {error["field"]: error["message"] for error in answer.json["errors"]}
    assert said["promised_by"] == "give a time with an offset like 2026-11-24T20:00:00+05:30"
    assert said["speed"].startswith("no such field")
    assert said["lines.2.substitution"] == "give one of 'never', 'ask' or 'listed'"


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-24T20:00:00+05:30", "2026-11-24T14:30:00+00:00"),
        ("2026-11-24T14:30:00Z", "2026-11-24T14:30:00+00:00"),
        ("2026-11-24t14:30:00z", "2026-11-24T14:30:00+00:00"),
        ("2026-11-24T14:30Z", "2026-11-24T14:30:00+00:00"),
        ("2026-11-24 14:30:00-0000", "2026-11-24T14:30:00+00:00"),
        ("2026-11-24T16:30+02", "2026-11-24T14:30:00+00:00"),
        ("2026-11-24T14:30:00.123456789Z", "2026-11-24T14:30:00.123456+00:00"),
        ("2026-11-24T14:30:00.5Z", "2026-11-24T14:30:00.500000+00:00"),
    ],
)
def test_instants_that_are_understood(sqlite_api: Api, text: str, utc: str) -> None:
    body = new_order(sqlite_api.clock.now()) | {"promised_by": text}
    assert sqlite_api.ok(sqlite_api.post("/orders", body), 201)["promised_by"] == utc


@pytest.mark.parametrize(
    "value",
    ["2026-11-24T20:00:00", "4", "", "tomorrow", "2026-11-24", "2026-02-30T10:00:00Z", "2026-11-24T25:00:00Z",
     "2026-11-24T10:00:60Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-11-24T10:00:00+99:99",
     "２026-11-24T10:00:00Z", " 2026-11-24T10:00:00Z", 1764000000, 4.5, True, None, [], {}],
)  # fmt: skip
def test_instants_that_are_not(sqlite_api: Api, value: object) -> None:
    answer = sqlite_api.post("/orders", new_order(sqlite_api.clock.now()) | {"promised_by": value})
    assert (answer.status_code, fields(answer)) == (422, ["promised_by"])


def test_numbers_are_exact(sqlite_api: Api) -> None:
    def quantity(value: object) -> int:
        body = new_order(sqlite_api.clock.now()) | {"lines": [{"title": "x", "quantity": value}]}
        return sqlite_api.post("/orders", body).status_code

    assert [quantity(value) for value in (1, 3.0, 10_000)] == [201, 201, 201]
    assert [quantity(value) for value in (0, -1, 1.5, "1", True, None, 10_001, 2**63, 2**200)] == [422] * 9
    raw = b'{"title":"x","on_hand":NaN}'
    assert sqlite_api.call("PUT", "/items/x", raw=raw).status_code == 422


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "\x1b[31m", "   ", "\t\n", ""])
def test_text_that_can_not_be_kept(api: Api, text: str) -> None:
    answer = api.post("/staff", {"name": text, "phone": RAVI, "role": "rider"})
    assert (answer.status_code, fields(answer)) == (422, ["name"])


def test_text_is_kept_as_people_write(api: Api) -> None:
    name = "Zoë  O'Hara-रवि 👩‍🚀"
    found = api.ok(api.post("/staff", {"name": name, "phone": RAVI, "role": "rider"}), 201)
    assert found["name"] == "Zoë O'Hara-रवि 👩‍🚀"
    longest = "ß" * 200
    assert api.ok(api.patch(f"/staff/{found['id']}", {"name": longest}))["name"] == longest
    assert api.patch(f"/staff/{found['id']}", {"name": longest + "ß"}).status_code == 422


@pytest.mark.parametrize(
    "query",
    ["nonsense=1", "limit=0", "limit=201", "limit=x", "limit=5.0", "limit=1&limit=2", "limit=%00", "limit=٥",
     "cursor=x", "cursor=-1", "cursor=99999999999999999999"],
)  # fmt: skip
def test_parameters_that_are_refused(sqlite_api: Api, query: str) -> None:
    answer = sqlite_api.get(f"/staff?{query}")
    assert answer.status_code == 422
    assert fields(answer)[0] == query.split("=", maxsplit=1)[0]


@pytest.mark.parametrize(
    "path",
    ["/staff/x", "/staff/0x1", "/staff/-1", "/staff/99999999999999999999", "/staff/9", "/orders/%00", "/orders/ÄÖÜ",
     "/orders/ZZZZ", "/orders/TOOLONG", "/nothing", "/items/%00", "/items/%F0%9F", "/branches/..%2f", "/branches/no",
     "/escalations/1"],
)  # fmt: skip
def test_what_is_not_there(api: Api, path: str) -> None:
    assert api.get(path).status_code == 404


def test_a_bad_name_for_something_new_is_invalid(sqlite_api: Api) -> None:
    shop = {"name": "x", "opening_hours": "24/7"}
    assert fields(sqlite_api.put("/suppliers/a b", shop)) == ["code"]
    assert fields(sqlite_api.put("/suppliers/" + "a" * 41, shop)) == ["code"]
    assert fields(sqlite_api.put("/items/" + "a" * 101, {"title": "x", "on_hand": 1})) == ["sku"]


def test_methods_that_are_not_there(sqlite_api: Api) -> None:
    answer = sqlite_api.delete("/staff")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]
    assert sqlite_api.call("OPTIONS", "/staff").status_code == 405


# --- how a no is put -------------------------------------------------------------------------------------------------


def test_an_unforeseen_error_shows_nothing_but_an_id(sqlite_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_: object, **__: object) -> None:
        raise RuntimeError("the secret is 42")

    monkeypatch.setattr(api_shop.staff, "list_staff", explode)
    answer = sqlite_api.app.test_client().get("/api/v1/staff", headers={"Authorization": f"Bearer {sqlite_api.token}"})
    assert answer.status_code == 500
    assert answer.mimetype == "application/problem+json"
    assert len(answer.json["id"]) == 12
    assert "42" not in answer.text


def test_promises_at_stake_are_listed(sqlite_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    promise = {"ref": "K7Q2", "promised_by": sqlite_api.clock.now(), "binding": {"clock": "travel", "message": "…"}}

    def refuse(*_: object, **__: object) -> None:
        raise PromisesAtStake("Nobody else could carry it.", promises=[promise])

    monkeypatch.setattr(api_shop.absence, "pause", refuse)
    answer = sqlite_api.put("/staff/1/pause", {"until": "2026-11-24T20:00:00+05:30"})
    assert answer.status_code == 409
    assert answer.json["promises_at_stake"] == [promise | {"promised_by": "2026-11-24T08:30:00+00:00"}]


@pytest.mark.parametrize("is_api", [True, False])
def test_a_database_that_is_gone_is_said_so(sqlite_api: Api, monkeypatch: pytest.MonkeyPatch, is_api: bool) -> None:
    from dispatch.foundation.errors import Unavailable

    def gone(_: Database) -> None:
        raise Unavailable("The database is busy or can't be reached. Try again in a moment.")

    monkeypatch.setattr(Database, "snapshot", gone)
    client = sqlite_api.app.test_client()
    client.set_cookie("dispatch_session", "x")
    path, headers = ("/api/v1/staff", {"Authorization": f"Bearer {sqlite_api.token}"}) if is_api else ("/", {})
    answer = client.get(path, headers=headers)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "2"
    assert "Try again in a moment" in answer.text
    assert (answer.mimetype == "application/problem+json") == is_api


def test_every_answer_carries_the_headers(sqlite_db: Database, settings: Settings, clock: ManualClock) -> None:
    from dataclasses import replace

    app = make_app(sqlite_db, settings, clock)
    for path in ("/api/v1/staff", "/api/v1/docs", "/health/live", "/login", "/nothing"):
        headers = app.test_client().get(path).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cache-Control"] == "no-store"
        assert "Strict-Transport-Security" not in headers
    behind_tls = make_app(sqlite_db, replace(settings, public_url="https://shop.example"), clock)
    assert "Strict-Transport-Security" in behind_tls.test_client().get("/health/live").headers


# --- the shop itself -------------------------------------------------------------------------------------------------


def test_branches(api: Api) -> None:
    main = api.ok(api.get("/branches/main"))
    assert main["policy"]["watch_minutes"] == 30
    body = {"name": "Second shop", "timezone": "Europe/Berlin", "opening_hours": "Mo-Sa 10:00-19:00; PH off"}
    made = api.put("/branches/two", body | {"country": "de", "policy": {"watch_minutes": 20}})
    assert (made.status_code, made.headers["Location"]) == (201, "/api/v1/branches/two")
    assert made.json is not None
    assert made.json["country"] == "DE"
    assert made.json["policy"]["watch_minutes"] == 20
    again = api.ok(api.put("/branches/two", body))
    assert (again["country"], again["policy"]["watch_minutes"]) == (None, 20)
    assert [branch["code"] for branch in api.ok(api.get("/branches"))["items"]] == ["main", "two"]
    assert fields(api.put("/branches/two", body | {"timezone": "Nowhere"})) == ["timezone"]
    assert fields(api.put("/branches/two", body | {"opening_hours": "sometimes"})) == ["opening_hours"]
    assert fields(api.put("/branches/two", body | {"policy": {"pack_minutes": -1}})) == ["policy.pack_minutes"]
    upside_down = {"step_min_seconds": 700}
    assert fields(api.put("/branches/two", body | {"policy": upside_down})) == ["policy.step_min_seconds"]
    assert fields(api.put("/branches/two", body | {"lat": 3})) == ["body"]


def test_staff(api: Api) -> None:
    ravi = api.hire(phone="98123 45678")
    found = api.ok(api.get(f"/staff/{ravi}"))
    assert (found["phone"], found["is_available"], found["branch"]) == (RAVI, True, "main")
    taken = api.post("/staff", {"name": "x", "phone": RAVI, "role": "rider"})
    assert taken.status_code == 422
    assert taken.json["errors"][0]["field"] == "phone"
    assert fields(api.post("/staff", {"name": "x", "phone": "12", "role": "rider"})) == ["phone"]
    assert fields(api.post("/staff", {"name": "x", "phone": MEENA, "role": "king"})) == ["role"]
    assert fields(api.post("/staff", {"name": "x", "phone": MEENA, "role": "rider", "branch": "no"})) == ["branch"]
    assert fields(api.post("/staff", {"name": "x", "phone": MEENA, "role": "rider", "shifts": "now"})) == ["shifts"]
    changed = api.ok(api.patch(f"/staff/{ravi}", {"shifts": None, "role": "buyer", "force": True}))
    assert (changed["shifts"], changed["role"], changed["name"]) == (None, "buyer", "Ravi")
    assert fields(api.patch(f"/staff/{ravi}", {"name": None})) == ["name"]
    meena = api.hire("Meena", MEENA)
    first = api.ok(api.get("/staff?limit=1"))
    assert [row["id"] for row in first["items"]] == [ravi]
    second = api.ok(api.get(f"/staff?limit=1&cursor={first['next']}"))
    assert ([row["id"] for row in second["items"]], second["next"]) == ([meena], None)


def test_pauses_and_shifts(api: Api) -> None:
    ravi = api.hire()
    until = "2026-11-24T20:00:00+05:30"
    paused = api.ok(api.put(f"/staff/{ravi}/pause", {"until": until, "reason": "dentist", "force": True}))
    assert (paused["is_available"], paused["paused_until"]) == (False, "2026-11-24T14:30:00+00:00")
    assert fields(api.put(f"/staff/{ravi}/pause", {"until": "2026-11-24T10:00:00+05:30"})) == ["until"]
    assert api.ok(api.delete(f"/staff/{ravi}/pause"))["paused_until"] is None
    shift = {"staff_id": ravi, "starts_at": "2026-11-25T10:00:00+05:30", "ends_at": "2026-11-25T12:00:00+05:30"}
    assert api.ok(api.post("/shifts", shift), 201)["staff_id"] == ravi
    assert fields(api.post("/shifts", shift | {"staff_id": "77"})) == ["staff_id"]
    assert fields(api.post("/shifts", shift | {"staff_id": "7x"})) == ["staff_id"]
    assert fields(api.post("/shifts", shift | {"ends_at": shift["starts_at"]})) == ["ends_at"]


def test_suppliers_and_items(api: Api) -> None:
    ops = api.as_(Access.OPS)
    shop = {"name": "City Books", "opening_hours": "Mo-Sa 10:00-18:00", "phone": "9812345678", "procure_minutes": 30}
    assert api.ok(ops.put("/suppliers/city", shop), 201)["phone"] == RAVI
    assert api.ok(ops.put("/suppliers/city", shop | {"phone": None}))["phone"] is None
    assert [row["code"] for row in api.ok(api.get("/suppliers"))["items"]] == ["city"]
    book = {"title": "Physics, part 2", "on_hand": 3, "suppliers": ["city"]}
    assert api.ok(ops.put("/items/PHY 2", book), 201)["available"] == 3
    api.order(lines=[{"title": "Physics, part 2", "sku": "PHY 2", "quantity": 2}])
    found = api.ok(api.get("/items/PHY 2"))
    assert (found["on_hand"], found["reserved"], found["available"]) == (3, 2, 1)
    assert fields(ops.put("/items/PHY 2", book | {"suppliers": ["no"]})) == ["suppliers"]
    assert api.ok(ops.put("/items/PHY 2", {"title": "Physics", "on_hand": 3}))["suppliers"] == ["city"]
    assert api.get("/items/PHY 2?branch=no").status_code == 404


def test_two_who_change_one_person_at_once_both_succeed(api: Api) -> None:
    """The loser of the race is tried again with fresh eyes, and nobody sees a 409 or a 500."""
    ravi = api.hire()
    codes: list[int] = []

    def rename(name: str) -> None:
        codes.append(api.patch(f"/staff/{ravi}", {"name": name}).status_code)

    threads = [threading.Thread(target=rename, args=(f"Ravi {n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [200] * 6


def test_shapes_repeat_no_list_by_hand() -> None:
    from dispatch.messaging.queries import RECEIVED
    from dispatch.messaging.rules import TextState

    assert set(PolicyIn.model_fields) == set(Policy.model_fields) == set(BOUNDS)
    assert {state.value for state in MessageState} == {*(state.value for state in TextState), RECEIVED}


def test_a_revoked_token_is_seen_at_once(api: Api) -> None:
    assert api.get("/staff").status_code == 200
    with api.db.transaction() as session:
        session.query(ApiToken).update({"revoked_at": api.clock.now()})
    assert api.get("/staff").status_code == 401
