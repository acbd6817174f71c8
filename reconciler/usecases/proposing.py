"""A plan to be looked at, and the file in which it is kept."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import pathlib

from reconciler import errors, settings
from reconciler.documents import saved, snapshots
from reconciler.plan import build, plans, preflight
from reconciler.runtime import clock, files, sessions
from reconciler.schedule import declarations
from reconciler.usecases import reconciling

_LOG = logging.getLogger(__name__)
_PATIENCE = 3.0  # seconds that a look at the workers may take: a plan does not need it


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A plan, and what is wrong with the workers that would run what it declares."""

    plan: plans.Plan
    problems: tuple[preflight.Finding, ...] = ()


def propose(
    declaration: declarations.Declaration,
    connection: settings.Connection,
    snapshot_path: pathlib.Path | None,
    expected_build: str | None = None,
) -> Proposal:
    """Return the plan, from the server or from a snapshot of it, which tells nothing of workers."""
    if snapshot_path is not None:
        taken = snapshots.loads(files.read(snapshot_path), str(snapshot_path))
        return Proposal(plan=build.plan_from_snapshot(declaration, taken.live, taken.target, taken.taken_at))
    with sessions.opened(connection) as session:
        plan = session.run(
            reconciling.plan(declaration, session.schedules, session.target(declaration), session.pollers)
        )
        return Proposal(plan=plan, problems=problems(declaration, session, expected_build))


def problems(
    declaration: declarations.Declaration, session: sessions.Session, expected_build: str | None
) -> tuple[preflight.Finding, ...]:
    """Return what is wrong with the workers; nothing where the server does not tell, which is only logged."""

    async def look() -> preflight.Preflight:
        async with asyncio.timeout(_PATIENCE):
            return await reconciling.preflight(declaration, session.pollers, clock.now(), expected_build)

    try:
        return session.run(look()).problems
    except (errors.ServerError, TimeoutError) as error:
        said = error.message if isinstance(error, errors.ServerError) else "no answer in time"
        _LOG.info("the workers are not known", extra={"fields": {"reason": said}})
        return ()


def snapshot(declaration: declarations.Declaration, connection: settings.Connection) -> snapshots.Snapshot:
    """Return what a plan would read now."""
    with sessions.opened(connection) as session:
        taken_at, target = clock.now(), session.target(declaration)
        live = session.run(reconciling.live(declaration, session.schedules, target))
    return snapshots.Snapshot(
        target=target, taken_at=taken_at, live=build.exempted(live, declaration), salt=declaration.salt
    )


def save(path: pathlib.Path, plan: plans.Plan, spec_path: pathlib.Path, choice: declarations.Choice) -> None:
    """Keep the plan, to be applied later as it is; `errors.OutputError` when it cannot be written."""
    kept = saved.Saved(plan=plan, planned_at=clock.now(), spec_sha256=files.sha256(spec_path), choice=choice)
    files.save(path, saved.dumps(kept))
