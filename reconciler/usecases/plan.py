"""Plan: read the server, compare it with what is declared, and save the plan to a file if requested."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import logging
import pathlib
from collections.abc import Collection, Mapping
from typing import TypeAlias

from reconciler import errors, settings, wiring
from reconciler.documents import saved, snapshots
from reconciler.plan import attributes, build, plans, ports, prefixes, progress, refresh, stops
from reconciler.plan import preflight as plan_preflight
from reconciler.repospec import includes
from reconciler.runtime import clock, files, sessions
from reconciler.schedule import declarations, observed, ownership
from reconciler.usecases import live, readings
from reconciler.usecases.preflight import PATIENCE, read_queues, worker_problems

_LOG = logging.getLogger(__name__)
Problem: TypeAlias = plan_preflight.Finding | plan_preflight.Unchecked | attributes.Undefined


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A plan, and problems with the workers that would run its schedules or with search attributes that it sets."""

    plan: plans.Plan
    problems: tuple[Problem, ...] = ()


def propose(
    declaration: declarations.Declaration,
    connection: settings.Connection,
    snapshot_path: pathlib.Path | None,
    expected_build: str | None = None,
    progress: ports.Progress = progress.SILENT,
    record: settings.Database | None = None,
) -> Proposal:
    """Return the plan, from the server or from a snapshot; a snapshot has no workers to check.

    In a disabled environment, the plan has no changes, and nothing is read. `record` is where applies are recorded.
    Raises `errors.UsageError` if the declaration limits what is read from the server, but the plan is made from a
    snapshot, or the required record is missing.
    """
    if not declaration.enabled:
        return Proposal(plan=disabled_plan(declaration, connection))
    if snapshot_path is not None:
        if declaration.refresh is not None:
            raise errors.UsageError(
                f"--refresh={declaration.refresh} limits what is read from the server, but a plan with --live does not "
                "read the server",
                hint="omit one of the two",
            )
        taken = snapshots.loads(files.read(snapshot_path), str(snapshot_path))
        return Proposal(plan=build.plan_from_snapshot(declaration, taken.live, taken.target, taken.taken_at))
    readings.check(declaration, record)
    with sessions.opened(connection, progress) as session:
        return proposed(session, declaration, expected_build, record)


def disabled_plan(declaration: declarations.Declaration, connection: settings.Connection) -> plans.Plan:
    """Return the plan for a disabled environment; its server's address is empty if no setting specifies it."""
    address, namespace = None, ""
    with contextlib.suppress(errors.ReconcilerError):
        address, namespace = wiring.place(connection)
    target = observed.Target(
        address=address or "", namespace=namespace, prefixes=declaration.prefixes, owner=declaration.owner
    )
    return build.disabled(declaration, target)


def proposed(
    session: sessions.Session,
    declaration: declarations.Declaration,
    expected_build: str | None,
    record: settings.Database | None,
) -> Proposal:
    """Return the plan made from the server."""
    plan = session.run(session_plan(session, declaration, record))
    problems = worker_problems(declaration, session, expected_build)
    return Proposal(plan=plan, problems=(*problems, *session.run(_undefined(plan, session))))


async def _undefined(
    plan: plans.Plan, session: sessions.Session
) -> tuple[attributes.Undefined | plan_preflight.Unchecked, ...]:
    """Return the undefined search attributes that the plan sets, or a note that the server does not report them."""
    if not attributes.unproven(plan):
        return ()
    try:
        return attributes.undefined(plan, await session.attributes.names(PATIENCE))
    except errors.ServerError as error:
        return (plan_preflight.Unchecked(what="the search attributes", reason=error.message),)


async def session_plan(
    session: sessions.Session, declaration: declarations.Declaration, record: settings.Database | None
) -> plans.Plan:
    """Return the plan for a session's namespace; see `read_plan`."""
    target = session.target(declaration)
    confirmed = await readings.confirmed(declaration, target, record)
    return await read_plan(declaration, session.schedules, target, session.pollers, confirmed)


