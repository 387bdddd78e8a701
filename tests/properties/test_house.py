"""A state machine over the whole house: whatever happens in whatever order, nothing is lost, doubled or forgotten."""

from __future__ import annotations

import itertools
import re
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import select

from dispatch import rounds
from dispatch.escalation.on_the_phone import press
from dispatch.escalation.queries import order_shapes
from dispatch.escalation.receipts import heard_from_provider
from dispatch.escalation.rules import Answer, EscalationState
from dispatch.escalation.tables import Escalation, Page
from dispatch.foundation.clock import ManualClock
from dispatch.foundation.db import Database, sqlite_url
from dispatch.foundation.errors import MoveNotAllowed
from dispatch.foundation.migrate import upgrade
from dispatch.foundation.settings import Settings, TwilioSettings
from dispatch.messaging import service as messaging
from dispatch.messaging.gateway import Attempt, Outcome, SentText
from dispatch.messaging.rules import Kind
from dispatch.messaging.tables import Consent, OutgoingText
from dispatch.orders.rules import CLOSED, OPEN, Move, Sourcing, Status
from dispatch.orders.service import ProcurementNews, find_order
from dispatch.orders.tables import Order, Timetable
from dispatch.promise import service as promise
from dispatch.runtime import Runtime
from dispatch.staff import service as staff
from dispatch.staff.tables import Pause, Staff
from tests import factories

START = datetime(2026, 11, 24, 14, 0, tzinfo=ZoneInfo(factories.TIMEZONE))
CREW = {"Ravi": "rider", "Sita": "rider", "Maya": "manager", "Bela": "buyer", "Anand": "founder"}
NAMES = sorted(CREW)
# What the same ends are called for a call.
OF_CALLS = {"delivered": "completed", "undelivered": "busy", "failed": "failed"}
ROW = re.compile(r"[?&]o=(\d+)")
MOST_ROUNDS = 60


