"""Close runs of users' schedules that ended in Temporal but whose end no worker recorded.

A worker records the end of a run as the workflow's last step. A run that is terminated, times out, or is lost with
Temporal's data never reaches that step.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
from collections.abc import Sequence

from reconciler import settings
from reconciler.platform import executions, ports, wiring
from reconciler.runtime import sessions

PATIENCE = datetime.timedelta(minutes=5)  # since a run's start; newer runs are not checked
PAGE = 200  # runs read at a time
_LOG = logging.getLogger(__name__)


def close(connection: settings.Connection, writing: settings.Writing) -> int:
    """Close ended runs and return how many were closed; no lock is needed, because the first recorded end is kept."""
    with sessions.opened(connection) as session, wiring.store_of(session, writing) as store:
        return session.run(close_ended(store.runs, wiring.endings(session.server)))


async def close_ended(
    runs: ports.Runs, endings: ports.Endings, *, patience: datetime.timedelta = PATIENCE, page: int = PAGE
) -> int:
    """Check every run that has been open for longer than `patience`, and record the ends that Temporal reports.

    A failure for one run does not keep the others open; the first error is raised at the end.
    """
    closed, failed = 0, list[BaseException]()
    after: executions.ScheduleRun | None = None
    while True:
        found = await runs.open(patience, limit=page, after=after)
        for result in await _close_all(runs, endings, found):
            if isinstance(result, BaseException):
                failed.append(result)
            else:
                closed += result
        if len(found) < page:
            break
        after = found[-1]
    if closed:
        _LOG.info("runs closed", extra={"fields": {"count": closed}})
    if failed:
        raise failed[0]
    return closed


async def _close_all(
    runs: ports.Runs, endings: ports.Endings, found: Sequence[executions.ScheduleRun]
) -> list[bool | BaseException]:
    return await asyncio.gather(*(_close(runs, endings, run) for run in found), return_exceptions=True)


async def _close(runs: ports.Runs, endings: ports.Endings, run: executions.ScheduleRun) -> bool:
    ending = await endings.of(run.workflow) if run.workflow else None
    return ending is not None and await runs.close(run, ending)