async def read_plan(
    declaration: declarations.Declaration,
    schedules: ports.Schedules,
    target: observed.Target,
    pollers: ports.Pollers | None = None,
    confirmed: Collection[str] | None = None,
) -> plans.Plan:
    """Read the live schedules and return the plan that makes them match the declaration.

    Every declared id is described (strongly consistent); the listing, which lags behind, only serves to find schedules
    that are not declared. A failed listing is an error, never treated as empty. Workers are queried only if the plan
    moves a schedule to another task queue or workflow. In a partial read, a schedule whose list entry matches the spec
    is not described if it is in `confirmed`, or if `confirmed` is None.
    """
    listed, assumed = await _listed(declaration, schedules, confirmed)
    plan = build.plan(declaration, await live.described(listed, declaration, schedules, target, assumed), target)
    if plan.only:  # schedules that the plan does not cover were listed but not described
        ids = {id_ for id_ in listed if ownership.claims(target.prefixes, id_)}
        ids |= {change.id for change in plan.changes if change.live is not None}
        plan = dataclasses.replace(plan, found=observed.Left(managed=len(ids), present=len(ids)))
    others = [id_ for id_ in listed if not ownership.claims(declaration.elsewhere, id_)]
    plan = await _with_namesakes(plan, others, schedules)
    return plan if pollers is None else await _with_workers(plan, pollers)


async def _listed(
    declaration: declarations.Declaration, schedules: ports.Schedules, confirmed: Collection[str] | None
) -> tuple[Collection[str], Mapping[str, observed.Live]]:
    """Return the listed ids, and the schedules that need no Describe (none if everything is read)."""
    if declaration.refresh is None:
        return await schedules.ids(), {}
    listed = await schedules.listed(lambda _: True)
    return listed.keys(), refresh.assumed(declaration, listed, confirmed)


async def _with_namesakes(plan: plans.Plan, listed: Collection[str], schedules: ports.Schedules) -> plans.Plan:
    """Return the plan with the schedules of the same name under other prefixes, which are read if any are listed."""
    alike = prefixes.namesakes(listed, plan)
    if not alike:
        return plan
    ids = sorted({id_ for ids in alike.values() for id_ in ids})
    found = await schedules.explained(await schedules.describe_all(ids))
    plan = prefixes.pointed_out(plan, alike, found)
    return dataclasses.replace(plan, doubled=prefixes.doubled(plan, alike, found))


async def _with_workers(plan: plans.Plan, pollers: ports.Pollers) -> plans.Plan:
    """Return the plan with the task queues and workflows that workers would no longer run.

    This takes one call per queue. If the server does not respond, the plan stays as it is, and a warning is logged.
    """
    moved = stops.moved(plan)
    names = {queue for pair in moved for queue, _ in pair}
    try:
        queues = {queue.name: queue for queue in await read_queues(pollers, sorted(names), PATIENCE)}
    except errors.ServerError as error:
        _LOG.warning("the workers for changed task queues and workflows were not checked: %s", error.message)
        return plan
    polled = {name for name, queue in queues.items() if queue.pollers}
    done = {(queue, workflow) for pair in moved for queue, workflow in pair if queues[queue].may_run(workflow)}
    return dataclasses.replace(
        plan,
        unpolled=frozenset(new for (old, _), (new, _) in moved if old in polled and new not in polled),
        unregistered=frozenset(new for old, new in moved if old in done and new not in done and new[0] in polled),
    )


def save_plan(path: pathlib.Path, plan: plans.Plan, spec_path: pathlib.Path, choice: declarations.Choice) -> None:
    """Save the plan for a later apply; raises `errors.OutputError` if it cannot be written."""
    files.save(path, saved.dumps(to_save(plan, spec_path, choice, clock.now())))


def to_save(
    plan: plans.Plan, spec_path: pathlib.Path, choice: declarations.Choice, planned_at: datetime.datetime
) -> saved.Saved:
    """Return the plan with what it was made from."""
    included = includes.files(spec_path)
    return saved.Saved(
        plan=plan,
        planned_at=planned_at,
        spec_sha256=files.sha256(spec_path, included),
        choice=choice,
        files=files.checksums(spec_path, included),
    )
