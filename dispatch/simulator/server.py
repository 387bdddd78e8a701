"""Serves a simulator on loopback: Twilio's paths and the control API behind one Basic auth."""

from __future__ import annotations

import hmac
import os
import signal
import socket
import threading
from dataclasses import dataclass

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException
from werkzeug.serving import BaseWSGIServer, make_server

from dispatch.foundation.log import get_logger

from .calls_api import create_account_blueprint, create_calls_blueprint
from .config import SimulatorConfig, is_loopback
from .control import create_control_blueprint
from .core import Simulator
from .handler import PersistentHandler
from .messages_api import create_messages_blueprint
from .rules import TwilioError
from .state import SimulatorState

log = get_logger("simulator.server")
HTTP_CODES = {404: 20404, 405: 20004}


def create_simulator(config: SimulatorConfig) -> Flask:
    """The simulator as a WSGI app. Its parts are in `app.extensions["simulator"]`."""
    simulator = Simulator.of(config)
    app = Flask(__name__, static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions["simulator"] = simulator
    _guard(app, config)
    _add_errors(app, simulator)
    for blueprint in (
        create_messages_blueprint(simulator),
        create_calls_blueprint(simulator),
        create_account_blueprint(simulator),
        create_control_blueprint(simulator),
    ):
        app.register_blueprint(blueprint)
    return app


def _guard(app: Flask, config: SimulatorConfig) -> None:
    keys = [(config.account_sid, config.auth_token), *config.api_keys]

    @app.before_request
    def authenticate() -> None:
        given = request.authorization
        user, password = (given.username or "", given.password or "") if given else ("", "")
        known = [_is_same(user, sid) and _is_same(password, secret) for sid, secret in keys]
        if not any(known):
            raise TwilioError(20003)


def _add_errors(app: Flask, simulator: Simulator) -> None:
    @app.errorhandler(TwilioError)
    def refused(error: TwilioError) -> tuple[Response, int]:
        simulator.state.count(f"error_{error.code}")
        return jsonify(error.as_json()), error.status

    @app.errorhandler(HTTPException)
    def missing(error: HTTPException) -> tuple[Response, int]:
        status = error.code or 500
        body = TwilioError(HTTP_CODES.get(status, 20001)).as_json()
        return jsonify({**body, "status": status}), status


def _is_same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())


@dataclass
class RunningSimulator:
    """A simulator that answers at `url` until `stop`."""

    url: str
    config: SimulatorConfig
    app: Flask
    simulator: Simulator
    _server: BaseWSGIServer
    _thread: threading.Thread
    _connections: set[socket.socket]

    @property
    def state(self) -> SimulatorState:
        """What it remembers."""
        return self.simulator.state

    def settle(self, timeout_seconds: float = 5.0) -> bool:
        """Wait until every text has come to its end and every receipt was posted. False when it took too long."""
        return self.simulator.timetable.settle(timeout_seconds)

    def stop(self) -> None:
        """Stop answering, cut what is still connected, end the threads. Safe to call twice."""
        self.simulator.stop()
        self._server.shutdown()
        self._thread.join(timeout=5)
        # Kept-alive connections would go on being answered by their threads: a dead service must look dead.
        for connection in list(self._connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


def start_simulator(config: SimulatorConfig, *, host: str = "127.0.0.1", port: int = 0) -> RunningSimulator:
    """Serve a simulator from threads of this process; `port` 0 takes a free one.

    Raises ValueError for a host that is not loopback, OSError when the port is taken.
    """
    if not is_loopback(host):
        raise ValueError("the simulator is served on loopback only (127.0.0.1, ::1, localhost)")
    app = create_simulator(config)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Bound here, not by werkzeug, which ends the whole process when a port is taken.
    with socket.create_server((host, port), family=family, backlog=256) as listener:
        server = make_server(
            host,
            port,
            app,
            threaded=True,
            request_handler=PersistentHandler,
            fd=listener.fileno(),
        )
    connections: set[socket.socket] = set()
    server.open_connections = connections  # type: ignore[attr-defined]
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="simulator-server", daemon=True
    )
    thread.start()
    shown = f"[{host}]" if ":" in host else host
    return RunningSimulator(
        url=f"http://{shown}:{server.port}",
        config=config,
        app=app,
        simulator=app.extensions["simulator"],
        _server=server,
        _thread=thread,
        _connections=connections,
    )


def serve_forever(config: SimulatorConfig, host: str, port: int) -> None:
    """Serve until SIGTERM, Ctrl-C or the end of the parent process; for a child process's main thread.

    Raises as `start_simulator` does.
    """
    told_to_stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told_to_stop.set())
    parent = os.getppid()
    running = start_simulator(config, host=host, port=port)
    log.warning("simulated phones: nothing is really sent", url=running.url)
    # A parent that was killed can't say so: an orphan would keep the port for ever.
    while not told_to_stop.wait(0.5) and os.getppid() == parent:
        continue
    running.stop()
