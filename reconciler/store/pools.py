"""Sessions of one database that are shared by what goes on at once, and replaced once they are lost."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import psycopg
import psycopg_pool

from reconciler import errors
from reconciler.store import database, migrating

SIZE = 10  # sessions at most
GIVE_UP = 10  # seconds without a session that works
_RECONNECT = 3  # seconds of trying on behalf of nobody; whoever asks later has it tried anew, and at once

# Each call says what went wrong; without a log set up, Python would print the driver's words as well.
logging.getLogger("psycopg").addHandler(logging.NullHandler())


@contextlib.asynccontextmanager
async def opened(url: str, *, size: int = SIZE, give_up: float = GIVE_UP) -> AsyncIterator[Pool]:
    """Bring the database up to date and share up to so many sessions; `errors.StoreError` when that fails."""
    await migrating.migrate(url)
    shared: psycopg_pool.AsyncConnectionPool[database.Connection] = psycopg_pool.AsyncConnectionPool(
        kwargs=database.parameters(url),
        min_size=1,
        max_size=size,
        open=False,
        reconnect_timeout=_RECONNECT,
    )
    async with shared:
        yield Pool(shared, database.place(url), give_up=give_up)


class Pool:
    """The sessions of a database; what fails in one is an `errors.StoreError`, with neither URL nor password."""

    def __init__(
        self, shared: psycopg_pool.AsyncConnectionPool[database.Connection], where: str, *, give_up: float
    ) -> None:
        self._shared = shared
        self._give_up = give_up
        self.where = where

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[database.Connection]:
        """Lend a session, in autocommit, for less than `database.PATIENCE` seconds."""
        async with database.answering(self.where):
            with database.translated(self.where):
                connection = await self._working()
                try:
                    yield connection
                finally:
                    await self._shared.putconn(connection)

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[database.Connection]:
        """Lend a session in which all of what is done is kept, or nothing."""
        async with self.session() as connection, connection.transaction():
            yield connection

    async def ping(self) -> None:
        """Do nothing but ask the database; `errors.StoreError` when it does not answer."""
        async with self.session():
            pass

    async def _working(self) -> database.Connection:
        """Take sessions until one answers; the pool replaces those that do not."""
        clock = asyncio.get_running_loop().time
        until = clock() + self._give_up
        while True:
            try:
                connection = await self._shared.getconn(timeout=until - clock())
            except psycopg_pool.PoolTimeout:
                raise errors.StoreError(
                    f"{self.where} gave no session within {self._give_up:g} s", hint=database.AWAY
                ) from None
            try:
                await connection.execute("")
            except psycopg.OperationalError:
                await self._shared.putconn(connection)
            except BaseException:
                await self._shared.putconn(connection)
                raise
            else:
                return connection
