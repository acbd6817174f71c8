"""Which of Temporal's schedule backends the tests run on: SCHEDULE_BACKEND=v2 chooses the newer one."""

from __future__ import annotations

import contextlib
import itertools
import os
import types
from collections.abc import Iterable, Iterator, Mapping
from typing import Self, get_args

from tools import devserver

_CHOSEN = os.environ.get("SCHEDULE_BACKEND") or "v1"
_PARTITIONS: Mapping[str, float] = dict.fromkeys(
    ("matching.numTaskqueueReadPartitions", "matching.numTaskqueueWritePartitions"), 1
)
"""Of a task queue: with the usual four, tasks that no worker fetches are forwarded between them again and again."""
_NAMESPACES = 64
"""Of a server: every second it reports its metrics of each, so one of 300 takes a quarter of a processor when idle."""


def backend() -> devserver.Backend:
    """Return the chosen backend; ValueError when there is none of that name."""
    for known in get_args(devserver.Backend):
        if known == _CHOSEN:
            return known  # type: ignore[no-any-return]
    raise ValueError(f"SCHEDULE_BACKEND={_CHOSEN} is neither v1 nor v2")


@contextlib.contextmanager
def running(
    *,
    namespaces: Iterable[str] = (),
    search_attributes: Mapping[str, str] | None = None,
    dynamic: Mapping[str, float] | None = None,
) -> Iterator[devserver.DevServer]:
    """Run a server of the chosen backend; `dynamic` is its dynamic configuration, such as its limits."""
    with devserver.running(
        backend=backend(),
        namespaces=namespaces,
        search_attributes=search_attributes,
        dynamic={**_PARTITIONS, **(dynamic or {})},
    ) as server:
        yield server


class Fresh:
    """Servers one after another, each replaced when its unused namespaces do not suffice; a context manager."""

    def __init__(self) -> None:
        self.current: devserver.DevServer | None = None
        self.namespaces: Iterator[str] = iter(())
        self._left = 0
        self._running = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | types.TracebackType | None) -> None:
        self._running.close()

    def with_namespaces(self, count: int) -> devserver.DevServer:
        """Return a server that has so many unused namespaces: the one before this, if that is enough."""
        if self.current is None or self._left < count:
            self._running.close()
            self.current, self._left = None, max(count, _NAMESPACES)
            server = self._running.enter_context(running(namespaces=[f"test-{each}" for each in range(self._left)]))
            self.current, self.namespaces = server, self._unused(server)
        return self.current

    def _unused(self, server: devserver.DevServer) -> Iterator[str]:
        """Yield those that a server has from its start first, as adding one takes seconds."""
        for namespace in server.namespaces:
            self._left -= 1
            yield namespace
        for number in itertools.count():
            yield server.add_namespace(f"added-{number}")
