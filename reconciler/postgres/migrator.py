"""Bring a database to the tables that this release needs: numbered SQL files, each applied once and in order."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import importlib.resources
from collections.abc import Iterable
from importlib.resources.abc import Traversable

from reconciler import errors
from reconciler.postgres import database

FOLDER = importlib.resources.files("reconciler") / "postgres" / "migrations"
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('reconciler_migrations'))"
_LOCK_TIMEOUT = "SET LOCAL lock_timeout = '60s'"
_EXISTS = "SELECT to_regclass('reconciler_migrations') IS NOT NULL AS found"
_CREATE = """
CREATE TABLE IF NOT EXISTS reconciler_migrations (
    number     integer PRIMARY KEY CHECK (number > 0),
    name       text NOT NULL UNIQUE,
    sha256     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""
_SELECT = "SELECT number, name, sha256, applied_at FROM reconciler_migrations ORDER BY number"
_INSERT = "INSERT INTO reconciler_migrations (number, name, sha256) VALUES (%s, %s, %s)"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """A migration of this release; `applied_at` is None while the database waits for it."""

    number: int
    name: str
    applied_at: datetime.datetime | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Script:
    number: int
    name: str
    sql: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql).hexdigest()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Applied:
    number: int
    name: str
    sha256: str
    applied_at: datetime.datetime


async def migrate(url: str, folder: Traversable = FOLDER) -> tuple[str, ...]:
    """Apply the migrations that are missing, and return their names.

    Two at once wait for each other. A role that may not create tables can call it where nothing is missing. Raises
    `errors.StoreError` when an applied file has changed since, or the database is newer than this release.
    """
    scripts = _scripts(folder)
    async with database.opened(url) as connection:
        missing = _missing(scripts, await _applied(connection), database.place(url))
        return tuple([each.name for each in missing if await _apply(connection, each, scripts, database.place(url))])


async def status(url: str, folder: Traversable = FOLDER) -> tuple[Migration, ...]:
    """Return every migration of this release and when it was applied; errors as for `migrate`."""
    scripts = _scripts(folder)
    async with database.opened(url) as connection:
        applied = await _applied(connection)
    _missing(scripts, applied, database.place(url))
    times = {each.number: each.applied_at.astimezone(datetime.UTC) for each in applied}
    return tuple(Migration(number=each.number, name=each.name, applied_at=times.get(each.number)) for each in scripts)


async def _apply(connection: database.Connection, script: _Script, scripts: Iterable[_Script], where: str) -> bool:
    """Apply one migration and record it, both or neither; False when another process just did."""
    with database.translated(f"migration {script.name} of {where}"):
        async with connection.transaction():
            await connection.execute(_LOCK_TIMEOUT)
            await connection.execute(_LOCK)
            await connection.execute(_CREATE)
            if script not in _missing(scripts, await _applied(connection), where):
                return False
            await connection.execute(script.sql)
            await connection.execute(_INSERT, (script.number, script.name, script.sha256))
            return True


async def _applied(connection: database.Connection) -> tuple[_Applied, ...]:
    """Return what the database has recorded, by number."""
    found = await (await connection.execute(_EXISTS)).fetchone()
    if not (found and found["found"]):
        return ()
    return tuple(_Applied(**row) for row in await (await connection.execute(_SELECT)).fetchall())


def _missing(scripts: Iterable[_Script], applied: Iterable[_Applied], where: str) -> tuple[_Script, ...]:
    """Return the migrations that are still to be applied, once what was applied is what this release knows."""
    known = {each.number: each for each in scripts}
    for each in applied:
        if each.number not in known:
            raise errors.StoreError(
                f"{where} is newer than this release: it has migration {each.name}",
                hint="install the newer release of reconciler that made it",
            )
        if each.sha256 != known[each.number].sha256:
            raise errors.StoreError(
                f"migration {each.name} has changed since it was applied to {where}",
                hint="install the release of reconciler that applied it; a change needs a migration of its own",
            )
    done = {each.number for each in applied}
    return tuple(each for number, each in known.items() if number not in done)


def _scripts(folder: Traversable) -> tuple[_Script, ...]:
    """Read the numbered files: `0001_audit.sql` is number 1, called 0001_audit."""
    files = sorted((each for each in folder.iterdir() if each.name.endswith(".sql")), key=lambda each: each.name)
    names = [each.name.removesuffix(".sql") for each in files]
    return tuple(
        _Script(number=int(name.partition("_")[0]), name=name, sql=each.read_bytes())
        for name, each in zip(names, files, strict=True)
    )
