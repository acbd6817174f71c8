"""Builds the components from settings; makes no decisions."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from reconciler import errors, settings
from reconciler.plan import progress
from reconciler.timing import durations

if TYPE_CHECKING:
    from reconciler.plan import ports
    from reconciler.postgres.migrator import Migrated, Status
    from reconciler.postgres.relocation import Moved
    from reconciler.schedule import observed, ownership
    from reconciler.temporal.connect import Server


async def server(connection: settings.Connection, progress: ports.Progress = progress.SILENT) -> Server:
    """Return the connected server; raises `errors.ReconcilerError` if it cannot be reached."""
    from reconciler.temporal import connect  # takes a third of a second, so only when a server is needed

    return await connect.connect(connection, progress)


def place(connection: settings.Connection) -> tuple[str | None, str]:
    """Return the address and the namespace without connecting; raises as `server` does for an invalid setting."""
    from reconciler.temporal import client_config

    return client_config.place(connection)


def offline_lock(writing: settings.Writing) -> ports.Lock | None:
    """Return the chosen lock if it does not need Temporal.

    Raises `errors.UsageError` if it needs a database and none is configured.
    """
    match writing.lock:
        case "none":
            from reconciler.plan import locks

            return locks.Unlocked()
        case "postgres" | "auto" if writing.database:
            from reconciler.postgres import lock as store_locking

            return store_locking.PostgresLock(writing.database.url, key=writing.lock_key)
        case "postgres":
            raise needs_database("--lock postgres")
        case _:
            return None


def lock(writing: settings.Writing, server: Server, prefixes: ownership.Prefixes) -> ports.Lock:
    """Return the lock on the managed schedules: in Temporal, a lease for each prefix.

    Raises as `offline_lock` does, or `errors.UsageError` if the lease is too short for any write.
    """
    found = offline_lock(writing)
    if found is not None:
        return found
    if writing.lock_lease < settings.LEAST_LEASE:
        least, given = map(durations.render, (settings.LEAST_LEASE, writing.lock_lease))
        raise errors.UsageError(
            f"--lock-lease {given} is too short: nothing is written in the last half minute of a lease",
            hint=f"pass {least} or more",
        )
    from reconciler.plan import locks

    leases = [server.lock(prefix, length=writing.lock_lease) for prefix in sorted(prefixes)]
    return leases[0] if len(leases) == 1 else locks.Several(leases)


def needs_database(what: str) -> errors.UsageError:
    """Return the error for a feature that requires a database."""
    return errors.UsageError(f"{what} needs a database", hint="pass --database-url or set DATABASE_URL")


@contextlib.contextmanager
def database(url: str, environ: Mapping[str, str]) -> Iterator[str]:
    """Run the embedded database that a URL specifies while in the `with` block; yield the URL to connect to."""
    from reconciler.postgres import embedded

    with embedded.running(url, environ) as found:
        yield found


def has_embedded(environ: Mapping[str, str]) -> bool:
    """Return whether there is an embedded database in its default directory."""
    from reconciler.postgres import embedded

    return embedded.exists(environ)


@contextlib.asynccontextmanager
async def audit(writing: settings.Writing) -> AsyncIterator[ports.Audit | None]:
    """Open the audit for the `with` block; yields None without a database or if the audit is disabled."""
    if writing.record is None:
        yield None
        return
    from reconciler.postgres import audit as store_audit

    async with store_audit.opened(writing.record) as found:
        yield found


async def readings(database: settings.Database, target: observed.Target) -> Mapping[str, ports.Reading]:
    """Return the recorded readings of a server's schedules, by id, without changing the tables."""
    from reconciler.postgres import audit as store_audit

    return await store_audit.readings(database, target)


async def migrate(database: settings.Database, groups: Sequence[str] = ()) -> Migrated:
    """Migrate the tables of these groups (by default, all) to this version; return what was applied and where."""
    from reconciler.postgres import migrator, scripts

    return await migrator.migrate(database, groups or scripts.GROUPS)


async def migrations(database: settings.Database) -> Status:
    """Return the tables' location and the known migrations, each with the time it was applied."""
    from reconciler.postgres import migrator

    return await migrator.status(database)


async def move(database: settings.Database) -> Moved:
    """Move the tables of an earlier release into the schema; return what was moved and from where."""
    from reconciler.postgres import relocation

    return await relocation.move(database)
