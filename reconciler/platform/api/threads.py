"""Jobs with their own event loops, on threads that do not delay the end of the process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent import futures
from typing import Any, TypeVar

T = TypeVar("T")


class Threads:
    """Runs each job on its own thread, so that a waiting job delays neither the others nor the end of the process."""

    def __init__(self) -> None:
        self._working: set[futures.Future[Any]] = set()

    async def run(self, work: Callable[[], T]) -> T:
        """Return what the job returns, or raise what it raises; the job continues even if the caller stops waiting."""
        done: futures.Future[T] = futures.Future()
        done.set_running_or_notify_cancel()
        self._working.add(done)
        done.add_done_callback(self._working.discard)

        def working() -> None:
            try:
                done.set_result(work())
            except BaseException as error:  # noqa: BLE001  # it is raised in the caller that awaits it
                done.set_exception(error)

        threading.Thread(target=working, daemon=True).start()
        return await asyncio.wrap_future(done)

    async def settle(self, seconds: float) -> None:
        """Wait for jobs in progress; those that take too long end with the process, as if they were killed."""
        going_on = [asyncio.wrap_future(each) for each in tuple(self._working)]
        if going_on:
            await asyncio.wait(going_on, timeout=seconds)
