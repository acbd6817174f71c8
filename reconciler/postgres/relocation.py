"""Move the tables of an earlier release into the schema of their own."""

from __future__ import annotations

import dataclasses
from importlib.resources.abc import Traversable

from psycopg import sql

from reconciler import errors, settings
from reconciler.postgres import database, migrator, schemas, scripts

# whoever may read our tables keeps that right only with the right to use their schema
_READERS = """
SELECT DISTINCT role.rolname AS name
FROM pg_catalog.pg_class AS class, pg_catalog.aclexplode(class.relacl) AS entry
JOIN pg_catalog.pg_roles AS role ON role.oid = entry.grantee
WHERE class.oid = %(records)s::pg_catalog.regclass AND role.rolname <> current_user
    AND NOT pg_catalog.has_schema_privilege(role.oid, %(schema)s, 'USAGE')
    AND pg_catalog.has_schema_privilege(%(schema)s, 'USAGE WITH GRANT OPTION')
ORDER BY 1
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What was moved and from where; both are empty when the tables were where they belong, or do not exist yet."""

    location: schemas.Location
    source: str = ""
    names: tuple[str, ...] = ()


async def move(chosen: settings.Database, folder: Traversable = scripts.FOLDER) -> Moved:
    """Move what our recorded migrations created, all of it or nothing; without effect once that is done.

    Programs that run meanwhile go on with the moved tables. Roles that may read them get the right to use the schema.
    Raises `errors.StoreError` when both schemas have our tables, and for a role that does not own them.
    """
    where = database.place(chosen.url)
    async with database.opened(chosen.url) as connection:
        with database.translated(f"moving the tables of {where}"):
            async with connection.transaction():
                await migrator.lock(connection)
                location, *others = await schemas.find(connection, chosen.schema)
                if others:
                    raise _ambiguous(where, (location, *others))
                if location.earlier is None:
                    return Moved(location=location)
                known = scripts.read(folder)
                applied = await migrator.recorded(connection, location)
                migrator.missing(known, applied, where)
                done = {each.number for each in applied}
                created = [pair for script in known if script.number in done for pair in script.created]
                await migrator.create_schema(connection, chosen.schema, where)
                await _move(connection, location, (*created, ("TABLE", schemas.RECORDS)))
    names = tuple(name for _, name in (*created, ("TABLE", schemas.RECORDS)))
    return Moved(location=schemas.Location(schema=chosen.schema), source=location.earlier, names=names)


async def _move(
    connection: database.Connection, location: schemas.Location, created: tuple[tuple[str, str], ...]
) -> None:
    for kind, name in created:
        relation = schemas.name(location.current, name)
        await connection.execute(
            sql.SQL("ALTER {} {} SET SCHEMA {}").format(sql.SQL(kind), relation, sql.Identifier(location.schema))
        )
    await connection.execute(migrator.marking(location.schema))
    records = schemas.name(location.schema, schemas.RECORDS).as_string()
    given = {"records": records, "schema": location.schema}
    for row in await (await connection.execute(_READERS, given)).fetchall():
        await connection.execute(
            sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(
                sql.Identifier(location.schema), sql.Identifier(row["name"])
            )
        )


def _ambiguous(where: str, places: tuple[schemas.Location, ...]) -> errors.StoreError:
    names = " and ".join(each.current for each in places)
    return errors.StoreError(
        f"{where} has tables of reconciler in several schemas: {names}; those in {places[0].current} are used",
        hint="drop or rename the others once you no longer need them",
    )
