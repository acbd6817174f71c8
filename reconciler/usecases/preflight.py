"""Preflight: whether the workers that poll will run what is declared."""

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
PATIENCE = 3.0  # seconds for reading the workers, which a plan can do without


async def read_preflight(
    declaration: declarations.Declaration,
    pollers: ports.Pollers,
    now: datetime.datetime,
    expected_build: str | None = None,
) -> plan_preflight.Preflight:
    """Look at who polls the task queues of the charters that fire, one call for each queue."""
    found = await asyncio.gather(*map(pollers.of, plan_preflight.queues(declaration)))
    return plan_preflight.preflight(declaration, found, now, expected_build)


def worker_problems(
    declaration: declarations.Declaration, session: sessions.Session, expected_build: str | None
) -> tuple[plan_preflight.Finding, ...]:
    """Return what is wrong with the workers; nothing if the server does not report them, which is only logged."""

    async def look() -> plan_preflight.Preflight:
        async with asyncio.timeout(PATIENCE):
            return await read_preflight(declaration, session.pollers, clock.now(), expected_build)

    try:
        return session.run(look()).problems
    except (errors.ServerError, TimeoutError) as error:
        said = error.message if isinstance(error, errors.ServerError) else "no answer in time"
        _LOG.info("the workers are not known", extra={"fields": {"reason": said}})
        return ()
