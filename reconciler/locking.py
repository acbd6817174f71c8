"""Wait for a lock, or do without one."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable

from reconciler import errors, model, ports

_AGAIN_AFTER = 1.0  # seconds


async def take(
    lock: ports.Lock, holder: model.Holder, patience: datetime.timedelta, waiting: Callable[[str], None]
) -> ports.Lease:
    """Take the lock, waiting up to `patience` for it; `waiting` hears once who has it.

    Raises `errors.LockedError` when it is still held then.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + patience.total_seconds()
    told = False
    while True:
        try:
            return await lock.acquire(holder)
        except errors.LockedError as busy:
            left = end - loop.time()
            if left <= 0:
                raise
            if not told:
                waiting(busy.message)
                told = True
            await asyncio.sleep(min(_AGAIN_AFTER, left))


class Unlocked:
    """No lock at all: conflict tokens alone keep two applies from losing each other's work."""

    async def acquire(self, holder: model.Holder) -> Unlocked:
        """Take nothing."""
        del holder
        return self

    async def holder(self) -> None:
        """Return that nobody holds it."""

    async def free(self) -> None:
        """Return that nobody held it."""

    def lost(self) -> str:
        """Return that nothing was lost."""
        return ""

    async def release(self) -> None:
        """Let go of nothing."""
