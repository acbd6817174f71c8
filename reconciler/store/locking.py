"""PostgreSQL as a lock: an advisory lock on a session of its own, the one that the earlier sync takes.

The server frees it when the session ends, so that a holder that is killed leaves nothing behind. It needs a session of
its own all the way: a pooler in transaction mode (pgbouncer) gives the lock to whichever session comes next, so the
database URL must name the server itself or a pooler in session mode.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import time

import psycopg

from reconciler import errors, model, wording
from reconciler.store import database, naming

LOOK_EVERY = 5.0  # seconds between two looks whether the session is still there
SILENCE = 15.0  # seconds that a look may go unanswered
_TAKE = "SELECT pg_try_advisory_lock(hashtext('governance_sync')) AS taken"
_GIVE = "SELECT pg_advisory_unlock(hashtext('governance_sync'))"
# pg_locks has the key, an int4 widened to an int8, in two halves; shifting the upper one out of range keeps the sign
_HOLDERS = """
SELECT session.pid, session.application_name, session.usename, session.backend_start
FROM pg_locks AS lock JOIN pg_stat_activity AS session USING (pid)
WHERE lock.locktype = 'advisory' AND lock.granted AND lock.objsubid = 1
    AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (lock.classid::bigint << 32 | lock.objid::bigint) = hashtext('governance_sync')::bigint
"""
_END = "SELECT pg_terminate_backend(%s, 5000) AS ended"  # waits for the end, in milliseconds
_ENDED = "57P01"  # the SQLSTATE of a session that somebody ended
TAKEN = "the lock was taken away, or its database was stopped"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    pid: int
    role: str
    holder: model.Holder


class PostgresLock:
    """The lock of everything that syncs schedules with this database; implements `ports.Lock`."""

    def __init__(self, url: str, *, look_every: float = LOOK_EVERY, silence: float = SILENCE) -> None:
        self._url = url
        self._look_every = look_every
        self._silence = silence

    async def acquire(self, holder: model.Holder) -> PostgresLease:
        """Take the lock, without waiting; `errors.LockedError` names who has it."""
        since = holder.since or datetime.datetime.now(datetime.UTC)
        async with contextlib.AsyncExitStack() as otherwise:
            connection = await database.connect(self._url, name=naming.encoded(holder, since))
            otherwise.push_async_callback(connection.close)
            with database.translated(database.place(self._url)):
                row = await (await connection.execute(_TAKE)).fetchone()
                if not (row and row["taken"]):
                    raise _busy(await _session(connection))
            otherwise.pop_all()
        return PostgresLease(connection, self._look_every, self._silence)

    async def holder(self) -> model.Holder | None:
        """Return who has the lock, None when it is free."""
        async with database.opened(self._url) as connection:
            found = await _session(connection)
        return found.holder if found else None

    async def free(self) -> model.Holder | None:
        """End the session that holds the lock, and return whose it was; None when it was free.

        Raises `errors.StoreError` when this role may not end it.
        """
        async with database.opened(self._url) as connection:
            found = await _session(connection)
            if found is None:
                return None
            await self._end(connection, found)
            return found.holder

    async def _end(self, connection: database.Connection, held: _Session) -> None:
        try:
            await connection.execute(_END, (held.pid,))
        except psycopg.errors.InsufficientPrivilege:
            raise errors.StoreError(
                f"{database.place(self._url)} does not let this role end the session of {held.holder.who}",
                hint=f"connect as the role {held.role} or as a superuser, or grant this role pg_signal_backend",
            ) from None
        left = await _session(connection)
        if left is not None and left.pid == held.pid:
            raise errors.StoreError(
                f"the session of {held.holder.who} has been told to end, and goes on",
                hint="try again; else end its process",
            )


class PostgresLease:
    """The lock while it is held; implements `ports.Lease`."""

    def __init__(self, connection: database.Connection, look_every: float, silence: float) -> None:
        self._connection = connection
        self._look_every = look_every
        self._silence = silence
        self._gone = ""
        self._answered = time.monotonic()
        self._watch = asyncio.ensure_future(self._look())

    def lost(self) -> str:
        """Return why the lock is held no longer, or why nobody can tell; empty while it is."""
        if not self._gone and time.monotonic() - self._answered > self._look_every + self._silence:
            return "the lock's database does not answer"
        return self._gone

    async def release(self) -> None:
        """Let go and end the session; without effect once it is lost."""
        if not self.lost():
            with contextlib.suppress(psycopg.Error):
                await self._connection.execute(_GIVE)  # the end of a session alone would free it a little later
        await self._connection.close()
        self._watch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._watch

    async def _look(self) -> None:
        """See now and then that the session is still there."""
        while not self._gone:
            await asyncio.sleep(self._look_every)
            try:
                await self._connection.execute("SELECT 1")
            except psycopg.Error as error:
                ended = error.sqlstate == _ENDED
                self._gone = TAKEN if ended else "the lock's database session was lost"
            else:
                self._answered = time.monotonic()


async def _session(connection: database.Connection) -> _Session | None:
    """Return the session that holds the lock."""
    row = await (await connection.execute(_HOLDERS)).fetchone()
    if row is None:
        return None
    role = row["usename"] or "unknown"
    return _Session(
        pid=row["pid"],
        role=role,
        holder=naming.decoded(row["application_name"] or "", role, row["backend_start"]),
    )


def _busy(found: _Session | None) -> errors.LockedError:
    holder = found.holder if found else model.Holder(who="somebody who has just let go")
    return errors.LockedError(
        f"the schedules are locked by {wording.holder(holder, datetime.datetime.now(datetime.UTC))}",
        hint="wait with --lock-timeout, or see reconciler lock show; the lock ends with its holder's session",
    )
