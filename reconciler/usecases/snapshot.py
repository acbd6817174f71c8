"""Snapshot: what a plan would read now, to plan from it without a server."""

from __future__ import annotations

from reconciler import settings
from reconciler.documents import snapshots
from reconciler.plan import build
from reconciler.runtime import clock, sessions
from reconciler.schedule import declarations
from reconciler.usecases import live


def take_snapshot(declaration: declarations.Declaration, connection: settings.Connection) -> snapshots.Snapshot:
    """Return what a plan would read now."""
    with sessions.opened(connection) as session:
        taken_at, target = clock.now(), session.target(declaration)
        found = session.run(live.read(declaration, session.schedules, target))
    return snapshots.Snapshot(
        target=target, taken_at=taken_at, live=build.exempted(found, declaration), salt=declaration.salt
    )
