"""Which of Temporal's schedule backends the tests run on: SCHEDULE_BACKEND=v2 chooses the newer one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import get_args

from tools import devserver

_CHOSEN = os.environ.get("SCHEDULE_BACKEND") or "v1"
_PARTITIONS: Mapping[str, float] = dict.fromkeys(
    ("matching.numTaskqueueReadPartitions", "matching.numTaskqueueWritePartitions"), 1
)
"""Of a task queue: with the usual four, tasks that no worker fetches are forwarded between them again and again."""


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
