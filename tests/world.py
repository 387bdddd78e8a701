"""A whole shop in a test: a database, a clock moved by hand, the real gateway, simulated Twilio and phones."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pytest
from flask import Flask
from sqlalchemy import inspect, select
from sqlalchemy.orm import Session
from werkzeug.serving import WSGIRequestHandler, make_server

from dispatch import rounds
from dispatch.app import create_app
from dispatch.escalation.answers import answer_page
from dispatch.escalation.case import AnswerResult
from dispatch.escalation.queries import escalation_shapes, order_shapes
from dispatch.escalation.service import latest_escalation
from dispatch.foundation.clock import ManualClock, SystemClock
from dispatch.foundation.db import Database
from dispatch.foundation.settings import Settings, TwilioSettings
from dispatch.messaging.delivery import Delivery
from dispatch.messaging.twilio_gateway import TwilioGateway, build_gateway
from dispatch.orders.rules import Move, Sourcing
from dispatch.orders.service import ProcurementNews, find_order, timeline
from dispatch.orders.tables import Order, Timetable
from dispatch.promise import service as promise
from dispatch.runtime import Runtime
from dispatch.simulator.config import SimulatorConfig
from dispatch.simulator.faults import Fault, Kind, Target
from dispatch.simulator.server import RunningSimulator, start_simulator
from dispatch.staff import service as staff
from dispatch.staff.tables import Staff
from tests import factories
from tests.phones import Phone, Phones, Text

__all__ = ["World", "at_once", "city", "world"]

ACCOUNT, TOKEN, NUMBER = "AC" + "a1" * 16, "a token for tests, nothing else ", "+15005550006"
PUBLIC = "https://shop.example"
MOST_ROUNDS = 60
T = TypeVar("T")


def at_once(acts: Sequence[Callable[[], T]]) -> list[T]:
    """Run all from threads that start together; what each answered, in order. Raises what any of them raised."""
    gate = threading.Barrier(len(acts))
    answers: dict[int, T] = {}
    errors: list[BaseException] = []

    def run(number: int, act: Callable[[], T]) -> None:
        gate.wait(20)
        try:
            answers[number] = act()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if errors:
        raise errors[0]
    return [answers[number] for number in range(len(acts))]


@dataclass
class City:
    """What outlives a test: simulated Twilio, and a doorway behind which the app of the test under way stands."""

    sim: RunningSimulator
    gateway: TwilioGateway
    app: Flask | None = None
    clock: ManualClock | None = None

    def texts(self) -> Sequence[Text]:
        """Everything that the shop has sent, oldest first."""
        sent = [m for m in self.sim.state.messages() if m.direction == "outbound-api"]
        return [Text(m.sid, m.to, m.body) for m in reversed(sent)]

    def type(self, phone: str, body: str, *, copies: int = 1) -> None:
        """Somebody texts the shop; the webhook has been answered when this comes back."""
        received = self.sim.simulator.inbox.receive(phone, body, deliveries=copies)
        bad = [note for note in received.webhooks if note["status"] != 200]
        assert not bad, f"the shop's webhook answered {bad}"


class Quiet(WSGIRequestHandler):
    """Says nothing of each request: a failure is read better without."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


@contextmanager
def running_city() -> Iterator[City]:
    """A city with nobody in it."""
    made: list[City] = []

    def doorway(environ: Any, start_response: Any) -> Iterable[bytes]:
        if made and made[0].app is not None:
            return made[0].app(environ, start_response)
        start_response("503 no test is under way", [("Content-Length", "0")])
        return []

    def now() -> datetime:
        return made[0].clock.now() if made and made[0].clock else SystemClock().now()

    with ExitStack() as stack:
        server = make_server("127.0.0.1", 0, doorway, threaded=True, request_handler=Quiet)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        stack.callback(server.server_close)
        stack.callback(thread.join)
        stack.callback(server.shutdown)
        config = SimulatorConfig(
            account_sid=ACCOUNT,
            auth_token=TOKEN,
            from_number=NUMBER,
            inbound_url=f"{PUBLIC}/webhooks/twilio/message",
            voice_url=f"{PUBLIC}/webhooks/twilio/voice",
            post_via=f"http://127.0.0.1:{server.port}",
            delivery_delay_seconds=0.0,
            seconds_per_word=0.0,
            webhook_timeout_seconds=10.0,
            clock=now,
        )
        sim = start_simulator(config)
        stack.callback(sim.stop)
        gateway = build_gateway(twilio_settings(sim.url), concurrency=16)
        assert isinstance(gateway, TwilioGateway)
        stack.callback(gateway._http.session.close)
        made.append(City(sim, gateway))
        yield made[0]


def twilio_settings(url: str) -> TwilioSettings:
    """How the shop reaches a simulator."""
    return TwilioSettings(account_sid=ACCOUNT, auth_token=TOKEN, from_number=NUMBER, api_url=url, is_simulated=True)


