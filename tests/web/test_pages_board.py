"""The board's newer hands: several orders together, undo, who must be phoned, and who is waited for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import delete, event, select
from sqlalchemy.orm import Session

from dispatch.customers.heads_up_rules import Preference
from dispatch.customers.tables import HeadsUp
from dispatch.escalation.customer_answers import Listener
from dispatch.escalation.inbound import handle_inbound
from dispatch.messaging.inbound import Reaction
from dispatch.messaging.rules import Kind
from dispatch.messaging.service import Draft, enqueue, opt_out
from dispatch.messaging.tables import InboundText
from dispatch.orders.rules import Move, Sourcing
from dispatch.orders.service import ProcurementNews, find_order, record, timeline
from dispatch.orders.tables import Order
from dispatch.procurement.tables import ItemSupplier, Supplier
from dispatch.promise import service as promise
from dispatch.web.tables import Access
from tests import factories
from tests.web.test_pages_kit import Desk, desk, let_in

__all__ = ["desk"]
VERSION = re.compile(r"/board/rows\?v=(\w+)")
UNDO = re.compile(r'action="(/orders/\w+/undo/\d+\?version=\d+)"')


def order(desk: Desk, *moves: Move, **more: object) -> str:
    now = desk.clock.now()
    with desk.db.transaction() as session:
        made = factories.make_order(session, now, factories.when(now, "19:00"), **{"sku": "atlas", **more})
        for move in moves:
            promise.move(session, made.ref, move, now, actor="desk", staff_id=1 if move is Move.HAND_OVER else None)
        return made.ref


def pick(desk: Desk, ref: str, *, version: int | None = None) -> str:
    with desk.db.snapshot() as session:
        return f"{ref}.{version or find_order(session, ref).version}"


def status(desk: Desk, ref: str) -> str:
    with desk.db.snapshot() as session:
        return find_order(session, ref).status.value


def row(desk: Desk, ref: str) -> str:
    text = desk.get("/board/rows").text
    return text[text.index(f'id="row-{ref}"') :].split("</li>")[0]


def write(desk: Desk, body: str, *, listeners: Sequence[Listener] = ()) -> None:
    """The customer sends us a text."""
    now = desk.clock.now()
    with desk.db.transaction() as session:
        phone = find_order(session, desk.ref).customer_phone
        sid = f"SM{len(session.scalars(select(InboundText.id)).all())}"
        text = InboundText(provider_sid=sid, from_phone=phone, to_phone="+15005550006", body=body, received_at=now)
        session.add(text)
        session.flush()
        handle_inbound(session, text.id, now, listeners=listeners)


# --- several together ------------------------------------------------------------------------------------------------


def test_several_are_moved_and_each_says_what_became_of_it(desk: Desk) -> None:
    packed, fine, stale = order(desk, Move.PACK), order(desk), order(desk)
    picks = [pick(desk, packed), pick(desk, fine), pick(desk, stale, version=9), "ZZZZ.1", pick(desk, fine), "x"]
    text = desk.post("/orders/together", {"move": "pack", "pick": picks}, page="/").text
    assert "1 done, 4 not" in text
    for words in (
        "Is packed.",
        "Not now. What can be done: Hand over, Mark delivered, Cancel the order.",
        "was changed since you read it",
        "There is no order ZZZZ",
    ):
        assert words in text
    assert [status(desk, ref) for ref in (packed, fine, stale)] == ["ready", "ready", "packing"]
    # Each can be taken back from there.
    assert len(UNDO.findall(text)) == 1
    desk.post(UNDO.findall(text)[0], {}, page="/")
    assert status(desk, fine) == "packing"


def test_those_on_the_way_are_handed_over_and_delivered_but_for_what_needs_a_pin(desk: Desk) -> None:
    refs = [order(desk, Move.PACK), order(desk, Move.PACK, proof="pin")]
    form = {"move": "hand_over", "staff_id": "1", "pick": [pick(desk, ref) for ref in refs]}
    assert "2 done" in desk.post("/orders/together", form, page="/").text
    text = desk.post("/orders/together", {"move": "deliver", "pick": [pick(desk, ref) for ref in refs]}, page="/").text
    assert "1 done, 1 not" in text
    assert "It needs the PIN" in text
    assert [status(desk, ref) for ref in refs] == ["delivered", "out_for_delivery"]


def test_nothing_ticked_and_moves_that_need_a_reason(desk: Desk) -> None:
    assert "tick some orders" in desk.post("/orders/together", {"move": "pack"}, page="/").text
    ref = order(desk)
    answer = desk.post("/orders/together", {"move": "cancel", "pick": pick(desk, ref)}, page="/")
    assert answer.status_code == 422
    let_in(desk.db, desk.clock, desk.browser, Access.READER)
    assert 'name="pick"' not in desk.get("/").text


# --- undo ------------------------------------------------------------------------------------------------------------


def test_a_move_on_the_board_can_be_undone_from_what_is_said(desk: Desk) -> None:
    ref = order(desk)
    form = {"move": "pack", "version": "1", "from": "board"}
    said = desk.post(f"/orders/{ref}/moves", form, page="/", HX_Request="true").text
    answer = desk.post(UNDO.findall(said)[0], {"from": "board"}, page="/", HX_Request="true")
    assert f"{ref}: taken back." in answer.text
    assert "Mark packed" in row(desk, ref)
    # Without a script the next page says it, once, and too late says so.
    desk.post(f"/orders/{ref}/moves", {**form, "version": "3"}, page="/")
    path = UNDO.findall(desk.get("/").text)[0]
    assert UNDO.findall(desk.get("/").text) == []
    desk.clock.advance(seconds=11)
    desk.post(path, {"from": "order"}, page="/")
    assert "that goes for 10 seconds" in desk.get(f"/orders/{ref}").text
    assert status(desk, ref) == "ready"


def test_no_undo_is_offered_for_what_the_customer_is_told(desk: Desk) -> None:
    ref = order(desk, Move.PACK)
    form = {"move": "hand_over", "staff_id": "1", "version": "2", "from": "board"}
    assert not UNDO.findall(desk.post(f"/orders/{ref}/moves", form, page="/", HX_Request="true").text)
    silent = order(desk, Move.PACK)
    with desk.db.transaction() as session:
        opt_out(session, find_order(session, silent).customer_phone, desk.clock.now(), "STOP")
    assert UNDO.findall(desk.post(f"/orders/{silent}/moves", form, page="/", HX_Request="true").text)


def test_a_pause_can_be_undone_from_what_is_said(desk: Desk) -> None:
    desk.post("/people/1/pause", {"span": "60", "force": "1"}, page="/people")
    text = desk.get("/people").text
    assert "paused until" in text
    path = re.findall(r'id="undo" method="post" action="([^"]+)"', text)[0]
    desk.post(path, {}, page="/people")
    assert "paused until" not in desk.get("/people").text


# --- who must be phoned, who is waited for ---------------------------------------------------------------------------


def test_whom_somebody_must_phone_stands_there_until_it_is_ticked_off(desk: Desk) -> None:
    ref = desk.ref
    with desk.db.transaction() as session:
        line_id = find_order(session, ref).lines[0].id
        news = ProcurementNews(state=Sourcing.UNAVAILABLE, note="nobody has it")
        promise.procure(session, ref, line_id, news, desk.clock.now(), actor="desk")
    assert "phone the customer" in row(desk, ref)
    assert "There is nothing to offer instead" in desk.get(f"/orders/{ref}").text
    desk.post(f"/orders/{ref}/phoned", {"note": "Wants to wait."}, page=f"/orders/{ref}")
    assert "phone the customer" not in row(desk, ref)
    with desk.db.snapshot() as session:
        assert timeline(session, ref)[-1]["text"] == "Phoned the customer. Wants to wait."
    desk.post(f"/orders/{ref}/phoned", {}, page=f"/orders/{ref}")
    assert "ticked off already" in desk.get(f"/orders/{ref}").text
    # Who was passed over matters while help is asked for: nobody asks here.
    with desk.db.transaction() as session:
        record(session, find_order(session, ref), "spared", "Phone them.", at=desk.clock.now(), actor="clock")
    assert "phone whom" not in row(desk, ref)


def test_what_a_customer_wrote_stands_on_the_board_until_somebody_has_read_it(desk: Desk) -> None:
    ref, page = desk.ref, f"/orders/{desk.ref}"
    version = VERSION.findall(desk.get("/board/rows").text)[0]
    write(desk, "Please cancel it, I have found one in the library <today>")
    # A screen that shows the board already hears of it.
    assert desk.get(f"/board/rows?v={version}").status_code == 200
    assert "the customer wrote: “Please cancel it, I have found one in t…”" in row(desk, ref)
    text = desk.get(page).text
    assert "<p>“Please cancel it, I have found one in the library &lt;today&gt;”</p>" in text
    last = re.findall(r'name="last" value="(\d+)"', text)[0]
    # What comes while they read is not read with it, nor does a move on the board mean that it was.
    write(desk, "Sorry, do bring it")
    desk.post(f"{page}/read", {"last": last, "note": "Phoned him."}, page=page)
    assert "the customer wrote: “Sorry, do bring it”" in row(desk, ref)
    assert "<p>“Please cancel it" not in desk.get(page).text
    with desk.db.snapshot() as session:
        assert timeline(session, ref)[-1]["text"] == "Read what the customer wrote. Phoned him."
    last = re.findall(r'name="last" value="(\d+)"', desk.get(page).text)[0]
    desk.post(f"{page}/read", {"last": last}, page=page)
    assert "the customer wrote" not in row(desk, ref)
    desk.post(f"{page}/read", {"last": last}, page=page)
    assert "ticked off already" in desk.get(page).text


def test_an_answer_to_a_question_of_ours_need_not_be_read(desk: Desk) -> None:
    def answered(session: Session, text: InboundText, now: datetime) -> Reaction:
        return Reaction(text="Thank you.", order_id=find_order(session, desk.ref).id)

    write(desk, "2", listeners=[answered])
    assert "the customer wrote" not in row(desk, desk.ref)
    with desk.db.snapshot() as session:
        assert "customer_wrote" in [event["kind"] for event in timeline(session, desk.ref)]


def test_an_order_that_waits_for_its_customer_stands_in_a_group_of_its_own(desk: Desk) -> None:
    now = desk.clock.now()
    with desk.db.transaction() as session:
        factories.make_item(session, now, "physics-1", on_hand=1)
        factories.make_item(session, now, "physics-2", suppliers=("city-books",), substitutes=("physics-1",))
        line_id = find_order(session, desk.ref).lines[0].id
        news = ProcurementNews(state=Sourcing.UNAVAILABLE, note="nobody has it")
        promise.procure(session, desk.ref, line_id, news, now, actor="desk")
    text = desk.get("/").text
    assert text.index("Waiting for the customer") < text.index(f'id="row-{desk.ref}"')
    assert "asked until" in row(desk, desk.ref)
    assert 'data-danger="1"' in text


def test_a_row_says_that_its_customer_was_told_and_what_they_want(desk: Desk) -> None:
    now = desk.clock.now()
    with desk.db.transaction() as session:
        placed = find_order(session, desk.ref)
        draft = Draft(key="k", kind=Kind.NOTICE, to_phone=placed.customer_phone, body="?", order_id=placed.id)
        text_id = enqueue(session, draft, now)
        told = HeadsUp(order_id=placed.id, made_at=now, promised_by=placed.promised_by, outbox_id=text_id)
        session.add(told)
    assert "customer told, no answer yet" in desk.get("/").text
    with desk.db.transaction() as session:
        told = session.get_one(HeadsUp, told.order_id)
        told.answer, told.answered_at = Preference.LATER, now
        record(session, find_order(session, desk.ref), "heads_up_answered", "Later.", at=now, actor="the customer")
    assert "customer takes it later" in desk.get("/").text


def test_notes_are_written_down(desk: Desk) -> None:
    page = f"/orders/{desk.ref}"
    desk.post(f"{page}/notes", {"note": " Rings the bell \n twice. ", "desk": "1"}, page=page)
    assert "Rings the bell twice." in desk.get(page).text
    answer = desk.post(f"{page}/notes", {"note": " ", "desk": "1"}, page=page)
    assert answer.status_code == 422
    assert 'id="note-desk-error"' in answer.text
    assert "has more than 1000" in desk.post(f"{page}/notes", {"note": "x" * 1001, "desk": "1"}, page=page).text


def test_the_list_is_made_once_for_all_screens_but_for_what_is_each_ones_own(desk: Desk) -> None:
    other, reader = desk.app.test_client(), desk.app.test_client()
    let_in(desk.db, desk.clock, other, Access.OPS)
    let_in(desk.db, desk.clock, reader, Access.READER)
    lists = [browser.get("/board/rows").text for browser in (desk.browser, other, reader)]
    tokens = [set(re.findall(r'name="csrf_token" value="([^"]+)"', text)) for text in lists]
    assert [len(found) for found in tokens] == [1, 1, 0]
    assert tokens[0] != tokens[1]
    # And it is never an old one: the version is part of what is kept.
    ref = order(desk)
    assert all(f'id="row-{ref}"' in browser.get("/board/rows").text for browser in (desk.browser, other, reader))


# --- what it costs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/orders?q=arjun"])
def test_the_number_of_queries_does_not_grow_with_the_orders(desk: Desk, path: str) -> None:
    def asked() -> int:
        said: list[str] = []

        def note(*arguments: Any) -> None:
            said.append(arguments[2])

        event.listen(desk.db.engine, "before_cursor_execute", note)
        assert desk.get(path).status_code == 200
        event.remove(desk.db.engine, "before_cursor_execute", note)
        return len(said)

    for _ in range(4):
        order(desk)
    few = asked()
    for _ in range(25):
        order(desk)
    with desk.db.snapshot() as session:
        assert len(session.scalars(select(Order.id)).all()) == 30
    assert asked() == few


def test_an_empty_board_asks_for_shops_until_there_is_one(desk: Desk) -> None:
    page = f"/orders/{desk.ref}"
    desk.post(f"{page}/moves", {"move": "cancel", "reason": "x"}, page=page)
    with desk.db.transaction() as session:
        session.execute(delete(ItemSupplier))
        session.execute(delete(Supplier))
    assert "Add the shops where you buy" in desk.get("/").text
    with desk.db.transaction() as session:
        factories.make_supplier(session, desk.clock.now(), "corner-shop")
    assert "Add the shops where you buy" not in desk.get("/").text
