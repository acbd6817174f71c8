"""The use cases, each a short walk over core and ports."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
from collections.abc import Awaitable, Callable, Mapping, Sequence

from reconciler import applying, errors, model, planning, ports

Again = Callable[[], Awaitable[model.Plan]]


async def managed(schedules: ports.Schedules, prefix: str) -> Mapping[str, model.Live]:
    """Read every schedule whose id has the prefix, as the listing names them."""
    listed = await schedules.ids()
    return await schedules.describe_all(id_ for id_ in sorted(listed) if id_.startswith(prefix))


async def chosen(schedules: ports.Schedules, prefix: str, ids: Sequence[str]) -> Mapping[str, model.Live]:
    """Read the schedules with these ids, or those with the prefix where no id is given.

    Raises `errors.UsageError` for an id that does not exist.
    """
    found = await schedules.describe_all(ids) if ids else await managed(schedules, prefix)
    missing = [id_ for id_ in ids if id_ not in found]
    if missing:
        raise errors.UsageError(f"there is no schedule {missing[0]!r}", hint="see the ids with temporal schedule list")
    return found


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
    return await schedules.explained({**found, **orphans})


async def status(declaration: model.Declaration, schedules: ports.Schedules, target: model.Target) -> model.Plan:
    """Return the plan as it is now, the runs of each live schedule followed to their results."""
    found = planning.plan(declaration, await schedules.followed(await live(declaration, schedules, target)), target)
    return found if declaration.enabled else planning.at_rest(found)


async def apply(
    plan: model.Plan,
    schedules: ports.Schedules,
    tell: applying.Tell,
    *,
    again: Again | None = None,
    lost: applying.Lost = applying.never,
) -> model.Applied:
    """Make the server what the plan says; see `applying.apply`.

    A step that is stale is planned `again`, once, and done when it is still the same step. When that fails, it stays
    stale.
    """
    held: list[model.Outcome] = []

    def hear(outcome: model.Outcome) -> None:
        waits = again is not None and outcome.status in (model.Status.STALE, model.Status.SKIPPED)
        held.append(outcome) if waits else tell(outcome)

    second = model.Applied(outcomes=())
    try:
        first = await applying.apply(plan, schedules, hear, lost=lost)
        repeatable = planning.repeatable(first.outcomes)
        if again is not None and repeatable and not first.interrupted:
            with contextlib.suppress(errors.ServerError):
                second = await applying.apply(planning.same(await again(), repeatable), schedules, tell, lost=lost)
    finally:
        repeated = {outcome.change.id: outcome for outcome in second.outcomes}
        for outcome in held:
            if outcome.change.id not in repeated:
                tell(outcome)
    return model.Applied(
        outcomes=tuple(repeated.get(outcome.change.id, outcome) for outcome in first.outcomes),
        interrupted=first.interrupted or second.interrupted,
    )


async def prunable(
    declaration: model.Declaration, schedules: ports.Schedules, target: model.Target, before: datetime.datetime
) -> model.Plan:
    """Return the plan that deletes what was paused as removed before a time."""
    return planning.prune(declaration, await live(declaration, schedules, target), target, before)
