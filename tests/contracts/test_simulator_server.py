"""The simulator as a server: its control API, its connections, loopback only, and as a child process."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import requests
from twilio.base.exceptions import TwilioRestException

from dispatch.simulator.config import SimulatorConfig
from dispatch.simulator.server import serve_forever, start_simulator
from tests.contracts.test_simulator_kit import ACCOUNT, RAVI, TOKEN, World, world


@pytest.fixture
def w() -> Iterator[World]:
    with world() as running:
        yield running


def test_threads_answer_204_until_something_changes(w: World) -> None:
    version = w.control("GET", "/sim/threads").json()["version"]
    assert w.control("GET", f"/sim/threads?version={version}").status_code == 204
    w.send()
    assert w.sim.settle()
    answer = w.control("GET", f"/sim/threads?version={version}")
    assert answer.status_code == 200
    assert answer.json()["phones"][0]["entries"][0]["status"] == "delivered"
    assert w.control("POST", "/sim/reset").status_code == 204
    assert w.control("GET", "/sim/threads").json()["phones"] == []
    assert w.control("GET", "/sim/counts").json() == {}


def test_faults_are_ordered_and_cleared_over_http(w: World) -> None:
    order = {"kind": "rate_limited", "to": RAVI, "count": 1}
    made = w.control("POST", "/sim/faults", json=order)
    assert made.status_code == 201
    assert made.json() | order == made.json()
    with pytest.raises(TwilioRestException):
        w.send()
    assert w.control("GET", "/sim/faults").json() == {"faults": []}
    w.control("POST", "/sim/faults", json={"kind": "server_error"})
    assert w.control("DELETE", "/sim/faults").status_code == 204
    assert w.send().status == "queued"


@pytest.mark.parametrize(
    ("path", "order"),
    [
        ("/sim/faults", {"kind": "meteor"}),
        ("/sim/faults", {"kind": "slow", "seconds": -1}),
        ("/sim/faults", {"kind": "slow", "seconds": "soon"}),
        ("/sim/faults", {"kind": "slow", "count": 0}),
        ("/sim/faults", {"kind": "slow", "two": RAVI}),
        ("/sim/inbound", {"from": "Ravi", "body": "hi"}),
        ("/sim/inbound", {"from": RAVI, "body": ""}),
        ("/sim/inbound", {"from": RAVI, "body": "hi", "deliveries": 99}),
    ],
)
def test_senseless_orders_are_refused(w: World, path: str, order: dict[str, object]) -> None:
    answer = w.control("POST", path, json=order)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_the_control_api_is_behind_the_same_credentials(w: World) -> None:
    for path in ("/sim/threads", "/sim/health", "/nowhere"):
        assert requests.get(w.sim.url + path, timeout=5).status_code == 401
    assert w.control("GET", "/sim/health").json()["warning"] == "Simulated phones: nothing is really sent."


def test_a_child_process_serves_until_sigterm() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = SimulatorConfig(account_sid=ACCOUNT, auth_token=TOKEN)
    child = multiprocessing.get_context("spawn").Process(
        target=serve_forever, args=(config, "127.0.0.1", port), daemon=True
    )
    child.start()
    deadline, status = time.monotonic() + 15, None
    while status is None and time.monotonic() < deadline:
        try:
            status = requests.get(f"http://127.0.0.1:{port}/sim/health", auth=(ACCOUNT, TOKEN), timeout=1).status_code
        except requests.ConnectionError:
            time.sleep(0.05)
    assert status == 200
    os.kill(child.pid or 0, signal.SIGTERM)
    child.join(timeout=5)
    assert child.exitcode == 0
    child.close()


def test_a_stopped_simulator_is_silent_on_kept_connections() -> None:
    with world() as w:
        w.send()
        w.sim.stop()
        with pytest.raises(requests.exceptions.ConnectionError):
            w.send()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "shop.example"])
def test_is_served_on_loopback_only(host: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        start_simulator(SimulatorConfig(account_sid=ACCOUNT, auth_token=TOKEN), host=host)


def test_a_taken_port_is_an_error_and_not_the_end_of_the_process(w: World) -> None:
    with pytest.raises(OSError, match=r"[Aa]ddress already in use"):
        start_simulator(w.sim.config, port=int(w.sim.url.rsplit(":", 1)[1]))


def test_keeps_the_connection_and_answers_without_delay(w: World) -> None:
    for _ in range(5):
        w.send()
    began = time.monotonic()
    for _ in range(20):
        w.send()
    assert (time.monotonic() - began) / 20 < 0.035, "44 ms a call mean Nagle met delayed acknowledgements"
    assert len(w.sim._connections) == 1


def test_an_orphan_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    parents = iter([100, 100])
    monkeypatch.setattr(os, "getppid", lambda: next(parents, 1))
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    config = SimulatorConfig(account_sid=ACCOUNT, auth_token=TOKEN)
    orphan = threading.Thread(target=serve_forever, args=(config, "127.0.0.1", 0), daemon=True)
    orphan.start()
    orphan.join(timeout=5)
    assert not orphan.is_alive()
