"""Progress that no one sees, for work that is short or not watched."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator


class Silent:
    """Shows nothing; implements `ports.Progress`."""

    @contextlib.contextmanager
    def work(self, verb: str, noun: str, total: int, *, calls: int) -> Iterator[Callable[[], None]]:
        """Do nothing while work goes on."""
        del verb, noun, total, calls
        yield _ignore


def _ignore() -> None:
    """Do nothing when an item is done."""


SILENT = Silent()
