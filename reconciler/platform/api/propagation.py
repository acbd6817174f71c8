"""Propagate committed rows to Temporal within seconds; slow updates continue, and a repair fixes the rest."""

from __future__ import annotations

import asyncio
import logging
import uuid

from reconciler import errors
from reconciler.platform import executions, repair, users
from reconciler.platform.api import parts

PATIENCE = 10.0  # seconds that a response waits for the update
_LOG = logging.getLogger(__name__)


async def into_line(found: parts.Parts, row: executions.UserSchedule, *, keep_manual_pauses: bool = True) -> bool:
    """Make Temporal match a committed row; return whether Temporal now has that revision."""
    work = asyncio.create_task(_bring(found, row.id, keep_manual_pauses=keep_manual_pauses))
    found.going_on.add(work)
    work.add_done_callback(found.going_on.discard)
    await asyncio.wait({work}, timeout=PATIENCE)
    return work.done() and not work.cancelled() and work.result() >= row.revision


async def _bring(found: parts.Parts, schedule_id: uuid.UUID, *, keep_manual_pauses: bool) -> int:
    """Update Temporal and return the revision that it is then known to have; 0 if unknown."""
    try:
        server = await found.temporal.server()
        target = server.target(users.PREFIXES, found.owner, of_users=True)
        async with found.alone(schedule_id), found.slots:
            return await repair.repair_one(
                schedule_id, found.store.schedules, server.schedules, target, keep_manual_pauses=keep_manual_pauses
            )
    except errors.ReconcilerError as error:
        _LOG.warning("could not update Temporal", extra={"fields": {"schedule": schedule_id, "error": error.message}})
        return 0


async def settle(found: parts.Parts, seconds: float) -> None:
    """Wait for updates in progress, and abandon those that take too long."""
    if found.going_on:
        _, late = await asyncio.wait(set(found.going_on), timeout=seconds)
        for each in late:
            each.cancel()
