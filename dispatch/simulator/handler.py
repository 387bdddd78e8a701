"""One HTTP connection, kept open between requests: what Twilio does, and what werkzeug's own handler does not."""

from __future__ import annotations

import io
from typing import Any

from werkzeug.serving import WSGIRequestHandler

# Left in the WSGI environment by a view that has closed the connection: there is nobody to answer.
CUT = "simulator.cut"


class PersistentHandler(WSGIRequestHandler):
    """Answers in one piece, keeps the connection, and notes it in the server's `open_connections`.

    Werkzeug's own handler closes after every answer and waits 10 ms for stray input; and an answer that leaves
    in pieces meets Nagle and delayed acknowledgements: 44 ms a call.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.server.open_connections.add(self.connection)  # type: ignore[attr-defined]

    def finish(self) -> None:
        self.server.open_connections.discard(self.connection)  # type: ignore[attr-defined]
        super().finish()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing: the paths hold phone numbers."""

    def run_wsgi(self) -> None:
        """Run the app on one request and send the whole answer."""
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            self.send_error(411)
            return
        self.environ = self.make_environ()
        # Read to the end first, or the rest of a body would be taken for the next request.
        length = int(self.headers.get("Content-Length") or 0)
        self.environ["wsgi.input"] = io.BytesIO(self.rfile.read(length))
        status, headers, body = run_app(self.server.app, self.environ)
        if CUT in self.environ:
            return
        connection, self.wfile = self.wfile, io.BytesIO()
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        if code != "204" and not any(name.lower() == "content-length" for name, _ in headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        answer = self.wfile.getvalue() + body
        self.wfile = connection
        self.wfile.write(answer)


def run_app(app: Any, environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes]:
    """Run a WSGI app to its end: (status line, headers, body)."""
    started: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], _: object = None) -> None:
        started[:] = [status, headers]

    answer = app(environ, start_response)
    try:
        body = b"".join(answer)
    finally:
        if hasattr(answer, "close"):
            answer.close()
    return started[0], started[1], body
