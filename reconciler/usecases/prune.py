"""Prune: plan the deletion of schedules that were paused because their charter was removed."""

from __future__ import annotations

import datetime
from collections.abc import Awaitable, Callable

from reconciler.plan import plans, ports, pruning
from reconciler.schedule import declarations, observed
from reconciler.usecases import live


async def read_prune_plan(
    declaration: declarations.Declaration,
    schedules: ports.Schedules,
    target: observed.Target,
    older_than: datetime.timedelta,
    now: Callable[[], Awaitable[datetime.datetime]],
) -> plans.Plan:
    """Return the plan that deletes schedules paused as removed for at least `older_than`; `now` is the server's clock.

    The clock is read first, so that a schedule paused in the meantime is never old enough.
    """
    before = await now() - older_than if older_than else None
    return pruning.prune(declaration, await live.read(declaration, schedules, target), target, before)
