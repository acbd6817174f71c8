"""Which of Temporal's schedule backends the tests run on: SCHEDULE_BACKEND=v2 chooses the newer one."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import get_args

from tools import devserver

_CHOSEN = os.environ.get("SCHEDULE_BACKEND") or "v1"
_PARTITIONS: Mapping[str, float] = dict.fromkeys(
    ("matching.numTaskqueueReadPartitions", "matching.numTaskqueueWritePartitions"), 1
)
"""Of a task queue: with the usual four, tasks that no worker fetches are forwarded between them again and again."""
_VARIABLES: Mapping[str, str] = {"GOMAXPROCS": "1", "GOGC": "400"}
"""Of the server's Go runtime: one thread that collects garbage rarely takes a third less processor time for a call."""
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
        variables=_VARIABLES,
    ) as server:
        yield server


class Fresh:
    """Servers one after another, each replaced when its unused namespaces do not suffice."""

    def __init__(self) -> None:
        self._current: devserver.DevServer | None = None
        self._unused: list[str] = []
        self._added = itertools.count()
        self._running = contextlib.ExitStack()

    def with_namespaces(self, count: int) -> devserver.DevServer:
        """Return a server that has so many unused namespaces: the one before this, if that is enough."""
        if self._current is None or len(self._unused) < count:
            self.close()
            names = [f"test-{number}" for number in range(max(count, _NAMESPACES))]
            self._current = self._running.enter_context(running(namespaces=names))
            self._unused = names
        return self._current

    def namespaces(self, server: devserver.DevServer) -> Iterator[str]:
        """Yield unused namespaces of the current server, those of its start first, as adding one takes seconds."""
        assert server is self._current
        while self._unused:
            yield self._unused.pop()
        while True:
            yield server.add_namespace(f"added-{next(self._added)}")

    def close(self) -> None:
        """End the current server."""
        self._current = None
        self._running.close()
