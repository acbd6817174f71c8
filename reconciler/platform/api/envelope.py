"""What every request gets, even one that raises an unexpected exception: its IDs, response headers, and log line.

A single layer does all of this, because each layer costs every request one call per message.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

from starlette import types

from reconciler.platform.api import problems, request_ids

_ALWAYS = (  # prevents caching, and prevents browsers from guessing the content type
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
_LOG = logging.getLogger(__name__)


class Envelope:
    """Completes the headers of each response, and logs each request without its query and body.

    Every route that supports GET also supports HEAD: the same status and headers, no body (RFC 9110, 9.3.2).
    """

    def __init__(self, app: types.ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: types.Scope, receive: types.Receive, send: types.Send) -> None:
        """Pass the request on, with HEAD treated as GET."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()
        if not scope["path"].startswith("/"):
            scope = _in_origin_form(scope)
        status = 0
        ids = request_ids.of(scope["headers"])
        state = scope.setdefault("state", {})
        state["request_id"] = ids["X-Request-Id"]
        is_head = scope["method"] == "HEAD"

        async def complete(message: types.Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _completed(message["headers"], ids)
            elif is_head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        try:
            await self._app({**scope, "method": "GET"} if is_head else scope, receive, complete)
        finally:
            if _LOG.isEnabledFor(logging.INFO):
                fields = _fields(scope, ids, status, time.monotonic() - began)
                _LOG.info("request", extra={"fields": fields})


def _in_origin_form(scope: types.Scope) -> types.Scope:
    """Convert a request from absolute form, `GET http://host/path`, to origin form (RFC 9112, 3.2.2)."""
    scheme, _, rest = scope["path"].partition("://")
    if scheme.lower() not in {"http", "https"}:
        return scope
    raw = (scope.get("raw_path") or b"").partition(b"://")[2].partition(b"/")[2]
    return {**scope, "path": f"/{rest.partition('/')[2]}", "raw_path": b"/" + raw}


def _completed(headers: list[tuple[bytes, bytes]], ids: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Return the headers, adding those that are missing; headers that the response already has are unchanged."""
    names = {name for name, _ in headers}
    completed = [*headers, *(header for header in _ALWAYS if header[0] not in names)]
    for name, value in ids.items():
        completed.append((name.lower().encode(), value.encode()))
    return completed


def _fields(scope: types.Scope, ids: Mapping[str, str], status: int, seconds: float) -> dict[str, Any]:
    """Return the data for a request's log line."""
    state = scope["state"]
    fields = {
        "method": scope["method"],
        "path": problems.shown(scope["path"]),
        "status": status,
        "ms": round(seconds * 1000, 1),
        "request_id": ids["X-Request-Id"],
        "client": scope["client"][0] if scope.get("client") else "",
        "role": state.get("role", ""),
    }
    if "traceparent" in ids:
        fields["traceparent"] = ids["traceparent"]
    if state.get("caller") is not None:
        fields["subject"] = state["caller"].subject
    return fields
