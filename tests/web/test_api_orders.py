"""Orders over the API: the shape of the contract, versions, moves, lists, and what a reader must never be told late."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import event, select

from dispatch.escalation.queries import board_orders, list_orders, order_shapes
from dispatch.escalation.rules import EscalationState, Need
from dispatch.escalation.tables import Escalation, Page
from dispatch.foundation.clock import ManualClock
from dispatch.foundation.db import Database
from dispatch.foundation.settings import Settings
from dispatch.foundation.tokens import Links
from dispatch.messaging.rules import Kind
from dispatch.messaging.service import Draft, enqueue, record_inbound
from dispatch.messaging.tables import OutgoingText
from dispatch.orders.rules import Status
from dispatch.orders.tables import Branch, Order
from dispatch.promise.queries import level_now, level_sql, readings
from dispatch.promise.rules import Level
from dispatch.promise.tables import Watch
from dispatch.web.tables import Access
from tests.web.test_api_kit import MEENA, RAVI, Api, make_api, new_order

ORDER_KEYS = {
    "ref", "external_id", "branch", "status", "version", "customer", "address", "reason", "first_promised_by",
    "promised_by", "lines", "carrier", "risk", "escalation", "tracking_url", "created_at", "delivered_at",
}  # fmt: skip
LINE_KEYS = {"id", "sku", "title", "quantity", "sourcing", "supplier", "ready_at"}
RISK_KEYS = {"level", "slack_minutes", "act_by", "projected_at", "binding", "next_check_at"}
ESCALATION_KEYS = {
    "id", "order", "state", "need", "opened_at", "why", "rung", "accepted_by", "accepted_at", "check_in_at",
    "next_step_at", "pages",
}  # fmt: skip
PAGE_KEYS = {"id", "staff_id", "name", "rung", "code", "channel", "sent_at", "receipt", "answer", "answered_at"}
MESSAGE_KEYS = {
    "id", "direction", "kind", "from", "to", "body", "state", "order", "receipts", "created_at", "sent_at",
}  # fmt: skip
LINKS = Links("http://127.0.0.1:8000", "a secret")


@pytest.fixture
def api(db: Database, settings: Settings, clock: ManualClock) -> Api:
    return make_api(db, settings, clock)


@pytest.fixture
def sqlite_api(sqlite_db: Database, settings: Settings, clock: ManualClock) -> Api:
    return make_api(sqlite_db, settings, clock)


# --- one order -------------------------------------------------------------------------------------------------------


def test_an_order_has_the_shape_of_the_contract(api: Api) -> None:
    api.hire()
    api.ok(api.put("/suppliers/city", {"name": "City Books", "opening_hours": "Mo-Sa 10:00-18:00"}), 201)
    api.ok(api.put("/items/PHY", {"title": "Physics", "on_hand": 1, "suppliers": ["city"]}), 201)
    body = new_order(
        api.clock.now(),
        external_id="web-7",
        reason="exam tomorrow",
        lines=[{"title": "Physics", "sku": "PHY"}, {"title": "Chemistry", "quantity": 2, "substitution": "never"}],
        address={"text": "12 MG Road\nnear the temple", "lat": 12.97, "lon": 77.6},
    )
    made = api.post("/orders", body)
    order = api.ok(made, 201)
    assert order.keys() >= ORDER_KEYS
    assert order["risk"].keys() == RISK_KEYS
    assert all(line.keys() >= LINE_KEYS for line in order["lines"])
    assert [line["sourcing"] for line in order["lines"]] == ["in_stock", "to_procure"]
    assert order["customer"] == {"name": "Asha", "phone": "+919812345670", "language": "en"}
    assert order["address"] == {"text": "12 MG Road\nnear the temple", "lat": 12.97, "lon": 77.6}
    assert (order["status"], order["version"], order["carrier"], order["escalation"]) == ("procuring", 1, None, None)
    assert order["first_promised_by"] == order["promised_by"] == "2026-11-24T13:30:00+00:00"
    assert order["tracking_url"].startswith("http://127.0.0.1:8000/t?k=")
    assert made.headers["Location"] == f"/api/v1/orders/{order['ref']}"
    assert made.headers["ETag"] == '"1"'
    assert set(map(type, (order["ref"], order["lines"][0]["id"]))) == {str}
    read = api.get(f"/orders/{order['ref'].lower()}")
    assert (api.ok(read), read.headers["ETag"]) == (order, '"1"')


def test_the_same_external_id_gives_the_first_order(api: Api) -> None:
    first = api.order(external_id="web-7")
    again = api.ok(api.post("/orders", new_order(api.clock.now(), minutes=500, external_id="web-7")), 200)
    assert again["ref"] == first["ref"]
    assert again["promised_by"] == first["promised_by"]
    found = api.ok(api.get("/orders?external_id=web-7"))
    assert [row["ref"] for row in found["items"]] == [first["ref"]]


def test_what_a_body_names_must_exist(api: Api) -> None:
    def field(**more: Any) -> str:
        answer = api.post("/orders", new_order(api.clock.now(), **more))
        assert answer.status_code == 422
        assert answer.json is not None
        return str(answer.json["errors"][0]["field"])

    assert field(branch="no") == "branch"
    assert field(lines=[{"title": "x", "sku": "no"}]) == "lines.0.sku"
    assert field(minutes=-1) == "promised_by"
    assert field(customer={"name": "x", "phone": "+91 80 1234"}) == "customer.phone"


def test_an_order_from_call_to_door(api: Api) -> None:
    ravi = api.hire()
    order = api.order(reason="exam tomorrow")
    path = f"/orders/{order['ref']}"
    line = f"{path}/lines/{order['lines'][0]['id']}/procurement"
    refused = api.post(f"{path}/moves", {"move": "pack"})
    assert (refused.status_code, (refused.json or {})["allowed"]) == (409, ["deliver", "cancel"])
    assert api.ok(api.post(line, {"state": "searching", "by": ravi}))["lines"][0]["sourcing"] == "searching"
    assert api.post(line, {"state": "bought", "by": "77"}).status_code == 422
    assert api.post(line, {"state": "bought", "supplier": "no"}).status_code == 422
    assert api.post(line, {"state": "in_stock"}).status_code == 422
    assert api.ok(api.post(line, {"state": "bought"}))["status"] == "packing"
    assert api.post(line, {"state": "searching"}).status_code == 409
    assert api.ok(api.post(f"{path}/moves", {"move": "pack", "note": "two bags"}))["status"] == "ready"
    assert api.post(f"{path}/moves", {"move": "hand_over"}).status_code == 422
    out = api.ok(api.post(f"{path}/moves", {"move": "hand_over", "staff_id": ravi}))
    assert (out["status"], out["carrier"]) == ("out_for_delivery", {"id": ravi, "name": "Ravi"})
    assert api.ok(api.post(f"{path}/moves", {"move": "fail"}))["status"] == "ready"
    api.ok(api.post(f"{path}/moves", {"move": "hand_over", "staff_id": int(ravi)}))
    api.clock.advance(minutes=10)
    done = api.ok(api.post(f"{path}/moves", {"move": "deliver"}))
    assert (done["status"], done["delivered_at"]) == ("delivered", "2026-11-24T08:40:00+00:00")
    assert (done["risk"]["level"], done["risk"]["next_check_at"]) == ("on_track", None)
    again = api.post(f"{path}/moves", {"move": "cancel", "reason": "x"})
    assert (again.status_code, (again.json or {})["allowed"]) == (409, [])
    events = api.ok(api.get(f"{path}/timeline"))
    assert [e["kind"] for e in events["items"]][:2] == ["placed", "line_searching"]
    assert events["items"][0]["actor"] == "api:till"
    assert all(e.keys() >= {"at", "actor", "kind", "text"} for e in events["items"])
    first = api.ok(api.get(f"{path}/timeline?limit=2"))
    assert (first["items"], first["next"]) == (events["items"][:2], "2")
    assert api.ok(api.get(f"{path}/timeline?cursor=2"))["items"] == events["items"][2:]


def test_a_new_promise_keeps_the_first(api: Api) -> None:
    order = api.order()
    later = (api.clock.now() + timedelta(minutes=400)).isoformat()
    path = f"/orders/{order['ref']}"
    assert api.patch(path, {"promised_by": later}).status_code == 422
    assert api.patch(path, {"why": "the other shop closed"}).status_code == 422
    changed = api.ok(api.patch(path, {"promised_by": later, "why": "the other shop closed"}))
    assert (changed["promised_by"], changed["first_promised_by"]) == (later, order["promised_by"])


def test_changes_to_lines(api: Api) -> None:
    order = api.order(lines=[{"title": "A"}, {"title": "B", "quantity": 2}])
    path, (a, b) = f"/orders/{order['ref']}", order["lines"]
    same = [{"id": a["id"]}, {"id": b["id"], "title": "B", "quantity": 2}]
    assert [line["id"] for line in api.ok(api.patch(path, {"lines": same}))["lines"]] == [a["id"], b["id"]]
    changed = api.ok(api.patch(path, {"lines": [{"id": a["id"], "title": "A", "quantity": 3}, {"title": "C"}]}))
    assert [(line["title"], line["quantity"]) for line in changed["lines"]] == [("A", 3), ("C", 1)]
    assert api.patch(path, {"lines": [{"id": "99999"}]}).status_code == 422
    assert api.patch(path, {"lines": [{"quantity": 3}]}).status_code == 422
    assert api.patch(path, {"lines": []}).status_code == 422
    assert api.patch(path, {"lines": None}).status_code == 422


def test_a_new_address_forgets_the_old_place(api: Api) -> None:
    order = api.order(address={"text": "12 MG Road", "lat": 12.97, "lon": 77.6})
    changed = api.ok(api.patch(f"/orders/{order['ref']}", {"address": {"text": "7 Park Street"}, "reason": None}))
    assert changed["address"] == {"text": "7 Park Street", "lat": None, "lon": None}


# --- versions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", ['"1"', 'W/"1"', "*", ' "1" '])
def test_a_fresh_copy_may_be_saved(sqlite_api: Api, tag: str) -> None:
    order = sqlite_api.order()
    answer = sqlite_api.patch(f"/orders/{order['ref']}", {"reason": "exam"}, If_Match=tag)
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')


@pytest.mark.parametrize(("tag", "status"), [('"2"', 412), ('"x"', 412), ("1", 412), ('W/"9999999999"', 412),
                                             ('"1", "2"', 422)])  # fmt: skip
def test_a_stale_copy_may_not(sqlite_api: Api, tag: str, status: int) -> None:
    order = sqlite_api.order()
    path = f"/orders/{order['ref']}"
    calls = [("PATCH", path, {"reason": "x"}), ("POST", f"{path}/moves", {"move": "cancel", "reason": "x"}),
             ("POST", f"{path}/lines/{order['lines'][0]['id']}/procurement", {"state": "bought"})]  # fmt: skip
    for method, where, body in calls:
        answer = sqlite_api.call(method, where, body, If_Match=tag)
        assert answer.status_code == status
        if status == 412:
            assert (answer.json or {})["current"] == 1
            assert answer.headers["ETag"] == '"1"'
    assert sqlite_api.ok(sqlite_api.get(path))["version"] == 1


# --- lists and levels ------------------------------------------------------------------------------------------------


def test_orders_are_listed_and_paged(api: Api) -> None:
    refs = [api.order()["ref"] for _ in range(5)]
    api.ok(api.post(f"/orders/{refs[0]}/moves", {"move": "cancel", "reason": "x"}))
    first = api.ok(api.get("/orders?limit=2"))
    second = api.ok(api.get(f"/orders?limit=2&cursor={first['next']}"))
    third = api.ok(api.get(f"/orders?limit=2&cursor={second['next']}"))
    assert [row["ref"] for page in (first, second, third) for row in page["items"]] == refs[::-1]
    assert third["next"] is None
    assert len(api.ok(api.get("/orders?open=true"))["items"]) == 4
    assert [row["ref"] for row in api.ok(api.get("/orders?open=false"))["items"]] == [refs[0]]
    assert len(api.ok(api.get("/orders?status=procuring&branch=main"))["items"]) == 4
    assert api.ok(api.get("/orders?branch=two"))["items"] == []
    assert api.get("/orders?status=late").status_code == 422


def test_a_level_is_never_older_than_the_truth(api: Api) -> None:
    """Nobody looks at the order meanwhile: reading it must tell, all the same, and so must the filter."""
    api.hire()
    order = api.order(minutes=300)
    risk = order["risk"]
    assert risk["level"] == "on_track"
    act_by = datetime.fromisoformat(risk["act_by"])
    assert risk["slack_minutes"] == (act_by - api.clock.now()) // timedelta(minutes=1)
    seen = {}
    for minutes in range(0, 301, 10):
        found = api.ok(api.get(f"/orders/{order['ref']}"))["risk"]
        seen[minutes] = found["level"]
        assert found["slack_minutes"] == risk["slack_minutes"] - minutes
        filtered = {level: len(api.ok(api.get(f"/orders?risk={level}"))["items"]) for level in Level}
        assert filtered == {level: int(level == found["level"]) for level in Level}
        api.clock.advance(minutes=10)
    assert list(dict.fromkeys(seen.values())) == ["on_track", "watch", "at_risk", "late"]
    assert api.ok(api.get(f"/orders/{order['ref']}"))["risk"]["level"] == "late"


@pytest.fixture
def two_orders(db: Database, settings: Settings, clock: ManualClock) -> Api:
    api = make_api(db, settings, clock)
    api.order()
    api.order()
    return api


instants = st.none() | st.integers(-90, 90)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(promise=st.integers(-90, 90), act_by=instants, late_at=instants, seen=st.booleans(), done=instants,
       watch=st.sampled_from([0, 30]))  # fmt: skip
def test_the_filter_and_the_reading_agree(
    two_orders: Api, *, promise: int, act_by: int | None, late_at: int | None, seen: bool, done: int | None, watch: int
) -> None:
    now = two_orders.clock.now()

    def at(minutes: int | None) -> datetime | None:
        return None if minutes is None else now + timedelta(minutes=minutes)

    with two_orders.db.transaction() as session:
        order = session.scalars(select(Order).order_by(Order.id).limit(1)).one()
        branches = session.scalars(select(Branch)).all()
        branches[0].policy_values = {"watch_minutes": watch}
        order.promised_by = at(promise) or now
        order.delivered_at = order.closed_at = at(done)
        order.status = Status.PROCURING if done is None else Status.DELIVERED
        session.get_one(Watch, order.id).act_by, session.get_one(Watch, order.id).late_at = at(act_by), at(late_at)
        session.flush()
        if not seen:
            session.delete(session.get_one(Watch, order.id))
            session.flush()
        query = select(level_sql(branches, now)).select_from(Order).outerjoin(Watch, Watch.order_id == Order.id)
        said = session.scalars(query.where(Order.id == order.id)).one()
        reading = readings(session, [order.id]).get(order.id)
        assert said == level_now(order, reading, now, watch=timedelta(minutes=watch))
        session.rollback()


def test_the_board_shows_least_slack_first(api: Api) -> None:
    for number, name in enumerate(("Ravi", "Sita", "Tara")):
        api.hire(name, f"+4479110011{number:02d}")
    refs = {minutes: api.order(minutes=minutes)["ref"] for minutes in (400, 200, 300)}
    with api.db.transaction() as session:
        unknown = session.scalars(select(Order).where(Order.ref == refs[400])).one()
        watch = session.get_one(Watch, unknown.id)
        watch.act_by = watch.projected_at = None
    with api.db.snapshot() as session:
        rows = board_orders(session, api.clock.now(), LINKS)
        assert board_orders(session, api.clock.now(), LINKS, branch="two") == []
        assert len(board_orders(session, api.clock.now(), LINKS, limit=1)) == 1
    assert [row["ref"] for row in rows] == [refs[400], refs[200], refs[300]]
    slacks = [row["risk"]["slack_minutes"] for row in rows]
    assert slacks[0] is None
    assert slacks[1] < slacks[2]


# --- escalations and texts -------------------------------------------------------------------------------------------


def escalate(api: Api, ref: str, staff_id: str, *, state: EscalationState = EscalationState.OPEN) -> str:
    """Somebody was asked about an order, the way the ladder does it."""
    now = api.clock.now()
    with api.db.transaction() as session:
        order = session.scalars(select(Order).where(Order.ref == ref)).one()
        escalation = Escalation(
            order_id=order.id,
            state=state,
            need=Need.DELIVER,
            why="Nobody can bring it.",
            cause="shift_end",
            opened_at=now,
        )
        page = Page(escalation=escalation, staff_id=int(staff_id), rung=1, code=17, asked_at=now)
        session.add(page)
        session.flush()
        for kind in (Kind.PAGE, Kind.REMINDER):
            draft = Draft(
                key=f"{kind}:{page.id}",
                kind=kind,
                to_phone=RAVI,
                body="17A http://x.example/a?t=1-AbCdEfGhIjKlMnOp",
                order_id=order.id,
                page_id=page.id,
            )
            enqueue(session, draft, now)
        text = session.scalars(select(OutgoingText).where(OutgoingText.kind == Kind.PAGE)).first()
        assert text is not None
        text.sent_at, text.provider_status = now, "delivered"
        return str(escalation.id)


def test_escalations(api: Api) -> None:
    ravi, order = api.hire(), api.order()
    number = escalate(api, order["ref"], ravi)
    found = api.ok(api.get(f"/escalations/{number}"))
    assert found.keys() >= ESCALATION_KEYS
    assert (found["order"], found["state"], found["accepted_by"]) == (order["ref"], "open", None)
    (page,) = found["pages"]
    assert page.keys() >= PAGE_KEYS
    assert (page["staff_id"], page["name"], page["code"], page["receipt"]) == (ravi, "Ravi", "17", "delivered")
    assert page["sent_at"] == "2026-11-24T08:30:00+00:00"
    assert api.ok(api.get(f"/orders/{order['ref']}"))["escalation"] == {"id": number, "state": "open"}
    assert api.ok(api.get("/escalations?state=open"))["items"] == [found]
    assert api.ok(api.get(f"/escalations?order={order['ref']}"))["items"] == [found]
    assert api.ok(api.get("/escalations?state=accepted"))["items"] == []
    answers = f"/escalations/{number}/answers"
    assert api.post(answers, {"staff_id": ravi, "answer": "perhaps"}).status_code == 422
    taken = api.ok(api.post(answers, {"staff_id": ravi, "answer": "accept"}))
    assert (taken["state"], taken["accepted_by"]) == ("accepted", {"id": ravi, "name": "Ravi"})
    assert taken["pages"][0]["answer"] == "accepted"
    assert api.post("/escalations/99/answers", {"staff_id": ravi, "answer": "accept"}).status_code == 404


def test_an_order_shows_its_live_escalation_else_its_latest(api: Api) -> None:
    ravi, order = api.hire(), api.order()
    states = (EscalationState.OPEN, EscalationState.RESOLVED)
    with api.db.transaction() as session:
        row = session.scalars(select(Order)).one()
        for state in states:
            session.add(
                Escalation(
                    order_id=row.id, state=state, need=Need.DELIVER, why="x", cause="x", opened_at=api.clock.now()
                )
            )
    assert api.ok(api.get(f"/orders/{order['ref']}"))["escalation"]["state"] == "open"
    with api.db.transaction() as session:
        live = session.scalars(select(Escalation).where(Escalation.state == EscalationState.OPEN)).one()
        live.state = EscalationState.CANCELLED
    assert api.ok(api.get(f"/orders/{order['ref']}"))["escalation"]["state"] == "resolved"
    assert ravi


def test_messages(api: Api) -> None:
    ravi, order = api.hire(), api.order()
    escalate(api, order["ref"], ravi)
    with api.db.transaction() as session:
        record_inbound(
            session, sid="SM1", from_phone=MEENA, to_phone="+15005550006", body="hello", opt_out_type=None,
            now=api.clock.now() + timedelta(seconds=1),
        )  # fmt: skip
    found = api.ok(api.get("/messages"))["items"]
    assert all(message.keys() >= MESSAGE_KEYS for message in found)
    assert [message["direction"] for message in found] == ["in", "out", "out"]
    assert (found[0]["from"], found[0]["state"], found[0]["order"]) == (MEENA, "received", None)
    assert (found[1]["from"], found[1]["to"], found[1]["order"]) == ("+15005550006", RAVI, order["ref"])
    assert "/a?t=" in found[1]["body"]
    # Who may only look must not answer for staff by a link that stands in a text.
    seen = api.ok(api.as_(Access.READER).get("/messages"))["items"]
    assert [message["body"].partition("?t=")[0] for message in seen] == [
        message["body"].partition("?t=")[0] for message in found
    ]
    assert seen[1]["body"].partition("?t=")[2].startswith("…")
    first = api.ok(api.get("/messages?limit=2"))
    rest = api.ok(api.get(f"/messages?limit=2&cursor={first['next']}"))
    assert first["items"] + rest["items"] == found
    assert len(api.ok(api.get(f"/messages?order={order['ref'].lower()}&to=9812345678&state=queued"))["items"]) == 2
    assert api.ok(api.get("/messages?state=received"))["items"] == found[:1]
    assert api.ok(api.get("/messages?order=ZZZZ"))["items"] == []
    assert api.get("/messages?to=abc").status_code == 422
    assert api.get("/messages?cursor=nonsense").status_code == 422
    assert api.get("/messages?state=open").status_code == 422


# --- cost ------------------------------------------------------------------------------------------------------------


def queries(db: Database, work: Any) -> int:
    said: list[str] = []

    def note(*arguments: Any) -> None:
        if not arguments[2].startswith("BEGIN"):
            said.append(arguments[2])

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        with db.snapshot() as session:
            work(session)
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    return len(said)


def test_more_orders_cost_no_more_queries(api: Api) -> None:
    ravi, now = api.hire(), api.clock.now()

    def shapes(session: Any) -> None:
        rows = session.scalars(select(Order)).all()
        assert len(order_shapes(session, rows, now, LINKS)) == len(rows)

    def everything() -> list[int]:
        return [
            queries(api.db, shapes),
            queries(api.db, lambda session: board_orders(session, now, LINKS)),
            queries(api.db, lambda session: list_orders(session, now, LINKS, risk=Level.ON_TRACK)),
        ]

    escalate(api, api.order()["ref"], ravi)
    one = everything()
    assert one[0] == 7
    for _ in range(6):
        api.order(lines=[{"title": "A"}, {"title": "B"}])
    assert everything() == one
