"""Preflight: check that the polling workers will run the declared schedules."""

from __future__ import annotations

import asyncio
import datetime
import logging

from reconciler import errors
from reconciler.plan import ports
from reconciler.plan import preflight as plan_preflight
from reconciler.runtime import clock, sessions
from reconciler.schedule import declarations

_LOG = logging.getLogger(__name__)
PATIENCE = 3.0  # seconds for reading the workers; a plan does not depend on them


async def read_preflight(
    declaration: declarations.Declaration,
    pollers: ports.Pollers,
    now: datetime.datetime,
    expected_build: str | None = None,
) -> plan_preflight.Preflight:
    """Read the pollers of the charters' task queues, one call per queue, and check them."""
    queues = await asyncio.gather(*map(pollers.of, plan_preflight.queues(declaration)))
    return plan_preflight.preflight(declaration, queues, now, expected_build)


def worker_problems(
    declaration: declarations.Declaration, session: sessions.Session, expected_build: str | None
) -> tuple[plan_preflight.Finding, ...]:
    """Return problems with the workers; none, and a log entry, if the server does not report the workers."""

    async def check() -> plan_preflight.Preflight:
        async with asyncio.timeout(PATIENCE):
            return await read_preflight(declaration, session.pollers, clock.now(), expected_build)

    try:
        return session.run(check()).problems
    except (errors.ServerError, TimeoutError) as error:
        reason = error.message if isinstance(error, errors.ServerError) else "no response in time"
        _LOG.info("the workers are not known", extra={"fields": {"reason": reason}})
        return ()
