"""Liveness and readiness over HTTP: `/healthz` if the process responds at all, `/readyz` if it accepts work."""

from __future__ import annotations

import asyncio
import contextlib
import http
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

from reconciler import errors

_PATIENCE = 5.0  # seconds for a client to send its request, and to read the response
_LIMIT = 8192  # bytes of a request's head

Ready = Callable[[], Awaitable[Mapping[str, str]]]


@contextlib.asynccontextmanager
async def served(address: tuple[str, int], ready: Ready) -> AsyncIterator[None]:
    """Serve on a host and port while the context lasts; raises `errors.UsageError` if the address cannot be used.

    `ready` returns, within seconds, what is wrong with each dependency, by name; empty for one that is ready.
    """
    host, port = address

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(_PATIENCE):
                head = await reader.readuntil(b"\r\n\r\n")
            answer = await _answer(head, ready)
            async with asyncio.timeout(_PATIENCE):
                writer.write(answer)
                await writer.drain()
        writer.close()

    try:
        server = await asyncio.start_server(accept, host, port, limit=_LIMIT)
    except OSError as error:
        raise errors.UsageError(
            f"--health {host}:{port}: cannot listen on this address ({error.strerror})", hint="choose a free host:port"
        ) from error
    try:
        yield
    finally:
        server.close()


async def _answer(head: bytes, ready: Ready) -> bytes:
    method, path = [*head.split(b"\r\n", 1)[0].decode("latin-1").split(" "), "", ""][:2]
    if method not in ("GET", "HEAD"):
        return _response(http.HTTPStatus.METHOD_NOT_ALLOWED, {"error": "use GET"}, method)
    match path.partition("?")[0]:
        case "/healthz":
            return _response(http.HTTPStatus.OK, {"status": "alive"}, method)
        case "/readyz":
            found = await ready()
            is_ready = not any(found.values())
            checks = {name: wrong or "ok" for name, wrong in found.items()}
            status = http.HTTPStatus.OK if is_ready else http.HTTPStatus.SERVICE_UNAVAILABLE
            return _response(status, {"status": "ready" if is_ready else "not ready", **checks}, method)
        case _:
            return _response(http.HTTPStatus.NOT_FOUND, {"error": "see /healthz and /readyz"}, method)


def _response(status: http.HTTPStatus, reasons: Mapping[str, str], method: str) -> bytes:
    body = json.dumps(reasons).encode() + b"\n"
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + (b"" if method == "HEAD" else body)
