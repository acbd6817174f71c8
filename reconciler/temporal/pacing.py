"""How fast calls may follow each other: a cap on their rate, and an adaptive window for those in progress.

`Rate` and `Window` are arithmetic on a clock that is passed in; `Pace` waits for what they permit.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable

WINDOW = 20  # calls in progress at first; a larger number is not faster on a dev server
WIDEST = 100
_SLOWER = 1.3  # times the shortest latency so far: beyond this, calls only queue in the server
_BURST = 0.1  # seconds' worth of calls that may start at once
_PAUSES = (0.2, 0.4, 0.8, 1.6, 3.2, 5.0)  # seconds to wait after each consecutive refusal that specifies no delay
_JITTER = 0.25  # maximum random part of a pause, so that several programs do not retry at the same time

Clock = Callable[[], float]


class Rate:
    """At most `per_second` calls per second, plus bursts of up to a tenth of that."""

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self._interval = 1 / per_second
        self._ahead = max(_BURST - self._interval, 0)  # how far ahead of its evenly spaced start a call may go
        self._next = float("-inf")  # when the next call would start if all were evenly spaced

    def delay(self, now: float) -> float:
        """Reserve the next start, and return how many seconds away it is."""
        even = max(self._next, now)
        self._next = even + self._interval
        return max(even - self._ahead - now, 0)


class Window:
    """How many calls may be in progress: one more after a round of successes, half as many after a refusal.

    It grows only while it is full, and beyond its initial size only while calls do not get slower. After a refusal,
    no call starts for a while.
    """

    def __init__(self, jitter: Callable[[], float] = random.random) -> None:
        self.size = WINDOW
        self.opens_at = float("-inf")
        self._jitter = jitter
        self._narrowed_at = float("-inf")
        self._refusals = 0  # in a row
        self._round: list[float] = []  # latencies in seconds
        self._shortest = float("inf")  # the mean latency of the fastest round

    def on_success(self, started: float, now: float, *, is_full: bool) -> None:
        """Record that a call was served."""
        if started >= self._narrowed_at:
            self._refusals = 0
        if not is_full:
            return
        self._round.append(now - started)
        if len(self._round) >= self.size:
            mean = sum(self._round) / len(self._round)
            self._shortest = min(self._shortest, mean)
            self._round.clear()
            if self.size < WINDOW or mean <= _SLOWER * self._shortest:
                self.size = min(self.size + 1, WIDEST)

    def on_refusal(self, started: float, now: float, retry_after: float | None = None) -> None:
        """Record that the server rate-limited a call, and how long it asked us to wait before a retry, if it did.

        Calls that started before the last refusal bring no new information: the window is halved once for all of them.
        """
        if retry_after is not None:
            self.opens_at = max(self.opens_at, now + retry_after * (1 + self._jitter() * _JITTER))
        if started < self._narrowed_at:
            return
        self._narrowed_at = now
        self._round.clear()
        self.size = max(self.size // 2, 1)
        if retry_after is None:
            pause = _PAUSES[min(self._refusals, len(_PAUSES) - 1)]
            self.opens_at = max(self.opens_at, now + pause * (1 + (2 * self._jitter() - 1) * _JITTER))
        self._refusals += 1


class Pace:
    """Starts calls one after another, as the window and the rate permit.

    Only the first in line waits for the rate, so that callers that share a rate, each with its own line, take turns.
    """

    def __init__(self, rate: Rate | None = None, *, clock: Clock = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._window = Window()
        self._line = asyncio.Lock()
        self._ended = asyncio.Event()
        self._in_progress = 0

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[float]:
        """Wait for a turn, which lasts as long as the context; yield the time at which it began."""
        async with self._line:
            await self._open()
            self._in_progress += 1
        try:
            yield self._clock()
        finally:
            self._in_progress -= 1
            self._ended.set()

    async def repeat(self) -> float:
        """Wait until the rate permits a call that bypasses the line, and return how many seconds that took."""
        delay = self._rate.delay(self._clock()) if self._rate else 0.0
        if delay:
            await asyncio.sleep(delay)
        return delay

    def on_success(self, started: float) -> None:
        """Record that a call that began at `started` was served."""
        self._window.on_success(started, self._clock(), is_full=self._in_progress >= self._window.size)

    def on_refusal(self, started: float, retry_after: float | None) -> None:
        """Record that a call that began at `started` was rate-limited; see `Window.on_refusal`."""
        self._window.on_refusal(started, self._clock(), retry_after)

    async def _open(self) -> None:
        """Wait until the window and the rate permit a call."""
        while True:
            await self._window_open()
            await self.repeat()
            if self._window.opens_at <= self._clock():
                return

    async def _window_open(self) -> None:
        while (pause := self._window.opens_at - self._clock()) > 0 or self._in_progress >= self._window.size:
            if pause > 0:
                await asyncio.sleep(pause)
            else:
                self._ended.clear()
                await self._ended.wait()
