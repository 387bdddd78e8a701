"""From one acceptance at the webhook to the last of twenty stand-downs at the provider, beside twenty calls of the SDK.

Twenty-one were asked; one answers. The web is in this process, the worker in another, as `dispatch up` has them: what
both spend is added up. Run it as `python -m tests.benchmarks.stand_down [sqlite] [postgresql]`.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

from dispatch.app import create_app
from dispatch.foundation.clock import SystemClock
from dispatch.runtime import Runtime
from tests import factories
from tests.benchmarks.kit import (
    CONCURRENCY,
    NOWHERE,
    Provider,
    Sent,
    Stopwatch,
    Took,
    WorkerProcess,
    databases,
    make_runtime,
    medians,
)

ASKED, TURNS = 21, 7
AIM = 2
SHOP = "https://shop.example"
CODE = re.compile(r"Reply (\d+)A")
# Too little for the whole chain (135 minutes at the cautious estimate), enough for the likely one: all are asked.
LEFT = timedelta(minutes=110)
App = Callable[[Any, Any], Iterable[bytes]]


class Quiet(WSGIRequestHandler):
    """Says nothing of each request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


@contextmanager
def doorway(apps: list[App]) -> Iterator[str]:
    """An address on this machine behind which the last of the apps stands: the provider must know it first."""

    def door(environ: Any, start_response: Any) -> Iterable[bytes]:
        return apps[-1](environ, start_response)

    server = make_server("127.0.0.1", 0, door, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


def bare(runtime: Runtime, provider: Provider) -> Took:
    """Nothing but calls of the SDK."""

    def send(number: int) -> None:
        body = f"Thanks, somebody else has it, nothing more to do. {number}"
        runtime.texts.send(to=f"+4477008{number:05d}", body=body, status_callback=NOWHERE, validity_seconds=None)

    provider.reset()
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        start, watch = SystemClock().now(), Stopwatch()
        list(pool.map(send, range(ASKED - 1)))
        own = watch.took().own
    return Took(wall=(provider.texts()[-1].at - start).total_seconds() * 1000, own=own)


def ask_all(runtime: Runtime, turn: int) -> list[str]:
    """A shop with so many people, and an order that needs one of them: their numbers."""
    now = SystemClock().now()
    phones = [f"+4477007{turn * ASKED + number:05d}" for number in range(ASKED)]
    with runtime.db.transaction() as session:
        branch = f"b{turn}"
        factories.make_shop(session, now, code=branch, opening_hours="24/7")
        for number, phone in enumerate(phones):
            factories.make_person(session, now, f"P{number}", role="staff", shifts="24/7", phone=phone, branch=branch)
        factories.make_order(session, now, now + LEFT, branch=branch)
    return phones


def until(provider: Provider, phones: list[str], *, more: int, seconds: float = 30) -> list[Sent]:
    """The texts to these numbers, as soon as there are so many."""
    deadline = time.monotonic() + seconds
    while True:
        found = [sent for sent in provider.texts() if sent.to in phones]
        if len(found) >= more:
            return found
        assert time.monotonic() < deadline, f"{len(found)} of {more} texts"
        time.sleep(0.1)


def ours(runtime: Runtime, provider: Provider, worker: WorkerProcess, turn: int) -> Took:
    """All are asked; when it is quiet one of them takes it."""
    provider.reset()
    phones = ask_all(runtime, turn)
    pages = until(provider, phones, more=ASKED)
    time.sleep(1)
    code = CODE.search(pages[0].body)
    assert code, pages[0].body
    watch, before = Stopwatch(), worker.own()
    start = provider.receive(pages[0].to, f"{code.group(1)}A")
    time.sleep(1.5)
    found = until(provider, phones, more=2 * ASKED)
    own = watch.took().own + worker.own() - before
    last = max(sent.at for sent in found[ASKED:] if sent.to != pages[0].to)
    return Took(wall=(last - start).total_seconds() * 1000, own=own)


def measure(name: str, url: str, provider: Provider, apps: list[App]) -> None:
    """Both ways in turns; the first pair warms up."""
    runtime = make_runtime(url, provider, public_url=SHOP)
    app = create_app(runtime.settings, runtime=runtime)
    app.config["RATELIMIT_ENABLED"] = False
    apps.append(app)
    with WorkerProcess(url, provider) as worker:
        pairs = []
        for turn in range(TURNS + 1):
            its = bare(runtime, provider)
            pairs.append((ours(runtime, provider, worker, turn), its))
    mine, its, wall, own = medians(pairs[1:])
    for way, took in (("bare SDK", its), ("stand-downs", mine)):
        print(f"{name:10} {way:12} {took.wall:7.1f} ms   own processors {took.own:7.1f} ms")
    print(f"{name:10} {'ratio':12} {wall:7.2f}      own processors {own:7.2f}      aim at {AIM}")
    runtime.db.dispose()


def main() -> None:
    """Measure and print."""
    apps: list[App] = []
    with doorway(apps) as address, databases() as made:
        inbound = f"{SHOP}/webhooks/twilio/message"
        with Provider(inbound_url=inbound, post_via=address, delivery_delay_seconds=3600.0) as provider:
            for name, make in made.items():
                measure(name, make("stand_down"), provider, apps)


if __name__ == "__main__":
    main()
