"""All tables of users' schedules, which share one pool of sessions."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncIterator

from reconciler import settings
from reconciler.platform.postgres import executions, grants, runs, schedules
from reconciler.postgres import migrator, pools, scripts


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """The stored data about users' schedules."""

    schedules: schedules.Schedules
    runs: runs.Runs
    executor: executions.Executor
    grants: grants.Grants
    pool: pools.Pool


@contextlib.asynccontextmanager
async def opened(chosen: settings.Database, *, size: int = pools.SIZE, for_tokens: int = 0) -> AsyncIterator[Store]:
    """Bring the tables of users' schedules up to date and open them; raises `errors.StoreError` on failure.

    The `for_tokens` sessions are reserved for grants, so that callers can be authenticated no matter how busy the
    others are.
    """
    path = (await migrator.migrate(chosen, (scripts.SCHEDULES,))).location.path
    async with contextlib.AsyncExitStack() as stack:
        pool = await stack.enter_async_context(pools.opened(chosen.url, path, size=size))
        own = await stack.enter_async_context(pools.opened(chosen.url, path, size=for_tokens)) if for_tokens else pool
        yield Store(
            schedules=schedules.Schedules(pool),
            runs=runs.Runs(pool),
            executor=executions.Executor(pool),
            grants=grants.Grants(own),
            pool=pool,
        )
