"""The use cases, each a short walk over core and ports."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from reconciler import errors
from reconciler.plan import apply as plan_apply
from reconciler.plan import build, plans, ports, prefixes, stops
from reconciler.plan import preflight as plan_preflight
from reconciler.schedule import declarations, observed

_LOG = logging.getLogger(__name__)
_PATIENCE = 3.0  # seconds for what a plan can do without

Again = Callable[[], Awaitable[plans.Plan]]


async def managed(schedules: ports.Schedules, prefix: str) -> Mapping[str, observed.Live]:
    """Read every schedule whose id has the prefix, as the listing names them."""
    listed = await schedules.ids()
    return await schedules.describe_all(id_ for id_ in sorted(listed) if id_.startswith(prefix))


async def chosen(schedules: ports.Schedules, prefix: str, ids: Sequence[str]) -> Mapping[str, observed.Live]:
    """Read the schedules with these ids, or those with the prefix where no id is given.

    Raises `errors.UsageError` for an id that does not exist.
    """
    found = await schedules.describe_all(ids) if ids else await managed(schedules, prefix)
    missing = [id_ for id_ in ids if id_ not in found]
    if missing:
        raise errors.UsageError(f"there is no schedule {missing[0]!r}", hint="see the ids with temporal schedule list")
    return found


async def plan(
    declaration: declarations.Declaration,
    schedules: ports.Schedules,
    target: observed.Target,
    pollers: ports.Pollers | None = None,
) -> plans.Plan:
    """Read what is live and return what would make it equal to the declaration.

    Every wanted id is described (strongly consistent); the listing, which lags behind, serves only to find what
    nobody wants. A listing that fails is an error, never an empty one. Workers are read only where the plan moves a
    schedule to another task queue or workflow.
    """
    listed = await schedules.ids()
    found = build.plan(declaration, await _described(listed, declaration, schedules, target), target)
    found = await _beside_other_prefixes(found, listed, schedules)
    if pollers is None:
        return found
    return await _beside_workers(found, pollers)


async def _beside_other_prefixes(plan: plans.Plan, listed: Collection[str], schedules: ports.Schedules) -> plans.Plan:
    """Read the schedules under other prefixes with the names of those that start, and return the plan with them."""
    alike = prefixes.namesakes(listed, plan)
    if not alike:
        return plan
    ids = sorted({id_ for ids in alike.values() for id_ in ids})
    found = await schedules.explained(await schedules.describe_all(ids))
    plan = prefixes.pointed_out(plan, alike, found)
    return dataclasses.replace(plan, doubled=prefixes.doubled(plan, alike, found))


async def _beside_workers(plan: plans.Plan, pollers: ports.Pollers) -> plans.Plan:
    """Return the plan with the work that workers did and will not do after it.

    One call for each queue; nothing is known when the server does not answer, as a plan does not need it.
    """
    moved = stops.moved(plan)
    names = {queue for pair in moved for queue, _ in pair}
    try:
        async with asyncio.timeout(_PATIENCE):
            queues = {queue.name: queue for queue in await asyncio.gather(*map(pollers.of, sorted(names)))}
    except (errors.ServerError, TimeoutError) as error:
        _LOG.info("the workers of changed task queues are unknown", extra={"fields": {"reason": str(error)}})
        return plan
    polled = {name for name, queue in queues.items() if queue.pollers}
    done = {(queue, workflow) for pair in moved for queue, workflow in pair if queues[queue].may_run(workflow)}
    return dataclasses.replace(
        plan,
        unpolled=frozenset(new for (old, _), (new, _) in moved if old in polled and new not in polled),
        unregistered=frozenset(new for old, new in moved if old in done and new not in done and new[0] in polled),
    )


async def live(
    declaration: declarations.Declaration, schedules: ports.Schedules, target: observed.Target
) -> Mapping[str, observed.Live]:
    """Read what a plan needs: each wanted schedule that exists, and each managed one that is not wanted.

    The listing comes first and alone: next to as many Describes, the newer backend throttles it for seconds.
    """
    return await _described(await schedules.ids(), declaration, schedules, target)


async def _described(
    listed: Collection[str], declaration: declarations.Declaration, schedules: ports.Schedules, target: observed.Target
) -> Mapping[str, observed.Live]:
    wanted = {charter.schedule.id for charter in declaration.charters}
    managed_ids = {id_ for id_ in listed if build.managed(id_, target)}
    return await schedules.explained(await schedules.describe_all(wanted | managed_ids))


async def status(
    declaration: declarations.Declaration, schedules: ports.Schedules, target: observed.Target
) -> plans.Plan:
    """Return the plan as it is now, the runs of each live schedule followed to their results."""
    found = build.plan(declaration, await schedules.followed(await live(declaration, schedules, target)), target)
    return found if declaration.enabled else build.at_rest(found)


async def preflight(
    declaration: declarations.Declaration,
    pollers: ports.Pollers,
    now: datetime.datetime,
    expected_build: str | None = None,
) -> plan_preflight.Preflight:
    """Look at who polls the task queues of the charters that fire, one call for each queue."""
    found = await asyncio.gather(*map(pollers.of, plan_preflight.queues(declaration)))
    return plan_preflight.preflight(declaration, found, now, expected_build)


async def apply(
    plan: plans.Plan,
    schedules: ports.Schedules,
    tell: plan_apply.Tell,
    *,
    again: Again | None = None,
    lost: plan_apply.Lost = plan_apply.never,
) -> plans.Applied:
    """Make the server what the plan says; see `plan_apply.apply`.

    A step that is stale is planned `again`, once, and done when it is still the same step. When that fails, it stays
    stale.
    """
    held: list[plans.Outcome] = []

    def hear(outcome: plans.Outcome) -> None:
        waits = again is not None and outcome.status in (plans.Status.STALE, plans.Status.SKIPPED)
        held.append(outcome) if waits else tell(outcome)

    second = plans.Applied(outcomes=())
    try:
        first = await plan_apply.apply(plan, schedules, hear, lost=lost)
        repeatable = build.repeatable(first.outcomes)
        if again is not None and repeatable and not first.interrupted:
            with contextlib.suppress(errors.ServerError):
                second = await plan_apply.apply(build.same(await again(), repeatable), schedules, tell, lost=lost)
    finally:
        repeated = {outcome.change.id: outcome for outcome in second.outcomes}
        for outcome in held:
            if outcome.change.id not in repeated:
                tell(outcome)
    return plans.Applied(
        outcomes=tuple(repeated.get(outcome.change.id, outcome) for outcome in first.outcomes),
        interrupted=first.interrupted or second.interrupted,
    )


async def prunable(
    declaration: declarations.Declaration,
    schedules: ports.Schedules,
    target: observed.Target,
    older_than: datetime.timedelta,
    now: Callable[[], Awaitable[datetime.datetime]],
) -> plans.Plan:
    """Return the plan that deletes what has been paused as removed for at least that long, by the server's clock `now`.

    The clock is read first: a schedule that is paused meanwhile is younger than it says.
    """
    before = await now() - older_than if older_than else None
    return build.prune(declaration, await live(declaration, schedules, target), target, before)
