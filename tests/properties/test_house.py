"""A state machine over the whole house: whatever happens in whatever order, nothing is lost, doubled or forgotten.

On both databases, with two machines whose clocks are most of a minute apart, and every fault of the simulated
provider. `--hypothesis-profile=deep` tries many more lives of the house than there is time for every day.
"""

from __future__ import annotations

import itertools
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from dispatch import rounds
from dispatch.escalation.on_the_phone import press
from dispatch.escalation.queries import order_shapes
from dispatch.escalation.receipts import heard_from_provider
from dispatch.escalation.rules import Answer, EscalationState
from dispatch.escalation.tables import Escalation, Page
from dispatch.foundation.clock import ManualClock
from dispatch.foundation.db import Database, once_more, sqlite_url
from dispatch.foundation.errors import MoveNotAllowed
from dispatch.foundation.settings import Settings, TwilioSettings
from dispatch.messaging import service as messaging
from dispatch.messaging.delivery import LEASE_SECONDS, Delivery
from dispatch.messaging.rules import Channel, Kind, TextState
from dispatch.messaging.tables import Consent, OutgoingText
from dispatch.orders.rules import CLOSED, OPEN, Move, Sourcing, Status
from dispatch.orders.service import ProcurementNews, find_order
from dispatch.orders.tables import Order, Timetable
from dispatch.promise import service as promise
from dispatch.runtime import Runtime
from dispatch.simulator.faults import Fault, Target
from dispatch.simulator.faults import Kind as Wrong
from dispatch.staff import service as staff
from dispatch.staff.tables import Pause, Staff
from dispatch.web.board_view import groups
from tests import factories
from tests.postgres import PostgresServer
from tests.properties.pocket_provider import Crash, PocketProvider
from tests.world import at_once

START = datetime(2026, 11, 24, 14, 0, tzinfo=ZoneInfo(factories.TIMEZONE))
CREW = {"Ravi": "rider", "Sita": "rider", "Maya": "manager", "Bela": "buyer", "Anand": "founder"}
NAMES = sorted(CREW)
MOST_ROUNDS = 80
# Seconds that the second machine's clock is ahead of the first one's. A whole minute would leave a lease no second.
SKEWS = (0, 55, -55)
SKEW = timedelta(seconds=55)
FAULTS = sorted({Wrong.RATE_LIMITED, Wrong.SERVER_ERROR, Wrong.UNAVAILABLE, Wrong.DROPPED, Wrong.REFUSED, Wrong.JUNK})
# What is ordered until it is mended: nothing gets through, or the account is closed.
OUTAGES = {"down": (Wrong.DROPPED, None), "503": (Wrong.UNAVAILABLE, None), "closed": (Wrong.REFUSED, 20003)}
ON_ITS_WAY = (TextState.QUEUED, TextState.SENDING, TextState.SENT, TextState.DELIVERED, TextState.HELD)


@dataclass(frozen=True)
class SkewedClock:
    """The clock of a machine that disagrees with the others."""

    true: ManualClock
    ahead: timedelta

    def now(self) -> datetime:
        return self.true.now() + self.ahead


@dataclass
class Machine:
    """A worker, and the web beside it, on a machine of its own."""

    runtime: Runtime
    delivery: Delivery

    @property
    def now(self) -> datetime:
        return self.runtime.clock.now()

    def turn(self) -> int:
        """Every round once; how much they did."""
        return rounds.relay(self.runtime) + rounds.watch(self.runtime) + self.delivery.run_once()

    def restart(self) -> None:
        self.delivery.close()
        self.delivery = rounds.make_delivery(self.runtime)

    def next_due(self) -> datetime | None:
        due = [at for at in (rounds.next_look_at(self.runtime), self.delivery.next_due_at()) if at]
        return min(due, default=None)


