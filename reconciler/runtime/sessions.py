"""One connection and the event loop it lives on, which rests while a person is asked."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
from collections.abc import Coroutine, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from reconciler import settings, wiring
from reconciler.plan import ports
from reconciler.schedule import declarations, observed

if TYPE_CHECKING:
    from reconciler.temporal import connect

T = TypeVar("T")
_RECANCEL_EVERY = 0.1  # seconds


class Session:
    """A connected namespace, and `run` to ask it something."""

    def __init__(self, runner: asyncio.Runner, server: connect.Server) -> None:
        self._runner = runner
        self.server = server
        self.schedules = server.schedules
        self.pollers = server.pollers

    def target(self, declaration: declarations.Declaration) -> observed.Target:
        """Return the schedules that a spec is about."""
        return self.server.target(declaration.prefix, declaration.owner)

    def lock(self, writing: settings.Writing, prefix: str) -> ports.Lock:
        """Return the lock of the schedules with a prefix."""
        return wiring.lock(writing, self.server, prefix)

    def run(self, question: Coroutine[Any, Any, T]) -> T:
        """Wait for the answer.

        A second interrupt leaves the event loop at once, with the question pending. It is ended before the interrupt
        goes on, so that what it did is known to whoever records and reports it.
        """
        asked: list[asyncio.Task[Any]] = []
        try:
            return self._runner.run(_noted(question, asked))
        except KeyboardInterrupt:
            self._runner.run(_ended(asked))
            raise

    async def server_time(self) -> datetime.datetime:
        """Return the time by the server's clock, which stamps what schedules have done."""
        return await self.server.now()

    @contextlib.contextmanager
    def audit(self, writing: settings.Writing) -> Iterator[ports.Audit | None]:
        """Open the audit for a while; None without a database."""
        with self.within(wiring.audit(writing)) as found:
            yield found

    @contextlib.contextmanager
    def within(self, manager: contextlib.AbstractAsyncContextManager[T]) -> Iterator[T]:
        """Enter an asynchronous context manager for a while."""
        found = self.run(_entered(manager))
        try:
            yield found
        finally:
            self.run(_left(manager))


async def _noted(question: Coroutine[Any, Any, T], asked: list[asyncio.Task[Any]]) -> T:
    task = asyncio.current_task()
    if task is not None:
        asked.append(task)
    return await question


async def _ended(asked: list[asyncio.Task[Any]]) -> None:
    """Cancel the tasks until they end: one may treat the first as the request to finish its calls in progress."""
    while pending := [task for task in asked if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=_RECANCEL_EVERY)


async def _entered(manager: contextlib.AbstractAsyncContextManager[T]) -> T:
    return await manager.__aenter__()


async def _left(manager: contextlib.AbstractAsyncContextManager[object]) -> None:
    await manager.__aexit__(None, None, None)


@contextlib.contextmanager
def opened(connection: settings.Connection) -> Iterator[Session]:
    """Connect, and let go at the end."""
    with asyncio.Runner() as runner:
        server = runner.run(wiring.server(connection))
        try:
            yield Session(runner, server)
        finally:
            runner.run(server.close())