@pytest.fixture(scope="session")
def city() -> Iterator[City]:
    """Simulated Twilio for all tests of this worker; each test finds it empty."""
    with running_city() as made:
        yield made


@dataclass
class World:
    """One shop and its people. The clock stands still unless `advance` moves it."""

    db: Database
    clock: ManualClock
    runtime: Runtime
    city: City
    delivery: Delivery
    phones: Phones = field(init=False)
    people: dict[str, int] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    # What customers hear when a promise is in danger is not what this test is about.
    is_about_staff: bool = False

    def __post_init__(self) -> None:
        self.phones = Phones(self.city, self.tick)

    # Time

    @property
    def now(self) -> datetime:
        """What time it is."""
        return self.clock.now()

    def at(self, time: str) -> datetime:
        """ "18:40" today in the shop."""
        return factories.when(self.now, time)

    def tick(self) -> int:
        """Run the rounds until all is quiet; how much they did."""
        return self._run(self.delivery)

    def _run(self, delivery: Delivery) -> int:
        done = 0
        for _ in range(MOST_ROUNDS):
            did = rounds.relay(self.runtime) + rounds.watch(self.runtime) + delivery.run_once()
            assert self.city.sim.settle(20), "the simulator did not come to rest"
            if not did:
                return done
            done += did
        raise AssertionError("the rounds never come to rest")

    def tick_with_two_workers(self) -> None:
        """Two workers run every round at the same time, until all is quiet."""
        other = rounds.make_delivery(self.runtime)
        try:
            at_once([lambda: self._run(self.delivery), lambda: self._run(other)])
        finally:
            other.close()

    def next_due(self) -> datetime | None:
        """When a round has something to do."""
        due = [at for at in (rounds.next_look_at(self.runtime), self.delivery.next_due_at()) if at]
        return min(due, default=None)

    def advance(self, *, minutes: float = 0, to: str | None = None, workers: int = 1) -> None:
        """Let time pass, from one due instant to the next, the rounds at work at each of them."""
        end = self.at(to) if to else self.now + timedelta(minutes=minutes)
        assert end >= self.now, "time does not run backwards"
        tick = self.tick if workers == 1 else self.tick_with_two_workers
        tick()
        while self.now < end:
            due = self.next_due()
            step = min(due, end) if due and due > self.now else min(end, self.now + timedelta(seconds=1))
            if due is None:
                step = end
            self.clock.advance(seconds=(step - self.now).total_seconds())
            tick()

    # Making things

    def do(self, work: Callable[[Session], T]) -> T:
        """Something in a transaction of its own."""
        with self.db.transaction() as session:
            return work(session)

    def look(self, query: Any) -> list[Any]:
        """Rows as they are in the database now; whole ones come, besides the order asked for, as they were made."""
        what = query.column_descriptions[0]
        if what["expr"] is what["entity"]:
            query = query.order_by(*inspect(what["entity"]).primary_key)
        with self.db.snapshot() as session:
            rows = list(session.scalars(query).all())
            session.expunge_all()
            return rows

    def shop(self, **changes: Any) -> None:
        """The branch, its hours, its time zone and its policy."""
        self.do(lambda session: factories.make_shop(session, self.now, **changes))

    def person(self, name: str, **changes: Any) -> int:
        """Somebody on the staff."""
        changes.setdefault("phone", factories.fresh_phone())
        self.people[name] = self.do(lambda session: factories.make_person(session, self.now, name, **changes))
        self.numbers[name] = changes["phone"]
        return self.people[name]

    def supplier(self, code: str, hours: str = factories.ALL_DAY, **changes: Any) -> str:
        """Another shop in town."""
        return self.do(lambda session: factories.make_supplier(session, self.now, code, hours, **changes))

    def item(self, sku: str, on_hand: int = 0, **changes: Any) -> None:
        """Something we sell, and how many are on the shelf."""
        self.do(lambda session: factories.make_item(session, self.now, sku, on_hand, **changes))

    def order(self, promised_by: str | datetime | None = None, *, minutes: float = 0, **changes: Any) -> str:
        """A placed order; its ref. The customer's phone is under the customer's name."""
        changes.setdefault("customer_phone", factories.fresh_phone())
        changes.setdefault("customer_name", "Arjun Mehta")
        promised = factories.when(self.now, promised_by, minutes=minutes)
        ref = self.do(lambda session: factories.make_order(session, self.now, promised, **changes).ref)
        self.numbers[changes["customer_name"]] = changes["customer_phone"]
        if self.is_about_staff:
            self.phones.ignored.add(changes["customer_phone"])
        return ref

    # Doing things

    def move(self, ref: str, move: str, **more: Any) -> None:
        """Move an order along at the board."""
        self.do(lambda session: promise.move(session, ref, Move(move), self.now, actor="desk", **more))

    def change(self, ref: str, **changes: Any) -> None:
        """Change an order at the board."""
        self.do(lambda session: promise.change(session, ref, changes, self.now, actor="desk"))

    def procure(self, ref: str, state: str, *, line: int = 0, **more: Any) -> None:
        """What was heard about one line."""

        def work(session: Session) -> None:
            line_id = find_order(session, ref).lines[line].id
            promise.procure(
                session, ref, line_id, ProcurementNews(state=Sourcing(state), **more), self.now, actor="desk"
            )

        self.do(work)

    def pause(self, name: str, *, minutes: float) -> None:
        """Somebody asks to be left alone."""
        until = self.now + timedelta(minutes=minutes)
        self.do(lambda session: staff.pause(session, self.people[name], self.now, until=until))

    def answer(self, page_id: int, verb: str, **more: Any) -> AnswerResult:
        """An answer by link."""
        return self.do(lambda session: answer_page(session, page_id, verb, self.now, **more))

    def fault(self, kind: str, *, on: str = "messages", name: str | None = None, **more: Any) -> None:
        """Order that something goes wrong at the provider, for one person's phone or all."""
        to = self.numbers[name] if name else None
        self.city.sim.state.faults.add(Fault(kind=Kind(kind), on=Target(on), to=to, **more))

    # Seeing things

    def phone(self, name: str) -> Phone:
        """Somebody's phone, staff or customer."""
        return Phone(name, self.numbers[name], self.phones)

    def ignore_rest(self) -> None:
        """This test does not care about texts that nobody expected."""
        self.phones.is_ignoring_the_rest = True

    def see(self, ref: str) -> dict[str, Any]:
        """The order as the API shows it."""
        with self.db.snapshot() as session:
            return order_shapes(session, [find_order(session, ref)], self.now, self.runtime.links)[0]

    def level(self, ref: str) -> str:
        """How much danger its promise is in."""
        return str(self.see(ref)["risk"]["level"])

    def escalation(self, ref: str) -> dict[str, Any]:
        """The newest escalation of an order as the API shows it."""
        with self.db.snapshot() as session:
            newest = latest_escalation(session, find_order(session, ref).id)
            assert newest, f"order {ref} has no escalation"
            return escalation_shapes(session, [newest])[0]

    def has_escalation(self, ref: str) -> bool:
        """Whether help was ever called for an order."""
        return self.see(ref)["escalation"] is not None

    def pages(self, ref: str) -> dict[str, dict[str, Any]]:
        """The pages of the newest escalation by name, the last one of each person."""
        return {page["name"]: page for page in self.escalation(ref)["pages"]}

    def asked(self, ref: str) -> list[str]:
        """Who has been asked, in order."""
        return [page["name"] for page in self.escalation(ref)["pages"]]

    def events(self, ref: str) -> list[str]:
        """The kinds of everything that happened to an order."""
        with self.db.snapshot() as session:
            return [event["kind"] for event in timeline(session, ref)]

    def order_row(self, ref: str) -> Order:
        """The order's row."""
        (row,) = self.look(select(Order).where(Order.ref == ref))
        return row

    def staff_row(self, name: str) -> Staff:
        """The row of somebody on the staff."""
        (row,) = self.look(select(Staff).where(Staff.id == self.people[name]))
        return row

    def next_check(self, ref: str) -> datetime | None:
        """When the watch round looks at an order next."""
        query = select(Timetable.next_check_at).join(Order, Order.id == Timetable.order_id).where(Order.ref == ref)
        (at,) = self.look(query)
        return at


