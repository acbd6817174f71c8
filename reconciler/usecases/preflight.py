"""Preflight: check that the polling workers will run the declared schedules."""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from reconciler import concurrency, errors
from reconciler.plan import pollers as plan_pollers
from reconciler.plan import ports
from reconciler.plan import preflight as plan_preflight
from reconciler.runtime import clock, sessions
from reconciler.schedule import declarations

PATIENCE = datetime.timedelta(seconds=3)  # for each response about workers; plans do not depend on these responses


async def read_preflight(
    declaration: declarations.Declaration,
    pollers: ports.Pollers,
    now: datetime.datetime,
    expected_build: str | None = None,
    patience: datetime.timedelta | None = None,
) -> plan_preflight.Preflight:
    """Read the pollers of the charters' task queues, one call per queue, and check them."""
    queues = await read_queues(pollers, plan_preflight.queues(declaration), patience)
    return plan_preflight.preflight(declaration, queues, now, expected_build)


async def read_queues(
    pollers: ports.Pollers, names: Iterable[str], patience: datetime.timedelta | None = None
) -> list[plan_pollers.Queue]:
    """Read the pollers of task queues concurrently, and return them in order; the first error stops the reading."""
    return await concurrency.gathered(pollers.of(name, patience) for name in names)


def worker_problems(
    declaration: declarations.Declaration, session: sessions.Session, expected_build: str | None
) -> tuple[plan_preflight.Finding | plan_preflight.Unchecked, ...]:
    """Return problems with the workers, or a note that they were not checked if the server does not report them."""
    try:
        found = session.run(read_preflight(declaration, session.pollers, clock.now(), expected_build, PATIENCE))
    except errors.ServerError as error:
        return (plan_preflight.Unchecked(what="the workers", reason=error.message),)
    return found.problems
