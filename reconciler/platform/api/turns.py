"""One sync at a time in this process; the others wait without a thread, and can report whose turn it is."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
from collections.abc import AsyncIterator

from reconciler import errors
from reconciler.plan import labels, ports
from reconciler.runtime import clock


class Turn:
    """The turn to sync, and who has it."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._holder: ports.Holder | None = None

    @contextlib.asynccontextmanager
    async def taken(self, holder: ports.Holder, patience: datetime.timedelta) -> AsyncIterator[datetime.timedelta]:
        """Wait up to `patience` for the turn, and yield the time that remains; raises `errors.LockedError` on timeout.

        `holder` identifies the new holder to others that are waiting.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + patience.total_seconds()
        try:
            async with asyncio.timeout_at(end):
                await self._lock.acquire()
        except TimeoutError:
            raise _busy(self._holder or holder) from None
        self._holder = dataclasses.replace(holder, since=clock.now())
        try:
            yield datetime.timedelta(seconds=max(0.0, end - loop.time()))
        finally:
            self._lock.release()


def _busy(holder: ports.Holder) -> errors.LockedError:
    age = labels.age(holder, clock.now())
    return labels.busy(
        holder,
        f"a sync by {labels.holder(holder)} {'has been' if age else 'is'} running{age}",
        hint="sync again after that sync has ended, or start the service with --lock-timeout to wait for it",
    )
