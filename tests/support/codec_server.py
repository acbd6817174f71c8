"""A codec server on the loopback interface: what it encodes differs each time, as with real encryption."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import http.server
import json
import secrets
import threading
from collections.abc import Iterator
from typing import Any

ENCODING = "binary/encrypted"


@dataclasses.dataclass(slots=True)
class CodecServer:
    """What it was asked, and how it shall fail: `status` instead of 200, `answer` instead of payloads."""

    endpoint: str = ""
    auth: str = ""
    steps: list[str] = dataclasses.field(default_factory=list)
    headers: list[dict[str, str]] = dataclasses.field(default_factory=list)
    status: int = 200
    answer: str | None = None
    most_at_once: int = 0  # requests that were answered at the same time
    open: threading.Event = dataclasses.field(default_factory=threading.Event)  # no request is answered before
    _answering: int = 0
    _lock: threading.Lock = dataclasses.field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.open.set()

    @contextlib.contextmanager
    def answering(self) -> Iterator[None]:
        """Count a request while it is answered, which takes until the server is open."""
        with self._lock:
            self._answering += 1
            self.most_at_once = max(self.most_at_once, self._answering)
        self.open.wait()
        try:
            yield
        finally:
            with self._lock:
                self._answering -= 1


@contextlib.contextmanager
def running(*, auth: str = "") -> Iterator[CodecServer]:
    """Serve on a free port; with `auth`, only requests with this Authorization header."""
    codec = CodecServer(auth=auth)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            codec.steps.append(self.path.rpartition("/")[2])
            codec.headers.append({name.lower(): value for name, value in self.headers.items()})
            with codec.answering():
                status, text = _answer(codec, self.path, body, self.headers.get("Authorization", ""))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None:
            """Be quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        codec.endpoint = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield codec
        finally:
            server.shutdown()


def _answer(codec: CodecServer, path: str, body: bytes, auth: str) -> tuple[int, str]:
    if auth != codec.auth:
        return 401, "who are you?"
    if codec.status != 200 or codec.answer is not None:
        return codec.status, codec.answer or ""
    change = _encode if path.endswith("/encode") else _decode
    return 200, json.dumps({"payloads": [change(each) for each in json.loads(body)["payloads"]]})


def _encode(payload: Any) -> Any:
    """Return the payload scrambled with a key of its own, which travels along: enough to be unreadable in a test."""
    key = secrets.token_bytes(16)
    sealed = key + _scrambled(json.dumps(payload).encode(), key)
    return {"metadata": {"encoding": _text(ENCODING.encode())}, "data": _text(sealed)}


def _decode(payload: Any) -> Any:
    if payload.get("metadata", {}).get("encoding") != _text(ENCODING.encode()):
        return payload
    sealed = base64.b64decode(payload["data"])
    return json.loads(_scrambled(sealed[16:], sealed[:16]))


def _scrambled(data: bytes, key: bytes) -> bytes:
    return bytes(each ^ key[place % len(key)] for place, each in enumerate(data))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
