"""A PostgreSQL advisory lock, held by its own session; a sync uses the same key as the earlier sync program.

The server releases it when the session ends, so a killed holder leaves nothing behind. The lock needs a dedicated
session from end to end: with a pooler in transaction mode (pgbouncer), the next client would get the lock, so the
database URL must point to the server itself or to a pooler in session mode.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime

import psycopg

from reconciler import errors, settings
from reconciler.plan import labels, locks, ports
from reconciler.postgres import database, holder_names

_TAKE = "SELECT pg_try_advisory_lock(hashtext(%s)) AS taken"
_GIVE = "SELECT pg_advisory_unlock(hashtext(%s))"
# pg_locks splits the key, an int4 widened to an int8, into two unsigned halves; shifting the upper one back by 32 bits
# restores the sign
_HOLDERS = """
SELECT session.pid, session.application_name, session.usename, session.backend_start
FROM pg_locks AS lock JOIN pg_stat_activity AS session USING (pid)
WHERE lock.locktype = 'advisory' AND lock.granted AND lock.objsubid = 1
    AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (lock.classid::bigint << 32 | lock.objid::bigint) = hashtext(%s)::bigint
"""
_END = "SELECT pg_terminate_backend(%s, 5000) AS ended"  # waits up to 5,000 ms for the session to end
_ENDED = "57P01"  # the SQLSTATE of a session that an administrator ended
_RELEASE_TIMEOUT = 5.0  # seconds; the lock ends with the session in any case
TAKEN = f"{locks.TAKEN}, or its database was stopped"
LOST = "the lock's database session was lost"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    pid: int
    role: str
    holder: ports.Holder


class PostgresLock:
    """The lock shared by all programs that use this database to write the same schedules; implements `ports.Lock`.

    Charter syncs and repairs of users' schedules use different values of `key`, so they do not wait for each other.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str = settings.GOVERNANCE_LOCK,
        fresh: float = locks.FRESH,
        patience: float = locks.PATIENCE,
    ) -> None:
        self._url = url
        self._key = key
        self._fresh = fresh
        self._patience = patience

    async def acquire(self, holder: ports.Holder) -> PostgresLease:
        """Acquire the lock without waiting; raises `errors.LockedError`, which contains the holder, if it is held."""
        since = holder.since or datetime.datetime.now(datetime.UTC)
        async with contextlib.AsyncExitStack() as otherwise:
            connection = await database.connect(self._url, name=holder_names.encoded(holder, since))
            otherwise.push_async_callback(connection.close)
            with database.translated(database.place(self._url)):
                row = await (await connection.execute(_TAKE, (self._key,))).fetchone()
                if not (row and row["taken"]):
                    raise _busy(await self._session(connection))
            otherwise.pop_all()
        return PostgresLease(connection, key=self._key, fresh=self._fresh, patience=self._patience)

    async def holder(self) -> ports.Holder | None:
        """Return who holds the lock; None if it is free."""
        async with database.opened(self._url) as connection:
            found = await self._session(connection)
        return found.holder if found else None

    async def free(self) -> ports.Holder | None:
        """Terminate the session that holds the lock, and return its holder; None if the lock was free.

        Raises `errors.StoreError` if this role may not terminate it.
        """
        async with database.opened(self._url) as connection:
            found = await self._session(connection)
            if found is None:
                return None
            await self._end(connection, found)
            return found.holder

    async def _end(self, connection: database.Connection, held: _Session) -> None:
        try:
            await connection.execute(_END, (held.pid,))
        except psycopg.errors.InsufficientPrivilege:
            raise errors.StoreError(
                f"{database.place(self._url)} does not allow this role to terminate the session of {held.holder.who}",
                hint=f"connect as role {held.role} or as a superuser, or grant this role pg_signal_backend",
            ) from None
        left = await self._session(connection)
        if left is not None and left.pid == held.pid:
            raise errors.StoreError(
                f"the session of {held.holder.who} was asked to terminate but is still running",
                hint="try again, or end its process",
            )

    async def _session(self, connection: database.Connection) -> _Session | None:
        """Return the session that holds the lock."""
        row = await (await connection.execute(_HOLDERS, (self._key,))).fetchone()
        if row is None:
            return None
        role = row["usename"] or "unknown"
        return _Session(
            pid=row["pid"],
            role=role,
            holder=holder_names.decoded(row["application_name"] or "", role, row["backend_start"]),
        )


class PostgresLease:
    """The lock while it is held; implements `ports.Lease`."""

    def __init__(self, connection: database.Connection, *, key: str, fresh: float, patience: float) -> None:
        self._connection = connection
        self._key = key
        self._patience = patience
        self._ended = False
        connection.add_notice_handler(self._hear)
        self._watch = locks.Watch(self._look, fresh=fresh, patience=patience)

    async def lost(self) -> str:
        """Return why the lock was lost, or that its state is unknown; empty while the lock is held."""
        return await self._watch.lost()

    def doubt(self) -> None:
        """Discard the results of all earlier checks."""
        self._watch.doubt()

    async def release(self) -> None:
        """Release the lock and end the session, even if canceled; has no effect once the lock is lost."""
        try:
            if self._watch.is_held():
                await self._watch.stop()
                with contextlib.suppress(psycopg.Error, TimeoutError):
                    async with asyncio.timeout(min(self._patience, _RELEASE_TIMEOUT)):
                        # ending the session alone would release it slightly later
                        await self._connection.execute(_GIVE, (self._key,))
        finally:
            await self._connection.close()
            await self._watch.stop()

    async def _look(self) -> str:
        """Wait for notices, which report a terminated session immediately, then query the server."""
        try:
            async for _ in self._connection.notifies(timeout=locks.LOOK_EVERY):
                pass
            await self._connection.execute("SELECT 1")
        except psycopg.Error as error:
            return TAKEN if self._ended or error.sqlstate == _ENDED else LOST
        return ""

    def _hear(self, notice: psycopg.errors.Diagnostic) -> None:
        """Process a notice, in which the server reports why it terminates an idle session."""
        self._ended = self._ended or notice.sqlstate == _ENDED


def _busy(found: _Session | None) -> errors.LockedError:
    return labels.locked(
        found.holder if found else labels.RELEASED,
        datetime.datetime.now(datetime.UTC),
        hint="wait with --lock-timeout, or see reconciler lock show; the lock ends with its holder's session",
    )
