"""Wait for concurrent work, all of which ends before an error is raised."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


async def gathered(works: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Return the results in order; after the first error, or if canceled, cancel the rest and wait until it has ended.

    `asyncio.gather` alone would leave the rest running, so calls to a server would go on after the error is reported.
    """
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
