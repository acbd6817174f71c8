"""Snapshot: save what a plan reads, so that later plans can be made from it without a server."""

from __future__ import annotations

from reconciler import settings
from reconciler.documents import snapshots
from reconciler.plan import build, ports, progress
from reconciler.runtime import clock, sessions
from reconciler.schedule import declarations
from reconciler.usecases import live


def take_snapshot(
    declaration: declarations.Declaration,
    connection: settings.Connection,
    progress: ports.Progress = progress.SILENT,
) -> snapshots.Snapshot:
    """Read what a plan reads, and return it as a snapshot."""
    with sessions.opened(connection, progress) as session:
        taken_at, target = clock.now(), session.target(declaration)
        schedules = session.run(live.read(declaration, session.schedules, target))
    return snapshots.Snapshot(
        target=target, taken_at=taken_at, live=build.exempted(schedules, declaration), salt=declaration.salt
    )
