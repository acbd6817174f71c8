"""Move the tables of an earlier release into their own schema."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from importlib.resources.abc import Traversable

import psycopg
from psycopg import sql

from reconciler import errors, settings
from reconciler.postgres import database, migrator, schemas, scripts

_FOREIGN = """
SELECT class.relname AS name, pg_catalog.pg_get_userbyid(class.relowner) AS owner
FROM pg_catalog.pg_class AS class JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = class.relnamespace
WHERE namespace.nspname = %(schema)s AND class.relname = ANY(%(names)s)
    AND NOT pg_catalog.pg_has_role(class.relowner, 'USAGE')
ORDER BY 1
"""
_MAY_CREATE = """
SELECT pg_catalog.has_schema_privilege(%(schema)s, 'CREATE') AND pg_catalog.has_schema_privilege(%(schema)s, 'USAGE')
    AS may
"""
# roles that may read our tables need the right to use the schema as well
_READERS = """
SELECT DISTINCT role.rolname AS name
FROM pg_catalog.pg_class AS class, pg_catalog.aclexplode(class.relacl) AS entry
JOIN pg_catalog.pg_roles AS role ON role.oid = entry.grantee
WHERE class.oid = %(records)s::pg_catalog.regclass AND role.rolname <> current_user
    AND NOT pg_catalog.has_schema_privilege(role.oid, %(schema)s, 'USAGE')
    AND pg_catalog.has_schema_privilege(%(schema)s, 'USAGE WITH GRANT OPTION')
ORDER BY 1
"""


_TAKEN = (psycopg.errors.DuplicateTable, psycopg.errors.DuplicateObject, psycopg.errors.DuplicateFunction)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What was moved and from where; both are empty if the tables are already in place or do not exist yet."""

    location: schemas.Location
    source: str = ""
    names: tuple[str, ...] = ()


async def move(chosen: settings.Database, folder: Traversable = scripts.FOLDER) -> Moved:
    """Move everything that our recorded migrations created, atomically; has no effect if it is already in place.

    Running programs continue with the moved tables. Roles that may read the tables are granted the right to use the
    schema. Raises `errors.StoreError` if both schemas have our tables, if the schema contains other objects with the
    same names, or if the role does not own the tables or may not create objects in the schema.
    """
    where = database.place(chosen.url)
    async with database.opened(chosen.url) as connection:
        with database.translated(f"moving the tables in {where}"):
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
                created.append(("TABLE", schemas.RECORDS))
                await _check_owner(connection, location, [name for _, name in created], where)
                await migrator.create_schema(connection, chosen.schema, where)
                await _check_right(connection, chosen.schema, where)
                await _move(connection, location, created, where)
    names = tuple(name for _, name in created)
    return Moved(location=schemas.Location(schema=chosen.schema), source=location.earlier, names=names)


async def _check_owner(
    connection: database.Connection, location: schemas.Location, names: Sequence[str], where: str
) -> None:
    given = {"schema": location.current, "names": list(names)}
    row = await (await connection.execute(_FOREIGN, given)).fetchone()
    if row is not None:
        raise errors.StoreError(
            f"table {row['name']} in {where} belongs to role {row['owner']}, and only its owner can move it",
            hint=f"run reconciler db move as {row['owner']}, or as a member of that role",
        )


async def _check_right(connection: database.Connection, schema: str, where: str) -> None:
    row = await (await connection.execute(_MAY_CREATE, {"schema": schema})).fetchone()
    if row is None or not row["may"]:
        grant = f'GRANT CREATE, USAGE ON SCHEMA {sql.Identifier(schema).as_string()} TO "{connection.info.user}"'
        raise errors.StoreError(
            f"{where} does not allow this role to create objects in schema {schema}",
            hint=f"have the schema's owner run {grant}",
        )


async def _move(
    connection: database.Connection, location: schemas.Location, created: Iterable[tuple[str, str]], where: str
) -> None:
    schema = sql.Identifier(location.schema)
    for kind, name in created:
        relation = schemas.name(location.current, name)
        try:
            await connection.execute(sql.SQL("ALTER {} {} SET SCHEMA {}").format(sql.SQL(kind), relation, schema))
        except _TAKEN:
            raise errors.StoreError(
                f"schema {location.schema} in {where} already contains {name}, "
                f"so the one in {location.current} cannot be moved there",
                hint="rename or drop it, or choose another schema with --database-schema, now and in future commands",
            ) from None
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
        f"{where} has reconciler tables in several schemas ({names}); those in {places[0].current} are used",
        hint="drop or rename the others once you no longer need them",
    )
