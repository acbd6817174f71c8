"""Wait for a lock, do without one, and know whether it is still held."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import logging
import math
import time
from collections.abc import Awaitable, Callable

from reconciler import errors
from reconciler.plan import ports

_LOG = logging.getLogger(__name__)

_AGAIN_AFTER = 1.0  # seconds
LOOK_EVERY = 0.5  # seconds that a look whether the lock is still there waits for news
FRESH = 2.0  # seconds from its beginning for which a look is good; nothing is written upon an older one
PATIENCE = 20.0  # seconds that a write waits for a newer one, until the lock is considered lost
_QUIET = 5.0  # seconds of that without a word about it
TAKEN = "the lock was taken away"
UNSURE = "whether the lock is still held is unknown"


async def take(
    lock: ports.Lock,
    holder: ports.Holder,
    patience: datetime.timedelta,
    waiting: Callable[[str], None],
    ending: Callable[[], bool] = lambda: False,
) -> ports.Lease:
    """Take the lock, waiting up to `patience` for it, or until all is `ending`; `waiting` is called once with its
    holder.

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
            if left <= 0 or ending():
                raise
            if not told:
                waiting(busy.message)
                told = True
            await asyncio.sleep(min(_AGAIN_AFTER, left))


class Unlocked:
    """No lock at all: conflict tokens alone keep two applies from losing each other's work."""

    async def acquire(self, holder: ports.Holder) -> Unlocked:
        """Take nothing."""
        del holder
        return self

    async def holder(self) -> None:
        """Return that it is not held."""

    async def free(self) -> None:
        """Return that it was not held."""

    async def lost(self) -> str:
        """Return that nothing was lost."""
        return ""

    def doubt(self) -> None:
        """Doubt nothing."""

    async def release(self) -> None:
        """Let go of nothing."""


class Watch:
    """Knows whether a lock is still held: it looks in the background, and a write waits where the last look is old.

    `look` waits a little for news and then asks; it returns why the lock is lost, empty while it is held,
    and raises `errors.ReconcilerError` when that is unknown. `until`, of the monotonic clock, is when it ends.
    """

    def __init__(
        self,
        look: Callable[[], Awaitable[str]],
        *,
        until: float = math.inf,
        fresh: float = FRESH,
        patience: float = PATIENCE,
    ) -> None:
        self._look = look
        self._until = until
        self._fresh = fresh
        self._patience = patience
        self._gone = ""
        self._seen = time.monotonic()
        self._doubted = -math.inf
        self._news = asyncio.Event()
        self._warned = False
        self._watching = asyncio.ensure_future(self._watch())

    async def lost(self) -> str:
        """Return why the lock is held no longer, empty while it is; what is lost stays so."""
        if not self._gone and time.monotonic() >= self._until:
            self._gone = "the lock's lease is about to end"
        if not self._gone and not self.is_held():
            await self._hear()
        return self._gone

    def doubt(self) -> None:
        """Let nothing count that was seen before now."""
        self._doubted = time.monotonic()

    def is_held(self) -> bool:
        """Return whether it was held a moment ago."""
        return not self._gone and self._seen >= max(self._doubted, time.monotonic() - self._fresh)

    async def _hear(self) -> None:
        """Wait for fresh news; none in time is bad news."""
        for seconds in (min(_QUIET, self._patience), self._patience - _QUIET):
            try:
                async with asyncio.timeout(seconds):
                    while not self._gone and not self.is_held():
                        await self._news.wait()
            except TimeoutError:
                self._warn()
            else:
                return
        self._gone = self._gone or UNSURE

    def _warn(self) -> None:
        if not self._warned:
            self._warned = True
            _LOG.warning("cannot confirm that the lock is still held; waiting for up to %.0f s", self._patience)

    async def stop(self) -> None:
        """Look no longer."""
        self._watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._watching

    async def _watch(self) -> None:
        while not self._gone:
            begun = time.monotonic()  # an answer may lie for long where the event loop rests
            try:
                self._gone = await self._look()
            except errors.ReconcilerError:
                continue
            self._seen = begun
            news, self._news = self._news, asyncio.Event()
            news.set()
