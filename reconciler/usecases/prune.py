"""Prune: the plan that deletes what was paused because its charter was removed."""

from __future__ import annotations

import datetime
from collections.abc import Awaitable, Callable

from reconciler.plan import build, plans, ports
from reconciler.schedule import declarations, observed
from reconciler.usecases import live


async def read_prune_plan(
    declaration: declarations.Declaration,
    schedules: ports.Schedules,
    target: observed.Target,
    older_than: datetime.timedelta,
    now: Callable[[], Awaitable[datetime.datetime]],
) -> plans.Plan:
    """Return the plan that deletes what has been paused as removed for at least that long, by the server's clock `now`.

    The clock is read first: a schedule that is paused meanwhile is younger than the clock.
    """
    before = await now() - older_than if older_than else None
    return build.prune(declaration, await live.read(declaration, schedules, target), target, before)
