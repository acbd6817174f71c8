"""One sync at a time in this process: the others wait for their turn without a thread, and know whose it is."""

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
    """Whose turn it is."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._holder: ports.Holder | None = None

    @contextlib.asynccontextmanager
    async def taken(self, holder: ports.Holder, patience: datetime.timedelta) -> AsyncIterator[datetime.timedelta]:
        """Wait for the turn, up to `patience`, and yield what is left of it; `errors.LockedError` when it is not time.

        `holder` is whoever takes it, as it is named to those who wait.
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
    return errors.LockedError(
        f"the schedules are being synced by {labels.holder(holder, clock.now())}",
        hint="sync again once that has ended; a service with --lock-timeout waits for it",
        who=holder.who,
        run=holder.run,
        since=holder.since,
    )
