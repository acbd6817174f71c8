"""One connection and its event loop, which is paused while the user is prompted."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
from collections.abc import Coroutine, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from reconciler import settings, wiring
from reconciler.plan import build, ports, progress
from reconciler.schedule import declarations, observed, ownership

if TYPE_CHECKING:
    from reconciler.temporal import connect

T = TypeVar("T")
_RECANCEL_EVERY = 0.1  # seconds


class Session:
    """A connected namespace, with `run` to wait for calls, and `progress` to report on long ones."""

    def __init__(self, runner: asyncio.Runner, server: connect.Server, progress: ports.Progress) -> None:
        self._runner = runner
        self.progress = progress
        self.server = server
        self.schedules = server.schedules
        self.pollers = server.pollers
        self.attributes = server.attributes

    def target(self, declaration: declarations.Declaration) -> observed.Target:
        """Return the schedules that a spec covers; raises `errors.UsageError` for an empty prefix without an owner."""
        build.check_owner(declaration)
        return self.server.target(declaration.prefixes, declaration.owner, of_users=declaration.of_users)

    def lock(self, writing: settings.Writing, prefixes: ownership.Prefixes) -> ports.Lock:
        """Return the lock on the schedules with these prefixes."""
        return wiring.lock(writing, self.server, prefixes)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return the result of a coroutine.

        A second interrupt exits the event loop at once and leaves the task pending. In that case, the task is ended
        before the interrupt propagates, so that its effects are known when they are recorded and reported.
        """
        tasks: list[asyncio.Task[Any]] = []
        results: list[T] = []
        try:
            self._runner.run(_tracked(work, tasks, results))
        except KeyboardInterrupt:
            self._runner.run(_cancelled(tasks))
            raise
        return results[0]

    async def server_time(self) -> datetime.datetime:
        """Return the time on the server's clock, which also timestamps schedules."""
        return await self.server.now()

    @contextlib.contextmanager
    def audit(self, writing: settings.Writing) -> Iterator[ports.Audit | None]:
        """Open the audit; yields None without a database."""
        with self.within(wiring.audit(writing)) as audit:
            yield audit

    @contextlib.contextmanager
    def within(self, manager: contextlib.AbstractAsyncContextManager[T]) -> Iterator[T]:
        """Enter an asynchronous context manager."""
        value = self.run(_enter(manager))
        try:
            yield value
        finally:
            self.run(_exit(manager))


async def _tracked(work: Coroutine[Any, Any, T], tasks: list[asyncio.Task[Any]], results: list[T]) -> None:
    """Add the task and its result to the lists.

    The result is stored instead of returned, because Python formats the task, including its result, as text when it
    looks up the SIGINT handler at the end of a run, which is slow for a large result.
    """
    task = asyncio.current_task()
    if task is not None:
        tasks.append(task)
    results.append(await work)


async def _cancelled(tasks: list[asyncio.Task[Any]]) -> None:
    """Cancel the tasks until they end; a task may treat the first cancellation as a request to finish its calls."""
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=_RECANCEL_EVERY)


async def _enter(manager: contextlib.AbstractAsyncContextManager[T]) -> T:
    return await manager.__aenter__()


async def _exit(manager: contextlib.AbstractAsyncContextManager[object]) -> None:
    await manager.__aexit__(None, None, None)


@contextlib.contextmanager
def opened(connection: settings.Connection, progress: ports.Progress = progress.SILENT) -> Iterator[Session]:
    """Connect, and close the connection at the end."""
    with asyncio.Runner() as runner:
        server = runner.run(wiring.server(connection, progress))
        try:
            yield Session(runner, server, progress)
        finally:
            runner.run(server.close())
