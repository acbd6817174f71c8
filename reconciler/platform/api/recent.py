"""Share one result among concurrent callers: the work runs at most once at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """The latest result of a check; a good one is reused for `seconds`, a bad one only for callers already waiting."""

    def __init__(self, is_good: Callable[[T], bool], seconds: float) -> None:
        self._is_good = is_good
        self._seconds = seconds
        self._asking: asyncio.Task[T] | None = None
        self._good_until = 0.0

    async def answer(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Return the recent result, wait for the check in progress, or start a new one."""
        now = asyncio.get_running_loop().time()
        if self._asking is None or (self._asking.done() and now >= self._good_until):
            self._good_until = 0.0
            self._asking = asyncio.create_task(self._ask(ask))
        return await asyncio.shield(self._asking)

    async def _ask(self, ask: Callable[[], Awaitable[T]]) -> T:
        found = await ask()
        if self._is_good(found):
            self._good_until = asyncio.get_running_loop().time() + self._seconds
        return found
