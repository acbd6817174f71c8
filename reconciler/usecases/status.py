"""Status: the current plan, with the runs of each schedule."""

from __future__ import annotations

from reconciler.plan import build, plans, ports
from reconciler.schedule import declarations, observed
from reconciler.usecases import live


async def read_status(
    declaration: declarations.Declaration, schedules: ports.Schedules, target: observed.Target
) -> plans.Plan:
    """Return the current plan, with the results of each live schedule's recent runs."""
    plan = build.plan(declaration, await schedules.followed(await live.read(declaration, schedules, target)), target)
    return plan if declaration.enabled else build.at_rest(plan)
