"""What the simulator's tests share: the real SDK pointed at it, and a shop that listens to its webhooks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests
from flask import Flask, Response, request
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client
from werkzeug.serving import make_server

from dispatch.simulator.config import SimulatorConfig
from dispatch.simulator.faults import Fault, Kind, Target
from dispatch.simulator.server import RunningSimulator, start_simulator

ACCOUNT, TOKEN, SERVICE = "AC" + "a1" * 16, "secret-" + "t" * 25, "MG" + "b2" * 16
SHOP, RAVI, MEENA = "+15550001111", "+919812345678", "+919812345679"
PUBLIC = "https://shop.example"


class Rewriting(TwilioHttpClient):
    """Sends what is meant for any *.twilio.com to a simulator, and keeps what went over the wire."""

    def __init__(self, url: str, timeout: float = 5) -> None:
        super().__init__(timeout=timeout)
        self.session.trust_env = False
        self.url = url
        self.exchanges: list[requests.Response] = []
        self.session.hooks["response"].append(lambda answer, **_: self.exchanges.append(answer))

    def request(self, method: str, url: str, *args: Any, **more: Any) -> Any:
        for host in ("api", "lookups"):
            url = url.replace(f"https://{host}.twilio.com", self.url)
        return super().request(method, url, *args, **more)

    def close(self) -> None:
        self.session.close()


@dataclass
class Shop:
    """Our side: takes every webhook, checks its signature over the public address, answers as told."""

    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    bad_signatures: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answer: Callable[[dict[str, str]], Response] = lambda _: Response("<Response/>", mimetype="text/xml")
    url: str = ""

    def app(self) -> Flask:
        app = Flask("shop")
        validator = RequestValidator(TOKEN)

        @app.post("/<path:path>")
        def take(path: str) -> Response:
            form = request.form.to_dict()
            public = PUBLIC + request.environ["REQUEST_URI"]
            if not validator.validate(public, request.form, request.headers.get("X-Twilio-Signature", "")):
                self.bad_signatures.append(public)
            self.headers.append(dict(request.headers))
            self.requests.append((f"/{path}", form))
            return self.answer(form)

        return app

    def forms(self, path: str) -> list[dict[str, str]]:
        return [form for where, form in self.requests if where == path]

    def statuses(self, sid: str) -> list[str]:
        return [form["MessageStatus"] for form in self.forms("/status") if form["MessageSid"] == sid]


@contextmanager
def running_shop() -> Iterator[Shop]:
    shop = Shop()
    server = make_server("127.0.0.1", 0, shop.app(), threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    shop.url = f"http://127.0.0.1:{server.port}"
    try:
        yield shop
    finally:
        server.shutdown()
        thread.join()


@dataclass
class World:
    """A simulator, the SDK that talks to it, and the shop that hears from it."""

    sim: RunningSimulator
    client: Client
    http: Rewriting
    shop: Shop

    def send(self, to: str = RAVI, body: str = "hello", **more: Any) -> Any:
        sender = {} if "messaging_service_sid" in more else {"from_": SHOP}
        return self.client.messages.create(**{"to": to, "body": body, **sender, **more})

    def order(self, kind: Kind, **more: Any) -> Fault:
        return self.sim.state.faults.add(Fault(kind=kind, **{"on": Target.MESSAGES, **more}))

    def status(self, sid: str) -> str:
        return str(self.client.messages(sid).fetch().status)

    def control(self, method: str, path: str, **more: Any) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            return session.request(method, self.sim.url + path, auth=(ACCOUNT, TOKEN), timeout=5, **more)


@contextmanager
def world(**config: Any) -> Iterator[World]:
    with ExitStack() as stack:
        shop = stack.enter_context(running_shop())
        settings: dict[str, Any] = {
            "account_sid": ACCOUNT,
            "auth_token": TOKEN,
            "from_number": SHOP,
            "inbound_url": f"{PUBLIC}/inbound",
            "voice_url": f"{PUBLIC}/voice",
            "post_via": shop.url,
            "delivery_delay_seconds": 0.0,
            "seconds_per_word": 0.0,
            "webhook_timeout_seconds": 1.0,
        }
        sim = start_simulator(SimulatorConfig(**{**settings, **config}))
        stack.callback(sim.stop)
        http = Rewriting(sim.url)
        stack.callback(http.close)
        yield World(sim, Client(ACCOUNT, TOKEN, http_client=http), http, shop)
