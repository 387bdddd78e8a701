"""The rounds: twice changes nothing, two workers do everything once, and what fails does not take the rest along."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy import text as sql_text
from sqlalchemy.orm import Session

from dispatch import rounds
from dispatch.customers import service as customers
from dispatch.customers.tables import Notice
from dispatch.escalation.answers import answer_page
from dispatch.escalation.case import Outcome
from dispatch.escalation.receipts import heard_from_provider
from dispatch.escalation.service import tend
from dispatch.foundation.db import Base
from dispatch.messaging import service as messaging
from dispatch.messaging.tables import InboundText, OutgoingText
from dispatch.orders.tables import Branch, Heartbeat, Order, OrderEvent, Timetable
from dispatch.scheduler import Worker
from tests.world import World, at_once, city, world

__all__ = ["city", "world"]


@pytest.fixture
def busy(world: World) -> World:
    """A shop in the middle of things: an order at risk, one taken, one on its way, one in time, one unanswered."""
    for name in ("Ravi", "Sita"):
        world.person(name, role="staff")
    world.person("Anand", role="founder", shifts=None)
    unanswered = world.order(minutes=5, customer_name="Uma")
    world.clock.advance(minutes=10)
    at_risk, taken, away = (world.order(minutes=33, customer_name=name) for name in ("Ada", "Bo", "Cy"))
    world.order("20:30", customer_name="Dee")
    world.procure(away, "bought")
    world.tick()
    world.move(away, "pack")
    world.move(away, "hand_over", staff_id=world.people["Ravi"])
    world.answer(int(world.pages(taken)["Sita"]["id"]), "accept")
    world.ignore_rest()
    assert world.has_escalation(at_risk)
    world.tick()
    assert world.has_escalation(unanswered)
    return world


def everything(world: World) -> dict[str, list[Any]]:
    """Every row of every table but the heartbeats."""
    with world.db.snapshot() as session:
        tables = [t for t in Base.metadata.sorted_tables if t.name not in (Heartbeat.__tablename__, "alembic_version")]
        return {t.name: sorted(map(repr, session.execute(select(t)).all())) for t in tables}


def test_running_every_round_twice_changes_nothing(busy: World) -> None:
    before, sent = everything(busy), len(busy.city.texts())
    for _ in range(2):
        for work in (rounds.relay, rounds.watch, rounds.audit):
            assert work(busy.runtime) == 0
        assert busy.delivery.run_once() == 0
    assert everything(busy) == before
    assert len(busy.city.texts()) == sent


def test_orders_looked_at_out_of_turn_stay_as_they_are(busy: World) -> None:
    """A second look at an instant at which nothing is due writes nothing but when it looked."""

    def look_at_all() -> None:
        with busy.db.transaction() as session:
            due = update(Timetable).where(Timetable.next_check_at.is_not(None))
            session.execute(due.values(next_check_at=busy.now))
        assert rounds.watch(busy.runtime) > 0

    # What the clock says of an order stands while others' trips move out of its way; the first look settles that.
    look_at_all()
    before = everything(busy)
    look_at_all()
    after = everything(busy)
    for name in before:
        assert after[name] == before[name], name


def test_two_workers_do_everything_once(world: World) -> None:
    for name in ("Ravi", "Sita"):
        world.person(name)
    refs = [world.order(minutes=33, customer_name=f"Customer {number}") for number in range(8)]
    for ref in refs:
        world.procure(ref, "bought")
        world.move(ref, "pack")
    world.tick_with_two_workers()
    world.advance(minutes=0.05)
    keys = world.look(select(OutgoingText.key))
    assert len(keys) == len(set(keys))
    assert sum(key.startswith("page:") for key in keys) == 8 * 2
    bodies = [(text.to, text.body) for text in world.city.texts()]
    assert len(bodies) == len(set(bodies))
    # Calls for help leave together, each of them once to each.
    for name in ("Ravi", "Sita"):
        said = " ".join(body for to, body in bodies if to == world.numbers[name])
        assert [said.count(f"{ref}: ") for ref in refs] == [1] * 8
    notices = world.look(select(Notice))
    assert len(notices) == len({(n.order_id, n.kind, n.round) for n in notices}) == 8
    for ref in refs:
        assert world.events(ref).count("at_risk") == world.events(ref).count("asked") == 1
    assert not world.look(select(OrderEvent.id).where(OrderEvent.relayed_at.is_(None)))
    world.ignore_rest()


def store(world: World, body: str, *, sid: str = "SM" + "1" * 32) -> int:
    """A text that was stored, and whose effect is still to come."""
    with world.db.transaction() as session:
        stored = messaging.record_inbound(
            session, sid=sid, from_phone=world.numbers["Sita"], to_phone="+15005550006", body=body,
            opt_out_type=None, now=world.now,
        )  # fmt: skip
    assert stored is not None
    return stored


def test_a_text_that_was_only_stored_has_its_effect_in_the_next_round(busy: World) -> None:
    text = store(busy, "what?")
    assert rounds.relay(busy.runtime) == 1
    (row,) = busy.look(select(InboundText).where(InboundText.id == text))
    assert row.handled_at == busy.now
    assert rounds.relay(busy.runtime) == 0


def test_a_stored_text_handled_by_ten_workers_has_one_effect(busy: World) -> None:
    text = store(busy, "what?")
    at_once([lambda: rounds.handle_stored(busy.runtime, text)] * 10)
    assert len(busy.look(select(OutgoingText.id).where(OutgoingText.key == f"reply:{text}"))) == 1
    (row,) = busy.look(select(InboundText).where(InboundText.id == text))
    assert (row.attempts, row.handled_at) == (0, busy.now)


def test_a_text_that_can_not_be_handled_is_given_up_and_stays_to_be_read(busy: World) -> None:
    bad, good = store(busy, "what?"), store(busy, "hello?", sid="SM" + "2" * 32)
    with busy.db.transaction() as session:
        session.execute(update(InboundText).where(InboundText.id == bad).values(from_phone="+" + "4" * 39))
        session.execute(update(InboundText).where(InboundText.id == bad).values(attempts=rounds.MOST_ATTEMPTS))
    busy.tick()
    rows = {row.id: row for row in busy.look(select(InboundText).where(InboundText.id.in_([bad, good])))}
    assert rows[good].handled_at is not None
    assert rows[bad].handled_at is None
    assert rounds.relay(busy.runtime) == 0


@pytest.mark.postgresql
@pytest.mark.parametrize("db", ["postgresql"], indirect=True)
def test_what_somebody_holds_waits_without_being_given_up_and_the_rest_goes_on(
    busy: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that is held for long stalls neither the watch nor the texts, and costs a text none of its tries."""
    held, free = (busy.order(minutes=34, customer_name=name) for name in ("Eve", "Fay"))
    held_id, free_id = busy.order_row(held).id, busy.order_row(free).id
    text = store(busy, "what?")

    def wait_in_vain(session: Session, *_: object, **__: object) -> None:
        session.execute(sql_text("SET LOCAL lock_timeout = 50"))
        session.execute(select(Branch).with_for_update())

    def tend_one(session: Session, order_id: int, *more: Any, **named: Any) -> bool:
        if order_id == held_id:
            wait_in_vain(session)
        return tend(session, order_id, *more, **named)

    monkeypatch.setattr(rounds, "handle_inbound", wait_in_vain)
    monkeypatch.setattr(rounds, "tend", tend_one)
    with busy.db.transaction() as elsewhere:
        elsewhere.execute(update(Timetable).where(Timetable.order_id == held_id).values(next_check_at=busy.now))
        elsewhere.execute(update(Timetable).where(Timetable.order_id == free_id).values(next_check_at=busy.now))
    with busy.db.transaction() as elsewhere:
        elsewhere.execute(select(Branch).with_for_update())
        for _ in range(rounds.MOST_ATTEMPTS):
            rounds.relay(busy.runtime)
        rounds.watch(busy.runtime)
    monkeypatch.undo()
    (row,) = busy.look(select(InboundText).where(InboundText.id == text))
    assert (row.attempts, row.handled_at) == (0, None)
    looks = {row.order_id: row for row in busy.look(select(Timetable))}
    assert looks[held_id].next_check_at == busy.now + rounds.AFTER_BUSY
    assert looks[free_id].next_check_at != busy.now
    assert rounds.relay(busy.runtime) >= 1


