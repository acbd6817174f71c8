"""A plan to be looked at, and the file in which it is kept."""

from __future__ import annotations

import pathlib

from reconciler import model, planning, reconciling, settings
from reconciler.documents import saved, snapshots
from reconciler.operating import clock, files, sessions


def propose(
    declaration: model.Declaration, connection: settings.Connection, snapshot_path: pathlib.Path | None
) -> model.Plan:
    """Return the plan, from the server or from a snapshot of it."""
    if snapshot_path is not None:
        taken = snapshots.loads(files.read(snapshot_path), str(snapshot_path))
        return planning.plan_from_snapshot(declaration, taken.live, taken.target, taken.taken_at)
    with sessions.opened(connection) as session:
        return session.run(reconciling.plan(declaration, session.schedules, session.target(declaration)))


def snapshot(declaration: model.Declaration, connection: settings.Connection) -> snapshots.Snapshot:
    """Return what a plan would read now."""
    with sessions.opened(connection) as session:
        taken_at, target = clock.now(), session.target(declaration)
        live = session.run(reconciling.live(declaration, session.schedules, target))
    return snapshots.Snapshot(target=target, taken_at=taken_at, live=live)


def save(path: pathlib.Path, plan: model.Plan, spec_path: pathlib.Path, choice: model.Choice) -> None:
    """Keep the plan, to be applied later as it is; `errors.OutputError` when it cannot be written."""
    kept = saved.Saved(plan=plan, planned_at=clock.now(), spec_sha256=files.sha256(spec_path), choice=choice)
    files.save(path, saved.dumps(kept))