class PocketProvider:
    """A provider of texts in memory. It tells the truth when asked, unless it is down; it may lose its own answers."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.is_down = False
        self.loses_answers = False
        self.kept: list[tuple[SentText, int]] = []

    def send(self, *, to: str, body: str, status_callback: str | None, validity_seconds: int | None) -> Attempt:
        return self.take("SM", to, body, status_callback)

    def take(self, letters: str, to: str, body: str, status_callback: str | None) -> Attempt:
        """Take a text or a call."""
        if self.is_down:
            return Attempt(outcome=Outcome.RETRY, error="no connection")
        found = ROW.search(status_callback or "")
        assert found, "every text has a callback that names its row"
        sid = f"{letters}{len(self.kept):032x}"
        now = self.clock.now()
        text = SentText(sid=sid, to=to, body=body, status="queued", error_code=None, created_at=now)
        self.kept.append((text, int(found.group(1))))
        if self.loses_answers:
            return Attempt(outcome=Outcome.UNKNOWN, error="no answer")
        return Attempt(outcome=Outcome.ACCEPTED, sid=sid, status="queued")

    def call(self, *, to: str, answer_url: str, status_callback: str | None) -> Attempt:
        return self.take("CA", to, "", status_callback)

    def find(self, *, to: str, since: datetime) -> Sequence[SentText] | None:
        if self.is_down:
            return None
        return [text for text, _ in reversed(self.kept) if text.to == to and text.sid.startswith("SM")]

    def fetch(self, sid: str) -> SentText | None:
        return None if self.is_down else next((text for text, _ in self.kept if text.sid == sid), None)

    def is_signed(self, *, url: str, form: Sequence[tuple[str, str]], signature: str) -> bool:
        return False

    def settle(self, number: int, status: str, code: int | None) -> tuple[str, int]:
        """A text comes to its end; its sid and the row it belongs to."""
        text, row = self.kept[number]
        self.kept[number] = (replace(text, status=status, error_code=code), row)
        return text.sid, row


TEMPLATE: dict[str, Path] = {}


def fresh_file(folder: str) -> Path:
    """A SQLite file at the newest schema; migrated once per process."""
    if "path" not in TEMPLATE:
        path = Path(tempfile.mkdtemp()) / "template.db"
        db = Database(sqlite_url(path))
        upgrade(db)
        db.dispose()
        TEMPLATE["path"] = path
    return Path(shutil.copyfile(TEMPLATE["path"], Path(folder) / "house.db"))


class House(RuleBasedStateMachine):
    """One shop, five people, a provider with moods, and one worker that is made anew after each crash."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = ManualClock(START)
        self.db = Database(sqlite_url(fresh_file(self.folder.name)))
        self.provider = PocketProvider(self.clock)
        given = Settings(
            database_url=str(self.db.url),
            secret_key="a secret for tests, nothing else",
            public_url="https://shop.example",
            default_region=factories.REGION,
            worker_concurrency=1,
            twilio=TwilioSettings(account_sid="AC" + "a1" * 16, auth_token="nothing", from_number="+15005550006"),
        )
        self.runtime = Runtime(settings=given, db=self.db, clock=self.clock, texts=self.provider)
        self.delivery = rounds.make_delivery(self.runtime)
        self.people: dict[str, int] = {}
        self.phones: dict[str, str] = {}
        self.refs: list[str] = []
        self.sids = itertools.count(1)
        self.is_quiet = False

    def teardown(self) -> None:
        self.delivery.close()
        self.db.dispose()
        self.folder.cleanup()

    @property
    def now(self) -> datetime:
        return self.clock.now()

    @initialize()
    def open_the_shop(self) -> None:
        with self.db.transaction() as session:
            factories.make_shop(session, self.now)
            for number, (name, role) in enumerate(CREW.items()):
                self.phones[name] = f"+4477009008{number:02d}"
                roster = {"Maya": None, "Anand": None}.get(name, "Mo-Su 10:00-19:00")
                more: dict[str, Any] = {"role": role, "shifts": roster, "on_call": name == "Maya"}
                self.people[name] = factories.make_person(session, self.now, name, phone=self.phones[name], **more)

    # --- what happens ---

    def settle(self) -> None:
        """The rounds until all is quiet."""
        for _ in range(MOST_ROUNDS):
            if not rounds.relay(self.runtime) + rounds.watch(self.runtime) + self.delivery.run_once():
                self.is_quiet = True
                return
        raise AssertionError("the rounds never come to rest")

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
        end = self.now + timedelta(minutes=minutes)
        self.settle()
        while self.now < end:
            due = [at for at in (rounds.next_look_at(self.runtime), self.delivery.next_due_at()) if at]
            step = max(min([*due, end]), self.now + timedelta(seconds=1))
            self.clock.advance(seconds=(min(step, end) - self.now).total_seconds())
            self.settle()

    @rule(seconds=st.integers(1, 7200))
    def sleep_through(self, seconds: int) -> None:
        """The worker was down meanwhile."""
        self.clock.advance(seconds=seconds)
        self.settle()

    @rule()
    def tick(self) -> None:
        self.settle()

    @rule()
    def tick_twice(self) -> None:
        self.settle()
        before = self.everything()
        assert rounds.relay(self.runtime) + rounds.watch(self.runtime) + self.delivery.run_once() == 0
        assert self.everything() == before

    @precondition(lambda self: self.provider.kept)
    @rule(data=st.data(), letter=st.sampled_from("AXPDR"), bare=st.booleans(), copies=st.integers(1, 2))
    def reply(self, data: st.DataObject, letter: str, bare: bool, copies: int) -> None:
        """Somebody answers a page that lies on their phone, whatever has become of it."""
        pages = [text for text, _ in self.provider.kept if "Reply " in text.body]
        if not pages:
            return
        text = data.draw(st.sampled_from(pages))
        code = re.search(r"Reply (\d+)A", text.body)
        assert code
        self.type(text.to, letter if bare else f"{code.group(1)}{letter}", copies)

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
                rounds.handle_stored(self.runtime, stored)

    @precondition(lambda self: self.provider.kept)
    @rule(data=st.data(), end=st.sampled_from(["delivered", "undelivered", "failed"]), copies=st.integers(1, 2))
    def receipt(self, data: st.DataObject, end: str, copies: int) -> None:
        """News of a text, maybe twice, maybe after its end: the first end is the true one."""
        self.is_quiet = False
        number = data.draw(st.integers(0, len(self.provider.kept) - 1))
        text, _ = self.provider.kept[number]
        if text.status != "queued":
            end = text.status
        elif text.sid.startswith("CA"):
            end = OF_CALLS[end]
        code = None if end in ("delivered", "completed") else 30003
        sid, row = self.provider.settle(number, end, code)
        for _ in range(copies):
            for status, error in (("sent", None), (end, code)):
                with self.db.transaction() as session:
                    settled = messaging.record_receipt(
                        session, sid=sid, status=status, error_code=error, outbox_id=row, now=self.now
                    )
                    if settled is not None:
                        heard_from_provider(session, settled, self.now)

    @precondition(lambda self: any(text.sid.startswith("CA") for text, _ in self.provider.kept))
    @rule(data=st.data(), key=st.sampled_from("1129"), copies=st.integers(1, 2))
    def pick_up(self, data: st.DataObject, key: str, copies: int) -> None:
        """Somebody presses a key in a call, whatever has become of what it was about."""
        self.is_quiet = False
        calls = [(text.sid, row) for text, row in self.provider.kept if text.sid.startswith("CA")]
        sid, row = data.draw(st.sampled_from(calls))
        for _ in range(copies):
            with self.db.transaction() as session:
                assert press(session, row, key, self.now, sid=sid).sentences

    @rule(is_down=st.booleans(), loses=st.booleans())
    def mood(self, is_down: bool, loses: bool) -> None:
        self.provider.is_down, self.provider.loses_answers = is_down, loses

    @rule(has_left=st.booleans())
    def crash_in_the_middle_of_a_send(self, has_left: bool) -> None:
        """A worker claims, maybe sends, and is gone; another one starts."""
        self.is_quiet = False
        rounds.relay(self.runtime)
        rounds.watch(self.runtime)
        with self.db.transaction() as session:
            claimed = messaging.claim(session, self.now, limit=1)
        for text in claimed if has_left else ():
            callback = f"https://shop.example/webhooks/twilio/status?o={text.outbox_id}"
            self.provider.send(to=text.to_phone, body=text.body, status_callback=callback, validity_seconds=None)
        self.delivery.close()
        self.delivery = rounds.make_delivery(self.runtime)

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
            shapes = order_shapes(session, list(session.scalars(select(Order))), self.now, self.runtime.links)
            texts = session.execute(select(OutgoingText.id, OutgoingText.state, OutgoingText.attempts)).all()
            pages = session.execute(select(Page.id, Page.answer, Page.closed_at)).all()
        return {"orders": shapes, "texts": texts, "pages": pages, "sent": len(self.provider.kept)}

    @invariant()
    def nothing_is_sent_twice(self) -> None:
        rows = [row for _, row in self.provider.kept]
        assert len(rows) == len(set(rows))

    @invariant()
    def silence_after_a_stand_down(self) -> None:
        rows = [row for _, row in self.provider.kept]
        with self.db.snapshot() as session:
            columns = (OutgoingText.id, OutgoingText.page_id, OutgoingText.kind)
            about = {row.id: (row.page_id, row.kind) for row in session.execute(select(*columns))}
        stood_down: set[int] = set()
        for row in rows:
            page_id, kind = about[row]
            assert kind is not Kind.PAGE or page_id not in stood_down
            if kind is Kind.STAND_DOWN:
                assert page_id not in stood_down, "told twice"
                stood_down.add(page_id)

    @invariant()
    def nobody_who_opted_out_gets_a_new_text(self) -> None:
        with self.db.snapshot() as session:
            stopped = {c.phone: c.opted_out_at for c in session.scalars(select(Consent)) if c.opted_out_at}
        for text, _ in self.provider.kept:
            # A call that was on its way is no text.
            if text.to in stopped and text.sid.startswith("SM"):
                assert text.created_at is not None
                assert text.created_at <= stopped[text.to]

    @invariant()
    def nobody_who_is_paused_is_asked(self) -> None:
        with self.db.snapshot() as session:
            pauses = session.execute(select(Pause.staff_id, Pause.starts_at, Pause.until, Pause.ended_at)).all()
            pages = session.execute(select(Page.staff_id, Page.asked_at)).all()
        for staff_id, start, until, ended in pauses:
            end = min(until, ended or until)
            # Asked and paused at the same instant: the page came first.
            assert not [at for who, at in pages if who == staff_id and start < at < end]

    @invariant()
    def one_has_it_or_nobody(self) -> None:
        with self.db.snapshot() as session:
            orders = {order.id: order for order in session.scalars(select(Order))}
            for escalation in session.scalars(select(Escalation)):
                accepted = [page.staff_id for page in escalation.pages if page.answer is Answer.ACCEPTED]
                assert len(accepted) <= 1
                if escalation.state is EscalationState.ACCEPTED and orders[escalation.order_id].status not in CLOSED:
                    assert accepted == [escalation.accepted_by_id]
                    assert orders[escalation.order_id].taker_id == escalation.accepted_by_id

    @invariant()
    def codes_are_unique_for_ever(self) -> None:
        with self.db.snapshot() as session:
            codes = session.execute(select(Page.staff_id, Page.code)).all()
            assert len(codes) == len(set(codes))
            assert len(set(session.scalars(select(Staff.phone)))) == len(CREW) or not self.people

    @precondition(lambda self: self.is_quiet)
    @invariant()
    def nothing_is_forgotten(self) -> None:
        """Once the rounds have run: whatever is at risk is called for, taken or red, and will be looked at again."""
        near = self.now + timedelta(seconds=1)
        with self.db.snapshot() as session:
            open_ = list(session.scalars(select(Order).where(Order.status.in_(OPEN))))
            shapes = order_shapes(session, open_, self.now, self.runtime.links)
            looks = {row.order_id: row.next_check_at for row in session.scalars(select(Timetable))}
            live = (EscalationState.OPEN, EscalationState.ACCEPTED, EscalationState.UNANSWERED)
            called = set(session.scalars(select(Escalation.order_id).where(Escalation.state.in_(live))))
            session.expunge_all()
        for order, shape in zip(open_, shapes, strict=True):
            at = looks[order.id]
            assert at is None or at > self.now, "overdue after the rounds"
            if self.now <= order.promised_by:
                assert at is not None, "nobody will look at it again"
            in_danger = shape["risk"]["level"] in ("at_risk", "late") and order.status is not Status.OUT_FOR_DELIVERY
            if in_danger:
                assert order.id in called or (at is not None and at <= near), "nobody knows of it"


House.TestCase.settings = settings(
    max_examples=8,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestHouse = House.TestCase


def test_the_ref_of_every_order_can_be_found(tmp_path: Path) -> None:
    """The machine's own kit works: a shop is opened, an order placed and found."""
    house = House()
    try:
        house.open_the_shop()
        house.place(60, True, 0)
        house.settle()
        with house.db.snapshot() as session:
            assert find_order(session, house.refs[0]).status is Status.READY
        assert house.provider.kept
    finally:
        house.teardown()
