"""Builds the platform's parts from settings; makes no decisions."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING

from reconciler import settings, wiring
from reconciler.platform import ports
from reconciler.runtime import sessions

if TYPE_CHECKING:
    from reconciler.platform.postgres.tables import Store
    from reconciler.temporal.connect import Client, Server

_SESSIONS = 2  # database sessions per command


async def worker_client(connection: settings.Connection, identity: str, metrics: str | None) -> Client:
    """Return a worker's client, with the codec if one is configured; raises the same errors as `wiring.server`."""
    from reconciler.temporal import connect

    client, _ = await connect.client(connection, identity, connect.metered(metrics) if metrics else connect.quiet())
    return client


@contextlib.asynccontextmanager
async def executor(
    chosen: settings.Executor, kept: ports.Executor, now: Callable[[], datetime.datetime]
) -> AsyncIterator[ports.Executor]:
    """Provide the executor: the configured endpoint, or else the one that records requests in the database."""
    if chosen.url is None:
        yield kept
        return
    from reconciler.platform import remote

    async with remote.opened(chosen, chosen.url, now) as found:
        yield found


@contextlib.asynccontextmanager
async def store(database: settings.Database, *, size: int = 10, for_tokens: int = 0) -> AsyncIterator[Store]:
    """Open the store of users' schedules, runs, execution requests, and grants, with at most `size` sessions.

    The `for_tokens` sessions are additional, and are used only to look up grants.
    """
    from reconciler.platform.postgres import tables

    async with tables.opened(database, size=size, for_tokens=for_tokens) as found:
        yield found


@contextlib.contextmanager
def store_of(session: sessions.Session, writing: settings.Writing) -> Iterator[Store]:
    """Open the store in a command's session; raises `errors.UsageError` if no database is configured."""
    if writing.database is None:
        raise wiring.needs_database("a repair")
    with session.within(store(writing.database, size=_SESSIONS)) as found:
        yield found


def endings(server: Server) -> ports.Endings:
    """Return an adapter that reads how workflow runs ended."""
    from reconciler.platform import endings as adapter
    from reconciler.temporal import codec

    return adapter.Endings(server.service, server.calls(), codec.converter(server.codec))
