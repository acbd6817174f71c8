"""Limits on how many shared sessions one caller or one row may hold, so that none starves the others."""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import AsyncIterator, Hashable


class Shares:
    """At most `most` concurrent holders of each key; the others wait without a session."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._semaphores: weakref.WeakValueDictionary[Hashable, asyncio.Semaphore] = weakref.WeakValueDictionary()

    @contextlib.asynccontextmanager
    async def held(self, key: Hashable | None, until: float) -> AsyncIterator[None]:
        """Hold a share of `key`, if not None; raises `TimeoutError` if none is free by `until` in loop time."""
        if key is None:
            yield
            return
        semaphore = self._semaphores.setdefault(key, asyncio.Semaphore(self._most))
        async with asyncio.timeout_at(until):
            await semaphore.acquire()
        try:
            yield
        finally:
            semaphore.release()
