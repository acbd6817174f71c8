"""The tables of users' schedules together, over one pool of sessions."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncIterator

from reconciler.platform.postgres import executions, grants, runs, schedules
from reconciler.postgres import pools


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """What is kept of users' schedules."""

    schedules: schedules.Schedules
    runs: runs.Runs
    executor: executions.Executor
    grants: grants.Grants
    pool: pools.Pool


@contextlib.asynccontextmanager
async def opened(url: str, *, size: int = pools.SIZE, for_tokens: int = 0) -> AsyncIterator[Store]:
    """Bring the database up to date and open its tables; `errors.StoreError` when that fails.

    With sessions `for_tokens`, grants have these to themselves: who calls is known however busy the others are.
    """
    async with contextlib.AsyncExitStack() as stack:
        pool = await stack.enter_async_context(pools.opened(url, size=size))
        own = await stack.enter_async_context(pools.shared(url, size=for_tokens)) if for_tokens else pool
        yield Store(
            schedules=schedules.Schedules(pool),
            runs=runs.Runs(pool),
            executor=executions.Executor(pool),
            grants=grants.Grants(own),
            pool=pool,
        )