class House(RuleBasedStateMachine):
    """One shop, five people, a provider with moods, and two machines that are made anew after each crash."""

    def __init__(self, db: Database) -> None:
        super().__init__()
        self.clock = ManualClock(START)
        self.db = db
        self.provider = PocketProvider(self.clock)
        self.machines: list[Machine] = []
        self.people: dict[str, int] = {}
        self.phones: dict[str, str] = {}
        self.refs: list[str] = []
        self.stopped: dict[str, int] = {}
        self.sids = itertools.count(1)
        self.is_quiet = False

    def teardown(self) -> None:
        for machine in self.machines:
            machine.delivery.close()
        self.db.dispose()

    @property
    def here(self) -> Machine:
        """The machine on which the next thing happens."""
        return self.machines[0]

    @property
    def now(self) -> datetime:
        return self.here.now

    @property
    def slowest_now(self) -> datetime:
        return min(machine.now for machine in self.machines)

    @property
    def fastest_now(self) -> datetime:
        return max(machine.now for machine in self.machines)

    def machine(self, ahead: timedelta) -> Machine:
        given = Settings(
            database_url=str(self.db.url),
            secret_key="a secret for tests, nothing else",
            public_url="https://shop.example",
            default_region=factories.REGION,
            worker_concurrency=1,
            twilio=TwilioSettings(account_sid="AC" + "a1" * 16, auth_token="nothing", from_number="+15005550006"),
        )
        runtime = Runtime(settings=given, db=self.db, clock=SkewedClock(self.clock, ahead), texts=self.provider)
        return Machine(runtime, rounds.make_delivery(runtime))

    @initialize(ahead=st.sampled_from(SKEWS))
    def open_the_shop(self, ahead: int) -> None:
        self.machines = [self.machine(timedelta(0)), self.machine(timedelta(seconds=ahead))]
        with self.db.transaction() as session:
            factories.make_shop(session, self.now)
            for number, (name, role) in enumerate(CREW.items()):
                self.phones[name] = f"+4477009008{number:02d}"
                roster = {"Maya": None, "Anand": None}.get(name, "Mo-Su 10:00-19:00")
                more: dict[str, Any] = {"role": role, "shifts": roster, "on_call": name == "Maya"}
                self.people[name] = factories.make_person(session, self.now, name, phone=self.phones[name], **more)

    # --- what happens ---

    def settle(self) -> None:
        """The rounds of both machines, by turns, until all is quiet."""
        for _ in range(MOST_ROUNDS):
            if not sum(machine.turn() for machine in self.machines):
                self.is_quiet = True
                return
        raise AssertionError("the rounds never come to rest")

    @rule()
    def at_the_other_machine(self) -> None:
        self.machines.reverse()

    @rule(minutes=st.sampled_from([20, 33, 40, 60, 120, 300]), in_hand=st.booleans(), number=st.integers(0, 2))
    def place(self, minutes: int, in_hand: bool, number: int) -> None:
        self.is_quiet = False
        with self.db.transaction() as session:
            phone = f"+4477009009{number:02d}"
            promised = self.now + timedelta(minutes=minutes)
            order = factories.make_order(session, self.now, promised, customer_phone=phone)
            self.refs.append(order.ref)
            if in_hand:
                news = ProcurementNews(state=Sourcing.BOUGHT)
                promise.procure(session, order.ref, order.lines[0].id, news, self.now, actor="desk")
                promise.move(session, order.ref, Move.PACK, self.now, actor="desk")

    @rule(minutes=st.integers(1, 45))
    def advance(self, minutes: int) -> None:
        """Time passes, from one due instant to the next, both machines at work at each of them."""
        end = self.clock.now() + timedelta(minutes=minutes)
        self.settle()
        while self.clock.now() < end:
            due = [machine.next_due() for machine in self.machines]
            offsets = [machine.now - self.clock.now() for machine in self.machines]
            wanted = [at - offset for at, offset in zip(due, offsets, strict=True) if at]
            step = max(min([*wanted, end]), self.clock.now() + timedelta(seconds=1))
            self.clock.advance(seconds=(min(step, end) - self.clock.now()).total_seconds())
            self.settle()

    @rule(seconds=st.integers(1, 7200))
    def sleep_through(self, seconds: int) -> None:
        """Both workers were down meanwhile."""
        self.clock.advance(seconds=seconds)
        self.settle()

    @rule()
    def tick(self) -> None:
        self.settle()

    @rule()
    def tick_twice(self) -> None:
        self.settle()
        before = self.everything()
        assert sum(machine.turn() for machine in self.machines) == 0
        assert self.everything() == before

    @rule()
    def tick_at_once(self) -> None:
        """Both machines at the same moment."""
        at_once([machine.turn for machine in self.machines])
        self.settle()

    def pages_that_came(self) -> list[tuple[str, int]]:
        return [(kept.text.to, code) for kept in self.provider.kept for code in sorted(kept.codes)]

    @precondition(lambda self: self.pages_that_came())
    @rule(data=st.data(), letter=st.sampled_from("AXPDR"), bare=st.booleans(), copies=st.integers(1, 2))
    def reply(self, data: st.DataObject, letter: str, bare: bool, copies: int) -> None:
        """Somebody answers a page that lies on their phone, whatever has become of it."""
        phone, code = data.draw(st.sampled_from(self.pages_that_came()))
        self.type(phone, letter if bare else f"{code}{letter}", copies)

    @rule(name=st.sampled_from(NAMES), word=st.sampled_from(["STOP", "START", "ok", "hello?"]))
    def say(self, name: str, word: str) -> None:
        self.type(self.phones[name], word, 1)

    def type(self, phone: str, body: str, copies: int) -> None:
        self.is_quiet = False
        sid = f"SMin{next(self.sids)}"
        for _ in range(copies):
            with self.db.transaction() as session:
                stored = messaging.record_inbound(
                    session, sid=sid, from_phone=phone, to_phone="+15005550006", body=body, opt_out_type=None,
                    now=self.now,
                )  # fmt: skip
            if stored is not None:
                rounds.handle_stored(self.here.runtime, stored)

    @precondition(lambda self: self.provider.kept)
    @rule(
        data=st.data(),
        end=st.sampled_from(["delivered", "undelivered", "failed"]),
        told=st.lists(st.sampled_from(["sent", "end"]), max_size=4),
    )
    def receipts(self, data: st.DataObject, end: str, told: list[str]) -> None:
        """News of a text: lost, doubled, in any order, maybe after its end: the first end is the true one."""
        self.is_quiet = False
        kept = self.provider.settle(data.draw(st.integers(0, len(self.provider.kept) - 1)), end)
        for which in told:
            status = kept.text.status if which == "end" else kept.sent_status
            code = kept.text.error_code if which == "end" else None

            def hear(session: Any, status: str = status, code: int | None = code) -> None:
                settled = messaging.record_receipt(
                    session, sid=kept.text.sid, status=status, error_code=code, outbox_id=kept.row, now=self.now
                )
                if settled is not None:
                    heard_from_provider(session, settled, self.now)

            once_more(self.db, hear)

    @precondition(lambda self: any(kept.is_call for kept in self.provider.kept))
    @rule(data=st.data(), key=st.sampled_from("1129"), copies=st.integers(1, 2))
    def pick_up(self, data: st.DataObject, key: str, copies: int) -> None:
        """Somebody presses a key in a call, whatever has become of what it was about."""
        self.is_quiet = False
        call = data.draw(st.sampled_from([kept for kept in self.provider.kept if kept.is_call]))
        for _ in range(copies):
            with self.db.transaction() as session:
                assert press(session, call.row, key, self.now, sid=call.text.sid).sentences

    # --- what goes wrong ---

    @rule(kind=st.sampled_from([*FAULTS, Wrong.ACCEPTED_THEN_DROPPED]), count=st.integers(1, 6))
    def fault(self, kind: Wrong, count: int) -> None:
        self.provider.faults.add(Fault(kind=kind, count=count))

    @rule(seconds=st.sampled_from([5, 15, 100]), count=st.integers(1, 3))
    def time_out(self, seconds: int, count: int) -> None:
        """Longer than anybody waits for an answer, and then it is sent all the same, and listed even later."""
        self.provider.faults.add(Fault(kind=Wrong.SLOW, count=count, seconds=seconds))

    @rule(how=st.sampled_from(sorted(OUTAGES)), code=st.just(20003))
    def outage(self, how: str, code: int) -> None:
        kind, refusal = OUTAGES[how]
        for on in Target:
            self.provider.faults.add(Fault(kind=kind, on=on, code=refusal))

    @rule()
    def mend(self) -> None:
        self.provider.faults.clear()

    @rule(has_left=st.booleans())
    def crash_in_the_middle_of_a_send(self, has_left: bool) -> None:
        """A worker claims, maybe sends, and is gone; another one starts."""
        self.is_quiet = False
        rounds.relay(self.here.runtime)
        rounds.watch(self.here.runtime)
        self.provider.crash = Crash.AFTER if has_left else Crash.BEFORE
        self.here.delivery.run_once()
        self.provider.crash = None
        self.here.restart()

    @rule(seconds=st.sampled_from([0, 1, 20, 70, 200]), answer=st.sampled_from(["", "A", "X"]))
    def pause_in_the_middle_of_a_send(self, seconds: int, answer: str) -> None:
        """A machine stands still while the other one works, and wakes up with what it had in hand."""
        self.is_quiet = False
        rounds.relay(self.here.runtime)
        rounds.watch(self.here.runtime)
        asleep, other = self.machines
        ahead = (other.now - asleep.now).total_seconds()
        errors: list[BaseException] = []

        def work() -> None:
            try:
                self.clock.advance(seconds=seconds)
                self.machines.reverse()
                if answer and self.pages_that_came():
                    phone, code = self.pages_that_came()[-1]
                    self.type(phone, f"{code}{answer}", 1)
                for _ in range(MOST_ROUNDS):
                    if not other.turn():
                        break
            except BaseException as error:
                errors.append(error)
            finally:
                self.machines.reverse()

        self.provider.meanwhile = work
        # Nobody may look after a text that is being sent before its lease has run out, by whoever's clock.
        self.provider.may_be_asked_in_flight = seconds + ahead >= LEASE_SECONDS
        asleep.delivery.run_once()
        self.provider.meanwhile = None
        assert not errors, errors[0]
        self.is_quiet = False

    @rule(name=st.sampled_from(NAMES), minutes=st.sampled_from([0, 15, 120]))
    def pause(self, name: str, minutes: int) -> None:
        self.is_quiet = False
        with self.db.transaction() as session:
            if minutes:
                staff.pause(session, self.people[name], self.now, until=self.now + timedelta(minutes=minutes))
            else:
                staff.end_pause(session, self.people[name], self.now)

    @precondition(lambda self: self.refs)
    @rule(data=st.data(), move=st.sampled_from(list(Move)))
    def move(self, data: st.DataObject, move: Move) -> None:
        self.is_quiet = False
        ref = data.draw(st.sampled_from(self.refs))
        with suppress(MoveNotAllowed), self.db.transaction() as session:
            promise.move(session, ref, move, self.now, actor="desk", staff_id=self.people["Ravi"], reason="so it was")

    # --- what is always true ---

    def everything(self) -> dict[str, Any]:
        """What a round that has nothing to do must leave as it is."""
        with self.db.snapshot() as session:
            shapes = order_shapes(session, list(session.scalars(select(Order))), self.now, self.here.runtime.links)
            texts = session.execute(select(OutgoingText.id, OutgoingText.state, OutgoingText.attempts)).all()
            pages = session.execute(select(Page.id, Page.answer, Page.closed_at)).all()
        return {"orders": shapes, "texts": texts, "pages": pages, "sent": len(self.provider.kept)}

    @invariant()
    def nothing_is_sent_twice(self) -> None:
        """A notice and a call never; anything else only when nobody could know whether it had left."""
        with self.db.snapshot() as session:
            rows = {row.id: row for row in session.scalars(select(OutgoingText))}
            codes = dict(session.execute(select(Page.id, Page.code)).all())
            session.expunge_all()
        texts = [kept for kept in self.provider.kept if not kept.is_call]
        often = Counter(kept.row for kept in self.provider.kept)
        assert not [row for row, count in often.items() if count > 1 and rows[row].kind is Kind.NOTICE]
        assert max(Counter(kept.row for kept in self.provider.kept if kept.is_call).values(), default=1) == 1
        # Pages by their codes, for several may come in one text; all others by their words.
        tried = [row for row in rows.values() if row.channel is Channel.SMS and row.attempts]
        pages = [kept for kept in texts if rows[kept.row].kind is Kind.PAGE]
        came = Counter((kept.text.to, code) for kept in pages for code in kept.codes)
        meant = Counter((row.to_phone, codes[row.page_id]) for row in tried if row.kind is Kind.PAGE)
        said = Counter((kept.text.to, kept.text.body) for kept in texts if rows[kept.row].kind is not Kind.PAGE)
        wanted = Counter((row.to_phone, row.body) for row in tried if row.kind is not Kind.PAGE)
        unsure = {(kept.text.to, code) for kept in texts if kept.row in self.provider.unsure for code in kept.codes}
        unsure_words = {(kept.text.to, kept.text.body) for kept in texts if kept.row in self.provider.unsure}
        assert not set(came - meant) - unsure
        assert not set(said - wanted) - unsure_words

    @invariant()
    def silence_after_a_stand_down(self) -> None:
        with self.db.snapshot() as session:
            query = select(OutgoingText.id, OutgoingText.to_phone, OutgoingText.kind, Page.code).outerjoin(Page)
            about = {row.id: row for row in session.execute(query)}
        stood_down: set[tuple[str, int]] = set()
        for kept in self.provider.kept:
            row = about[kept.row]
            if row.kind is Kind.PAGE and kept.row not in self.provider.unsure:
                codes = {(row.to_phone, code) for code in (kept.codes or {row.code})}
                assert not codes & stood_down, "asked after the stand-down"
            if row.kind is Kind.STAND_DOWN:
                assert (row.to_phone, row.code) not in stood_down or kept.row in self.provider.unsure, "told twice"
                stood_down.add((row.to_phone, row.code))

    @invariant()
    def nobody_who_opted_out_is_texted(self) -> None:
        """Not even tried, from the moment that we know of it."""
        with self.db.snapshot() as session:
            stopped = set(session.scalars(select(Consent.phone).where(Consent.opted_out_at.is_not(None))))
        for phone, since in self.stopped.items():
            assert phone not in stopped or phone not in self.provider.tries[since:]
        self.stopped = {phone: len(self.provider.tries) for phone in stopped}

    @invariant()
    def nobody_who_is_paused_is_asked(self) -> None:
        with self.db.snapshot() as session:
            pauses = session.execute(select(Pause.staff_id, Pause.starts_at, Pause.until, Pause.ended_at)).all()
            pages = session.execute(select(Page.staff_id, Page.asked_at)).all()
        skew = self.fastest_now - self.slowest_now if self.machines else timedelta(0)
        for staff_id, start, until, ended in pauses:
            end = min(until, ended or until)
            # Asked and paused at the same instant: the page came first.
            assert not [at for who, at in pages if who == staff_id and start + skew < at < end - skew]

    @invariant()
    def one_has_it_or_nobody(self) -> None:
        with self.db.snapshot() as session:
            orders = {order.id: order for order in session.scalars(select(Order))}
            takers: dict[int, set[int | None]] = {}
            for escalation in session.scalars(select(Escalation)):
                accepted = [page.staff_id for page in escalation.pages if page.answer is Answer.ACCEPTED]
                assert len(accepted) <= 1
                if escalation.state is EscalationState.ACCEPTED and orders[escalation.order_id].status not in CLOSED:
                    assert accepted == [escalation.accepted_by_id]
                    takers.setdefault(escalation.order_id, set()).add(escalation.accepted_by_id)
            # One may buy it while another has promised to carry it.
            assert all(orders[order_id].taker_id in have for order_id, have in takers.items())

    @invariant()
    def codes_are_unique_for_ever(self) -> None:
        with self.db.snapshot() as session:
            codes = session.execute(select(Page.staff_id, Page.code)).all()
            assert len(codes) == len(set(codes))
            assert len(set(session.scalars(select(Staff.phone)))) == len(CREW) or not self.people

    @precondition(lambda self: self.is_quiet)
    @invariant()
    def nothing_is_forgotten(self) -> None:
        """Once the rounds have run: what is at risk is on somebody's phone, taken or red, and is looked at again."""
        now, links = self.slowest_now, self.here.runtime.links
        near = self.fastest_now + timedelta(seconds=1)
        live = (EscalationState.OPEN, EscalationState.ACCEPTED, EscalationState.UNANSWERED)
        with self.db.snapshot() as session:
            open_ = list(session.scalars(select(Order).where(Order.status.in_(OPEN))))
            shapes = order_shapes(session, open_, now, links)
            looks = {row.order_id: row.next_check_at for row in session.scalars(select(Timetable))}
            called = set(session.scalars(select(Escalation.order_id).where(Escalation.state.in_(live))))
            texts = session.execute(select(OutgoingText.page_id, OutgoingText.state)).all()
            calls = session.scalars(select(Escalation).where(Escalation.state == EscalationState.OPEN)).all()
            asked = {c.order_id: [page.id for page in c.pages if page.answer is None] for c in calls}
            shown = {row.ref: group.key for group in groups(session, now, links) for row in group.rows}
            session.expunge_all()
        on_a_phone = {page_id for page_id, state in texts if state in ON_ITS_WAY}
        for order, shape in zip(open_, shapes, strict=True):
            at = looks[order.id]
            assert at is None or at > now, "overdue after the rounds"
            if self.fastest_now <= order.promised_by:
                assert at is not None, "nobody will look at it again"
            if shape["risk"]["level"] not in ("at_risk", "late") or order.status is Status.OUT_FOR_DELIVERY:
                continue
            assert shown[order.ref] in ("danger", "taken"), "not red"
            assert order.id in called or (at is not None and at <= near), "nobody knows of it"
            if order.id in asked and self.fastest_now <= order.promised_by:
                assert at is not None or on_a_phone & set(asked[order.id]), "nobody is asked, now or next"

    @precondition(lambda self: self.is_quiet)
    @invariant()
    def nothing_waits_in_vain(self) -> None:
        """Once the rounds have run: a text that may leave has left, and whatever was in doubt has been asked about."""
        with self.db.snapshot() as session:
            is_open = messaging.read_circuit(session).is_open
            rows = session.scalars(select(OutgoingText)).all()
            session.expunge_all()
        for row in rows:
            assert row.state is not TextState.SENDING or row.lease_until > self.slowest_now
            waits = row.after_id is not None or is_open
            assert row.state is not TextState.QUEUED or waits or row.due_at > self.slowest_now


