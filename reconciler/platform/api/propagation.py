"""From a committed row to Temporal, within a few seconds; what takes longer goes on, and a repair finds the rest."""

from __future__ import annotations

import asyncio
import logging
import uuid

from reconciler import errors
from reconciler.platform import executions, repair, users
from reconciler.platform.api import parts

PATIENCE = 10.0  # seconds that an answer waits
_LOG = logging.getLogger(__name__)


async def into_line(found: parts.Parts, row: executions.UserSchedule, *, keep_manual_pauses: bool = True) -> bool:
    """Bring Temporal into line with a row that is committed; return whether it has that revision now."""
    work = asyncio.create_task(_bring(found, row.id, keep_manual_pauses=keep_manual_pauses))
    found.going_on.add(work)
    work.add_done_callback(found.going_on.discard)
    await asyncio.wait({work}, timeout=PATIENCE)
    return work.done() and not work.cancelled() and work.result() >= row.revision


async def _bring(found: parts.Parts, schedule_id: uuid.UUID, *, keep_manual_pauses: bool) -> int:
    """Return the revision that Temporal is known to have afterwards; 0 where that is unknown."""
    try:
        server = await found.temporal.server()
        target = server.target(users.PREFIXES, found.owner, of_users=True)
        async with found.alone(schedule_id), found.slots:
            return await repair.repair_one(
                schedule_id, found.store.schedules, server.schedules, target, keep_manual_pauses=keep_manual_pauses
            )
    except errors.ReconcilerError as error:
        _LOG.warning("not brought into line", extra={"fields": {"schedule": schedule_id, "error": error.message}})
        return 0


async def settle(found: parts.Parts, seconds: float) -> None:
    """Wait for what goes on, and give up what takes too long."""
    if found.going_on:
        _, late = await asyncio.wait(set(found.going_on), timeout=seconds)
        for each in late:
            each.cancel()
