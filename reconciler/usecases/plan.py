"""Plan: read the server, compare it with what is declared, and save the plan to a file if asked."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import pathlib
from collections.abc import Collection

from reconciler import errors, settings
from reconciler.documents import saved, snapshots
from reconciler.plan import build, plans, ports, prefixes, stops
from reconciler.plan import preflight as plan_preflight
from reconciler.runtime import clock, files, sessions
from reconciler.schedule import declarations, observed
from reconciler.usecases import live
from reconciler.usecases.preflight import PATIENCE, worker_problems

_LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A plan, and what is wrong with the workers that would run what it declares."""

    plan: plans.Plan
    problems: tuple[plan_preflight.Finding, ...] = ()


def propose(
    declaration: declarations.Declaration,
    connection: settings.Connection,
    snapshot_path: pathlib.Path | None,
    expected_build: str | None = None,
) -> Proposal:
    """Return the plan, from the server or from a snapshot of it, which does not contain the workers."""
    if snapshot_path is not None:
        taken = snapshots.loads(files.read(snapshot_path), str(snapshot_path))
        return Proposal(plan=build.plan_from_snapshot(declaration, taken.live, taken.target, taken.taken_at))
    with sessions.opened(connection) as session:
        plan = session.run(read_plan(declaration, session.schedules, session.target(declaration), session.pollers))
        return Proposal(plan=plan, problems=worker_problems(declaration, session, expected_build))


async def read_plan(
    declaration: declarations.Declaration,
    schedules: ports.Schedules,
    target: observed.Target,
    pollers: ports.Pollers | None = None,
) -> plans.Plan:
    """Read what is live and return what would make it equal to the declaration.

    Every wanted id is described (strongly consistent); the listing, which lags behind, serves only to find what
    is not wanted. A listing that fails is an error, never an empty one. Workers are read only where the plan moves a
    schedule to another task queue or workflow.
    """
    listed = await schedules.ids()
    found = build.plan(declaration, await live.described(listed, declaration, schedules, target), target)
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
        async with asyncio.timeout(PATIENCE):
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


def save_plan(path: pathlib.Path, plan: plans.Plan, spec_path: pathlib.Path, choice: declarations.Choice) -> None:
    """Keep the plan, to be applied later as it is; `errors.OutputError` when it cannot be written."""
    kept = saved.Saved(plan=plan, planned_at=clock.now(), spec_sha256=files.sha256(spec_path), choice=choice)
    files.save(path, saved.dumps(kept))