def how_many() -> int:
    """A few lives of the house for every day, hundreds with the deep profile."""
    return max(8, settings.default.max_examples // 25 if settings.default.max_examples > 1000 else 0)


@pytest.fixture(params=[pytest.param("sqlite"), pytest.param("postgresql", marks=pytest.mark.postgresql)])
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Database]:
    """Makes an empty database at the newest schema, as often as one likes; the one before must be closed."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("_migrated_file")
        numbers = itertools.count()
        return lambda: Database(sqlite_url(shutil.copyfile(template, tmp_path / f"house{next(numbers)}.db")))
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name: str = request.getfixturevalue("_migrated_name")

    def clean() -> Database:
        server.clean(name)
        return Database(server.url(name))

    return clean


def test_the_house_stands_whatever_happens(fresh: Callable[[], Database]) -> None:
    run_state_machine_as_test(
        lambda: House(fresh()),
        settings=settings(
            max_examples=how_many(),
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )


def test_the_ref_of_every_order_can_be_found(fresh: Callable[[], Database]) -> None:
    """The machine's own kit works: a shop is opened, an order placed and found."""
    house = House(fresh())
    try:
        house.open_the_shop(55)
        house.place(60, True, 0)
        house.settle()
        with house.db.snapshot() as session:
            assert find_order(session, house.refs[0]).status is Status.READY
        assert house.provider.kept
    finally:
        house.teardown()
