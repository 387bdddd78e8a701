"""Texts per second through one worker beside the bare SDK at the same concurrency, to the same provider, in turns.

The outbox holds so many queued texts; counted is from the instant they are committed until the last has reached the
provider, and what our process spent until all are settled. Run it as
`python -m tests.benchmarks.throughput [sqlite] [postgresql]`.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import func, select

from dispatch.foundation.clock import SystemClock
from dispatch.messaging.rules import Kind, TextState
from dispatch.messaging.service import Draft, enqueue
from dispatch.messaging.tables import OutgoingText
from dispatch.runtime import Runtime
from dispatch.scheduler import Worker
from tests.benchmarks.kit import CONCURRENCY, NOWHERE, Provider, Stopwatch, Took, databases, make_runtime, medians

TEXTS, TURNS = 400, 5
AIM = 0.7
BODY = (
    "Hello Arjun, Kala Books has your order: Physics 2. You will have it by 18:40. See where it is: https://x.example/t"
)


def phone(number: int) -> str:
    """A number of its own for each: what somebody has had today is counted."""
    return f"+4477008{number:05d}"


def bare(runtime: Runtime) -> Took:
    """Nothing but calls of the SDK."""

    def send(number: int) -> None:
        callback = f"{NOWHERE}/webhooks/twilio/status?o={number}"
        runtime.texts.send(to=phone(number), body=BODY, status_callback=callback, validity_seconds=None)

    with ThreadPoolExecutor(CONCURRENCY) as pool:
        watch = Stopwatch()
        list(pool.map(send, range(TEXTS)))
        return watch.took()


def ours(runtime: Runtime, provider: Provider, turn: int) -> Took:
    """A worker that finds them all at once."""
    worker = Worker(runtime)
    worker.start()
    time.sleep(1)
    start, watch = SystemClock().now(), Stopwatch()
    with runtime.db.transaction() as session:
        for number in range(TEXTS):
            draft = Draft(key=f"{turn}:{number}", kind=Kind.NOTICE, to_phone=phone(turn * TEXTS + number), body=BODY)
            enqueue(session, draft, start)
    # Laying them out is not what is measured.
    start, own = SystemClock().now(), watch.took().own
    while unsettled(runtime):
        time.sleep(0.1)
    spent = watch.took().own - own
    worker.stop()
    return Took(wall=(provider.texts()[-1].at - start).total_seconds() * 1000, own=spent)


def unsettled(runtime: Runtime) -> int:
    """How many are not known to have left."""
    with runtime.db.snapshot() as session:
        waiting = OutgoingText.state.in_((TextState.QUEUED, TextState.SENDING))
        return session.scalars(select(func.count()).select_from(OutgoingText).where(waiting)).one()


def measure(name: str, url: str, provider: Provider) -> None:
    """Both ways in turns; the first pair warms up."""
    runtime = make_runtime(url, provider)
    pairs = []
    for turn in range(TURNS + 1):
        its = bare(runtime)
        provider.reset()
        pairs.append((ours(runtime, provider, turn), its))
        provider.reset()
    mine, its, wall, own = medians(pairs[1:])
    for way, took in (("bare SDK", its), ("one worker", mine)):
        rate = TEXTS / took.wall * 1000
        print(f"{name:10} {way:10} {rate:7.0f} texts/s   own processor {took.own / TEXTS:6.2f} ms each")
    print(f"{name:10} ratio      {1 / wall:7.2f}           own processor {1 / own:6.2f}      aim at {AIM}")
    runtime.db.dispose()


def main() -> None:
    """Measure and print."""
    with Provider() as provider, databases() as made:
        for name, make in made.items():
            measure(name, make("throughput"), provider)


if __name__ == "__main__":
    main()
