"""The use cases, each a short walk over core and ports."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from reconciler import applying, model, planning, ports


async def managed(schedules: ports.Schedules, prefix: str) -> Mapping[str, model.Live]:
    """Read every schedule whose id has the prefix, as the listing names them."""
    listed = await schedules.ids()
    return await schedules.describe_all(id_ for id_ in sorted(listed) if id_.startswith(prefix))


async def plan(declaration: model.Declaration, schedules: ports.Schedules, target: model.Target) -> model.Plan:
    """Read what is live and return what would make it equal to the declaration.

    Every wanted id is described (strongly consistent); the listing, which lags behind, serves only to find what
    nobody wants. A listing that fails is an error, never an empty one.
    """
    return planning.plan(declaration, await live(declaration, schedules, target), target)


async def live(
    declaration: model.Declaration, schedules: ports.Schedules, target: model.Target
) -> Mapping[str, model.Live]:
    """Read what a plan needs: each wanted schedule that exists, and each managed one that is not wanted."""
    wanted = {charter.schedule.id for charter in declaration.charters}
    listed, found = await asyncio.gather(schedules.ids(), schedules.describe_all(wanted))
    unwanted = {id_ for id_ in listed if planning.managed(id_, target)} - wanted
    orphans = await schedules.describe_all(unwanted) if unwanted else {}
    return {**found, **orphans}


async def apply(plan: model.Plan, schedules: ports.Schedules, tell: applying.Tell) -> tuple[model.Outcome, ...]:
    """Make the server what the plan says; see `applying.apply`."""
    return await applying.apply(plan, schedules, tell)
