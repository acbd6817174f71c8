"""The service's components, including the Temporal connection that its requests share."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import pathlib
import uuid
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import fastapi

from reconciler import settings, wiring
from reconciler.platform.api import limits, recent, threads, turns
from reconciler.schedule import declarations

if TYPE_CHECKING:
    from reconciler.platform.postgres import tables
    from reconciler.temporal import connect

_PLANNERS = 2  # concurrent dry runs
_READY_FOR = 1.0  # seconds for which the result of a readiness check is reused
_CHECKERS = 2  # schedules that are validated concurrently, each on its own thread
_AT_ONCE = 10  # rows that are propagated concurrently; the limit lets the first of many finish early


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The service's options."""

    spec_path: pathlib.Path
    choice: declarations.Choice
    connection: settings.Connection
    writing: settings.Writing
    repair_every: datetime.timedelta
    full_repair_every: datetime.timedelta
    most_bytes: int
    rate: str
    most_schedules: int
    least_interval: datetime.timedelta
    has_docs: bool = True
    proxies: tuple[str, ...] = ()  # proxies whose X-Forwarded-For is trusted

    @property
    def database(self) -> settings.Database:
        """Return the database; raises `errors.UsageError` if none is configured."""
        if self.writing.database is None:
            raise wiring.needs_database("serve")
        return self.writing.database


class Temporal:
    """A connection that is opened on first use and kept; the client reconnects automatically."""

    def __init__(self, connection: settings.Connection) -> None:
        self._connection = connection
        self._server: connect.Server | None = None
        self._making = asyncio.Lock()

    async def server(self) -> connect.Server:
        """Return the connected namespace; raises `errors.UnreachableError` while it cannot be reached."""
        async with self._making:
            if self._server is None:
                self._server = await wiring.server(self._connection)
            return self._server

    async def close(self) -> None:
        """Close the connection."""
        if self._server is not None:
            await self._server.close()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Which dependencies are unavailable, and how many rows might not be in Temporal.

    `unsynced` is None while the database is unavailable.
    """

    away: tuple[str, ...]
    unsynced: int | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What request handlers use; tokens are present only as digests."""

    options: Options
    store: tables.Store
    temporal: Temporal
    rate: limits.Rate
    ops_token: bytes = dataclasses.field(repr=False)
    executor_token: bytes = dataclasses.field(repr=False)
    owner: str
    ending: Callable[[], bool]
    known: limits.Known = dataclasses.field(default_factory=limits.Known, repr=False)
    readiness: recent.Recent[Condition] = dataclasses.field(
        default_factory=lambda: recent.Recent(lambda condition: not condition.away, _READY_FOR), repr=False
    )
    threads: threads.Threads = dataclasses.field(default_factory=threads.Threads, repr=False)
    turn: turns.Turn = dataclasses.field(default_factory=turns.Turn, repr=False)
    checkers: asyncio.Semaphore = dataclasses.field(default_factory=lambda: asyncio.Semaphore(_CHECKERS), repr=False)
    planners: asyncio.Semaphore = dataclasses.field(default_factory=lambda: asyncio.Semaphore(_PLANNERS), repr=False)
    going_on: set[asyncio.Task[int]] = dataclasses.field(default_factory=set, repr=False)
    writers: weakref.WeakValueDictionary[uuid.UUID, asyncio.Lock] = dataclasses.field(
        default_factory=weakref.WeakValueDictionary, repr=False
    )
    slots: asyncio.Semaphore = dataclasses.field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE), repr=False)

    def alone(self, schedule_id: uuid.UUID) -> asyncio.Lock:
        """Return the lock that serializes writes to one schedule; Temporal may lose one of two concurrent writes."""
        return self.writers.setdefault(schedule_id, asyncio.Lock())


def of(request: fastapi.Request) -> Parts:
    """Return the parts of the service that received the request."""
    return cast("Parts", request.app.state.parts)