@pytest.mark.postgresql
@pytest.mark.parametrize("db", ["postgresql"], indirect=True)
def test_a_dozen_orders_that_somebody_holds_do_not_keep_another_from_its_look(world: World) -> None:
    world.person("Anand", role="founder", shifts=None)
    *held, free = (world.order(minutes=33, customer_name=f"Customer {number}") for number in range(13))
    ids = [world.order_row(ref).id for ref in held]
    with world.db.transaction() as elsewhere:
        longer = update(Timetable).where(Timetable.order_id.in_(ids))
        elsewhere.execute(longer.values(next_check_at=world.now - timedelta(minutes=1)))
    with world.db.transaction() as elsewhere:
        elsewhere.execute(select(Order.id).where(Order.id.in_(ids)).with_for_update())
        assert rounds.watch(world.runtime) == 1
        assert world.has_escalation(free)
    world.ignore_rest()
    world.tick()
    assert all(world.has_escalation(ref) for ref in held)


def test_a_customer_that_can_not_be_told_does_not_keep_the_others_waiting(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = customers.notice

    def stumble(kind: Any, facts: Any) -> str:
        if facts.name == "Poison":
            raise ValueError(facts.name)
        return told(kind, facts)

    monkeypatch.setattr(customers, "notice", stumble)
    for name in ("Poison", "Ada"):
        world.order("20:30", customer_name=name)
    assert rounds.relay(world.runtime) >= 1
    assert rounds.relay(world.runtime) == 0
    assert len(world.look(select(Notice.id))) == 1
    assert len(world.look(select(OrderEvent.id).where(OrderEvent.relayed_at.is_(None)))) == 1
    world.clock.advance(seconds=customers.TRIED_FOR.total_seconds())
    assert rounds.relay(world.runtime) == 1
    assert not world.look(select(OrderEvent.id).where(OrderEvent.relayed_at.is_(None)))
    world.ignore_rest()


def test_a_relay_that_fails_does_not_keep_promises_from_being_watched(
    busy: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[object] = []

    def fail(_: object) -> int:
        raise ValueError("a bad text")

    monkeypatch.setattr(rounds, "relay", fail)
    monkeypatch.setattr(rounds, "watch", lambda runtime: looked.append(runtime) or 0)
    Worker(busy.runtime)._watch()
    assert looked == [busy.runtime]


def test_the_audit_finds_an_order_that_nobody_would_look_at_again(busy: World) -> None:
    ref = busy.order("20:30", customer_name="Eve")
    busy.tick()
    order_id = busy.order_row(ref).id
    busy.do(lambda s: s.execute(update(Timetable).where(Timetable.order_id == order_id).values(next_check_at=None)))
    assert busy.next_check(ref) is None
    assert rounds.audit(busy.runtime) == 1
    assert busy.next_check(ref) == busy.now
    assert rounds.audit(busy.runtime) == 0


def test_a_beat_is_written_over(busy: World) -> None:
    for minutes in (0, 1):
        busy.clock.advance(minutes=minutes)
        rounds.beat(busy.runtime, "watch")
        assert busy.look(select(Heartbeat.at)) == [busy.now]


def test_the_next_look_is_the_earliest_of_all(busy: World) -> None:
    with busy.db.snapshot() as session:
        ats = [at for at in session.scalars(select(Timetable.next_check_at)) if at]
    assert rounds.next_look_at(busy.runtime) == min(ats)
    assert min(ats) > busy.now


def test_a_worker_that_was_down_for_an_hour_catches_up(world: World) -> None:
    world.person("Ravi")
    world.person("Anand", role="founder", shifts=None)
    ref = world.order(minutes=60)
    world.procure(ref, "bought")
    world.move(ref, "pack")
    world.tick()
    world.clock.advance(minutes=59)
    world.tick()
    # Too late for one after another.
    assert world.asked(ref) == ["Ravi", "Anand"]
    world.clock.advance(hours=3)
    world.tick()
    assert world.escalation(ref)["state"] == "unanswered"
    assert world.next_check(ref) is None or world.next_check(ref) > world.now
    world.ignore_rest()


def test_texts_that_are_too_late_are_not_sent(world: World) -> None:
    world.person("Ravi")
    ref = world.order(minutes=33)
    world.procure(ref, "bought")
    world.move(ref, "pack")
    rounds.watch(world.runtime)
    world.clock.advance(hours=1)
    world.tick()
    assert not [text for text in world.city.texts() if "take" in text.body]
    assert world.pages(ref)["Ravi"]["receipt"] is None
    assert world.now - world.order_row(ref).promised_by > timedelta(minutes=10)
    world.ignore_rest()


@pytest.mark.postgresql
@pytest.mark.parametrize("db", ["postgresql"], indirect=True)
def test_a_bad_receipt_and_an_acceptance_do_not_wait_for_each_other_crosswise(world: World) -> None:
    """A receipt holds the text and writes the page; an acceptance writes the page and withdraws the text."""
    world.person("Ravi", role="staff")
    ref = world.order(minutes=33)
    rounds.watch(world.runtime)
    page = int(world.pages(ref)["Ravi"]["id"])
    with world.db.transaction() as session:
        (text,) = messaging.claim(session, world.now, limit=1)
    answers: list[object] = []

    def accept() -> None:
        with world.db.transaction() as session:
            answers.append(answer_page(session, page, "accept", world.now).outcome)

    taking = threading.Thread(target=accept)
    with world.db.transaction() as session:
        settled = messaging.record_receipt(
            session, sid="SM" + "3" * 32, status="undelivered", error_code=30005, outbox_id=text.outbox_id,
            now=world.now,
        )  # fmt: skip
        assert settled is not None
        taking.start()
        taking.join(0.5)
        heard_from_provider(session, settled, world.now)
    taking.join(10)
    assert answers == [Outcome.DONE]
    world.ignore_rest()
