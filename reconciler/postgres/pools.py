"""Database sessions that concurrent tasks share; lost sessions are replaced."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import select
import weakref
from collections.abc import AsyncIterator, Hashable, Iterable

import psycopg
import psycopg_pool
from psycopg import sql

from reconciler import errors
from reconciler.postgres import database, shares

SIZE = 10  # sessions at most
GIVE_UP = 10  # seconds to wait for a working session
_LIMITS = """
SET lock_timeout = '2s';
SET statement_timeout = '15s';
SET idle_in_transaction_session_timeout = '30s'
"""  # so that each of our sessions is soon free again, even if other sessions hold locks for a long time
_ASK_AFTER = 5.0  # seconds of idle time after which a session is pinged before it is provided
_RECONNECT = 3  # seconds to keep retrying when no one is waiting; a later request tries again immediately

# Each call reports its own errors; without logging configured, Python would also print the driver's messages.
logging.getLogger("psycopg").addHandler(logging.NullHandler())


@contextlib.asynccontextmanager
async def opened(url: str, path: Iterable[str], *, size: int = SIZE, give_up: float = GIVE_UP) -> AsyncIterator[Pool]:
    """Share up to `size` sessions of a database that is up to date; `path` is the search path to its tables."""
    setup = sql.SQL("{}; {}").format(sql.SQL(_LIMITS), database.search_path(path))

    async def configure(connection: database.Connection) -> None:
        await connection.execute(setup)

    made: psycopg_pool.AsyncConnectionPool[database.Connection] = psycopg_pool.AsyncConnectionPool(
        kwargs=database.parameters(url),
        min_size=1,
        max_size=size,
        open=False,
        configure=configure,
        reconnect_timeout=_RECONNECT,
    )
    async with made:
        yield Pool(made, database.place(url), setup, size=size, give_up=give_up)


class Pool:
    """The sessions of a database; every failure is an `errors.StoreError`, without a URL or password.

    A caller holds at most half of the sessions, and a row at most one, so that neither a busy caller nor a row that
    another session has locked keeps the others waiting.
    """

    def __init__(
        self,
        shared: psycopg_pool.AsyncConnectionPool[database.Connection],
        where: str,
        setup: sql.Composed,
        *,
        size: int,
        give_up: float,
    ) -> None:
        self._shared = shared
        self._setup = setup
        self._give_up = give_up
        self._callers = shares.Shares(max(1, size // 2))
        self._rows = shares.Shares(1)
        self._used_at: weakref.WeakKeyDictionary[database.Connection, float] = weakref.WeakKeyDictionary()
        self.where = where

    @contextlib.asynccontextmanager
    async def session(
        self, *, caller: Hashable | None = None, row: Hashable | None = None, patience: float | None = None
    ) -> AsyncIterator[database.Connection]:
        """Provide a session, in autocommit mode, for less than `patience` seconds (None: `database.PATIENCE`).

        `caller` uses the session; `row` is the row to write. Raises `errors.BusyError` if either has reached its limit.
        """
        async with database.answering(self.where, patience), contextlib.AsyncExitStack() as held:
            try:
                until = asyncio.get_running_loop().time() + self._give_up
                await held.enter_async_context(self._rows.held(row, until))
                await held.enter_async_context(self._callers.held(caller, until))
            except TimeoutError:
                raise errors.BusyError(
                    f"{self.where}: other requests from this caller, or for this row, are still in progress",
                    hint="try again",
                ) from None
            with database.translated(self.where):
                connection = await self._working(until)
                try:
                    yield connection
                finally:
                    self._used_at[connection] = asyncio.get_running_loop().time()
                    await self._shared.putconn(connection)

    @contextlib.asynccontextmanager
    async def transaction(
        self, *, caller: Hashable | None = None, row: Hashable | None = None
    ) -> AsyncIterator[database.Connection]:
        """Provide a session in a transaction."""
        async with self.session(caller=caller, row=row) as connection, connection.transaction():
            yield connection

    async def ping(self) -> None:
        """Ping the database; raises `errors.StoreError` if it does not respond."""
        async with self.session() as connection:
            await connection.execute("")

    async def _working(self, until: float) -> database.Connection:
        """Take sessions until one works; the pool replaces those that do not.

        A session is pinged, which costs a round trip, only if there is a sign that it has ended or if it has been idle
        for a while. The ping also sets its limits and search path again, in case a pooler reset them.
        """
        clock = asyncio.get_running_loop().time
        while True:
            try:
                connection = await self._shared.getconn(timeout=until - clock())
            except psycopg_pool.PoolTimeout:
                raise errors.StoreError(
                    f"{self.where} did not provide a session within {self._give_up:g} s", hint=database.AWAY
                ) from None
            try:
                if clock() >= self._used_at.get(connection, 0.0) + _ASK_AFTER or _has_news(connection):
                    await connection.execute(self._setup)
            except psycopg.OperationalError:
                await self._shared.putconn(connection)
            except BaseException:
                await self._shared.putconn(connection)
                raise
            else:
                return connection


def _has_news(connection: database.Connection) -> bool:
    """Return whether the server has sent something between calls, usually a notice that the session has ended."""
    socket = select.poll()
    socket.register(connection.fileno(), select.POLLIN)
    return bool(socket.poll(0))
