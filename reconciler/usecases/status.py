"""Status: the plan as it is now, with the runs of each schedule."""

from __future__ import annotations

from reconciler.plan import build, plans, ports
from reconciler.schedule import declarations, observed
from reconciler.usecases import live


async def read_status(
    declaration: declarations.Declaration, schedules: ports.Schedules, target: observed.Target
) -> plans.Plan:
    """Return the plan as it is now, the runs of each live schedule followed to their results."""
    found = build.plan(declaration, await schedules.followed(await live.read(declaration, schedules, target)), target)
    return found if declaration.enabled else build.at_rest(found)
