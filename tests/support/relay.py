"""A wire to a database or a server that can be held: what is sent no longer arrives, and neither side is notified."""

from __future__ import annotations

import asyncio
import contextlib
import pathlib
import urllib.parse
from collections.abc import AsyncIterator

from psycopg import conninfo


class Relay:
    """Passes bytes on until `held`; `url` is the database as seen through it, `address` host and port.

    `requests` counts what its clients sent: round trips, as a client of PostgreSQL waits for each answer.
    """

    def __init__(self, url: str) -> None:
        given = conninfo.conninfo_to_dict(url)
        self._host = str(given.get("host") or "localhost")
        self._port = int(given.get("port") or 5432)
        self._flows = asyncio.Event()
        self._flows.set()
        self._original = url
        self._passing: set[asyncio.Task[None]] = set()
        self._is_cut = False
        self.requests = 0
        self.url = ""
        self.address = ""

    def hold(self) -> None:
        """Let nothing pass any more."""
        self._flows.clear()

    def flow(self) -> None:
        """Let pass what waits, and what comes."""
        self._flows.set()

    async def serve(self, stack: contextlib.AsyncExitStack) -> None:
        """Listen until the stack is left."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        stack.callback(server.close)
        port = server.sockets[0].getsockname()[1]
        self.address = f"127.0.0.1:{port}"
        parts = urllib.parse.urlsplit(self._original)
        user = parts.netloc.rpartition("@")[0] or "postgres"
        query = "&".join(each for each in parts.query.split("&") if each and not each.startswith("host="))
        self.url = parts._replace(netloc=f"{user}@127.0.0.1:{port}", query=query).geturl()

    async def cut(self) -> None:
        """Cut what is connected, and whoever connects anew, at once."""
        self._is_cut = True
        await self.end()

    def mend(self) -> None:
        """Let those through that connect from now on."""
        self._is_cut = False

    async def end(self) -> None:
        """Cut what is connected."""
        for task in self._passing:
            task.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.close()
            return
        self._passing.add(asyncio.ensure_future(self._pass_on(reader, writer)))

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = pathlib.Path(self._host) / f".s.PGSQL.{self._port}"
        opening = (
            asyncio.open_unix_connection(path)
            if self._host.startswith("/")
            else asyncio.open_connection(self._host, self._port)
        )
        async with _closing(writer):
            far_reader, far_writer = await opening
            async with _closing(far_writer):
                await asyncio.gather(
                    self._copy(self._counted(reader), far_writer), self._copy(_chunks(far_reader), writer)
                )

    async def _copy(self, chunks: AsyncIterator[bytes], writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            async for chunk in chunks:
                await self._flows.wait()
                writer.write(chunk)
        writer.close()

    async def _counted(self, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
        async for chunk in _chunks(reader):
            self.requests += 1
            yield chunk


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while chunk := await reader.read(65536):
        yield chunk


@contextlib.asynccontextmanager
async def _closing(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    try:
        yield
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def running(url: str) -> AsyncIterator[Relay]:
    """Relay to the database of a URL."""
    async with contextlib.AsyncExitStack() as stack:
        relay = Relay(url)
        await relay.serve(stack)
        try:
            yield relay
        finally:
            await relay.end()
