"""Progress as log lines."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from reconciler.report import progress

EVERY = 5.0  # seconds between lines


class Lines:
    """Writes a line every few seconds, and none for work that ends sooner; implements `ports.Progress`.

    `rate` is the maximum number of calls per second, if any; if set, an estimate is written when work starts.
    """

    def __init__(
        self, write: Callable[[str], None], *, rate: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write
        self._rate = rate
        self._clock = clock

    @contextlib.contextmanager
    def work(self, verb: str, noun: str, total: int, *, calls: int) -> Iterator[Callable[[], None]]:
        """Write the progress of the work for the duration of the context."""
        estimate = progress.estimate(verb, noun, total, calls=calls, rate=self._rate)
        if estimate:
            self._write(estimate)
        least = calls / self._rate if self._rate else 0
        started = written = self._clock()
        done = 0

        def advance() -> None:
            nonlocal done, written
            done += 1
            now = self._clock()
            if now - written >= EVERY and done < total:
                written = now
                self._write(progress.line(verb, noun, done, total, now - started, least))

        yield advance
