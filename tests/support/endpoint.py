"""A service on the loopback interface that starts executions, once for each idempotency key."""

from __future__ import annotations

import contextlib
import dataclasses
import http.server
import json
import threading
import uuid
from collections.abc import Iterator
from typing import Any

RUN = uuid.UUID("0190f0a0-0000-7000-8000-000000000001")


@dataclasses.dataclass(slots=True)
class Endpoint:
    """What it was asked, and how it shall answer: each of `answers` once, then 200; while `held`, not at all."""

    url: str = ""
    paths: list[str] = dataclasses.field(default_factory=list)
    headers: list[dict[str, str]] = dataclasses.field(default_factory=list)
    bodies: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    answers: list[tuple[int, dict[str, str], bytes]] = dataclasses.field(default_factory=list)
    flows: threading.Event = dataclasses.field(default_factory=threading.Event)
    asked: threading.Event = dataclasses.field(default_factory=threading.Event)

    @property
    def keys(self) -> list[str]:
        """Return the idempotency keys in the order in which they came."""
        return [each["idempotency-key"] for each in self.headers]

    def hold(self) -> None:
        """Answer nobody."""
        self.flows.clear()

    def flow(self) -> None:
        """Answer those who wait, and those who come."""
        self.flows.set()


@contextlib.contextmanager
def running() -> Iterator[Endpoint]:
    """Serve on a free port."""
    endpoint = Endpoint()
    endpoint.flow()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            endpoint.paths.append(self.path)
            endpoint.headers.append({name.lower(): value for name, value in self.headers.items()})
            endpoint.bodies.append(json.loads(body))
            endpoint.asked.set()
            endpoint.flows.wait()
            messages = json.dumps({"runId": str(RUN)}).encode()
            status, headers, answer = endpoint.answers.pop(0) if endpoint.answers else (200, {}, messages)
            with contextlib.suppress(OSError):  # a killed worker waits for no answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            """Be quiet."""

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """Be quiet about callers that are gone."""

    with Server(("127.0.0.1", 0), Handler) as server:
        endpoint.url = f"http://127.0.0.1:{server.server_port}/graphs/{{workflow}}/runs"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield endpoint
        finally:
            endpoint.flow()
            server.shutdown()
