"""Wait for a lock, run without one, and check whether it is still held."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import logging
import math
import time
from collections.abc import Awaitable, Callable, Sequence

from reconciler import errors
from reconciler.plan import ports

_LOG = logging.getLogger(__name__)

_AGAIN_AFTER = 1.0  # seconds
LOOK_EVERY = 0.5  # seconds that a lock check waits for a change; also the minimum time between starts of checks
FRESH = 2.0  # seconds for which a check is valid, counted from its start; no write relies on an older one
PATIENCE = 20.0  # seconds that a write waits for a newer check before the lock is considered lost
_QUIET = 5.0  # seconds that such a write waits before a warning is logged
TAKEN = "the lock was released by another session"
UNSURE = "it is unknown whether the lock is still held"
ENDING = "the lock's lease is about to expire"


async def take(
    lock: ports.Lock,
    holder: ports.Holder,
    patience: datetime.timedelta,
    waiting: Callable[[str], None],
    ending: Callable[[], bool] = lambda: False,
) -> ports.Lease:
    """Take the lock, waiting for up to `patience` or until the program is `ending`.

    `waiting` is called once, with a message that names the holder. Raises `errors.LockedError` if the lock is still
    held then.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + patience.total_seconds()
    has_warned = False
    while True:
        try:
            return await lock.acquire(holder)
        except errors.LockedError as busy:
            remaining = end - loop.time()
            if remaining <= 0 or ending():
                raise
            if not has_warned:
                waiting(busy.message)
                has_warned = True
            await asyncio.sleep(min(_AGAIN_AFTER, remaining))


class Unlocked:
    """No lock: conflict tokens alone prevent two applies from overwriting each other's work."""

    async def acquire(self, holder: ports.Holder) -> Unlocked:
        """Return this lock, which does not need to be acquired."""
        del holder
        return self

    async def holder(self) -> None:
        """Return None: it is never held."""

    async def free(self) -> None:
        """Return None: it was not held."""

    async def lost(self) -> str:
        """Return an empty string: it cannot be lost."""
        return ""

    def doubt(self) -> None:
        """Do nothing."""

    async def release(self) -> None:
        """Do nothing."""


class Several:
    """Several locks as one: all or none are taken, in the given order, which must be the same in all programs."""

    def __init__(self, locks: Sequence[ports.Lock]) -> None:
        self._locks = locks

    async def acquire(self, holder: ports.Holder) -> SeveralLeases:
        """Take all of them without waiting; if one is held, release the others and raise `errors.LockedError`."""
        leases: list[ports.Lease] = []
        try:
            for lock in self._locks:
                leases.append(await lock.acquire(holder))  # noqa: PERF401  # kept when a later one fails
        except BaseException:
            with contextlib.suppress(errors.ReconcilerError):  # report the first error; unreleased leases expire
                await SeveralLeases(leases).release()
            raise
        return SeveralLeases(leases)

    async def holder(self) -> ports.Holder | None:
        """Return who holds any of them, None if all are free."""
        return next(filter(None, [await lock.holder() for lock in self._locks]), None)

    async def free(self) -> ports.Holder | None:
        """Forcibly release all of them, and return the former holder of the first one that was held."""
        return next(filter(None, [await lock.free() for lock in self._locks]), None)


class SeveralLeases:
    """Several locks that are held; losing any of them means losing all."""

    def __init__(self, leases: Sequence[ports.Lease]) -> None:
        self._leases = leases

    async def lost(self) -> str:
        """Return why one of them was lost; empty while all are held."""
        return next(filter(None, await asyncio.gather(*(lease.lost() for lease in self._leases))), "")

    def doubt(self) -> None:
        """Discard what is known about each."""
        for lease in self._leases:
            lease.doubt()

    async def release(self) -> None:
        """Release each of them, even after an error, and raise the first error."""
        ends = await asyncio.gather(*(lease.release() for lease in self._leases), return_exceptions=True)
        for error in filter(None, ends):
            raise error


class Watch:
    """Knows whether a lock is still held: it checks in the background, and a write waits if the last check is old.

    `look` waits briefly for the lock to change and then checks it; it returns why the lock is lost, empty while it is
    held, and raises `errors.ReconcilerError` if the check fails. `until` is when the lock expires (monotonic clock).
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
        """Return why the lock was lost, or an empty string while it is held; a lost lock stays lost."""
        if not self._gone and time.monotonic() >= self._until:
            self._gone = ENDING
        if not self._gone and not self.is_held():
            await self._wait_for_news()
        return self._gone

    def doubt(self) -> None:
        """Discard every check that was made before now."""
        self._doubted = time.monotonic()

    def is_held(self) -> bool:
        """Return whether a check that is still valid found the lock to be held."""
        return not self._gone and self._seen >= max(self._doubted, time.monotonic() - self._fresh)

    async def _wait_for_news(self) -> None:
        """Wait for a fresh check; if none completes in time, the lock is considered lost."""
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
        """Stop checking."""
        self._watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._watching

    async def _watch(self) -> None:
        while not self._gone:
            started = time.monotonic()  # before the call: a blocked event loop may see the response much later
            try:
                self._gone = await self._look()
            except errors.ReconcilerError:
                continue
            self._seen = started
            news, self._news = self._news, asyncio.Event()
            news.set()
            await asyncio.sleep(started + LOOK_EVERY - time.monotonic())
