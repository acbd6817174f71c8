"""Work with an event loop of its own, on threads that need not be waited for at the end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent import futures
from typing import Any, TypeVar

T = TypeVar("T")


class Threads:
    """Runs each work on a thread of its own, so that one that waits holds up no other, nor the end of the process."""

    def __init__(self) -> None:
        self._working: set[futures.Future[Any]] = set()

    async def run(self, work: Callable[[], T]) -> T:
        """Return what the work returns, or raise what it raises; it goes on when whoever waits for it does not."""
        done: futures.Future[T] = futures.Future()
        done.set_running_or_notify_cancel()
        self._working.add(done)
        done.add_done_callback(self._working.discard)

        def working() -> None:
            try:
                done.set_result(work())
            except BaseException as error:  # noqa: BLE001  # it is raised where it is waited for
                done.set_exception(error)

        threading.Thread(target=working, daemon=True).start()
        return await asyncio.wrap_future(done)

    async def settle(self, seconds: float) -> None:
        """Wait for what goes on; what takes too long ends with the process, as if it were killed."""
        going_on = [asyncio.wrap_future(each) for each in tuple(self._working)]
        if going_on:
            await asyncio.wait(going_on, timeout=seconds)