APPS: dict[str, Flask] = {}


def _app(settings: Settings, runtime: Runtime) -> Flask:
    """One app for all tests: hanging the doorways takes longer than most tests."""
    if "app" not in APPS:
        APPS["app"] = create_app(settings, runtime=runtime)
    APPS["app"].extensions["dispatch"] = runtime
    return APPS["app"]


@contextmanager
def running_world(db: Database, clock: ManualClock, city: City) -> Iterator[World]:
    """A world on a database; at its end no text may be left that nobody expected."""
    settings = Settings(
        database_url=db.url.render_as_string(hide_password=False),
        secret_key="a secret for tests, nothing else",
        public_url=PUBLIC,
        default_region=factories.REGION,
        twilio=twilio_settings(city.sim.url),
        worker_concurrency=4,
    )
    runtime = Runtime(settings=settings, db=db, clock=clock, texts=city.gateway)
    city.sim.simulator.reset()
    city.clock, city.app = clock, _app(settings, runtime)
    made = World(db, clock, runtime, city, rounds.make_delivery(runtime))
    try:
        made.shop()
        yield made
        made.phones.must_be_read()
    finally:
        city.sim.settle(5)
        city.app, city.clock = None, None
        made.delivery.close()


@pytest.fixture
def world(db: Database, clock: ManualClock, city: City) -> Iterator[World]:
    """The shop with nobody in it, at 14:00 on a Tuesday: the test runs once on each database."""
    with running_world(db, clock, city) as made:
        yield made
