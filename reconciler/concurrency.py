"""Wait for concurrent work, all of which ends before an error is raised."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")


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


async def mapped(work: Callable[[T], Awaitable[R]], items: Collection[T], most: int) -> list[R]:
    """Return the result for each item, in order, with at most `most` in progress; errors are as in `gathered`.

    A task for each of thousands of items would take several kilobytes of memory each.
    """
    pending = iter(enumerate(items))
    results: dict[int, R] = {}

    async def worked() -> None:
        for number, item in pending:
            results[number] = await work(item)

    await gathered(worked() for _ in range(min(most, len(items))))
    return [results[number] for number in range(len(items))]
