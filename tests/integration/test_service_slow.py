"""Clients that are slow on purpose: none of them holds a connection, or the end of the service, for long."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
from collections.abc import AsyncIterator, Iterator

import pytest
import uvicorn
from starlette import types

from reconciler.platform.api import connections, limits
from tests.support import program, service

HEAD = "Host: x\r\nContent-Type: application/json\r\n"
LARGE = b"x" * 10_000_000  # more than the buffers of a connection hold


async def application(scope: types.Scope, receive: types.Receive, send: types.Send) -> None:
    """Answer `/unread` before the body is read, and any other path afterwards, with more than fits into buffers."""
    if scope["path"] != "/unread":
        while (await receive()).get("more_body"):
            pass
    body = LARGE if scope["path"] == "/large" else b"ok"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


@contextlib.asynccontextmanager
async def served() -> AsyncIterator[tuple[str, int]]:
    """Run an application on the service's connections, and return where."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(application, http=connections.Connection, lifespan="off", log_config=None)
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield listening.getsockname()
        finally:
            server.should_exit = True
            await running


async def ended(reader: asyncio.StreamReader) -> bytes:
    """Return what else comes until the other side ends the connection."""
    received = b""
    async with asyncio.timeout(program.TIMEOUT):
        with contextlib.suppress(ConnectionResetError):
            while more := await reader.read(65536):
                received += more
    return received


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "GET / HTTP/1.1\r\nHost",
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /unread HTTP/1.1\r\nContent-Length: 9\r\n",
    ],
    ids=["nothing", "half a head", "nothing after a request", "half a body that is not read"],
)
async def test_a_client_that_sends_no_more_is_not_waited_for(sent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "TO_SEND", 0.2)
    async with served() as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(sent.replace("9\r\n", "9\r\nHost: x\r\n\r\n{").encode())
        answer = await ended(reader)
        assert (b" 200 " in answer) is ("\r\n\r\n" in sent or "unread" in sent)
        writer.close()


async def test_a_client_that_sends_a_byte_from_time_to_time_is_not_waited_for_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "TO_SEND", 0.5)
    async with served() as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"GET / HTTP/1.1\r\nX: ")
        end = asyncio.create_task(ended(reader))
        while not end.done():
            with contextlib.suppress(ConnectionError):
                writer.write(b"x")
                await writer.drain()
            await asyncio.wait({end}, timeout=0.05)
        assert b" 200 " not in await end
        writer.close()


async def test_a_client_that_does_not_read_its_response_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "TO_READ", 0.2)
    lost = asyncio.Event()

    class Watched(connections.Connection):
        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            lost.set()

    monkeypatch.setattr(connections, "Connection", Watched)
    async with served() as address:
        with socket.create_connection(address) as connection:
            connection.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
            async with asyncio.timeout(program.TIMEOUT):
                await lost.wait()


async def test_a_client_that_goes_on_is_served_however_often_it_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "TO_READ", 60.0)
    async with served() as address:
        reader, writer = await asyncio.open_connection(*address, limit=2 * len(LARGE))
        for _ in range(3):
            writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
            assert await reader.readuntil(b"0\r\n\r\n")
        writer.close()


async def test_a_body_that_does_not_come_is_answered_with_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TO_BEGIN", 0.1)
    sent: list[types.Message] = []
    never = asyncio.Event()

    async def receive() -> types.Message:
        await never.wait()
        raise AssertionError

    async def read(_: types.Scope, receive: types.Receive, __: types.Send) -> None:
        await receive()

    async def send(message: types.Message) -> None:
        sent.append(message)

    with pytest.raises(Exception, match="408"):
        await limits.BodyLimit(read, most=1000)({"type": "http", "headers": []}, receive, send)


@pytest.fixture
def running(reconciler: program.Program, database_url: str) -> Iterator[service.Service]:
    with service.running(reconciler, database_url, "--repair-every", "0s", "--log-format", "json") as found:
        yield found


def test_half_sent_requests_end_by_themselves_and_delay_neither_others_nor_the_end(running: service.Service) -> None:
    host, port = running.url.removeprefix("http://").split(":")

    def opened(text: str) -> socket.socket:
        connection = socket.create_connection((host, int(port)), timeout=service.TIMEOUT)
        connection.sendall(text.encode())
        return connection

    token = running.token()
    body = f"{HEAD}Authorization: Bearer {token}\r\nContent-Length: 100\r\n\r\n{{"
    with contextlib.ExitStack() as stack, running.client() as client:
        heads = [stack.enter_context(opened(f"GET / HTTP/1.1\r\n{HEAD}")) for _ in range(300)]
        halves = [stack.enter_context(opened(f"POST {service.SCHEDULES} HTTP/1.1\r\n{body}")) for _ in range(3)]
        assert client.get("/healthz").status_code == 200
        answers = [each.recv(10_000) for each in halves]
        assert {answer.partition(b"\r\n")[0] for answer in answers} == {b"HTTP/1.1 408 Request Timeout"}
        assert all(b"application/problem+json" in answer for answer in answers)
        for each in heads:
            with contextlib.suppress(ConnectionResetError):
                assert each.recv(1) == b""
        stack.enter_context(opened(f"POST {service.SCHEDULES} HTTP/1.1\r\n{body}"))
        assert client.get("/healthz").status_code == 200
        running.process.send_signal(signal.SIGTERM)
        code, messages = running.rest()
    assert code == 0
    assert "Traceback" not in messages


def test_a_long_path_is_not_logged_in_full(running: service.Service) -> None:
    with running.client() as client:
        assert client.get(f"/{'x' * 60_000}").status_code == 404
    code, messages = running.end()
    assert code == 0
    (logged,) = [record for record in map(json.loads, messages.splitlines()) if record.get("status") == 404]
    assert logged["path"] == f"/{'x' * 199}… (60001 characters)"
