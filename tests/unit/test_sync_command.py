"""What `sync --via-service` makes of whatever answers."""

from __future__ import annotations

import http.server
import io
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from reconciler import errors
from reconciler.cli import console
from reconciler.cli import sync as sync_command

PROBLEM = "application/problem+json"
SYNCED = {
    **dict.fromkeys(("created", "updated", "resumed", "paused", "skipped", "failed", "stale", "not_begun"), 0),
    "status": "applied",
    "exit_code": 0,
    "steps": [],
    "warnings": [],
}
STEP = {"id": "a", "verb": "create", "status": "done", "detail": None}


class Server(http.server.ThreadingHTTPServer):
    """Answers everything with `answer`: a status, a type and a body."""

    answer: tuple[int, str, bytes]


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        status, kind, body = self.server.answer
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), _Handler) as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def sync(server: Server, *arguments: str) -> tuple[int, str, str]:
    """Run the command; return its exit code and what it printed."""
    out, err = io.StringIO(), io.StringIO()
    given = ["--via-service", f"http://127.0.0.1:{server.server_port}", "--token", "t", *arguments]
    code: int = sync_command.sync.main(given, obj=console.Console(out, err), standalone_mode=False)
    return code, out.getvalue(), err.getvalue()


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        (200, "application/json", {}),
        (200, "application/json", []),
        (200, "application/json", {"exit_code": 0, "status": "skipped", "reason": "x"}),
        (200, "application/json", {**SYNCED, "exit_code": "0"}),
        (200, "application/json", {**SYNCED, "exit_code": 999}),
        (200, "application/json", {**SYNCED, "created": None}),
        (200, "application/json", {**SYNCED, "steps": "abc"}),
        (200, "application/json", {**SYNCED, "steps": [1]}),
        (200, "application/json", {**SYNCED, "steps": [{**STEP, "verb": []}]}),
        (200, "text/html", "<html>"),
        (302, "text/html", ""),
        (500, "application/json", {"problems": "abc"}),
        (500, PROBLEM, {"status": 500, "detail": "x", "problems": "abc"}),
        (422, PROBLEM, {"status": 422, "detail": "x", "errors": [None]}),
        (422, PROBLEM, {"status": 422, "detail": "x", "errors": {}}),
        (502, PROBLEM, {"status": 502, "detail": "x", "steps": [STEP]}),
        (502, "text/html", "<html>"),
        (401, "application/json", {"error": "unauthorized"}),
        (200, "application/json", "[" * 100_000),
    ],
)
def test_what_is_not_the_service_is_told_so(server: Server, status: int, kind: str, body: object) -> None:
    text = body if isinstance(body, str) else json.dumps(body)
    server.answer = (status, kind, text.encode())
    for form in ("text", "json"):
        with pytest.raises(
            errors.ServiceError, match=rf"did not respond like the reconciler service \(HTTP {status}\)"
        ):
            sync(server, "--format", form)


def test_what_the_service_cannot_take_is_told_by_its_keys(server: Server) -> None:
    wrong = [{"pointer": "#/dry_run", "detail": "no boolean", "hint": "send true"}, {"parameter": "x", "detail": "y"}]
    problem = {"status": 422, "detail": "the request cannot be taken", "hint": "correct it", "errors": wrong}
    server.answer = (422, PROBLEM, json.dumps(problem).encode())
    code, out, err = sync(server)
    assert (code, out) == (1, "")
    assert err.splitlines() == [
        "#/dry_run: no boolean; send true",
        "x: y",
        "Error: the request cannot be taken",
        "Correct it.",
    ]


def test_what_is_no_digest_is_stale_before_anybody_is_asked(server: Server) -> None:
    server.answer = (200, "text/html", b"")
    for digest in ("", "abc", "sha256:" + "0" * 63):
        with pytest.raises(errors.StaleError, match="is not a valid plan digest"):
            sync(server, "--expect-digest", digest)
