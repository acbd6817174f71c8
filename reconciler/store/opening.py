"""The tables of users' schedules together, over one pool of sessions."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncIterator

from reconciler.store import executions, grants, pools, runs, schedules


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """What is kept of users' schedules."""

    schedules: schedules.Schedules
    runs: runs.Runs
    executor: executions.Executor
    grants: grants.Grants
    pool: pools.Pool


@contextlib.asynccontextmanager
async def opened(url: str, *, size: int = pools.SIZE) -> AsyncIterator[Store]:
    """Bring the database up to date and open its tables; `errors.StoreError` when that fails."""
    async with pools.opened(url, size=size) as pool:
        yield Store(
            schedules=schedules.Schedules(pool),
            runs=runs.Runs(pool),
            executor=executions.Executor(pool),
            grants=grants.Grants(pool),
            pool=pool,
        )
