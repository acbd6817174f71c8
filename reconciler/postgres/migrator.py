"""Create and update the tables that this release needs: numbered SQL files, each applied once and in order."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable
from importlib.resources.abc import Traversable

import psycopg
from psycopg import sql

from reconciler import errors, settings
from reconciler.postgres import database, schemas, scripts

_LOCK = "SELECT pg_advisory_xact_lock(hashtext('reconciler_migrations'))"
_LOCK_TIMEOUT = "SET LOCAL lock_timeout = '60s'"
_HAS_SCHEMA = "SELECT 1 AS found FROM pg_catalog.pg_namespace WHERE nspname = %s"
_CREATE = """
CREATE TABLE {table} (
    number     integer PRIMARY KEY CHECK (number > 0),
    name       text NOT NULL UNIQUE,
    sha256     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""
_SELECT = "SELECT number, name, sha256, applied_at FROM {table} ORDER BY number"
_INSERT = "INSERT INTO reconciler_migrations (number, name, sha256) VALUES (%s, %s, %s)"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """A migration of this release; `applied_at` is None if it is still pending."""

    number: int
    name: str
    group: str
    applied_at: datetime.datetime | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Where the tables are, and every migration of this release."""

    location: schemas.Location
    migrations: tuple[Migration, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Migrated:
    """Where the tables are, the names of the migrations that were just applied, and the names of those still pending.

    Only migrations that belong to other groups can still be pending.
    """

    location: schemas.Location
    names: tuple[str, ...]
    pending: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A migration that the database has recorded."""

    number: int
    name: str
    sha256: str
    applied_at: datetime.datetime


async def migrate(
    chosen: settings.Database, groups: Iterable[str] = scripts.GROUPS, folder: Traversable = scripts.FOLDER
) -> Migrated:
    """Apply the missing migrations of these groups, and return their names and where the tables are.

    Concurrent calls wait for each other; after an interruption, the next call continues with the incomplete file. If no
    migration is missing, the role does not need the right to create tables. Raises `errors.StoreError` if an applied
    file has since changed, or the database is newer than this release.
    """
    known, wanted, where = scripts.read(folder), frozenset(groups), database.place(chosen.url)
    async with database.opened(chosen.url) as connection:
        location, *_ = await schemas.find(connection, chosen.schema)
        names, pending = [], []
        for script in missing(known, await recorded(connection, location), where):
            if script.group in wanted:
                location, is_new = await _apply(connection, chosen.schema, script, known, where)
                names += [script.name] if is_new else []
            else:
                pending.append(script.name)
        return Migrated(location=location, names=tuple(names), pending=tuple(pending))


async def status(chosen: settings.Database, folder: Traversable = scripts.FOLDER) -> Status:
    """Return where the tables are and when each known migration was applied; raises the same errors as `migrate`."""
    known = scripts.read(folder)
    async with database.opened(chosen.url) as connection:
        location, *_ = await schemas.find(connection, chosen.schema)
        applied = await recorded(connection, location)
    missing(known, applied, database.place(chosen.url))
    times = {each.number: each.applied_at.astimezone(datetime.UTC) for each in applied}
    return Status(
        location=location,
        migrations=tuple(
            Migration(number=each.number, name=each.name, group=each.group, applied_at=times.get(each.number))
            for each in known
        ),
    )


async def _apply(
    connection: database.Connection,
    schema: str,
    script: scripts.Script,
    known: Iterable[scripts.Script],
    where: str,
) -> tuple[schemas.Location, bool]:
    """Apply and record one migration, atomically; return the location and whether this process applied it."""
    with database.translated(f"migration {script.name} of {where}"):
        async with connection.transaction():
            await lock(connection)
            location, *_ = await schemas.find(connection, schema)  # another process may have created or moved them
            if not location.exists:
                await create_schema(connection, schema, where)
                await connection.execute(sql.SQL(_CREATE).format(table=schemas.name(schema, schemas.RECORDS)))
                await connection.execute(marking(schema))
                location = dataclasses.replace(location, exists=True)
            if script not in missing(known, await recorded(connection, location), where):
                return location, False
            await connection.execute(database.search_path((location.current,), is_local=True))
            await connection.execute(script.sql)
            await connection.execute(_INSERT, (script.number, script.name, script.sha256))
            return location, True


async def lock(connection: database.Connection) -> None:
    """Wait, in a transaction, until no other process is migrating or moving the tables in this database."""
    await connection.execute(_LOCK_TIMEOUT)
    await connection.execute(_LOCK)


async def create_schema(connection: database.Connection, schema: str, where: str) -> None:
    """Create a schema unless it exists; raises `errors.StoreError` if the role may not create it."""
    # IF NOT EXISTS would require the right to create even if the schema exists
    if await (await connection.execute(_HAS_SCHEMA, (schema,))).fetchone():
        return
    quoted = sql.Identifier(schema)
    try:
        await connection.execute(sql.SQL("CREATE SCHEMA {}").format(quoted))
    except psycopg.errors.InsufficientPrivilege:
        owner = f'CREATE SCHEMA {quoted.as_string()} AUTHORIZATION "{connection.info.user}"'
        raise errors.StoreError(
            f"{where} does not allow this role to create schema {schema}",
            hint=f"have the database's owner run {owner}, or grant the role CREATE on the database; "
            "with --no-audit, apply and prune use only the lock",
        ) from None


def marking(schema: str) -> sql.Composed:
    """Return the statement that marks the records table, with a comment, as being in the tables' own schema."""
    table = schemas.name(schema, schemas.RECORDS)
    return sql.SQL("COMMENT ON TABLE {} IS {}").format(table, sql.Literal(schemas.MARK))


async def recorded(connection: database.Connection, location: schemas.Location) -> tuple[Applied, ...]:
    """Return the migrations that the database has recorded, by number."""
    if not location.exists:
        return ()
    query = sql.SQL(_SELECT).format(table=schemas.name(location.current, schemas.RECORDS))
    return tuple([Applied(**row) for row in await (await connection.execute(query)).fetchall()])


def missing(known: Iterable[scripts.Script], applied: Iterable[Applied], where: str) -> tuple[scripts.Script, ...]:
    """Verify that this release knows the applied migrations, and return the ones that are still pending."""
    by_number = {each.number: each for each in known}
    for each in applied:
        if each.number not in by_number:
            raise errors.StoreError(
                f"{where} is newer than this release: it has migration {each.name}",
                hint="install the newer release of reconciler that migrated it",
            )
        if each.sha256 != by_number[each.number].sha256:
            raise errors.StoreError(
                f"migration {each.name} has changed since it was applied to {where}",
                hint="install the release of reconciler that applied it; put any change in a new migration",
            )
    done = {each.number for each in applied}
    return tuple(each for number, each in by_number.items() if number not in done)
